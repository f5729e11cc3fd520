//! What leaves for SQS on an operator's behalf.

use std::time::{Duration, UNIX_EPOCH};

use backfleet_core::ports::DeadLetters as _;
use backfleet_core::ports::{Depth, PortFault};
use serde_json::json;

use super::*;
use crate::replay::{Answer, Replay, answer, json as answer_json, sqs_error};

const QUEUE: &str = "https://sqs.test/123456789012/work";
const DLQ: &str = "https://sqs.test/123456789012/work-dlq";

fn attributes(attributes: serde_json::Value) -> Answer {
    answer_json(&json!({ "Attributes": attributes }).to_string())
}

async fn open(mut answers: Vec<Answer>) -> (DeadLetterBox, Replay) {
    let facts = attributes(json!({"QueueArn": "arn:aws:sqs:eu-central-1:123456789012:work-dlq"}));
    answers.insert(0, facts);
    let replay = Replay::of(answers);
    let letters = replay.aws.dead_letter_box(QUEUE, Some(DLQ.to_owned())).await.unwrap();
    (letters, replay)
}

fn letter() -> Answer {
    answer_json(
        r#"{"Messages":[{"MessageId":"m1","ReceiptHandle":"handle-1","Body":"{}",
            "Attributes":{"ApproximateReceiveCount":"2","SentTimestamp":"1700000000000",
                          "ApproximateFirstReceiveTimestamp":"1700000001000"},
            "MessageAttributes":{"backfleet-reason":{"DataType":"String","StringValue":"no plan"},
                                 "backfleet-receives":{"DataType":"Number","StringValue":"5"}}}]}"#,
    )
}

#[tokio::test]
async fn a_peek_tells_all_that_is_known_of_a_dead_letter_and_ends_when_nothing_more_comes() {
    let (letters, replay) = open(vec![letter(), answer_json("{}"), answer_json("{}")]).await;
    let entries = letters.peek(25).await.unwrap();
    let [entry] = &entries[..] else { panic!("one entry, not {entries:?}") };
    assert_eq!((entry.body.as_str(), entry.reason.as_deref(), entry.receives), ("{}", Some("no plan"), 5));
    assert_eq!(entry.sent, Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000)));
    assert_eq!(entry.first_received, Some(UNIX_EPOCH + Duration::from_secs(1_700_000_001)));
    let asked = replay.asked()[1].json();
    assert_eq!((&asked["MaxNumberOfMessages"], &asked["VisibilityTimeout"]), (&json!(10), &json!(120)));
    assert_eq!(asked["QueueUrl"], DLQ);
}

#[tokio::test]
async fn a_letter_is_sent_back_before_it_is_deleted() {
    let (letters, replay) =
        open(vec![letter(), answer_json(r#"{"MessageId":"m2"}"#), answer_json("{}"), answer(500, &[], "")])
            .await;
    let entry = letters.peek(1).await.unwrap().remove(0);
    letters.send_back(&entry).await.unwrap();
    let asked = replay.asked();
    assert_eq!(
        (&asked[2].json()["QueueUrl"], &asked[2].json()["MessageBody"]),
        (&json!(QUEUE), &json!("{}"))
    );
    assert_eq!(asked[3].json(), json!({"QueueUrl": DLQ, "ReceiptHandle": "handle-1"}));
    letters.send_back(&entry).await.unwrap_err();
    assert_eq!(replay.asked().len(), 5, "nothing is deleted that was not sent");
}

#[tokio::test]
async fn a_hold_on_a_letter_may_be_gone() {
    let (letters, _replay) =
        open(vec![letter(), sqs_error(400, "ReceiptHandleIsInvalid"), sqs_error(400, "MessageNotInflight")])
            .await;
    let entry = letters.peek(1).await.unwrap().remove(0);
    assert_eq!(letters.discard(&entry).await.unwrap_err().fault, PortFault::LeaseGone);
    assert_eq!(letters.leave(&entry).await.unwrap_err().fault, PortFault::LeaseGone);
}

#[tokio::test]
async fn a_move_begins_or_is_not_to_be_had_here() {
    let running = answer_json(
        r#"{"Results":[{"Status":"RUNNING","ApproximateNumberOfMessagesMoved":3,
            "ApproximateNumberOfMessagesToMove":9,"StartedTimestamp":1700000000000}]}"#,
    );
    let unsupported = || sqs_error(400, "UnsupportedOperation");
    let (letters, replay) = open(vec![
        answer_json(r#"{"TaskHandle":"t"}"#),
        running,
        unsupported(),
        unsupported(),
        answer_json("{}"),
    ])
    .await;
    assert_eq!(letters.start_move_task().await.unwrap(), MoveStart::Started);
    let progress = letters.move_task_progress().await.unwrap().unwrap();
    assert_eq!((progress.state, progress.moved, progress.to_move), (MoveState::Running, 3, Some(9)));
    assert_eq!(letters.start_move_task().await.unwrap(), MoveStart::NotSupportedHere);
    assert_eq!(letters.move_task_progress().await.unwrap(), None);
    assert_eq!(letters.move_task_progress().await.unwrap(), None);
    assert_eq!(
        replay.asked()[1].json(),
        json!({"SourceArn": "arn:aws:sqs:eu-central-1:123456789012:work-dlq"})
    );
}

#[tokio::test]
async fn a_move_that_is_denied_is_an_error() {
    let (letters, _replay) = open(vec![sqs_error(403, "AccessDenied")]).await;
    assert_eq!(letters.start_move_task().await.unwrap_err().fault, PortFault::Denied);
}

#[tokio::test]
async fn the_facts_of_a_queue_are_read_from_its_attributes() {
    let policy =
        json!({"Statement": {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}});
    let redrive = json!({"deadLetterTargetArn": "arn:aws:sqs:r:1:q-dlq", "maxReceiveCount": "5"});
    let replay = Replay::of([
        attributes(json!({
            "QueueArn": "arn:aws:sqs:r:1:q", "VisibilityTimeout": "120", "MessageRetentionPeriod": "1209600",
            "ReceiveMessageWaitTimeSeconds": "20", "MaximumMessageSize": "1048576", "SqsManagedSseEnabled": "true",
            "Policy": policy.to_string(), "RedrivePolicy": redrive.to_string(),
            "ApproximateNumberOfMessages": "7", "ApproximateNumberOfMessagesNotVisible": "2",
        })),
        attributes(json!({"QueueArn": "arn:aws:sqs:r:1:q", "Policy": "", "SqsManagedSseEnabled": "false"})),
    ]);
    let facts = replay.aws.queue_facts(QUEUE).await.unwrap();
    assert_eq!(
        facts.redrive,
        Some(RedriveFacts { receives_max: 5, dlq_arn: "arn:aws:sqs:r:1:q-dlq".to_owned() })
    );
    assert_eq!((facts.visibility, facts.retention.as_secs()), (Duration::from_secs(120), 1_209_600));
    assert_eq!(facts.depth, Depth { visible: 7, in_flight: 2, delayed: 0, dead: 0 });
    assert!(facts.encrypted && facts.tls_only && facts.kms_key.is_none());
    let facts = replay.aws.queue_facts(QUEUE).await.unwrap();
    assert!(!facts.encrypted && !facts.tls_only && facts.redrive.is_none());
}
