//! Takes a sample from a store: a few objects spread over what is listed, the beginning of each.

use std::collections::BTreeSet;
use std::time::SystemTime;

use backfleet_core::completion::{Completion, ShardRecord};
use backfleet_core::job::JobId;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::{JOBS_FOLDER, Layout, plan_key};
use backfleet_core::limits::SMALL_OBJECT_BYTES_MAX;
use backfleet_core::ports::{GetRequest, ListingEntry, ObjectStore, PortError, PortFault};
use bytes::Bytes;
use futures_util::TryStreamExt as _;

use super::ParityError;
use super::limits::{OBJECTS_MAX, PAGES_MAX, STORED_BYTES_MAX};
use super::naming::{Naming, columns_at_the_end};

/// Objects that stand for a place.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Where they are, for people.
    pub place: String,
    /// The objects, at least one.
    pub objects: Vec<SampleObject>,
    /// Whether their folders say how the place is partitioned: of one object alone they do not.
    pub tells_folders: bool,
    /// What a reader of the report should know of how it was taken.
    pub notes: Vec<String>,
}

/// One object's beginning.
#[derive(Debug, Clone)]
pub struct SampleObject {
    /// Its key below the place that was given, with the partition that the place itself is.
    pub key: String,
    /// Its first bytes, as stored.
    pub stored: Bytes,
    /// Whether these are all.
    pub whole: bool,
}

/// Objects of the live pipeline below `name`, a folder or an object of the store; empty for all of it. Shards of `ours`
/// and of whatever job has its own objects there are no samples.
pub async fn live(store: &dyn ObjectStore, name: &str, ours: Option<JobId>) -> Result<Sample, ParityError> {
    let place = [store.describe(), name.to_owned()].join("/").trim_end_matches('/').to_owned();
    let found = Found::list(store, name).await?;
    // Of objects that the name itself is part of, the folder that they lie in may be a partition.
    let (columns, strip) = match found.name {
        Name::Folder => (columns_at_the_end(&place), name),
        Name::Object | Name::Beginning => (columns_at_the_end(&store.describe()), ""),
    };
    let below = |key: &ObjectKey| {
        let rest = key.as_str().strip_prefix(strip).unwrap_or(key.as_str()).trim_start_matches('/');
        if columns.is_empty() { rest.to_owned() } else { format!("{columns}/{rest}") }
    };
    let tells_folders = found.name != Name::Object || !columns.is_empty() || name.contains('/');
    let (chosen, notes) = found.choose(ours);
    let mut objects = Vec::new();
    for entry in spread(&chosen) {
        if let Some(object) = read(store, entry, below(&entry.key)).await? {
            objects.push(object);
        }
    }
    if objects.is_empty() {
        return Err(ParityError::Empty { place });
    }
    Ok(Sample { place, objects, tells_folders, notes })
}

/// The beginning of what a live pipeline wrote.
#[derive(Debug, Clone)]
pub struct Begin {
    /// Its oldest objects.
    pub sample: Sample,
    /// When each of all objects was written.
    pub modified: Vec<SystemTime>,
}

/// The oldest objects of the live pipeline below `name`, by when they were written and by name; see [`live`].
pub async fn beginning(store: &dyn ObjectStore, name: &str, ours: JobId) -> Result<Begin, ParityError> {
    let place = [store.describe(), name.to_owned()].join("/").trim_end_matches('/').to_owned();
    let found = Found::list(store, name).await?;
    let notes = found.notes();
    let mut chosen = found.apart(Some(ours)).strange;
    let modified = chosen.iter().map(|entry| entry.modified).collect();
    // Copied objects are all of one time: then names tell, which come in order.
    chosen.sort_by_key(|entry| entry.modified);
    let mut objects = Vec::new();
    for entry in chosen.iter().take(OBJECTS_MAX) {
        objects.extend(read(store, entry, entry.key.to_string()).await?);
    }
    if objects.is_empty() {
        return Err(ParityError::Empty { place });
    }
    Ok(Begin { sample: Sample { place, objects, tells_folders: false, notes }, modified })
}

/// The newest job of a destination by its plan, or the one whose id begins with `wanted`.
pub async fn newest_job(dest: &dyn ObjectStore, wanted: Option<&str>) -> Result<JobId, ParityError> {
    let mut newest = None;
    for job in crate::plan::jobs(dest).await? {
        if wanted.is_some_and(|prefix| !job.to_string().starts_with(prefix)) {
            continue;
        }
        let key = plan_key(job);
        let plan = dest.list(key.as_str(), None).await?.entries.into_iter().find(|entry| entry.key == key);
        newest = newest.max(plan.map(|plan| (plan.modified, job)));
    }
    let which = wanted.map_or(String::new(), |id| format!(" {id}…"));
    newest.map(|(_, job)| job).ok_or_else(|| ParityError::NoJob { dest: dest.describe(), which })
}

/// The fullest of a job's completed shards, as far as completions are looked at.
pub async fn shard(dest: &dyn ObjectStore, layout: &Layout) -> Result<Sample, ParityError> {
    let completions = dest.list(&layout.completions_prefix(), None).await?.entries;
    let mut fullest: Option<ShardRecord> = None;
    for entry in spread(&completions) {
        let Some(json) = dest.get_small(&entry.key, SMALL_OBJECT_BYTES_MAX).await? else { continue };
        let Some(unit) = layout.parse_completion(&entry.key) else { continue };
        let completion = Completion::parse(&json, layout.job(), unit)
            .map_err(|source| ParityError::Completion { key: entry.key.to_string(), source })?;
        for shard in completion.shards.into_iter().filter(|shard| shard.records > 0) {
            if fullest.as_ref().is_none_or(|fullest| shard.records > fullest.records) {
                fullest = Some(shard);
            }
        }
    }
    let none = || ParityError::NoShard { dest: dest.describe(), job: layout.job() };
    let key = ObjectKey::new(fullest.ok_or_else(none)?.key).map_err(|_| none())?;
    let entries = dest.list(key.as_str(), None).await?.entries;
    let entry = entries.iter().find(|entry| entry.key == key).ok_or_else(none)?;
    let object = read(dest, entry, key.to_string()).await?.ok_or_else(none)?;
    Ok(Sample { place: dest.describe(), objects: vec![object], tells_folders: true, notes: Vec::new() })
}

/// What a listing gave.
struct Found {
    /// With anything in them.
    entries: Vec<ListingEntry>,
    name: Name,
    more: bool,
}

/// What the name of a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// An object's.
    Object,
    /// A folder's, or none.
    Folder,
    /// What the names of objects begin with.
    Beginning,
}

impl Found {
    async fn list(store: &dyn ObjectStore, name: &str) -> Result<Self, PortError> {
        if name.is_empty() {
            return Self::list_below(store, "", Name::Folder).await;
        }
        // The first key of a listing is the name itself, if that is an object's.
        let first = store.list(name, None).await?.entries.into_iter().next();
        if let Some(object) = first.filter(|entry| entry.key.as_str() == name && entry.bytes > 0) {
            return Ok(Self { entries: vec![object], name: Name::Object, more: false });
        }
        // `orders` means the folder, before `orders-old` beside it.
        let folder = Self::list_below(store, &format!("{name}/"), Name::Folder).await?;
        match folder.entries.is_empty() {
            true => Self::list_below(store, name, Name::Beginning).await,
            false => Ok(folder),
        }
    }

    async fn list_below(store: &dyn ObjectStore, prefix: &str, name: Name) -> Result<Self, PortError> {
        let mut found = Self { entries: Vec::new(), name, more: true };
        let mut after: Option<ObjectKey> = None;
        for _ in 0..PAGES_MAX {
            let page = store.list(prefix, after.as_ref()).await?;
            after = page.entries.last().map(|entry| entry.key.clone());
            found.entries.extend(page.entries.into_iter().filter(|entry| entry.bytes > 0));
            found.more = page.more && after.is_some();
            if !found.more {
                break;
            }
        }
        Ok(found)
    }

    /// The objects that the pipeline wrote for its readers, and what was left out.
    fn choose(self, ours: Option<JobId>) -> (Vec<ListingEntry>, Vec<String>) {
        let mut notes = self.notes();
        let Apart { strange, own, hidden } = self.apart(ours);
        if !strange.is_empty() {
            return (strange, notes);
        }
        if !own.is_empty() {
            notes.push(
                "all objects there were written by backfleet: is this the live pipeline's folder?".into(),
            );
            return (own, notes);
        }
        (hidden, notes)
    }

    fn notes(&self) -> Vec<String> {
        let narrow = || {
            let listed = self.entries.len();
            format!(
                "only the first {listed} objects were listed: give a narrower --live to look at newer ones"
            )
        };
        self.more.then(narrow).into_iter().collect()
    }

    fn apart(self, ours: Option<JobId>) -> Apart {
        let jobs: BTreeSet<String> = self
            .entries
            .iter()
            .filter_map(|entry| job_in(entry.key.as_str()))
            .chain(ours.map(JobId::short))
            .collect();
        let is_ours = |key: &str| {
            let name = key.rsplit('/').next().unwrap_or_default();
            name.strip_prefix("part-").and_then(|rest| rest.get(..8)).is_some_and(|job| jobs.contains(job))
        };
        let (shown, hidden): (Vec<_>, Vec<_>) =
            self.entries.into_iter().partition(|entry| !Naming::of(entry.key.as_str()).hidden);
        let (own, strange): (Vec<_>, Vec<_>) =
            shown.into_iter().partition(|entry| is_ours(entry.key.as_str()));
        Apart { strange, own, hidden }
    }
}

/// What lies in one place, by who wrote it and for whom.
struct Apart {
    /// Somebody else's, for readers.
    strange: Vec<ListingEntry>,
    /// Shards of ours.
    own: Vec<ListingEntry>,
    /// Not for readers.
    hidden: Vec<ListingEntry>,
}

/// The short id of the job whose own object this is.
fn job_in(key: &str) -> Option<String> {
    let (_, rest) = key.rsplit_once(&format!("{JOBS_FOLDER}/"))?;
    rest.split('/').next()?.parse().ok().map(JobId::short)
}

/// At most [`OBJECTS_MAX`] of them, the first and the last among them.
fn spread<T>(entries: &[T]) -> Vec<&T> {
    let count = entries.len().min(OBJECTS_MAX);
    let at = |n: usize| n * (entries.len() - 1) / (count - 1).max(1);
    (0..count).map(|n| &entries[at(n)]).collect()
}

/// The beginning of an object; `None` when it has gone meanwhile.
async fn read(
    store: &dyn ObjectStore,
    entry: &ListingEntry,
    key: String,
) -> Result<Option<SampleObject>, PortError> {
    let range = Some(0..entry.bytes.min(STORED_BYTES_MAX));
    let chunks = match store.get(&entry.key, GetRequest { range, if_match: None }).await {
        Err(error) if error.fault == PortFault::NotFound => return Ok(None),
        chunks => chunks?,
    };
    let stored = chunks.try_fold(Vec::new(), |mut stored, chunk| async move {
        stored.extend_from_slice(&chunk);
        Ok(stored)
    });
    let stored = stored.await?.into();
    Ok(Some(SampleObject { key, stored, whole: entry.bytes <= STORED_BYTES_MAX }))
}
