//! What is sent for an export, and what each answer means.

use std::time::{Duration, UNIX_EPOCH};

use backfleet_core::ports::{PortFault, Retry};
use serde_json::{Value, json};

use super::*;
use crate::replay::{Answer, Replay, answer, json as answer_json};

const TABLE: &str = "arn:aws:dynamodb:eu-north-1:123456789012:table/orders";
const EXPORT: &str = "arn:aws:dynamodb:eu-north-1:123456789012:table/orders/export/01768385930622-efd1a093";

fn request() -> ExportRequest {
    ExportRequest {
        token: "token".into(),
        bucket: "exports".into(),
        prefix: String::new(),
        bucket_owner: None,
        kms_key: None,
        format: ExportFormat::Json,
        span: ExportSpan::Full { at: None },
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn refused(code: &str, message: &str) -> Answer {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message});
    answer(400, &[("content-type", "application/x-amz-json-1.0")], body.to_string())
}

async fn start(request: &ExportRequest, answer: Answer) -> (Result<ExportStart, PortError>, Value) {
    let replay = Replay::of([answer]);
    let started = replay.aws.exporter(TABLE).start(request).await;
    (started, replay.only_asked().json())
}

fn started() -> Answer {
    answer_json(
        &json!({"ExportDescription": {"ExportArn": EXPORT, "ExportStatus": "IN_PROGRESS"}}).to_string(),
    )
}

#[tokio::test]
async fn a_full_export_is_asked_for_with_what_was_given_and_nothing_else() {
    let (outcome, sent) = start(&request(), started()).await;
    assert_eq!(outcome.unwrap(), ExportStart::Started(EXPORT.into()));
    assert_eq!(
        sent,
        json!({"TableArn": TABLE, "ClientToken": "token", "S3Bucket": "exports", "S3SseAlgorithm": "AES256",
            "ExportFormat": "DYNAMODB_JSON", "ExportType": "FULL_EXPORT"})
    );
    let full = ExportRequest {
        prefix: "a/b".into(),
        bucket_owner: Some("210987654321".into()),
        kms_key: Some("alias/lake".into()),
        format: ExportFormat::Ion,
        span: ExportSpan::Full { at: Some(at(1_768_385_930)) },
        ..request()
    };
    let (_, sent) = start(&full, started()).await;
    assert_eq!(
        sent,
        json!({"TableArn": TABLE, "ClientToken": "token", "S3Bucket": "exports", "S3Prefix": "a/b",
            "S3BucketOwner": "210987654321", "S3SseAlgorithm": "KMS", "S3SseKmsKeyId": "alias/lake",
            "ExportFormat": "ION", "ExportType": "FULL_EXPORT", "ExportTime": 1_768_385_930})
    );
}

#[tokio::test]
async fn an_incremental_export_names_its_window_and_view() {
    let span = ExportSpan::Incremental { from: at(1_000), to: Some(at(2_000)), old_images: true };
    let (_, sent) = start(&ExportRequest { span, ..request() }, started()).await;
    assert_eq!(sent["ExportType"], "INCREMENTAL_EXPORT");
    assert_eq!(
        sent["IncrementalExportSpecification"],
        json!({"ExportFromTime": 1_000, "ExportToTime": 2_000, "ExportViewType": "NEW_AND_OLD_IMAGES"})
    );
    let span = ExportSpan::Incremental { from: at(1_000), to: None, old_images: false };
    let (_, sent) = start(&ExportRequest { span, ..request() }, started()).await;
    assert_eq!(
        sent["IncrementalExportSpecification"],
        json!({"ExportFromTime": 1_000, "ExportViewType": "NEW_IMAGE"})
    );
}

#[tokio::test]
async fn what_dynamodb_will_not_start_is_told_apart_with_its_own_words() {
    for (code, refusal) in [
        ("PointInTimeRecoveryUnavailableException", ExportRefusal::RecoveryOff),
        ("InvalidExportTimeException", ExportRefusal::Time),
        ("LimitExceededException", ExportRefusal::Limit),
        ("ExportConflictException", ExportRefusal::TokenUsed),
    ] {
        let (outcome, _) = start(&request(), refused(code, "because of this")).await;
        let ExportStart::Refused(told, words) = outcome.unwrap() else { panic!("{code} started something") };
        assert!(told == refusal && words.contains("because of this"), "{told:?} {words}");
    }
    for (answer, fault, retry) in [
        (refused("TableNotFoundException", ""), PortFault::NotFound, Retry::Never),
        (refused("ValidationException", ""), PortFault::Invalid, Retry::Never),
        (refused("AccessDeniedException", ""), PortFault::Denied, Retry::Never),
        (answer(500, &[], "{}"), PortFault::Unavailable, Retry::Backoff),
    ] {
        let (outcome, _) = start(&request(), answer).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.fault, error.retry), (fault, retry), "{error:?}");
    }
}

#[tokio::test]
async fn an_export_says_how_far_it_is() {
    let describe = async |export: Value| {
        let replay = Replay::of([answer_json(&json!({"ExportDescription": export}).to_string())]);
        replay.aws.exporter(TABLE).describe(EXPORT).await
    };
    let running = describe(json!({"ExportStatus": "IN_PROGRESS", "ClientToken": "token"})).await.unwrap();
    assert_eq!((running.progress, running.token.as_deref()), (ExportProgress::Running, Some("token")));
    let done = json!({"ExportStatus": "COMPLETED", "ExportManifest": "p/AWSDynamoDB/1/manifest-summary.json",
        "ItemCount": 3, "BilledSizeBytes": 19});
    assert_eq!(
        describe(done).await.unwrap().progress,
        ExportProgress::Done {
            manifest_key: "p/AWSDynamoDB/1/manifest-summary.json".into(),
            items: Some(3),
            billed_bytes: Some(19),
        }
    );
    let failed =
        json!({"ExportStatus": "FAILED", "FailureCode": "S3NoSuchBucket", "FailureMessage": "not there"});
    assert_eq!(
        describe(failed).await.unwrap().progress,
        ExportProgress::Failed { code: "S3NoSuchBucket".into(), message: "not there".into() }
    );
    assert_eq!(describe(json!({})).await.unwrap_err().retry, Retry::Backoff);
    let missing = Replay::of([refused("ExportNotFoundException", "")]);
    assert_eq!(missing.aws.exporter(TABLE).describe(EXPORT).await.unwrap_err().fault, PortFault::NotFound);
}

#[tokio::test]
async fn recovery_is_on_for_a_span_or_off() {
    let ask = async |description: Value| {
        let body = json!({"ContinuousBackupsDescription": description});
        let replay = Replay::of([answer_json(&body.to_string())]);
        replay.aws.exporter(TABLE).recovery().await.unwrap()
    };
    let on = json!({"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": {
        "PointInTimeRecoveryStatus": "ENABLED",
        "EarliestRestorableDateTime": 1_000.0, "LatestRestorableDateTime": 2_000.0}});
    assert_eq!(ask(on).await, Recovery::On { earliest: Some(at(1_000)), latest: Some(at(2_000)) });
    let off = json!({"ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}});
    assert_eq!(ask(off).await, Recovery::Off);
    let replay = Replay::of([answer_json("{}")]);
    replay.aws.exporter(TABLE).enable_recovery().await.unwrap();
    assert_eq!(
        replay.only_asked().json(),
        json!({"TableName": TABLE, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true}})
    );
}

#[tokio::test]
async fn all_pages_of_a_list_are_read() {
    let replay = Replay::of([
        answer_json(&json!({"ExportSummaries": [{"ExportArn": "a"}], "NextToken": "more"}).to_string()),
        answer_json(&json!({"ExportSummaries": [{"ExportArn": "b"}]}).to_string()),
    ]);
    assert_eq!(replay.aws.exporter(TABLE).list().await.unwrap(), ["a", "b"]);
    assert_eq!(replay.asked()[1].json()["NextToken"], "more");
}
