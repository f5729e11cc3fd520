//! Records: how a scanned item is written out in each format. Everything that is the same for all records of a recipe is
//! put together once; the rest are byte ranges of the line, copied as they are.

mod fragments;
mod identity;
mod plain;

use std::ops::Range;

use crate::limits::KEYS_MAX;
use crate::reason::Reason;
use crate::recipe::{AttributeFilter, Format, Recipe};
use crate::scan::{Attribute, Fault, Item};
use fragments::{Fragments, extra_fields};
use identity::EventIds;

/// Writes records by one recipe, for one unit.
pub(crate) struct Renderer {
    shape: Shape,
    filter: Filter,
    extra_names: Vec<Vec<u8>>,
}

enum Shape {
    Change(ChangeRecord),
    Plain { extra: Vec<u8> },
    Item { extra: Vec<u8> },
}

/// What stream and Kinesis records have in common.
struct ChangeRecord {
    event_ids: EventIds,
    fragments: Fragments,
    unit: u32,
}

/// What may be left out of an image; names are sorted.
enum Filter {
    All,
    Only(Vec<Vec<u8>>),
    Without(Vec<Vec<u8>>),
}

impl Renderer {
    pub(crate) fn new(recipe: &Recipe, unit: u32) -> Renderer {
        let spec = recipe.spec();
        let extra = extra_fields(&spec.extra_fields);
        let shape = match spec.format {
            Format::Plain => Shape::Plain { extra },
            Format::Item => Shape::Item { extra },
            Format::Stream | Format::LambdaEvent | Format::Kinesis => Shape::Change(ChangeRecord {
                event_ids: EventIds::new(spec),
                fragments: Fragments::new(spec, &extra),
                unit,
            }),
        };
        let extra_names = spec.extra_fields.iter().map(|field| field.name.clone().into_bytes()).collect();
        Renderer { shape, filter: Filter::new(&spec.attributes, &spec.keys), extra_names }
    }

    /// Whether items are taken apart to their attributes, rather than copied whole.
    pub(crate) fn needs_attributes(&self) -> bool {
        matches!(self.shape, Shape::Plain { .. }) || !matches!(self.filter, Filter::All)
    }

    /// Refuses what this recipe cannot write, before anything is written.
    pub(crate) fn check(&self, line: &[u8], item: &Item) -> Result<(), Fault> {
        if !matches!(self.shape, Shape::Plain { .. }) || self.extra_names.is_empty() {
            return Ok(());
        }
        let mut scratch = Vec::new();
        for attribute in item.attributes.iter().filter(|attribute| self.filter.keeps(line, attribute)) {
            let name = attribute.name.decoded(line, &mut scratch);
            if self.extra_names.iter().any(|extra| extra == name) {
                return Err(Fault::new(Reason::ExtraFieldName, attribute.name.start as usize));
            }
        }
        Ok(())
    }

    /// Appends the record of an item that [`Self::check`] let pass; `ordinal` counts the unit's records from 1.
    pub(crate) fn render(&mut self, line: &[u8], item: &Item, ordinal: u64, out: &mut Vec<u8>) {
        let start = out.len();
        match &mut self.shape {
            Shape::Change(change) => change.write(line, item, &self.filter, ordinal, out),
            Shape::Plain { extra } => write_plain(line, item, &self.filter, extra, out),
            Shape::Item { extra } => write_item(line, item, &self.filter, extra, out),
        }
        keep_on_one_line(&mut out[start..]);
    }
}

impl ChangeRecord {
    fn write(&mut self, line: &[u8], item: &Item, filter: &Filter, ordinal: u64, out: &mut Vec<u8>) {
        let fragments = &self.fragments;
        let event_id = self.event_ids.of(line, item);
        out.extend_from_slice(&fragments.before_id);
        fragments.id_form.write(event_id, out);
        out.extend_from_slice(&fragments.before_keys);
        for (name, key) in fragments.key_names.iter().zip(item.keys.iter().flatten()) {
            out.extend_from_slice(name);
            out.extend_from_slice(&line[key.value.clone()]);
        }
        out.extend_from_slice(&fragments.before_image);
        let mut size = item.keys_size;
        if fragments.has_image {
            size += write_image(line, item, filter, out);
        }
        if fragments.has_sequence {
            out.extend_from_slice(br#","SequenceNumber":""#);
            write_sequence_number(self.unit, ordinal, out);
            out.push(b'"');
        }
        out.extend_from_slice(br#","SizeBytes":"#);
        write_decimal(size, out);
        out.extend_from_slice(&fragments.after_size);
    }
}

fn write_item(line: &[u8], item: &Item, filter: &Filter, extra: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"Item":"#);
    write_image(line, item, filter, out);
    out.extend_from_slice(extra);
    out.push(b'}');
}

fn write_plain(line: &[u8], item: &Item, filter: &Filter, extra: &[u8], out: &mut Vec<u8>) {
    out.push(b'{');
    let first = out.len();
    for attribute in item.attributes.iter().filter(|attribute| filter.keeps(line, attribute)) {
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
fn write_image(line: &[u8], item: &Item, filter: &Filter, out: &mut Vec<u8>) -> u64 {
    if matches!(filter, Filter::All) {
        out.extend_from_slice(&line[item.range.clone()]);
        return item.size;
    }
    let mut size = 0;
    let mut separator = b'{';
    for attribute in item.attributes.iter().filter(|attribute| filter.keeps(line, attribute)) {
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

/// 21 digits: numerically below every real one, which have at least as many and begin higher.
fn write_sequence_number(unit: u32, ordinal: u64, out: &mut Vec<u8>) {
    out.push(b'0');
    write_padded(u64::from(unit), 8, out);
    write_padded(ordinal, 12, out);
}

fn write_padded(mut value: u64, digits: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + digits, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn write_decimal(value: u64, out: &mut Vec<u8>) {
    let digits = value.checked_ilog10().unwrap_or(0) as usize + 1;
    write_padded(value, digits, out);
}

impl Filter {
    fn new(filter: &AttributeFilter, keys: &[String]) -> Filter {
        match filter {
            AttributeFilter::All => Filter::All,
            AttributeFilter::Include(names) => Filter::Only(sorted(names.iter().chain(keys))),
            AttributeFilter::Exclude(names) => Filter::Without(sorted(names.iter())),
        }
    }

    fn keeps(&self, line: &[u8], attribute: &Attribute) -> bool {
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
