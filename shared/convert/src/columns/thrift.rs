//! Whether the Thrift structures of a stored Parquet file are as large as their bytes, which has to be known before the file is read.
//!
//! In the compact protocol a list says how many elements it has, and one that skips it takes no byte for an element that is
//! a boolean: lists of lists of them, in fields that nobody knows, keep a reader busy for hours with a few hundred bytes.
//! Source: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;

/// Deeper is none of Parquet's structures.
const DEPTH_MAX: u8 = 32;

/// At the end of a file: the footer's length and the magic.
const TAIL_BYTES: usize = 8;

/// The number of a page header's field that says how many bytes of the page follow.
const COMPRESSED_PAGE_SIZE: i64 = 3;

/// Kinds of values.
const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// The file's footer.
///
/// # Errors
/// It has more values than bytes, or is cut short.
pub(super) fn check_footer(file: &[u8]) -> Result<()> {
    let footer = || {
        let (before, tail) = file.split_at_checked(file.len().checked_sub(TAIL_BYTES)?)?;
        let length = u32::from_le_bytes(*tail.first_chunk()?) as usize;
        Walk::over(before.get(before.len().checked_sub(length)?..)?).structure(DEPTH_MAX)
    };
    match footer() {
        Some(_) => Ok(()),
        None => Err(unlike("footer")),
    }
}

/// The headers of all pages, whose places the footer says.
///
/// # Errors
/// One has more values than bytes, or is cut short.
pub(super) fn check_pages(file: &[u8], metadata: &ParquetMetaData) -> Result<()> {
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let (start, length) = column.byte_range();
        let pages = || file.get(start as usize..)?.get(..length as usize);
        pages().and_then(walk_pages).ok_or_else(|| unlike("page header"))?;
    }
    Ok(())
}

fn walk_pages(mut pages: &[u8]) -> Option<()> {
    while !pages.is_empty() {
        let mut walk = Walk::over(pages);
        let page_bytes = walk.structure(DEPTH_MAX)??;
        pages = walk.bytes.get(usize::try_from(page_bytes).ok()?..)?;
    }
    Some(())
}

fn unlike(what: &str) -> ParquetError {
    ParquetError::General(format!("a {what} that is none"))
}

/// Goes over structures without keeping anything; everything is `None` where there are no more bytes, or values than bytes.
struct Walk<'b> {
    bytes: &'b [u8],
    values_left: usize,
}

impl<'b> Walk<'b> {
    fn over(bytes: &'b [u8]) -> Walk<'b> {
        Walk { bytes, values_left: bytes.len() }
    }

    /// Gives the number that says how long a page is, of a page header.
    fn structure(&mut self, depth: u8) -> Option<Option<i64>> {
        let (mut field, mut page_bytes) = (0, None);
        loop {
            let header = self.byte()?;
            let (step, kind) = (header >> 4, header & 15);
            if kind == STOP {
                return Some(page_bytes);
            }
            field = if step == 0 { self.number()? } else { i64::wrapping_add(field, i64::from(step)) };
            if field == COMPRESSED_PAGE_SIZE && kind == I32 {
                page_bytes = Some(self.number()?);
            } else {
                self.value(kind, depth)?;
            }
        }
    }

    fn value(&mut self, kind: u8, depth: u8) -> Option<()> {
        self.values_left = self.values_left.checked_sub(1)?;
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => {}
            BYTE => self.skip(1)?,
            I16 | I32 | I64 => {
                self.varint()?;
            }
            DOUBLE => self.skip(8)?,
            UUID => self.skip(16)?,
            BINARY => {
                let length = self.length()?;
                self.skip(length)?;
            }
            LIST | SET => {
                let header = self.byte()?;
                let elements = if header >> 4 == 15 { self.length()? } else { usize::from(header >> 4) };
                for _ in 0..elements {
                    self.value(header & 15, depth)?;
                }
            }
            MAP => {
                let pairs = self.length()?;
                let kinds = if pairs > 0 { self.byte()? } else { 0 };
                for _ in 0..pairs {
                    self.value(kinds >> 4, depth)?;
                    self.value(kinds & 15, depth)?;
                }
            }
            STRUCT => {
                self.structure(depth)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes.split_off_first().copied()
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.bytes.split_off(..bytes).map(drop)
    }

    /// Seven bits a byte, the lowest first.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        self.varint()?.try_into().ok()
    }

    /// Zigzag: the sign is the lowest bit.
    fn number(&mut self) -> Option<i64> {
        let zigzag = self.varint()?;
        Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of a file with this footer.
    fn file(footer: &[u8]) -> Vec<u8> {
        [footer, &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat()
    }

    #[test]
    fn every_kind_of_value_is_walked_over() {
        let field = |kind: u8, value: &[u8]| [&[0x10 | kind], value].concat();
        let fields = [
            field(TRUE, b""),
            field(FALSE, b""),
            field(BYTE, b"\xff"),
            field(I16, b"\x80\x01"),
            field(I64, b"\x01"),
            field(DOUBLE, &[0; 8]),
            field(UUID, &[0; 16]),
            field(BINARY, b"\x02ab"),
            field(LIST, &[0x20 | I32, 1, 2]),
            field(SET, &[0xf0 | BYTE, 1, 7]),
            field(MAP, &[1, I32 << 4 | BINARY, 4, 0]),
            field(MAP, &[0]),
            field(STRUCT, &[STOP]),
            vec![I32, 0x40, 9, STOP],
        ];
        let footer = fields.concat();
        assert!(check_footer(&file(&footer)).is_ok());
        for end in 0..footer.len() {
            assert!(check_footer(&file(&footer[..end])).is_err(), "cut at {end}");
        }
        assert!(check_footer(&file(&[0x1e, STOP])).is_err(), "there is no such kind");
        assert!(check_footer(b"PAR1").is_err());
        assert!(check_footer(b"\xff\0\0\0PAR1").is_err());
    }

    #[test]
    fn a_list_of_more_values_than_bytes_is_none() {
        let booleans = |count: u8| file(&[0x10 | LIST, 0xf0 | TRUE, count, STOP]);
        assert!(check_footer(&booleans(3)).is_ok());
        assert!(check_footer(&booleans(4)).is_err());
        let endless = [
            [0x10 | LIST, 0xf0 | LIST, 0xff, 0xff, 0xff, 0xff, 7],
            [0xf0 | TRUE, 0xff, 0xff, 0xff, 0xff, 7, 0],
        ];
        assert!(check_footer(&file(&endless.concat())).is_err());
        let deep = [&[0x10 | STRUCT; 100][..], &[STOP; 101]].concat();
        assert!(check_footer(&file(&deep)).is_err());
    }

    #[test]
    fn pages_follow_one_another() {
        let page = |size: u8, bytes: usize| [vec![0x30 | I32, size * 2, STOP], vec![0; bytes]].concat();
        assert!(walk_pages(&[page(4, 4), page(0, 0), page(1, 1)].concat()).is_some());
        assert!(walk_pages(&page(5, 4)).is_none());
        assert!(walk_pages(&[STOP]).is_none(), "it says nothing of its length");
        assert!(walk_pages(&[0x30 | I32, 1, STOP]).is_none(), "a length below nought");
    }
}
