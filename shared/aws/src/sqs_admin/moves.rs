//! Sending all dead letters back at once, which SQS does by itself where it can.

use std::time::Duration;

use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry;
use backfleet_core::ports::{PortError, PortFault};

use super::dead_letters::DeadLetterBox;
use super::{reading, writing};
use crate::call::code_of;

/// Whether a move began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStart {
    /// It runs; ask [`DeadLetterBox::move_task_progress`].
    Started,
    /// This endpoint, or this pair of queues, has no move tasks: send back one by one instead.
    NotSupportedHere,
}

/// Where a move task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveState {
    /// Under way.
    Running,
    /// Done. Messages that somebody held meanwhile are still there: look at the depth.
    Completed,
    /// Being stopped.
    Cancelling,
    /// Stopped.
    Cancelled,
    /// Ended before its time.
    Failed,
    /// A state this program does not know.
    Unknown,
}

/// What the last move task has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveProgress {
    /// Where it stands.
    pub state: MoveState,
    /// Messages moved so far, approximately.
    pub moved: u64,
    /// Messages to be moved as counted at its start, where known.
    pub to_move: Option<u64>,
    /// Why it failed, in the service's words.
    pub failure: Option<String>,
    /// When it began, since the Unix epoch.
    pub started: Duration,
}

impl DeadLetterBox {
    /// Asks SQS to move every dead letter back to the queue it came from.
    pub async fn start_move_task(&self) -> Result<MoveStart, PortError> {
        let call = writing("queue_admin.start_move", &self.dlq_url);
        let request = self.client.start_message_move_task().source_arn(&self.dlq_arn);
        match call.ask(request.send()).await {
            Ok(_) => Ok(MoveStart::Started),
            Err(error) if is_unsupported(&error) => Ok(MoveStart::NotSupportedHere),
            Err(error) => Err(error),
        }
    }

    /// The newest move task of these dead letters; `None` when there is none, or none can be here.
    pub async fn move_task_progress(&self) -> Result<Option<MoveProgress>, PortError> {
        let call = reading("queue_admin.move_progress", &self.dlq_url);
        let request = self.client.list_message_move_tasks().source_arn(&self.dlq_arn).max_results(1);
        match call.ask(request.send()).await {
            Ok(answer) => Ok(answer.results().first().map(progress)),
            Err(error) if is_unsupported(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_unsupported(error: &PortError) -> bool {
    let names = ["UnsupportedOperation", "InvalidAction", "UnknownOperationException", "NotImplemented"];
    matches!(error.fault, PortFault::Invalid | PortFault::Unavailable | PortFault::NotFound)
        && code_of(error).is_some_and(|code| names.contains(&code))
}

fn progress(task: &ListMessageMoveTasksResultEntry) -> MoveProgress {
    let count = |count: i64| u64::try_from(count).unwrap_or(0);
    MoveProgress {
        state: match task.status() {
            Some("RUNNING") => MoveState::Running,
            Some("COMPLETED") => MoveState::Completed,
            Some("CANCELLING") => MoveState::Cancelling,
            Some("CANCELLED") => MoveState::Cancelled,
            Some("FAILED") => MoveState::Failed,
            _ => MoveState::Unknown,
        },
        moved: count(task.approximate_number_of_messages_moved()),
        to_move: task.approximate_number_of_messages_to_move().map(count),
        failure: task.failure_reason().map(str::to_owned),
        started: Duration::from_millis(count(task.started_timestamp())),
    }
}
