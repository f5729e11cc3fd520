//! How a command ends: the exit codes, which are part of the interface, and the one place that prints errors.

use std::error::Error;
use std::process::ExitCode;

use backfleet::export::ExportError;
use backfleet::finish::CommitError;
use backfleet::handoff::HandoffError;
use backfleet::overview::OverviewError;
use backfleet::parity::ParityError;
use backfleet::plan::PlanningError;
use backfleet::price::PriceError;
use backfleet::quarantine::QuarantineError;
use backfleet::replay::ReplayError;
use backfleet::run::RunError;
use backfleet::scan::{BudgetError, ScanPlanError};
use backfleet::spec::SpecError;
use backfleet::start::StartError;
use backfleet::take::TakeError;
use backfleet::target::TargetError;
use backfleet_aws::ConnectError;
use backfleet_core::ports::{ExportRefusal, PortError, PortFault};
use backfleet_worker::http::WatchError;
use backfleet_worker::location::LocationError;

/// Exit codes of `backfleet`. Usage errors, which are found before anything is touched, are 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and proven.
    Done = 0,
    /// Something failed that has no code of its own; `parity` found differences that readers notice.
    Failed = 1,
    /// What was asked makes no job: flags that contradict each other or the source.
    Usage = 2,
    /// The source cannot be used as it is.
    Source = 3,
    /// Units could not be done and were put aside; everything else is done.
    DeadLetters = 4,
    /// Everything is done, but more records are in quarantine than `--max-quarantine` allows.
    Quarantine = 5,
    /// The destination does not hold what it should.
    Unproven = 6,
    /// Interrupted; the same command goes on.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error on its way to the person, with what to do next.
#[derive(Debug)]
pub struct Failure {
    error: anyhow::Error,
    advice: Option<String>,
    exit: Exit,
}

impl Failure {
    /// An error of usage.
    pub fn usage(error: impl Error + Send + Sync + 'static, advice: Option<String>) -> Self {
        Self { error: error.into(), advice, exit: Exit::Usage }
    }

    /// Prints the error with everything behind it once, and what to do next.
    pub fn print(&self) -> ExitCode {
        eprintln!("error: {}", self.error);
        let mut said = self.error.to_string();
        for cause in self.error.chain().skip(1).map(ToString::to_string) {
            if cause != said {
                eprintln!("  because: {cause}");
            }
            said = cause;
        }
        if let Some(advice) = &self.advice {
            eprintln!("  next: {advice}");
        }
        self.exit.into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self { error: error.into(), advice: None, exit: Exit::Failed }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        let advice = port_advice(&error);
        Self { error: error.into(), advice, exit: Exit::Failed }
    }
}

impl From<LocationError> for Failure {
    fn from(error: LocationError) -> Self {
        let (advice, exit) = match &error {
            LocationError::Open { source, .. } => (port_advice(source), Exit::Failed),
            LocationError::Resolve { .. } => (None, Exit::Failed),
            LocationError::Connect { .. } => (Some("give --region, or set AWS_REGION".into()), Exit::Failed),
            LocationError::Unknown { .. }
            | LocationError::Nested { .. }
            | LocationError::NoObjects { .. } => (None, Exit::Usage),
            LocationError::Sink { .. } => (Some("give that place".into()), Exit::Usage),
        };
        Self { error: error.into(), advice, exit }
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Location(error) => error.into(),
            TargetError::Describe { ref source, .. } => {
                let advice = port_advice(source);
                Self { error: error.into(), advice, exit: Exit::Usage }
            }
            error => {
                let advice = error.advice();
                Self::usage(error, advice)
            }
        }
    }
}

impl From<SpecError> for Failure {
    fn from(error: SpecError) -> Self {
        let advice = error.advice();
        Self::usage(error, advice)
    }
}

impl From<PlanningError> for Failure {
    fn from(error: PlanningError) -> Self {
        match error {
            PlanningError::Location(error) => source_location(error),
            PlanningError::Spec(error) => error.into(),
            PlanningError::Scan(error) => error.into(),
            PlanningError::Port(error) => error.into(),
            PlanningError::Export(ExportError::Port(error)) => error.into(),
            PlanningError::Export(error) => {
                let advice = error.advice();
                Self { error: error.into(), advice, exit: Exit::Source }
            }
            PlanningError::Census(error) => {
                let advice = error.advice();
                Self { error: error.into(), advice, exit: Exit::Source }
            }
            PlanningError::TableInChain { .. } => {
                Self::usage(error, Some("give a table alone, or exports alone".into()))
            }
            PlanningError::Plan(_) => Self::usage(error, None),
            PlanningError::NoPlan { .. } => Self::usage(error, Some("check --dest and --job".into())),
            PlanningError::Stored { .. } => {
                let advice =
                    Some("it was altered after it was written; start over in an empty destination".into());
                Self { error: error.into(), advice, exit: Exit::Unproven }
            }
            PlanningError::ShortId { .. } => {
                Self::usage(error, Some("give this job another destination or another --partition".into()))
            }
        }
    }
}

impl From<QuarantineError> for Failure {
    fn from(error: QuarantineError) -> Self {
        let (advice, exit) = match error {
            QuarantineError::Port(error) => return error.into(),
            QuarantineError::Line { .. } => (
                Some("it was altered after it was written: `backfleet verify` says what else".to_owned()),
                Exit::Unproven,
            ),
            QuarantineError::Gone { .. } => (None, Exit::Failed),
        };
        Self { error: error.into(), advice, exit }
    }
}

impl From<HandoffError> for Failure {
    fn from(error: HandoffError) -> Self {
        let advice = error.advice();
        Self::usage(error, advice)
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        let (advice, exit) = match error {
            CommitError::Port(error) => return error.into(),
            CommitError::NotCommitted { .. } => {
                ("finish the job first: `backfleet finish`, or `run` again", Exit::Unproven)
            }
            CommitError::Damaged { .. } => ("`backfleet verify` says what else is wrong", Exit::Unproven),
        };
        Self { error: error.into(), advice: Some(advice.to_owned()), exit }
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let (advice, exit) = match error {
            ReplayError::Commit(CommitError::NotCommitted { .. }) => (
                "accept what is in quarantine first: `run` or `finish` with --max-quarantine".to_owned(),
                Exit::Unproven,
            ),
            ReplayError::Commit(error) => return error.into(),
            ReplayError::Quarantine(error) => return error.into(),
            ReplayError::Spec(error) => return error.into(),
            ReplayError::Port(error) => return error.into(),
            ReplayError::Nothing { .. } => {
                ("`backfleet quarantine list` says what there is".to_owned(), Exit::Usage)
            }
            ReplayError::Taken { by, .. } => (
                format!(
                    "give the same options as then, and it goes on; or replay what job {} put aside in its turn",
                    by.short()
                ),
                Exit::Usage,
            ),
            ReplayError::Damaged { .. } | ReplayError::Altered { .. } => (
                "find out who changed the destination: `backfleet verify` says what else".to_owned(),
                Exit::Unproven,
            ),
            ReplayError::Scan { .. } => (
                "a segment that cannot be converted is a dead letter: `backfleet dlq list`".to_owned(),
                Exit::Usage,
            ),
            ReplayError::Touch { .. } => (
                "touch the table again with another --marker, or leave those items be: nothing was written to them".to_owned(),
                Exit::Usage,
            ),
            ReplayError::Options(_) | ReplayError::Plan(_) => {
                ("mend --keys, --extra-field or --exclude".to_owned(), Exit::Usage)
            }
        };
        Self { error: error.into(), advice: Some(advice), exit }
    }
}

impl From<OverviewError> for Failure {
    fn from(error: OverviewError) -> Self {
        match error {
            OverviewError::Commit(error) => error.into(),
            OverviewError::Quarantine(error) => error.into(),
            OverviewError::Port(error) => error.into(),
        }
    }
}

impl From<ParityError> for Failure {
    fn from(error: ParityError) -> Self {
        let advice = match &error {
            ParityError::Port(error) => port_advice(error),
            error => error.advice(),
        };
        let exit = match error {
            ParityError::Port(_) | ParityError::Empty { .. } | ParityError::Unreadable { .. } => Exit::Source,
            ParityError::NoJob { .. } | ParityError::NoShard { .. } | ParityError::Sink { .. } => Exit::Usage,
            ParityError::Completion { .. } => Exit::Unproven,
        };
        Self { error: error.into(), advice, exit }
    }
}

impl From<ScanPlanError> for Failure {
    fn from(error: ScanPlanError) -> Self {
        match error {
            ScanPlanError::Location(error) => source_location(error),
            ScanPlanError::Spec(error) => error.into(),
            ScanPlanError::Describe { ref source, .. } => {
                let advice = port_advice(source);
                Self { error: error.into(), advice, exit: Exit::Source }
            }
            ScanPlanError::Expressions { source: ref cause, .. } => {
                let advice = port_advice(cause).unwrap_or_else(|| {
                    "mend --filter, --projection, --expression-names or --expression-values".into()
                });
                Self::usage(error, Some(advice))
            }
            ScanPlanError::NoMaximum { .. } => {
                Self::usage(error, Some("give units a second with --read-budget".into()))
            }
            ScanPlanError::Plan(_) => Self::usage(error, None),
        }
    }
}

impl From<BudgetError> for Failure {
    fn from(error: BudgetError) -> Self {
        match error {
            BudgetError::Location(error) => error.into(),
            BudgetError::Port(error) => error.into(),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Location(error) => error.into(),
            RunError::Planning(error) => error.into(),
            RunError::Budget(error) => error.into(),
            RunError::Port(error) => error.into(),
            RunError::Layout(_) => Self::usage(error, None),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self {
            error: error.into(),
            advice: Some("give --region, or set AWS_REGION".into()),
            exit: Exit::Failed,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Location(error) => error.into(),
            StartError::Planning(error) => error.into(),
            StartError::Budget(error) => error.into(),
            StartError::Port(error) => error.into(),
            StartError::Layout(_) => Self::usage(error, None),
            StartError::Moved { .. } => Self::usage(
                error,
                Some("give the source the plan was made over, or `backfleet resume` to go on with it".into()),
            ),
        }
    }
}

impl From<TakeError> for Failure {
    fn from(error: TakeError) -> Self {
        let (advice, exit) = match &error {
            TakeError::Location(_) => {
                let TakeError::Location(error) = error else { unreachable!("matched above") };
                return source_location(error);
            }
            TakeError::NoTable { .. } => (Some("name the table; an index can be scanned".into()), Exit::Usage),
            TakeError::NoBucket { .. } => (Some("name a bucket that this role may write to".into()), Exit::Usage),
            TakeError::Span(_) => (Some("choose other times, or leave them out".into()), Exit::Usage),
            TakeError::Ask { source, .. } => (port_advice(source), Exit::Source),
            TakeError::RecoveryOff { .. } => (
                Some(
                    "the same command with --enable-pitr turns it on (it then costs by the month and the gigabyte); or scan the table: --source dynamodb://… without an export"
                        .into(),
                ),
                Exit::Source,
            ),
            TakeError::RecoverySlow { .. } => (Some("run the same command again in a while".into()), Exit::Source),
            TakeError::Refused { refusal, .. } => (Some(refusal_advice(*refusal).into()), Exit::Source),
            TakeError::Failed { code, .. } => (Some(failed_export_advice(code).into()), Exit::Source),
            TakeError::Manifest { .. } => (Some("look into the bucket, and give the folder with manifest-summary.json as --source".into()), Exit::Source),
            TakeError::Book(_) => (
                Some("see that the bucket exists, that this role has s3:PutObject, s3:GetObject and s3:ListBucket there, and that nothing else writes below _backfleet/exports".into()),
                Exit::Failed,
            ),
        };
        Self { error: error.into(), advice, exit }
    }
}

fn refusal_advice(refusal: ExportRefusal) -> &'static str {
    match refusal {
        ExportRefusal::RecoveryOff => "turn point-in-time recovery on with --enable-pitr",
        ExportRefusal::Time => {
            "choose times within what recovery reaches (`aws dynamodb describe-continuous-backups` tells), 15 minutes to 24 hours for --incremental"
        }
        ExportRefusal::Limit => {
            "300 exports or 100 TB may be under way in an account and region: run the same command again when some are done"
        }
        ExportRefusal::TokenUsed => {
            "another request took the token of this one: run the same command with --again in eight hours, or into another --to now"
        }
    }
}

/// By DynamoDB's code. Of these `S3NoSuchBucket` is documented; the others are named as S3 and KMS name what went wrong.
fn failed_export_advice(code: &str) -> &'static str {
    match code {
        "S3NoSuchBucket" => {
            "make the bucket, or give another --to; then the same command asks for another export"
        }
        "S3AccessDenied" | "AccessDenied" => {
            "give this role s3:PutObject, s3:PutObjectAcl and s3:AbortMultipartUpload there (and --bucket-owner where the bucket is another account's); then the same command asks for another export"
        }
        "KMSAccessDenied" | "KmsAccessDenied" | "S3SseKmsAccessDenied" => {
            "give this role kms:GenerateDataKey and kms:Decrypt with that key; then the same command asks for another export"
        }
        _ => "the words above are DynamoDB's; the same command asks for another export",
    }
}

impl From<PriceError> for Failure {
    fn from(error: PriceError) -> Self {
        let advice = match &error {
            PriceError::Read { .. } => Some("check --prices, or leave it out for the prices that came along"),
            PriceError::Form { .. } => {
                Some("take coordinator/prices.json as an example: every field of it is needed")
            }
            PriceError::TooDear { .. } => {
                Some("`backfleet plan` shows the bill and the other ways; or give a higher --max-cost")
            }
            PriceError::TooLong { .. } => Some(
                "`backfleet plan` shows the other ways; a higher --read-budget or more --tasks are faster; or give a longer --max-duration",
            ),
        };
        Self::usage(error, advice.map(str::to_owned))
    }
}

impl From<WatchError> for Failure {
    fn from(error: WatchError) -> Self {
        Self { error: error.into(), advice: Some("choose another --metrics-addr".into()), exit: Exit::Failed }
    }
}

/// A source that is not there is a matter of the source.
fn source_location(error: LocationError) -> Failure {
    let mut failure = Failure::from(error);
    if failure.exit == Exit::Failed {
        failure.exit = Exit::Source;
    }
    failure
}

fn port_advice(error: &PortError) -> Option<String> {
    Some(match error.fault {
        PortFault::NotFound => "check that it exists and is spelled right".into(),
        PortFault::Denied => "give this user the right to it".into(),
        PortFault::Exhausted => {
            "free disk space or descriptors, then run the same command again: it goes on where it stopped"
                .into()
        }
        PortFault::Unavailable | PortFault::Throttled => {
            "run the same command again: it goes on where it stopped".into()
        }
        _ => return None,
    })
}
