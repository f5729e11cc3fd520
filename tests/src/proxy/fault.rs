//! The faults, and which requests each can happen to.

use super::kind::Kind;

/// What can happen to a request, to its answer, or to both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// 500, and nothing was done.
    InternalError,
    /// 200 with an error for a body, and nothing was done: S3 may do so once it has sent the head.
    ErrorInSuccess,
    /// 503 SlowDown; RequestThrottled of a queue.
    SlowDown,
    /// The same, with `Retry-After: 1`.
    SlowDownRetryAfter,
    /// 502 with a page of HTML.
    BadGateway,
    /// 504 with a page of HTML, after the request was carried out.
    GatewayTimeout,
    /// 409 ConditionalRequestConflict.
    Conflict,
    /// 403, with the sentence about the missing permission.
    AccessDenied,
    /// 400 ExpiredToken.
    ExpiredToken,
    /// The connection is reset before the request gets anywhere.
    Dropped,
    /// The request is carried out, and the connection reset before the first byte of the answer.
    LostReply,
    /// A reset between the head of the answer and its body.
    ResetAtStart,
    /// A reset in the middle of the answer's body.
    ResetInMiddle,
    /// A reset before the last byte of the answer's body.
    ResetAtEnd,
    /// The body ends in the middle, in good order, though its whole length was announced.
    Truncated,
    /// The answer comes a few bytes at a time.
    Trickle,
    /// The request is held up.
    Delay,
    /// The request arrives twice; the answer is that to the second.
    Duplicated,
    /// A bit of an upload flips on its way.
    GarbledUpload,
    /// A bit of a download flips on its way.
    GarbledDownload,
}

impl Fault {
    /// All that pass: whoever tries again often enough gets what was asked for.
    pub const PASSING: [Self; 18] = [
        Self::InternalError,
        Self::ErrorInSuccess,
        Self::SlowDown,
        Self::SlowDownRetryAfter,
        Self::BadGateway,
        Self::GatewayTimeout,
        Self::Conflict,
        Self::Dropped,
        Self::LostReply,
        Self::ResetAtStart,
        Self::ResetInMiddle,
        Self::ResetAtEnd,
        Self::Truncated,
        Self::Trickle,
        Self::Delay,
        Self::Duplicated,
        Self::GarbledUpload,
        Self::GarbledDownload,
    ];

    /// Whether it can happen to a request of this kind.
    pub fn suits(self, kind: Kind) -> bool {
        let has_body = !matches!(kind, Kind::Head | Kind::Put | Kind::Visibility);
        match self {
            Self::ErrorInSuccess => matches!(kind, Kind::List | Kind::Put),
            Self::Conflict | Self::GarbledUpload => kind == Kind::Put,
            Self::GarbledDownload => kind == Kind::Get,
            Self::Duplicated => matches!(kind, Kind::Put | Kind::Send | Kind::Delete | Kind::Visibility),
            Self::ResetAtStart | Self::ResetInMiddle | Self::ResetAtEnd | Self::Truncated | Self::Trickle => {
                has_body
            }
            _ => true,
        }
    }
}
