//! One line of output, taken apart without changing a byte of it.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Names and values of a JSON object, the values as the bytes they are.
pub type RawObject<'a> = BTreeMap<String, &'a RawValue>;

/// The members of an object.
#[track_caller]
pub fn members(json: &str) -> RawObject<'_> {
    match serde_json::from_str(json) {
        Ok(object) => object,
        Err(error) => panic!("no JSON object, {error}: {json}"),
    }
}

/// The member at the end of a path, as text.
#[track_caller]
pub fn raw<'a>(json: &'a [u8], path: &[&str]) -> &'a str {
    let mut text = std::str::from_utf8(json).expect("records are UTF-8");
    for name in path {
        text = match members(text).remove(*name) {
            Some(value) => value.get(),
            None => panic!("no {name} in {text}"),
        };
    }
    text
}

/// Puts zeros in place of every event id, whose digest is the product's own choice, and gives the ids found.
pub fn mask_event_ids(text: &str) -> (String, Vec<String>) {
    const NAME: &str = "\"eventID\":\"";
    let (mut masked, mut ids, mut rest) = (String::new(), Vec::new(), text);
    while let Some(at) = rest.find(NAME) {
        let (before, behind) = rest.split_at(at + NAME.len());
        let (id, after) = behind.split_once('"').expect("a string ends");
        masked.push_str(before);
        masked.extend(id.chars().map(|char| if char == '-' { '-' } else { '0' }));
        masked.push('"');
        ids.push(id.to_owned());
        rest = after;
    }
    masked.push_str(rest);
    (masked, ids)
}
