//! What every [`Function`] does.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking, as a test does")]

use std::sync::Arc;

use bytes::Bytes;

use super::run_all;
use crate::limits::ENVELOPE_BYTES_MAX;
use crate::ports::{Function, PortFault, Reply, Retry};

/// A function that returns what it is handed; but handed `{"fail":…}` it fails with an error of type `ValueError` and the
/// message `as asked`.
pub type Echo = Arc<dyn Function>;

/// Runs every case. Panics with the names of those that failed.
pub async fn all(make: impl AsyncFn() -> Echo) {
    run_all!(
        make,
        [
            what_a_function_returns_is_its_reply,
            a_function_that_fails_is_a_reply_too_and_says_why,
            more_than_a_function_can_be_handed_is_too_large,
        ]
    );
}

/// As the same JSON, if not the same bytes.
pub async fn what_a_function_returns_is_its_reply(echo: Echo) {
    let json = r#"{"Records":[{"text":"\u00e4ß€","number":1.50}],"nothing":null}"#;
    let Reply::Returned(returned) = echo.invoke(Bytes::from(json)).await.unwrap() else {
        panic!("it failed")
    };
    let value = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).unwrap();
    assert_eq!(value(&returned), value(json.as_bytes()));
}

/// A failure of the function is none of the call.
pub async fn a_function_that_fails_is_a_reply_too_and_says_why(echo: Echo) {
    let Reply::Failed(failure) = echo.invoke(Bytes::from(r#"{"fail":true}"#)).await.unwrap() else {
        panic!("it did not fail")
    };
    assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("ValueError", "as asked"));
    assert!(!format!("{failure:?}").contains("as asked"), "messages may quote records");
}

/// And another try would not help.
pub async fn more_than_a_function_can_be_handed_is_too_large(echo: Echo) {
    let blanks = usize::try_from(ENVELOPE_BYTES_MAX).unwrap() + (1 << 20);
    let error = echo.invoke(Bytes::from(vec![b' '; blanks])).await.unwrap_err();
    assert_eq!((error.fault, error.retry), (PortFault::TooLarge, Retry::Never));
}
