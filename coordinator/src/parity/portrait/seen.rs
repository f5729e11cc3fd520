//! What was seen of the records of one form: the fields of each level, and how their images are written.

use std::collections::{BTreeMap, BTreeSet};

use crate::parity::json::{Fields, compact, elements, field, fields, text};
use crate::parity::limits::{VALUES_MAX, WALK_DEPTH_MAX};
use crate::parity::shape::{Class, Look, all_typed, typed};

/// What was seen of the records of one class.
#[derive(Debug, Default)]
pub(in crate::parity) struct Seen {
    pub(super) count: usize,
    /// By the name of the event; by the empty name for records that are none.
    by_event: BTreeMap<String, Levels>,
    pub(in crate::parity) images: Images,
}

/// The fields of change records of one event, or of other records.
#[derive(Debug, Default)]
pub(in crate::parity) struct Levels {
    pub(in crate::parity) top: Level,
    pub(in crate::parity) inner: Level,
    /// Names of the keys, in the order of the first record.
    pub(in crate::parity) keys: Level,
}

/// The fields of one level.
#[derive(Debug, Default)]
pub(in crate::parity) struct Level {
    pub(in crate::parity) records: usize,
    /// Names in the order of their first appearance.
    pub(in crate::parity) order: Vec<String>,
    pub(in crate::parity) fields: BTreeMap<String, Field>,
}

/// One field.
#[derive(Debug, Default)]
pub(in crate::parity) struct Field {
    /// Records that have it.
    pub(in crate::parity) present: usize,
    /// What it looks like, with an example.
    pub(in crate::parity) looks: BTreeMap<Look, String>,
    /// Its first few distinct values.
    pub(in crate::parity) values: BTreeSet<String>,
    pub(in crate::parity) latest: String,
}

/// What images look like.
#[derive(Debug, Default)]
pub(in crate::parity) struct Images {
    /// Payloads by tag, with an example of the typed value.
    pub(in crate::parity) payloads: BTreeMap<&'static str, BTreeMap<Look, String>>,
    /// Images by where they stand: `NewImage`, `OldImage`.
    pub(in crate::parity) present: BTreeMap<&'static str, usize>,
}

impl Seen {
    pub(super) fn add(&mut self, class: Class, of: &Fields) {
        self.count += 1;
        match class {
            Class::Stream | Class::Kinesis => self.add_change(of),
            Class::Inner => self.levels("").inner.add(of),
            Class::Item => {
                self.levels("").top.add(of);
                self.images.add("NewImage", field(of, "Item").unwrap_or_default());
            }
            Class::Image => {
                let (attributes, extra): (Fields, Fields) =
                    of.iter().cloned().partition(|(_, raw)| typed(raw).is_some());
                self.levels("").top.add(&extra);
                self.images.add_attributes("NewImage", &attributes);
            }
            Class::Plain => self.levels("").top.add(of),
        }
    }

    fn add_change(&mut self, of: &Fields) {
        let inner = field(of, "dynamodb").and_then(fields).unwrap_or_default();
        let event = field(of, "eventName").and_then(text).unwrap_or_default();
        let levels = self.levels(&event);
        levels.top.add(of);
        levels.inner.add(&inner);
        if let Some(keys) = field(&inner, "Keys").and_then(fields) {
            levels.keys.add(&keys);
        }
        for name in ["NewImage", "OldImage"] {
            if let Some(image) = field(&inner, name).filter(|raw| *raw != "null") {
                self.images.add(name, image);
            }
        }
    }

    fn levels(&mut self, event: &str) -> &mut Levels {
        self.by_event.entry(event.to_owned()).or_default()
    }

    /// The levels that tell most of an insert, and whose they are.
    pub(in crate::parity) fn of_insert(&self) -> (&str, &Levels) {
        let named = ["INSERT", "MODIFY", "REMOVE"].iter().find_map(|name| self.by_event.get_key_value(*name));
        let (name, levels) = named.or_else(|| self.by_event.iter().next()).expect("a record was seen");
        (name, levels)
    }

    /// Levels of every event.
    pub(in crate::parity) fn levels_all(&self) -> impl Iterator<Item = &Levels> {
        self.by_event.values()
    }
}

impl Level {
    fn add(&mut self, of: &Fields) {
        self.records += 1;
        for (name, raw) in of {
            if !self.fields.contains_key(name) {
                self.order.push(name.clone());
            }
            self.fields.entry(name.clone()).or_default().add(name, raw);
        }
    }

    /// The one value that all records have in a field; `None` where it varies, or some have none.
    pub(in crate::parity) fn constant(&self, name: &str) -> Option<&str> {
        let field = self.fields.get(name)?;
        let mut values = field.values.iter();
        let first = values.next()?;
        (field.present == self.records && values.next().is_none()).then_some(first)
    }
}

impl Field {
    fn add(&mut self, name: &str, raw: &str) {
        self.present += 1;
        self.looks.entry(Look::of(name, raw)).or_insert_with(|| raw.to_owned());
        if self.values.len() < VALUES_MAX {
            self.values.insert(compact(raw));
        }
        raw.clone_into(&mut self.latest);
    }

    /// All values, where there are so few of them.
    pub(in crate::parity) fn few(&self) -> Option<&BTreeSet<String>> {
        (self.values.len() < VALUES_MAX).then_some(&self.values)
    }
}

impl Images {
    fn add(&mut self, name: &'static str, raw: &str) {
        let of = fields(raw).unwrap_or_default();
        *self.present.entry(name).or_default() += 1;
        if all_typed(&of) {
            self.walk_all(&of, 0);
        }
    }

    fn add_attributes(&mut self, name: &'static str, attributes: &Fields) {
        *self.present.entry(name).or_default() += 1;
        self.walk_all(attributes, 0);
    }

    fn walk_all(&mut self, attributes: &Fields, depth: u32) {
        for (_, raw) in attributes {
            self.walk(raw, depth);
        }
    }

    /// Notes how a typed value, and all inside of it, is written.
    fn walk(&mut self, raw: &str, depth: u32) {
        let Some((tag, payload)) = typed(raw).filter(|_| depth < WALK_DEPTH_MAX) else { return };
        self.note(tag, payload, raw);
        match tag {
            "M" => self.walk_all(&fields(payload).unwrap_or_default(), depth + 1),
            "L" => {
                elements(payload, usize::MAX).into_iter().for_each(|element| self.walk(element, depth + 1))
            }
            "NS" => elements(payload, 1).into_iter().for_each(|element| self.note("N", element, raw)),
            "BS" => elements(payload, 1).into_iter().for_each(|element| self.note("B", element, raw)),
            _ => {}
        }
    }

    fn note(&mut self, tag: &'static str, payload: &str, typed: &str) {
        let looks = self.payloads.entry(tag).or_default();
        looks.entry(Look::of_payload(tag, payload)).or_insert_with(|| typed.to_owned());
    }
}
