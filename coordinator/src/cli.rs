//! The flags, and the help that teaches them.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use backfleet::dlq::Choice;
use backfleet::price::Ceiling;
use backfleet::spec::form_of;
use backfleet::spec::{PARQUET, Request, ScanRequest, SchemaRequest, SourceRequest, SpecError};
use backfleet::synth::Profile;
use backfleet::target::TargetRequest;
use backfleet_convert::{Notation, Schema};
use backfleet_core::job::JobId;
use backfleet_core::limits::{ENVELOPE_RECORDS_MAX, REFUSED_MAX_DEFAULT};
use backfleet_core::plan::Expressions;
use backfleet_core::ports::ExportSpan;
use backfleet_core::sink::Sink;
use backfleet_worker::flags::AwsFlags;
use backfleet_worker::location::{Location, LocationError};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::failure::Failure;
use crate::size;

/// Bring the history of a DynamoDB table into the lake, in the records its stream already writes.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "\
Examples:
  backfleet synth --to demo --items 10000 --files 4            make an export to play with
  backfleet run --source demo --dest out --keys pk,sk          convert it, prove it
  backfleet verify --dest out                                  prove it again

Exit codes:
  0 done and proven            4 units were put aside (dead letters)
  1 failed                     5 more records in quarantine than allowed
  2 wrong usage                6 the destination does not hold what it should
  3 the source is unusable   130 interrupted; the same command goes on"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// How to report
    #[command(flatten)]
    pub output: Output,
    /// How AWS is reached
    #[command(flatten)]
    pub aws: AwsFlags,
}

#[derive(Args)]
pub struct Output {
    /// Report as one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress; only the last line, and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Do a whole job in this process: read, convert, write, prove
    Run(RunArgs),
    /// Hand a job to the fleet: plan it and put its units on the queue
    Start(StartArgs),
    /// Say how far a job of the fleet is
    Status(StatusArgs),
    /// Put every unit without a completion on the queue again
    Resume(ResumeArgs),
    /// Prove a job of the fleet and commit it: manifest, then _SUCCESS
    Finish(FinishArgs),
    /// Have DynamoDB export a table to S3; the same command again finds it and goes on waiting
    Export(ExportArgs),
    /// Change the read budget of a scan that runs
    Rate(RateArgs),
    /// Read nothing more for a scan until it is unpaused
    Pause(DestJobArgs),
    /// Go on with a scan that was paused
    Unpause(DestJobArgs),
    /// Look at dead letters, send them back, or discard them
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Look into the quarantine of a job: what is there and why; writes nothing
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Look at everything a fleet needs, and say all that is missing
    Doctor(DoctorArgs),
    /// Hold what a job wrote against what the live pipeline writes; writes nothing
    Parity(ParityArgs),
    /// Say which flags make our records like those of the live pipeline; writes nothing
    Infer(InferArgs),
    /// Say whether a job's records and the live ones meet without a gap, and what bridges one; writes nothing
    Stitch(StitchArgs),
    /// Write the page about a job, finished or not: proof, pace, units, quarantine
    Report(ReportArgs),
    /// Write the SQL and Python that make one table of a job's records and the live ones
    Handoff(HandoffArgs),
    /// Say what `run` would do; writes nothing
    Plan(PlanArgs),
    /// Prove a finished destination again; writes nothing
    Verify(VerifyArgs),
    /// Say what every attribute of an export is, and which columns follow from that
    Census(CensusArgs),
    /// Write a synthetic export, as DynamoDB would
    Synth(SynthArgs),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet run --source exports/AWSDynamoDB/01768385930622-efd1a093 --dest lake/orders --keys pk,sk
  backfleet run --source exports --dest out --format plain --compression zstd
  backfleet run --source exports --dest out --key-schema table.json --extra-field source=backfill
  backfleet run --source dynamodb://orders --dest s3://lake/orders --read-budget 500

Interrupt it, even with kill -9, and run the same command again: it goes on where it stopped.")]
pub struct RunArgs {
    #[command(flatten)]
    pub job: JobArgs,
    #[command(flatten)]
    pub export: ExportFirstArgs,
    /// Folder to write to, made if it is not there; s3://bucket/prefix; lambda://<function>, which is handed
    /// the records; or touch://<table>, whose unchanged items get a mark so that its stream carries them
    #[arg(long, value_name = "PLACE")]
    pub dest: String,
    #[command(flatten)]
    pub sink: SinkArgs,
    #[command(flatten)]
    pub here: HereArgs,
}

/// What a destination needs that holds no objects.
#[derive(Args)]
pub struct SinkArgs {
    /// Where a job for lambda:// or touch:// keeps its plan, receipts, completions, quarantine and manifest: a folder or s3://bucket/prefix
    #[arg(long, value_name = "PLACE", help_heading = "Sink")]
    pub state: Option<String>,
    /// Records that a function is handed at once, at the most; a crash may hand as many again [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(ENVELOPE_RECORDS_MAX)), help_heading = "Sink")]
    pub envelope_records: Option<u32>,
    /// touch://: the table may be written to. Each item costs a write unit for every KB, and its stream carries it again
    #[arg(long, help_heading = "Sink")]
    pub yes_write_to_table: bool,
    /// touch://: attribute that is set to the job's id [default: _backfleet]
    #[arg(long, value_name = "NAME", help_heading = "Sink")]
    pub marker: Option<String>,
    /// touch://: take away again what the same command without this marked; costs and streams as much
    #[arg(long, help_heading = "Sink")]
    pub untouch: bool,
}

impl SinkArgs {
    /// Where records go, by what was said beside `dest`.
    pub fn target(&self, dest: &str) -> TargetRequest {
        TargetRequest {
            dest: dest.to_owned(),
            state: self.state.clone(),
            envelope_records: self.envelope_records,
            marker: self.marker.clone(),
            untouch: self.untouch,
            write_to_table: self.yes_write_to_table,
        }
    }
}

/// How a job is done in this process.
#[derive(Args)]
pub struct HereArgs {
    /// Files worked on at the same time [default: number of CPUs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub workers: Option<u16>,
    /// Records that may end in quarantine before the job counts as failed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_quarantine: u64,
    /// Records of one file that a function or table may refuse before the file is put aside
    #[arg(long, value_name = "N", default_value_t = REFUSED_MAX_DEFAULT)]
    pub max_refused: u64,
    /// Seconds that files in hand may go on after an interruption
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub stop_timeout: u64,
}

#[derive(Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// Where `run` would write to: says what is there already
    #[arg(long, value_name = "PLACE")]
    pub dest: Option<String>,
    #[command(flatten)]
    pub sink: SinkArgs,
}

#[derive(Args)]
pub struct JobArgs {
    /// Export to read: its folder …/AWSDynamoDB/<ExportId>, or one above it that holds exactly one; a full one and the
    /// incremental ones that follow on it, with commas between; or a table to scan: dynamodb://<name or ARN>, with
    /// /index/<name> behind it for an index
    #[arg(long, value_name = "PLACE[,PLACE…]", value_delimiter = ',', required = true)]
    pub source: Vec<String>,
    /// Take every data file in the folder of --source: there is no manifest to say which there should be
    #[arg(long, help_heading = "Export files")]
    pub no_manifest: bool,
    /// View of an incremental export without a manifest
    #[arg(long, requires = "no_manifest", value_parser = PossibleValuesParser::new(["NEW_IMAGE", "NEW_AND_OLD_IMAGES"]), help_heading = "Export files")]
    pub export_view: Option<String>,
    /// Accept incremental exports whose windows overlap: changes may come twice, the newest still sorts last
    #[arg(long, help_heading = "Export files")]
    pub allow_overlap: bool,
    /// Key attributes of the table, hash key first
    #[arg(long, value_name = "HASH[,RANGE]", value_delimiter = ',', num_args = 1)]
    pub keys: Vec<String>,
    /// File with DescribeTable's answer (or its KeySchema), instead of --keys
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    pub key_schema: Option<PathBuf>,
    /// What a record looks like [default: stream, for a function lambda-event, for touches item]
    #[arg(long, value_parser = PossibleValuesParser::new(["stream", "lambda-event", "kinesis", "plain", "item", "image", "parquet"]), help_heading = "Records")]
    pub format: Option<String>,
    /// ARN of the live stream, for eventSourceARN [default: the table's, with the export's time as label]
    #[arg(long, value_name = "ARN", help_heading = "Records")]
    pub stream_arn: Option<String>,
    /// View type of the live stream
    #[arg(long, default_value = "NEW_AND_OLD_IMAGES", value_parser = PossibleValuesParser::new(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]), help_heading = "Records")]
    pub view_type: String,
    /// Further top-level field; may be repeated; NAME:=JSON for anything but text
    #[arg(long = "extra-field", value_name = "NAME=VALUE", help_heading = "Records")]
    pub extra_fields: Vec<String>,
    /// Keep only these attributes (key attributes always)
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        conflicts_with = "exclude",
        help_heading = "Records"
    )]
    pub include: Vec<String>,
    /// Leave these attributes out
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Records")]
    pub exclude: Vec<String>,
    /// Time of every record, RFC 3339 [default: the export's]
    #[arg(long, value_name = "TIME", help_heading = "Records")]
    pub snapshot_time: Option<String>,
    /// lambda-event: one document a line, or one for the whole shard
    #[arg(long, default_value = "line", value_parser = PossibleValuesParser::new(["line", "object"]), help_heading = "Records")]
    pub document: String,
    /// lambda-event: records of one document
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Records")]
    pub document_records: u32,
    /// kinesis: unit of ApproximateCreationDateTime
    #[arg(long, default_value = "millisecond", value_parser = PossibleValuesParser::new(["millisecond", "microsecond"]), help_heading = "Records")]
    pub kinesis_precision: String,
    /// Event of a change that came with its new image alone, where the export has no old ones
    #[arg(long, default_value = "MODIFY", value_parser = PossibleValuesParser::new(["INSERT", "MODIFY"]), help_heading = "Records")]
    pub upsert_as: String,
    /// parquet: columns by a census of all records (auto), DynamoDB's own types as a struct each (typed), or a file of
    /// `census --save` [default: auto]
    #[arg(long, value_name = "auto|typed|FILE", help_heading = "Records")]
    pub schema: Option<String>,
    /// How shards are compressed [default: gzip, of parquet zstd]
    #[arg(long, value_parser = PossibleValuesParser::new(["gzip", "zstd", "snappy", "none"]), help_heading = "Shards")]
    pub compression: Option<String>,
    /// Folder of the shards below the destination; empty for none [default: date=backfill-<export date>]
    #[arg(long, value_name = "FOLDER", help_heading = "Shards")]
    pub partition: Option<String>,
    /// Uncompressed size at which a shard is cut
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = size::parse, help_heading = "Shards")]
    pub shard_bytes: u64,
    /// Read capacity units a second for the whole fleet [default: a quarter of what is provisioned, 250 on demand]
    #[arg(long, value_name = "RCU", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Scan")]
    pub read_budget: Option<u32>,
    /// The same as a percentage of what the table has: provisioned, or its on-demand maximum
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=100), conflicts_with = "read_budget", help_heading = "Scan")]
    pub read_percent: Option<u32>,
    /// Segments of the table, each a unit [default: one for every 256 MB, and many more than lanes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Scan")]
    pub segments: Option<u32>,
    /// Segments read at the same time, which share the budget [default: one for every 512 units of it, at least 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096), help_heading = "Scan")]
    pub lanes: Option<u32>,
    /// Strongly consistent reads, at twice the cost
    #[arg(long, help_heading = "Scan")]
    pub consistent_read: bool,
    /// DynamoDB's FilterExpression. Saves no read unit: every item is read and paid for, then left out
    #[arg(long, value_name = "EXPRESSION", help_heading = "Scan")]
    pub filter: Option<String>,
    /// DynamoDB's ProjectionExpression; the table's keys always come along. Saves no read unit either
    #[arg(long, value_name = "EXPRESSION", help_heading = "Scan")]
    pub projection: Option<String>,
    /// Names behind #placeholders of the expressions, e.g. '{"#s":"status"}'
    #[arg(long, value_name = "JSON", value_parser = json_map::<String>, help_heading = "Scan")]
    pub expression_names: Option<JsonMap<String>>,
    /// Values behind :placeholders of the expressions, in DynamoDB JSON, e.g. '{":s":{"S":"open"}}'
    #[arg(long, value_name = "JSON", value_parser = json_map::<serde_json::Value>, help_heading = "Scan")]
    pub expression_values: Option<JsonMap<serde_json::Value>>,
    #[command(flatten)]
    pub cost: CostArgs,
}

/// What it may cost.
#[derive(Args)]
pub struct CostArgs {
    /// Refuse a job that would cost more, in the currency of the prices
    #[arg(long, value_name = "AMOUNT", value_parser = amount, help_heading = "Cost")]
    pub max_cost: Option<f64>,
    /// Refuse a job that would take longer, e.g. 8h or 90min
    #[arg(long, value_name = "TIME", value_parser = size::parse_time, help_heading = "Cost")]
    pub max_duration: Option<Duration>,
    /// Fargate tasks of one vCPU and 2 GB: reckoned with for an export, started with --ecs-service
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "Cost")]
    pub tasks: u32,
    /// Prices to reckon with, a file like coordinator/prices.json [default: those of us-east-1 that came along]
    #[arg(long, value_name = "FILE", help_heading = "Cost")]
    pub prices: Option<PathBuf>,
}

impl CostArgs {
    /// What may be spent.
    pub fn ceiling(&self) -> Ceiling {
        Ceiling { cost: self.max_cost, duration: self.max_duration }
    }
}

fn amount(text: &str) -> Result<f64, String> {
    let amount: Option<f64> = text.parse().ok();
    amount
        .filter(|amount| amount.is_finite() && *amount >= 0.0)
        .ok_or_else(|| "no amount like 12.50".to_owned())
}

/// A JSON object that was given as a flag.
pub type JsonMap<T> = BTreeMap<String, T>;

fn json_map<T: DeserializeOwned>(text: &str) -> Result<JsonMap<T>, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON object of the right kind: {error}"))
}

impl JobArgs {
    /// Where the job reads.
    pub fn sources(&self) -> Result<Vec<Location>, LocationError> {
        self.source.iter().map(|text| Location::parse(text)).collect()
    }

    /// What is asked, with `keys` from wherever they came.
    pub fn request(&self, keys: Vec<String>, sink: Option<Sink>) -> Result<Request, Failure> {
        let format = self.format(sink.as_ref());
        let default = if format == PARQUET { "zstd" } else { "gzip" };
        Ok(Request {
            format: format.to_owned(),
            sink,
            compression: self.compression.clone().unwrap_or_else(|| default.to_owned()),
            partition: self.partition.clone(),
            shard_bytes_max: self.shard_bytes,
            keys,
            stream_arn: self.stream_arn.clone(),
            view: self.view_type.clone(),
            extra_fields: self.extra_fields.clone(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            snapshot_time: self.snapshot_time.clone(),
            document: self.document.clone(),
            document_records_max: self.document_records,
            kinesis_precision: self.kinesis_precision.clone(),
            upsert: self.upsert_as.clone(),
            schema: self.schema()?,
            sources: SourceRequest {
                no_manifest: self.no_manifest,
                export_view: self.export_view.clone(),
                allow_overlap: self.allow_overlap,
            },
            scan: ScanRequest {
                segments: self.segments,
                lanes: self.lanes,
                consistent: self.consistent_read,
                budget: self.read_budget,
                percent: self.read_percent,
                expressions: Expressions {
                    filter: self.filter.clone(),
                    projection: self.projection.clone(),
                    names: self.expression_names.clone().unwrap_or_default(),
                    values: self.expression_values.clone().unwrap_or_default(),
                },
            },
        })
    }

    fn format(&self, sink: Option<&Sink>) -> &str {
        self.format.as_deref().unwrap_or_else(|| sink.map_or("stream", form_of))
    }

    fn schema(&self) -> Result<SchemaRequest, Failure> {
        if self.schema.is_some() && self.format(None) != PARQUET {
            return Err(SpecError::SchemaWithout.into());
        }
        match self.schema.as_deref() {
            None | Some("auto") => Ok(SchemaRequest::Auto),
            Some("typed") => Ok(SchemaRequest::Typed),
            Some(path) => pinned(path).map(SchemaRequest::Pinned),
        }
    }
}

fn pinned(path: &str) -> Result<Schema, Failure> {
    let advice = || Some(format!("--schema takes auto, typed or a file; looked for {path}"));
    let json = fs::read(path).map_err(|error| Failure::usage(error, advice()))?;
    Schema::parse(&json).map_err(|error| Failure::usage(error, Some(format!("mend {path}"))))
}

/// How DynamoDB writes an export, and as whom.
#[derive(Args)]
pub struct ExportPlaceArgs {
    /// Account that owns the bucket, where it is another one's
    #[arg(long, value_name = "ACCOUNT", value_parser = account, help_heading = "Export")]
    pub bucket_owner: Option<String>,
    /// Encrypt the export with this KMS key instead of S3's own
    #[arg(long, value_name = "KEY", help_heading = "Export")]
    pub kms_key: Option<String>,
    /// Turn the table's point-in-time recovery on where it is off; it stays on, and costs by the month
    #[arg(long, help_heading = "Export")]
    pub enable_pitr: bool,
    /// Take another export, though the one that these words asked for is done
    #[arg(long, help_heading = "Export")]
    pub again: bool,
}

/// An export that is taken before it is converted.
#[derive(Args)]
pub struct ExportFirstArgs {
    /// Have DynamoDB export the table of --source to this s3://bucket/prefix first, and convert that instead of scanning
    #[arg(long, value_name = "PLACE", help_heading = "Export")]
    pub export_first: Option<String>,
    #[command(flatten)]
    pub place: ExportPlaceArgs,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet export --table orders --to s3://exports/orders --wait
  backfleet export --table orders --to s3://exports/orders --incremental --from 2026-01-14T10:00:00Z \\
    --to-time 2026-01-14T11:00:00Z

The bucket keeps what was asked for: killed and run again, the same words find the same export. One that failed is asked
for anew; one that is done only with --again.")]
pub struct ExportArgs {
    /// Table to export, by name or ARN
    #[arg(long, value_name = "TABLE")]
    pub table: String,
    /// Where DynamoDB writes: s3://bucket/prefix
    #[arg(long, value_name = "PLACE")]
    pub to: String,
    /// How items are written
    #[arg(long, default_value = "json", value_parser = PossibleValuesParser::new(["json", "ion"]))]
    pub export_format: String,
    /// The moment to export, RFC 3339, within what recovery reaches [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "incremental")]
    pub at: Option<SystemTime>,
    /// Only what was written between --from and --to-time: 15 minutes to 24 hours
    #[arg(long, requires = "from")]
    pub incremental: bool,
    /// Beginning of an incremental export, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "incremental")]
    pub from: Option<SystemTime>,
    /// End of an incremental export [default: the latest that can be had]
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "incremental")]
    pub to_time: Option<SystemTime>,
    /// Incremental: without the items as they were before
    #[arg(long, requires = "incremental")]
    pub new_images_only: bool,
    /// Stay until it is written
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub place: ExportPlaceArgs,
}

fn account(text: &str) -> Result<String, String> {
    let whole = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    whole.then(|| text.to_owned()).ok_or_else(|| "an account has 12 digits".to_owned())
}

/// DynamoDB's times of exports are whole seconds.
fn moment(text: &str) -> Result<SystemTime, String> {
    let time =
        OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "no time like 2026-01-14T10:00:00Z".to_owned())?;
    Ok(time.replace_nanosecond(0).expect("nought is a nanosecond").into())
}

impl ExportArgs {
    /// Which items are asked for.
    pub fn span(&self) -> ExportSpan {
        match self.from {
            Some(from) => {
                ExportSpan::Incremental { from, to: self.to_time, old_images: !self.new_images_only }
            }
            None => ExportSpan::Full { at: self.at },
        }
    }
}

#[derive(Args)]
pub struct QueueArgs {
    /// URL of the work queue
    #[arg(long, env = "BACKFLEET_QUEUE", value_name = "URL")]
    pub queue: String,
    /// URL of the dead-letter queue [default: the one the queue's redrive policy names]
    #[arg(long, env = "BACKFLEET_DLQ", value_name = "URL")]
    pub dlq: Option<String>,
}

#[derive(Args)]
pub struct DestJobArgs {
    /// Place that is written to
    #[arg(long, value_name = "PLACE")]
    pub dest: String,
    /// Which job, by its id or the beginning of it [default: the only one there]
    #[arg(long, value_name = "ID")]
    pub job: Option<String>,
}

#[derive(Args)]
pub struct WaitArgs {
    /// Records that may end in quarantine before the job counts as failed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_quarantine: u64,
    /// Where to answer /metrics, /healthz and /readyz while waiting, e.g. 127.0.0.1:9465
    #[arg(long, value_name = "ADDR")]
    pub metrics_addr: Option<SocketAddr>,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet start --source s3://exports/AWSDynamoDB/01768385930622-efd1a093 --dest s3://lake/orders \\
    --keys pk,sk --queue https://sqs.eu-north-1.amazonaws.com/123456789012/backfleet
  backfleet start … --wait              stay until the fleet is done, then prove and commit

Kill it and run it again at any time: the plan is adopted, what is complete is not enqueued again.")]
pub struct StartArgs {
    #[command(flatten)]
    pub job: JobArgs,
    #[command(flatten)]
    pub export: ExportFirstArgs,
    /// Place to write to; lambda://<function>, which is handed the records; or touch://<table>, whose unchanged items get a
    /// mark so that its stream carries them
    #[arg(long, value_name = "PLACE")]
    pub dest: String,
    #[command(flatten)]
    pub sink: SinkArgs,
    #[command(flatten)]
    pub queue: QueueArgs,
    /// Stay until every unit is complete or put aside, then prove and commit
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub waiting: WaitArgs,
    /// Have this ECS service run --tasks workers; with --wait none again at the end, unless its queue has more
    #[arg(long, value_name = "CLUSTER/SERVICE", value_parser = ecs_service)]
    pub ecs_service: Option<EcsName>,
}

#[derive(Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub job: DestJobArgs,
    /// URL of the work queue, to say what waits there
    #[arg(long, env = "BACKFLEET_QUEUE", value_name = "URL")]
    pub queue: Option<String>,
    /// URL of the dead-letter queue [default: the one the queue's redrive policy names]
    #[arg(long, env = "BACKFLEET_DLQ", value_name = "URL")]
    pub dlq: Option<String>,
    /// Say it again every few seconds, until the job is committed
    #[arg(long)]
    pub watch: bool,
    /// Where to answer /metrics while watching
    #[arg(long, value_name = "ADDR", requires = "watch")]
    pub metrics_addr: Option<SocketAddr>,
}

#[derive(Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    pub job: DestJobArgs,
    #[command(flatten)]
    pub queue: QueueArgs,
}

#[derive(Args)]
pub struct RateArgs {
    /// Read capacity units a second for the whole fleet
    #[arg(value_name = "RCU", value_parser = clap::value_parser!(u32).range(1..))]
    pub read_budget: u32,
    #[command(flatten)]
    pub job: DestJobArgs,
}

#[derive(Args)]
pub struct FinishArgs {
    #[command(flatten)]
    pub job: DestJobArgs,
    /// Have this ECS service run no workers any more when all is proven
    #[arg(long, value_name = "CLUSTER/SERVICE", value_parser = ecs_service)]
    pub ecs_service: Option<EcsName>,
    /// Records that may end in quarantine before the job counts as failed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_quarantine: u64,
}

/// A service of ECS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcsName {
    /// Its cluster.
    pub cluster: String,
    /// Its name.
    pub service: String,
}

fn ecs_service(text: &str) -> Result<EcsName, String> {
    match text.split_once('/') {
        Some((cluster, service)) if !cluster.is_empty() && !service.is_empty() && !service.contains('/') => {
            Ok(EcsName { cluster: cluster.to_owned(), service: service.to_owned() })
        }
        _ => Err("a service is named cluster/service".to_owned()),
    }
}

#[derive(Subcommand)]
pub enum DlqCommand {
    /// What lies there and why, by reason
    List(DlqListArgs),
    /// Send letters back to the work queue; those whose unit is complete by now are dropped
    Replay(DlqReplayArgs),
    /// Delete letters for good; asks first
    Discard(DlqDiscardArgs),
}

#[derive(Args)]
pub struct ChoiceArgs {
    /// Only letters of this job (its whole id)
    #[arg(long, value_name = "ID")]
    pub job: Option<JobId>,
    /// Only the letter of this unit
    #[arg(long, value_name = "N")]
    pub unit: Option<u32>,
    /// Only letters with this in their reason
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

#[derive(Args)]
pub struct DlqListArgs {
    #[command(flatten)]
    pub queue: QueueArgs,
    #[command(flatten)]
    pub choice: ChoiceArgs,
}

#[derive(Args)]
pub struct DlqReplayArgs {
    #[command(flatten)]
    pub queue: QueueArgs,
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Destination of the jobs, where completions are looked up
    #[arg(long, value_name = "PLACE", required_unless_present = "all")]
    pub dest: Option<String>,
    /// Send everything back at once by SQS's own move task
    #[arg(long, conflicts_with_all = ["job", "unit", "reason"])]
    pub all: bool,
}

#[derive(Args)]
pub struct DlqDiscardArgs {
    #[command(flatten)]
    pub queue: QueueArgs,
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Subcommand)]
pub enum QuarantineCommand {
    /// How many records lie there, by reason
    List(DestJobArgs),
    /// Each record: where it is and what is wrong with it
    Show(QuarantineShowArgs),
    /// Convert them once more, with other options or a mended program, as a job of their own
    Replay(QuarantineReplayArgs),
}

#[derive(Args)]
#[command(after_help = "\
Example:
  backfleet quarantine replay --dest out --job 1f3a --keys pk

The records become shards beside those of their job, under the name of a new one, and are proven as that is. They can be
converted once: what is still in quarantine afterwards is the new job's, and `replay` of that one takes it from there.")]
pub struct QuarantineReplayArgs {
    #[command(flatten)]
    pub job: DestJobArgs,
    /// Key attributes, hash key first [default: those of the job]
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',')]
    pub keys: Vec<String>,
    /// Further fields, in the place of those of the job; may be repeated
    #[arg(long = "extra-field", value_name = "NAME=TEXT|NAME:=JSON")]
    pub extra_fields: Vec<String>,
    /// Attributes to leave out, in the place of those of the job
    #[arg(long, value_name = "NAME[,NAME…]", value_delimiter = ',')]
    pub exclude: Vec<String>,
    #[command(flatten)]
    pub here: HereArgs,
}

#[derive(Args)]
pub struct QuarantineShowArgs {
    #[command(flatten)]
    pub job: DestJobArgs,
    /// Only records with this reason, as `list` names it
    #[arg(long, value_name = "NAME")]
    pub reason: Option<String>,
    /// Only records of this unit
    #[arg(long, value_name = "N")]
    pub unit: Option<u32>,
    /// No more than so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u64,
    /// The records themselves, as they stand in the source, a line each
    #[arg(long)]
    pub raw: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet doctor --queue https://sqs… --source s3://exports --dest s3://lake/orders
  backfleet doctor --create-queues backfleet         makes the queues backfleet and backfleet-dlq, as they should be")]
pub struct DoctorArgs {
    /// URL of the work queue
    #[arg(long, env = "BACKFLEET_QUEUE", value_name = "URL")]
    pub queue: Option<String>,
    /// URL of the dead-letter queue [default: the one the queue's redrive policy names]
    #[arg(long, env = "BACKFLEET_DLQ", value_name = "URL")]
    pub dlq: Option<String>,
    /// Place that is read
    #[arg(long, value_name = "PLACE")]
    pub source: Option<String>,
    /// Place that is written to; one small object is put there and stays
    #[arg(long, value_name = "PLACE")]
    pub dest: Option<String>,
    /// Make the work queue NAME and the dead-letter queue NAME-dlq first
    #[arg(long, value_name = "NAME", conflicts_with = "queue")]
    pub create_queues: Option<String>,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet parity --live s3://lake/orders --job s3://trial/orders
  backfleet parity --live event.json --job out --json

Up to 20 objects of the live pipeline, spread over what is there, are held against a shard of
the job: envelope, fields and their order, types, constant values, compression, names. Ids, times
and data must differ and are not compared.

Exit codes: 0 no difference · 1 there are some · others as of every command")]
pub struct ParityArgs {
    /// What the live pipeline wrote: an object, a folder of them, or s3://bucket/prefix
    #[arg(long, value_name = "PLACE")]
    pub live: String,
    /// Destination of a job that has completed a unit
    #[arg(long, value_name = "PLACE")]
    pub job: String,
    /// Which job, by its id or the beginning of it [default: the newest one there]
    #[arg(long, value_name = "ID")]
    pub job_id: Option<String>,
    /// Differences that no JSON reader notices are no failure
    #[arg(long)]
    pub accept_cosmetic: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet infer --live s3://lake/orders
  eval \"backfleet run --source exports --dest out $(backfleet infer --quiet --live s3://lake/orders)\"

Every flag comes with its reason; what the sample does not tell is said too. --quiet prints the flags alone.")]
pub struct InferArgs {
    /// What the live pipeline wrote: an object, a folder of them, or s3://bucket/prefix
    #[arg(long, value_name = "PLACE")]
    pub live: String,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet stitch --job s3://lake/orders --live s3://lake/orders

The first live record must be from before the moment that our records show. Where it is not, the incremental exports that
bridge the gap are named; a DynamoDB stream holds 24 hours, point-in-time recovery reaches back 35 days.

Exit codes: 0 they meet · 1 there is a gap · others as of every command")]
pub struct StitchArgs {
    /// Destination of a job
    #[arg(long, value_name = "PLACE")]
    pub job: String,
    /// Which job, by its id or the beginning of it [default: the newest one there]
    #[arg(long, value_name = "ID")]
    pub job_id: Option<String>,
    /// What the live pipeline writes: a folder, or s3://bucket/prefix
    #[arg(long, value_name = "PLACE")]
    pub live: String,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet handoff --job s3://lake/orders --live s3://lake/orders
  backfleet handoff --job out --live live --table orders --to handoff && duckdb lake.db < handoff/duckdb.sql

The code is written for this job: its keys, its format, its shards, the moment its records show. The live records must have
the form of ours: `backfleet parity` says whether they do.")]
pub struct HandoffArgs {
    /// Destination of a job that is committed
    #[arg(long, value_name = "PLACE")]
    pub job: String,
    /// Which job, by its id or the beginning of it [default: the newest one there]
    #[arg(long, value_name = "ID")]
    pub job_id: Option<String>,
    /// Folder that the live pipeline writes to
    #[arg(long, value_name = "PLACE")]
    pub live: String,
    /// Table to make [default: named like the source's]
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// Live records count from then on, RFC 3339 [default: a minute before the moment that our records show]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<SystemTime>,
    /// Folder to write the code to; files of these names are replaced
    #[arg(long, value_name = "FOLDER", default_value = "handoff")]
    pub to: PathBuf,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet report --dest s3://lake/orders --open
  backfleet report --dest out --to orders.html

Everything on the page comes from the destination. A job that is committed keeps such a page beside its manifest.")]
pub struct ReportArgs {
    #[command(flatten)]
    pub job: DestJobArgs,
    /// File to write [default: backfleet-<job>.html]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Show it in the browser
    #[arg(long)]
    pub open: bool,
    /// Prices to reckon with, in the form of the ones that come along
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
}

#[derive(Args)]
pub struct VerifyArgs {
    /// Folder that was written to
    #[arg(long, value_name = "PLACE")]
    pub dest: String,
    /// Only this job, by its id or the beginning of it
    #[arg(long, value_name = "ID")]
    pub job: Option<String>,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet census exports/AWSDynamoDB/01768385930622-efd1a093
  backfleet census exports --keys pk,sk --save schema.json
  backfleet run --source exports --dest lake --format parquet --schema schema.json

Every record of every file is read once; nothing is sampled.")]
pub struct CensusArgs {
    /// The export, or a full one and the incremental ones that follow on it, with commas between
    #[arg(value_name = "PLACE[,PLACE…]", value_delimiter = ',', required = true)]
    pub source: Vec<String>,
    /// Key attributes, whose columns come first
    #[arg(long, value_name = "HASH[,RANGE]", value_delimiter = ',', num_args = 1)]
    pub keys: Vec<String>,
    /// Columns that keep DynamoDB's own types, a struct for each attribute
    #[arg(long)]
    pub typed: bool,
    /// Write the schema to this file, for --schema
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Take every data file in the folder: there is no manifest
    #[arg(long)]
    pub no_manifest: bool,
    /// View of an incremental export without a manifest
    #[arg(long, requires = "no_manifest", value_parser = PossibleValuesParser::new(["NEW_IMAGE", "NEW_AND_OLD_IMAGES"]))]
    pub export_view: Option<String>,
    /// Accept incremental exports whose windows overlap
    #[arg(long)]
    pub allow_overlap: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  backfleet synth --to demo --items 10000 --files 4
  backfleet synth --to big --items 9200000 --files 16 --profile telemetry      about 10 GB

Same flags, same bytes.")]
pub struct SynthArgs {
    /// Folder to write the export into
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
    /// What the items are like
    #[arg(long, value_enum, default_value_t = Profile::Telemetry)]
    pub profile: Profile,
    /// Items in all
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub items: u64,
    /// Data files with items in them
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub files: u32,
    /// Further data files without any, as empty partitions give
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub empty_files: u32,
    /// Seed of everything that looks random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Name of the table
    #[arg(long, value_name = "NAME", default_value = "Synthetic")]
    pub table: String,
    /// Prefix in the bucket
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// Format of the export
    #[arg(long, default_value = "json", value_parser = synth_format)]
    pub format: Notation,
}

fn synth_format(text: &str) -> Result<Notation, String> {
    match text {
        "json" => Ok(Notation::Json),
        "ion" => Ok(Notation::Ion),
        _ => Err("json or ion is expected".to_owned()),
    }
}

impl Cli {
    /// Runtime threads: one for each file worked on, and one more for heartbeats and progress.
    pub fn threads(&self) -> usize {
        match &self.command {
            Command::Run(args) => args.here.workers() + 1,
            Command::Quarantine(QuarantineCommand::Replay(args)) => args.here.workers() + 1,
            Command::Census(_) => std::thread::available_parallelism().map_or(1, usize::from) + 1,
            _ => 2,
        }
    }
}

impl HereArgs {
    /// Files worked on at the same time.
    pub fn workers(&self) -> usize {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        self.workers.map_or(cpus, usize::from)
    }
}

impl ChoiceArgs {
    /// Which letters are meant.
    pub fn choice(&self) -> Choice {
        Choice { job: self.job, unit: self.unit, reason: self.reason.clone() }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn no_flag_of_a_command_has_the_name_of_a_global_one() {
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from([
            "backfleet",
            "synth",
            "--to",
            "x",
            "--profile",
            "tiny",
            "--aws-profile",
            "p",
        ]);
        let Ok(Cli { command: Command::Synth(args), aws, .. }) = cli else { panic!("no synth") };
        assert_eq!((args.profile, aws.aws_profile.as_deref()), (Profile::Tiny, Some("p")));
    }
}
