//! The scan: one pass over a line that proves it is an item and notes where its parts are. It judges nothing but the line
//! itself, allocates nothing per line, and never changes a byte.

mod base64;
mod change;
mod cursor;
mod distinct;
mod names;
mod number;
mod text;

use std::ops::Range;

pub(crate) use base64::decode as decode_base64;
pub use cursor::Tag;
pub(crate) use cursor::{Cursor, Fault};
pub(crate) use number::{places as number_places, scaled, write_json as write_json_number};
pub(crate) use text::{Text, special};

use crate::block::{Kind, Landmark};
use crate::input::Content;
use crate::limits::{DEPTH_MAX, KEYS_MAX};
use crate::reason::Reason;
use distinct::{Distinct, Scope};
use names::{Marks, Names};

/// Bytes that DynamoDB adds for a list or map as a whole, and for each of its elements.
const CONTAINER_SIZE: u64 = 3;
const ELEMENT_SIZE: u64 = 1;

/// A top-level attribute of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: Text,
    /// Its typed value, braces included.
    pub(crate) value: Range<usize>,
    /// Bytes that DynamoDB counts for it, name included.
    pub(crate) size: u64,
}

/// A key attribute's value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Key {
    /// The typed value, braces included.
    pub(crate) value: Range<usize>,
    /// `S`, `N` or `B`.
    pub(crate) letter: u8,
    pub(crate) text: Text,
}

/// Where an image of an item is in its line.
#[derive(Debug, Default)]
pub(crate) struct Image {
    /// The whole map, braces included; empty if there is no such image.
    pub(crate) range: Range<usize>,
    /// In the order of the line; none unless the scanner was asked to note them.
    pub(crate) attributes: Vec<Attribute>,
    /// Bytes that DynamoDB counts for all attributes.
    pub(crate) size: u64,
}

impl Image {
    pub(crate) fn is_there(&self) -> bool {
        !self.range.is_empty()
    }

    fn clear(&mut self) {
        self.range = 0..0;
        self.attributes.clear();
        self.size = 0;
    }
}

/// Where the parts of one item, or of a change to it, are in its line.
#[derive(Debug, Default)]
pub(crate) struct Item {
    /// The item as it is; not there if it was removed.
    pub(crate) image: Image,
    /// The item as it was before the change, where the line says so.
    pub(crate) old_image: Image,
    /// `Keys` of a change record: a map like an image.
    pub(crate) keys_map: Image,
    /// When the change was written, in epoch microseconds; `None` for an item.
    pub(crate) micros: Option<i64>,
    /// In the order of the recipe; as many as it names.
    pub(crate) keys: [Option<Key>; KEYS_MAX],
    /// Bytes that DynamoDB counts for the keys, names included.
    pub(crate) keys_size: u64,
    /// The opening quotes of names that were seen before, in the order of the line.
    pub(crate) landmarks: Vec<Landmark>,
}

/// Scans line after line, keeping its memory.
pub(crate) struct Scanner {
    key_names: Vec<Vec<u8>>,
    notes_attributes: bool,
    content: Content,
    names: Names,
    distinct: Distinct,
    item: Item,
}

impl Scanner {
    /// `notes_attributes`: whether [`Image::attributes`] are wanted.
    pub(crate) fn new(key_names: &[String], notes_attributes: bool, content: Content) -> Scanner {
        Scanner {
            key_names: key_names.iter().map(|name| name.clone().into_bytes()).collect(),
            notes_attributes,
            content,
            names: Names::new(key_names),
            distinct: Distinct::default(),
            item: Item::default(),
        }
    }

    /// The item of `line`, or the first thing that is wrong with it.
    pub(crate) fn scan(&mut self, line: &[u8]) -> Result<&Item, Fault> {
        check_utf8(line)?;
        self.begin();
        let content = self.content;
        let mut walk = Walk { cursor: Cursor { line, at: 0 }, scanner: self };
        match content {
            Content::Items => walk.line()?,
            Content::Changes { .. } => walk.change_line()?,
        }
        Ok(&self.item)
    }

    /// The item that was scanned last.
    pub(crate) fn item(&self) -> &Item {
        &self.item
    }

    /// Forgets the item before.
    fn begin(&mut self) {
        self.names.turn_page();
        self.distinct.clear();
        self.item.image.clear();
        if let Content::Changes { .. } = self.content {
            self.item.old_image.clear();
            self.item.keys_map.clear();
            self.item.micros = None;
        }
        self.item.keys = [const { None }; KEYS_MAX];
        self.item.keys_size = 0;
        self.item.landmarks.clear();
    }
}

/// The items of one page of a scan, one after the other.
pub(crate) struct Page<'l, 's> {
    scanner: &'s mut Scanner,
    cursor: Cursor<'l>,
    begun: bool,
}

impl Scanner {
    /// The items of `array`, a JSON array of attribute maps.
    pub(crate) fn page<'l, 's>(&'s mut self, array: &'l [u8]) -> Result<Page<'l, 's>, Fault> {
        check_utf8(array)?;
        let mut cursor = Cursor { line: array, at: 0 };
        cursor.expect_or(b'[', Reason::ArrayExpected)?;
        Ok(Page { scanner: self, cursor, begun: false })
    }
}

impl Page<'_, '_> {
    /// The next item, or the first thing that is wrong with it.
    pub(crate) fn next(&mut self) -> Result<Option<&Item>, Fault> {
        let more = match self.begun {
            false => !self.cursor.take(b']'),
            true => self.cursor.more(b']')?,
        };
        self.begun = true;
        if !more {
            self.cursor.skip_space();
            return match self.cursor.peek() {
                Some(_) => Err(self.cursor.fault(Reason::TrailingBytes)),
                None => Ok(None),
            };
        }
        self.scanner.begin();
        let mut walk = Walk { cursor: self.cursor.clone(), scanner: self.scanner };
        walk.cursor.skip_space();
        walk.whole_item()?;
        self.cursor = walk.cursor;
        Ok(Some(&self.scanner.item))
    }
}

pub(crate) fn check_utf8(line: &[u8]) -> Result<(), Fault> {
    if simdutf8::basic::from_utf8(line).is_ok() {
        return Ok(());
    }
    let error = simdutf8::compat::from_utf8(line).expect_err("the other check has refused it");
    Err(Fault::new(Reason::InvalidUtf8, error.valid_up_to()))
}

/// Gives what DynamoDB counts for the text at `line[start..end]`, if it may stand there.
type Measure = fn(line: &[u8], start: usize, end: usize) -> Option<u64>;

/// A value that was read.
struct Measured {
    /// Where it begins, braces included.
    start: usize,
    /// Bytes that DynamoDB counts for it.
    size: u64,
}

/// A name as it stands in a map.
#[derive(Clone, Copy)]
struct Name {
    text: Text,
    /// Whether it may be that of a key of the table.
    may_be_key: bool,
}

struct Walk<'l, 's> {
    cursor: Cursor<'l>,
    scanner: &'s mut Scanner,
}

impl Walk<'_, '_> {
    fn line(&mut self) -> Result<(), Fault> {
        self.cursor.expect(b'{')?;
        self.item_name()?;
        self.cursor.skip_space();
        self.whole_item()?;
        if self.cursor.more(b'}')? {
            return Err(self.cursor.fault(Reason::NotAnItem));
        }
        self.end_of_line()
    }

    /// The item that begins here, its keys among its attributes.
    fn whole_item(&mut self) -> Result<(), Fault> {
        let memory = std::mem::take(&mut self.scanner.item.image);
        self.scanner.item.image = self.image(memory, true)?;
        self.check_keys(self.scanner.item.image.range.end)
    }

    /// The map of attributes that begins here, noted in the memory of an earlier one.
    fn image(&mut self, mut image: Image, has_keys: bool) -> Result<Image, Fault> {
        let start = self.cursor.at;
        image.size = self.attributes(&mut image.attributes, has_keys)?;
        image.range = start..self.cursor.at;
        Ok(image)
    }

    fn item_name(&mut self) -> Result<(), Fault> {
        self.cursor.skip_space();
        if self.cursor.peek() == Some(b'}') {
            return Err(self.cursor.fault(Reason::NotAnItem));
        }
        let at = self.cursor.at;
        let name = self.cursor.name()?;
        match name.decoded(self.cursor.line, &mut Vec::new()) {
            b"Item" => Ok(()),
            _ => Err(Fault::new(Reason::NotAnItem, at)),
        }
    }

    fn end_of_line(&mut self) -> Result<(), Fault> {
        self.cursor.skip_space();
        match self.cursor.peek() {
            Some(_) => Err(self.cursor.fault(Reason::TrailingBytes)),
            None => Ok(()),
        }
    }

    /// `end` is where the map ends that should hold them.
    fn check_keys(&self, end: usize) -> Result<(), Fault> {
        match self.scanner.item.keys[..self.scanner.key_names.len()].iter().all(Option::is_some) {
            true => Ok(()),
            false => Err(Fault::new(Reason::MissingKey, end - 1)),
        }
    }

    /// A top-level map: gives what DynamoDB counts for its attributes.
    #[inline(always)]
    fn attributes(&mut self, noted: &mut Vec<Attribute>, has_keys: bool) -> Result<u64, Fault> {
        let mut size = 0;
        let notes_attributes = self.scanner.notes_attributes;
        self.map(|walk, Name { text: name, may_be_key }| {
            let Measured { start, size: value_size } = walk.value(0)?;
            let attribute_size = u64::from(name.decoded_len) + value_size;
            size += attribute_size;
            if notes_attributes || may_be_key {
                let attribute = Attribute { name, value: start..walk.cursor.at, size: attribute_size };
                if has_keys && may_be_key {
                    walk.note_key(&attribute)?;
                }
                if notes_attributes {
                    noted.push(attribute);
                }
            }
            Ok(())
        })?;
        Ok(size)
    }

    /// An object whose names are attribute names, all different.
    #[inline]
    fn map(&mut self, mut attribute: impl FnMut(&mut Self, Name) -> Result<(), Fault>) -> Result<(), Fault> {
        self.cursor.expect_or(b'{', Reason::ObjectExpected)?;
        if self.cursor.take(b'}') {
            return Ok(());
        }
        let mut marks = Marks::default();
        let mut scope = self.scanner.distinct.open();
        self.cursor.expect(b'"')?;
        loop {
            let name = self.name(&mut marks, &mut scope)?;
            attribute(self, name)?;
            if !self.cursor.more_names()? {
                break;
            }
        }
        match self.scanner.distinct.close(scope, self.cursor.line) {
            Some(name) => Err(Fault::new(Reason::DuplicateName, name.start as usize)),
            None => Ok(()),
        }
    }

    /// The name of a map whose opening quote was taken, with its colon: not empty, and the first of its kind as far as can
    /// be told yet.
    #[inline(always)]
    fn name(&mut self, marks: &mut Marks, scope: &mut Scope) -> Result<Name, Fault> {
        let start = self.cursor.at;
        let Some(known) = self.scanner.names.at(self.cursor.line, start) else {
            return self.new_name(marks, scope);
        };
        if !marks.add(known.number) {
            return Err(Fault::new(Reason::DuplicateName, start));
        }
        let landmark = Landmark { at: start as u32 - 1, kind: Kind::of_name(known.number) };
        self.scanner.item.landmarks.push(landmark);
        let length = u32::from(known.length);
        let (start, end) = (start as u32, start as u32 + length);
        self.cursor.at = end as usize + 2;
        let text = Text { start, end, decoded_len: length };
        Ok(Name { text, may_be_key: known.is_key })
    }

    /// The same of a name that is not in the book as it stands here.
    #[inline(never)]
    fn new_name(&mut self, marks: &mut Marks, scope: &mut Scope) -> Result<Name, Fault> {
        let line = self.cursor.line;
        let text = self.cursor.rest_of_text()?;
        let is_plain = !text.is_escaped() && self.cursor.peek() == Some(b':');
        self.cursor.expect(b':')?;
        if text.decoded_len == 0 {
            return Err(Fault::new(Reason::EmptyName, text.start as usize));
        }
        let Scanner { names, distinct, .. } = &mut *self.scanner;
        let known = match is_plain {
            true => {
                names.propose(text.raw(line));
                None
            }
            false => names.find(text.decoded(line, &mut Vec::new())),
        };
        let fresh = match known {
            Some(known) => marks.add(known.number),
            None => distinct.add(scope, line, text),
        };
        match fresh {
            true => Ok(Name { text, may_be_key: true }),
            false => Err(Fault::new(Reason::DuplicateName, text.start as usize)),
        }
    }

    #[inline]
    fn note_key(&mut self, attribute: &Attribute) -> Result<(), Fault> {
        let name = attribute.name;
        for index in 0..self.scanner.key_names.len() {
            let key_name = &self.scanner.key_names[index];
            if name.decoded_len as usize == key_name.len()
                && name.decoded(self.cursor.line, &mut Vec::new()) == key_name.as_slice()
            {
                self.scanner.item.keys[index] = Some(key(self.cursor.line, attribute)?);
                self.scanner.item.keys_size += attribute.size;
            }
        }
        Ok(())
    }

    /// A typed value, `depth` levels of lists and maps inside its attribute.
    #[inline(always)]
    fn value(&mut self, depth: u32) -> Result<Measured, Fault> {
        let start = self.cursor.at;
        match self.plain_value() {
            Some(size) => Ok(Measured { start, size }),
            None => self.any_value(depth),
        }
    }

    /// A string or number as nearly all are written, without space or escapes: gives what DynamoDB counts for it. Of
    /// anything else nothing is taken.
    #[inline(always)]
    fn plain_value(&mut self) -> Option<u64> {
        let (line, at) = (self.cursor.line, self.cursor.at);
        let letter = cursor::letter_of_text(line, at)?;
        let start = at + cursor::TEXT_OPENING;
        let end = special(line, start);
        if line.get(end..)?.first_chunk() != Some(b"\"}") {
            return None;
        }
        let size = match letter {
            b'S' => (end - start) as u64,
            b'N' => number::size_in(line, start, end)?,
            _ => return None,
        };
        self.cursor.at = end + 2;
        Some(size)
    }

    #[inline(never)]
    fn any_value(&mut self, depth: u32) -> Result<Measured, Fault> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let size = match self.cursor.open_value()? {
            Tag::S => u64::from(self.cursor.text(Reason::StringExpected)?.decoded_len),
            Tag::N => self.measured(number::size_in, Reason::InvalidNumber)?.1,
            Tag::B => self.measured(base64::decoded_len_in, Reason::InvalidBase64)?.1,
            Tag::Bool => self.literal(|_| true, Reason::InvalidBool)?,
            Tag::Null => self.literal(|value| value, Reason::InvalidNull)?,
            Tag::Ss => self.set(|_, start, end| Some((end - start) as u64), Reason::StringExpected)?,
            Tag::Ns => self.set(number::size_in, Reason::InvalidNumber)?,
            Tag::Bs => self.set(base64::decoded_len_in, Reason::InvalidBase64)?,
            Tag::L | Tag::M if depth == DEPTH_MAX => return Err(Fault::new(Reason::TooDeep, start)),
            Tag::L => self.list(depth + 1)?,
            Tag::M => self.nested_map(depth + 1)?,
        };
        self.cursor.close_value()?;
        Ok(Measured { start, size })
    }

    /// A string that `measure` accepts, and what it gives.
    #[inline(always)]
    fn measured(&mut self, measure: Measure, reason: Reason) -> Result<(Text, u64), Fault> {
        let text = self.cursor.text(Reason::StringExpected)?;
        let size = match text.is_escaped() {
            false => measure(self.cursor.line, text.start as usize, text.end as usize),
            true => measure_decoded(self.cursor.line, text, measure),
        };
        size.map(|size| (text, size)).ok_or(Fault::new(reason, text.start as usize))
    }

    fn literal(&mut self, allowed: fn(bool) -> bool, reason: Reason) -> Result<u64, Fault> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        match self.cursor.bool() {
            Some(value) if allowed(value) => Ok(1),
            _ if start == self.cursor.line.len() => Err(Fault::new(Reason::UnexpectedEnd, start)),
            _ => Err(Fault::new(reason, start)),
        }
    }

    fn set(&mut self, measure: Measure, reason: Reason) -> Result<u64, Fault> {
        self.cursor.expect_or(b'[', Reason::ArrayExpected)?;
        if self.cursor.take(b']') {
            return Err(Fault::new(Reason::EmptySet, self.cursor.at - 1));
        }
        let line = self.cursor.line;
        let mut scope = self.scanner.distinct.open();
        let mut size = 0;
        loop {
            let (member, member_size) = self.measured(measure, reason)?;
            size += member_size;
            if !self.scanner.distinct.add(&mut scope, line, member) {
                return Err(Fault::new(Reason::DuplicateMember, member.start as usize));
            }
            if !self.cursor.more(b']')? {
                break;
            }
        }
        match self.scanner.distinct.close(scope, line) {
            Some(member) => Err(Fault::new(Reason::DuplicateMember, member.start as usize)),
            None => Ok(size),
        }
    }

    fn list(&mut self, depth: u32) -> Result<u64, Fault> {
        self.cursor.expect_or(b'[', Reason::ArrayExpected)?;
        let mut size = CONTAINER_SIZE;
        if self.cursor.take(b']') {
            return Ok(size);
        }
        loop {
            size += ELEMENT_SIZE + self.value(depth)?.size;
            if !self.cursor.more(b']')? {
                return Ok(size);
            }
        }
    }

    fn nested_map(&mut self, depth: u32) -> Result<u64, Fault> {
        let mut size = CONTAINER_SIZE;
        self.map(|walk, name| {
            size += ELEMENT_SIZE + u64::from(name.text.decoded_len) + walk.value(depth)?.size;
            Ok(())
        })?;
        Ok(size)
    }
}

#[cold]
fn measure_decoded(line: &[u8], text: Text, measure: Measure) -> Option<u64> {
    let mut scratch = Vec::new();
    let decoded = text.decoded(line, &mut scratch);
    measure(decoded, 0, decoded.len())
}

/// Reads the value of a key attribute again: there are two at most, and the other values need not be kept at hand.
fn key(line: &[u8], attribute: &Attribute) -> Result<Key, Fault> {
    let fault = |reason| Fault::new(reason, attribute.value.start);
    let mut cursor = Cursor { line, at: attribute.value.start };
    let letter = match cursor.open_value()? {
        Tag::S => b'S',
        Tag::N => b'N',
        Tag::B => b'B',
        _ => return Err(fault(Reason::InvalidKeyType)),
    };
    let text = cursor.text(Reason::StringExpected)?;
    match text.decoded_len {
        0 => Err(fault(Reason::EmptyKey)),
        _ => Ok(Key { value: attribute.value.clone(), letter, text }),
    }
}
