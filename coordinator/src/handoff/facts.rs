//! What the code has to know of a job: taken from its plan and manifest, and checked to be fit for writing into code.

use std::time::Duration;

use backfleet_core::completion::Counts;
use backfleet_core::plan::{PartContent, Plan, Source};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use super::{HandoffError, HandoffRequest};
use crate::history::{Chapter, History};

/// An export shows the table at its time give or take a minute (DynamoDB developer guide, "Requesting a table export"):
/// live records from this long before it on are read along.
pub const LIVE_MARGIN: Duration = Duration::from_secs(60);

/// Names of our own columns, which no key may have.
pub(super) const COLUMNS: [&str; 5] = ["_item", "_written_at", "_version", "_origin", "_event"];

/// See the module.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The jobs that wrote the history.
    pub jobs: Vec<JobFacts>,
    /// The table they are of.
    pub source: String,
    /// The table to make.
    pub table: String,
    /// Key attributes, hash key first.
    pub keys: Vec<String>,
    /// How records lie in files.
    pub envelope: Envelope,
    /// What orders the records of an item.
    pub order: Order,
    /// Where the jobs wrote.
    pub dest: String,
    /// Folder of the live records.
    pub live: String,
    /// Records the jobs wrote.
    pub records: u64,
    /// The moment that the records show.
    pub shown: OffsetDateTime,
    /// From when on live records count.
    pub since: OffsetDateTime,
}

/// One job.
#[derive(Debug, Clone)]
pub struct JobFacts {
    /// Its id.
    pub id: String,
    /// The first of it, which is in the names of its shards.
    pub short: String,
    /// What its records are: `backfill`, or `changes` that follow on it.
    pub origin: &'static str,
    /// Folder of its shards.
    pub folder: String,
    /// Names of its shards, as a glob.
    pub shards: String,
    /// Records it wrote.
    pub records: u64,
}

/// How records lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// One a line.
    Line,
    /// In the list `Records` of a document.
    Event,
}

/// What orders the records of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `SequenceNumber`: live ones are above all of ours.
    Sequence,
    /// The time of the write, so many of which are a second; live records first.
    Time {
        /// 1,000 or 1,000,000.
        per_second: u32,
    },
}

impl Facts {
    /// Of a history whose jobs have these counts, each.
    pub fn new(history: &History, counts: &[Counts], request: &HandoffRequest) -> Result<Self, HandoffError> {
        let plan = history.base();
        let options = &plan.options;
        if let Some(sink) = &options.sink {
            return Err(HandoffError::Sink { sink: sink.place() });
        }
        let (envelope, order) = form(&options.format, &options.kinesis_precision)?;
        if order == Order::Sequence && !options.view.contains("NEW") {
            return Err(HandoffError::View { view: options.view.clone() });
        }
        options.keys.iter().try_for_each(|key| check_key(key))?;
        let named = options.table.as_ref().map_or("history", |table| &table.name);
        let table = request.table.clone().unwrap_or_else(|| identifier(named));
        check_table(&table)?;
        check_place(&request.live)?;
        let jobs: Vec<JobFacts> = history
            .chapters
            .iter()
            .zip(counts)
            .map(|(chapter, counts)| JobFacts::of(chapter, counts, &request.dest))
            .collect::<Result<_, _>>()?;
        let since = match request.since_micros {
            None => history.shown - LIVE_MARGIN,
            Some(micros) => moment(micros)?,
        };
        Ok(Self {
            records: jobs.iter().map(|job| job.records).sum(),
            jobs,
            source: source_name(plan),
            table,
            keys: options.keys.clone(),
            envelope,
            order,
            dest: request.dest.clone(),
            live: request.live.clone(),
            shown: history.shown,
            since: since.replace_nanosecond(0).expect("nought is a nanosecond"),
        })
    }

    /// `2026-01-14 10:18:50`, in UTC.
    pub fn since_text(&self) -> String {
        utc(self.since)
    }

    /// Whether both places are in S3.
    pub fn in_s3(&self) -> bool {
        [&self.dest, &self.live].iter().all(|place| place.starts_with("s3://"))
    }
}

impl JobFacts {
    fn of(chapter: &Chapter, counts: &Counts, dest: &str) -> Result<Self, HandoffError> {
        let Chapter { plan, follows, .. } = chapter;
        let folder = match plan.options.partition.as_str() {
            "" => dest.to_owned(),
            partition => format!("{dest}/{partition}"),
        };
        check_place(&folder)?;
        Ok(Self {
            id: plan.job.to_string(),
            short: plan.job.short(),
            origin: if *follows { "changes" } else { "backfill" },
            folder,
            shards: format!("part-{}-*.{}", plan.job.short(), plan.options.extension()?),
            records: counts.records_out,
        })
    }
}

/// `2026-01-14 10:18:50`, in UTC.
pub(super) fn utc(moment: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    moment.to_offset(UtcOffset::UTC).format(form).expect("a moment has all of these")
}

fn form(format: &str, precision: &str) -> Result<(Envelope, Order), HandoffError> {
    match (format, precision) {
        ("stream", _) => Ok((Envelope::Line, Order::Sequence)),
        ("lambda-event", _) => Ok((Envelope::Event, Order::Sequence)),
        ("kinesis", "microsecond") => Ok((Envelope::Line, Order::Time { per_second: 1_000_000 })),
        ("kinesis", _) => Ok((Envelope::Line, Order::Time { per_second: 1_000 })),
        (format, _) => Err(HandoffError::Format { format: format.to_owned() }),
    }
}

/// The moment that a job's records show: the end of the last window of a chain; else the time that all records have.
///
/// # Errors
/// [`HandoffError::Time`].
pub fn shown(plan: &Plan) -> Result<OffsetDateTime, HandoffError> {
    if let Source::Export(export) = &plan.source
        && let Some(PartContent::Incremental { to: Some(to), .. }) =
            export.parts.last().map(|part| &part.content)
    {
        return OffsetDateTime::parse(to, &Rfc3339).map_err(|_| HandoffError::Time(to.clone()));
    }
    moment(plan.options.snapshot_micros)
}

fn moment(micros: i64) -> Result<OffsetDateTime, HandoffError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .map_err(|_| HandoffError::Time(micros.to_string()))
}

/// Name of the table that a job is of, or where its export lay.
pub fn source_name(plan: &Plan) -> String {
    match &plan.source {
        Source::Scan(scan) => scan.table_arn.clone(),
        Source::Export(export) => export.table_arn.clone().unwrap_or_else(|| plan.location.clone()),
    }
}

/// A table's name as SQL takes it without quotes.
fn identifier(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' })
        .collect();
    if plain.starts_with(|first: char| first.is_ascii_digit()) { format!("t_{plain}") } else { plain }
}

fn check_table(name: &str) -> Result<(), HandoffError> {
    let is_word = |word: &str| {
        !word.is_empty()
            && !word.starts_with(|first: char| first.is_ascii_digit())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if name.split('.').all(is_word) {
        return Ok(());
    }
    let why = "a name has letters, digits and _, with . between catalog, schema and table";
    Err(HandoffError::Unwritable { what: "the table", text: name.to_owned(), why })
}

/// A key becomes a path into JSON within a text, and a column.
fn check_key(key: &str) -> Result<(), HandoffError> {
    let unwritable =
        |why| Err(HandoffError::Unwritable { what: "the key attribute", text: key.to_owned(), why });
    if COLUMNS.contains(&key.to_ascii_lowercase().as_str()) {
        return unwritable("a column of the table has that name");
    }
    if key.chars().any(|letter| "\"'`\\[]{}".contains(letter) || letter.is_control()) {
        return unwritable("quotes, brackets, braces and backslashes mean something there");
    }
    Ok(())
}

/// A place becomes a glob within a text.
fn check_place(place: &str) -> Result<(), HandoffError> {
    if place.chars().any(|letter| "\"'`\\*?[]{}$".contains(letter) || letter.is_control()) {
        let why = "quotes, wildcards, brackets, braces, $ and backslashes mean something there";
        return Err(HandoffError::Unwritable { what: "the place", text: place.to_owned(), why });
    }
    Ok(())
}
