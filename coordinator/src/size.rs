//! Sizes and times as people write and read them.

use std::time::Duration;

/// Bytes from `2MiB`, `1.5 GB`, `4096`: binary units for `KiB MiB GiB TiB`, decimal ones for `kB MB GB TB`.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(format!("{text:?} is no size, e.g. 128MiB")),
    };
    let wrong = || format!("{text:?} is no size, e.g. 128MiB");
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(|| format!("{text:?} is too large a size"));
    }
    let number: f64 = number.parse().map_err(|_| wrong())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size of whole bytes below 2^53"
    )]
    Ok((number * factor as f64).round() as u64)
}

/// A time from `8h`, `90min`, `2d`, `45s`.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time, e.g. 8h or 90min");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds: u64 = match unit.trim() {
        "s" => 1,
        "min" | "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(wrong()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// `1.5 GB`, with three digits.
pub fn print(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut figure = bytes as f64;
    let mut unit = 0;
    while figure >= 999.5 && unit + 1 < UNITS.len() {
        figure /= 1000.0;
        unit += 1;
    }
    let digits = if unit == 0 || figure >= 99.95 {
        0
    } else if figure >= 9.995 {
        1
    } else {
        2
    };
    format!("{figure:.digits$} {}", UNITS[unit])
}

/// `128 MiB` where that is exact, else as [`print`].
pub fn print_limit(bytes: u64) -> String {
    match bytes {
        0 => print(0),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", count(bytes >> 20)),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", count(bytes >> 10)),
        _ => print(bytes),
    }
}

/// `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`.
pub fn files(n: u64) -> String {
    plural(n, "file")
}

/// `1 thing`, `2 things`.
pub fn plural(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in
            [("4096", 4096), ("2MiB", 2 << 20), ("1.5 GB", 1_500_000_000), ("1g", 1 << 30), ("0.5kb", 500)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "MiB", "-1", "1.2.3MiB", "12 parsecs", "99999999999TiB"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_counts_are_written_for_people() {
        assert_eq!((print(0), print(999), print(1000)), ("0 B".into(), "999 B".into(), "1.00 kB".into()));
        assert_eq!((print(999_950), print(152_400_000)), ("1.00 MB".into(), "152 MB".into()));
        assert_eq!((count(0), count(999), count(1_234_567)), ("0".into(), "999".into(), "1,234,567".into()));
    }
}
