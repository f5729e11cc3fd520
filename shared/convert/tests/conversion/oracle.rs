//! A small obvious reference: serde_json reads the line, the rules of DynamoDB JSON are applied to what it read.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// JSON with the fields of objects in order, doublets included.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Scalar,
    Bool(bool),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// What an accepted line comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct Judged {
    pub keys_size: u64,
    pub image_size: u64,
}

/// `None` if the line is not an item with a key `pk`.
pub fn judge(line: &[u8]) -> Option<Judged> {
    let Node::Object(top) = serde_json::from_slice(line).ok()? else { return None };
    let [(name, Node::Object(item))] = top.as_slice() else { return None };
    if name != "Item" {
        return None;
    }
    let image_size = map_size(item, 0, 0)?;
    let (_, Node::Object(key)) = item.iter().find(|(name, _)| name == "pk")? else { return None };
    let [(tag, Node::Text(text))] = key.as_slice() else { return None };
    let scalar = matches!(tag.as_str(), "S" | "N" | "B") && !text.is_empty();
    scalar.then_some(())?;
    let keys_size = 2 + value_size(&Node::Object(key.clone()), 0)?;
    Some(Judged { keys_size, image_size })
}

fn map_size(map: &[(String, Node)], each: u64, depth: u32) -> Option<u64> {
    let names: BTreeSet<_> = map.iter().map(|(name, _)| name).collect();
    if names.len() < map.len() || map.iter().any(|(name, _)| name.is_empty()) {
        return None;
    }
    let size = |(name, value): &(String, Node)| Some(each + name.len() as u64 + value_size(value, depth)?);
    map.iter().map(size).sum()
}

fn value_size(value: &Node, depth: u32) -> Option<u64> {
    let Node::Object(typed) = value else { return None };
    let [(tag, value)] = typed.as_slice() else { return None };
    match (tag.as_str(), value) {
        ("S", Node::Text(text)) => Some(text.len() as u64),
        ("N", Node::Text(text)) => number_size(text),
        ("B", Node::Text(text)) => binary_size(text),
        ("BOOL", Node::Bool(_)) | ("NULL", Node::Bool(true)) => Some(1),
        ("SS", Node::Array(members)) => set_size(members, |text| Some(text.len() as u64)),
        ("NS", Node::Array(members)) => set_size(members, number_size),
        ("BS", Node::Array(members)) => set_size(members, binary_size),
        ("L", Node::Array(values)) if depth < 40 => values
            .iter()
            .map(|value| Some(1 + value_size(value, depth + 1)?))
            .sum::<Option<u64>>()
            .map(|size| 3 + size),
        ("M", Node::Object(map)) if depth < 40 => Some(3 + map_size(map, 1, depth + 1)?),
        _ => None,
    }
}

fn set_size(members: &[Node], size: fn(&str) -> Option<u64>) -> Option<u64> {
    let texts: Vec<&str> = members.iter().map(Node::text).collect::<Option<_>>()?;
    let different: BTreeSet<_> = texts.iter().collect();
    if texts.is_empty() || different.len() < texts.len() {
        return None;
    }
    texts.into_iter().map(size).sum()
}

fn binary_size(text: &str) -> Option<u64> {
    Some(base64::engine::general_purpose::STANDARD.decode(text).ok()?.len() as u64)
}

/// Writes the number out in full, pads it to whole pairs on both sides of the point, trims zero pairs, counts.
pub fn number_size(text: &str) -> Option<u64> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return None;
    }
    if exponent_digits.is_empty() || !digits(exponent_digits) {
        return None;
    }
    let exponent: i64 = exponent_digits.parse().unwrap_or(10_000).min(10_000)
        * if exponent.starts_with('-') { -1 } else { 1 };
    let point = 20_000 + whole.len() as i64 + exponent;
    let mut places = "0".repeat(20_000) + whole + fraction + &"0".repeat(20_000);
    if point % 2 == 1 {
        places.insert(0, '0');
    }
    let pairs: Vec<&[u8]> = places.as_bytes().chunks(2).collect();
    let nonzero = |pair: &[u8]| pair.iter().any(|digit| *digit != b'0');
    let Some(first) = pairs.iter().position(|pair| nonzero(pair)) else { return Some(1) };
    let last = pairs.iter().rposition(|pair| nonzero(pair))?;
    Some((1 + (last - first + 1) as u64 + u64::from(negative)).min(21))
}

impl Node {
    fn text(&self) -> Option<&str> {
        match self {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Node, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element()? {
            array.push(element);
        }
        Ok(Node::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut object = Vec::new();
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        Ok(Node::Object(object))
    }
}
