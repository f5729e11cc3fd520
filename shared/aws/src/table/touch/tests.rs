//! What is sent to touch an item, and what the answers mean.

use std::collections::BTreeMap;

use backfleet_core::ports::{PortFault, Retry, TouchAnswer, TouchChange, TouchRequest, Touched, Toucher};
use serde_json::json;

use super::*;
use crate::replay::{Answer, Replay, answer, json as answer_json};

const MARK: &str = "0123456789abcdef0123456789abcdef";

async fn touch(replay: &Replay, change: TouchChange) -> Result<TouchAnswer, PortError> {
    let item = BTreeMap::from([
        ("pk".to_owned(), r#"{"S":"a"}"#),
        ("sk".to_owned(), r#"{"N":"1"}"#),
        ("size".to_owned(), r#"{"N":"1.50"}"#),
        ("a.b".to_owned(), r#"{"M":{"x":{"B":"AQI="}}}"#),
    ]);
    let keys = ["pk".to_owned(), "sk".to_owned()];
    let request = TouchRequest { item: &item, keys: &keys, marker: "_backfleet", mark: MARK, change };
    replay.aws.table("orders", None).touch(&request).await
}

fn refusal(code: &str) -> Answer {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"about it"}}"#);
    answer(400, &[("content-type", "application/x-amz-json-1.0")], body)
}

#[tokio::test]
async fn an_item_is_marked_only_where_every_attribute_is_as_the_source_has_it() {
    let replay =
        Replay::of([answer_json(r#"{"ConsumedCapacity":{"TableName":"orders","CapacityUnits":2.0}}"#)]);
    let touched = touch(&replay, TouchChange::Set).await.unwrap();
    assert_eq!(touched, TouchAnswer { touched: Touched::Done, units: 2.0 });
    assert_eq!(
        replay.only_asked().json(),
        json!({
            "TableName": "orders",
            "Key": {"pk": {"S": "a"}, "sk": {"N": "1"}},
            "UpdateExpression": "SET #m = :m",
            "ConditionExpression": "attribute_exists(#k) AND #0 = :0 AND #1 = :1",
            "ExpressionAttributeNames": {"#m": "_backfleet", "#k": "pk", "#0": "a.b", "#1": "size"},
            "ExpressionAttributeValues": {
                ":m": {"S": MARK}, ":0": {"M": {"x": {"B": "AQI="}}}, ":1": {"N": "1.50"},
            },
            "ReturnConsumedCapacity": "TOTAL",
        })
    );
}

#[tokio::test]
async fn a_mark_is_removed_only_where_it_is_the_jobs() {
    let replay = Replay::of([answer_json("{}")]);
    let touched = touch(&replay, TouchChange::Remove).await.unwrap();
    assert_eq!(touched, TouchAnswer { touched: Touched::Done, units: 1.0 });
    let asked = replay.only_asked().json();
    assert_eq!(
        (&asked["UpdateExpression"], &asked["ConditionExpression"]),
        (&"REMOVE #m".into(), &"#m = :m".into())
    );
    assert_eq!(asked["ExpressionAttributeValues"], json!({":m": {"S": MARK}}));
}

#[tokio::test]
async fn what_does_not_hold_or_cannot_be_written_is_an_answer_and_everything_else_an_error() {
    for (code, touched) in [
        ("ConditionalCheckFailedException", Touched::PassedOver),
        ("ValidationException", Touched::Refused),
        ("ItemCollectionSizeLimitExceededException", Touched::Refused),
    ] {
        let answer = touch(&Replay::of([refusal(code)]), TouchChange::Set).await.unwrap();
        assert_eq!(answer, TouchAnswer { touched, units: 1.0 }, "{code}");
    }
    for (code, fault, retry) in [
        ("ProvisionedThroughputExceededException", PortFault::Throttled, Retry::Backoff),
        ("TransactionConflictException", PortFault::Unavailable, Retry::Backoff),
        ("AccessDeniedException", PortFault::Denied, Retry::Never),
        ("ResourceNotFoundException", PortFault::NotFound, Retry::Never),
    ] {
        let error = touch(&Replay::of([refusal(code)]), TouchChange::Set).await.unwrap_err();
        assert_eq!((error.fault, error.retry), (fault, retry), "{code}");
    }
}

/// DynamoDB counts at most 300 operators and functions in an expression, of at most 4 KB (developer guide, "Constraints").
#[test]
fn the_widest_item_that_is_compared_stays_within_the_limits_of_an_expression() {
    let names: Vec<String> =
        (0..backfleet_core::limits::COMPARED_MAX).map(|n| format!("attribute {n}")).collect();
    let mut item: BTreeMap<String, &str> = names.iter().map(|name| (name.clone(), r#"{"S":"x"}"#)).collect();
    item.insert("pk".to_owned(), r#"{"S":"a"}"#);
    let keys = ["pk".to_owned()];
    let change = TouchChange::Set;
    let request = TouchRequest { item: &item, keys: &keys, marker: "m", mark: MARK, change };
    let condition = Update::of(&request).unwrap().condition;
    let operators = condition.matches(" = ").count() + condition.matches(" AND ").count() + 1;
    assert!(operators <= 300 && condition.len() <= 4096, "{operators}, {} bytes", condition.len());
}
