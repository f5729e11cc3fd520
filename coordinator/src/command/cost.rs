//! What a job would cost, said by `plan` and held against `--max-cost` and `--max-duration` by whoever begins one.

use std::time::Duration;

use backfleet::plan::Planned;
use backfleet::price::{Ceiling, Fleet, Prices, Way, convert, export, scan};
use backfleet_core::plan::Source;
use backfleet_core::ports::{Recovery, TableFacts};
use backfleet_core::sink::{Sink, SinkPlace};
use backfleet_worker::location::{Connections, Location};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::CostArgs;
use crate::failure::Failure;
use crate::wording;

/// A stream keeps its records for this long (DynamoDB developer guide).
const STREAM_RETENTION: Duration = Duration::from_secs(24 * 3600);

/// Every way that is open, the one that was asked for first; none where nothing is paid for.
pub struct Estimate {
    prices: Prices,
    ways: Vec<Way>,
    /// Where the source is, as far as it says.
    region: Option<String>,
}

/// Prices the ways from what was planned. Asks whether a table's recovery is on.
pub async fn estimate(
    args: &CostArgs,
    planned: &Planned,
    connections: &Connections,
) -> Result<Estimate, Failure> {
    let prices = Prices::read(args.prices.as_deref())?;
    let fleet = Fleet { tasks: args.tasks };
    let (plan, place) = (&planned.plan, &planned.source_location);
    let mut ways = Vec::new();
    match (&plan.source, &planned.table) {
        (Source::Scan(source), Some(table)) => {
            let budget = planned.budget.units().expect("a scan has a budget");
            ways.push(scan(&prices, table, source, budget));
            if source.index.is_none() {
                let recovery = recovery(place, table, connections).await;
                ways.push(export(&prices, fleet, table.bytes, recovery));
            }
        }
        (Source::Export(_), _) if plan.options.sink.is_some() => {}
        (Source::Export(_), _) if matches!(place, Location::S3 { .. }) => {
            ways.push(convert(&prices, fleet, plan.units.len() as u64, plan.bytes()));
        }
        _ => {}
    }
    let region = plan.options.table.as_ref().map(|table| table.region.clone());
    Ok(Estimate { prices, ways, region })
}

/// Refuses a job that is above what was given.
pub async fn check(args: &CostArgs, planned: &Planned, connections: &Connections) -> Result<(), Failure> {
    if args.ceiling().is_none() {
        return Ok(());
    }
    estimate(args, planned, connections).await?.check(args.ceiling())
}

#[derive(Debug, thiserror::Error)]
#[error(
    "what {sink} costs is in no file of prices, so nothing can be held against --max-cost or --max-duration"
)]
struct NoPrice {
    sink: SinkPlace,
}

/// Refuses a ceiling that nothing could be held against.
pub fn check_sink(args: &CostArgs, sink: Option<&Sink>) -> Result<(), Failure> {
    match sink {
        Some(sink) if !args.ceiling().is_none() => Err(Failure::usage(
            NoPrice { sink: sink.place() },
            Some("leave them out; docs/sinks.md says what is paid for".into()),
        )),
        _ => Ok(()),
    }
}

/// Refuses an export that is above what was given, before it is asked for.
pub async fn check_export(
    args: &CostArgs,
    place: &Location,
    table: &TableFacts,
    connections: &Connections,
) -> Result<(), Failure> {
    if args.ceiling().is_none() {
        return Ok(());
    }
    let prices = Prices::read(args.prices.as_deref())?;
    let recovery = recovery(place, table, connections).await;
    let way = export(&prices, Fleet { tasks: args.tasks }, table.bytes, recovery);
    Ok(args.ceiling().check(&way, &prices)?)
}

/// `None` where this role may not see it.
async fn recovery(place: &Location, table: &TableFacts, connections: &Connections) -> Option<Recovery> {
    let exporter = place.open_exporter(&table.arn, connections).await.ok()?;
    backfleet_core::ports::Exporter::recovery(&exporter).await.ok()
}

impl Estimate {
    pub fn check(&self, ceiling: Ceiling) -> Result<(), Failure> {
        match self.ways.first() {
            Some(way) => Ok(ceiling.check(way, &self.prices)?),
            None => Ok(()),
        }
    }

    /// Lines of `plan`.
    pub fn text(&self) -> String {
        let Prices { date, region, currency, .. } = &self.prices;
        let mut text = String::new();
        for (number, way) in self.ways.iter().enumerate() {
            let parts: Vec<String> = way
                .bill
                .iter()
                .filter(|(_, cost)| *cost >= 0.005)
                .map(|(part, cost)| format!("{part} {cost:.2}"))
                .collect();
            let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
            text += &format!(
                "{:<10} {}: about {:.2} {currency}{parts}, {}\n",
                if number == 0 { "cost" } else { "instead" },
                way.name,
                way.cost(),
                wording::span(way.takes)
            );
            if let Some(note) = &way.note {
                text += &format!("           {note}\n");
            }
        }
        if !self.ways.is_empty() {
            text += &format!("           by the prices of {region} of {date}; --prices takes others\n");
        }
        if let Some(elsewhere) =
            self.region.as_ref().filter(|found| !self.ways.is_empty() && *found != region)
        {
            text += &format!("           the table is in {elsewhere}, whose prices differ\n");
        }
        text
    }

    pub fn json(&self) -> Value {
        let way = |way: &Way| {
            let bill: serde_json::Map<String, Value> =
                way.bill.iter().map(|(part, cost)| ((*part).to_owned(), json!(cost))).collect();
            json!({"way": way.name, "cost": way.cost(), "bill": bill, "seconds": way.takes.as_secs(), "note": way.note})
        };
        json!({
            "prices": {"date": self.prices.date, "region": self.prices.region, "currency": self.prices.currency},
            "ways": self.ways.iter().map(way).collect::<Vec<_>>(),
        })
    }
}

/// Until when the live stream must be read so that nothing is missed between it and what is shown at `snapshot_micros`.
pub fn deadline(snapshot_micros: i64) -> (String, String) {
    let shown = OffsetDateTime::from_unix_timestamp_nanos(i128::from(snapshot_micros) * 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .replace_nanosecond(0)
        .expect("nought is a nanosecond");
    let written = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_else(|_| time.to_string());
    (written(shown), written(shown + STREAM_RETENTION))
}
