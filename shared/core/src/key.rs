//! The name of an object below a store's root.

use std::fmt;

use crate::limits::OBJECT_KEY_BYTES_MAX;

/// A relative object key that cannot climb out of the store it is used with: `/`-separated, without empty,
/// `.` or `..` segments, without control characters, at most [`OBJECT_KEY_BYTES_MAX`] bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// Why a text is no [`ObjectKey`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("object key {key:?} {why}")]
pub struct KeyError {
    key: String,
    why: &'static str,
}

impl ObjectKey {
    /// Checks `text` against the rules of the type.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.into();
        match fault(&text) {
            None => Ok(Self(text)),
            Some(why) => Err(KeyError { key: text.chars().take(200).collect(), why }),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn fault(text: &str) -> Option<&'static str> {
    if text.len() > OBJECT_KEY_BYTES_MAX {
        return Some("is longer than 1,024 bytes");
    }
    if text.chars().any(char::is_control) {
        return Some("has a control character");
    }
    if text.contains('\\') {
        return Some("has a backslash");
    }
    text.split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
        .then_some("has an empty, `.` or `..` segment")
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_could_leave_its_store_is_refused() {
        for wrong in [
            "",
            "/etc/passwd",
            "a/../b",
            "..",
            "a//b",
            "a/./b",
            "a/",
            "a\0b",
            "a\nb",
            "a\\..\\b",
            &"x".repeat(1025),
        ] {
            assert!(ObjectKey::new(wrong).is_err(), "{wrong:?}");
        }
        let longest = "x".repeat(1024);
        for right in
            ["a", "a/b.json.gz", "..a/b..", "Output_Airline.csv/AWSDynamoDB/x", "a b/%2e%2e/+", &longest]
        {
            let key = ObjectKey::new(right).unwrap();
            assert_eq!(key.as_str(), right);
            assert_eq!(format!("{key} {key:?}"), format!("{right} \"{right}\""));
        }
    }
}
