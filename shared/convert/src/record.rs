//! Records: how a scanned item is written out in each format. Everything that is the same for all records of a recipe is
//! put together once; the rest are byte ranges of the line, copied as they are.

mod event;
mod fragments;
mod identity;
mod plain;

use std::ops::Range;

use crate::block::{Block, Kind};
use crate::input::Content;
use crate::limits::KEYS_MAX;
use crate::reason::Reason;
use crate::recipe::{AttributeFilter, Format, Recipe, RecipeSpec};
use crate::scan::{Attribute, Fault, Image, Item};
pub(crate) use event::EventNamer;
use event::TimeUnit;
use fragments::{Fragments, extra_fields};
use identity::EventIds;

/// Writes records by one recipe, for one unit.
pub(crate) struct Renderer {
    shape: Shape,
    filter: Filter,
    extra_names: Vec<Vec<u8>>,
}

enum Shape {
    Change(Box<ChangeRecord>),
    Plain { extra: Vec<u8> },
    Item { extra: Vec<u8> },
    Image { extra: Vec<u8> },
}

/// What stream and Kinesis records have in common.
struct ChangeRecord {
    event_ids: EventIds,
    fragments: Fragments,
    moment: Moment,
    namer: EventNamer,
    unit: u32,
}

/// When a record says that it happened.
enum Moment {
    /// The snapshot's time, as it is written.
    Pinned(Vec<u8>),
    /// The time of each write, in this unit.
    Write(TimeUnit),
}

/// What may be left out of an image; names are sorted.
pub(crate) enum Filter {
    All,
    Only(Vec<Vec<u8>>),
    Without(Vec<Vec<u8>>),
}

impl Renderer {
    pub(crate) fn new(recipe: &Recipe, content: Content, unit: u32) -> Renderer {
        let spec = recipe.spec();
        let extra = extra_fields(&spec.extra_fields);
        let shape = match spec.format {
            Format::Plain => Shape::Plain { extra },
            Format::Item => Shape::Item { extra },
            Format::Image => Shape::Image { extra },
            Format::Parquet => unreachable!("rows are not rendered"),
            Format::Stream | Format::LambdaEvent | Format::Kinesis => Shape::Change(Box::new(ChangeRecord {
                event_ids: EventIds::new(spec, content),
                fragments: Fragments::new(spec, &extra),
                moment: Moment::new(spec, content),
                namer: EventNamer::new(spec, content),
                unit,
            })),
        };
        let extra_names = spec.extra_fields.iter().map(|field| field.name.clone().into_bytes()).collect();
        Renderer { shape, filter: Filter::new(&spec.attributes, &spec.keys), extra_names }
    }

    /// Whether items are taken apart to their attributes, rather than copied whole.
    pub(crate) fn needs_attributes(&self) -> bool {
        let has_extra = !self.extra_names.is_empty();
        match self.shape {
            Shape::Plain { .. } => true,
            Shape::Image { .. } if has_extra => true,
            _ => !matches!(self.filter, Filter::All),
        }
    }

    /// Refuses what this recipe cannot write, before anything is written.
    pub(crate) fn check(&self, line: &[u8], item: &Item) -> Result<(), Fault> {
        if !item.image.is_there() && !matches!(self.shape, Shape::Change(_)) {
            return Err(Fault::new(Reason::Removed, 0));
        }
        if !matches!(self.shape, Shape::Plain { .. } | Shape::Image { .. }) || self.extra_names.is_empty() {
            return Ok(());
        }
        let mut scratch = Vec::new();
        for attribute in item.image.attributes.iter().filter(|attribute| self.filter.keeps(line, attribute)) {
            let name = attribute.name.decoded(line, &mut scratch);
            if self.extra_names.iter().any(|extra| extra == name) {
                return Err(Fault::new(Reason::ExtraFieldName, attribute.name.start as usize));
            }
        }
        Ok(())
    }

    /// Appends the record of an item that [`Self::check`] let pass; `ordinal` counts the unit's records from 1.
    pub(crate) fn render(&mut self, line: &[u8], item: &Item, ordinal: u64, out: &mut Block) {
        let start = out.len();
        out.mark(Kind::RECORD);
        match &mut self.shape {
            Shape::Change(change) => change.write(line, item, &self.filter, ordinal, out),
            Shape::Plain { extra } => write_plain(line, item, &self.filter, extra, &mut out.bytes),
            Shape::Item { extra } => write_item(line, item, &self.filter, extra, out),
            Shape::Image { extra } => write_bare(line, item, &self.filter, extra, out),
        }
        keep_on_one_line(&mut out.bytes[start..]);
    }
}

impl ChangeRecord {
    fn write(&mut self, line: &[u8], item: &Item, filter: &Filter, ordinal: u64, out: &mut Block) {
        let fragments = &self.fragments;
        let event_id = self.event_ids.of(line, item);
        out.bytes.extend_from_slice(&fragments.before_id);
        fragments.id_form.write(event_id, &mut out.bytes);
        out.mark(Kind::BEHIND_ID);
        out.bytes.extend_from_slice(&fragments.before_name);
        out.bytes.extend_from_slice(self.namer.name(item).name().as_bytes());
        out.bytes.extend_from_slice(&fragments.before_time);
        self.moment.write(item, &mut out.bytes);
        out.mark(Kind::BEFORE_KEYS);
        out.bytes.extend_from_slice(&fragments.before_keys);
        for (name, key) in fragments.key_names.iter().zip(item.keys.iter().flatten()) {
            out.bytes.extend_from_slice(name);
            out.bytes.extend_from_slice(&line[key.value.clone()]);
        }
        out.mark(Kind::BEHIND_KEYS);
        out.bytes.push(b'}');
        let mut size = item.keys_size;
        if fragments.has_new_image && item.image.is_there() {
            out.bytes.extend_from_slice(br#","NewImage":"#);
            size += append_image(line, item, &item.image, filter, out);
        }
        if fragments.has_old_image && item.old_image.is_there() {
            out.bytes.extend_from_slice(br#","OldImage":"#);
            size += append_image(line, item, &item.old_image, filter, out);
        }
        out.mark(Kind::BEHIND_IMAGES);
        if fragments.has_sequence {
            out.bytes.extend_from_slice(br#","SequenceNumber":""#);
            write_sequence_number(self.unit, item.micros, ordinal, &mut out.bytes);
            out.bytes.push(b'"');
        }
        out.bytes.extend_from_slice(br#","SizeBytes":"#);
        write_decimal(size, &mut out.bytes);
        out.mark(Kind::BEHIND_SIZE);
        out.bytes.extend_from_slice(&fragments.after_size);
    }
}

impl Moment {
    fn new(spec: &RecipeSpec, content: Content) -> Moment {
        let unit = TimeUnit::of(spec);
        match content {
            Content::Items => Moment::Pinned(unit.of_micros(spec.snapshot_micros).to_string().into_bytes()),
            Content::Changes { .. } => Moment::Write(unit),
        }
    }

    fn write(&self, item: &Item, out: &mut Vec<u8>) {
        match self {
            Moment::Pinned(text) => out.extend_from_slice(text),
            Moment::Write(unit) => {
                let micros = item.micros.expect("a change that was scanned has its time");
                write_decimal(unit.of_micros(micros) as u64, out);
            }
        }
    }
}

fn write_item(line: &[u8], item: &Item, filter: &Filter, extra: &[u8], out: &mut Block) {
    out.bytes.extend_from_slice(br#"{"Item":"#);
    append_image(line, item, &item.image, filter, out);
    out.bytes.extend_from_slice(extra);
    out.bytes.push(b'}');
}

/// The image with the extra fields among its attributes; both are objects' insides.
fn write_bare(line: &[u8], item: &Item, filter: &Filter, extra: &[u8], out: &mut Block) {
    let start = out.len();
    append_image(line, item, &item.image, filter, out);
    if extra.is_empty() {
        return;
    }
    let out = &mut out.bytes;
    out.pop();
    let is_empty = out[start + 1..].iter().all(u8::is_ascii_whitespace);
    // Extra fields begin with a comma each.
    out.extend_from_slice(if is_empty { &extra[1..] } else { extra });
    out.push(b'}');
}

/// [`write_image`] with the landmarks of what is written as it came.
fn append_image(line: &[u8], item: &Item, image: &Image, filter: &Filter, out: &mut Block) -> u64 {
    if matches!(filter, Filter::All) {
        out.append_part(line, &item.landmarks, image.range.clone());
        return image.size;
    }
    write_image(line, image, filter, &mut out.bytes)
}

fn write_plain(line: &[u8], item: &Item, filter: &Filter, extra: &[u8], out: &mut Vec<u8>) {
    out.push(b'{');
    let first = out.len();
    for attribute in item.image.attributes.iter().filter(|attribute| filter.keeps(line, attribute)) {
        if out.len() > first {
            out.push(b',');
        }
        plain::write_attribute(line, attribute, out);
    }
    // Extra fields begin with a comma each; an item without attributes has nothing before it.
    out.extend_from_slice(if out.len() > first { extra } else { extra.get(1..).unwrap_or_default() });
    out.push(b'}');
}

/// Writes the item's map: as it came, or rebuilt of the attributes kept. Gives what DynamoDB counts for it.
pub(crate) fn write_image(line: &[u8], image: &Image, filter: &Filter, out: &mut Vec<u8>) -> u64 {
    if matches!(filter, Filter::All) {
        out.extend_from_slice(&line[image.range.clone()]);
        return image.size;
    }
    let mut size = 0;
    let mut separator = b'{';
    for attribute in image.attributes.iter().filter(|attribute| filter.keeps(line, attribute)) {
        out.push(separator);
        out.extend_from_slice(&line[name_and_value(attribute)]);
        size += attribute.size;
        separator = b',';
    }
    out.extend_from_slice(if separator == b'{' { b"{}" } else { b"}" });
    size
}

/// From the name's opening quote to the value's closing brace.
fn name_and_value(attribute: &Attribute) -> Range<usize> {
    attribute.name.start as usize - 1..attribute.value.end
}

/// A raw carriage return can only be space between tokens, but Spark would end the line there.
fn keep_on_one_line(record: &mut [u8]) {
    while let Some(at) = memchr::memchr(b'\r', record) {
        record[at] = b' ';
    }
}

/// 21 digits, numerically below every real one, which have at least as many and begin higher. A change's is above those
/// of all items, and that of a later change to the same item is above that of an earlier one, whichever export or job
/// they come from.
///
/// ```text
///  item    00 unit (7) record (12)
///  change  01 microseconds (16) record modulo 1000 (3)
/// ```
pub(crate) fn write_sequence_number(unit: u32, micros: Option<i64>, ordinal: u64, out: &mut Vec<u8>) {
    match micros {
        None => {
            out.extend_from_slice(b"00");
            write_padded(u64::from(unit), 7, out);
            write_padded(ordinal, 12, out);
        }
        Some(micros) => {
            out.extend_from_slice(b"01");
            write_padded(micros.unsigned_abs(), 16, out);
            write_padded(ordinal % 1000, 3, out);
        }
    }
}

fn write_padded(mut value: u64, digits: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + digits, b'0');
    for digit in out[start..].iter_mut().rev() {
        // Most of a sequence number is noughts.
        if value == 0 {
            break;
        }
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn write_decimal(value: u64, out: &mut Vec<u8>) {
    let digits = value.checked_ilog10().unwrap_or(0) as usize + 1;
    write_padded(value, digits, out);
}

impl Filter {
    pub(crate) fn new(filter: &AttributeFilter, keys: &[String]) -> Filter {
        match filter {
            AttributeFilter::All => Filter::All,
            AttributeFilter::Include(names) => Filter::Only(sorted(names.iter().chain(keys))),
            AttributeFilter::Exclude(names) => Filter::Without(sorted(names.iter())),
        }
    }

    pub(crate) fn keeps(&self, line: &[u8], attribute: &Attribute) -> bool {
        let listed = |names: &[Vec<u8>]| {
            let mut scratch = Vec::new();
            let name = attribute.name.decoded(line, &mut scratch);
            names.binary_search_by(|listed| listed.as_slice().cmp(name)).is_ok()
        };
        match self {
            Filter::All => true,
            Filter::Only(names) => listed(names),
            Filter::Without(names) => !listed(names),
        }
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<Vec<u8>> {
    let mut names: Vec<_> = names.map(|name| name.clone().into_bytes()).collect();
    names.sort_unstable();
    names
}

const _: () = assert!(KEYS_MAX == 2, "records name hash and range key");
