//! Pages stay the bytes they came as; errors and descriptions are read by the SDK as ever.

use backfleet_core::plan::{Expressions, ScanSource};
use backfleet_core::ports::Retry;
use serde_json::json;

use super::*;
use crate::replay::{Answer, Replay, answer, json as answer_json};

const PAGE: &str = r#"{"Items":[ {"pk":{"S":"a"},"n":{"N":"1E+2"}} ,{"pk":{"S":"b"}}],"Count":2,"ScannedCount":3,"LastEvaluatedKey":{"pk":{"S":"b"},"sk":{"B":"AAE="}},"ConsumedCapacity":{"TableName":"t","CapacityUnits":12.5}}"#;

fn scan() -> ScanSource {
    ScanSource {
        table_arn: "arn".to_owned(),
        index: None,
        segments: 1_000_000,
        lanes: 4,
        consistent: true,
        dated: true,
        expressions: Expressions::default(),
    }
}

async fn page(replay: &Replay, after: Option<&ScanKey>) -> Result<ScanPage, PortError> {
    let scan = scan();
    let request = PageRequest { scan: &scan, segment: 0, after, items_max: Some(7) };
    replay.aws.table("orders", Some("by-date")).page(&request).await
}

fn dynamodb_error(code: &str, more: &str) -> Answer {
    let body =
        format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"about it"{more}}}"#);
    answer(400, &[("content-type", "application/x-amz-json-1.0")], body)
}

#[tokio::test]
async fn a_page_is_the_bytes_that_were_answered() {
    let replay = Replay::of([answer_json(PAGE)]);
    let page = page(&replay, None).await.unwrap();
    assert_eq!(&page.items[..], br#"[ {"pk":{"S":"a"},"n":{"N":"1E+2"}} ,{"pk":{"S":"b"}}]"#);
    assert_eq!((page.scanned, page.units), (3, 12.5));
    assert_eq!(page.next.unwrap().0, r#"{"pk":{"S":"b"},"sk":{"B":"AAE="}}"#);
    let asked = replay.only_asked();
    assert_eq!(
        asked.json(),
        json!({
            "TableName": "orders", "IndexName": "by-date", "Segment": 0, "TotalSegments": 1_000_000, "Limit": 7,
            "ConsistentRead": true, "ReturnConsumedCapacity": "TOTAL",
        })
    );
}

#[tokio::test]
async fn the_key_of_a_page_goes_back_as_it_came() {
    let replay = Replay::of([answer_json(r#"{"Items":[],"ScannedCount":0}"#)]);
    let after = ScanKey(
        r#"{"pk":{"S":"é\n"},"sk":{"B":"AAE="},"n":{"N":"12345678901234567890123456789012345678"}}"#
            .to_owned(),
    );
    let page = page(&replay, Some(&after)).await.unwrap();
    assert_eq!((page.next, page.units), (None, 1.0));
    let sent = &replay.only_asked().json()["ExclusiveStartKey"];
    assert_eq!(*sent, serde_json::from_str::<serde_json::Value>(&after.0).unwrap());
    let broken = ScanKey(r#"{"pk":{"M":{}}}"#.to_owned());
    let silent = Replay::of(Vec::<Answer>::new());
    let error = DynamoTable::page(
        &silent.aws.table("orders", None),
        &PageRequest { scan: &scan(), segment: 0, after: Some(&broken), items_max: None },
    )
    .await
    .unwrap_err();
    assert_eq!((error.fault, error.retry), (PortFault::Invalid, Retry::Never));
}

#[tokio::test]
async fn expressions_are_passed_through_with_values_of_every_type() {
    let replay = Replay::of([answer_json(r#"{"Items":[],"ScannedCount":9}"#)]);
    let values = json!({":s": {"S": "x"}, ":l": {"L": [{"N": "1"}, {"NULL": true}, {"BOOL": false}]},
        ":m": {"M": {"b": {"B": "AAE="}}}, ":ss": {"SS": ["a"]}, ":ns": {"NS": ["1"]}, ":bs": {"BS": ["AAE="]}});
    let names = json!({"#s": "status"});
    let expressions = Expressions {
        filter: Some("#s = :s".into()),
        projection: Some("pk, #s".into()),
        names: serde_json::from_value(names.clone()).unwrap(),
        values: serde_json::from_value(values.clone()).unwrap(),
    };
    let scan = ScanSource { expressions, ..scan() };
    let request = PageRequest { scan: &scan, segment: 0, after: None, items_max: None };
    let table = replay.aws.table("orders", None);
    assert_eq!(table.page(&request).await.unwrap().scanned, 9);
    let sent = replay.only_asked().json();
    assert_eq!(
        (&sent["FilterExpression"], &sent["ProjectionExpression"]),
        (&json!("#s = :s"), &json!("pk, #s"))
    );
    assert_eq!((&sent["ExpressionAttributeNames"], &sent["ExpressionAttributeValues"]), (&names, &values));
    let broken = Expressions { values: [(":s".to_owned(), json!("x"))].into(), ..Expressions::default() };
    let refused = ScanSource { expressions: broken, ..scan.clone() };
    let request = PageRequest { scan: &refused, ..request };
    let error = Replay::of(Vec::<Answer>::new()).aws.table("orders", None).page(&request).await.unwrap_err();
    assert!(error.fault == PortFault::Invalid && error.source.unwrap().to_string().contains(":s"));
}

#[tokio::test]
async fn calls_at_the_same_time_get_their_own_pages() {
    let bodies: Vec<String> =
        (0..20).map(|n| format!(r#"{{"Items":[{{"pk":{{"N":"{n}"}}}}],"ScannedCount":1}}"#)).collect();
    let replay = Replay::of(bodies.iter().map(|body| answer_json(body)));
    let pages = futures_util::future::join_all((0..20).map(|_| page(&replay, None))).await;
    let mut items: Vec<_> = pages.into_iter().map(|page| page.unwrap().items).collect();
    items.sort_unstable();
    items.dedup();
    assert_eq!(items.len(), 20);
}

#[tokio::test]
async fn a_page_that_is_not_what_its_checksum_says_or_no_page_at_all_is_asked_for_again() {
    let checked = |sum: &str| answer(200, &[("x-amz-crc32", sum)], PAGE);
    let good = crc32fast::hash(PAGE.as_bytes()).to_string();
    assert!(page(&Replay::of([checked(&good)]), None).await.is_ok());
    for wrong in [checked("1"), answer_json("{}"), answer_json(&PAGE[..100]), answer_json(r#"{"Items":[]}"#)]
    {
        let error = page(&Replay::of([wrong]), None).await.unwrap_err();
        assert_eq!(error.retry, Retry::Backoff, "{error:?}");
    }
}

#[tokio::test]
async fn errors_are_told_apart_and_hold_nothing_of_an_item() {
    let throttled = dynamodb_error(
        "ProvisionedThroughputExceededException",
        r#","ThrottlingReasons":[{"reason":"TableReadKeyRangeThroughputExceeded","resource":"arn"}]"#,
    );
    for (answer, fault, retry) in [
        (throttled, PortFault::Throttled, Retry::Backoff),
        (dynamodb_error("ThrottlingException", ""), PortFault::Throttled, Retry::Backoff),
        (dynamodb_error("RequestLimitExceeded", ""), PortFault::Throttled, Retry::Backoff),
        (dynamodb_error("ResourceNotFoundException", ""), PortFault::NotFound, Retry::Never),
        (dynamodb_error("ValidationException", ""), PortFault::Invalid, Retry::Never),
        (dynamodb_error("AccessDeniedException", ""), PortFault::Denied, Retry::Never),
        (dynamodb_error("InternalServerError", ""), PortFault::Unavailable, Retry::Backoff),
        (answer(503, &[], "<html>busy</html>"), PortFault::Unavailable, Retry::Backoff),
    ] {
        let error = page(&Replay::of([answer]), None).await.unwrap_err();
        assert_eq!((error.fault, error.retry), (fault, retry), "{error:?}");
        assert_eq!(error.subject, "orders/index/by-date");
    }
    assert_eq!(reason_label("TableReadKeyRangeThroughputExceeded"), "KeyRangeThroughputExceeded");
    assert_eq!(reason_label("anything new"), "unsaid");
}

#[tokio::test]
async fn a_description_tells_keys_size_capacity_and_stream() {
    let table = json!({"Table": {
        "TableArn": "arn:aws:dynamodb:eu-central-1:123456789012:table/orders",
        "KeySchema": [{"AttributeName": "sk", "KeyType": "RANGE"}, {"AttributeName": "pk", "KeyType": "HASH"}],
        "TableSizeBytes": 1000, "ItemCount": 10, "LatestStreamArn": "arn:stream",
        "ProvisionedThroughput": {"ReadCapacityUnits": 40, "WriteCapacityUnits": 1},
        "GlobalSecondaryIndexes": [{"IndexName": "by-date", "IndexSizeBytes": 7, "ItemCount": 3,
            "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 1}}],
    }});
    let replay = Replay::of([
        answer_json(&table.to_string()),
        answer_json(&table.to_string()),
        answer_json(&table.to_string()),
    ]);
    let whole = replay.aws.table("orders", None).describe().await.unwrap();
    assert_eq!(whole.keys, ["pk", "sk"]);
    assert_eq!((whole.bytes, whole.items, whole.capacity), (1000, 10, ReadCapacity::Provisioned(40)));
    assert_eq!(whole.stream_arn.as_deref(), Some("arn:stream"));
    let index = replay.aws.table("orders", Some("by-date")).describe().await.unwrap();
    assert_eq!((index.bytes, index.capacity, index.keys), (7, ReadCapacity::Provisioned(5), whole.keys));
    let missing = replay.aws.table("orders", Some("none")).describe().await.unwrap_err();
    assert_eq!(missing.fault, PortFault::NotFound);
}

#[tokio::test]
async fn on_demand_tables_tell_their_maximum_where_they_have_one() {
    for (max, expected) in [("-1", None), ("4000", Some(4000))] {
        let body = format!(
            r#"{{"Table":{{"TableArn":"arn","BillingModeSummary":{{"BillingMode":"PAY_PER_REQUEST"}},
                "OnDemandThroughput":{{"MaxReadRequestUnits":{max}}}}}}}"#
        );
        let facts = Replay::of([answer_json(&body)]).aws.table("t", None).describe().await.unwrap();
        assert_eq!(facts.capacity, ReadCapacity::OnDemand(expected));
    }
}
