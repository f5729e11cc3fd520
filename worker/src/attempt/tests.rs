use backfleet_convert::InputError;
use backfleet_core::completion::CompletionError;
use backfleet_core::job::JobId;
use backfleet_core::ports::{Effect, PortError, PortFault};

use super::*;
use crate::desk::JobError;

fn job() -> JobId {
    "0".repeat(32).parse().unwrap()
}

fn passing(fault: PortFault) -> PortError {
    PortError::passing("port.call", "x", fault, Effect::Unknown)
}

fn fatal(fault: PortFault) -> PortError {
    PortError::fatal("port.call", "x", fault)
}

fn unknown() -> ClaimError {
    JobError::Unknown { job: job(), dests: "d".into() }.into()
}

fn foreign() -> ClaimError {
    JobError::Foreign { job: job(), location: "l".into() }.into()
}

fn misplaced() -> ClaimError {
    JobError::Misplaced { job: job(), found: job() }.into()
}

fn conflict() -> UploadError {
    UploadError::Conflict { key: "k".into(), ours: "o".into(), theirs: "t".into() }
}

fn stored() -> UploadError {
    UploadError::Stored { key: "k".into(), source: InputError::NotGzip }
}

fn unread(source: PortError) -> ReadError {
    ReadError::Port { key: "k".into(), source }
}

#[test]
fn every_failure_has_its_class_and_its_remedy() {
    use Remedy::{LeaveAlone, PutAside, TryAgain, WaitForRoom};
    let key = || "k".to_owned();
    let seal = || CompletionError::Seal { unit: 1 };
    let no_such_unit = || ClaimError::NoSuchUnit { job: "j".into(), units: 1, unit: 1 };
    let table: Vec<(AttemptError, Remedy, &str)> = vec![
        (unknown().into(), PutAside, "unknown-job"),
        (foreign().into(), PutAside, "foreign-source"),
        (misplaced().into(), PutAside, "unusable-plan"),
        (no_such_unit().into(), PutAside, "unknown-unit"),
        (ClaimError::from(seal()).into(), PutAside, "output-damaged"),
        (ClaimError::from(passing(PortFault::Unavailable)).into(), TryAgain, "unavailable"),
        (ClaimError::from(JobError::from(fatal(PortFault::Denied))).into(), TryAgain, "denied"),
        (ReadError::Missing { key: key(), source_root: key() }.into(), TryAgain, "input-missing"),
        (ReadError::Md5 { key: key(), found: key(), promised: key() }.into(), TryAgain, "input-md5"),
        (unread(passing(PortFault::Throttled)).into(), TryAgain, "unavailable"),
        (unread(fatal(PortFault::Changed)).into(), TryAgain, "refused"),
        (AttemptError::Input { key: key(), source: InputError::NotGzip }, TryAgain, "input-damaged"),
        (AttemptError::Count { key: key(), found: 1, promised: 2 }, TryAgain, "input-count"),
        (ScanError::Loop { segment: 1 }.into(), TryAgain, "input-loop"),
        (ScanError::Chain { segment: 1, what: "w" }.into(), TryAgain, "output-damaged"),
        (
            ScanError::Port { segment: 1, source: passing(PortFault::Throttled) }.into(),
            TryAgain,
            "unavailable",
        ),
        (
            SinkError::Port { sink: key(), source: passing(PortFault::Throttled) }.into(),
            TryAgain,
            "unavailable",
        ),
        (SinkError::Port { sink: key(), source: fatal(PortFault::Denied) }.into(), TryAgain, "denied"),
        (SinkError::Answer { sink: key(), what: "w" }.into(), PutAside, "sink-answer"),
        (SinkError::Refusing { sink: key(), max: 1, last: key() }.into(), PutAside, "sink-refuses"),
        (AttemptError::Send(passing(PortFault::Unavailable)), TryAgain, "unavailable"),
        (conflict().into(), PutAside, "conflict"),
        (stored().into(), TryAgain, "output-damaged"),
        (UploadError::from(fatal(PortFault::Exhausted)).into(), WaitForRoom, "exhausted"),
        (UploadError::from(passing(PortFault::Exhausted)).into(), WaitForRoom, "exhausted"),
        (UploadError::from(fatal(PortFault::Denied)).into(), TryAgain, "denied"),
        (CompleteError::Conflict { unit: 1 }.into(), PutAside, "conflict"),
        (CompleteError::from(seal()).into(), TryAgain, "output-damaged"),
        (CompleteError::from(fatal(PortFault::Invalid)).into(), TryAgain, "refused"),
        (AttemptError::Ack(fatal(PortFault::LeaseGone)), LeaveAlone, "refused"),
        (AttemptError::Ack(passing(PortFault::Unavailable)), TryAgain, "unavailable"),
        (AttemptError::LeaseLost, LeaveAlone, "lease-lost"),
    ];
    for (failure, remedy, class) in table {
        assert_eq!((failure.remedy(), failure.class()), (remedy, class), "{failure:?}");
    }
}
