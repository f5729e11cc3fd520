//! Reads a line of an export strictly: JSON with its order and its duplicates, then DynamoDB's rules for
//! items.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// JSON as written: objects keep the order of their members and every one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(u64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(super) fn field(&self, wanted: &str) -> &Json {
        let Json::Object(members) = self else { panic!("{wanted} of {self:?}") };
        let found = members.iter().find(|(name, _)| name == wanted);
        &found.unwrap_or_else(|| panic!("no {wanted} in {self:?}")).1
    }

    pub(super) fn names(&self) -> Vec<&str> {
        let Json::Object(members) = self else { panic!("{self:?} has no names") };
        members.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn text(&self) -> &str {
        let Json::Text(text) = self else { panic!("{self:?} is no text") };
        text
    }

    pub(super) fn number(&self) -> u64 {
        let Json::Number(number) = self else { panic!("{self:?} is no number") };
        *number
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AsWritten)
    }
}

struct AsWritten;

impl<'de> Visitor<'de> for AsWritten {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON without repeated names")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = from.next_element()? {
            members.push(member);
        }
        Ok(Json::Array(members))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let (mut members, mut names) = (Vec::new(), BTreeSet::new());
        while let Some((name, value)) = from.next_entry::<String, Json>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("{name:?} comes twice")));
            }
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

/// The attributes of a line; panics if DynamoDB could not have written it.
pub(super) fn item_of(line: &str) -> Vec<(String, Json)> {
    let parsed = serde_json::from_str(line).unwrap_or_else(|cause| panic!("{cause}: {line:.2000}"));
    let Json::Object(mut outer) = parsed else { panic!("not an object: {line:.2000}") };
    assert!(outer.len() == 1 && outer[0].0 == "Item", "{line:.2000}");
    let Some((_, Json::Object(item))) = outer.pop() else { panic!("not an item: {line:.2000}") };
    assert!(!item.is_empty());
    item.iter().for_each(|(name, value)| check_attribute(name, value, 0));
    item
}

fn check_attribute(name: &str, value: &Json, depth: usize) {
    assert!((1..=65_535).contains(&name.len()), "a name of {} bytes", name.len());
    check_value(value, depth);
}

fn check_value(value: &Json, depth: usize) {
    assert!(depth <= 32, "nested {depth} deep");
    match tagged(value) {
        ("S", Json::Text(_)) | ("BOOL", Json::Bool(_)) | ("NULL", Json::Bool(true)) => {}
        ("N", Json::Text(number)) => check_number(number),
        ("B", Json::Text(base64)) => check_base64(base64),
        ("L", Json::Array(members)) => members.iter().for_each(|member| check_value(member, depth + 1)),
        ("M", Json::Object(members)) => {
            members.iter().for_each(|(name, member)| check_attribute(name, member, depth + 1));
        }
        ("SS", Json::Array(members)) => check_set(members, |_| ()),
        ("NS", Json::Array(members)) => check_set(members, check_number),
        ("BS", Json::Array(members)) => check_set(members, check_base64),
        (tag, value) => panic!("{tag} of {value:?}"),
    }
}

fn tagged(value: &Json) -> (&str, &Json) {
    match value {
        Json::Object(members) if members.len() == 1 => (&members[0].0, &members[0].1),
        other => panic!("no type and value: {other:?}"),
    }
}

/// Numbers in their normal form equal each other only if their text does.
fn check_set(members: &[Json], check: impl Fn(&str)) {
    let distinct: BTreeSet<&str> = members.iter().map(Json::text).collect();
    assert!(!members.is_empty() && distinct.len() == members.len(), "not a set: {members:?}");
    members.iter().for_each(|member| check(member.text()));
}

/// Normal form: no exponent, no sign of plus, no zeros that say nothing.
fn check_number(number: &str) {
    let unsigned = number.strip_prefix('-').unwrap_or(number);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "1"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    assert!(all_digits(whole) && all_digits(fraction), "{number}");
    assert!(whole == "0" || !whole.starts_with('0'), "{number}");
    assert!(!fraction.ends_with('0') && number != "-0", "{number}");
    assert!(significant_digits(number) <= 38, "{number}");
    assert!(whole.len() <= 126 && (fraction.len() <= 130), "{number}");
}

fn significant_digits(number: &str) -> usize {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').len().max(1)
}

fn check_base64(base64: &str) {
    let bytes = STANDARD.decode(base64).unwrap_or_else(|cause| panic!("{cause}: {base64:.100}"));
    assert_eq!(STANDARD.encode(bytes), base64);
}

/// Bytes that count towards the limit of 400 KB, never fewer than DynamoDB counts.
pub(super) fn size_of(item: &[(String, Json)]) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

fn size_of_value(value: &Json) -> usize {
    match tagged(value) {
        ("B", Json::Text(base64)) => STANDARD.decode(base64).unwrap().len(),
        // A byte, one for each pair of digits however they are paired, and one for a sign.
        ("N", Json::Text(number)) => {
            2 + significant_digits(number) / 2 + usize::from(number.starts_with('-'))
        }
        (_, Json::Text(text)) => text.len(),
        ("L", Json::Array(members)) => {
            3 + members.iter().map(|member| 1 + size_of_value(member)).sum::<usize>()
        }
        ("M", Json::Object(members)) => 3 + members.len() + size_of(members),
        (_, Json::Array(members)) => members.iter().map(|member| member.text().len()).sum(),
        _ => 1,
    }
}

/// What values a set of items holds, at any depth.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) types: BTreeSet<String>,
    pub(super) depth: usize,
    pub(super) number_lengths: BTreeSet<usize>,
    pub(super) significant_digits: BTreeSet<usize>,
    pub(super) negative_digits: BTreeSet<usize>,
}

impl Seen {
    pub(super) fn add(&mut self, item: &[(String, Json)]) {
        item.iter().for_each(|(_, value)| self.add_value(value, 0));
    }

    fn add_value(&mut self, value: &Json, depth: usize) {
        let (tag, value) = tagged(value);
        self.types.insert(tag.to_owned());
        self.depth = self.depth.max(depth);
        match (tag, value) {
            ("N", Json::Text(number)) => self.add_number(number),
            ("NS", Json::Array(members)) => members.iter().for_each(|member| self.add_number(member.text())),
            ("L", Json::Array(members)) => {
                members.iter().for_each(|member| self.add_value(member, depth + 1))
            }
            ("M", Json::Object(members)) => {
                members.iter().for_each(|(_, member)| self.add_value(member, depth + 1));
            }
            _ => {}
        }
    }

    fn add_number(&mut self, number: &str) {
        self.number_lengths.insert(number.len());
        self.significant_digits.insert(significant_digits(number));
        if number.starts_with('-') {
            self.negative_digits.insert(significant_digits(number));
        }
    }
}
