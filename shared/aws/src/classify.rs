//! What an answer of AWS, or the lack of one, means to us: the one table.
//!
//! A row reads: in this scope, this code, with this status, is this fault; may the call be tried again; and may
//! it have happened all the same. The first row that fits decides. Nothing here looks at the text of a message.
//!
//! Effects speak of calls that write. Reads leave nothing behind, whatever happens to them (see `call`).

use backfleet_core::ports::{Effect, PortFault, Retry};

use Effect::{None as Nothing, Unknown};
use PortFault::{Changed, Corrupted, Denied, Invalid, LeaseGone, NotFound, Throttled, TooLarge, Unavailable};
use Retry::{Backoff, Never};

/// Which calls a row speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Any call; in a row only.
    Any,
    /// Calls of S3.
    S3,
    /// Calls of SQS.
    Sqs,
    /// Calls of DynamoDB.
    DynamoDb,
    /// Calls of ECS.
    Ecs,
    /// Calls of Lambda.
    Lambda,
    /// Calls of SQS made with the hold on a message; rows of `Sqs` speak of these as well.
    Hold,
}

/// A row's idea of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Is(&'static str),
    /// The answer could not be decoded: an empty body, HTML of a proxy.
    Absent,
    Any,
}

/// A row's idea of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Is(u16),
    /// `Class(5)`: 500 to 599.
    Class(u16),
    Any,
}

/// What a failed call looked like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signs<'a> {
    pub(crate) scope: Scope,
    /// The service's code, or one of [`own`].
    pub(crate) code: Option<&'a str>,
    /// The HTTP status, if there was an answer.
    pub(crate) status: Option<u16>,
}

/// What it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) fault: PortFault,
    pub(crate) retry: Retry,
    pub(crate) effect: Effect,
}

/// Codes of our own, for what no service says. No service's code has a hyphen.
pub(crate) mod own {
    /// No whole answer within the limit.
    pub(crate) const TIMED_OUT: &str = "timed-out";
    /// No connection was to be had: refused, not resolved, no handshake.
    pub(crate) const NOT_CONNECTED: &str = "not-connected";
    /// The connection broke with the request under way.
    pub(crate) const CONNECTION_BROKE: &str = "connection-broke";
    /// The body of an answer ended early, or came too slowly.
    pub(crate) const ANSWER_CUT_SHORT: &str = "answer-cut-short";
    /// The body of an answer is not what its checksum says.
    pub(crate) const ANSWER_CORRUPTED: &str = "answer-corrupted";
    /// The answer to a put names another checksum than was sent.
    pub(crate) const OTHER_CHECKSUM_STORED: &str = "other-checksum-stored";
    /// An entry of a batch is named neither among the successful nor among the failed.
    pub(crate) const ENTRY_UNANSWERED: &str = "entry-unanswered";
    /// There are no credentials, or not to be used so.
    pub(crate) const NO_CREDENTIALS: &str = "no-credentials";
    /// Whoever hands out credentials does not answer.
    pub(crate) const CREDENTIALS_UNAVAILABLE: &str = "credentials-unavailable";
    /// The request could not be built.
    pub(crate) const NOT_BUILT: &str = "request-not-built";
}

struct Row {
    scope: Scope,
    code: Code,
    status: Status,
    verdict: Verdict,
}

const fn row(
    scope: Scope,
    code: Code,
    status: Status,
    fault: PortFault,
    retry: Retry,
    effect: Effect,
) -> Row {
    Row { scope, code, status, verdict: Verdict { fault, retry, effect } }
}

const fn code(scope: Scope, name: &'static str, fault: PortFault, retry: Retry, effect: Effect) -> Row {
    row(scope, Code::Is(name), Status::Any, fault, retry, effect)
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // Without an answer.
    code(Scope::Any, own::TIMED_OUT,               Unavailable, Backoff, Unknown),
    code(Scope::Any, own::NOT_CONNECTED,           Unavailable, Backoff, Nothing),
    code(Scope::Any, own::CONNECTION_BROKE,        Unavailable, Backoff, Unknown),
    code(Scope::Any, own::ANSWER_CUT_SHORT,        Unavailable, Backoff, Unknown),
    code(Scope::Any, own::ANSWER_CORRUPTED,        Corrupted,   Backoff, Unknown),
    code(Scope::Any, own::OTHER_CHECKSUM_STORED,   Corrupted,   Backoff, Unknown),
    code(Scope::Any, own::ENTRY_UNANSWERED,        Unavailable, Backoff, Unknown),
    code(Scope::Any, own::NO_CREDENTIALS,          Denied,      Never,   Nothing),
    code(Scope::Any, own::CREDENTIALS_UNAVAILABLE, Unavailable, Backoff, Nothing),
    code(Scope::Any, own::NOT_BUILT,               Invalid,     Never,   Nothing),

    // A hold that is no longer ours. SQS has three names for it, and InvalidParameterValue is also what it says
    // when a message has been held for twelve hours in all: then, too, there is nothing left to hold.
    code(Scope::Hold, "ReceiptHandleIsInvalid",    LeaseGone,   Never,   Nothing),
    code(Scope::Hold, "InvalidParameterValue",     LeaseGone,   Never,   Nothing),
    code(Scope::Hold, "MessageNotInflight",        LeaseGone,   Never,   Nothing),
    code(Scope::Hold, "InvalidIdFormat",           LeaseGone,   Never,   Nothing),

    // Fewer requests, please.
    code(Scope::S3,  "SlowDown",                   Throttled,   Backoff, Nothing),
    code(Scope::Any, "Throttling",                 Throttled,   Backoff, Nothing),
    code(Scope::Any, "ThrottlingException",        Throttled,   Backoff, Nothing),
    code(Scope::Any, "ThrottledException",         Throttled,   Backoff, Nothing),
    code(Scope::Any, "RequestThrottled",           Throttled,   Backoff, Nothing),
    code(Scope::Any, "RequestThrottledException",  Throttled,   Backoff, Nothing),
    code(Scope::Any, "RequestLimitExceeded",       Throttled,   Backoff, Nothing),
    code(Scope::Any, "TooManyRequestsException",   Throttled,   Backoff, Nothing),
    code(Scope::S3,  "BandwidthLimitExceeded",     Throttled,   Backoff, Nothing),
    code(Scope::S3,  "KMS.ThrottlingException",    Throttled,   Backoff, Nothing),
    code(Scope::Sqs, "KmsThrottled",               Throttled,   Backoff, Nothing),
    code(Scope::Sqs, "OverLimit",                  Throttled,   Backoff, Nothing),
    code(Scope::DynamoDb, "ProvisionedThroughputExceededException", Throttled, Backoff, Nothing),

    code(Scope::Lambda, "ENILimitReachedException", Throttled,  Backoff, Nothing),
    code(Scope::Lambda, "SubnetIPAddressLimitReachedException", Throttled, Backoff, Nothing),
    code(Scope::Lambda, "EC2ThrottledException", Throttled,     Backoff, Nothing),

    // Conditions. 412 is settled, 409 is not: somebody else was writing or deleting at the same moment.
    code(Scope::S3,  "PreconditionFailed",         Changed,     Never,   Nothing),
    code(Scope::S3,  "ConditionalRequestConflict", Unavailable, Backoff, Nothing),
    code(Scope::S3,  "OperationAborted",           Unavailable, Backoff, Nothing),

    // Not there. A missing bucket is a mistake in the settings, never "no such object".
    code(Scope::S3,  "NoSuchKey",                  NotFound,    Never,   Nothing),
    code(Scope::S3,  "NotFound",                   NotFound,    Never,   Nothing),
    code(Scope::S3,  "NoSuchBucket",               Invalid,     Never,   Nothing),
    code(Scope::Sqs, "QueueDoesNotExist",          NotFound,    Never,   Nothing),
    code(Scope::Sqs, "NonExistentQueue",           NotFound,    Never,   Nothing),
    code(Scope::Sqs, "QueueDeletedRecently",       Unavailable, Backoff, Nothing),
    code(Scope::DynamoDb, "ResourceNotFoundException", NotFound, Never,  Nothing),
    code(Scope::DynamoDb, "TableNotFoundException", NotFound,    Never,   Nothing),
    code(Scope::DynamoDb, "ExportNotFoundException", NotFound,   Never,   Nothing),
    code(Scope::Ecs, "ClusterNotFoundException",   NotFound,    Never,   Nothing),
    code(Scope::Ecs, "ServiceNotFoundException",   NotFound,    Never,   Nothing),
    code(Scope::Ecs, "ServiceNotActiveException",  NotFound,    Never,   Nothing),
    code(Scope::Lambda, "ResourceNotFoundException", NotFound,  Never,   Nothing),
    // A function that is being made, changed or woken up.
    code(Scope::Lambda, "ResourceConflictException", Unavailable, Backoff, Nothing),
    code(Scope::Lambda, "ResourceNotReadyException", Unavailable, Backoff, Nothing),
    code(Scope::Lambda, "SnapStartNotReadyException", Unavailable, Backoff, Nothing),
    code(Scope::Lambda, "EC2UnexpectedException", Unavailable,  Backoff, Nothing),
    code(Scope::Lambda, "EFSIOException",      Unavailable,     Backoff, Unknown),
    // One that cannot run as it is.
    code(Scope::Lambda, "InvalidRuntimeException", Invalid,     Never,   Nothing),
    code(Scope::Lambda, "InvalidZipFileException", Invalid,     Never,   Nothing),
    code(Scope::Lambda, "InvalidSecurityGroupIDException", Invalid, Never, Nothing),
    code(Scope::Lambda, "InvalidSubnetIDException", Invalid,    Never,   Nothing),
    code(Scope::Lambda, "EC2AccessDeniedException", Denied,     Never,   Nothing),
    code(Scope::Lambda, "KMSAccessDeniedException", Denied,     Never,   Nothing),
    code(Scope::Lambda, "KMSDisabledException", Denied,         Never,   Nothing),
    code(Scope::Lambda, "KMSInvalidStateException", Denied,     Never,   Nothing),
    code(Scope::Lambda, "KMSNotFoundException", Denied,         Never,   Nothing),
    // Somebody else was writing the item.
    code(Scope::DynamoDb, "TransactionConflictException", Unavailable, Backoff, Nothing),
    code(Scope::DynamoDb, "ReplicatedWriteConflictException", Unavailable, Backoff, Nothing),
    // A condition that does not hold.
    code(Scope::DynamoDb, "ConditionalCheckFailedException", Changed, Never, Nothing),
    // Backups of a table that was just made.
    code(Scope::DynamoDb, "ContinuousBackupsUnavailableException", Unavailable, Backoff, Nothing),

    // Credentials that run out are renewed meanwhile, and the SDK learns the service's time from a refusal.
    code(Scope::Any, "ExpiredToken",               Denied,      Backoff, Nothing),
    code(Scope::Any, "ExpiredTokenException",      Denied,      Backoff, Nothing),
    code(Scope::Any, "TokenRefreshRequired",       Denied,      Backoff, Nothing),
    code(Scope::Any, "RequestTimeTooSkewed",       Denied,      Backoff, Nothing),
    code(Scope::Any, "RequestExpired",             Denied,      Backoff, Nothing),
    code(Scope::Sqs, "InvalidSignatureException",  Denied,      Backoff, Nothing),
    code(Scope::DynamoDb, "InvalidSignatureException", Denied,  Backoff, Nothing),
    code(Scope::Lambda, "InvalidSignatureException", Denied,    Backoff, Nothing),
    code(Scope::Sqs, "SignatureDoesNotMatch",      Denied,      Backoff, Nothing),

    // Not allowed.
    code(Scope::Any, "AccessDenied",               Denied,      Never,   Nothing),
    code(Scope::Any, "AccessDeniedException",      Denied,      Never,   Nothing),
    code(Scope::S3,  "AllAccessDisabled",          Denied,      Never,   Nothing),
    code(Scope::S3,  "InvalidAccessKeyId",         Denied,      Never,   Nothing),
    code(Scope::S3,  "SignatureDoesNotMatch",      Denied,      Never,   Nothing),
    code(Scope::Any, "InvalidToken",               Denied,      Never,   Nothing),
    code(Scope::Sqs, "InvalidClientTokenId",       Denied,      Never,   Nothing),
    code(Scope::Sqs, "UnrecognizedClientException", Denied,     Never,   Nothing),
    code(Scope::Sqs, "InvalidSecurity",            Denied,      Never,   Nothing),
    code(Scope::DynamoDb, "UnrecognizedClientException", Denied, Never,  Nothing),
    code(Scope::Lambda, "UnrecognizedClientException", Denied,  Never,   Nothing),
    code(Scope::DynamoDb, "MissingAuthenticationTokenException", Denied, Never, Nothing),
    code(Scope::S3,  "InvalidObjectState",         Denied,      Never,   Nothing),
    code(Scope::S3,  "KMS.DisabledException",      Denied,      Never,   Nothing),
    code(Scope::S3,  "KMS.KMSInvalidStateException", Denied,    Never,   Nothing),
    code(Scope::S3,  "KMS.NotFoundException",      Denied,      Never,   Nothing),
    code(Scope::Sqs, "KmsAccessDenied",            Denied,      Never,   Nothing),
    code(Scope::Sqs, "KmsDisabled",                Denied,      Never,   Nothing),
    code(Scope::Sqs, "KmsInvalidKeyUsage",         Denied,      Never,   Nothing),
    code(Scope::Sqs, "KmsInvalidState",            Denied,      Never,   Nothing),
    code(Scope::Sqs, "KmsNotFound",                Denied,      Never,   Nothing),
    code(Scope::Sqs, "KmsOptInRequired",           Denied,      Never,   Nothing),

    // Damaged on the way; the service kept nothing of it.
    code(Scope::S3,  "BadDigest",                  Corrupted,   Backoff, Nothing),
    code(Scope::S3,  "XAmzContentSHA256Mismatch",  Corrupted,   Backoff, Nothing),
    code(Scope::S3,  "XAmzContentChecksumMismatch", Corrupted,  Backoff, Nothing),
    code(Scope::S3,  "IncompleteBody",             Corrupted,   Backoff, Nothing),

    // Too much.
    code(Scope::S3,  "EntityTooLarge",             TooLarge,    Never,   Nothing),
    code(Scope::S3,  "MetadataTooLarge",           TooLarge,    Never,   Nothing),
    code(Scope::Sqs, "BatchRequestTooLong",        TooLarge,    Never,   Nothing),
    code(Scope::Lambda, "RequestTooLargeException", TooLarge,   Never,   Nothing),

    // Trouble over there.
    code(Scope::S3,  "RequestTimeout",             Unavailable, Backoff, Unknown),
    code(Scope::Any, "InternalError",              Unavailable, Backoff, Unknown),
    code(Scope::Any, "InternalFailure",            Unavailable, Backoff, Unknown),
    code(Scope::Any, "ServiceUnavailable",         Unavailable, Backoff, Unknown),
    code(Scope::DynamoDb, "InternalServerError",   Unavailable, Backoff, Unknown),
    code(Scope::S3,  "TemporaryRedirect",          Unavailable, Backoff, Nothing),

    // By status, where the code says nothing to us.
    row(Scope::S3,  Code::Any,    Status::Is(412), Changed,     Never,   Nothing),
    row(Scope::S3,  Code::Any,    Status::Is(409), Unavailable, Backoff, Nothing),
    row(Scope::Any, Code::Any,    Status::Is(429), Throttled,   Backoff, Nothing),
    row(Scope::Any, Code::Any,    Status::Is(413), TooLarge,    Never,   Nothing),
    row(Scope::Any, Code::Any,    Status::Is(408), Unavailable, Backoff, Unknown),
    row(Scope::Any, Code::Any,    Status::Is(401), Denied,      Never,   Nothing),
    row(Scope::Any, Code::Any,    Status::Is(403), Denied,      Never,   Nothing),
    // A HEAD has no body to say that a token has expired.
    row(Scope::S3,  Code::Absent, Status::Is(400), Denied,      Backoff, Nothing),
    // Somebody between us and the service: it knows its missing objects by their code.
    row(Scope::Any, Code::Absent, Status::Is(404), Unavailable, Backoff, Nothing),
    row(Scope::Any, Code::Any,    Status::Is(404), NotFound,    Never,   Nothing),
    row(Scope::Any, Code::Any,    Status::Is(307), Unavailable, Backoff, Nothing),
    row(Scope::Any, Code::Any,    Status::Class(5), Unavailable, Backoff, Unknown),
    row(Scope::Any, Code::Any,    Status::Class(4), Invalid,    Never,   Nothing),
    row(Scope::Any, Code::Any,    Status::Class(3), Invalid,    Never,   Nothing),
    // An error inside a 200, an answer that makes no sense.
    row(Scope::Any, Code::Any,    Status::Any,     Unavailable, Backoff, Unknown),
];

impl Row {
    fn fits(&self, signs: &Signs<'_>) -> bool {
        self.scope.covers(signs.scope) && self.code.fits(signs.code) && self.status.fits(signs.status)
    }
}

impl Scope {
    fn covers(self, call: Scope) -> bool {
        self == call || self == Scope::Any || (self == Scope::Sqs && call == Scope::Hold)
    }
}

impl Code {
    fn fits(self, code: Option<&str>) -> bool {
        match self {
            Code::Is(wanted) => code == Some(wanted),
            Code::Absent => code.is_none(),
            Code::Any => true,
        }
    }
}

impl Status {
    fn fits(self, status: Option<u16>) -> bool {
        match self {
            Status::Is(wanted) => status == Some(wanted),
            Status::Class(class) => status.is_some_and(|status| status / 100 == class),
            Status::Any => true,
        }
    }
}

/// What a failed call means.
pub(crate) fn classify(signs: &Signs<'_>) -> Verdict {
    TABLE[row_of(signs)].verdict
}

fn row_of(signs: &Signs<'_>) -> usize {
    TABLE.iter().position(|row| row.fits(signs)).expect("the last row fits everything")
}

/// SQS says `AWS.SimpleQueueService.NonExistentQueue` or `com.amazonaws.sqs#QueueDoesNotExist`; the name is what
/// comes last.
pub(crate) fn plain_code(code: &str) -> &str {
    let code = code.rsplit_once('#').map_or(code, |(_, name)| name);
    code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code)
}

#[cfg(test)]
mod tests;
