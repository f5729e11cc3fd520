//! Appends lines and attributes in DynamoDB JSON: `{"Item":{"name":{"N":"1"}}}`.
//!
//! Names and strings given here need no escapes; the profile that has hard ones writes them itself.

use super::text;

/// One line, its attributes in the given order, each written by `attribute`.
pub(super) fn line<T: Copy>(out: &mut Vec<u8>, order: &[T], mut attribute: impl FnMut(&mut Vec<u8>, T)) {
    out.extend_from_slice(b"{\"Item\":{");
    for (nth, &which) in order.iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        attribute(out, which);
    }
    out.extend_from_slice(b"}}\n");
}

#[inline]
pub(super) fn string(out: &mut Vec<u8>, name: &str, value: &str) {
    string_of(out, name, |out| out.extend_from_slice(value.as_bytes()));
}

#[inline]
pub(super) fn string_of(out: &mut Vec<u8>, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
    tagged(out, name, "\":{\"S\":\"", value, "\"}");
}

/// `units` of 10^-`places`.
#[inline]
pub(super) fn number(out: &mut Vec<u8>, name: &str, units: i64, places: usize) {
    number_of(out, name, |out| text::decimal(out, units, places));
}

#[inline]
pub(super) fn number_of(out: &mut Vec<u8>, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
    tagged(out, name, "\":{\"N\":\"", value, "\"}");
}

#[inline]
pub(super) fn boolean(out: &mut Vec<u8>, name: &str, value: bool) {
    let value = if value { "true" } else { "false" };
    tagged(out, name, "\":{\"BOOL\":", |out| out.extend_from_slice(value.as_bytes()), "}");
}

#[inline]
pub(super) fn null(out: &mut Vec<u8>, name: &str) {
    tagged(out, name, "\":{\"NULL\":true}", |_| (), "");
}

#[inline]
pub(super) fn binary(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    tagged(out, name, "\":{\"B\":\"", |out| text::base64(out, value), "\"}");
}

/// `members` writes the attributes between the braces.
#[inline]
pub(super) fn map(out: &mut Vec<u8>, name: &str, members: impl FnOnce(&mut Vec<u8>)) {
    tagged(out, name, "\":{\"M\":{", members, "}}");
}

/// `members` are written one after the other, each with its type: `{"N":"1"},{"N":"2"}`.
#[inline]
pub(super) fn list_of_numbers(out: &mut Vec<u8>, name: &str, members: &[i64], places: usize) {
    let member = |out: &mut Vec<u8>, units: &i64| {
        out.extend_from_slice(b"{\"N\":\"");
        text::decimal(out, *units, places);
        out.extend_from_slice(b"\"}");
    };
    tagged(out, name, "\":{\"L\":[", |out| separated(out, members, member), "]}");
}

/// The members must differ, and there must be one: DynamoDB has no other sets.
#[inline]
pub(super) fn set_of_strings(out: &mut Vec<u8>, name: &str, members: &[&str]) {
    let member = |out: &mut Vec<u8>, value: &&str| {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    };
    tagged(out, name, "\":{\"SS\":[", |out| separated(out, members, member), "]}");
}

/// Joins with commas.
pub(super) fn separated<T>(out: &mut Vec<u8>, members: &[T], mut member: impl FnMut(&mut Vec<u8>, &T)) {
    for (nth, value) in members.iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        member(out, value);
    }
}

#[inline]
fn tagged(out: &mut Vec<u8>, name: &str, open: &str, value: impl FnOnce(&mut Vec<u8>), close: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(open.as_bytes());
    value(out);
    out.extend_from_slice(close.as_bytes());
}
