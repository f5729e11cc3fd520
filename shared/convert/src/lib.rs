//! The conversion, pure: bytes of an export's data file or of a scan's pages in, shards of records out.
//!
//! Push-based: feed bytes to a [`Converter`] and step it; whatever the slicing of the input, the shards and the
//! quarantined lines are the same. No async, no clock, no randomness, no files, no network, and no threads but those of a
//! [`Crew`] that a converter is given. Attribute values travel as the bytes they came in. Modules stand in the order of
//! the flow.

pub mod limits;
mod reason;
mod recipe;
mod input;
mod gunzip;
mod unzstd;
mod source;
mod lines;
mod scan;
mod ion;
mod records;
mod block;
mod record;
mod deflate;
mod compress;
mod crew;
mod press;
mod shard;
mod columns;
mod output;
mod converter;
mod counter;
mod answer;
mod page;
mod peek;
mod digest;

pub use answer::{Answer, AnswerError};
pub use columns::{Census, CensusError, Column, Field, Kind, Member, Schema, SchemaError, Seen};
pub use converter::{Converter, Step, Totals};
pub use counter::{CountError, Counter};
pub use crew::Crew;
pub use digest::{ContentDigest, MalformedDigest, content_digest_of};
pub use gunzip::InputError;
pub use input::{Content, Encoding, Input, Notation};
pub use page::{PageConverter, PageError};
pub use peek::{Peeked, peek};
pub use reason::Reason;
pub use recipe::{
    AttributeFilter, Compression, Document, EventName, ExtraField, Format, KinesisPrecision, Recipe,
    RecipeError, RecipeSpec, TableIdentity, UnknownName, ViewType,
};
pub use records::{Quarantined, SourceRecord};
pub use scan::Tag;
pub use shard::Shard;
