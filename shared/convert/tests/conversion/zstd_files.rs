//! Zstd copies of data files: read like the gzip they were made of, and refused when they are not whole.

use backfleet_convert::{Encoding, Format, Input, InputError};

use crate::common::{Outcome, Random, convert, convert_pieces, item_line, spec};

fn read(stored: &[u8], piece: usize) -> Result<Outcome, InputError> {
    convert_pieces(spec(Format::Stream), Input::json(Encoding::Zstd), stored.chunks(piece))
}

fn frame(content: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(content, 1).unwrap()
}

fn lines() -> Vec<u8> {
    let mut random = Random(7);
    (0..5_000).flat_map(|_| format!("{}\n", item_line(&mut random)).into_bytes()).collect()
}

#[test]
fn a_zstd_copy_gives_the_records_of_the_plain_file_however_it_is_fed() {
    let content = lines();
    let plain = convert(spec(Format::Stream), &content);
    let (head, tail) = content.split_at(content.len() / 3);
    for stored in [frame(&content), [frame(head), frame(tail)].concat()] {
        for piece in [1_000, stored.len()] {
            let read = read(&stored, piece).unwrap();
            assert_eq!((&read.shards, &read.quarantined), (&plain.shards, &plain.quarantined));
            assert_eq!(read.totals.bytes_in, stored.len() as u64);
            assert_eq!(read.totals.bytes_inflated, content.len() as u64);
        }
    }
}

#[test]
fn a_zstd_file_cut_short_anywhere_is_refused() {
    let content = b"{\"Item\":{\"pk\":{\"S\":\"1\"}}}\n";
    let stored = frame(content);
    assert_eq!(read(&stored, 7).unwrap().totals.records_out, 1);
    for end in 0..stored.len() {
        assert_eq!(read(&stored[..end], 7), Err(InputError::CorruptZstd), "cut to {end} bytes");
    }
}

/// The decoder overlooks both where it is fed little at a time, or all at once: a file was whole or damaged by its slicing.
#[test]
fn a_frame_that_is_not_what_its_header_says_is_refused_however_it_is_fed() {
    let shorter_than_said = [b"\x28\xb5\x2f\xfd".as_slice(), &[0x20, 5, 0x01, 0, 0]].concat();
    let window_above_128_mib = b"\x28\xb5\x2f\xfd\x40\x90\x00\x00\x03\x08\x00A";
    let as_said = [b"\x28\xb5\x2f\xfd".as_slice(), &[0x20, 5, 0x29, 0, 0], b"hello"].concat();
    for piece in [1, 4, 64] {
        assert_eq!(read(&as_said, piece).unwrap().totals.bytes_inflated, 5);
        assert_eq!(read(&shorter_than_said, piece), Err(InputError::CorruptZstd));
        assert_eq!(read(window_above_128_mib, piece), Err(InputError::CorruptZstd));
    }
}

#[test]
fn what_is_no_zstd_is_refused() {
    for stored in [b"{\"Item\":{}}\n".to_vec(), [frame(b"x"), b"garbage".to_vec()].concat()] {
        assert_eq!(read(&stored, 5), Err(InputError::CorruptZstd));
    }
}

#[test]
fn a_zstd_bomb_is_refused_before_it_fills_memory() {
    let mut stored = Vec::new();
    let mut encoder = zstd::stream::write::Encoder::new(&mut stored, 1).unwrap();
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..1_100 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    encoder.finish().unwrap();
    assert!(matches!(read(&stored, 64 << 10), Err(InputError::InflateRatio { .. })));
}
