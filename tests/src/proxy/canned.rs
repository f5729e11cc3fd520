//! Answers that the services give and the emulator never does, in the services' own words.

use super::fault::Fault;
use super::http::Message;
use super::kind::Kind;

/// A request id, so that errors can name one.
const REQUEST_ID: &str = "4442587FB7D0A2F9";

/// What a service would say.
struct Refusal {
    status: &'static str,
    code: &'static str,
    message: &'static str,
    retry_after: Option<&'static str>,
}

/// The answer that a fault consists of; `None` for faults of another nature.
pub(super) fn answer(fault: Fault, kind: Kind) -> Option<Message> {
    match fault {
        Fault::BadGateway => Some(page("502 Bad Gateway")),
        Fault::GatewayTimeout => Some(page("504 Gateway Time-out")),
        _ => refusal(fault, kind.is_of_queue()).map(|refusal| refusal.told(kind)),
    }
}

fn refusal(fault: Fault, of_queue: bool) -> Option<Refusal> {
    let (status, code, message) = match (fault, of_queue) {
        (Fault::InternalError, false) => {
            ("500 Internal Server Error", "InternalError", "We encountered an internal error.")
        }
        (Fault::InternalError, true) => {
            ("500 Internal Server Error", "InternalFailure", "An unknown failure.")
        }
        (Fault::ErrorInSuccess, _) => ("200 OK", "InternalError", "We encountered an internal error."),
        (Fault::SlowDown | Fault::SlowDownRetryAfter, false) => {
            ("503 Slow Down", "SlowDown", "Please reduce your request rate.")
        }
        (Fault::SlowDown | Fault::SlowDownRetryAfter, true) => {
            ("400 Bad Request", "RequestThrottled", "The request was denied due to request throttling.")
        }
        (Fault::Conflict, _) => (
            "409 Conflict",
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
        ),
        (Fault::AccessDenied, false) => (
            "403 Forbidden",
            "AccessDenied",
            "User: arn:aws:sts::123456789012:assumed-role/worker/1 is not authorized to perform this action",
        ),
        (Fault::AccessDenied, true) => {
            ("403 Forbidden", "AccessDeniedException", "Access to the resource is denied.")
        }
        (Fault::ExpiredToken, false) => {
            ("400 Bad Request", "ExpiredToken", "The provided token has expired.")
        }
        (Fault::ExpiredToken, true) => (
            "403 Forbidden",
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        _ => return None,
    };
    let retry_after = (fault == Fault::SlowDownRetryAfter).then_some("1");
    Some(Refusal { status, code, message, retry_after })
}

impl Refusal {
    fn told(&self, kind: Kind) -> Message {
        let mut answer = match kind {
            // An answer to a HEAD has no body to say more with.
            Kind::Head => self.with(("x-amz-request-id", "application/xml"), String::new()),
            kind if kind.is_of_queue() => {
                self.with(("x-amzn-requestid", "application/x-amz-json-1.0"), self.json())
            }
            _ => self.with(("x-amz-request-id", "application/xml"), self.xml()),
        };
        if let Some(seconds) = self.retry_after {
            answer.headers.push(("Retry-After".to_owned(), seconds.to_owned()));
        }
        answer
    }

    fn with(&self, (id_header, content_type): (&str, &str), body: String) -> Message {
        let first = format!("HTTP/1.1 {}", self.status);
        Message::new(first, &[(id_header, REQUEST_ID), ("Content-Type", content_type)], body)
    }

    fn xml(&self) -> String {
        let Self { code, message, .. } = self;
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
             <RequestId>{REQUEST_ID}</RequestId></Error>"
        )
    }

    fn json(&self) -> String {
        format!(r#"{{"__type":"com.amazonaws.sqs#{}","message":"{}"}}"#, self.code, self.message)
    }
}

/// What stands between a client and a service says so in HTML.
fn page(status: &str) -> Message {
    let body =
        format!("<html>\r\n<head><title>{status}</title></head>\r\n<body>{status}</body>\r\n</html>\r\n");
    Message::new(format!("HTTP/1.1 {status}"), &[("Content-Type", "text/html")], body)
}
