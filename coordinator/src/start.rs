//! Hands a job to the fleet: adopts the plan in the destination and puts what is left of it on the queue.
//!
//! Run again at any point it does the same: the plan is there already, and a message that comes twice is harmless.

use std::collections::BTreeSet;
use std::sync::Arc;

use backfleet_core::layout::{Layout, LayoutError};
use backfleet_core::plan::Plan;
use backfleet_core::ports::{ObjectStore, PortError, Queue};
use backfleet_worker::location::{Connections, Location, LocationError};

use crate::enqueue::{enqueue, pending};
use crate::plan::{Planned, PlanningError, adopt};
use crate::scan::BudgetError;

/// A job that cannot be handed over.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A place cannot be used.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The plan cannot be adopted.
    #[error(transparent)]
    Planning(#[from] PlanningError),
    /// The plan's keys cannot be laid out.
    #[error("the plan cannot be laid out")]
    Layout(#[from] LayoutError),
    /// The plan that stands in the destination reads from elsewhere.
    #[error(
        "the plan of this job was made over {planned}, and workers read what it says; the source given is {given}"
    )]
    Moved {
        /// Where the stored plan's source is.
        planned: String,
        /// Where the source is now.
        given: String,
    },
    /// The read budget cannot be written.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// A port failed.
    #[error("the job cannot be handed over")]
    Port(#[from] PortError),
}

/// A job in its destination.
pub struct Started {
    /// The plan, as it stands there.
    pub plan: Plan,
    /// Where its objects lie.
    pub layout: Layout,
    /// The destination.
    pub dest: Arc<dyn ObjectStore>,
    /// Units without a completion.
    pub pending: BTreeSet<u32>,
}

/// Adopts the plan of `planned` in the destination.
pub async fn adopt_in(
    planned: Planned,
    dest_location: &Location,
    connections: &Connections,
) -> Result<Started, StartError> {
    planned.check_apart(dest_location)?;
    let dest = dest_location.open_to_write(connections).await?;
    let started = Started::over(planned.plan, dest).await?;
    planned.budget.settle(dest_location, &*started.dest, &started.layout, connections).await?;
    Ok(started)
}

impl Started {
    /// Adopts a plan in a destination that was opened before.
    pub async fn over(plan: Plan, dest: Arc<dyn ObjectStore>) -> Result<Self, StartError> {
        let given = plan.location.clone();
        let plan = adopt(&*dest, plan).await?;
        if plan.location != given {
            return Err(StartError::Moved { planned: plan.location, given });
        }
        let layout = plan.layout()?;
        let pending = pending(&*dest, &plan, &layout).await?;
        Ok(Self { plan, layout, dest, pending })
    }

    /// Puts on the queue what is due; gives how many messages that were.
    pub async fn enqueue(&self, queue: &dyn Queue) -> Result<usize, StartError> {
        Ok(enqueue(queue, &self.plan, &self.pending).await?)
    }
}
