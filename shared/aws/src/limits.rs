//! Every number of the adapters that has a meaning, with its unit and where it comes from.

use std::time::Duration;

use backfleet_core::limits::{MESSAGE_BYTES_MAX, QUEUE_BATCH_MAX, RECEIVE_WAIT_MAX};

/// Until a connection stands: one lost SYN is sent again after a second, a second one after two more.
pub(crate) const CONNECT_WAIT_MAX: Duration = Duration::from_millis(3100);
/// A call that moves a few kilobytes, from the request to its whole answer.
pub(crate) const SMALL_CALL_MAX: Duration = Duration::from_secs(15);
/// A page of a scan: 1 MB that DynamoDB looks for.
pub(crate) const PAGE_CALL_MAX: Duration = Duration::from_secs(30);
/// A run of a function: fifteen minutes at the most (Lambda quotas page), and the way there and back.
pub(crate) const INVOKE_CALL_MAX: Duration = Duration::from_secs(15 * 60 + 30);
/// A listing page: the service reads up to a thousand entries for it.
pub(crate) const LIST_CALL_MAX: Duration = Duration::from_secs(30);
/// What a call that moves an object may take beside the moving; also the longest silence within an answer.
pub(crate) const TRANSFER_GRACE: Duration = Duration::from_secs(30);
/// The slowest way that is still waited for, in bytes per second: a shard of 40 MiB over it takes five minutes.
pub(crate) const TRANSFER_RATE_MIN: u64 = 128 * 1024;
/// How much longer than its long poll a receive may take.
pub(crate) const RECEIVE_GRACE: Duration = Duration::from_secs(10);

/// A longer `Retry-After` than this is not believed: nothing here may sleep through a visibility window's worth
/// of heartbeats because of one header.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// Characters of foreign text that one error may quote.
pub(crate) const QUOTE_CHARS_MAX: usize = 400;

/// Acks wait this long for company. Small against a unit's seconds, large against a round trip.
pub(crate) const ACK_LINGER: Duration = Duration::from_millis(50);
/// Acks waiting to be picked up. Further callers wait in line.
pub(crate) const ACKS_QUEUED_MAX: usize = 64;
/// Batches of acks on their way at once, so that a slow one does not hold up the rest.
pub(crate) const ACK_BATCHES_IN_FLIGHT_MAX: usize = 4;

/// All bodies and attributes of one SendMessageBatch together (SQS quotas page).
const SEND_BATCH_BYTES_MAX: usize = 1 << 20;
/// The longest visibility window one call may ask for (ChangeMessageVisibility).
pub(crate) const WINDOW_MAX: Duration = Duration::from_secs(43_200);

/// Peeked dead letters stay with the one who looks at them this long: enough to read a page and decide.
pub(crate) const PEEK_WINDOW: Duration = Duration::from_secs(120);
/// A peek waits this long for each batch.
pub(crate) const PEEK_WAIT: Duration = Duration::from_secs(1);
/// A queue that spreads over many servers may answer nothing once though there is something.
pub(crate) const PEEK_EMPTY_ANSWERS_MAX: usize = 2;
/// Retention of both queues of a pair, the longest SQS allows. A dead letter keeps its first day of sending, so
/// a shorter one on either side would lose what waits for a person.
pub(crate) const RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

const _: () =
    assert!(MESSAGE_BYTES_MAX * QUEUE_BATCH_MAX <= SEND_BATCH_BYTES_MAX, "a full batch always fits");
const _: () = assert!(RECEIVE_WAIT_MAX.as_secs() == 20, "long polls are cut to what SQS allows");
const _: () = assert!(ACK_LINGER.as_millis() < SMALL_CALL_MAX.as_millis());
