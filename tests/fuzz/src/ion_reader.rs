//! What ion-rs makes of a value, as the line of DynamoDB JSON that it stands for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ion_rs::{Decimal, Element, IonResult, Sequence, Struct, Value};
use serde_json::Value as Json;

use crate::quiet::caught;

/// What it reads; `None` where it panics, as its 1.2.0 does at a code point that there is none of.
pub(crate) fn read(text: &[u8]) -> Option<IonResult<Sequence>> {
    caught(|| Element::read_all(text))
}

/// The line of the only value; `None` if there is another, or it is none of an export.
pub(crate) fn line_of(elements: Sequence) -> Option<Json> {
    let mut elements = elements.into_iter();
    let top = elements.next()?;
    if elements.next().is_some() || !top.annotations().is_empty() {
        return None;
    }
    let Value::Struct(fields) = top.value() else { return None };
    let mut line = serde_json::Map::new();
    for (name, field) in fields {
        let Value::Struct(attributes) = field.value() else { return None };
        let twice = line.insert(name.text()?.to_owned(), map(attributes)?);
        if twice.is_some() || !field.annotations().is_empty() {
            return None;
        }
    }
    Some(line.into())
}

fn map(attributes: &Struct) -> Option<Json> {
    let mut map = serde_json::Map::new();
    for (name, value) in attributes {
        // Of a name that is there twice one would be lost here, while the line has both.
        if map.insert(name.text()?.to_owned(), typed(value)?).is_some() {
            return None;
        }
    }
    Some(map.into())
}

fn typed(element: &Element) -> Option<Json> {
    let mut annotations = element.annotations().iter();
    let annotation = annotations.next();
    if annotations.next().is_some() {
        return None;
    }
    let (tag, value) = match (annotation.map(|symbol| symbol.text()), element.value()) {
        (None, Value::Null(_)) => ("NULL", true.into()),
        (None, Value::Bool(value)) => ("BOOL", (*value).into()),
        (None, Value::String(text)) => ("S", text.text().into()),
        (None, Value::Int(_) | Value::Decimal(_)) => ("N", number(element)?),
        (None, Value::Blob(bytes)) => ("B", STANDARD.encode(bytes).into()),
        (None, Value::List(list)) => ("L", list.iter().map(typed).collect::<Option<Vec<_>>>()?.into()),
        (None, Value::Struct(attributes)) => ("M", map(attributes)?),
        (Some(Some("$dynamodb_SS")), Value::List(list)) => ("SS", members(list, text)?),
        (Some(Some("$dynamodb_NS")), Value::List(list)) => ("NS", members(list, number)?),
        (Some(Some("$dynamodb_BS")), Value::List(list)) => ("BS", members(list, binary)?),
        _ => return None,
    };
    Some(serde_json::json!({ tag: value }))
}

fn members(list: &Sequence, of: fn(&Element) -> Option<Json>) -> Option<Json> {
    let member = |member: &Element| member.annotations().is_empty().then(|| of(member))?;
    Some(list.iter().map(member).collect::<Option<Vec<_>>>()?.into())
}

fn text(element: &Element) -> Option<Json> {
    Some(element.as_string()?.into())
}

fn binary(element: &Element) -> Option<Json> {
    Some(STANDARD.encode(element.as_blob()?).into())
}

/// `None` of a float, which is kept in binary there, and of a number beyond anything that DynamoDB has.
fn number(element: &Element) -> Option<Json> {
    let decimal = match element.value() {
        Value::Int(int) => Decimal::new(int.clone(), 0),
        Value::Decimal(decimal) => decimal.clone(),
        _ => return None,
    };
    let has_a_place = decimal.exponent().abs() < 200;
    has_a_place.then(|| normal(&format!("{}e{}", decimal.coefficient(), decimal.exponent())).into())
}

/// Digits without zeros at either end, and the exponent of the last.
fn normal(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, unsigned) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let trimmed = digits.trim_end_matches('0');
    let exponent = exponent.parse::<i64>().expect("an exponent has a place") - fraction.len() as i64
        + (digits.len() - trimmed.len()) as i64;
    if trimmed.is_empty() { "0".to_owned() } else { format!("{sign}{trimmed}e{exponent}") }
}

/// The same line with every number in its normal form.
pub(crate) fn normalised(line: Json) -> Json {
    match line {
        Json::Object(fields) => Json::Object(fields.into_iter().map(normalised_field).collect()),
        Json::Array(values) => values.into_iter().map(normalised).collect::<Vec<_>>().into(),
        other => other,
    }
}

fn normalised_field((name, value): (String, Json)) -> (String, Json) {
    let number = |text: &Json| Json::from(normal(text.as_str().expect("a number is told as text")));
    let value = match (name.as_str(), value) {
        ("N", text @ Json::String(_)) => number(&text),
        ("NS", Json::Array(texts)) => texts.iter().map(number).collect::<Vec<_>>().into(),
        (_, value) => normalised(value),
    };
    (name, value)
}
