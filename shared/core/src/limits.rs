//! Every number of the protocol that has a meaning, with its unit and where it comes from.
//!
//! Numbers of the conversion stand in `backfleet_convert::limits`.

use std::time::Duration;

/// Visibility window of a delivery: long enough to survive a slow heartbeat, short enough that a crashed
/// worker's unit is taken over within two minutes.
pub const VISIBILITY: Duration = Duration::from_secs(120);
/// A held delivery is extended every third of its window, so that two heartbeats may fail before the lease ends.
pub const BEATS_IN_A_WINDOW: u32 = 3;
/// SQS refuses to hold a message for longer than this after its first receipt (SQS quotas page).
pub const VISIBILITY_TOTAL_MAX: Duration = Duration::from_secs(12 * 3600);
/// Receives of one message before it is dead-lettered (`maxReceiveCount` of the queue pair).
pub const RECEIVES_MAX: u32 = 5;
/// Messages in one send or receive (SQS quotas page).
pub const QUEUE_BATCH_MAX: usize = 10;
/// One long poll (SQS quotas page).
pub const RECEIVE_WAIT_MAX: Duration = Duration::from_secs(20);
/// A message body larger than this is none of ours: a real one has under 200 bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// The reason that travels with a dead letter, in bytes of text.
pub const REASON_BYTES_MAX: usize = 1024;

/// An attempt that met an outage begins again after this long, doubling up to [`OUTAGE_PAUSE_MAX`].
pub const OUTAGE_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause of that kind: a service that is back is used again within half a minute.
pub const OUTAGE_PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long a worker of a fleet holds on to a unit through an outage; storms of ten minutes happen.
pub const OUTAGE_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Units of one job. Eight digits of a sequence number and one completion object each.
pub const UNITS_MAX: usize = 1_000_000;
/// `plan.json`: about 100 bytes a unit.
pub const PLAN_BYTES_MAX: usize = 256 << 20;
/// `manifest-files.json` of an export: about 220 bytes a line, one line a unit.
pub const EXPORT_MANIFEST_BYTES_MAX: usize = 512 << 20;
/// `manifest.json`: about 320 bytes a shard.
pub const MANIFEST_BYTES_MAX: usize = 1 << 30;
/// A small control object (`manifest-summary.json`, a completion of a unit with thousands of shards, …).
pub const SMALL_OBJECT_BYTES_MAX: usize = 16 << 20;
/// An S3 object key (S3 user guide).
pub const OBJECT_KEY_BYTES_MAX: usize = 1024;
/// S3 user metadata, names and values together (S3 user guide).
pub const METADATA_BYTES_MAX: usize = 2048;
/// Entries of one listing page (ListObjectsV2).
pub const LIST_PAGE_MAX: usize = 1000;

/// One read from an object: large enough to be cheap, small enough that one step of the conversion, which
/// may inflate it tenfold, yields the thread after some ten milliseconds.
pub const READ_CHUNK_BYTES: usize = 256 * 1024;
/// One part of a large object that is read in parts: large enough for S3 to be fast, small enough that a lost
/// connection costs little.
pub const PART_BYTES: u64 = 4 << 20;
/// Parts of one object that are fetched or wait, at most.
pub const PARTS_AHEAD: usize = 3;
/// Parts of all objects of one store that are fetched or wait, at most: 64 MiB.
pub const PARTS_HELD_MAX: usize = 16;
/// Threads of a process that wait for a file system, at most. Each keeps some memory for itself, and tokio begins another for
/// every call that finds none idle, up to 512: measured at 495 under 64 calls at a time.
pub const BLOCKING_THREADS_MAX: usize = 64;
/// A data file up to this size is held in memory between proving its MD5 and converting it; a larger one is
/// read twice.
pub const INPUT_HELD_BYTES_MAX: usize = 4 << 20;
/// The largest shard as stored: a record may bring one a little above the largest `--shard-bytes`.
pub const STORED_SHARD_BYTES_MAX: usize = 1200 << 20;
/// A quarantine object is closed when it has this many bytes of text.
pub const QUARANTINE_OBJECT_BYTES: usize = 4 << 20;

/// The most a function is handed at once, in bytes: Lambda's limit of a synchronous payload is 6 MB (Lambda quotas page).
pub const ENVELOPE_BYTES_MAX: u64 = backfleet_convert::limits::DOCUMENT_BYTES_MAX;
/// Records of an envelope where nobody says: some seconds of a function's work, and as many to do again after a crash.
pub const ENVELOPE_RECORDS_DEFAULT: u32 = 1_000;
/// Records of an envelope at most: the largest batch of an event source mapping (`BatchSize`).
pub const ENVELOPE_RECORDS_MAX: u32 = 10_000;
/// Items touched for one receipt: a minute's work at a small budget.
pub const TOUCHED_OF_A_RECEIPT: u64 = 1_000;
/// Attributes of an item that one condition compares: of its 300 operators and functions (DynamoDB developer guide, "Constraints")
/// each takes two, and one says that the item is there.
pub const COMPARED_MAX: usize = 149;
/// Touches of one unit that are under way at once: one every few milliseconds makes some hundred a second.
pub const TOUCHES_AT_ONCE: usize = 16;
/// Write capacity units a second of one process where nobody says: what a small table can spare.
pub const WRITE_BUDGET_DEFAULT: u32 = 100;
/// Receipts of one unit: about 300 bytes each in its completion.
pub const RECEIPTS_OF_A_UNIT_MAX: u64 = 40_000;
/// Runs of a function on the same records, or the same first record, before something else is tried.
pub const HAND_TRIES: u32 = 3;
/// Before the second run; doubles from there.
pub const HAND_PAUSE: Duration = Duration::from_millis(500);
/// Records of one unit that a sink may refuse where nobody says; with more it is the sink that is broken.
pub const REFUSED_MAX_DEFAULT: u64 = 20;
/// Runs of functions at once, of one process, where nobody says.
pub const INVOKE_AT_ONCE_DEFAULT: u32 = 10;

/// A scan segment is handed on in a new message after this long: a fresh 12 hours and a fresh count of receives, so that
/// the dead letters count lack of progress, not length.
pub const SLICE: Duration = Duration::from_secs(600);
/// How often a worker looks at what the operator may have changed.
pub const CONTROL_EVERY: Duration = Duration::from_secs(15);
/// A page costs at most this part of a second of its lane's share, so that a budget holds within seconds; a single item
/// may cost more.
pub const PAGE_SECONDS: f64 = 0.2;
/// Read units of a full page of eventually consistent reads: 1 MB in steps of 8 KB (DynamoDB developer guide).
pub const PAGE_UNITS_MAX: f64 = 128.0;
/// Read units a second where nobody gave a budget, or the control object is gone: what a small table can spare.
pub const READ_BUDGET_DEFAULT: u32 = 250;
/// `control.json`.
pub const CONTROL_BYTES_MAX: usize = 4096;

const _: () = assert!(RECEIPTS_OF_A_UNIT_MAX * 350 < SMALL_OBJECT_BYTES_MAX as u64);
const _: () = assert!(ENVELOPE_RECORDS_DEFAULT <= ENVELOPE_RECORDS_MAX);
/// Units of which an effort keeps the time: the longest, more than anybody looks at.
pub const LONG_UNITS_MAX: usize = 50;
/// Units put aside that an effort names; the dead-letter queue has all of them.
pub const PUT_ASIDE_MAX: usize = 100;
/// One effort: the longest units, some dozen counts, and the reasons of units put aside.
pub const EFFORT_BYTES_MAX: usize = 1 << 20;
/// Efforts that are read for a page: those of 150 workers in ten hours.
pub const EFFORTS_READ_MAX: usize = 10_000;
/// A process writes down its effort first after this long, then at twice the time each, up to [`EFFORT_EVERY_MAX`]; and
/// whenever it has nothing in hand.
pub const EFFORT_EVERY: Duration = Duration::from_secs(15);
/// See [`EFFORT_EVERY`].
pub const EFFORT_EVERY_MAX: Duration = Duration::from_secs(600);
/// With nothing in hand for this long a process is thought to be idle.
pub const IDLE: Duration = Duration::from_millis(500);
/// What is told at the end of a process must not keep it from ending.
pub const EFFORT_LAST: Duration = Duration::from_secs(5);

const _: () = assert!(
    PUT_ASIDE_MAX * 6 * REASON_BYTES_MAX < EFFORT_BYTES_MAX,
    "a byte of a reason is six in JSON at most"
);
const _: () = assert!(SLICE.as_secs() < VISIBILITY_TOTAL_MAX.as_secs());
const _: () = assert!(PARTS_AHEAD <= PARTS_HELD_MAX);
const _: () = assert!(VISIBILITY.as_secs() < VISIBILITY_TOTAL_MAX.as_secs());
/// Longest census that is read back: 10,000 attributes with what was seen inside of them.
pub const CENSUS_BYTES_MAX: usize = 256 << 20;

/// Bytes of a file as stored that are looked at before a job is planned: enough for the first record of most files.
pub const PEEK_BYTES: u64 = 256 << 10;

const _: () = assert!(UNITS_MAX <= 9_999_999, "a sequence number has seven digits for the unit");
const _: () = assert!(MESSAGE_BYTES_MAX <= 256 * 1024, "the smallest MaximumMessageSize found in the wild");
