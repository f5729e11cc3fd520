//! SHA-256 as the identity of jobs and of stored objects.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of an object's bytes as stored. Text form: 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Digest(pub [u8; 32]);

impl Sha256Digest {
    /// Length of its text form.
    pub const HEX_DIGITS: usize = 64;

    /// Digests `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Sha256Digest> for String {
    fn from(digest: Sha256Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Sha256Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl FromStr for Sha256Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        parse_lower_hex(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// A text that should be a digest is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a digest of {wanted} lower-case hex digits was expected, not {found:?}")]
pub struct DigestError {
    wanted: usize,
    found: String,
}

pub(crate) fn parse_lower_hex(text: &str, into: &mut [u8]) -> Result<(), DigestError> {
    let refused = || DigestError { wanted: into.len() * 2, found: text.chars().take(80).collect() };
    let digits = text.as_bytes();
    if digits.len() != into.len() * 2 {
        return Err(refused());
    }
    let mut bytes = Vec::with_capacity(into.len());
    for pair in digits.chunks_exact(2) {
        let (high, low) = (nibble(pair[0]).ok_or_else(refused)?, nibble(pair[1]).ok_or_else(refused)?);
        bytes.push(high << 4 | low);
    }
    into.copy_from_slice(&bytes);
    Ok(())
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_its_text_form_and_nothing_else_parses() {
        let digest = Sha256Digest::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in ["", "ba78", &digest.to_string().to_uppercase(), &"g".repeat(64), &"é".repeat(32)] {
            assert!(wrong.parse::<Sha256Digest>().is_err(), "{wrong}");
        }
    }
}
