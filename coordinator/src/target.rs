//! Where a job's records go: a place of objects, or a sink with a place beside it for what the job keeps of itself.

use backfleet_core::limits::ENVELOPE_RECORDS_DEFAULT;
use backfleet_core::ports::{PortError, TableFacts};
use backfleet_core::sink::{FunctionSink, NoSink, Sink, SinkPlace, TouchSink};
use backfleet_worker::location::{Connections, Location, LocationError};

/// The mark of a touch where nobody says.
pub const MARKER_DEFAULT: &str = "_backfleet";

/// What one write unit pays for.
const WRITE_UNIT_BYTES: u64 = 1024;

/// What a person says of it.
#[derive(Debug, Clone, Default)]
pub struct TargetRequest {
    /// Where records go.
    pub dest: String,
    /// Where a job with a sink keeps plan, receipts, completions, quarantine and manifest.
    pub state: Option<String>,
    /// Records of one envelope.
    pub envelope_records: Option<u32>,
    /// The attribute that is the mark of a touch.
    pub marker: Option<String>,
    /// Whether marks are taken away again.
    pub untouch: bool,
    /// Whether the table may be written to.
    pub write_to_table: bool,
}

/// Where a job's records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where everything lies that the job writes as objects.
    pub place: Location,
    /// Where its records go instead.
    pub sink: Option<Sink>,
    /// What the table says of itself whose items are touched.
    pub touched: Option<Touched>,
}

/// A table whose items are touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Its keys, hash key first.
    pub keys: Vec<String>,
    /// Items in it, by its own count.
    pub items: u64,
    /// Write units that touching all of them takes, by its own count.
    pub writes: u64,
    /// Whether marks are taken away again.
    pub undo: bool,
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
    /// Something that this destination does not have.
    #[error("{flag} does not go with --dest {dest}")]
    Flag {
        /// Where records go.
        dest: String,
        /// What was given.
        flag: &'static str,
    },
    /// The table does not say what it is.
    #[error("{sink} cannot be looked at")]
    Describe {
        /// The sink.
        sink: SinkPlace,
        /// Why.
        source: PortError,
    },
    /// The mark would be a key.
    #[error("{marker:?} is a key of {sink}, and keys cannot be marks")]
    MarkerIsKey {
        /// The sink.
        sink: SinkPlace,
        /// The attribute.
        marker: String,
    },
    /// Keys that are not those of the table.
    #[error("the keys of {sink} are {found:?}, given are {given:?}")]
    OtherKeys {
        /// The sink.
        sink: SinkPlace,
        /// Of the table.
        found: Vec<String>,
        /// By the command line.
        given: Vec<String>,
    },
    /// Nobody said that the table may be written to.
    #[error(
        "{sink} writes to the table itself: {items} items by its own count, some {writes} write units, and a record of each in its stream, which every consumer of the stream sees"
    )]
    Unconfirmed {
        /// The sink.
        sink: SinkPlace,
        /// Items of the table.
        items: u64,
        /// What they would cost.
        writes: u64,
    },
}

impl TargetError {
    /// What to do about it.
    pub fn advice(&self) -> Option<String> {
        Some(match self {
            Self::NoState { .. } => {
                "give it a folder or s3://bucket/prefix of its own, e.g. --state s3://lake/backfill-state".into()
            }
            Self::Flag { .. } => "leave it out; docs/sinks.md says what goes with what".into(),
            Self::MarkerIsKey { .. } => "give another name with --marker".into(),
            Self::OtherKeys { .. } => "leave --keys out: the table tells".into(),
            Self::Unconfirmed { .. } => {
                "if that is what you want, say --yes-write-to-table; --write-budget sets the pace, and --untouch takes the marks away again, at the same cost".into()
            }
            Self::Location(_) | Self::Sink(_) | Self::Describe { .. } => return None,
        })
    }
}

impl Target {
    /// Reads what a person said, and asks a table that is to be touched what it is. Writes nothing.
    pub async fn read(request: &TargetRequest, connections: &Connections) -> Result<Self, TargetError> {
        match asked(request)? {
            Asked::Objects(place) => Ok(Self { place, sink: None, touched: None }),
            Asked::Function(place, function) => {
                Ok(Self { place, sink: Some(Sink::Function(function)), touched: None })
            }
            Asked::Touch(place, table) => {
                let sink = SinkPlace::Touch(table.clone());
                let facts = describe(&table, connections).await;
                let facts = facts.map_err(|source| TargetError::Describe { sink, source })?;
                Self::touching(place, table, request, facts)
            }
        }
    }

    /// The same, for whoever is about to write: refused where a table would be written to and nobody said so.
    pub async fn read_to_write(
        request: &TargetRequest,
        connections: &Connections,
    ) -> Result<Self, TargetError> {
        let target = Self::read(request, connections).await?;
        match (&target.sink, &target.touched) {
            (Some(sink), Some(touched)) if !request.write_to_table => Err(TargetError::Unconfirmed {
                sink: sink.place(),
                items: touched.items,
                writes: touched.writes,
            }),
            _ => Ok(target),
        }
    }

    fn touching(
        place: Location,
        table: String,
        request: &TargetRequest,
        facts: TableFacts,
    ) -> Result<Self, TargetError> {
        let marker = request.marker.clone().unwrap_or_else(|| MARKER_DEFAULT.to_owned());
        if facts.keys.contains(&marker) {
            return Err(TargetError::MarkerIsKey { sink: SinkPlace::Touch(table), marker });
        }
        let touched = Touched {
            writes: facts.items.max(facts.bytes.div_ceil(WRITE_UNIT_BYTES)),
            items: facts.items,
            keys: facts.keys,
            undo: request.untouch,
        };
        let sink = Sink::Touch(TouchSink { table, table_arn: facts.arn, marker, undo: None });
        Ok(Self { place, sink: Some(sink), touched: Some(touched) })
    }

    /// Key attributes of the records: as given, or those of the table that is touched.
    pub fn keys(&self, given: Vec<String>) -> Result<Vec<String>, TargetError> {
        let Some((touched, sink)) = self.touched.as_ref().zip(self.sink.as_ref()) else { return Ok(given) };
        match given.is_empty() || given == touched.keys {
            true => Ok(touched.keys.clone()),
            false => Err(TargetError::OtherKeys { sink: sink.place(), found: touched.keys.clone(), given }),
        }
    }

    /// Whether the job takes away the marks of one like it.
    pub fn is_undo(&self) -> bool {
        self.touched.as_ref().is_some_and(|touched| touched.undo)
    }
}

async fn describe(table: &str, connections: &Connections) -> Result<TableFacts, PortError> {
    let place = Location::Table { table: table.to_owned(), index: None };
    let scanner = place.open_table(connections).await.map_err(|error| {
        PortError::fatal("table.describe", table, backfleet_core::ports::PortFault::Invalid).because(error)
    })?;
    scanner.describe().await
}

/// What was asked for, each with where objects lie.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Objects(Location),
    Function(Location, FunctionSink),
    Touch(Location, String),
}

fn asked(request: &TargetRequest) -> Result<Asked, TargetError> {
    let TargetRequest { dest, state, envelope_records, marker, untouch, write_to_table } = request;
    let refuse = |flags: &[(&'static str, bool)]| match flags.iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(TargetError::Flag { dest: dest.clone(), flag }),
        None => Ok(()),
    };
    let of_function = [("--envelope-records", envelope_records.is_some())];
    let of_touch =
        [("--marker", marker.is_some()), ("--untouch", *untouch), ("--yes-write-to-table", *write_to_table)];
    if !SinkPlace::is_meant(dest) {
        refuse(&[("--state", state.is_some())])?;
        refuse(&of_function)?;
        refuse(&of_touch)?;
        return Ok(Asked::Objects(Location::parse(dest)?));
    }
    let sink: SinkPlace = dest.parse()?;
    let Some(state) = state else { return Err(TargetError::NoState { sink }) };
    let place = Location::parse(state)?;
    match sink {
        SinkPlace::Function(name) => {
            refuse(&of_touch)?;
            let records_max = envelope_records.unwrap_or(ENVELOPE_RECORDS_DEFAULT);
            Ok(Asked::Function(place, FunctionSink { name, records_max }))
        }
        SinkPlace::Touch(table) => {
            refuse(&of_function)?;
            Ok(Asked::Touch(place, table))
        }
    }
}

#[cfg(test)]
mod tests {
    use backfleet_core::ports::ReadCapacity;

    use super::*;

    fn request(dest: &str, state: Option<&str>) -> TargetRequest {
        TargetRequest { dest: dest.into(), state: state.map(str::to_owned), ..TargetRequest::default() }
    }

    #[test]
    fn a_sink_needs_a_state_and_nothing_else_has_one() {
        let read = |dest, state| asked(&request(dest, state));
        let function = FunctionSink { name: "to-lake".into(), records_max: ENVELOPE_RECORDS_DEFAULT };
        let state = Location::parse("s3://state/x").unwrap();
        assert_eq!(
            read("lambda://to-lake", Some("s3://state/x")).unwrap(),
            Asked::Function(state.clone(), function)
        );
        assert_eq!(
            read("touch://orders", Some("s3://state/x")).unwrap(),
            Asked::Touch(state, "orders".into())
        );
        assert!(matches!(read("s3://lake", None).unwrap(), Asked::Objects(_)));
        assert!(matches!(read("lambda://to-lake", None), Err(TargetError::NoState { .. })));
        assert!(matches!(
            read("s3://lake", Some("s3://state")),
            Err(TargetError::Flag { flag: "--state", .. })
        ));
        assert!(matches!(read("lambda://a b", Some("s3://state")), Err(TargetError::Sink(_))));
        assert!(matches!(read("lambda://f", Some("lambda://g")), Err(TargetError::Location(_))));
    }

    #[test]
    fn flags_of_one_sink_do_not_go_with_another() {
        let wrong = [
            TargetRequest { untouch: true, ..request("lambda://f", Some("x")) },
            TargetRequest { envelope_records: Some(1), ..request("touch://t", Some("x")) },
            TargetRequest { marker: Some("m".into()), ..request("out", None) },
            TargetRequest { write_to_table: true, ..request("out", None) },
        ];
        for wrong in wrong {
            assert!(matches!(asked(&wrong), Err(TargetError::Flag { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn a_table_that_is_touched_tells_its_keys_and_what_that_costs() {
        let facts = TableFacts {
            arn: "arn".into(),
            keys: vec!["pk".into(), "sk".into()],
            bytes: 10_241,
            items: 3,
            capacity: ReadCapacity::OnDemand(None),
            stream_arn: None,
        };
        let touching = |marker: Option<&str>| {
            let request = TargetRequest { marker: marker.map(str::to_owned), ..TargetRequest::default() };
            Target::touching(Location::parse("x").unwrap(), "orders".into(), &request, facts.clone())
        };
        let target = touching(None).unwrap();
        assert_eq!(target.touched.as_ref().unwrap().writes, 11);
        assert_eq!(target.keys(Vec::new()).unwrap(), ["pk", "sk"]);
        assert!(matches!(target.keys(vec!["sk".into()]), Err(TargetError::OtherKeys { .. })));
        assert!(matches!(touching(Some("sk")), Err(TargetError::MarkerIsKey { .. })));
    }
}
