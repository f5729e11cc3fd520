//! What is sent to Lambda, and what its answers mean.

use backfleet_core::ports::{Effect, PortFault, Retry};
use serde_json::json;

use super::*;
use crate::replay::{Next, Replay, SECRET, answer};

const NAME: &str = "arn:aws:lambda:eu-central-1:123456789012:function:to-lake:$LATEST";

async fn invoke(next: impl Into<Next>) -> (Replay, Result<Reply, PortError>) {
    let replay = Replay::of([next.into()]);
    let reply = replay.aws.function(NAME).invoke(Bytes::from_static(b"{\"Records\":[]}")).await;
    (replay, reply)
}

#[tokio::test]
async fn a_payload_is_sent_signed_to_the_function_of_that_name_for_an_answer() {
    let (replay, reply) = invoke(answer(200, &[("x-amz-executed-version", "$LATEST")], "null")).await;
    assert_eq!(reply.unwrap(), Reply::Returned(Bytes::from_static(b"null")));
    let asked = replay.only_asked();
    let name = "arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Ato-lake%3A%24LATEST";
    assert_eq!(asked.line, format!("POST https://aws.test/2015-03-31/functions/{name}/invocations"));
    assert_eq!(asked.body, "{\"Records\":[]}");
    assert_eq!(asked.header("x-amz-invocation-type"), Some("RequestResponse"));
    let signature = asked.header("authorization").unwrap();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIATESTTESTTESTTEST/"), "{signature}");
    assert!(signature.contains("/eu-central-1/lambda/aws4_request"), "{signature}");
}

#[tokio::test]
async fn a_function_that_fails_says_what_it_threw_and_no_error_shows_its_message() {
    let thrown = json!({"errorType": "KeyError", "errorMessage": "'item data'", "stackTrace": []});
    let header = [("x-amz-function-error", "Unhandled")];
    let Ok(Reply::Failed(failure)) = invoke(answer(200, &header, thrown.to_string())).await.1 else {
        panic!("it did not fail")
    };
    assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("KeyError", "'item data'"));
    assert!(!format!("{failure:?}").contains("item data"));
    // A runtime that dies says little.
    for body in ["", "null", r#"{"errorMessage":null}"#, "no JSON"] {
        let reply = invoke(answer(200, &header, body)).await.1.unwrap();
        assert_eq!(reply, Reply::Failed(FunctionFailure::default()), "{body}");
    }
}

#[tokio::test]
async fn refusals_are_known_by_their_code_and_never_show_a_secret() {
    for (status, code, fault, retry, effect) in [
        (429, "TooManyRequestsException", PortFault::Throttled, Retry::Backoff, Effect::None),
        (413, "RequestTooLargeException", PortFault::TooLarge, Retry::Never, Effect::None),
        (404, "ResourceNotFoundException", PortFault::NotFound, Retry::Never, Effect::None),
        (403, "AccessDeniedException", PortFault::Denied, Retry::Never, Effect::None),
        (502, "ENILimitReachedException", PortFault::Throttled, Retry::Backoff, Effect::None),
        (500, "ServiceException", PortFault::Unavailable, Retry::Backoff, Effect::Unknown),
    ] {
        let kind = format!("{code}:http://internal.amazon.com/coral/");
        let body = json!({"Type": "User", "Message": "about it"}).to_string();
        let error = invoke(answer(status, &[("x-amzn-errortype", &kind)], body)).await.1.unwrap_err();
        assert_eq!((error.fault, error.retry, error.effect), (fault, retry, effect), "{code}");
        let told = format!("{error} {:?}", error.source);
        assert!(told.contains(code) && !told.contains(SECRET), "{told}");
    }
}

#[tokio::test]
async fn a_function_that_is_asked_to_wait_for_is_tried_again_only_then() {
    let headers = [("x-amzn-errortype", "TooManyRequestsException"), ("retry-after", "7")];
    let error = invoke(answer(429, &headers, "{}")).await.1.unwrap_err();
    assert_eq!(error.retry, Retry::After(std::time::Duration::from_secs(7)));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_waited_for_beyond_the_longest_that_lambda_allows() {
    let begun = tokio::time::Instant::now();
    let error = invoke(Next::Silence).await.1.unwrap_err();
    assert!(begun.elapsed() > std::time::Duration::from_secs(900), "{:?}", begun.elapsed());
    assert_eq!((error.fault, error.effect), (PortFault::Unavailable, Effect::Unknown));
}

#[test]
fn lambda_is_where_its_region_is() {
    let endpoint = |region| endpoint_of(&Region::new(region));
    assert_eq!(endpoint("eu-north-1"), "https://lambda.eu-north-1.amazonaws.com");
    assert_eq!(endpoint("cn-north-1"), "https://lambda.cn-north-1.amazonaws.com.cn");
}
