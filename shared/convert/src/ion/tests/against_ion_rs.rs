//! Held against another reader: what both take means the same to both, and what ours takes the other one takes too.

use std::panic::catch_unwind;

use ion_rs::{Decimal, Element, IonResult, Sequence, Value};

use super::generated::{Random, line};
use super::*;
use crate::input::Content;
use crate::scan::Scanner;

/// What the other reader says; `None` where it panics, as its 1.2.0 does at a code point that there is none of.
fn read(value: &[u8]) -> Option<IonResult<Sequence>> {
    catch_unwind(|| Element::read_all(value)).ok()
}

/// What the other reader makes of a value, as a line of JSON; `None` if it does not take it, or it is none of an export.
fn other(value: &[u8]) -> Option<serde_json::Value> {
    let elements = read(value)?.ok()?;
    let mut elements = elements.into_iter();
    let top = elements.next()?;
    if elements.next().is_some() || !top.annotations().is_empty() {
        return None;
    }
    let Value::Struct(fields) = top.value() else { return None };
    let mut json = serde_json::Map::new();
    for (name, field) in fields {
        let Value::Struct(attributes) = field.value() else { return None };
        json.insert(name.text()?.to_owned(), map(attributes)?);
    }
    Some(json.into())
}

fn map(attributes: &ion_rs::Struct) -> Option<serde_json::Value> {
    let mut json = serde_json::Map::new();
    for (name, value) in attributes {
        // Of a name that is there twice one would be lost here, while the line has both.
        if json.insert(name.text()?.to_owned(), typed(value)?).is_some() {
            return None;
        }
    }
    Some(json.into())
}

fn typed(element: &Element) -> Option<serde_json::Value> {
    let annotation = element.annotations().first();
    let (tag, value) = match (annotation, element.value()) {
        (None, Value::Null(_)) => ("NULL", true.into()),
        (None, Value::Bool(value)) => ("BOOL", (*value).into()),
        (None, Value::String(text)) => ("S", text.text().into()),
        (None, Value::Int(_) | Value::Decimal(_)) => ("N", number(element)?),
        (None, Value::Blob(bytes)) => ("B", base64(bytes.as_ref())),
        (None, Value::List(list)) => ("L", list.iter().map(typed).collect::<Option<Vec<_>>>()?.into()),
        (None, Value::Struct(attributes)) => ("M", map(attributes)?),
        (Some("$dynamodb_SS"), Value::List(list)) => (
            "SS",
            members(list.iter(), |member| match member.value() {
                Value::String(text) => Some(text.text().into()),
                _ => None,
            })?,
        ),
        (Some("$dynamodb_NS"), Value::List(list)) => ("NS", members(list.iter(), number)?),
        (Some("$dynamodb_BS"), Value::List(list)) => (
            "BS",
            members(list.iter(), |member| match member.value() {
                Value::Blob(bytes) => Some(base64(bytes.as_ref())),
                _ => None,
            })?,
        ),
        _ => return None,
    };
    Some(serde_json::json!({ tag: value }))
}

fn members<'a>(
    members: impl Iterator<Item = &'a Element>,
    of: impl Fn(&Element) -> Option<serde_json::Value>,
) -> Option<serde_json::Value> {
    let plain = |member: &'a Element| member.annotations().is_empty().then_some(member);
    Some(members.map(|member| of(plain(member)?)).collect::<Option<Vec<_>>>()?.into())
}

fn base64(bytes: &[u8]) -> serde_json::Value {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes).into()
}

/// The sign, digits and exponent of a number, without zeros that say nothing: `None` of a float, which the other one keeps in binary.
fn number(element: &Element) -> Option<serde_json::Value> {
    let decimal = match element.value() {
        Value::Int(int) => Decimal::new(int.clone(), 0),
        Value::Decimal(decimal) => decimal.clone(),
        _ => return None,
    };
    // Beyond anything that DynamoDB has, ours refuses.
    let has_a_place = decimal.exponent().abs() < 200;
    has_a_place.then(|| normal(&format!("{}e{}", decimal.coefficient(), decimal.exponent())).into())
}

/// Digits without zeros at either end, and the exponent of the last.
fn normal(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let mut exponent: i64 = exponent.parse().unwrap();
    let (sign, unsigned) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    exponent -= fraction.len() as i64;
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let trimmed = digits.trim_end_matches('0');
    exponent += (digits.len() - trimmed.len()) as i64;
    if trimmed.is_empty() { "0".to_owned() } else { format!("{sign}{trimmed}e{exponent}") }
}

/// The same with every `N` in its normal form.
fn normalised(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(fields) => {
            let field = |(name, value): (String, serde_json::Value)| match (name.as_str(), value) {
                ("N", serde_json::Value::String(text)) => (name, normal(&text).into()),
                ("NS", serde_json::Value::Array(texts)) => {
                    (name, texts.iter().map(|text| normal(text.as_str().unwrap())).collect::<Vec<_>>().into())
                }
                (_, value) => (name, normalised(value)),
            };
            serde_json::Value::Object(fields.into_iter().map(field).collect())
        }
        serde_json::Value::Array(values) => values.into_iter().map(normalised).collect::<Vec<_>>().into(),
        other => other,
    }
}

/// The other reader wants a space there, which Ion does not ask for.
fn has_a_comment_right_behind_a_word(value: &[u8]) -> bool {
    let is_one =
        |bytes: &[u8]| bytes[0].is_ascii_alphanumeric() && bytes[1] == b'/' && b"/*".contains(&bytes[2]);
    value.windows(3).any(is_one)
}

/// `$9x` is a word to the library that DynamoDB writes with, and no id of a symbol; the other reader refuses it.
fn has_a_word_that_begins_like_an_id(value: &[u8]) -> bool {
    value.windows(2).any(|bytes| bytes[0] == b'$' && bytes[1].is_ascii_digit())
}

/// `$ion_1_00` is one word, which the other reader takes for a version marker and something more.
fn has_a_word_that_begins_like_a_marker(value: &[u8]) -> bool {
    let marker = b"$ion_1_0";
    let goes_on = |bytes: &[u8]| bytes.starts_with(marker) && token::is_word(bytes[marker.len()]);
    value.windows(marker.len() + 1).any(goes_on)
}

fn ours(value: &[u8]) -> Option<Vec<u8>> {
    Transcoder::default().transcode(value).ok()?.map(<[u8]>::to_vec)
}

#[test]
fn generated_values_mean_the_same_to_another_reader() {
    let mut compared = 0;
    for seed in 0..4_000 {
        let pair = line(&mut Random(seed));
        let Some(other) = other(pair.ion.as_bytes()) else { continue };
        let ours = ours(pair.ion.as_bytes()).unwrap_or_else(|| panic!("seed {seed}: {}", pair.ion));
        assert_eq!(normalised(serde_json::from_slice(&ours).unwrap()), other, "seed {seed}: {}", pair.ion);
        compared += 1;
    }
    // Floats are the only thing that the other one reads in a way of its own.
    assert!(compared > 2_000, "{compared}");
}

#[test]
fn a_value_with_bytes_altered_is_taken_by_both_or_by_neither() {
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..30_000 {
        let mut random = Random(seed);
        let mut value = line(&mut random).ion.into_bytes();
        for _ in 0..=random.below(2) {
            let at = random.below(value.len());
            match random.below(3) {
                0 => drop(value.remove(at)),
                1 => value[at] = b"{}[]\"'\\:,. \n019-_$adeTx/*"[random.below(25)],
                _ => value.insert(at, b"{}[]\"'\\:,. \n019-_$adeTx/*"[random.below(25)]),
            }
        }
        let shown = || String::from_utf8_lossy(&value).into_owned();
        match ours(&value) {
            Some(json) => {
                taken += 1;
                let mut scanner = Scanner::new(&[], false, Content::Items);
                let differs =
                    has_a_comment_right_behind_a_word(&value) || has_a_word_that_begins_like_an_id(&value);
                if differs || scanner.scan(&json).is_err() {
                    continue;
                }
                let read = read(&value).expect("what ours takes makes nobody panic");
                assert!(read.is_ok(), "seed {seed}: only ours takes {}: {read:?}", shown());
                if let Some(other) = other(&value) {
                    let ours: serde_json::Value = serde_json::from_slice(&json).unwrap();
                    assert_eq!(normalised(ours), other, "seed {seed}: {}", shown());
                }
            }
            None if has_a_word_that_begins_like_a_marker(&value) => refused += 1,
            None => {
                refused += 1;
                assert_eq!(other(&value), None, "seed {seed}: only the other one takes {}", shown());
            }
        }
    }
    assert!(taken > 3_000 && refused > 3_000, "{taken} {refused}");
}

#[test]
fn nothing_makes_the_reader_panic() {
    for seed in 0..50_000 {
        let mut random = Random(seed);
        let alphabet = b"{}[]()\"'\\:,./* \n019-_$IteminullRcd\xc3\xa9xuU";
        let value: Vec<u8> = (0..random.below(60)).map(|_| alphabet[random.below(alphabet.len())]).collect();
        let mut transcoder = Transcoder::default();
        let _ = transcoder.transcode(&value);
        assert!(transcoder.origin(&value, random.below(80)) <= value.len());
        Extent::default().take(&value);
    }
}
