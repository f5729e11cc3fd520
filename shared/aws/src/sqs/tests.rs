//! What leaves for SQS, and what becomes of answers that no emulator gives.

use std::error::Error as _;

use aws_sdk_s3::error::ConnectorError;
use backfleet_core::limits::MESSAGE_BYTES_MAX;
use backfleet_core::ports::Retry;
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::replay::{Answer, Asked, Next, Replay, answer, json as answer_json, sqs_error};

const QUEUE: &str = "https://sqs.test/123456789012/work";
const DLQ: &str = "https://sqs.test/123456789012/work-dlq";

async fn queue(replay: &Replay) -> SqsQueue {
    replay.aws.sqs_queue(QUEUE, Some(DLQ.to_owned())).await.unwrap()
}

fn hold() -> Hold {
    Hold("handle-1".to_owned())
}

fn poison() -> Held {
    Held { body: r#"{"v":1}"#.to_owned(), hold: hold(), receives: 4, waited: None }
}

fn texts<const N: usize>(bodies: [&str; N]) -> Vec<String> {
    bodies.map(str::to_owned).to_vec()
}

fn deleted(failed: &str) -> Answer {
    let successful = if failed.is_empty() { r#"{"Id":"0"}"# } else { "" };
    answer_json(&format!(r#"{{"Successful":[{successful}],"Failed":[{failed}]}}"#))
}

fn operation(asked: &Asked) -> &str {
    asked.header("x-amz-target").unwrap().strip_prefix("AmazonSQS.").unwrap()
}

fn parts(error: &PortError) -> (PortFault, Retry, Effect) {
    (error.fault, error.retry, error.effect)
}

#[tokio::test]
async fn a_batch_that_failed_in_part_names_what_was_not_taken_and_why() {
    let replay = Replay::of([answer_json(
        r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"d"}],
            "Failed":[{"Id":"2","Code":"InternalError","SenderFault":false},
                      {"Id":"1","Code":"InvalidMessageContents","SenderFault":true,"Message":"secret body"}]}"#,
    )]);
    let sent = queue(&replay).await.send(&texts(["a", "b", "c", "d"])).await.unwrap();
    let told: Vec<_> = sent.iter().map(|failure| (failure.index, parts(&failure.error))).collect();
    assert_eq!(
        told,
        [
            (1, (PortFault::Invalid, Retry::Never, Effect::None)),
            (2, (PortFault::Unavailable, Retry::Backoff, Effect::Unknown)),
            (3, (PortFault::Unavailable, Retry::Backoff, Effect::Unknown)),
        ]
    );
    let reason = sent[0].error.source().unwrap().to_string();
    assert_eq!(reason, "InvalidMessageContents (status 400)");
    let asked = replay.only_asked();
    assert_eq!(operation(&asked), "SendMessageBatch");
    assert_eq!(asked.json()["Entries"][3], json!({"Id": "3", "MessageBody": "d"}));
}

#[tokio::test]
async fn what_sqs_would_refuse_is_refused_by_itself_and_the_rest_is_sent() {
    let replay =
        Replay::of([answer_json(r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"d"}]}"#)]);
    let long = "x".repeat(MESSAGE_BYTES_MAX + 1);
    let sent = queue(&replay).await.send(&texts(["", "fine", &long])).await.unwrap();
    let told: Vec<_> = sent.iter().map(|failure| (failure.index, failure.error.fault)).collect();
    assert_eq!(told, [(0, PortFault::Invalid), (2, PortFault::TooLarge)]);
    assert_eq!(replay.only_asked().json()["Entries"], json!([{"Id": "0", "MessageBody": "fine"}]));
}

#[tokio::test]
async fn a_lost_send_may_have_happened_and_a_refused_one_not() {
    let io = |kind| ConnectorError::io(Box::new(std::io::Error::from(kind)));
    for (next, effect) in [
        (Next::from(io(std::io::ErrorKind::ConnectionReset)), Effect::Unknown),
        (Next::from(io(std::io::ErrorKind::ConnectionRefused)), Effect::None),
        (Next::from(answer(500, &[], "<html>oops</html>")), Effect::Unknown),
        (Next::from(answer(503, &[], "")), Effect::Unknown),
        (Next::from(answer(200, &[], "not json")), Effect::Unknown),
        (Next::from(sqs_error(400, "RequestThrottled")), Effect::None),
    ] {
        let what = format!("{next:?}");
        let replay = Replay::of([next]);
        let error = queue(&replay).await.send(&texts(["a"])).await.unwrap_err();
        assert_eq!((error.retry, error.effect), (Retry::Backoff, effect), "{what}");
        replay.only_asked();
    }
}

#[tokio::test]
async fn the_first_receipt_says_how_long_a_message_had_waited() {
    let message = |receives: u32| {
        json!({"MessageId": "m", "ReceiptHandle": "h", "Body": "b", "Attributes": {
            "ApproximateReceiveCount": receives.to_string(), "SentTimestamp": "1000",
            "ApproximateFirstReceiveTimestamp": "3500"}})
    };
    let body = json!({"Messages": [message(1), message(2)]});
    let replay = Replay::of([answer_json(&body.to_string())]);
    let held = queue(&replay).await.receive(10, Duration::ZERO).await.unwrap();
    assert_eq!((held[0].waited, held[1].waited), (Some(Duration::from_millis(2_500)), None));
}

#[tokio::test]
async fn a_receive_asks_for_the_count_and_takes_no_answer_for_an_answer() {
    let replay = Replay::of([
        answer_json(
            r#"{"Messages":[{"MessageId":"m","ReceiptHandle":"handle-1","Body":"{\"v\":1}",
                "Attributes":{"ApproximateReceiveCount":"4"}}]}"#,
        ),
        answer_json("{}"),
    ]);
    let queue = queue(&replay).await;
    let held = queue.receive(10, Duration::from_millis(19_500)).await.unwrap();
    assert_eq!((held[0].body.as_str(), held[0].receives, &held[0].hold), (r#"{"v":1}"#, 4, &hold()));
    assert!(queue.receive(1, Duration::ZERO).await.unwrap().is_empty());
    let asked = replay.asked()[0].json();
    assert_eq!(asked["WaitTimeSeconds"], 20);
    assert_eq!(asked["MaxNumberOfMessages"], 10);
    let wanted = ["ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "SentTimestamp"];
    assert_eq!(asked["MessageSystemAttributeNames"], json!(wanted));
    assert_eq!(queue.receive(11, Duration::ZERO).await.unwrap_err().fault, PortFault::Invalid);
}

#[tokio::test(start_paused = true)]
async fn a_receive_outlasts_its_long_poll_and_ends_all_the_same() {
    let replay = Replay::of([Next::Silence]);
    let queue = queue(&replay).await;
    let began = Instant::now();
    let error = queue.receive(1, Duration::from_secs(20)).await.unwrap_err();
    assert_eq!((error.fault, error.retry), (PortFault::Unavailable, Retry::Backoff));
    assert!(began.elapsed() > Duration::from_secs(25) && began.elapsed() < Duration::from_secs(35));
}

#[tokio::test]
async fn whatever_sqs_calls_a_stale_handle_the_lease_is_gone() {
    for code in ["ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"] {
        let failed = format!(r#"{{"Id":"0","Code":"{code}","SenderFault":true}}"#);
        let replay = Replay::of([sqs_error(400, code), sqs_error(400, code), deleted(&failed)]);
        let queue = queue(&replay).await;
        let told = [
            queue.extend(&hold(), Duration::from_secs(60)).await,
            queue.release(&hold(), Duration::ZERO).await,
            queue.ack(&hold()).await,
        ];
        for error in told.map(Result::unwrap_err) {
            assert_eq!(
                parts(&error),
                (PortFault::LeaseGone, Retry::Never, Effect::None),
                "{code} {}",
                error.call
            );
        }
    }
}

#[tokio::test]
async fn a_window_is_never_shorter_than_was_asked_for_and_never_over_twelve_hours() {
    let replay = Replay::of([answer_json("{}")]);
    let queue = queue(&replay).await;
    queue.extend(&hold(), Duration::from_millis(1200)).await.unwrap();
    assert_eq!(replay.only_asked().json()["VisibilityTimeout"], 2);
    let error = queue.extend(&hold(), Duration::from_secs(43_201)).await.unwrap_err();
    assert_eq!(error.fault, PortFault::Invalid);
}

#[tokio::test]
async fn a_failed_batch_of_acks_fails_each_of_them_alike() {
    let replay = Replay::of([sqs_error(400, "RequestThrottled")]);
    let queue = queue(&replay).await;
    let (one, two) = (hold(), Hold("handle-2".to_owned()));
    let (one, two) = tokio::join!(queue.ack(&one), queue.ack(&two));
    for error in [one.unwrap_err(), two.unwrap_err()] {
        assert_eq!(parts(&error), (PortFault::Throttled, Retry::Backoff, Effect::None));
        assert_eq!(error.source().unwrap().to_string(), "RequestThrottled (status 400)");
    }
    let asked = replay.only_asked();
    assert_eq!(operation(&asked), "DeleteMessageBatch");
    assert_eq!(asked.json()["Entries"][1], json!({"Id": "1", "ReceiptHandle": "handle-2"}));
}

#[tokio::test]
async fn a_dead_letter_is_proven_ours_then_sent_then_deleted() {
    let replay = Replay::of([answer_json("{}"), answer_json(r#"{"MessageId":"m"}"#), deleted("")]);
    queue(&replay).await.dead_letter(&poison(), "no\u{0}plan").await.unwrap();
    let asked = replay.asked();
    let operations: Vec<_> = asked.iter().map(operation).collect();
    assert_eq!(operations, ["ChangeMessageVisibility", "SendMessage", "DeleteMessageBatch"]);
    let sent = asked[1].json();
    assert_eq!((&sent["QueueUrl"], &sent["MessageBody"]), (&json!(DLQ), &json!(r#"{"v":1}"#)));
    assert_eq!(
        sent["MessageAttributes"],
        json!({
            "backfleet-reason": {"DataType": "String", "StringValue": "no\u{fffd}plan"},
            "backfleet-receives": {"DataType": "Number", "StringValue": "4"},
        })
    );
}

#[tokio::test]
async fn a_message_that_is_no_longer_ours_becomes_no_dead_letter() {
    let replay = Replay::of([sqs_error(400, "MessageNotInflight")]);
    let error = queue(&replay).await.dead_letter(&poison(), "why").await.unwrap_err();
    assert_eq!(error.fault, PortFault::LeaseGone);
    assert_eq!(replay.asked().len(), 1);
}

#[tokio::test]
async fn a_message_is_not_deleted_unless_the_dead_letter_stands() {
    let replay = Replay::of([answer_json("{}"), answer(500, &[], "")]);
    let error = queue(&replay).await.dead_letter(&poison(), "why").await.unwrap_err();
    assert_eq!(
        (parts(&error), error.subject.as_str()),
        ((PortFault::Unavailable, Retry::Backoff, Effect::Unknown), DLQ)
    );
    assert_eq!(replay.asked().len(), 2);
}

#[tokio::test]
async fn the_dead_letter_queue_is_found_by_the_redrive_policy() {
    let policy = r#"{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-central-1:123456789012:work-dlq\",\"maxReceiveCount\":5}"#;
    let replay = Replay::of([
        answer_json(&format!(r#"{{"Attributes":{{"RedrivePolicy":"{policy}"}}}}"#)),
        answer_json(&format!(r#"{{"QueueUrl":"{DLQ}"}}"#)),
        answer_json(r#"{"Attributes":{}}"#),
    ]);
    assert_eq!(replay.aws.sqs_queue(QUEUE, None).await.unwrap().dlq_url(), Some(DLQ));
    let asked = replay.asked()[1].json();
    assert_eq!(asked, json!({"QueueName": "work-dlq", "QueueOwnerAWSAccountId": "123456789012"}));
    assert_eq!(replay.aws.sqs_queue(QUEUE, None).await.unwrap().dlq_url(), None);
}

#[tokio::test]
async fn a_missing_queue_is_not_found_under_either_name() {
    for code in ["NonExistentQueue", "QueueDoesNotExist"] {
        let replay = Replay::of([sqs_error(400, code)]);
        let error = queue(&replay).await.receive(1, Duration::ZERO).await.unwrap_err();
        assert_eq!((error.fault, error.retry), (PortFault::NotFound, Retry::Never), "{code}");
    }
}
