//! What leaves for S3, and what becomes of answers that no emulator gives.

use std::error::Error as _;
use std::time::Duration;

use backfleet_core::ports::{Effect, Retry};
use futures_util::TryStreamExt as _;
use tokio::time::Instant;

use super::*;
use crate::replay::{Answer, Next, Replay, answer, s3_error};

const HELLO_SHA256: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

fn store(replay: &Replay) -> S3Store {
    replay.aws.s3_store("lake", "/jobs/j1/")
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::new(text).unwrap()
}

fn hello() -> NewObject {
    let bytes = Bytes::from_static(b"hello");
    let metadata = Metadata::from([("content-digest".to_owned(), "ab12".to_owned())]);
    NewObject { key: key("a b+%/ü.json.gz"), sha256: Sha256Digest::of(&bytes), bytes, metadata }
}

fn body(bytes: &'static str, headers: &[(&str, &str)]) -> Answer {
    answer(200, &[&[("etag", "\"e1\"")], headers].concat(), bytes)
}

async fn put(answer: Answer) -> (Result<PutOutcome, PortError>, Replay) {
    let replay = Replay::of([answer]);
    (store(&replay).put_new(hello()).await, replay)
}

async fn read(answer: Answer, request: GetRequest) -> (Result<Bytes, PortError>, Replay) {
    let replay = Replay::of([answer]);
    let store = store(&replay);
    let read = async {
        let chunks: Vec<Bytes> = store.get(&key("x"), request).await?.try_collect().await?;
        Ok(Bytes::from(chunks.concat()))
    };
    (read.await, replay)
}

fn parts(error: &PortError) -> (PortFault, Retry, Effect) {
    (error.fault, error.retry, error.effect)
}

#[tokio::test]
async fn a_put_carries_its_condition_its_checksum_and_its_owner() {
    let (outcome, replay) = put(body("", &[("x-amz-checksum-sha256", HELLO_SHA256)])).await;
    assert_eq!(outcome.unwrap(), PutOutcome::Created);
    let asked = replay.only_asked();
    assert_eq!(asked.line, "PUT https://aws.test/lake/jobs/j1/a%20b%2B%25/%C3%BC.json.gz?x-id=PutObject");
    for (name, value) in [
        ("if-none-match", "*"),
        ("x-amz-checksum-sha256", HELLO_SHA256),
        ("x-amz-expected-bucket-owner", "123456789012"),
        ("x-amz-meta-content-digest", "ab12"),
        ("content-type", "application/gzip"),
        ("content-length", "5"),
    ] {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
    assert_eq!(asked.header("content-encoding"), None);
    assert_eq!(asked.body, "hello");
}

#[tokio::test]
async fn of_a_put_412_settles_and_409_does_not() {
    assert_eq!(put(s3_error(412, "PreconditionFailed")).await.0.unwrap(), PutOutcome::AlreadyThere);
    let (outcome, replay) = put(s3_error(409, "ConditionalRequestConflict")).await;
    assert_eq!(parts(&outcome.unwrap_err()), (PortFault::Unavailable, Retry::Backoff, Effect::None));
    replay.only_asked();
}

#[tokio::test]
async fn a_failing_service_is_asked_once_and_may_have_done_it() {
    for status in [500, 502, 503, 504] {
        let (outcome, replay) = put(answer(status, &[], "<html><body>proxy</body></html>")).await;
        let error = outcome.unwrap_err();
        assert_eq!(parts(&error), (PortFault::Unavailable, Retry::Backoff, Effect::Unknown), "{status}");
        replay.only_asked();
    }
    let (outcome, replay) = put(s3_error(500, "InternalError")).await;
    assert_eq!(parts(&outcome.unwrap_err()), (PortFault::Unavailable, Retry::Backoff, Effect::Unknown));
    replay.only_asked();
}

#[tokio::test]
async fn slow_down_is_a_throttle_and_retry_after_is_heeded() {
    let (outcome, replay) = put(s3_error(503, "SlowDown")).await;
    assert_eq!(parts(&outcome.unwrap_err()), (PortFault::Throttled, Retry::Backoff, Effect::None));
    replay.only_asked();

    let slow = "<Error><Code>SlowDown</Code></Error>";
    for (header, wait) in [("7", Retry::After(Duration::from_secs(7))), ("Fri, 31 Dec 1999", Retry::Backoff)]
    {
        let (outcome, _) = put(answer(503, &[("retry-after", header)], slow)).await;
        assert_eq!(outcome.unwrap_err().retry, wait, "{header}");
    }
    let (outcome, _) = put(answer(503, &[("retry-after", "999999")], slow)).await;
    assert_eq!(outcome.unwrap_err().retry, Retry::After(Duration::from_secs(300)));
}

#[tokio::test]
async fn damage_on_the_way_is_refused_and_worth_another_try() {
    for code in ["BadDigest", "XAmzContentSHA256Mismatch"] {
        let (outcome, _) = put(s3_error(400, code)).await;
        assert_eq!(
            parts(&outcome.unwrap_err()),
            (PortFault::Corrupted, Retry::Backoff, Effect::None),
            "{code}"
        );
    }
    let other = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let (outcome, _) = put(body("", &[("x-amz-checksum-sha256", other)])).await;
    assert_eq!(parts(&outcome.unwrap_err()), (PortFault::Corrupted, Retry::Backoff, Effect::Unknown));
    let (outcome, _) = put(body("", &[])).await;
    assert_eq!(outcome.unwrap(), PutOutcome::Created, "not confirmed is no error");
}

#[tokio::test]
async fn a_get_names_its_version_and_range_and_its_owner() {
    let part = answer(
        206,
        &[("etag", "\"e1\""), ("content-length", "5"), ("content-range", "bytes 3-7/20")],
        "hello",
    );
    let request = GetRequest { range: Some(3..8), if_match: Some(ETag("\"e1\"".to_owned())) };
    let (read, replay) = read(part, request).await;
    assert_eq!(read.unwrap(), "hello");
    let asked = replay.only_asked();
    for (name, value) in
        [("range", "bytes=3-7"), ("if-match", "\"e1\""), ("x-amz-expected-bucket-owner", "123456789012")]
    {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_replaced_object_is_changed_and_a_missing_one_not_found() {
    let request = GetRequest { range: None, if_match: Some(ETag("\"e1\"".to_owned())) };
    let (read_changed, _) = read(s3_error(412, "PreconditionFailed"), request).await;
    assert_eq!(parts(&read_changed.unwrap_err()), (PortFault::Changed, Retry::Never, Effect::None));
    let (read_missing, _) = read(s3_error(404, "NoSuchKey"), GetRequest::default()).await;
    assert_eq!(read_missing.unwrap_err().fault, PortFault::NotFound);
    let replay = Replay::of([s3_error(404, "NoSuchKey"), answer(404, &[], "")]);
    assert_eq!(store(&replay).get_small(&key("x"), 10).await.unwrap(), None);
    assert_eq!(store(&replay).head(&key("x")).await.unwrap(), None);
}

#[tokio::test]
async fn a_missing_bucket_or_a_page_of_a_proxy_is_never_a_missing_object() {
    for (answer, fault) in [
        (s3_error(404, "NoSuchBucket"), PortFault::Invalid),
        (answer(404, &[], "<html>not here</html>"), PortFault::Unavailable),
    ] {
        let replay = Replay::of([answer]);
        assert_eq!(store(&replay).get_small(&key("x"), 10).await.unwrap_err().fault, fault);
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error_and_not_a_short_object() {
    let (read, _) = read(body("hel", &[("content-length", "5")]), GetRequest::default()).await;
    assert_eq!(parts(&read.unwrap_err()), (PortFault::Unavailable, Retry::Backoff, Effect::None));
}

#[tokio::test]
async fn a_body_that_is_not_what_its_checksum_says_is_corrupted() {
    let headers = [("content-length", "5"), ("x-amz-checksum-sha256", HELLO_SHA256)];
    let (good, _) = read(body("hello", &headers), GetRequest::default()).await;
    assert_eq!(good.unwrap(), "hello");
    let (bad, replay) = read(body("hellO", &headers), GetRequest::default()).await;
    assert_eq!(parts(&bad.unwrap_err()), (PortFault::Corrupted, Retry::Backoff, Effect::None));
    assert_eq!(replay.only_asked().header("x-amz-checksum-mode"), Some("ENABLED"));
}

#[tokio::test]
async fn a_range_that_is_ignored_or_cut_is_an_error() {
    for bytes in ["hel", "hello!"] {
        let answer = answer(206, &[("etag", "\"e1\""), ("content-length", &bytes.len().to_string())], bytes);
        let (read, _) = read(answer, GetRequest { range: Some(0..5), if_match: None }).await;
        assert_eq!(read.unwrap_err().fault, PortFault::Invalid, "{bytes}");
    }
    let (read, _) =
        read(s3_error(416, "InvalidRange"), GetRequest { range: Some(90..95), if_match: None }).await;
    assert_eq!(parts(&read.unwrap_err()), (PortFault::Invalid, Retry::Never, Effect::None));
}

#[tokio::test]
async fn a_large_object_is_refused_before_its_body_is_read() {
    let replay = Replay::of([body("hello", &[("content-length", "5000000000")])]);
    assert_eq!(store(&replay).get_small(&key("x"), 100).await.unwrap_err().fault, PortFault::TooLarge);
}

#[tokio::test]
async fn a_head_tells_size_version_digest_and_metadata() {
    let headers = [
        ("content-length", "5"),
        ("x-amz-checksum-sha256", HELLO_SHA256),
        ("x-amz-checksum-type", "FULL_OBJECT"),
        ("x-amz-meta-content-digest", "ab12"),
    ];
    let replay = Replay::of([body("", &headers)]);
    let info = store(&replay).head(&key("x")).await.unwrap().unwrap();
    assert_eq!(info.bytes, 5);
    assert_eq!(info.etag, ETag("\"e1\"".to_owned()));
    assert_eq!(info.sha256, Some(Sha256Digest::of(b"hello")));
    assert_eq!(info.metadata["content-digest"], "ab12");
    assert_eq!(replay.only_asked().header("x-amz-checksum-mode"), Some("ENABLED"));
    assert_eq!(
        sha256_of_whole("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=-3"),
        None,
        "a digest of digests"
    );
}

fn page(keys: &[&str], more: bool) -> Answer {
    let contents: String = keys
        .iter()
        .map(|key| format!("<Contents><Key>{key}</Key><Size>5</Size><ETag>&quot;e&quot;</ETag></Contents>"))
        .collect();
    let body = format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{contents}</ListBucketResult>");
    answer(200, &[("content-type", "application/xml")], body)
}

#[tokio::test]
async fn a_listing_is_asked_for_below_the_root_and_told_without_it() {
    let replay = Replay::of([page(&["jobs/j1/a-b", "jobs/j1/a/x"], true)]);
    let listing = store(&replay).list("a", Some(&key("a+"))).await.unwrap();
    let keys: Vec<_> = listing.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!((keys, listing.more), (vec!["a-b", "a/x"], true));
    let asked = replay.only_asked().line;
    for part in ["list-type=2", "prefix=jobs%2Fj1%2Fa", "start-after=jobs%2Fj1%2Fa%2B", "max-keys=1000"] {
        assert!(asked.contains(part), "{asked}");
    }
}

#[tokio::test]
async fn a_page_of_folder_marks_only_is_passed_over() {
    let replay = Replay::of([page(&["jobs/j1/a/", "jobs/j1/b/"], true), page(&["jobs/j1/b/x"], false)]);
    let listing = store(&replay).list("", None).await.unwrap();
    assert_eq!((listing.entries.len(), listing.more), (1, false));
    assert!(replay.asked()[1].line.contains("start-after=jobs%2Fj1%2Fb%2F"), "{:?}", replay.asked()[1]);
}

#[tokio::test]
async fn a_listing_out_of_order_is_refused_and_an_error_within_a_200_is_one() {
    let replay = Replay::of([page(&["jobs/j1/b", "jobs/j1/a"], false)]);
    assert_eq!(store(&replay).list("", None).await.unwrap_err().fault, PortFault::Invalid);
    let replay = Replay::of([answer(200, &[], "<Error><Code>InternalError</Code></Error>")]);
    let error = store(&replay).list("", None).await.unwrap_err();
    assert_eq!((error.fault, error.retry), (PortFault::Unavailable, Retry::Backoff));
}

#[tokio::test(start_paused = true)]
async fn a_silent_service_is_given_up_on_by_the_size_of_the_call() {
    let replay = Replay::of([Next::Silence, Next::Silence, Next::Silence]);
    let store = store(&replay);
    for (call, limit) in [("head", SMALL_CALL_MAX), ("put", transfer_max(5)), ("get", TRANSFER_GRACE)] {
        let began = Instant::now();
        let error = match call {
            "head" => store.head(&key("x")).await.map(drop),
            "put" => store.put_new(hello()).await.map(drop),
            _ => store.get(&key("x"), GetRequest::default()).await.map(drop),
        };
        let effect = if call == "put" { Effect::Unknown } else { Effect::None };
        assert_eq!(parts(&error.unwrap_err()), (PortFault::Unavailable, Retry::Backoff, effect), "{call}");
        let took = began.elapsed();
        assert!(took >= limit && took < limit + Duration::from_secs(1), "{call} took {took:?}");
    }
    assert!(transfer_max(40 << 20) > Duration::from_secs(300));
}

#[tokio::test]
async fn an_error_tells_code_and_request_and_no_more_than_it_should() {
    let (outcome, _) = put(s3_error(400, "InvalidArgument")).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.subject, "s3://lake/jobs/j1/a b+%/ü.json.gz");
    assert_eq!(error.source().unwrap().to_string(), "InvalidArgument (status 400, request REQ1)");
    let (outcome, _) = put(s3_error(403, "AccessDenied")).await;
    let denied = outcome.unwrap_err().source().unwrap().to_string();
    assert_eq!(denied, "AccessDenied (status 403, request REQ1): about AccessDenied");
    let (outcome, _) = put(s3_error(400, "An odd, long: code")).await;
    let odd = outcome.unwrap_err().source().unwrap().to_string();
    assert_eq!(odd, "Anoddlongcode (status 400, request REQ1)");
}

#[test]
fn a_prefix_is_a_folder_however_it_is_written() {
    let replay = Replay::of(Vec::<Answer>::new());
    for prefix in ["a/b", "a/b/", "/a/b/"] {
        assert_eq!(replay.aws.s3_store("lake", prefix).describe(), "s3://lake/a/b");
    }
    assert_eq!(replay.aws.s3_store("lake", "").describe(), "s3://lake");
}
