//! Memory stays bounded, and lines are cut alike however they arrive.

use super::*;

fn push(lines: &mut Lines, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let space = lines.space();
        let taken = bytes.len().min(space.len());
        space[..taken].copy_from_slice(&bytes[..taken]);
        lines.commit(taken);
        bytes = &bytes[taken..];
        assert!(lines.next().is_none());
    }
}

#[test]
fn a_line_of_a_hundred_megabytes_takes_no_more_memory_than_the_longest_allowed() {
    let mut lines = Lines::default();
    for _ in 0..(100 << 20) / INFLATE_BYTES {
        push(&mut lines, &[b'x'; INFLATE_BYTES]);
    }
    assert!(lines.buffer.capacity() <= 2 * LINE_BYTES_MAX + INFLATE_BYTES, "{}", lines.buffer.capacity());
    let line = lines.last().unwrap();
    assert!(line.is_too_long());
    assert_eq!((line.length, lines.bytes(&line).len()), (100 << 20, QUARANTINE_BYTES_MAX));
}

#[test]
fn newlines_and_the_byte_order_mark_are_not_part_of_a_line() {
    let mut lines = Lines::default();
    lines.space()[..13].copy_from_slice(b"\xef\xbb\xbfab\r\n\ncd\re\r");
    lines.commit(13);
    let mut seen = Vec::new();
    while let Some(line) = lines.next() {
        seen.push((line.number, line.offset, lines.bytes(&line).to_vec()));
    }
    let last = lines.last().unwrap();
    seen.push((last.number, last.offset, lines.bytes(&last).to_vec()));
    assert_eq!(seen, [(1, 3, b"ab".to_vec()), (2, 7, Vec::new()), (3, 8, b"cd\re".to_vec())]);
    assert!(lines.last().is_none());
    assert_eq!(lines.bytes_seen(), 13);
}

#[test]
fn a_byte_order_mark_before_a_line_that_is_too_long_is_not_counted() {
    for ending in [b"".as_slice(), b"\r"] {
        let mut lines = Lines::default();
        push(&mut lines, BOM);
        push(&mut lines, &vec![b'x'; LINE_BYTES_MAX + 100]);
        push(&mut lines, ending);
        let line = lines.last().unwrap();
        assert_eq!((line.offset, line.length), (3, LINE_BYTES_MAX as u64 + 100));
        assert_eq!(lines.bytes(&line), vec![b'x'; QUARANTINE_BYTES_MAX]);
    }
}
