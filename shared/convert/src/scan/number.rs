//! Numbers as DynamoDB writes them: is the text one, what does it weigh, and how does JSON want it. Never through f64.

use wide::u8x16;

use crate::limits::NUMBER_SIZE_MAX;

/// Larger exponents are taken as this one: beyond any number, and sums with it cannot overflow.
const EXPONENT_MAX: i64 = 1 << 40;

/// The parts of a number's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// `e` or `E`, sign and digits; or nothing.
    exponent: &'a [u8],
}

/// [`size`] of `line[start..end]`. Short numbers without an exponent, which is to say nearly all, are measured sixteen
/// bytes at once, reading over what follows them in the line.
#[inline]
pub(crate) fn size_in(line: &[u8], start: usize, end: usize) -> Option<u64> {
    let negative = line.get(start) == Some(&b'-');
    let start = start + usize::from(negative);
    let short = match line.get(start..).and_then(|rest| rest.first_chunk()) {
        Some(bytes) if end > start && end - start < 16 => short_size(*bytes, end - start),
        _ => None,
    };
    match short {
        Some(0) => Some(1),
        Some(pairs) => Some(1 + pairs + u64::from(negative)),
        None => size(&line[start - usize::from(negative)..end]),
    }
}

/// Base-100 digits of the `length` bytes that `text` begins with; `None` if they are not digits with one point at most.
#[inline]
fn short_size(text: [u8; 16], length: usize) -> Option<u64> {
    let inside = (1_u32 << length) - 1;
    let values = u8x16::new(text) - u8x16::splat(b'0');
    let digits = values.simd_le(u8x16::splat(9)).to_bitmask();
    let zeros = values.simd_eq(u8x16::splat(0)).to_bitmask();
    let no_digit = !digits & inside;
    let nonzero = digits & !zeros & inside;
    let whole = match no_digit {
        0 => length,
        _ => no_digit.trailing_zeros() as usize,
    };
    let one_point = no_digit & no_digit.wrapping_sub(1) == 0 && text[whole % 16] == b'.';
    if no_digit != 0 && (!one_point || length == 1) {
        return None;
    }
    if nonzero == 0 {
        return Some(0);
    }
    let (first, last, whole) = (nonzero.trailing_zeros() as i32, nonzero.ilog2() as i32, whole as i32);
    let place = |index: i32| whole - index - i32::from(index < whole);
    Some((place(first).div_euclid(2) - place(last).div_euclid(2) + 1) as u64)
}

/// Bytes that DynamoDB counts for the number in `text`, or `None` if it is no number.
///
/// One byte, one more for every base-100 digit between the first and the last that are not zero (pairs are aligned at
/// the decimal point), one more if negative; zero counts one.
pub(crate) fn size(text: &[u8]) -> Option<u64> {
    let parts = parts(text)?;
    let exponent = exponent_value(parts.exponent)?;
    let Some((highest, lowest)) = nonzero_places(&parts) else { return Some(1) };
    let pairs = (highest + exponent).div_euclid(2) - (lowest + exponent).div_euclid(2) + 1;
    Some((1 + pairs as u64 + u64::from(parts.negative)).min(NUMBER_SIZE_MAX))
}

/// Writes the number as JSON allows it, digit for digit: `+3` as `3`, `.5` as `0.5`, `5.` as `5`, `007` as `7`.
pub(crate) fn write_json(text: &[u8], out: &mut Vec<u8>) {
    let parts = parts(text).expect("only numbers are written");
    if parts.negative {
        out.push(b'-');
    }
    let zeros = parts.whole.iter().take_while(|digit| **digit == b'0').count();
    match &parts.whole[zeros..] {
        [] => out.push(b'0'),
        digits => out.extend_from_slice(digits),
    }
    if !parts.fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(parts.fraction);
    }
    out.extend_from_slice(parts.exponent);
}

/// Digits before the point and behind it, zeros that say nothing left aside: none for zero itself.
pub(crate) fn places(text: &[u8]) -> (u32, u32) {
    let parts = parts(text).expect("only numbers are counted");
    let exponent = exponent_value(parts.exponent).expect("only numbers are counted");
    let Some((highest, lowest)) = nonzero_places(&parts) else { return (0, 0) };
    let digits = |places: i64| u32::try_from(places.clamp(0, EXPONENT_MAX)).unwrap_or(u32::MAX);
    (digits(highest + exponent + 1), digits(-(lowest + exponent)))
}

/// Digits that a decimal column holds.
const DECIMAL_DIGITS: i64 = 38;

/// The number times ten to the power of `scale`, if that is a whole number of at most 38 digits.
pub(crate) fn scaled(text: &[u8], scale: u32) -> Option<i128> {
    let parts = parts(text)?;
    let exponent = exponent_value(parts.exponent)?;
    let Some((highest, lowest)) = nonzero_places(&parts) else { return Some(0) };
    let shift = i64::from(scale) + exponent;
    if lowest + shift < 0 || highest + shift >= DECIMAL_DIGITS {
        return None;
    }
    // From the first digit that is not zero to the last; the zeros behind it are what the point is moved by.
    let point = parts.whole.len() as i64;
    let digits = parts.whole.iter().chain(parts.fraction);
    let (first, last) = (point - 1 - highest, point - 1 - lowest);
    let significant = digits.skip(first as usize).take((last - first + 1) as usize);
    let value = significant.fold(0_i128, |value, digit| 10 * value + i128::from(digit - b'0'));
    let value = value * 10_i128.pow((lowest + shift) as u32);
    Some(if parts.negative { -value } else { value })
}

fn parts(text: &[u8]) -> Option<Parts<'_>> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (whole, rest) = unsigned.split_at(digits_at(unsigned));
    let (fraction, exponent) = match rest {
        [b'.', rest @ ..] => rest.split_at(digits_at(rest)),
        _ => (&rest[..0], rest),
    };
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    has_digits.then_some(Parts { negative, whole, fraction, exponent })
}

/// How many digits `text` begins with.
#[inline]
pub(super) fn digits_at(text: &[u8]) -> usize {
    text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len())
}

fn exponent_value(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [] => return Some(0),
        [b'e' | b'E', b'-', digits @ ..] => (true, digits),
        [b'e' | b'E', b'+', digits @ ..] | [b'e' | b'E', digits @ ..] => (false, digits),
        _ => return None,
    };
    if digits.is_empty() || digits_at(digits) < digits.len() {
        return None;
    }
    let add = |value: i64, digit: &u8| (10 * value + i64::from(digit - b'0')).min(EXPONENT_MAX);
    let value = digits.iter().fold(0, add);
    Some(if negative { -value } else { value })
}

/// Powers of ten of the first and last digit that are not zero, the exponent left aside.
fn nonzero_places(parts: &Parts<'_>) -> Option<(i64, i64)> {
    let nonzero = |digit: &u8| *digit != b'0';
    let in_whole = |index: usize| parts.whole.len() as i64 - 1 - index as i64;
    let in_fraction = |index: usize| -1 - index as i64;
    let highest = match parts.whole.iter().position(nonzero) {
        Some(index) => in_whole(index),
        None => in_fraction(parts.fraction.iter().position(nonzero)?),
    };
    let lowest = match parts.fraction.iter().rposition(nonzero) {
        Some(index) => in_fraction(index),
        None => in_whole(parts.whole.iter().rposition(nonzero)?),
    };
    Some((highest, lowest))
}
