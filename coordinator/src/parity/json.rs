//! JSON taken apart by one level at a time, in its own order, with every value as the text that it stands as.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Fields of an object: names decoded, values as they stand.
pub(super) type Fields<'t> = Vec<(String, &'t str)>;

struct Members<'t>(Fields<'t>);

impl<'t> Deserialize<'t> for Members<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'t> Visitor<'t> for InOrder {
            type Value = Members<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Members<'t>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'t RawValue>()? {
                    fields.push((name, value.get()));
                }
                Ok(Members(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The fields of an object; `None` for anything else.
pub(super) fn fields(raw: &str) -> Option<Fields<'_>> {
    serde_json::from_str(raw).ok().map(|Members(fields)| fields)
}

/// The elements of a list, at most `max` and as far as they are whole; none for anything else.
pub(super) fn elements(raw: &str, max: usize) -> Vec<&str> {
    let mut rest = raw.trim_start().strip_prefix('[').unwrap_or_default();
    let mut elements = Vec::new();
    while elements.len() < max {
        let Some((value, behind)) = first_value(rest) else { break };
        elements.push(value);
        let Some(next) = behind.trim_start().strip_prefix(',') else { break };
        rest = next;
    }
    elements
}

/// The value that a text begins with, and what stands behind it.
pub(super) fn first_value(text: &str) -> Option<(&str, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(value)) => Some((value.get(), &text[values.byte_offset()..])),
        _ => scalar_before_more(text),
    }
}

/// A number or word inside of a list or an object: a stream of values has nothing right behind one.
fn scalar_before_more(text: &str) -> Option<(&str, &str)> {
    let end = text.find([',', ']', '}'])?;
    let value: &RawValue = serde_json::from_str(&text[..end]).ok()?;
    Some((value.get(), &text[end..]))
}

/// The field of an object by its name.
pub(super) fn field<'t>(fields: &Fields<'t>, name: &str) -> Option<&'t str> {
    fields.iter().find(|(of, _)| of == name).map(|(_, raw)| *raw)
}

/// A string's text; `None` for anything else, and for what no text can be (half of a surrogate pair).
pub(super) fn text(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// Without the space between tokens, so that it fits on a line.
pub(super) fn compact(raw: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let keeps = |char: &char| {
        let kept = quoted || !char.is_ascii_whitespace();
        (quoted, escaped) = match (quoted, escaped, char) {
            (true, true, _) => (true, false),
            (true, false, '\\') => (true, true),
            (_, false, '"') => (!quoted, false),
            _ => (quoted, false),
        };
        kept
    };
    raw.chars().filter(keeps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_their_repetitions_and_the_text_of_their_values() {
        let fields = fields(r#" { "b" : 1.50 , "a":{"x": [ ]},"b":"\u0061" } "#).unwrap();
        let seen: Vec<(&str, &str)> = fields.iter().map(|(name, raw)| (name.as_str(), *raw)).collect();
        assert_eq!(seen, [("b", "1.50"), ("a", r#"{"x": [ ]}"#), ("b", r#""\u0061""#)]);
        assert_eq!(super::fields("[1]"), None);
        assert_eq!(super::fields(r#"{"a":1"#), None);
    }

    #[test]
    fn elements_of_a_list_are_given_as_far_as_they_are_whole() {
        assert_eq!(
            elements("[1, 2.0 ,{\"a\":[]},\"x]\",null]", 9),
            ["1", "2.0", "{\"a\":[]}", "\"x]\"", "null"]
        );
        assert_eq!(elements("[{}, {\"a\":1}, {\"a\"", 9), ["{}", "{\"a\":1}"]);
        assert_eq!(elements("[1,2,3]", 2), ["1", "2"]);
        assert!(elements("{}", 9).is_empty());
        assert!(elements("[]", 9).is_empty());
    }

    #[test]
    fn a_value_of_any_depth_is_passed_over_without_running_out_of_stack() {
        let deep = format!("[{}{},7]", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(elements(&deep, 9).len(), 2);
    }

    #[test]
    fn compact_json_keeps_what_stands_between_quotes() {
        assert_eq!(compact("{ \"a b\" :\n [ \"x \\\" y\\\\\" , 1 ] }"), r#"{"a b":["x \" y\\",1]}"#);
    }
}
