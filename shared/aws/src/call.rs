//! One call of the SDK: made once, within a limit, and a failure told in our words.
//!
//! Every call of this crate goes through [`Call::ask`]. What an error may quote is decided here: codes, statuses,
//! request ids, and for refusals the service's sentence (it names the role and the missing permission). Nothing
//! of an object, of a message or of a credential ever.

use std::error::Error;
use std::future::Future;
use std::io;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use backfleet_core::effort;
use backfleet_core::metrics::REQUESTS;
use backfleet_core::ports::{Effect, PortError, PortFault, Retry};
use tokio::time::timeout;

use crate::classify::{Scope, Signs, Verdict, classify, own, plain_code};
use crate::limits::{QUOTE_CHARS_MAX, RETRY_AFTER_MAX};

/// A call about to be made: what its errors will say and how long it may take.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `port.method`.
    pub(crate) name: &'static str,
    /// The object or queue it is about.
    pub(crate) subject: String,
    pub(crate) scope: Scope,
    /// Whether a lost reply may have left something behind.
    pub(crate) writes: bool,
    /// From the request to the whole answer; for a download, to its first byte.
    pub(crate) limit: Duration,
}

/// Why a call failed, as far as it may be told.
#[derive(Debug)]
struct Failure {
    code: Option<String>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    request_id: Option<String>,
    note: Option<String>,
}

/// What stands behind a [`PortError`] of this crate.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Told {
    text: String,
    code: Option<String>,
}

impl Call {
    /// Makes the call.
    pub(crate) async fn ask<T, E>(
        &self,
        answer: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, PortError>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        metrics::counter!(REQUESTS, "call" => self.name).increment(1);
        effort::note(|effort| effort.requested(self.name));
        match timeout(self.limit, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.failed(read(&error))),
            Err(_) => Err(self.failed_as(own::TIMED_OUT, format!("no answer within {:?}", self.limit))),
        }
    }

    /// The error of this call for one of our own codes.
    pub(crate) fn failed_as(&self, code: &str, note: impl Into<String>) -> PortError {
        self.failed(Failure { note: Some(note.into()), ..Failure::of_code(code) })
    }

    /// The error of this call for one entry of a batch. `ours` is the service's word for whose fault it was.
    pub(crate) fn entry_failed(&self, code: &str, ours: bool) -> PortError {
        let status = Some(if ours { 400 } else { 500 });
        self.failed(Failure { status, ..Failure::of_code(plain_code(code)) })
    }

    /// The error of this call for a request that no service should see.
    pub(crate) fn refused(&self, fault: PortFault, why: impl Into<String>) -> PortError {
        PortError::fatal(self.name, &self.subject, fault).because(why.into())
    }

    fn failed(&self, failure: Failure) -> PortError {
        let signs = Signs { scope: self.scope, code: failure.code.as_deref(), status: failure.status };
        let Verdict { fault, retry, effect } = classify(&signs);
        PortError {
            call: self.name,
            subject: self.subject.clone(),
            fault,
            retry: not_before(retry, failure.retry_after),
            effect: if self.writes { effect } else { Effect::None },
            source: Some(Box::new(failure.tell())),
        }
    }
}

/// The service's code behind an error of this crate.
pub(crate) fn code_of(error: &PortError) -> Option<&str> {
    error.source.as_deref()?.downcast_ref::<Told>()?.code.as_deref()
}

/// The same error once more, for another caller who waited for the same call.
pub(crate) fn copy_of(error: &PortError) -> PortError {
    let PortError { call, ref subject, fault, retry, effect, ref source } = *error;
    let told = source.as_ref().map(|source| {
        Box::new(Told { text: source.to_string(), code: code_of(error).map(str::to_owned) }) as Box<_>
    });
    PortError { call, subject: subject.clone(), fault, retry, effect, source: told }
}

fn not_before(retry: Retry, asked: Option<Duration>) -> Retry {
    match (retry, asked) {
        (Retry::Backoff, Some(asked)) => Retry::After(asked),
        (retry, _) => retry,
    }
}

impl Failure {
    fn of_code(code: &str) -> Self {
        Self { code: Some(quotable(code)), status: None, retry_after: None, request_id: None, note: None }
    }

    fn tell(self) -> Told {
        let mut text = self.code.clone().unwrap_or_else(|| "an answer without a code".to_owned());
        let place = [
            self.status.map(|status| format!("status {status}")),
            self.request_id.map(|id| format!("request {id}")),
        ];
        let place: Vec<String> = place.into_iter().flatten().collect();
        if !place.is_empty() {
            text = format!("{text} ({})", place.join(", "));
        }
        if let Some(note) = self.note {
            text = format!("{text}: {note}");
        }
        Told { text, code: self.code }
    }
}

fn read<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Failure {
    match error {
        SdkError::ServiceError(refusal) => {
            let answer = from_answer(refusal.raw());
            let code = refusal.err().code().map(|code| quotable(plain_code(code)));
            let note = refusal.err().message().filter(|_| may_be_quoted(code.as_deref())).map(quotable_text);
            Failure { code, note, ..answer }
        }
        SdkError::ResponseError(garbled) => {
            let note = Some("the answer could not be understood".to_owned());
            Failure { note, ..from_answer(garbled.raw()) }
        }
        SdkError::DispatchFailure(failure) => undelivered(failure.as_connector_error()),
        SdkError::TimeoutError(_) => Failure::of_code(own::TIMED_OUT),
        other => unbuilt(other),
    }
}

/// What the service says about permissions names nothing but roles and resources; what DynamoDB says about a request or
/// an export, nothing but their parameters and expressions.
const QUOTABLE: [&str; 8] = [
    "AccessDenied",
    "AccessDeniedException",
    "KmsAccessDenied",
    "ValidationException",
    "PointInTimeRecoveryUnavailableException",
    "InvalidExportTimeException",
    "LimitExceededException",
    "ExportConflictException",
];

fn may_be_quoted(code: Option<&str>) -> bool {
    code.is_some_and(|code| QUOTABLE.contains(&code))
}

fn from_answer(answer: &HttpResponse) -> Failure {
    let headers = answer.headers();
    let request_id = headers.get("x-amz-request-id").or_else(|| headers.get("x-amzn-requestid"));
    Failure {
        code: None,
        status: Some(answer.status().as_u16()),
        retry_after: headers.get("retry-after").and_then(wait_asked_for),
        request_id: request_id.map(quotable),
        note: None,
    }
}

/// A `Retry-After` in seconds. One that names a date would need a clock that agrees with the service's.
fn wait_asked_for(header: &str) -> Option<Duration> {
    let seconds = header.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn undelivered(error: Option<&ConnectorError>) -> Failure {
    let Some(error) = error else {
        return Failure::of_code(own::CONNECTION_BROKE);
    };
    if let Some(credentials) = find::<CredentialsError>(error) {
        return without_credentials(credentials);
    }
    let code = match error {
        error if never_connected(error) => own::NOT_CONNECTED,
        error if error.is_timeout() => own::TIMED_OUT,
        _ => own::CONNECTION_BROKE,
    };
    let note = find::<io::Error>(error).map(|error| error.kind().to_string());
    Failure { note, ..Failure::of_code(code) }
}

/// The SDK knows but does not tell (`ConnectionStatus` is private to it), so this looks at what it was about:
/// refused and not resolved certainly came before the request.
fn never_connected(error: &ConnectorError) -> bool {
    find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn without_credentials(error: &CredentialsError) -> Failure {
    let (code, note) = match error {
        CredentialsError::CredentialsNotLoaded(_) => (
            own::NO_CREDENTIALS,
            "found none in the environment, the profile, the container or the instance metadata",
        ),
        CredentialsError::InvalidConfiguration(_) => {
            (own::NO_CREDENTIALS, "the profile or the environment describes credentials that cannot be used")
        }
        _ => (own::CREDENTIALS_UNAVAILABLE, "whoever hands them out failed or did not answer"),
    };
    Failure { note: Some(note.to_owned()), ..Failure::of_code(code) }
}

fn unbuilt<E: Error + 'static>(error: &SdkError<E>) -> Failure {
    match find::<CredentialsError>(error) {
        Some(credentials) => without_credentials(credentials),
        None => Failure::of_code(own::NOT_BUILT),
    }
}

/// The first `T` among an error and its sources.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A code or an id, without anything that does not belong in one.
fn quotable(text: &str) -> String {
    text.chars().filter(|char| char.is_ascii_alphanumeric() || "-_.".contains(*char)).take(80).collect()
}

fn quotable_text(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(QUOTE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
