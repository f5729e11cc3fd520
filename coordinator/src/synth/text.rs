//! Appends values as text, without formatting machinery: these run a dozen times for every item.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const HEX: &[u8; 16] = b"0123456789abcdef";

pub(super) fn digits(out: &mut Vec<u8>, mut number: u64) {
    let mut reversed = [0u8; 20];
    let mut at = reversed.len();
    loop {
        at -= 1;
        reversed[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&reversed[at..]);
}

/// Exactly `width` digits, zeros in front. The number must fit.
pub(super) fn padded(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    debug_assert_eq!(number, 0, "wider than {width} digits");
}

/// `units` of 10^-`places`, as DynamoDB returns a number: no zeros at the end, no point without digits behind
/// it.
pub(super) fn decimal(out: &mut Vec<u8>, units: i64, places: usize) {
    let mut reversed = [0u8; 24];
    let mut at = reversed.len();
    let mut left = units.unsigned_abs();
    for _ in 0..places {
        let digit = (left % 10) as u8;
        left /= 10;
        if digit != 0 || at < reversed.len() {
            at -= 1;
            reversed[at] = b'0' + digit;
        }
    }
    if at < reversed.len() {
        at -= 1;
        reversed[at] = b'.';
    }
    if units < 0 {
        out.push(b'-');
    }
    digits(out, left);
    out.extend_from_slice(&reversed[at..]);
}

/// Lower-case hex digits, two a byte.
pub(super) fn hex<const BYTES: usize>(out: &mut Vec<u8>, bytes: [u8; BYTES]) {
    for byte in bytes {
        out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`, for 1970 to 9999.
pub(super) fn timestamp(out: &mut Vec<u8>, millis: i64) {
    let millis = u64::try_from(millis).expect("times of exports and their items are after 1970");
    let (days, of_day) = (millis / 86_400_000, millis % 86_400_000);
    let (year, month, day) = civil(days);
    let fields = [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (of_day / 3_600_000, 2, b':'),
        (of_day / 60_000 % 60, 2, b':'),
        (of_day / 1000 % 60, 2, b'.'),
        (of_day % 1000, 3, b'Z'),
    ];
    for (field, width, end) in fields {
        padded(out, field, width);
        out.push(end);
    }
}

/// Year, month and day of a day since 1970 (Hinnant, "chrono-compatible low-level date algorithms",
/// civil_from_days).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

pub(super) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    STANDARD.encode_slice(bytes, &mut out[start..]).expect("three bytes become four characters");
}
