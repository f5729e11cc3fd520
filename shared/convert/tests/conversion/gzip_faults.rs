//! Gzip files that cannot be trusted, and odd ones that can.

use std::io::Write;

use backfleet_convert::{Encoding, Format, Input, InputError};

use crate::common::{Outcome, convert_pieces, gzip, spec};

const LINE: &[u8] = b"{\"Item\":{\"pk\":{\"S\":\"1\"}}}\n";

fn convert(stored: &[u8]) -> Result<Outcome, InputError> {
    convert_pieces(spec(Format::Stream), Input::json(Encoding::Gzip), stored.chunks(7))
}

fn records(stored: &[u8]) -> u64 {
    convert(stored).unwrap().totals.records_out
}

/// A header with every optional part, around the body of a plain member.
fn with_header(flags: u8, optional: &[u8]) -> Vec<u8> {
    let plain = gzip(LINE);
    let mut header = plain[..10].to_vec();
    header[3] = flags;
    header.extend_from_slice(optional);
    if flags & 2 != 0 {
        let checksum = crc32fast::hash(&header) as u16;
        header.extend_from_slice(&checksum.to_le_bytes());
    }
    [&header, &plain[10..]].concat()
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let stored = gzip(LINE);
    for end in 0..stored.len() {
        let expected = InputError::Truncated { member: 1, offset: end as u64 };
        assert_eq!(convert(&stored[..end]), Err(expected), "cut to {end} bytes");
    }
}

#[test]
fn a_second_member_cut_short_anywhere_is_refused() {
    let stored = [gzip(LINE), gzip(LINE)].concat();
    for end in stored.len() / 2 + 1..stored.len() {
        let expected = InputError::Truncated { member: 2, offset: end as u64 };
        assert_eq!(convert(&stored[..end]), Err(expected), "cut to {end} bytes");
    }
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut stored = gzip(LINE);
    let at = stored.len() - 8;
    stored[at] ^= 1;
    assert!(matches!(convert(&stored), Err(InputError::ChecksumMismatch { member: 1, .. })));
}

#[test]
fn a_wrong_length_is_refused() {
    let mut stored = gzip(LINE);
    let at = stored.len() - 4;
    stored[at] ^= 1;
    let length = LINE.len() as u32;
    assert_eq!(
        convert(&stored),
        Err(InputError::LengthMismatch { member: 1, expected: length ^ 1, actual: length })
    );
}

#[test]
fn no_flipped_bit_of_the_body_changes_what_comes_out() {
    let stored = gzip(LINE);
    let whole = convert(&stored).unwrap();
    for bit in 10 * 8..stored.len() * 8 {
        let mut flipped = stored.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // The bits between the last block and the checksum mean nothing.
        assert!(convert(&flipped).map_or(true, |outcome| outcome == whole), "bit {bit}");
    }
}

#[test]
fn bytes_after_the_last_member_are_refused() {
    let stored = gzip(LINE);
    for garbage in [b"x".as_slice(), b"\0\0\0\0", b"\x1fx"] {
        let expected = InputError::TrailingGarbage { offset: stored.len() as u64 };
        assert_eq!(convert(&[&stored, garbage].concat()), Err(expected));
    }
}

#[test]
fn what_is_not_gzip_is_refused() {
    assert_eq!(convert(LINE), Err(InputError::NotGzip));
    assert_eq!(convert(b"\x1f{"), Err(InputError::NotGzip));
}

#[test]
fn an_empty_gzip_is_an_empty_unit() {
    let stored = gzip(b"");
    assert_eq!(stored.len(), 20);
    let outcome = convert(&stored).unwrap();
    assert_eq!((outcome.shards.len(), outcome.totals.records_in, outcome.totals.bytes_in), (0, 0, 20));
}

#[test]
fn members_follow_each_other_empty_ones_too() {
    let (first, rest) = LINE.split_at(5);
    let stored = [gzip(LINE), gzip(b""), gzip(first), gzip(b""), gzip(rest), gzip(b"")].concat();
    assert_eq!(records(&stored), 2);
}

#[test]
fn optional_parts_of_the_header_are_read_over() {
    assert_eq!(records(&with_header(4, b"\x03\0abc")), 1);
    assert_eq!(records(&with_header(4, b"\0\0")), 1);
    assert_eq!(records(&with_header(8, b"name.json\0")), 1);
    assert_eq!(records(&with_header(16, b"comment\0")), 1);
    assert_eq!(records(&with_header(2, b"")), 1);
    assert_eq!(records(&with_header(2 + 4 + 8 + 16, b"\x01\0xname\0comment\0")), 1);
}

#[test]
fn a_corrupt_header_is_refused() {
    let mut wrong_checksum = with_header(2, b"");
    wrong_checksum[10] ^= 1;
    assert_eq!(convert(&wrong_checksum), Err(InputError::CorruptHeader { member: 1, offset: 12 }));
    assert_eq!(convert(&with_header(0x20, b"")), Err(InputError::CorruptHeader { member: 1, offset: 4 }));
    let mut method = gzip(LINE);
    method[2] = 7;
    assert_eq!(convert(&method), Err(InputError::CorruptHeader { member: 1, offset: 3 }));
}

#[test]
fn a_bomb_is_refused_before_it_has_gone_off() {
    let mut best = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    best.write_all(&vec![b' '; 64 << 20]).unwrap();
    let member = best.finish().unwrap();
    let pieces = std::iter::repeat_n(member.as_slice(), 20);
    let refused =
        convert_pieces(spec(Format::Stream), Input::json(Encoding::Gzip), pieces).expect_err("refused");
    let InputError::InflateRatio { stored, inflated } = refused else { panic!("{refused}") };
    assert!(inflated > 1 << 30 && inflated < (1 << 30) + (1 << 20) && inflated / stored > 500);
}

#[test]
fn a_refused_file_stays_refused() {
    use backfleet_convert::{Converter, Recipe};
    let mut converter =
        Converter::new(Recipe::new(spec(Format::Stream)).unwrap().into(), 0, Input::json(Encoding::Gzip));
    converter.feed(bytes::Bytes::from_static(b"no"));
    assert_eq!(converter.step(), Err(InputError::NotGzip));
    assert_eq!(converter.step(), Err(InputError::NotGzip));
}
