//! Lines of an incremental export: what happened to an item, with its keys, the image after, the image before, and when.
//!
//! ```text
//!  {"Metadata":{"WriteTimestampMicros":{"N":"…"}},"Keys":{…},"OldImage":{…},"NewImage":{…}}
//! ```

use crate::reason::Reason;
use crate::scan::cursor::{Fault, Tag};
use crate::scan::text::Text;
use crate::scan::{Image, Item, Walk, number};

/// Digits of a time in microseconds: 17 take it to the year 5138.
const MICROS_DIGITS_MAX: usize = 17;

/// Which map of a change.
type Part = fn(&mut Item) -> &mut Image;

impl Walk<'_, '_> {
    /// The fields may come in any order, each once; no image at all is a removal.
    pub(super) fn change_line(&mut self) -> Result<(), Fault> {
        self.cursor.expect(b'{')?;
        if self.cursor.take(b'}') {
            return Err(self.cursor.fault(Reason::NotAChange));
        }
        loop {
            self.change_field()?;
            if !self.cursor.more(b'}')? {
                break;
            }
        }
        self.end_of_line()?;
        let end = self.cursor.line.len();
        let item = &self.scanner.item;
        if !item.keys_map.is_there() {
            return Err(Fault::new(Reason::MissingKey, end));
        }
        match item.micros {
            Some(_) => Ok(()),
            None => Err(Fault::new(Reason::InvalidWriteTime, end)),
        }
    }

    fn change_field(&mut self) -> Result<(), Fault> {
        self.cursor.skip_space();
        let at = self.cursor.at;
        let name = self.cursor.name()?;
        self.cursor.skip_space();
        let part: Part = match name.decoded(self.cursor.line, &mut Vec::new()) {
            b"Metadata" => return self.metadata(at),
            b"Keys" => |item| &mut item.keys_map,
            b"NewImage" => |item| &mut item.image,
            b"OldImage" => |item| &mut item.old_image,
            _ => return Err(Fault::new(Reason::NotAChange, at)),
        };
        let memory = std::mem::take(part(&mut self.scanner.item));
        if memory.is_there() {
            return Err(Fault::new(Reason::DuplicateName, at));
        }
        let is_keys = name.raw(self.cursor.line) == b"Keys";
        *part(&mut self.scanner.item) = self.image(memory, is_keys)?;
        if is_keys { self.check_own_keys() } else { Ok(()) }
    }

    /// The keys that the recipe names, and no others: with fewer of them two items would look like one.
    fn check_own_keys(&self) -> Result<(), Fault> {
        let item = &self.scanner.item;
        if self.scanner.key_names.is_empty() {
            return Ok(());
        }
        self.check_keys(item.keys_map.range.end)?;
        match item.keys_map.size == item.keys_size {
            true => Ok(()),
            false => Err(Fault::new(Reason::KeysDiffer, item.keys_map.range.start)),
        }
    }

    fn metadata(&mut self, at: usize) -> Result<(), Fault> {
        if self.scanner.item.micros.is_some() {
            return Err(Fault::new(Reason::DuplicateName, at));
        }
        self.cursor.expect_or(b'{', Reason::ObjectExpected)?;
        if self.cursor.take(b'}') {
            return Err(self.cursor.fault(Reason::InvalidWriteTime));
        }
        loop {
            let name = self.cursor.name()?;
            self.cursor.skip_space();
            match name.decoded(self.cursor.line, &mut Vec::new()) {
                b"WriteTimestampMicros" => self.write_time()?,
                _ => {
                    self.value(0)?;
                }
            }
            if !self.cursor.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// `{"N":"…"}` as real exports have it, a string as the documentation prints it, or a number.
    fn write_time(&mut self) -> Result<(), Fault> {
        let start = self.cursor.at;
        let text = match self.cursor.peek() {
            Some(b'{') => {
                let tag = self.cursor.open_value()?;
                if tag != Tag::N {
                    return Err(Fault::new(Reason::InvalidWriteTime, start));
                }
                let text = self.cursor.text(Reason::StringExpected)?;
                self.cursor.close_value()?;
                text
            }
            Some(b'"') => self.cursor.text(Reason::StringExpected)?,
            _ => self.bare_number(),
        };
        let digits = text.decoded(self.cursor.line, &mut Vec::new()).to_vec();
        let is_time =
            (1..=MICROS_DIGITS_MAX).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        if !is_time {
            return Err(Fault::new(Reason::InvalidWriteTime, start));
        }
        let value = digits.iter().fold(0, |value, digit| 10 * value + i64::from(digit - b'0'));
        self.scanner.item.micros = Some(value);
        Ok(())
    }

    fn bare_number(&mut self) -> Text {
        let start = self.cursor.at;
        let digits = number::digits_at(&self.cursor.line[start..]);
        self.cursor.at += digits;
        Text { start: start as u32, end: self.cursor.at as u32, decoded_len: digits as u32 }
    }
}
