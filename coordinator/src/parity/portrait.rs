//! The portrait of a place: everything that was seen in its sample, counted, each with an example.

use std::collections::{BTreeMap, BTreeSet};

use super::envelope::{Cut, Envelope, cut};
use super::json::{Fields, compact, elements, field, fields, text};
use super::limits::{VALUES_MAX, WALK_DEPTH_MAX};
use super::naming::{Folder, Naming, folders};
use super::packing::{Magic, Packing, magic, unpack};
use super::sample::{Sample, SampleObject};
use super::shape::{Class, Look, all_typed, typed};
use super::{ObjectFault, ParityError};

/// What a place holds.
#[derive(Debug)]
pub struct Portrait {
    pub(super) place: String,
    pub(super) names: Names,
    pub(super) content: Content,
    /// Objects that were looked into.
    pub(super) objects: usize,
    /// What should be known of how it came to be.
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Content {
    Parquet,
    Json(Box<Records>),
}

/// What the keys and first bytes of objects say.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) packings: Counted<Packing>,
    pub(super) extensions: Counted<String>,
    /// Folders as readers see them, with the newest path.
    pub(super) folders: Counted<Vec<Folder>>,
    /// Whether folders mean anything: of one object alone they are not known.
    pub(super) tells_folders: bool,
    pub(super) hidden: usize,
    /// An object whose name says another packing than its bytes.
    pub(super) mislabelled: Option<String>,
}

/// The records of a place.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) envelope: Envelope,
    pub(super) documents: Documents,
    pub(super) class: Class,
    /// Records of that class.
    pub(super) count: usize,
    pub(super) seen: Seen,
    /// Fields beside the list of a document.
    pub(super) beside: BTreeSet<String>,
    /// Whether objects end with one, where an end was seen.
    pub(super) final_newline: Option<bool>,
}

/// How many documents an object has, and how many records a document.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Documents {
    /// Of the object with the most.
    pub(super) most: usize,
    /// Whether an object's end was not seen.
    pub(super) open: bool,
    pub(super) records_most: usize,
}

/// What was seen of the records of one class.
#[derive(Debug, Default)]
pub(super) struct Seen {
    count: usize,
    /// By the name of the event; by the empty name for records that are none.
    by_event: BTreeMap<String, Levels>,
    pub(super) images: Images,
}

/// The fields of change records of one event, or of other records.
#[derive(Debug, Default)]
pub(super) struct Levels {
    pub(super) top: Level,
    pub(super) inner: Level,
    /// Names of the keys, in the order of the first record.
    pub(super) keys: Level,
}

/// The fields of one level.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) records: usize,
    /// Names in the order of their first appearance.
    pub(super) order: Vec<String>,
    pub(super) fields: BTreeMap<String, Field>,
}

/// One field.
#[derive(Debug, Default)]
pub(super) struct Field {
    /// Records that have it.
    pub(super) present: usize,
    /// What it looks like, with an example.
    pub(super) looks: BTreeMap<Look, String>,
    /// Its first few distinct values.
    pub(super) values: BTreeSet<String>,
    pub(super) latest: String,
}

/// What images look like.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// Payloads by tag, with an example of the typed value.
    pub(super) payloads: BTreeMap<&'static str, BTreeMap<Look, String>>,
    /// Images by where they stand: `NewImage`, `OldImage`.
    pub(super) present: BTreeMap<&'static str, usize>,
}

/// Things that were seen, how often, and the last example of each.
#[derive(Debug)]
pub(super) struct Counted<T>(BTreeMap<T, (usize, String)>);

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord> Counted<T> {
    pub(super) fn add(&mut self, what: T, example: &str) {
        let (count, last) = self.0.entry(what).or_default();
        *count += 1;
        example.clone_into(last);
    }

    /// The most frequent, with its example.
    pub(super) fn most(&self) -> Option<(&T, &str)> {
        self.0
            .iter()
            .max_by_key(|(_, (count, _))| *count)
            .map(|(what, (_, example))| (what, example.as_str()))
    }

    /// All but the most frequent: how often in all, and an example.
    pub(super) fn others(&self) -> Option<(usize, &str)> {
        let (most, _) = self.most()?;
        let mut others = self.0.iter().filter(|(what, _)| *what != most);
        let (_, (count, example)) = others.next()?;
        Some((others.map(|(_, (count, _))| count).sum::<usize>() + count, example))
    }
}

impl Portrait {
    /// Of a sample: objects that cannot be read are left out with a note, unless that is all of them.
    pub fn of(sample: &Sample) -> Result<Self, ParityError> {
        let mut sitting = Sitting::default();
        let mut faults: Vec<(&str, ObjectFault)> = Vec::new();
        for object in &sample.objects {
            if let Err(fault) = sitting.add(object) {
                faults.push((&object.key, fault));
            }
        }
        let unreadable = |(key, source): &(&str, ObjectFault)| ParityError::Unreadable {
            place: sample.place.clone(),
            objects: sample.objects.len(),
            key: (*key).to_owned(),
            source: source.clone(),
        };
        let mut notes = sample.notes.clone();
        if let Some((key, fault)) = faults.first() {
            notes.push(format!(
                "{} of {} objects were left out, {key} first: {fault}",
                faults.len(),
                sample.objects.len()
            ));
        }
        let objects = sample.objects.len() - faults.len();
        sitting.names.tells_folders = sample.tells_folders;
        let names = std::mem::take(&mut sitting.names);
        let content = match sitting.records(&mut notes) {
            Some(records) => Content::Json(Box::new(records)),
            None if objects > 0 => Content::Parquet,
            None => {
                return Err(faults
                    .first()
                    .map_or_else(|| ParityError::Empty { place: sample.place.clone() }, unreadable));
            }
        };
        names.note_mixtures(&mut notes);
        Ok(Self { place: sample.place.clone(), names, content, objects, notes })
    }

    /// Where it was taken.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Objects that were looked into.
    pub fn objects(&self) -> usize {
        self.objects
    }

    /// Records that were looked at; none of Parquet.
    pub fn records(&self) -> usize {
        match &self.content {
            Content::Parquet => 0,
            Content::Json(records) => records.count,
        }
    }

    /// What should be known of how it came to be.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl Names {
    fn add(&mut self, key: &str, packing: Packing) {
        let naming = Naming::of(key);
        self.packings.add(packing, key);
        self.folders.add(folders(&naming.folder), &naming.folder);
        self.hidden += usize::from(naming.hidden);
        if naming.packing() != Some(packing) {
            self.mislabelled.get_or_insert_with(|| key.to_owned());
        }
        self.extensions.add(naming.extension, key);
    }

    fn note_mixtures(&self, notes: &mut Vec<String>) {
        let others = [
            (self.packings.others(), "are packed in another way"),
            (self.folders.others().filter(|_| self.tells_folders), "lie in folders of another kind"),
        ];
        for (others, how) in others {
            notes.extend(others.map(|(count, example)| {
                format!("{count} objects {how} (e.g. {example:?}): only the most frequent was compared")
            }));
        }
    }
}

/// What has been seen so far.
#[derive(Default)]
struct Sitting {
    names: Names,
    envelopes: Counted<Envelope>,
    documents: BTreeMap<Envelope, Documents>,
    beside: BTreeSet<String>,
    classes: BTreeMap<Class, Seen>,
    strangers: usize,
    final_newlines: Counted<bool>,
}

impl Sitting {
    fn add(&mut self, object: &SampleObject) -> Result<(), ObjectFault> {
        let packing = match magic(&object.stored) {
            Magic::Text(packing) => packing,
            Magic::Foreign(what) => return Err(ObjectFault::Foreign { what }),
            Magic::Parquet => {
                self.names.add(&object.key, Packing::Plain);
                self.names.mislabelled = None;
                return Ok(());
            }
        };
        let unpacked = unpack(&object.stored, packing, object.whole)?;
        let cut = cut(&unpacked.text, unpacked.whole)?;
        self.names.add(&object.key, unpacked.packing);
        if unpacked.whole {
            self.final_newlines.add(unpacked.text.ends_with('\n'), &object.key);
        }
        self.add_records(&cut, &object.key);
        Ok(())
    }

    fn add_records(&mut self, cut: &Cut<'_>, key: &str) {
        self.envelopes.add(cut.envelope.clone(), key);
        self.strangers += cut.strangers;
        self.beside.extend(cut.beside.iter().cloned());
        let documents = self.documents.entry(cut.envelope.clone()).or_default();
        documents.most = documents.most.max(cut.documents);
        documents.open |= cut.open;
        documents.records_most = documents.records_most.max(cut.document_records);
        for record in &cut.records {
            let Some(of) = fields(record) else { continue };
            let class = Class::of(&of);
            self.classes.entry(class).or_default().add(class, &of);
        }
    }

    /// The most frequent of everything; `None` when no record was seen.
    fn records(mut self, notes: &mut Vec<String>) -> Option<Records> {
        let (envelope, _) = self.envelopes.most()?;
        let envelope = envelope.clone();
        let all: usize = self.classes.values().map(|seen| seen.count).sum();
        let class = *self.classes.iter().max_by_key(|(_, seen)| seen.count)?.0;
        let seen = self.classes.remove(&class)?;
        if seen.count < all {
            notes.push(format!(
                "{} of {all} records are of another form: only the most frequent was compared",
                all - seen.count
            ));
        }
        if let Some((count, example)) = self.envelopes.others() {
            notes.push(format!("{count} objects are put together in another way (e.g. {example}): only the most frequent was compared"));
        }
        if self.strangers > 0 {
            notes.push(format!(
                "{} JSON values are put together in another way than the first of their object",
                self.strangers
            ));
        }
        let documents = self.documents.remove(&envelope).unwrap_or_default();
        let final_newline = self.final_newlines.most().map(|(newline, _)| *newline);
        let (beside, count) = (self.beside, seen.count);
        Some(Records { envelope, documents, class, count, seen, beside, final_newline })
    }
}

impl Seen {
    fn add(&mut self, class: Class, of: &Fields) {
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
    pub(super) fn of_insert(&self) -> (&str, &Levels) {
        let named = ["INSERT", "MODIFY", "REMOVE"].iter().find_map(|name| self.by_event.get_key_value(*name));
        let (name, levels) = named.or_else(|| self.by_event.iter().next()).expect("a record was seen");
        (name, levels)
    }

    /// Levels of every event.
    pub(super) fn levels_all(&self) -> impl Iterator<Item = &Levels> {
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
    pub(super) fn constant(&self, name: &str) -> Option<&str> {
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
    pub(super) fn few(&self) -> Option<&BTreeSet<String>> {
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
