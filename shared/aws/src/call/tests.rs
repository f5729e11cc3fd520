//! Calls that never left, and what errors say.

use std::io;

use aws_credential_types::credential_fn::provide_credentials_fn;
use backfleet_core::key::ObjectKey;
use backfleet_core::ports::ObjectStore as _;

use super::*;
use crate::replay::{Next, Replay, SECRET, answer, s3_error};

async fn head_with(replay: &Replay) -> PortError {
    replay.aws.s3_store("lake", "").head(&ObjectKey::new("x").unwrap()).await.unwrap_err()
}

fn text(error: &PortError) -> String {
    error.source().unwrap().to_string()
}

#[tokio::test]
async fn without_credentials_no_call_leaves_and_no_retry_helps() {
    let none = || async { Err(CredentialsError::not_loaded("the secret is verysecret")) };
    let replay = Replay::with_credentials(provide_credentials_fn(none));
    let error = head_with(&replay).await;
    assert_eq!((error.fault, error.retry), (PortFault::Denied, Retry::Never), "{error:?}");
    assert!(text(&error).starts_with("no-credentials: found none"), "{error:?}");
    assert!(replay.asked().is_empty());
}

#[tokio::test]
async fn credentials_that_cannot_be_had_now_may_be_had_later() {
    let failing = || async { Err(CredentialsError::provider_error("verysecret")) };
    let error = head_with(&Replay::with_credentials(provide_credentials_fn(failing))).await;
    assert_eq!((error.fault, error.retry), (PortFault::Unavailable, Retry::Backoff), "{error:?}");
    assert_eq!(text(&error), "credentials-unavailable: whoever hands them out failed or did not answer");
}

#[tokio::test]
async fn what_happened_to_a_connection_is_told_by_its_kind() {
    let io_error = |kind| ConnectorError::io(Box::new(io::Error::from(kind)));
    for (next, told) in [
        (io_error(io::ErrorKind::ConnectionRefused), "not-connected: connection refused"),
        (io_error(io::ErrorKind::ConnectionReset), "connection-broke: connection reset"),
        (ConnectorError::timeout("connect".into()), "timed-out"),
        (ConnectorError::other("odd".into(), None), "connection-broke"),
    ] {
        assert_eq!(text(&head_with(&Replay::of([next])).await), told);
    }
}

#[tokio::test]
async fn no_error_shows_a_credential_or_what_a_service_echoes() {
    let echo = format!("<Error><Code>InvalidArgument</Code><Message>{SECRET}</Message></Error>");
    let silent = ConnectorError::io(Box::new(io::Error::other(SECRET)));
    for next in [Next::from(answer(400, &[], echo)), Next::from(answer(500, &[], SECRET)), Next::from(silent)]
    {
        let error = head_with(&Replay::of([next])).await;
        let shown = format!("{error} {error:?} {}", text(&error));
        assert!(!shown.contains(SECRET) && !shown.contains("AKIA"), "{shown}");
    }
}

#[tokio::test]
async fn a_denial_quotes_the_service_on_one_line_of_bounded_length() {
    let long =
        format!("<Error><Code>AccessDenied</Code><Message>User: r\nis{}</Message></Error>", "x".repeat(999));
    let error = head_with(&Replay::of([answer(403, &[], long)])).await;
    assert!(text(&error).starts_with("AccessDenied (status 403): User: risxxx"), "{}", text(&error));
    assert!(text(&error).len() < QUOTE_CHARS_MAX + 50);
}

#[tokio::test]
async fn a_copy_of_an_error_decides_and_says_the_same() {
    let error = head_with(&Replay::of([s3_error(503, "SlowDown")])).await;
    let copy = copy_of(&error);
    assert_eq!((copy.fault, copy.retry, copy.effect), (error.fault, error.retry, error.effect));
    assert_eq!((text(&copy), code_of(&copy)), (text(&error), Some("SlowDown")));
}
