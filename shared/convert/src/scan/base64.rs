//! Base64 as DynamoDB writes it: standard alphabet, padded, canonical.

/// [`decoded_len`] of `line[start..end]`.
pub(crate) fn decoded_len_in(line: &[u8], start: usize, end: usize) -> Option<u64> {
    decoded_len(&line[start..end])
}

/// Bytes that `text` stands for, or `None` if it is not canonical.
fn decoded_len(text: &[u8]) -> Option<u64> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let (body, padding) = match text {
        [body @ .., b'=', b'='] => (body, 2),
        [body @ .., b'='] => (body, 1),
        _ => (text, 0),
    };
    if !body.iter().fold(true, |all, byte| all & is_digit(*byte)) {
        return None;
    }
    let unused_bits = match padding {
        2 => 0x0f,
        1 => 0x03,
        _ => 0,
    };
    match body.last() {
        Some(last) if value(*last) & unused_bits != 0 => None,
        _ => Some(text.len() as u64 / 4 * 3 - padding),
    }
}

// Comparisons only, no table and no early exit: the loop above becomes SIMD.
#[inline]
fn is_digit(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    letter | (byte.wrapping_sub(b'0') < 10) | (byte == b'+') | (byte == b'/')
}

fn value(digit: u8) -> u8 {
    match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        _ => 63,
    }
}

/// Appends what proven base64 stands for.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) {
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        let mut digits = 0;
        for byte in group.iter().filter(|byte| **byte != b'=') {
            bits = bits << 6 | u32::from(value(*byte));
            digits += 1;
        }
        let bytes = (bits << (6 * (4 - digits))).to_be_bytes();
        out.extend_from_slice(&bytes[1..digits]);
    }
}
