//! JSON strings: where they end, and what they say.

use wide::u8x16;

use crate::reason::Reason;
use crate::scan::cursor::Fault;

/// A JSON string in its line, without its quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Bytes once its escapes are decoded.
    pub(crate) decoded_len: u32,
}

impl Text {
    /// Every escape is longer than what it stands for.
    #[inline(always)]
    pub(crate) fn is_escaped(self) -> bool {
        self.decoded_len < self.end - self.start
    }

    /// As written.
    pub(crate) fn raw(self, line: &[u8]) -> &[u8] {
        &line[self.start as usize..self.end as usize]
    }

    /// As meant. `scratch` is used if there are escapes; those of a `Text` were checked when it was read.
    pub(crate) fn decoded<'a>(self, line: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        if !self.is_escaped() {
            return self.raw(line);
        }
        scratch.clear();
        unescape(self.raw(line), |piece| scratch.extend_from_slice(piece))
            .expect("escapes were checked when read");
        scratch
    }
}

/// Reads the string whose opening quote stands before `start`.
#[inline(always)]
pub(crate) fn read(line: &[u8], start: usize) -> Result<Text, Fault> {
    let end = special(line, start);
    if line.get(end) == Some(&b'"') {
        return Ok(Text { start: start as u32, end: end as u32, decoded_len: (end - start) as u32 });
    }
    read_escaped(line, start, end)
}

#[cold]
fn read_escaped(line: &[u8], start: usize, first: usize) -> Result<Text, Fault> {
    let mut at = first;
    loop {
        at = match line.get(at) {
            Some(b'"') => break,
            Some(b'\\') => special(line, (at + 2).min(line.len())),
            Some(_) => return Err(Fault::new(Reason::ControlCharacter, at)),
            None => return Err(Fault::new(Reason::UnexpectedEnd, line.len())),
        };
    }
    let mut decoded_len = 0;
    unescape(&line[start..at], |piece| decoded_len += piece.len() as u32)
        .map_err(|fault| Fault::new(fault.reason, start + fault.column as usize))?;
    Ok(Text { start: start as u32, end: at as u32, decoded_len })
}

/// First quote, backslash or control character at or after `at`, or the end of the line. Sixteen bytes a turn, because
/// most names and many values end within the first, and a branch foretold wrongly costs more than a few bytes too many.
#[inline(always)]
pub(crate) fn special(line: &[u8], mut at: usize) -> usize {
    while let Some(bytes) = line.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let found = specials(*bytes);
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += 16;
    }
    special_near_end(line, at)
}

#[inline(never)]
fn special_near_end(line: &[u8], at: usize) -> usize {
    let found = line[at..].iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
    found.map_or(line.len(), |offset| at + offset)
}

/// A bit for each special byte, the first lowest.
#[inline(always)]
fn specials(bytes: [u8; 16]) -> u32 {
    let bytes = u8x16::new(bytes);
    let quote = bytes.simd_eq(u8x16::splat(b'"'));
    let backslash = bytes.simd_eq(u8x16::splat(b'\\'));
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    (quote | backslash | control).to_bitmask()
}

/// Gives the decoded pieces of the inside of a string, in order.
fn unescape(raw: &[u8], mut give: impl FnMut(&[u8])) -> Result<(), Fault> {
    let mut at = 0;
    while let Some(plain) = memchr::memchr(b'\\', &raw[at..]) {
        give(&raw[at..at + plain]);
        at += plain;
        let (decoded, length) = escape(&raw[at..]).map_err(|reason| Fault::new(reason, at))?;
        give(decoded.encode_utf8(&mut [0; 4]).as_bytes());
        at += length;
    }
    give(&raw[at..]);
    Ok(())
}

/// The character of the escape that `raw` begins with, and how many bytes it takes.
fn escape(raw: &[u8]) -> Result<(char, usize), Reason> {
    let decoded = match raw.get(1) {
        Some(&plain @ (b'"' | b'\\' | b'/')) => plain as char,
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(raw),
        _ => return Err(Reason::InvalidEscape),
    };
    Ok((decoded, 2))
}

fn unicode_escape(raw: &[u8]) -> Result<(char, usize), Reason> {
    let first = code_unit(raw).ok_or(Reason::InvalidEscape)?;
    if let Some(decoded) = char::from_u32(first) {
        return Ok((decoded, 6));
    }
    let second = code_unit(&raw[6..]).filter(|unit| (0xdc00..0xe000).contains(unit));
    match second {
        Some(second) if first < 0xdc00 => {
            let scalar = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            Ok((char::from_u32(scalar).expect("a surrogate pair is a scalar"), 12))
        }
        _ => Err(Reason::LoneSurrogate),
    }
}

/// The 16 bits of `\uXXXX` at the beginning of `raw`.
fn code_unit(raw: &[u8]) -> Option<u32> {
    let digits: &[u8; 4] = raw.strip_prefix(b"\\u")?.first_chunk()?;
    let digits = digits.map(|byte| u32::from(DIGITS[usize::from(byte)]));
    let is_number = digits.iter().fold(0, |all, digit| all | digit) < 16;
    is_number.then(|| digits.iter().fold(0, |value, digit| value << 4 | digit))
}

/// What each hexadecimal digit is worth, and 255 for any other byte.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};
