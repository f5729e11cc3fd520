//! Plans the scan of a table: its segments, its lanes, and the budget that they share.

use backfleet_core::control::Control;
use backfleet_core::layout::Layout;
use backfleet_core::limits::{CONTROL_BYTES_MAX, READ_BUDGET_DEFAULT, UNITS_MAX};
use backfleet_core::plan::{Expressions, Plan, PlanError, ScanSource, Source, UnitPlan};
use backfleet_core::ports::{
    Clock as _, ObjectStore, PageRequest, PortError, PortFault, ReadCapacity, SystemClock, TableFacts,
    TableScanner,
};
use backfleet_worker::Origin;
use backfleet_worker::location::{Connections, Location, LocationError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::plan::Planned;
use crate::spec::{PARQUET, Request, ScanRequest, SchemaRequest, Shown, SpecError, options};

/// A segment of about this size is read in minutes and is no fat end of the night.
const SEGMENT_BYTES: u64 = 256 << 20;
/// Segments for each lane at least, so that no lane ends long after the others.
const SEGMENTS_PER_LANE: u64 = 4;
/// One lane reads one page after the other: about four full pages a second.
const LANE_UNITS: u32 = 512;
const LANES_MIN: u32 = 4;
const LANES_MAX: u32 = 256;
/// What a provisioned table is thought to spare where nobody says.
const PROVISIONED_PERCENT: u32 = 25;
/// Label of the stream that records name where a table has none: no live record has it.
const NO_STREAM: &str = "1970-01-01T00:00:00.000";

/// A table that cannot be scanned as asked.
#[derive(Debug, thiserror::Error)]
pub enum ScanPlanError {
    /// The table cannot be opened.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The table did not say what it is.
    #[error("{place} cannot be described")]
    Describe {
        /// The table.
        place: String,
        /// Why.
        source: PortError,
    },
    /// DynamoDB does not take the expressions.
    #[error("{place} cannot be scanned with these expressions")]
    Expressions {
        /// The table.
        place: String,
        /// Why.
        source: PortError,
    },
    /// A percentage of nothing.
    #[error("{place} is paid by the request and has no maximum: there is nothing to take {percent} % of")]
    NoMaximum {
        /// The table.
        place: String,
        /// What was asked.
        percent: u32,
    },
    /// The request cannot be met.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The plan is none.
    #[error("no plan can be made")]
    Plan(#[from] PlanError),
}

/// Read capacity units a second for the whole fleet.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    units: Option<u32>,
    asked: bool,
    /// How it came about, for people.
    pub reason: &'static str,
}

impl Budget {
    /// That of a source that has none.
    pub fn none() -> Self {
        Self { units: None, asked: false, reason: "" }
    }

    /// Its units a second.
    pub fn units(&self) -> Option<u32> {
        self.units
    }

    /// Writes it where workers look, unless something is there that nobody asked to change.
    pub async fn settle(
        &self,
        dest_location: &Location,
        dest: &dyn ObjectStore,
        layout: &Layout,
        connections: &Connections,
    ) -> Result<(), BudgetError> {
        let Some(units) = self.units else { return Ok(()) };
        let there = dest.get_small(&layout.control(), CONTROL_BYTES_MAX).await?;
        let there = there.and_then(|json| Control::parse(&json).ok());
        let control = match there {
            Some(_) if !self.asked => return Ok(()),
            Some(there) => Control { read_budget: units, ..there },
            None => Control::of_budget(units),
        };
        set_control(dest_location, layout, connections, control).await
    }
}

/// A budget that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// The destination cannot be opened.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The destination failed.
    #[error("the read budget could not be written")]
    Port(#[from] PortError),
}

/// Writes what workers of a job look at every fifteen seconds.
pub async fn set_control(
    dest_location: &Location,
    layout: &Layout,
    connections: &Connections,
    control: Control,
) -> Result<(), BudgetError> {
    let store = dest_location.open_control(connections).await?;
    Ok(store.replace(&layout.control(), control.to_json().into()).await?)
}

/// Describes the table and makes the plan. Writes nothing.
pub async fn make(
    location: &Location,
    request: &Request,
    connections: &Connections,
) -> Result<Planned, ScanPlanError> {
    let table = location.open_table(connections).await?;
    let place = location.to_string();
    let facts = table.describe().await;
    let facts = facts.map_err(|source| ScanPlanError::Describe { place: place.clone(), source })?;
    let budget = budget(&request.scan, &facts, &place)?;
    let plan = plan(location, request, &facts, budget)?;
    try_expressions(&plan, &*table).await.map_err(|source| ScanPlanError::Expressions { place, source })?;
    Ok(Planned {
        plan,
        source: Origin::Table(table),
        source_location: location.clone(),
        places: vec![location.clone()],
        budget,
        table: Some(facts),
    })
}

/// Expressions that DynamoDB refuses would fail every segment: one item tells. A throttled page says nothing against them.
async fn try_expressions(plan: &Plan, table: &dyn TableScanner) -> Result<(), PortError> {
    if let Source::Scan(scan) = &plan.source
        && scan.expressions != Expressions::default()
    {
        let tried = table.page(&PageRequest { scan, segment: 0, after: None, items_max: Some(1) }).await;
        return match tried {
            Err(error) if error.fault != PortFault::Throttled => Err(error),
            _ => Ok(()),
        };
    }
    Ok(())
}

fn plan(
    location: &Location,
    request: &Request,
    facts: &TableFacts,
    budget: Budget,
) -> Result<Plan, ScanPlanError> {
    let Location::Table { index, .. } = location else { unreachable!("a scan is of a table") };
    let now = OffsetDateTime::from(SystemClock.now()).replace_nanosecond(0).expect("nought is a nanosecond");
    let shown = Shown {
        table_arn: Some(facts.arn.clone()),
        time: Some(now.format(&Rfc3339).expect("a year of four digits")),
        ..Shown::default()
    };
    let mut request = request.clone();
    if request.keys.is_empty() {
        request.keys.clone_from(&facts.keys);
    }
    let stream = || facts.stream_arn.clone().unwrap_or_else(|| format!("{}/stream/{NO_STREAM}", facts.arn));
    request.stream_arn = Some(request.stream_arn.take().unwrap_or_else(stream));
    let lanes = request.scan.lanes.unwrap_or_else(|| lanes(budget));
    let segments = request.scan.segments.unwrap_or_else(|| segments(facts.bytes, lanes));
    let scan = ScanSource {
        table_arn: facts.arn.clone(),
        index: index.clone(),
        segments,
        lanes: lanes.min(segments),
        consistent: request.scan.consistent,
        dated: request.partition.is_none(),
        expressions: with_keys(&request.scan.expressions, &facts.keys),
    };
    let bytes = facts.bytes / u64::from(segments);
    let unit =
        |segment| UnitPlan { part: 0, key: format!("segment/{segment}"), bytes, items: None, md5: None };
    let units = (0..segments).map(unit).collect();
    let schema = match (&request.schema, request.format.as_str()) {
        (SchemaRequest::Pinned(schema), PARQUET) => Some(schema.clone()),
        (_, PARQUET) => return Err(SpecError::ScanSchema.into()),
        _ => None,
    };
    Ok(Plan::new(location.to_string(), Source::Scan(scan), options(&request, &shown, schema)?, units)?)
}

/// The projection with the table's keys in it: a record without them is none.
fn with_keys(asked: &Expressions, keys: &[String]) -> Expressions {
    let mut expressions = asked.clone();
    let Some(projection) = &mut expressions.projection else { return expressions };
    for (number, key) in keys.iter().enumerate() {
        let is_key = |path: &str| asked.names.get(path).map_or(path, String::as_str) == key;
        if !projection.split(',').any(|path| is_key(path.trim())) {
            // A key may have the name of a reserved word.
            let placeholder = format!("#backfleet_key_{number}");
            projection.push_str(&format!(", {placeholder}"));
            expressions.names.insert(placeholder, key.clone());
        }
    }
    expressions
}

fn lanes(budget: Budget) -> u32 {
    let units = budget.units.unwrap_or(READ_BUDGET_DEFAULT);
    units.div_ceil(LANE_UNITS).clamp(LANES_MIN, LANES_MAX)
}

/// By DynamoDB's own size of the table, which may be six hours old.
fn segments(bytes: u64, lanes: u32) -> u32 {
    let by_size = bytes.div_ceil(SEGMENT_BYTES);
    let segments = by_size.max(SEGMENTS_PER_LANE * u64::from(lanes)).min(UNITS_MAX as u64);
    u32::try_from(segments).expect("not more than a job's units")
}

fn budget(scan: &ScanRequest, facts: &TableFacts, place: &str) -> Result<Budget, ScanPlanError> {
    let part = |units: u64, percent: u32| {
        u32::try_from(units.saturating_mul(u64::from(percent)) / 100).unwrap_or(u32::MAX).max(1)
    };
    let of = |units: u32, asked: bool, reason: &'static str| Ok(Budget { units: Some(units), asked, reason });
    match (scan.budget, scan.percent, facts.capacity) {
        (Some(units), _, _) => of(units, true, "as asked"),
        (None, Some(percent), ReadCapacity::Provisioned(units)) => {
            of(part(units, percent), true, "that part of what is provisioned")
        }
        (None, Some(percent), ReadCapacity::OnDemand(Some(max))) => {
            of(part(max, percent), true, "that part of the table's maximum")
        }
        (None, Some(percent), ReadCapacity::OnDemand(None)) => {
            Err(ScanPlanError::NoMaximum { place: place.to_owned(), percent })
        }
        (None, None, ReadCapacity::Provisioned(units)) => of(
            part(units, PROVISIONED_PERCENT),
            false,
            "a quarter of what is provisioned; --read-budget sets it",
        ),
        (None, None, ReadCapacity::OnDemand(_)) => of(
            READ_BUDGET_DEFAULT,
            false,
            "the default for a table that is paid by the request; --read-budget sets it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests_support::request;

    fn facts(capacity: ReadCapacity) -> TableFacts {
        TableFacts {
            arn: "arn:aws:dynamodb:eu-north-1:123456789012:table/orders".into(),
            keys: vec!["pk".into(), "sk".into()],
            bytes: 100 << 30,
            items: 1_000,
            capacity,
            stream_arn: None,
        }
    }

    #[test]
    fn a_budget_is_never_unlimited_and_says_where_it_comes_from() {
        let found = |budget, percent, capacity| {
            let scan = ScanRequest { budget, percent, ..ScanRequest::default() };
            super::budget(&scan, &facts(capacity), "t").ok().and_then(|budget| budget.units())
        };
        use ReadCapacity::{OnDemand, Provisioned};
        assert_eq!(found(Some(7), None, OnDemand(None)), Some(7));
        assert_eq!(found(None, Some(50), Provisioned(1_000)), Some(500));
        assert_eq!(found(None, Some(10), OnDemand(Some(40_000))), Some(4_000));
        assert_eq!(found(None, Some(10), OnDemand(None)), None);
        assert_eq!(found(None, None, Provisioned(1_000)), Some(250));
        assert_eq!(found(None, None, Provisioned(0)), Some(1));
        assert_eq!(found(None, None, OnDemand(None)), Some(READ_BUDGET_DEFAULT));
    }

    #[test]
    fn a_projection_names_the_keys_once() {
        let asked = |projection: &str| Expressions {
            projection: Some(projection.into()),
            names: [("#p".to_owned(), "pk".to_owned())].into(),
            ..Expressions::default()
        };
        let keys = ["pk".to_owned(), "size".to_owned()];
        let found = with_keys(&asked("a, #p , b[1].c"), &keys);
        assert_eq!(found.projection.unwrap(), "a, #p , b[1].c, #backfleet_key_1");
        assert_eq!(found.names["#backfleet_key_1"], "size");
        assert_eq!(with_keys(&asked("size,#p"), &keys), asked("size,#p"));
        assert_eq!(with_keys(&Expressions::default(), &keys), Expressions::default());
    }

    #[test]
    fn segments_follow_the_size_and_are_many_more_than_lanes() {
        assert_eq!(segments(100 << 30, 4), 400);
        assert_eq!(segments(0, 4), 16);
        assert_eq!(segments(u64::MAX, 4) as usize, UNITS_MAX);
        let lanes_of = |units| lanes(Budget { units: Some(units), asked: true, reason: "" });
        assert_eq!([lanes_of(1), lanes_of(40_000), lanes_of(u32::MAX)], [LANES_MIN, 79, LANES_MAX]);
    }

    #[test]
    fn the_table_tells_keys_and_stream_and_the_same_request_is_the_same_job() {
        let place = Location::parse("dynamodb://orders").unwrap();
        // The table tells the keys.
        let request = Request { keys: Vec::new(), ..request() };
        let of = |request: &Request| {
            let facts = facts(ReadCapacity::OnDemand(None));
            let asked = budget(&request.scan, &facts, "orders").unwrap();
            plan(&place, request, &facts, asked).unwrap()
        };
        let made = of(&request);
        assert_eq!((made.options.keys.clone(), made.units.len()), (vec!["pk".to_owned(), "sk".into()], 400));
        assert!(made.options.table.as_ref().unwrap().stream_arn.ends_with(NO_STREAM));
        assert!(made.options.partition.starts_with("date=backfill-"));
        let slower =
            Request { scan: ScanRequest { budget: Some(1), ..ScanRequest::default() }, ..request.clone() };
        assert_eq!(of(&slower).job, made.job);
        let elsewhere = Request { partition: Some("x".into()), ..request };
        assert_ne!(of(&elsewhere).job, made.job);
    }
}
