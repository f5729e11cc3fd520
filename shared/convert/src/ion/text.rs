//! Ion strings and quoted names, written as JSON strings in one spelling: short escapes where JSON has them, `\u00XX` for
//! other control characters, everything else as it is.

use crate::ion::token::Tokens;
use crate::reason::Reason;
use crate::scan::{Fault, special};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// What encloses a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    /// `"…"`
    Double,
    /// `'…'`
    Single,
    /// `'''…'''`, once or several times
    Long,
}

/// Writes the text whose opening quote was taken, and takes its end.
#[inline]
pub(super) fn write(tokens: &mut Tokens, quote: Quote, json: &mut Vec<u8>) -> Result<(), Fault> {
    if quote == Quote::Double {
        let end = special(tokens.value, tokens.at);
        if tokens.value.get(end) == Some(&b'"') {
            json.extend_from_slice(&tokens.value[tokens.at..end]);
            tokens.at = end + 1;
            return Ok(());
        }
    }
    write_piecewise(tokens, quote, json)
}

#[cold]
fn write_piecewise(tokens: &mut Tokens, quote: Quote, json: &mut Vec<u8>) -> Result<(), Fault> {
    loop {
        let at = tokens.at;
        let Some(byte) = tokens.peek() else { return Err(tokens.unexpected()) };
        match byte {
            b'"' if quote == Quote::Double => break,
            b'\'' if quote == Quote::Single => break,
            b'\'' if quote == Quote::Long && tokens.starts_with(b"'''") => {
                if !next_segment(tokens)? {
                    return Ok(());
                }
                continue;
            }
            b'\\' => {
                escape(tokens, json)?;
                continue;
            }
            b'\r' if quote == Quote::Long => {
                // A line's end is one character, however it is written.
                tokens.at += usize::from(tokens.value.get(at + 1) == Some(&b'\n'));
                write_char('\n', json);
            }
            b'\n' if quote == Quote::Long => write_char('\n', json),
            b'\t' | 0x0b | 0x0c => write_char(char::from(byte), json),
            0..=0x1f => return Err(tokens.fault(Reason::ControlCharacter)),
            b'"' => json.extend_from_slice(b"\\\""),
            _ => json.push(byte),
        }
        tokens.at += 1;
    }
    tokens.at += 1;
    Ok(())
}

/// Behind a segment of a long string: whether another one follows, which is then entered.
fn next_segment(tokens: &mut Tokens) -> Result<bool, Fault> {
    tokens.at += 3;
    let end = tokens.at;
    tokens.skip_space()?;
    if tokens.starts_with(b"'''") {
        tokens.at += 3;
        return Ok(true);
    }
    tokens.at = end;
    Ok(false)
}

fn escape(tokens: &mut Tokens, json: &mut Vec<u8>) -> Result<(), Fault> {
    let invalid = Fault::new(Reason::InvalidEscape, tokens.at);
    let Some(&letter) = tokens.value.get(tokens.at + 1) else {
        return Err(Fault::new(Reason::UnexpectedEnd, tokens.value.len()));
    };
    let decoded = match letter {
        b'0' => '\0',
        b'a' => '\x07',
        b'b' => '\x08',
        b't' => '\t',
        b'n' => '\n',
        b'v' => '\x0b',
        b'f' => '\x0c',
        b'r' => '\r',
        b'"' | b'\'' | b'?' | b'\\' | b'/' => char::from(letter),
        b'x' => return coded(tokens, 2, json),
        b'u' => return coded(tokens, 4, json),
        b'U' => return coded(tokens, 8, json),
        b'\n' => {
            tokens.at += 2;
            return Ok(());
        }
        b'\r' => {
            tokens.at += if tokens.value.get(tokens.at + 2) == Some(&b'\n') { 3 } else { 2 };
            return Ok(());
        }
        _ => return Err(invalid),
    };
    write_char(decoded, json);
    tokens.at += 2;
    Ok(())
}

/// `\xHH`, `\uHHHH`, `\UHHHHHHHH`; two of the second may be halves of one character.
fn coded(tokens: &mut Tokens, digits: usize, json: &mut Vec<u8>) -> Result<(), Fault> {
    let start = tokens.at;
    let invalid = Fault::new(Reason::InvalidEscape, start);
    let lone = Fault::new(Reason::LoneSurrogate, start);
    let first = code(tokens, digits).ok_or(invalid)?;
    let decoded = match first {
        0xd800..=0xdbff if digits == 4 => {
            if !tokens.starts_with(b"\\u") {
                return Err(lone);
            }
            let second = code(tokens, 4).ok_or(invalid)?;
            if !(0xdc00..=0xdfff).contains(&second) {
                return Err(lone);
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        }
        0xd800..=0xdfff => return Err(lone),
        code => code,
    };
    write_char(char::from_u32(decoded).ok_or(invalid)?, json);
    Ok(())
}

/// The digits behind a backslash and its letter, which are taken with them.
fn code(tokens: &mut Tokens, digits: usize) -> Option<u32> {
    let text = tokens.value.get(tokens.at + 2..)?.get(..digits)?;
    let digit = |value: u32, byte: &u8| Some(value.checked_mul(16)? | char::from(*byte).to_digit(16)?);
    let code = text.iter().try_fold(0, digit)?;
    tokens.at += 2 + digits;
    Some(code)
}

fn write_char(char: char, json: &mut Vec<u8>) {
    match char {
        '"' => json.extend_from_slice(b"\\\""),
        '\\' => json.extend_from_slice(b"\\\\"),
        '\x08' => json.extend_from_slice(b"\\b"),
        '\t' => json.extend_from_slice(b"\\t"),
        '\n' => json.extend_from_slice(b"\\n"),
        '\x0c' => json.extend_from_slice(b"\\f"),
        '\r' => json.extend_from_slice(b"\\r"),
        '\0'..='\x1f' => {
            let code = char as usize;
            json.extend_from_slice(b"\\u00");
            json.extend_from_slice(&[HEX[code >> 4], HEX[code & 15]]);
        }
        _ => json.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}
