//! Typed values on their way to the SDK: where a segment goes on, what expressions compare with, and items that are touched.
//! Values that are read never take this way.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// A value in DynamoDB JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
enum Value {
    S(String),
    N(String),
    B(Base64),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(bool),
    L(Vec<Value>),
    M(BTreeMap<String, Value>),
    #[serde(rename = "SS")]
    Strings(Vec<String>),
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    #[serde(rename = "BS")]
    Binaries(Vec<Base64>),
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Base64(Blob);

impl TryFrom<String> for Base64 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        STANDARD.decode(text).map(|bytes| Self(Blob::new(bytes))).map_err(|_| "broken base64")
    }
}

impl From<Value> for AttributeValue {
    fn from(value: Value) -> Self {
        match value {
            Value::S(text) => Self::S(text),
            Value::N(text) => Self::N(text),
            Value::B(bytes) => Self::B(bytes.0),
            Value::Bool(flag) => Self::Bool(flag),
            Value::Null(flag) => Self::Null(flag),
            Value::L(values) => Self::L(values.into_iter().map(Self::from).collect()),
            Value::M(values) => Self::M(attributes(values)),
            Value::Strings(texts) => Self::Ss(texts),
            Value::Numbers(texts) => Self::Ns(texts),
            Value::Binaries(sets) => Self::Bs(sets.into_iter().map(|bytes| bytes.0).collect()),
        }
    }
}

fn attributes(values: BTreeMap<String, Value>) -> HashMap<String, AttributeValue> {
    values.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// Reads the JSON text of a key: `LastEvaluatedKey` as it goes back to DynamoDB. Nothing of it is quoted.
pub(super) fn key(json: &str) -> Result<HashMap<String, AttributeValue>, String> {
    let parsed: BTreeMap<String, Value> = serde_json::from_str(json)
        .map_err(|error| format!("the key to go on from is none, at byte {}", error.column()))?;
    let of_a_key = |value: &Value| matches!(value, Value::S(_) | Value::N(_) | Value::B(_));
    if !parsed.values().all(of_a_key) {
        return Err("the key to go on from has a value that no key has".to_owned());
    }
    Ok(attributes(parsed))
}

/// A value of an item as its source has it. Nothing of it is quoted.
pub(super) fn of_item(json: &str) -> Result<AttributeValue, String> {
    let value: Value = serde_json::from_str(json)
        .map_err(|error| format!("a value of the item is none, at byte {}", error.column()))?;
    Ok(value.into())
}

/// The values of expressions.
pub(super) fn of_expressions(
    values: &BTreeMap<String, serde_json::Value>,
) -> Result<HashMap<String, AttributeValue>, String> {
    let read = |(name, json): (&String, &serde_json::Value)| {
        let value = Value::deserialize(json);
        let value = value.map_err(|error| format!("the expression value {name} is none: {error}"))?;
        Ok((name.clone(), value.into()))
    };
    values.iter().map(read).collect()
}
