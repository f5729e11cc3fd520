use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn parts(body: &str) -> [Option<Value>; 4] {
    let answer = Answer::cut(body.as_bytes()).unwrap();
    let part = |range: Option<Range<usize>>| range.map(|range| serde_json::from_str(&body[range]).unwrap());
    [
        part(answer.items),
        part(answer.last_evaluated_key),
        part(answer.consumed_capacity),
        part(answer.scanned_count),
    ]
}

#[test]
fn an_answer_is_cut_whatever_the_order_and_the_space_in_it() {
    let items = json!([{"pk": {"S": "a\"]}\\"}}, {"pk": {"S": "b"}, "l": {"L": [{"M": {}}]}}]);
    let (key, capacity) = (json!({"pk": {"S": "b"}}), json!({"TableName": "t", "CapacityUnits": 128.5}));
    let body = json!({
        "ScannedCount": 2, "Count": 2, "Items": items, "LastEvaluatedKey": key, "ConsumedCapacity": capacity,
    });
    let expected = [Some(items), Some(key), Some(capacity), Some(json!(2))];
    assert_eq!(parts(&body.to_string()), expected);
    assert_eq!(parts(&serde_json::to_string_pretty(&body).unwrap()), expected);
}

#[test]
fn an_empty_key_is_no_key() {
    for body in [
        r#"{"Items":[]}"#,
        r#"{"Items":[],"LastEvaluatedKey":{ }}"#,
        r#"{"LastEvaluatedKey":null,"Items":[]}"#,
    ] {
        assert_eq!(parts(body), [Some(json!([])), None, None, None], "{body}");
    }
    assert_eq!(parts("{}"), [None, None, None, None]);
}

#[test]
fn what_is_no_whole_object_is_refused() {
    let whole = r#"{"Items":[{"pk":{"S":"a"}}],"ScannedCount":1}"#;
    for length in 0..whole.len() {
        assert!(Answer::cut(&whole.as_bytes()[..length]).is_err(), "{}", &whole[..length]);
    }
    for broken in
        ["[]", "{}{}", r#"{"a"}"#, r#"{"a":}"#, r#"{"a":1]"#, r#"{"a":1 "b":2}"#, r#"{,}"#, "<html>"]
    {
        assert!(Answer::cut(broken.as_bytes()).is_err(), "{broken}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes_are_cut_or_refused(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ a1".to_vec()), 0..60)) {
        let _ = Answer::cut(&bytes);
    }
}
