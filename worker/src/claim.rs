//! Is this delivery work? Only a unit of a plan under this worker's own destination is, and only while it has
//! no completion.

use std::sync::Arc;

use backfleet_core::completion::{Completion, CompletionError};
use backfleet_core::key::ObjectKey;
use backfleet_core::limits::SMALL_OBJECT_BYTES_MAX;
use backfleet_core::plan::UnitPlan;
use backfleet_core::ports::{Hold, PortError};

use crate::attempt::port_class;
use crate::complete::Completed;
use crate::desk::{Desk, Job, JobError};
use crate::receive::Delivery;

/// A unit that this worker works on.
#[derive(Debug)]
pub struct Claimed {
    pub(crate) job: Arc<Job>,
    pub(crate) unit: u32,
    pub(crate) key: ObjectKey,
    pub(crate) hold: Hold,
}

impl Claimed {
    /// What the plan says of the unit.
    pub(crate) fn planned(&self) -> &UnitPlan {
        &self.job.plan.units[self.unit as usize]
    }
}

/// What a delivery turned out to be.
#[derive(Debug)]
pub enum Claim {
    /// Work.
    Granted(Claimed),
    /// Done before: only the message is left.
    AlreadyComplete(Arc<Job>, Completed),
}

/// A delivery that is no work.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Its job cannot be served.
    #[error(transparent)]
    Job(#[from] JobError),
    /// Its plan has no such unit.
    #[error("job {job} has {units} units, the message names unit {unit}")]
    NoSuchUnit {
        /// The job.
        job: String,
        /// How many it has.
        units: usize,
        /// The one that was named.
        unit: u32,
    },
    /// A completion is there, but it is not one.
    #[error("the unit has a completion that cannot be believed")]
    Completion(#[from] CompletionError),
    /// The destination did not answer.
    #[error("the unit's completion could not be looked for")]
    Port(#[from] PortError),
}

impl ClaimError {
    /// Whether no worker of this destination can ever accept the message.
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self, Self::Port(_) | Self::Job(JobError::Port(_)))
    }

    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Port(error) | Self::Job(JobError::Port(error)) => port_class(error),
            Self::Job(JobError::Unknown { .. }) => "unknown-job",
            Self::Job(JobError::Foreign { .. }) => "foreign-source",
            Self::Job(JobError::ForeignSink { .. }) => "foreign-sink",
            Self::Job(_) => "unusable-plan",
            Self::NoSuchUnit { .. } => "unknown-unit",
            Self::Completion(_) => "output-damaged",
        }
    }
}

/// Decides whether a delivery is work.
pub async fn claim(desk: &Desk, delivery: &Delivery) -> Result<Claim, ClaimError> {
    let unit = delivery.message.unit;
    let job = desk.job(delivery.message.job).await?;
    let Some(key) = job.plan.unit_key(unit) else {
        let units = job.plan.units.len();
        return Err(ClaimError::NoSuchUnit { job: job.plan.job.to_string(), units, unit });
    };
    let hold = delivery.held.hold.clone();
    match job.dest.get_small(&job.layout.completion(unit), SMALL_OBJECT_BYTES_MAX).await? {
        None => Ok(Claim::Granted(Claimed { job, unit, key, hold })),
        Some(json) => {
            let completion = Completion::parse(&json, job.plan.job, unit)?;
            Ok(Claim::AlreadyComplete(job, Completed { completion, hold, ours: false }))
        }
    }
}
