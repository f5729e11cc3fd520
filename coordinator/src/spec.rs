//! From what a person asks and what the export says to the options of a job, each checked once.

use backfleet_convert::{RecipeError, Schema};
use backfleet_core::job::{JobOptions, OptionsError, TableOptions};
use backfleet_core::limits::ENVELOPE_BYTES_MAX;
use backfleet_core::plan::Expressions;
use backfleet_core::sink::{Sink, SinkPlace};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::export::Summary;

/// What a person asks of a job, as far as it decides output bytes.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `stream`, `lambda-event`, `kinesis`, `plain`, `item` or `image`.
    pub format: String,
    /// `gzip`, `zstd` or `none`.
    pub compression: String,
    /// Folder of the shards; by default `date=backfill-<export date>`.
    pub partition: Option<String>,
    /// Uncompressed bytes at which a shard is cut.
    pub shard_bytes_max: u64,
    /// Key attributes, hash key first.
    pub keys: Vec<String>,
    /// The live stream's ARN.
    pub stream_arn: Option<String>,
    /// The live stream's view type.
    pub view: String,
    /// `name=value` or `name:=json`.
    pub extra_fields: Vec<String>,
    /// Attributes to keep.
    pub include: Vec<String>,
    /// Attributes to leave out.
    pub exclude: Vec<String>,
    /// The time of every record, RFC 3339; by default the export's own.
    pub snapshot_time: Option<String>,
    /// `lambda-event`: `line` or `object`.
    pub document: String,
    /// `lambda-event`: records of one document.
    pub document_records_max: u32,
    /// `kinesis`: `millisecond` or `microsecond`.
    pub kinesis_precision: String,
    /// What a change is called that came without an old image, from an export that has none.
    pub upsert: String,
    /// `parquet`: where the columns come from.
    pub schema: SchemaRequest,
    /// How exports are found and joined.
    pub sources: SourceRequest,
    /// How a table is scanned.
    pub scan: ScanRequest,
    /// Where records go instead of into objects.
    pub sink: Option<Sink>,
}

/// Where the columns of Parquet files come from.
#[derive(Debug, Clone, Default)]
pub enum SchemaRequest {
    /// A census, a column for each attribute of one type.
    #[default]
    Auto,
    /// A census, a struct by type for each attribute.
    Typed,
    /// A file that somebody wrote or mended.
    Pinned(Schema),
}

/// What a person asks of exports, beside where they are.
#[derive(Debug, Clone, Default)]
pub struct SourceRequest {
    /// Take every data file in the folder: there is no manifest.
    pub no_manifest: bool,
    /// View of incremental exports without a manifest: `NEW_IMAGE` or `NEW_AND_OLD_IMAGES`.
    pub export_view: Option<String>,
    /// Accept windows that overlap.
    pub allow_overlap: bool,
}

/// What a person asks of a scan.
#[derive(Debug, Clone, Default)]
pub struct ScanRequest {
    /// Segments; by the size of the table when absent.
    pub segments: Option<u32>,
    /// Lanes; by the budget when absent.
    pub lanes: Option<u32>,
    /// Whether reads cost twice as much and see every write before them.
    pub consistent: bool,
    /// Read capacity units a second.
    pub budget: Option<u32>,
    /// The same as a part of what the table has.
    pub percent: Option<u32>,
    /// What DynamoDB is to leave out; keys need not be named.
    pub expressions: Expressions,
}

/// A request that cannot be met.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// Stream records carry `Keys`, and a full export does not say what they are.
    #[error(
        "{format} records carry the table's keys, and a full export does not say which attributes those are"
    )]
    NoKeys {
        /// The format.
        format: String,
        /// The table, where known.
        table: Option<String>,
    },
    /// Stream records carry the region and the stream's ARN.
    #[error("{format} records carry the stream's ARN, and the summary of this export names no table")]
    NoTable {
        /// The format.
        format: String,
    },
    /// An ARN that is no stream's or table's.
    #[error("{arn:?} is no ARN of a DynamoDB stream or table")]
    Arn {
        /// What was given.
        arn: String,
    },
    /// The export does not say when it was taken.
    #[error("the summary of this export does not say what time it shows")]
    NoTime,
    /// A time that is none.
    #[error("{text:?} is no RFC 3339 time, e.g. 2026-01-14T10:18:50.622Z")]
    Time {
        /// What was given.
        text: String,
    },
    /// Removals have no place in records that are items.
    #[error("{format} records cannot say that an item was removed, and an incremental export holds removals")]
    NoRemovals {
        /// The format.
        format: String,
    },
    /// Columns that nobody would see.
    #[error("a schema was given, and only format parquet has one")]
    SchemaWithout,
    /// A census of a table would read it twice.
    #[error("a scan cannot find out the columns of Parquet files: that would read the whole table twice")]
    ScanSchema,
    /// Every sink takes one form of records.
    #[error("{sink} is given its records as {wanted}, not as {option}")]
    SinkForm {
        /// The sink.
        sink: SinkPlace,
        /// What it is given.
        wanted: &'static str,
        /// What was asked for.
        option: String,
    },
    /// Items of another table would never be unchanged.
    #[error("the export is of {exported}, and the table that would be touched is {touched}")]
    OtherTable {
        /// ARN of the table that was exported.
        exported: String,
        /// ARN of the table of the sink.
        touched: String,
    },
    /// What a scan has read cannot be read again, and after a crash a sink is given some records again.
    #[error(
        "a scan cannot be put into {sink}: after a crash some records are given again, and a live table is another one by then"
    )]
    SinkOfScan {
        /// The sink.
        sink: SinkPlace,
    },
    /// The keys that were given are not those of the export's records.
    #[error("the export's records have the key attributes {found:?}, given are {given:?}")]
    OtherKeys {
        /// In the first record.
        found: Vec<String>,
        /// By the command line.
        given: Vec<String>,
    },
    /// An extra field that is none.
    #[error("extra field {text:?} is neither name=value nor name:=json")]
    ExtraField {
        /// What was given.
        text: String,
    },
    /// A key schema that is none.
    #[error("the key schema is none: DescribeTable's answer or its KeySchema list is expected")]
    KeySchema(#[source] serde_json::Error),
    /// A key schema without a hash key.
    #[error("the key schema names no HASH key")]
    NoHashKey,
    /// The options contradict each other.
    #[error(transparent)]
    Options(#[from] OptionsError),
}

impl SpecError {
    /// What to do about it.
    pub fn advice(&self) -> Option<String> {
        Some(match self {
            Self::NoKeys { table, .. } => format!(
                "give them with --keys HASH[,RANGE]; `aws dynamodb describe-table --table-name {} --query Table.KeySchema` says them; --format plain and item need none",
                table.as_deref().unwrap_or("TABLE")
            ),
            Self::NoTable { .. } => {
                "give it with --stream-arn arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE/stream/LABEL".into()
            }
            Self::NoRemovals { .. } => {
                "use --format stream, lambda-event, kinesis or parquet, which name the event".into()
            }
            Self::Options(OptionsError::Recipe(RecipeError::Compression { .. })) => {
                "--format parquet takes --compression zstd, snappy or none; all others gzip, zstd or none".into()
            }
            Self::Options(OptionsError::Recipe(RecipeError::ExtraColumns)) => {
                "leave --extra-field out: Parquet rows say where they come from in _source; or use another format".into()
            }
            Self::SchemaWithout => "leave --schema out, or say --format parquet".into(),
            Self::ScanSchema => {
                "pin them with --schema FILE, e.g. of `backfleet census EXPORT --save FILE`, or use --export-first"
                    .into()
            }
            Self::OtherKeys { found, .. } => format!("give --keys {}, hash key first", found.join(",")),
            Self::SinkForm { sink: SinkPlace::Touch(_), .. } => {
                "leave --format, --partition, --include, --exclude and --extra-field out".into()
            }
            Self::SinkForm { .. } => "leave --format and --partition out".into(),
            Self::OtherTable { .. } => "touch the table that was exported, or give an export of this one".into(),
            Self::SinkOfScan { .. } => {
                "give an export, or have one taken first: --export-first s3://bucket/prefix".into()
            }
            Self::NoTime => "give it with --snapshot-time 2026-01-14T10:18:50Z".into(),
            Self::Options(OptionsError::Recipe(RecipeError::MissingKeys { .. })) => {
                "give them with --keys HASH[,RANGE]".into()
            }
            _ => return None,
        })
    }
}

/// The format whose columns must be known before the first row.
pub const PARQUET: &str = "parquet";

/// What a source says of itself, as far as records name it.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// ARN of the table.
    pub table_arn: Option<String>,
    /// The moment it shows, RFC 3339.
    pub time: Option<String>,
    /// Id of the export, the last resort for its time.
    pub export: Option<String>,
    /// Whether it tells of changes, removals among them.
    pub changes: bool,
    /// Key attributes that its records name, in no order that means anything.
    pub keys: Vec<String>,
}

impl From<&Summary> for Shown {
    fn from(summary: &Summary) -> Self {
        let times = [&summary.export_time, &summary.export_to_time, &summary.start_time];
        Self {
            table_arn: summary.table_arn.clone(),
            time: times.into_iter().flatten().next().cloned(),
            export: summary.id().map(str::to_owned),
            changes: summary.is_incremental(),
            keys: Vec::new(),
        }
    }
}

/// The options of a job over this source.
pub fn options(request: &Request, summary: &Shown, schema: Option<Schema>) -> Result<JobOptions, SpecError> {
    let snapshot = snapshot(request, summary)?;
    let is_item = matches!(request.format.as_str(), "plain" | "item" | "image");
    if is_item && summary.changes {
        return Err(SpecError::NoRemovals { format: request.format.clone() });
    }
    let names_table = !is_item && request.format != PARQUET;
    let table = if names_table { Some(table(request, summary, snapshot)?) } else { None };
    let keys = keys(request, summary)?;
    if names_table && keys.is_empty() {
        return Err(SpecError::NoKeys {
            format: request.format.clone(),
            table: table.map(|table| table.name),
        });
    }
    let date = snapshot.date().format(format_description!("[year]-[month]-[day]")).expect("a date");
    let options = JobOptions {
        format: request.format.clone(),
        compression: request.compression.clone(),
        partition: request.partition.clone().unwrap_or_else(|| format!("date=backfill-{date}")),
        shard_bytes_max: request.shard_bytes_max,
        keys,
        table,
        snapshot_micros: i64::try_from(snapshot.unix_timestamp_nanos() / 1000)
            .expect("a year of four digits"),
        view: request.view.clone(),
        extra_fields: request.extra_fields.iter().map(|text| extra_field(text)).collect::<Result<_, _>>()?,
        include: request.include.clone(),
        exclude: request.exclude.clone(),
        document: request.document.clone(),
        document_records_max: request.document_records_max,
        kinesis_precision: request.kinesis_precision.clone(),
        upsert: request.upsert.clone(),
        schema,
        sink: None,
    };
    let options = match &request.sink {
        None => options,
        Some(sink) => for_sink(options, request, summary, sink)?,
    };
    options.recipe(false)?;
    Ok(options)
}

/// The form that a sink is given its records in: a shard is one envelope, and lies in no folder.
fn for_sink(
    options: JobOptions,
    request: &Request,
    summary: &Shown,
    sink: &Sink,
) -> Result<JobOptions, SpecError> {
    let wanted = form_of(sink);
    let other = |option: String| Err(SpecError::SinkForm { sink: sink.place(), wanted, option });
    if request.format != wanted {
        return other(request.format.clone());
    }
    if let Some(partition) = &request.partition {
        return other(format!("objects in {partition:?}"));
    }
    if let Sink::Touch(touch) = sink {
        if !(request.include.is_empty() && request.exclude.is_empty() && request.extra_fields.is_empty()) {
            return other("items with other attributes".to_owned());
        }
        if let Some(exported) = summary.table_arn.as_ref().filter(|arn| **arn != touch.table_arn) {
            let (exported, touched) = (exported.clone(), touch.table_arn.clone());
            return Err(SpecError::OtherTable { exported, touched });
        }
    }
    Ok(JobOptions {
        compression: "none".into(),
        partition: String::new(),
        shard_bytes_max: ENVELOPE_BYTES_MAX,
        document: "object".into(),
        sink: Some(sink.clone()),
        ..options
    })
}

/// The format of the records that a sink is given.
pub fn form_of(sink: &Sink) -> &'static str {
    match sink {
        Sink::Function(_) => "lambda-event",
        Sink::Touch(_) => "item",
    }
}

/// The keys that were given, which say which is the hash key; else those that the records name.
fn keys(request: &Request, summary: &Shown) -> Result<Vec<String>, SpecError> {
    let sorted = |keys: &[String]| {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys
    };
    let (given, found) = (&request.keys, &summary.keys);
    if given.is_empty() || found.is_empty() {
        return Ok(if given.is_empty() { found.clone() } else { given.clone() });
    }
    match sorted(given) == sorted(found) {
        true => Ok(given.clone()),
        false => Err(SpecError::OtherKeys { found: found.clone(), given: given.clone() }),
    }
}

/// The moment the export shows: as asked, as the summary says, or as its id says.
fn snapshot(request: &Request, summary: &Shown) -> Result<OffsetDateTime, SpecError> {
    let said = request.snapshot_time.as_ref().or(summary.time.as_ref());
    if let Some(text) = said {
        return OffsetDateTime::parse(text, &Rfc3339).map_err(|_| SpecError::Time { text: text.clone() });
    }
    let millis =
        summary.export.as_ref().and_then(|id| id.split('-').next()).filter(|digits| digits.len() == 14);
    let millis: i128 = millis.and_then(|digits| digits.parse().ok()).ok_or(SpecError::NoTime)?;
    OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000).map_err(|_| SpecError::NoTime)
}

/// Table and region come from the stream's ARN where given, else from the table's; the stream's label is then
/// the snapshot's time, in the form a live one has.
fn table(request: &Request, summary: &Shown, snapshot: OffsetDateTime) -> Result<TableOptions, SpecError> {
    let no_table = || SpecError::NoTable { format: request.format.clone() };
    let arn = request.stream_arn.as_ref().or(summary.table_arn.as_ref()).ok_or_else(no_table)?;
    let wrong = || SpecError::Arn { arn: arn.clone() };
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "dynamodb", region, _, resource] = parts.as_slice() else { return Err(wrong()) };
    let path: Vec<&str> = resource.split('/').collect();
    let (name, stream_arn) = match path.as_slice() {
        ["table", name, "stream", _] => (name, arn.clone()),
        ["table", name] => (name, format!("{arn}/stream/{}", stream_label(snapshot))),
        _ => return Err(wrong()),
    };
    if region.is_empty() || name.is_empty() {
        return Err(wrong());
    }
    Ok(TableOptions { name: (*name).to_owned(), region: (*region).to_owned(), stream_arn })
}

fn stream_label(snapshot: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]");
    snapshot.format(form).expect("a time of four-digit years")
}

/// Name and JSON text of `name=value` or `name:=json`.
pub fn extra_field(text: &str) -> Result<(String, String), SpecError> {
    let wrong = || SpecError::ExtraField { text: text.to_owned() };
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (name, json) = match name.strip_suffix(':') {
        None => (name, serde_json::to_string(value).expect("a string is JSON")),
        Some(name) => {
            let value: &serde_json::value::RawValue = serde_json::from_str(value).map_err(|_| wrong())?;
            (name, value.get().to_owned())
        }
    };
    if name.is_empty() {
        return Err(wrong());
    }
    Ok((name.to_owned(), json))
}

/// Key attributes, hash key first, from DescribeTable's answer, its `Table`, or its `KeySchema`.
pub fn keys_of_schema(json: &[u8]) -> Result<Vec<String>, SpecError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Element {
        attribute_name: String,
        key_type: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Table {
        key_schema: Vec<Element>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Schema {
        Answer {
            #[serde(rename = "Table")]
            table: Table,
        },
        Table(Table),
        List(Vec<Element>),
    }
    let mut elements = match serde_json::from_slice(json).map_err(SpecError::KeySchema)? {
        Schema::Answer { table } | Schema::Table(table) => table.key_schema,
        Schema::List(elements) => elements,
    };
    elements.sort_by_key(|element| element.key_type != "HASH");
    match elements.first() {
        Some(first) if first.key_type == "HASH" => {
            Ok(elements.into_iter().map(|key| key.attribute_name).collect())
        }
        _ => Err(SpecError::NoHashKey),
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    use super::Request;

    /// Stream records, gzipped, and nothing else that is out of the ordinary.
    pub(crate) fn request() -> Request {
        Request {
            format: "stream".into(),
            compression: "gzip".into(),
            shard_bytes_max: 128 << 20,
            keys: vec!["pk".into()],
            view: "NEW_AND_OLD_IMAGES".into(),
            document: "line".into(),
            document_records_max: 100,
            kinesis_precision: "millisecond".into(),
            upsert: "MODIFY".into(),
            ..Request::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use backfleet_core::sink::{FunctionSink, TouchSink};

    use super::tests_support::request;
    use super::*;

    fn summary() -> Summary {
        Summary {
            export_arn: None,
            table_arn: Some("arn:aws-cn:dynamodb:cn-north-1:123456789012:table/Orders".into()),
            export_time: Some("2026-01-14T10:18:50.622Z".into()),
            start_time: None,
            manifest_files_s3_key: "p/AWSDynamoDB/01768385930622-efd1a093/manifest-files.json".into(),
            item_count: None,
            output_format: "DYNAMODB_JSON".into(),
            export_type: None,
            export_from_time: None,
            export_to_time: None,
            output_view: None,
            table_id: None,
        }
    }

    #[test]
    fn the_export_tells_table_region_stream_time_and_partition() {
        let options = options(&request(), &Shown::from(&summary()), None).unwrap();
        let table = options.table.unwrap();
        assert_eq!((table.name.as_str(), table.region.as_str()), ("Orders", "cn-north-1"));
        assert_eq!(
            table.stream_arn,
            "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/Orders/stream/2026-01-14T10:18:50.622"
        );
        assert_eq!(options.snapshot_micros, 1_768_385_930_622_000);
        assert_eq!(options.partition, "date=backfill-2026-01-14");
    }

    #[test]
    fn a_summary_with_few_fields_still_tells_its_time_by_the_export_id() {
        let bare = Summary { export_time: None, ..summary() };
        assert_eq!(
            options(&request(), &Shown::from(&bare), None).unwrap().snapshot_micros,
            1_768_385_930_622_000
        );
        let nameless = Summary { manifest_files_s3_key: "manifest-files.json".into(), ..bare };
        assert!(matches!(options(&request(), &Shown::from(&nameless), None), Err(SpecError::NoTime)));
    }

    #[test]
    fn what_is_missing_is_said_with_the_way_to_get_it() {
        let keyless = Request { keys: Vec::new(), ..request() };
        let error = options(&keyless, &Shown::from(&summary()), None).unwrap_err();
        assert!(error.advice().unwrap().contains("--table-name Orders"), "{error}");
        let tableless = Summary { table_arn: None, ..summary() };
        assert!(
            options(&request(), &Shown::from(&tableless), None)
                .unwrap_err()
                .advice()
                .unwrap()
                .contains("--stream-arn")
        );
        let plain = Request { format: "plain".into(), keys: Vec::new(), ..request() };
        assert!(options(&plain, &Shown::from(&tableless), None).is_ok());
    }

    #[test]
    fn an_extra_field_is_text_or_json() {
        assert_eq!(extra_field("source=back=fill").unwrap(), ("source".into(), "\"back=fill\"".into()));
        assert_eq!(extra_field("n:=1.50").unwrap(), ("n".into(), "1.50".into()));
        for wrong in ["source", "=x", ":=1", "n:=", "n:={"] {
            assert!(extra_field(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_come_from_any_form_of_the_table_description() {
        let list = r#"[{"AttributeName":"sk","KeyType":"RANGE"},{"AttributeName":"pk","KeyType":"HASH"}]"#;
        let table = format!(r#"{{"TableName":"t","KeySchema":{list}}}"#);
        for json in [list.to_owned(), table.clone(), format!(r#"{{"Table":{table}}}"#)] {
            assert_eq!(keys_of_schema(json.as_bytes()).unwrap(), ["pk", "sk"], "{json}");
        }
        assert!(matches!(keys_of_schema(b"[]"), Err(SpecError::NoHashKey)));
        assert!(matches!(keys_of_schema(b"{}"), Err(SpecError::KeySchema(_))));
    }

    #[test]
    fn a_function_is_handed_envelopes_and_nothing_else() {
        let sink = Sink::Function(FunctionSink { name: "to-lake".into(), records_max: 50 });
        let asked = Request { format: "lambda-event".into(), sink: Some(sink), ..request() };
        let options = |request: &Request| options(request, &Shown::from(&summary()), None);
        let made = options(&asked).unwrap();
        assert_eq!((made.compression.as_str(), made.partition.as_str()), ("none", ""));
        assert_eq!((made.document.as_str(), made.shard_bytes_max), ("object", ENVELOPE_BYTES_MAX));
        let refused = [
            Request { format: "stream".into(), ..asked.clone() },
            Request { partition: Some("p".into()), ..asked.clone() },
        ];
        assert!(refused.iter().all(|request| matches!(options(request), Err(SpecError::SinkForm { .. }))));
    }

    #[test]
    fn whole_items_of_the_very_table_are_touched() {
        let touching = |table_arn: Option<String>| {
            let table_arn = table_arn.unwrap_or_else(|| "arn:of:another".into());
            Sink::Touch(TouchSink { table: "Orders".into(), table_arn, marker: "m".into(), undo: None })
        };
        let sink = Some(touching(summary().table_arn));
        let asked = Request { format: "item".into(), sink, ..request() };
        let options = |request: &Request| options(request, &Shown::from(&summary()), None);
        assert_eq!(options(&asked).unwrap().table, None);
        let partly = Request { exclude: vec!["a".into()], ..asked.clone() };
        assert!(matches!(options(&partly), Err(SpecError::SinkForm { .. })));
        let other = Request { sink: Some(touching(None)), ..asked.clone() };
        assert!(matches!(options(&other), Err(SpecError::OtherTable { .. })));
    }
}
