//! `LastEvaluatedKey` as it goes back to DynamoDB: the one thing of a page that the SDK must be told.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// A key attribute's value: one of the three types that keys have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
enum Value {
    S(String),
    N(String),
    B(String),
}

/// Reads the JSON text of a key.
pub(super) fn parse(json: &str) -> Result<HashMap<String, AttributeValue>, String> {
    let parsed: BTreeMap<String, Value> = serde_json::from_str(json)
        .map_err(|error| format!("the key to go on from is none, at byte {}", error.column()))?;
    let attribute = |(name, value): (String, Value)| {
        let value = match value {
            Value::S(text) => AttributeValue::S(text),
            Value::N(text) => AttributeValue::N(text),
            Value::B(text) => {
                let bytes = STANDARD
                    .decode(text)
                    .map_err(|_| "the key to go on from has broken base64".to_owned())?;
                AttributeValue::B(Blob::new(bytes))
            }
        };
        Ok((name, value))
    };
    parsed.into_iter().map(attribute).collect()
}
