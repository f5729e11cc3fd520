//! A look at the beginning of a file, before anything is planned: what do its lines say?

use bytes::Bytes;

use crate::gunzip::InputError;
use crate::input::{Content, Encoding, Notation};
use crate::lines::Lines;
use crate::scan::Scanner;
use crate::source::{Read, Source};

/// What the first record of a file tells of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    /// Items or changes; whether an export has old images cannot be told from one record, so changes say yes.
    pub content: Content,
    /// Names in `Keys` of a change, in the order of the line: the table's key attributes, though not which is the hash key.
    pub keys: Vec<String>,
}

/// What a file says that begins with `head`; `None` if no whole record is there, or the first is neither item nor change.
///
/// # Errors
/// The beginning is damaged already.
pub fn peek(encoding: Encoding, notation: Notation, head: &[u8]) -> Result<Option<Peeked>, InputError> {
    let mut source = Source::new(encoding);
    source.feed(Bytes::copy_from_slice(head));
    let mut lines = Lines::default();
    loop {
        while let Some(line) = lines.next() {
            let bytes = lines.bytes(&line);
            if !bytes.trim_ascii().is_empty() {
                return Ok(judge(notation, bytes));
            }
        }
        match source.read(lines.space())? {
            Read::Some(bytes) => lines.commit(bytes),
            Read::NeedInput | Read::End => return Ok(None),
        }
    }
}

fn judge(notation: Notation, line: &[u8]) -> Option<Peeked> {
    match notation {
        Notation::Json => judge_json(line),
        Notation::Ion => None,
    }
}

fn judge_json(line: &[u8]) -> Option<Peeked> {
    let changes = Content::Changes { old_images: true };
    if Scanner::new(&[], false, Content::Items).scan(line).is_ok() {
        return Some(Peeked { content: Content::Items, keys: Vec::new() });
    }
    let mut scanner = Scanner::new(&[], true, changes);
    let item = scanner.scan(line).ok()?;
    let name = |name: &[u8]| String::from_utf8(name.to_vec()).expect("a scanned line is UTF-8");
    let attributes = item.keys_map.attributes.iter();
    let keys = attributes.map(|key| name(key.name.decoded(line, &mut Vec::new()))).collect();
    Some(Peeked { content: changes, keys })
}
