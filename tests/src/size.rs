//! DynamoDB's own size of an item, computed a second time: from the rule, not from the product's code.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Names and values of a map of typed values.
pub fn size_of_map(attributes: &Value) -> u64 {
    let attributes = attributes.as_object().expect("an item is an object");
    attributes.iter().map(|(name, value)| name.len() as u64 + size_of(value)).sum()
}

fn size_of(value: &Value) -> u64 {
    let typed: &Map<String, Value> = value.as_object().expect("a value is an object");
    let (tag, inner) = typed.iter().next().expect("a value has a type");
    match tag.as_str() {
        "S" => text(inner).len() as u64,
        "N" => size_of_number(text(inner)),
        "B" => STANDARD.decode(text(inner)).expect("binary is base64").len() as u64,
        "BOOL" | "NULL" => 1,
        "SS" | "NS" | "BS" => {
            let member = |member: &Value| size_of(&serde_json::json!({ tag[..1].to_owned(): member }));
            elements(inner).iter().map(member).sum()
        }
        "L" => 3 + elements(inner).iter().map(|element| 1 + size_of(element)).sum::<u64>(),
        "M" => 3 + inner.as_object().map_or(0, Map::len) as u64 + size_of_map(inner),
        tag => panic!("no type {tag}"),
    }
}

/// One byte, one for every two digits aligned at the point, one for the sign; zero is one byte, 21 the most.
fn size_of_number(text: &str) -> u64 {
    let (negative, positive) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = positive.split_once('.').unwrap_or((positive, ""));
    let digits = "0".repeat(whole.len() % 2) + whole + fraction + &"0".repeat(fraction.len() % 2);
    let pairs: Vec<&[u8]> = digits.as_bytes().chunks(2).collect();
    let first = pairs.iter().position(|pair| *pair != b"00");
    let last = pairs.iter().rposition(|pair| *pair != b"00");
    match first.zip(last) {
        None => 1,
        Some((first, last)) => (1 + (last - first + 1) as u64 + u64::from(negative)).min(21),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the value of a type is text")
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().expect("the value of a list or set is an array")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_sizes_that_real_records_show() {
        let known = [
            ("101", 3),
            ("30", 2),
            ("63.06", 3),
            ("1720046486", 6),
            ("0", 1),
            ("5000000000", 2),
            ("1524147164000", 7),
        ];
        for (number, size) in known {
            assert_eq!(size_of_number(number), size, "{number}");
        }
    }
}
