//! The plan: the immutable list of a job's units, and its options. Written once as `plan.json`; every worker
//! takes its authority from it.

use std::collections::BTreeMap;

use backfleet_convert::{Content, Encoding, Input, Recipe, UnknownName};
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::job::{FORMAT_VERSION, JobDigest, JobId, JobOptions, OptionsError};
use crate::key::{KeyError, ObjectKey};
use crate::layout::{Layout, LayoutError};
use crate::limits::{RECEIPTS_OF_A_UNIT_MAX, UNITS_MAX};
use crate::manifest::json_with_lines;
use crate::mutant::{self, Mutant};

/// A job's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The plan's own form: 1.
    pub v: u32,
    /// The conversion's version that the job id stands for.
    pub format_version: u32,
    /// The job's name: a digest of everything below that decides output bytes.
    pub job: JobId,
    /// Where the source lay when the job was planned, e.g. `s3://bucket/prefix/AWSDynamoDB/<ExportId>`. No part of
    /// the job's identity: a copy elsewhere is the same source. A worker reads only from where it is allowed to.
    pub location: String,
    /// A digest of everything here, so that damage is seen also where it does not change the job.
    pub seal: Sha256Digest,
    /// What is read.
    pub source: Source,
    /// How it is written.
    pub options: JobOptions,
    /// The units, numbered by their place.
    pub units: Vec<UnitPlan>,
}

/// What a job reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Source {
    /// One native export, or a full one and the incremental ones that follow on it.
    Export(ExportSource),
    /// A table, or one of its indexes, by parallel scan.
    Scan(ScanSource),
}

/// A scan of a live table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanSource {
    /// ARN of the table.
    pub table_arn: String,
    /// The index that is scanned instead of the table.
    pub index: Option<String>,
    /// `TotalSegments`: each is a unit.
    pub segments: u32,
    /// Permits that share the read budget: lane k works on the segments k, k + lanes, k + 2 lanes, … one after the other.
    pub lanes: u32,
    /// Reads that cost twice as much and see every write that was done before a segment began.
    pub consistent: bool,
    /// Whether the partition is named by the day of the plan rather than by whoever asked for the job.
    pub dated: bool,
    /// What DynamoDB is to leave out.
    pub expressions: Expressions,
}

/// DynamoDB's own expressions of a Scan, passed through. They thin the answer out; the read units are those of the
/// whole page all the same (DynamoDB developer guide).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expressions {
    /// `FilterExpression`.
    pub filter: Option<String>,
    /// `ProjectionExpression`, the table's keys among it.
    pub projection: Option<String>,
    /// `ExpressionAttributeNames`.
    pub names: BTreeMap<String, String>,
    /// `ExpressionAttributeValues`, each a typed value in DynamoDB JSON.
    pub values: BTreeMap<String, serde_json::Value>,
}

impl Expressions {
    /// Whether an answer may hold less than was read for it.
    pub fn thin(&self) -> bool {
        self.filter.is_some() || self.projection.is_some()
    }
}

impl ScanSource {
    /// The lane that a segment is of.
    pub fn lane(&self, segment: u32) -> u32 {
        segment % self.lanes
    }

    /// The segment after this one in its lane.
    pub fn next_in_lane(&self, segment: u32) -> Option<u32> {
        segment.checked_add(self.lanes).filter(|next| *next < self.segments)
    }
}

/// Native exports, wherever copies of them lie: in the order of their time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportSource {
    /// Table ARN, where a summary names it.
    pub table_arn: Option<String>,
    /// The exports; one, unless it is a chain.
    pub parts: Vec<ExportPart>,
}

/// One native export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportPart {
    /// The export's id, e.g. `01715685260608-c488b4e1`; of files without a manifest a digest of their names and lengths.
    pub export: String,
    /// The language of its lines: `DYNAMODB_JSON` or `ION`.
    pub notation: String,
    /// What its lines say.
    pub content: PartContent,
    /// Items the summary promises, where it does.
    pub items: Option<u64>,
    /// Whether a manifest says which files it has; without one nobody knows whether some are missing.
    pub manifest: bool,
}

/// What the lines of an export say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum PartContent {
    /// Items as they were at one moment.
    Full,
    /// What became of items in the window from `from` to `to`, which itself is outside.
    Incremental {
        /// Begin of the window, RFC 3339, where the summary says it.
        from: Option<String>,
        /// End of the window, RFC 3339, where the summary says it.
        to: Option<String>,
        /// Whether items come with what they were before.
        old_images: bool,
    },
}

impl ExportPart {
    /// How a file of this export is written.
    pub fn input(&self, key: &str) -> Result<Input, UnknownName> {
        let content = match self.content {
            PartContent::Full => Content::Items,
            PartContent::Incremental { old_images, .. } => Content::Changes { old_images },
        };
        Ok(Input { encoding: Encoding::of_name(key), notation: self.notation.parse()?, content })
    }
}

/// One unit: one data file of an export, or one segment of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitPlan {
    /// Which of the exports it is of, by its place among the parts; 0 of a scan.
    pub part: u32,
    /// The file, below the source's root; `segment/<number>` of a scan.
    pub key: String,
    /// Length as stored when the job was planned, or a segment's share of the table: for progress and order of work,
    /// proves nothing.
    pub bytes: u64,
    /// Items the manifest promises.
    pub items: Option<u64>,
    /// MD5 of the stored bytes, base64, as the manifest says it.
    pub md5: Option<String>,
}

/// A plan that cannot be one.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not JSON of a plan's form.
    #[error("plan.json cannot be read")]
    Form(#[source] serde_json::Error),
    /// Of another version.
    #[error("plan.json is of version {found}, this program reads version 1")]
    Version {
        /// The version it says.
        found: u32,
    },
    /// Its conversion has since changed.
    #[error("plan.json was made for conversion {found}, this program has conversion {FORMAT_VERSION}")]
    Conversion {
        /// The version it says.
        found: u32,
    },
    /// The id does not stand for the content: altered or damaged.
    #[error("plan.json names job {named}, but its content is job {actual}'s")]
    Damaged {
        /// The id it says.
        named: JobId,
        /// The id of what it holds.
        actual: JobId,
    },
    /// Altered or damaged in what does not name the job.
    #[error("plan.json was altered after it was sealed")]
    Seal,
    /// More units than a job may have.
    #[error("{units} units are more than the {UNITS_MAX} a job may have")]
    TooManyUnits {
        /// How many.
        units: usize,
    },
    /// Segments that are no units, or units that are no segments.
    #[error("a scan of {segments} segments in {lanes} lanes cannot have {units} units")]
    Segments {
        /// Segments of the scan.
        segments: u32,
        /// Its lanes.
        lanes: u32,
        /// Units of the plan.
        units: usize,
    },
    /// A unit of an export that the plan does not have.
    #[error("unit {unit} is of export {part}, the plan has {parts}")]
    Part {
        /// Which unit.
        unit: usize,
        /// The export it names.
        part: u32,
        /// How many there are.
        parts: usize,
    },
    /// An export in a language that this version does not read.
    #[error("the plan's export cannot be read")]
    Notation(#[from] UnknownName),
    /// What a scan reads cannot be read again, and a sink may have to be given it again.
    #[error("a scan has no sink: its records go into objects")]
    ScanWithSink,
    /// A completion lists every receipt of its unit.
    #[error(
        "unit {unit} would have {receipts} receipts, more than the {RECEIPTS_OF_A_UNIT_MAX} that a completion can list: put more records into an envelope"
    )]
    TooManyReceipts {
        /// Which unit.
        unit: usize,
        /// How many.
        receipts: u64,
    },
    /// A unit's key could leave the source.
    #[error("unit {unit} names an impossible file")]
    Key {
        /// Which unit.
        unit: usize,
        /// What is wrong with it.
        source: KeyError,
    },
    /// Its layout is impossible.
    #[error("the plan's keys cannot be laid out")]
    Layout(#[from] LayoutError),
}

impl Plan {
    /// A plan of these units under these options, named by what it holds.
    pub fn new(
        location: String,
        source: Source,
        options: JobOptions,
        units: Vec<UnitPlan>,
    ) -> Result<Self, PlanError> {
        let job = identify(&source, &options, &units);
        let seal = Sha256Digest([0; 32]);
        let mut plan =
            Self { v: 1, format_version: FORMAT_VERSION, job, location, seal, source, options, units };
        plan.seal = plan.sealed();
        plan.check()?;
        Ok(plan)
    }

    /// Reads and proves a stored plan.
    pub fn parse(json: &[u8]) -> Result<Self, PlanError> {
        let plan: Self = serde_json::from_slice(json).map_err(PlanError::Form)?;
        if plan.v != 1 {
            return Err(PlanError::Version { found: plan.v });
        }
        if plan.format_version != FORMAT_VERSION {
            return Err(PlanError::Conversion { found: plan.format_version });
        }
        let actual = identify(&plan.source, &plan.options, &plan.units);
        if actual != plan.job {
            return Err(PlanError::Damaged { named: plan.job, actual });
        }
        if plan.sealed() != plan.seal && !mutant::is(Mutant::PlanSealUnseen) {
            return Err(PlanError::Seal);
        }
        plan.check()?;
        Ok(plan)
    }

    /// The plan as stored: one unit a line, so that people can read it.
    pub fn to_json(&self) -> Vec<u8> {
        json_with_lines(&self.head(), &self.units)
    }

    /// Where everything of the job lies.
    pub fn layout(&self) -> Result<Layout, LayoutError> {
        if self.options.sink.is_some() {
            return Ok(Layout::of_receipts(self.job));
        }
        let extension = self.options.extension().map_err(|error| LayoutError::Options(error.to_string()))?;
        Layout::new(self.job, &self.options.partition, extension)
    }

    /// A unit's file as a key below the source's root.
    pub fn unit_key(&self, unit: u32) -> Option<ObjectKey> {
        let unit = self.units.get(usize::try_from(unit).ok()?)?;
        ObjectKey::new(unit.key.clone()).ok()
    }

    /// The recipe that every unit's converter follows.
    pub fn recipe(&self) -> Result<Recipe, OptionsError> {
        let has_old =
            |part: &ExportPart| matches!(part.content, PartContent::Incremental { old_images: true, .. });
        let old_images = match &self.source {
            Source::Export(export) => export.parts.iter().any(has_old),
            Source::Scan(_) => false,
        };
        self.options.recipe(old_images)
    }

    /// How a unit's file is written; `None` of a scan.
    pub fn input(&self, unit: u32) -> Option<Input> {
        let Source::Export(export) = &self.source else { return None };
        let unit = self.units.get(usize::try_from(unit).ok()?)?;
        export.parts.get(unit.part as usize)?.input(&unit.key).ok()
    }

    /// Bytes to be read in all.
    pub fn bytes(&self) -> u64 {
        self.units.iter().fold(0, |sum, unit| sum.saturating_add(unit.bytes))
    }

    /// Items that are promised of all units together; `None` where any is unknown.
    pub fn items(&self) -> Option<u64> {
        self.units.iter().try_fold(0_u64, |sum, unit| Some(sum.saturating_add(unit.items?)))
    }

    fn sealed(&self) -> Sha256Digest {
        let head = Self { seal: Sha256Digest([0; 32]), ..self.head() };
        Sha256Digest::of(&json_with_lines(&head, &self.units))
    }

    /// Everything but the units.
    fn head(&self) -> Self {
        Self {
            source: self.source.clone(),
            options: self.options.clone(),
            units: Vec::new(),
            location: self.location.clone(),
            ..*self
        }
    }

    fn check(&self) -> Result<(), PlanError> {
        if matches!(self.source, Source::Scan(_)) && self.options.sink.is_some() {
            return Err(PlanError::ScanWithSink);
        }
        if let Source::Scan(scan) = &self.source
            && (scan.segments as usize != self.units.len() || scan.lanes == 0)
        {
            return Err(PlanError::Segments {
                segments: scan.segments,
                lanes: scan.lanes,
                units: self.units.len(),
            });
        }
        if self.units.len() > UNITS_MAX {
            return Err(PlanError::TooManyUnits { units: self.units.len() });
        }
        if let Source::Export(export) = &self.source {
            export.parts.iter().try_for_each(|part| part.input("").map(drop))?;
            let parts = export.parts.len();
            let lost = |(_, planned): &(usize, &UnitPlan)| planned.part as usize >= parts;
            if let Some((unit, planned)) = self.units.iter().enumerate().find(lost) {
                return Err(PlanError::Part { unit, part: planned.part, parts });
            }
        }
        self.check_receipts()?;
        for (unit, planned) in self.units.iter().enumerate() {
            ObjectKey::new(planned.key.clone()).map_err(|source| PlanError::Key { unit, source })?;
        }
        self.layout()?;
        Ok(())
    }

    fn check_receipts(&self) -> Result<(), PlanError> {
        let Some(sink) = &self.options.sink else { return Ok(()) };
        let of_unit =
            |unit: &UnitPlan| unit.items.unwrap_or_default().div_ceil(sink.shard_records_max().max(1));
        match self
            .units
            .iter()
            .map(of_unit)
            .enumerate()
            .find(|(_, receipts)| *receipts > RECEIPTS_OF_A_UNIT_MAX)
        {
            Some((unit, receipts)) => Err(PlanError::TooManyReceipts { unit, receipts }),
            None => Ok(()),
        }
    }
}

/// What the export promises of a file names it, not what lies there: a file that was cut short in copying and is
/// then mended is the same input of the same job. A scan is named by what is asked for, not by when: asked for again, it
/// goes on.
fn identify(source: &Source, options: &JobOptions, units: &[UnitPlan]) -> JobId {
    let (source, options) = match source {
        Source::Export(_) => (source.clone(), options.clone()),
        Source::Scan(scan) => {
            let partition = if scan.dated { String::new() } else { options.partition.clone() };
            let options = JobOptions { snapshot_micros: 0, partition, ..options.clone() };
            (Source::Scan(ScanSource { lanes: 0, ..scan.clone() }), options)
        }
    };
    let mut digest = JobDigest::default();
    digest.part(&FORMAT_VERSION.to_le_bytes());
    digest.part(&serde_json::to_vec(&source).expect("a source is plain data"));
    digest.part(&serde_json::to_vec(&options).expect("options are plain data"));
    for unit in units {
        digest.part(&unit.part.to_le_bytes());
        digest.part(unit.key.as_bytes());
        digest.part(unit.md5.as_deref().unwrap_or_default().as_bytes());
        digest.part(&unit.items.map_or([0xff; 8], u64::to_le_bytes));
    }
    digest.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::tests_support::options;
    use crate::sink::{FunctionSink, Sink};

    fn plan() -> Plan {
        let unit = |n: u64| UnitPlan {
            part: 0,
            key: format!("data/{n}.json.gz"),
            bytes: 10 + n,
            items: Some(n),
            md5: Some(format!("md5 of {n}")),
        };
        let part = ExportPart {
            export: "0171-ab".into(),
            notation: "DYNAMODB_JSON".into(),
            content: PartContent::Full,
            items: Some(3),
            manifest: true,
        };
        let source = ExportSource { table_arn: None, parts: vec![part] };
        Plan::new("/exports/0171-ab".into(), Source::Export(source), options(), (0..3).map(unit).collect())
            .unwrap()
    }

    #[test]
    fn a_plan_survives_being_stored() {
        let json = plan().to_json();
        assert_eq!(Plan::parse(&json).unwrap(), plan());
        assert_eq!(
            json.iter().filter(|&&byte| byte == b'\n').count(),
            3 + 1,
            "{}",
            String::from_utf8_lossy(&json)
        );
    }

    #[test]
    fn no_altered_byte_of_a_plan_goes_unseen() {
        let json = plan().to_json();
        for at in 0..json.len() {
            let mut damaged = json.clone();
            damaged[at] ^= 1;
            if let Ok(read) = Plan::parse(&damaged) {
                assert_eq!(read, plan(), "byte {at} was altered and the plan read as another one");
            }
        }
    }

    #[test]
    fn everything_that_decides_output_bytes_decides_the_job_id() {
        let same = plan();
        let mut other = options();
        other.shard_bytes_max += 1;
        assert_ne!(
            Plan::new(same.location.clone(), same.source.clone(), other, same.units.clone()).unwrap().job,
            same.job
        );
        let mut units = same.units.clone();
        units[1].md5 = Some("other".into());
        assert_ne!(
            Plan::new(same.location.clone(), same.source.clone(), same.options.clone(), units).unwrap().job,
            same.job
        );
        let mut units = same.units.clone();
        units.swap(0, 1);
        assert_ne!(
            Plan::new(same.location.clone(), same.source.clone(), same.options.clone(), units).unwrap().job,
            same.job
        );
        let mut units = same.units.clone();
        units[1].bytes = 1;
        let elsewhere =
            Plan::new("s3://copy".into(), same.source.clone(), same.options.clone(), units.clone());
        assert_eq!(elsewhere.unwrap().job, same.job);
        assert_eq!(
            Plan::new(same.location.clone(), same.source.clone(), same.options.clone(), units).unwrap().job,
            same.job
        );
    }

    fn scan_plan(change: impl FnOnce(&mut ScanSource, &mut JobOptions)) -> Plan {
        let mut scan = ScanSource {
            table_arn: "arn:aws:dynamodb:eu-north-1:123456789012:table/t".into(),
            index: None,
            segments: 7,
            lanes: 3,
            consistent: false,
            dated: true,
            expressions: Expressions::default(),
        };
        let mut options = options();
        change(&mut scan, &mut options);
        let unit = |n| UnitPlan { part: 0, key: format!("segment/{n}"), bytes: 9, items: None, md5: None };
        let units = (0..scan.segments).map(unit).collect();
        Plan::new("dynamodb://t".into(), Source::Scan(scan), options, units).unwrap()
    }

    #[test]
    fn a_scan_is_the_same_job_on_another_day_and_another_one_when_it_is_asked_for_otherwise() {
        let plan = scan_plan(|_, _| {});
        assert_eq!(Plan::parse(&plan.to_json()).unwrap(), plan);
        let same = [
            scan_plan(|_, options| options.snapshot_micros += 1),
            scan_plan(|_, options| options.partition = "date=backfill-2026-01-15".into()),
            scan_plan(|scan, _| scan.lanes = 1),
        ];
        assert!(same.iter().all(|other| other.job == plan.job && other.seal != plan.seal));
        let others = [
            scan_plan(|scan, _| scan.segments += 1),
            scan_plan(|scan, _| scan.dated = false),
            scan_plan(|scan, _| scan.index = Some("i".into())),
            scan_plan(|scan, _| scan.consistent = true),
            scan_plan(|scan, _| scan.expressions.filter = Some("attribute_exists(a)".into())),
            scan_plan(|_, options| options.format = "kinesis".into()),
        ];
        assert!(others.iter().all(|other| other.job != plan.job));
    }

    #[test]
    fn a_sink_makes_another_job_and_one_whose_shards_are_receipts() {
        let same = plan();
        let into = |name: &str, records_max| {
            let sink = Sink::Function(FunctionSink { name: name.into(), records_max });
            let options = JobOptions { sink: Some(sink), ..same.options.clone() };
            Plan::new(same.location.clone(), same.source.clone(), options, same.units.clone()).unwrap()
        };
        let ids = [&same, &into("f", 100), &into("g", 100), &into("f", 200)].map(|plan| plan.job);
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
        let plan = Plan::parse(&into("f", 100).to_json()).unwrap();
        assert_eq!(plan.layout().unwrap(), Layout::of_receipts(plan.job));
        let refused = Plan::new(
            "dynamodb://t".into(),
            scan_plan(|_, _| {}).source,
            plan.options.clone(),
            scan_plan(|_, _| {}).units,
        );
        assert!(matches!(refused, Err(PlanError::ScanWithSink)));
        let mut units = same.units.clone();
        units[1].items = Some(RECEIPTS_OF_A_UNIT_MAX * 100 + 1);
        let many = Plan::new(same.location.clone(), same.source.clone(), plan.options.clone(), units);
        let Err(PlanError::TooManyReceipts { unit: 1, receipts }) = many else { panic!("{many:?}") };
        assert_eq!(receipts, RECEIPTS_OF_A_UNIT_MAX + 1);
    }

    #[test]
    fn every_segment_is_in_one_lane_and_reached_from_its_beginning() {
        let Source::Scan(scan) = scan_plan(|_, _| {}).source else { panic!("a scan") };
        let mut reached: Vec<u32> = (0..scan.lanes)
            .flat_map(|lane| std::iter::successors(Some(lane), |segment| scan.next_in_lane(*segment)))
            .collect();
        reached.sort_unstable();
        assert_eq!(reached, (0..scan.segments).collect::<Vec<_>>());
    }

    #[test]
    fn a_plan_whose_units_or_exports_do_not_fit_is_refused() {
        let mut units = plan().units;
        units[2].part = 1;
        assert!(matches!(
            Plan::new(plan().location, plan().source, options(), units),
            Err(PlanError::Part { unit: 2, part: 1, parts: 1 })
        ));
        let Source::Export(mut export) = plan().source else { panic!("an export") };
        export.parts[0].notation = "CBOR".into();
        let source = Source::Export(export);
        assert!(matches!(
            Plan::new(plan().location, source, options(), plan().units),
            Err(PlanError::Notation(_))
        ));
    }

    #[test]
    fn a_unit_that_climbs_out_of_the_source_is_refused() {
        let mut units = plan().units;
        units[0].key = "../../etc/passwd".into();
        assert!(matches!(
            Plan::new(plan().location, plan().source, options(), units),
            Err(PlanError::Key { unit: 0, .. })
        ));
    }
}
