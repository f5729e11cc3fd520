//! A place in a line, and the small steps from there: space, punctuation, strings, type tags.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::reason::Reason;
use crate::scan::text::{self, Text};

/// What is wrong with a line, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) column: u32,
    pub(crate) reason: Reason,
}

impl Fault {
    pub(crate) fn new(reason: Reason, column: usize) -> Fault {
        Fault { column: column as u32, reason }
    }
}

/// The types of DynamoDB, by their names in DynamoDB JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Tag {
    /// String.
    S,
    /// Number.
    N,
    /// Binary.
    B,
    /// Boolean.
    Bool,
    /// Null.
    Null,
    /// Map.
    M,
    /// List.
    L,
    /// String set.
    Ss,
    /// Number set.
    Ns,
    /// Binary set.
    Bs,
}

impl Tag {
    /// As DynamoDB JSON names it.
    pub fn name(self) -> &'static str {
        match self {
            Tag::S => "S",
            Tag::N => "N",
            Tag::B => "B",
            Tag::Bool => "BOOL",
            Tag::Null => "NULL",
            Tag::M => "M",
            Tag::L => "L",
            Tag::Ss => "SS",
            Tag::Ns => "NS",
            Tag::Bs => "BS",
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    pub(crate) line: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn fault(&self, reason: Reason) -> Fault {
        Fault::new(reason, self.at)
    }

    #[inline(always)]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    #[inline]
    pub(crate) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Takes `byte` if it is next, after space.
    #[inline(always)]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        if self.peek() == Some(byte) {
            self.at += 1;
            return true;
        }
        self.take_after_space(byte)
    }

    #[inline(never)]
    fn take_after_space(&mut self, byte: u8) -> bool {
        self.skip_space();
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    /// Takes `byte`, after space; anything else is JSON gone wrong.
    #[inline(always)]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        match self.take(byte) {
            true => Ok(()),
            false => Err(self.unexpected()),
        }
    }

    /// Takes `byte`, after space; anything else is `reason`, the end of the line excepted.
    #[inline(always)]
    pub(crate) fn expect_or(&mut self, byte: u8, reason: Reason) -> Result<(), Fault> {
        match self.take(byte) {
            true => Ok(()),
            false if self.at == self.line.len() => Err(self.unexpected()),
            false => Err(self.fault(reason)),
        }
    }

    #[cold]
    pub(crate) fn unexpected(&self) -> Fault {
        match self.peek() {
            Some(_) => self.fault(Reason::UnexpectedByte),
            None => self.fault(Reason::UnexpectedEnd),
        }
    }

    /// Goes on inside an array or object: true after a comma, false after `end`.
    #[inline(always)]
    pub(crate) fn more(&mut self, end: u8) -> Result<bool, Fault> {
        if self.take(b',') {
            return Ok(true);
        }
        self.expect(end).map(|()| false)
    }

    /// Goes on inside an object: true after a comma and the opening quote of another name, false after the end.
    #[inline(always)]
    pub(crate) fn more_names(&mut self) -> Result<bool, Fault> {
        if self.line.get(self.at..).and_then(|rest| rest.first_chunk()) == Some(b",\"") {
            self.at += 2;
            return Ok(true);
        }
        Ok(self.more(b'}')? && self.expect(b'"').map(|()| true)?)
    }

    /// A string; anything else is `reason`.
    #[inline(always)]
    pub(crate) fn text(&mut self, reason: Reason) -> Result<Text, Fault> {
        self.expect_or(b'"', reason)?;
        self.rest_of_text()
    }

    /// A string whose opening quote was taken.
    #[inline(always)]
    pub(crate) fn rest_of_text(&mut self) -> Result<Text, Fault> {
        let text = text::read(self.line, self.at)?;
        self.at = text.end as usize + 1;
        Ok(text)
    }

    /// The name of an object's field, with its colon.
    #[inline(always)]
    pub(crate) fn name(&mut self) -> Result<Text, Fault> {
        let name = self.text(Reason::UnexpectedByte)?;
        self.expect(b':')?;
        Ok(name)
    }

    /// `{"<tag>":`, the beginning of every value.
    #[inline(always)]
    pub(crate) fn open_value(&mut self) -> Result<Tag, Fault> {
        if let Some((tag, length)) = self.line.get(self.at..).and_then(|rest| opening(*rest.first_chunk()?)) {
            self.at += length;
            return Ok(tag);
        }
        self.open_any_value()
    }

    /// `}` after a value; a comma would begin a second type.
    #[inline(always)]
    pub(crate) fn close_value(&mut self) -> Result<(), Fault> {
        match self.take(b'}') {
            true => Ok(()),
            false if self.peek() == Some(b',') => Err(self.fault(Reason::SeveralTypes)),
            false => Err(self.unexpected()),
        }
    }

    #[cold]
    fn open_any_value(&mut self) -> Result<Tag, Fault> {
        self.expect_or(b'{', Reason::ObjectExpected)?;
        self.skip_space();
        if self.peek() == Some(b'}') {
            return Err(self.fault(Reason::MissingType));
        }
        let at = self.at;
        let name = self.name()?;
        let tag = match name.is_escaped() {
            false => tag(name.raw(self.line)),
            true => tag(name.decoded(self.line, &mut Vec::new())),
        };
        tag.ok_or(Fault::new(Reason::UnknownType, at))
    }

    /// `true` or `false`.
    pub(crate) fn bool(&mut self) -> Option<bool> {
        self.skip_space();
        let rest = &self.line[self.at..];
        let value = rest.starts_with(b"true");
        if !value && !rest.starts_with(b"false") {
            return None;
        }
        self.at += if value { 4 } else { 5 };
        Some(value)
    }
}

/// `{"S":"` and its like.
pub(crate) const TEXT_OPENING: usize = 6;

/// The letter of the tag in `{"S":"` and its like, if such a thing begins at `at`.
#[inline(always)]
pub(crate) fn letter_of_text(line: &[u8], at: usize) -> Option<u8> {
    const ALL_BUT_LETTER: u64 = 0xffff_ff00_ffff;
    let head = u64::from_le_bytes(*line.get(at..)?.first_chunk()?);
    (head & ALL_BUT_LETTER == u64::from_le_bytes(*b"{\"\0\":\"\0\0")).then_some((head >> 16) as u8)
}

/// The tag of the value that begins so, without space or escapes, and the bytes as far as its colon.
#[inline(always)]
fn opening(bytes: [u8; 8]) -> Option<(Tag, usize)> {
    let tag_and_length = match bytes {
        [b'{', b'"', letter, b'"', b':', ..] => (one_letter_tag(letter)?, 5),
        [b'{', b'"', b'S', b'S', b'"', b':', ..] => (Tag::Ss, 6),
        [b'{', b'"', b'N', b'S', b'"', b':', ..] => (Tag::Ns, 6),
        [b'{', b'"', b'B', b'S', b'"', b':', ..] => (Tag::Bs, 6),
        [b'{', b'"', b'B', b'O', b'O', b'L', b'"', b':'] => (Tag::Bool, 8),
        [b'{', b'"', b'N', b'U', b'L', b'L', b'"', b':'] => (Tag::Null, 8),
        _ => return None,
    };
    Some(tag_and_length)
}

fn one_letter_tag(letter: u8) -> Option<Tag> {
    Some(match letter {
        b'S' => Tag::S,
        b'N' => Tag::N,
        b'B' => Tag::B,
        b'M' => Tag::M,
        b'L' => Tag::L,
        _ => return None,
    })
}

fn tag(name: &[u8]) -> Option<Tag> {
    Some(match name {
        [letter] => return one_letter_tag(*letter),
        b"BOOL" => Tag::Bool,
        b"NULL" => Tag::Null,
        b"SS" => Tag::Ss,
        b"NS" => Tag::Ns,
        b"BS" => Tag::Bs,
        _ => return None,
    })
}
