//! The portrait of a place: everything that was seen in its sample, counted, each with an example.

mod seen;

use std::collections::{BTreeMap, BTreeSet};

use super::envelope::{Cut, Envelope, cut};
use super::json::{field, fields};
use super::naming::{Folder, Naming, folders};
use super::packing::{Magic, Packing, magic, unpack};
use super::sample::{Sample, SampleObject};
use super::shape::Class;
use super::{ObjectFault, ParityError};
pub(super) use seen::{Field, Images, Level, Seen};

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

/// Times of the records of a sample, in microseconds; of objects that cannot be read none.
///
/// # Errors
/// [`ParityError::Unreadable`] when that is all of them, or none of their records says when.
pub fn times(sample: &Sample) -> Result<Vec<i64>, ParityError> {
    let mut times = Vec::new();
    let mut fault = None;
    for object in &sample.objects {
        match times_of(object) {
            Ok(found) => times.extend(found),
            Err(source) => fault = fault.or(Some((object.key.clone(), source))),
        }
    }
    if times.is_empty() {
        let (key, source) = fault.unwrap_or_else(|| (sample.objects[0].key.clone(), ObjectFault::NoRecords));
        let objects = sample.objects.len();
        return Err(ParityError::Unreadable { place: sample.place.clone(), objects, key, source });
    }
    Ok(times)
}

fn times_of(object: &SampleObject) -> Result<Vec<i64>, ObjectFault> {
    let packing = match magic(&object.stored) {
        Magic::Text(packing) => packing,
        Magic::Foreign(what) => return Err(ObjectFault::Foreign { what }),
        Magic::Parquet => return Err(ObjectFault::Foreign { what: "a Parquet file" }),
    };
    let unpacked = unpack(&object.stored, packing, object.whole)?;
    let cut = cut(&unpacked.text, unpacked.whole)?;
    Ok(cut.records.iter().filter_map(|record| time_of(record)).collect())
}

/// `ApproximateCreationDateTime` of a stream record, which is in seconds, milliseconds or microseconds.
fn time_of(record: &str) -> Option<i64> {
    let of = fields(record)?;
    let inner = fields(field(&of, "dynamodb")?)?;
    let time: f64 = field(&inner, "ApproximateCreationDateTime")?.parse().ok()?;
    let per_second = match time {
        time if time < 1e11 => 1e6,
        time if time < 1e14 => 1e3,
        _ => 1.0,
    };
    #[expect(clippy::cast_possible_truncation, reason = "microseconds of this era")]
    Some((time * per_second) as i64)
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
