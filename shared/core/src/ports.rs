//! The ports: everything the fleet asks of the world, in our words.
//!
//! No SDK type stands in any signature, error, metric or log field. Each port's contract is a suite in
//! [`crate::conformance`] that every implementation passes.

mod clock;
mod dead_letters;
mod error;
mod exporter;
mod function;
mod object_store;
mod queue;
mod table_scanner;
mod toucher;

pub use clock::{Clock, SystemClock};
pub use dead_letters::{DeadLetterEntry, DeadLetters};
pub use error::{Effect, PortError, PortFault, Retry};
pub use exporter::{
    ExportFormat, ExportProgress, ExportRefusal, ExportRequest, ExportSpan, ExportStart, ExportState,
    Exporter, Recovery,
};
pub use function::{Function, FunctionFailure, Reply};
pub use object_store::{
    ByteStream, ControlStore, ETag, GetRequest, Listing, ListingEntry, Metadata, NewObject, ObjectInfo,
    ObjectStore, PutOutcome,
};
pub use queue::{DeadLetter, Depth, Held, Hold, Queue, SendFailure};
pub use table_scanner::{PageRequest, ReadCapacity, ScanKey, ScanPage, TableFacts, TableScanner};
pub use toucher::{TouchAnswer, TouchChange, TouchRequest, Touched, Toucher};
