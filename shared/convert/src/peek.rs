//! A look at the beginning of a file, before anything is planned: what do its lines say?

use bytes::Bytes;

use crate::gunzip::InputError;
use crate::input::{Content, Encoding, Input, Notation};
use crate::records::{Next, Records};

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
    for content in [Content::Items, Content::Changes { old_images: true }] {
        let mut records = Records::new(Input { encoding, notation, content }, &[], true);
        records.feed(Bytes::copy_from_slice(head));
        let mut next = records.advance()?;
        if next == Next::NeedInput {
            // It may be the whole file, whose last line has no newline.
            records.finish();
            next = records.advance().unwrap_or(Next::End);
        }
        if next == Next::Item {
            return Ok(Some(Peeked { content, keys: keys(&records) }));
        }
    }
    Ok(None)
}

fn keys(records: &Records) -> Vec<String> {
    let (line, item) = records.item();
    let name = |name: &[u8]| String::from_utf8(name.to_vec()).expect("a scanned line is UTF-8");
    let attributes = item.keys_map.attributes.iter();
    attributes.map(|key| name(key.name.decoded(line, &mut Vec::new()))).collect()
}
