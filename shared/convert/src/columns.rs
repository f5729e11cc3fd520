//! Columns: items as rows of Parquet files, typed by a schema that a census of all items gave.
//!
//! ```text
//!  census   what every attribute was seen as         -> schema   one column for each that is of one type
//!  item     what fits its column -> levels, values   -> row groups -> shard
//!           what does not        -> `_rest`, as DynamoDB JSON at its own path
//! ```
//! Nothing is lost: a row's columns and its `_rest` together are the item.

mod census;
mod schema;
mod value;
mod shape;
mod leaf;
mod shred;
mod file;
mod writer;
mod digest;
mod thrift;

pub use census::{Census, CensusError, Seen};
pub(crate) use digest::content_digest_of_parquet;
pub use schema::{Column, Field, Kind, Member, Schema, SchemaError};
pub(crate) use writer::{Columns, Row};

#[cfg(test)]
mod tests;
