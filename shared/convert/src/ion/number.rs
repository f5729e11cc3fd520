//! Ion numbers in the form in which DynamoDB gives them back: positional, without an exponent, without zeros that say
//! nothing. Digit for digit, never through floating point.

use crate::ion::token::{Tokens, is_word};
use crate::reason::Reason;
use crate::scan::Fault;

/// Longest result, in bytes. DynamoDB's own numbers end at 1E-130 and 9.99…E+125, which is 170 at the most.
const DIGITS_MAX: usize = 400;

/// Digits of an exponent, leading zeros among them: beyond any number, and sums with it cannot overflow.
const EXPONENT_DIGITS_MAX: usize = 15;

/// A number's text, taken apart; underscores are still in it.
struct Parts<'v> {
    negative: bool,
    whole: &'v [u8],
    fraction: &'v [u8],
    exponent: i64,
}

/// Writes the number that begins here, an int, decimal or float.
#[inline]
pub(super) fn write(tokens: &mut Tokens, json: &mut Vec<u8>) -> Result<(), Fault> {
    let rest = &tokens.value[tokens.at..];
    match plain(rest) {
        Some((digits, taken)) => {
            json.extend_from_slice(&rest[..digits]);
            tokens.at += taken;
            Ok(())
        }
        None => write_any(tokens, json),
    }
}

/// Most numbers are plain already, or but for a point at their end: how many bytes are to be copied, and how many to be
/// taken. Whatever needs a second look is `None`.
#[inline]
fn plain(rest: &[u8]) -> Option<(usize, usize)> {
    let digits_from = |from: usize| {
        let digits = rest.get(from..)?.iter().position(|byte| !byte.is_ascii_digit())?;
        Some(from + digits)
    };
    let first = usize::from(rest[0] == b'-');
    let whole = digits_from(first)?;
    let leading_zero = rest[first] == b'0';
    if whole == first || leading_zero && (whole > first + 1 || rest[whole] != b'.') {
        return None;
    }
    if rest[whole] != b'.' {
        return ends(rest, whole).then_some((whole, whole));
    }
    let end = digits_from(whole + 1)?;
    match end - whole {
        1 if leading_zero => None,
        1 => ends(rest, end).then_some((whole, end)),
        // A zero at the end says nothing, and of nought nothing is left.
        _ => (ends(rest, end) && rest[end - 1] != b'0').then_some((end, end)),
    }
}

fn ends(rest: &[u8], at: usize) -> bool {
    matches!(rest[at], b',' | b'}' | b']')
}

fn write_any(tokens: &mut Tokens, json: &mut Vec<u8>) -> Result<(), Fault> {
    let start = tokens.at;
    let rest = &tokens.value[start..];
    let token = &rest[..rest.iter().position(|byte| !is_number(*byte)).unwrap_or(rest.len())];
    if token.len() == rest.len() {
        // Nothing may follow the last digit of a value that is cut off.
        return Err(Fault::new(Reason::UnexpectedEnd, tokens.value.len()));
    }
    let wrong = Fault::new(Reason::InvalidNumber, start);
    if is_timestamp(token) {
        return Err(Fault::new(Reason::UnknownType, start));
    }
    match radix(token) {
        Some(value) => json.extend_from_slice(value.ok_or(wrong)?.as_bytes()),
        None => write_plain(&parts(token).ok_or(wrong)?, json).ok_or(wrong)?,
    }
    tokens.at += token.len();
    Ok(())
}

fn is_number(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'.' | b'-' | b'+' | b':')
}

/// `2026-01-14T…`, `2026T`: four digits and then what no number has there.
fn is_timestamp(token: &[u8]) -> bool {
    token.len() > 4 && token[..4].iter().all(u8::is_ascii_digit) && matches!(token[4], b'-' | b'T')
}

/// `0x…` and `0b…`; `Some(None)` if the digits are none, or more than 128 bits.
fn radix(token: &[u8]) -> Option<Option<String>> {
    let (sign, unsigned) = match token {
        [b'-', unsigned @ ..] => ("-", unsigned),
        _ => ("", token),
    };
    let (radix, digits) = match unsigned {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', b'b' | b'B', digits @ ..] => (2, digits),
        _ => return None,
    };
    let text =
        separated(digits, |byte| char::from(byte).is_digit(radix)).then(|| without_underscores(digits));
    let value = text.and_then(|text| u128::from_str_radix(&text, radix).ok());
    Some(value.map(|value| if value == 0 { "0".to_owned() } else { format!("{sign}{value}") }))
}

fn without_underscores(digits: &[u8]) -> String {
    digits.iter().filter(|byte| **byte != b'_').map(|byte| char::from(*byte)).collect()
}

/// Digits, with single underscores between them.
fn separated(text: &[u8], is_digit: impl Fn(u8) -> bool) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| is_digit(*byte));
    ends(text.first())
        && ends(text.last())
        && text.iter().all(|byte| is_digit(*byte) || *byte == b'_')
        && !text.windows(2).any(|pair| pair == b"__")
}

fn parts(token: &[u8]) -> Option<Parts<'_>> {
    let (negative, unsigned) = match token {
        [b'-', unsigned @ ..] => (true, unsigned),
        _ => (false, token),
    };
    let mark = unsigned.iter().position(|byte| matches!(byte, b'd' | b'D' | b'e' | b'E'));
    let (mantissa, exponent) = match mark {
        Some(at) => (&unsigned[..at], exponent(&unsigned[at + 1..])?),
        None => (unsigned, 0),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &mantissa[..0]),
    };
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let leading_zero = whole.len() > 1 && whole[0] == b'0';
    let valid =
        separated(whole, is_digit) && !leading_zero && (fraction.is_empty() || separated(fraction, is_digit));
    valid.then_some(Parts { negative, whole, fraction, exponent })
}

fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    if digits.len() > EXPONENT_DIGITS_MAX || !separated(digits, |byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.iter().filter(|byte| **byte != b'_');
    let value = digits.fold(0, |value, digit| 10 * value + i64::from(digit - b'0'));
    Some(if negative { -value } else { value })
}

/// `None` if it would be longer than any number.
fn write_plain(parts: &Parts, json: &mut Vec<u8>) -> Option<()> {
    let digits = || parts.whole.iter().chain(parts.fraction).copied().filter(|byte| *byte != b'_');
    let count = digits().count();
    let leading = digits().take_while(|digit| *digit == b'0').count();
    if leading == count {
        json.push(b'0');
        return Some(());
    }
    let fraction = parts.fraction.iter().filter(|byte| **byte != b'_').count();
    let trailing = count - 1 - digits().enumerate().filter(|(_, digit)| *digit != b'0').last()?.0;
    let significant = count - leading - trailing;
    // Powers of ten of the last significant digit, and how many digits stand before the point.
    let last = parts.exponent - fraction as i64 + trailing as i64;
    let before = significant as i64 + last;
    let length = before.max(1).max(significant as i64) + (-last).max(0);
    if length > DIGITS_MAX as i64 {
        return None;
    }
    if parts.negative {
        json.push(b'-');
    }
    let significant = digits().skip(leading).take(significant);
    if before <= 0 {
        json.extend_from_slice(b"0.");
        json.extend(std::iter::repeat_n(b'0', before.unsigned_abs() as usize));
        json.extend(significant);
        return Some(());
    }
    for (place, digit) in significant.enumerate() {
        if place as i64 == before {
            json.push(b'.');
        }
        json.push(digit);
    }
    json.extend(std::iter::repeat_n(b'0', last.max(0) as usize));
    Some(())
}
