//! SizeBytes, against what AWS itself has said.

use backfleet_convert::Format;
use serde_json::Value;

use crate::common::{convert, spec};
use crate::oracle::number_size;

fn size_bytes(keys: &[&str], item: &str) -> u64 {
    let mut spec = spec(Format::Stream);
    spec.keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let outcome = convert(spec, format!("{{\"Item\":{item}}}\n"));
    let record: Value = serde_json::from_str(&outcome.text()).unwrap();
    record["dynamodb"]["SizeBytes"].as_u64().unwrap()
}

/// Of one number: the rest of the record is key `k` of one byte, twice, and the name `n`.
fn number(text: &str) -> u64 {
    size_bytes(&["k"], &format!(r#"{{"k":{{"S":"x"}},"n":{{"N":"{text}"}}}}"#)) - 5
}

/// aws/aws-lambda-go events/testdata/dynamodb-event.json, first record (MIT-0/Apache-2.0), written by AWS.
#[test]
fn the_real_record_of_aws_lambda_go_has_54_bytes() {
    let item = r#"{"val":{"S":"data"},"asdf1":{"B":"AAEqQQ=="},"asdf2":{"BS":["AAEqQQ==","QSoBAA=="]},"key":{"S":"binary"}}"#;
    assert_eq!(size_bytes(&["val", "key"], item), 54);
}

#[test]
fn numbers_weigh_what_dynamodb_says() {
    let known = [
        ("101", 3),
        ("30", 2),
        ("63.06", 3),
        ("1720046486", 6),
        ("0", 1),
        ("5000000000", 2),
        ("1524147164000", 7),
    ];
    for (text, size) in known {
        assert_eq!(number(text), size, "{text}");
    }
}

#[test]
fn spellings_of_one_number_weigh_the_same() {
    for spellings in [["123", "+0123.000", "1.23e2"], ["-0.5", "-.5", "-5E-1"], ["0", "-0.00", "0e9"]] {
        assert_eq!(spellings.map(number), [number(spellings[0]); 3], "{spellings:?}");
    }
}

#[test]
fn numbers_of_every_exponent_weigh_what_the_oracle_says() {
    for exponent in -140..140 {
        for digits in ["1", "-12", "90.09", "12345678901234567890123456789012345678"] {
            let text = format!("{digits}e{exponent}");
            assert_eq!(Some(number(&text)), number_size(&text), "{text}");
        }
    }
}

#[test]
fn an_exponent_beyond_all_measure_is_no_trouble() {
    assert_eq!(number("1e99999999999999999999999999999999"), 2);
    assert_eq!(number("1e-99999999999999999999999999999999"), 2);
}

#[test]
fn lists_and_maps_weigh_three_bytes_and_one_for_each_element() {
    let of = |value: &str| size_bytes(&["k"], &format!(r#"{{"k":{{"S":"x"}},"n":{value}}}"#)) - 5;
    assert_eq!(of(r#"{"L":[]}"#), 3);
    assert_eq!(of(r#"{"M":{}}"#), 3);
    assert_eq!(of(r#"{"L":[{"S":"ab"},{"NULL":true}]}"#), 3 + 3 + 2);
    assert_eq!(of(r#"{"M":{"ab":{"N":"101"},"c":{"BOOL":false}}}"#), 3 + 1 + 2 + 3 + 1 + 1 + 1);
    assert_eq!(of(r#"{"SS":["ab","é"]}"#), 4);
    assert_eq!(of(r#"{"NS":["101","30"]}"#), 5);
    assert_eq!(of(r#"{"S":"\u00e9\ud83d\ude00\n"}"#), 2 + 4 + 1);
}
