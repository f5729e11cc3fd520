//! Where a job's records go: a place of objects, or a sink with a place beside it for what the job keeps of itself.

use backfleet_core::limits::ENVELOPE_RECORDS_DEFAULT;
use backfleet_core::sink::{FunctionSink, NoSink, Sink, SinkPlace};
use backfleet_worker::location::{Location, LocationError};

/// What a person says of it.
#[derive(Debug, Clone)]
pub struct TargetRequest {
    /// Where records go.
    pub dest: String,
    /// Where a job with a sink keeps plan, receipts, completions, quarantine and manifest.
    pub state: Option<String>,
    /// Records of one envelope.
    pub envelope_records: Option<u32>,
}

/// Where a job's records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where everything lies that the job writes as objects.
    pub place: Location,
    /// Where its records go instead.
    pub sink: Option<Sink>,
}

/// A request that names no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A place that is none.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// A sink that is none.
    #[error(transparent)]
    Sink(#[from] NoSink),
    /// Plan and receipts must lie somewhere.
    #[error("{sink} holds no objects, and no --state says where the job keeps its plan and receipts")]
    NoState {
        /// The sink.
        sink: SinkPlace,
    },
    /// Something that only sinks have.
    #[error("{flag} belongs to a sink, and {dest} is a place of objects")]
    Objects {
        /// Where records go.
        dest: String,
        /// What was given.
        flag: &'static str,
    },
}

impl TargetError {
    /// What to do about it.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::NoState { .. } => Some(
                "give it a folder or s3://bucket/prefix of its own, e.g. --state s3://lake/backfill-state"
                    .into(),
            ),
            Self::Objects { .. } => Some("leave it out; --dest takes lambda://<function> too".into()),
            Self::Location(_) | Self::Sink(_) => None,
        }
    }
}

impl Target {
    /// Reads what a person said.
    pub fn read(request: &TargetRequest) -> Result<Self, TargetError> {
        let TargetRequest { dest, state, envelope_records } = request;
        if !SinkPlace::is_meant(dest) {
            let given = [("--state", state.is_some()), ("--envelope-records", envelope_records.is_some())];
            return match given.into_iter().find(|(_, given)| *given) {
                Some((flag, _)) => Err(TargetError::Objects { dest: dest.clone(), flag }),
                None => Ok(Self { place: Location::parse(dest)?, sink: None }),
            };
        }
        let sink: SinkPlace = dest.parse()?;
        let Some(state) = state else { return Err(TargetError::NoState { sink }) };
        let place = Location::parse(state)?;
        match sink {
            SinkPlace::Function(name) => {
                let records_max = envelope_records.unwrap_or(ENVELOPE_RECORDS_DEFAULT);
                Ok(Self { place, sink: Some(Sink::Function(FunctionSink { name, records_max })) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(dest: &str, state: Option<&str>) -> TargetRequest {
        TargetRequest { dest: dest.into(), state: state.map(str::to_owned), envelope_records: None }
    }

    #[test]
    fn a_sink_needs_a_state_and_nothing_else_has_one() {
        let read = |dest, state| Target::read(&request(dest, state));
        let function = read("lambda://to-lake", Some("s3://state/x")).unwrap();
        assert_eq!(function.place.to_string(), "s3://state/x");
        let sink = FunctionSink { name: "to-lake".into(), records_max: ENVELOPE_RECORDS_DEFAULT };
        assert_eq!(function.sink, Some(Sink::Function(sink)));
        assert_eq!(read("s3://lake", None).unwrap().sink, None);
        assert!(matches!(read("lambda://to-lake", None), Err(TargetError::NoState { .. })));
        assert!(matches!(
            read("s3://lake", Some("s3://state")),
            Err(TargetError::Objects { flag: "--state", .. })
        ));
        assert!(matches!(read("lambda://a b", Some("s3://state")), Err(TargetError::Sink(_))));
        assert!(matches!(read("lambda://f", Some("lambda://g")), Err(TargetError::Location(_))));
    }
}
