//! The plan: the immutable list of a job's units, and its options. Written once as `plan.json`; every worker
//! takes its authority from it.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::job::{FORMAT_VERSION, JobDigest, JobId, JobOptions};
use crate::key::{KeyError, ObjectKey};
use crate::layout::{Layout, LayoutError};
use crate::limits::UNITS_MAX;
use crate::manifest::json_with_lines;

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
    /// A full export in DynamoDB JSON.
    Export(ExportSource),
}

/// A native export, wherever a copy of it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportSource {
    /// The export's id, e.g. `01715685260608-c488b4e1`.
    pub export: String,
    /// Table ARN, where the summary names it.
    pub table_arn: Option<String>,
    /// Items the summary promises, where it does.
    pub items: Option<u64>,
}

/// One unit of an export: one data file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitPlan {
    /// The file, below the source's root.
    pub key: String,
    /// Length as stored when the job was planned: for progress and order of work, proves nothing.
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
        if plan.sealed() != plan.seal {
            return Err(PlanError::Seal);
        }
        plan.check()?;
        Ok(plan)
    }

    /// The plan as stored: one unit a line, so that people can read it.
    pub fn to_json(&self) -> Vec<u8> {
        let head = Self {
            source: self.source.clone(),
            options: self.options.clone(),
            units: Vec::new(),
            location: self.location.clone(),
            ..*self
        };
        json_with_lines(&head, &self.units)
    }

    /// Where everything of the job lies.
    pub fn layout(&self) -> Result<Layout, LayoutError> {
        Layout::new(self.job, &self.options.partition, &self.options.compression)
    }

    /// A unit's file as a key below the source's root.
    pub fn unit_key(&self, unit: u32) -> Option<ObjectKey> {
        let unit = self.units.get(usize::try_from(unit).ok()?)?;
        ObjectKey::new(unit.key.clone()).ok()
    }

    /// Bytes to be read in all.
    pub fn bytes(&self) -> u64 {
        self.units.iter().map(|unit| unit.bytes).sum()
    }

    fn sealed(&self) -> Sha256Digest {
        let lengths: Vec<String> = self.units.iter().map(|unit| unit.bytes.to_string()).collect();
        Sha256Digest::of(format!("{}\n{}\n{}", self.job, self.location, lengths.join(",")).as_bytes())
    }

    fn check(&self) -> Result<(), PlanError> {
        if self.units.len() > UNITS_MAX {
            return Err(PlanError::TooManyUnits { units: self.units.len() });
        }
        for (unit, planned) in self.units.iter().enumerate() {
            ObjectKey::new(planned.key.clone()).map_err(|source| PlanError::Key { unit, source })?;
        }
        self.layout()?;
        Ok(())
    }
}

/// What the export promises of a file names it, not what lies there: a file that was cut short in copying and is
/// then mended is the same input of the same job.
fn identify(source: &Source, options: &JobOptions, units: &[UnitPlan]) -> JobId {
    let mut digest = JobDigest::default();
    digest.part(&FORMAT_VERSION.to_le_bytes());
    digest.part(&serde_json::to_vec(source).expect("a source is plain data"));
    digest.part(&serde_json::to_vec(options).expect("options are plain data"));
    for unit in units {
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

    fn plan() -> Plan {
        let unit = |n: u64| UnitPlan {
            key: format!("data/{n}.json.gz"),
            bytes: 10 + n,
            items: Some(n),
            md5: Some(format!("md5 of {n}")),
        };
        let source = ExportSource { export: "0171-ab".into(), table_arn: None, items: Some(3) };
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
