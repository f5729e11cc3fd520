//! The templates, and the words that are put into them.

use super::facts::{Envelope, Facts, JobFacts, Order, utc};

/// One engine's code.
pub(super) struct Template {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    dialect: Dialect,
}

/// How an engine says what differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    DuckDb,
    Spark,
    Trino,
}

/// A word of a template and what stands for it.
pub(super) type Words = Vec<(&'static str, String)>;

/// Spark's query, which its two templates share.
const SPARK_CHANGES: &str = include_str!("spark_changes.sql");

/// All that can read where the records lie.
pub(super) fn templates(facts: &Facts) -> Vec<Template> {
    let template = |name, text, dialect| Template { name, text, dialect };
    let mut all = vec![
        template("README.md", include_str!("README.md"), Dialect::DuckDb),
        template("duckdb.sql", include_str!("duckdb.sql"), Dialect::DuckDb),
        template("spark.py", include_str!("spark.py"), Dialect::Spark),
        template("databricks.sql", include_str!("databricks.sql"), Dialect::Spark),
    ];
    if facts.in_s3() {
        all.push(template("athena.sql", include_str!("athena.sql"), Dialect::Trino));
    }
    all
}

/// The text with every word put in.
///
/// # Panics
/// At a word that is not there: the templates are ours.
pub(super) fn render(text: &str, words: &Words) -> String {
    let mut rendered = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("a word of a template ends");
        let (_, word) = words
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("a template asks for {name}, which nobody knows"));
        rendered.push_str(before);
        rendered.push_str(word);
        rest = after;
    }
    rendered + rest
}

impl Template {
    /// What stands for the words of this template.
    pub(super) fn words(&self, facts: &Facts) -> Words {
        let dialect = self.dialect;
        let columns: Vec<String> = facts.keys.iter().map(|key| dialect.name(key)).collect();
        let each = |form: &dyn Fn(&String) -> String| columns.iter().map(form).collect::<Vec<_>>();
        let key_values: Vec<String> = facts
            .keys
            .iter()
            .zip(&columns)
            .map(|(key, column)| format!("{} AS {column}", dialect.key(key)))
            .collect();
        let mut words = vec![
            ("jobs", jobs_words(&facts.jobs)),
            ("jobs_short", each_job(facts, |job| job.short.clone(), "|")),
            ("changes_short", each_of_changes(facts)),
            ("backfill_lines", dialect.backfill_lines(facts)),
            ("backfill_folder", common_folder(facts)),
            ("source", facts.source.clone()),
            ("table", facts.table.clone()),
            ("folders", each_job(facts, |job| format!("`{}`", job.folder), ", ")),
            ("live", facts.live.clone()),
            ("records", facts.records.to_string()),
            ("shown", utc(facts.shown)),
            ("since", utc(facts.since)),
            ("setup", if facts.in_s3() { DUCKDB_S3.to_owned() } else { String::new() }),
            ("order", order_words(facts.order).to_owned()),
            ("unfolded_line", dialect.unfolded(facts.envelope).to_owned()),
            ("event", dialect.text("eventName")),
            ("image", dialect.json("dynamodb.NewImage")),
            ("spark_jobs", spark_jobs(facts)),
            ("written_at", dialect.time(facts.order)),
            ("version", dialect.version(facts.order)),
            ("key_values", key_values.join(",\n       ")),
            ("keys", columns.join(", ")),
            ("key_types", each(&|column| format!("{column} {}", dialect.text_type())).join(", ")),
            ("keys_equal", each(&|column| format!("t.{column} = n.{column}")).join(" AND ")),
            ("keys_missing", each(&|column| format!("{column} IS NULL")).join(" OR ")),
            (
                "key_strings",
                facts.keys.iter().map(|key| format!("\"`{key}`\"")).collect::<Vec<_>>().join(", "),
            ),
            ("trino_records", trino_records(facts.envelope).to_owned()),
            ("keys_of_newest", each(&|column| format!("n.{column}")).join(", ")),
        ];
        if dialect == Dialect::Spark {
            let changes = render(SPARK_CHANGES, &words).trim_end().to_owned();
            words.push(("changes", changes));
        }
        words
    }
}

/// The jobs as Python's tuples.
fn spark_jobs(facts: &Facts) -> String {
    let job = |JobFacts { origin, folder, shards, .. }: &JobFacts| {
        format!("    (\"{origin}\", \"{folder}\", \"{shards}\"),")
    };
    jobs_to_read(facts).map(job).collect::<Vec<_>>().join("\n")
}

/// A job without records may have no shards, and some readers mind; one job is read anyway.
fn jobs_to_read(facts: &Facts) -> impl Iterator<Item = &JobFacts> {
    facts.jobs.iter().enumerate().filter(|(n, job)| *n == 0 || job.records > 0).map(|(_, job)| job)
}

/// `Job a`, or `Jobs a, b`.
fn jobs_words(jobs: &[JobFacts]) -> String {
    let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    format!("{} {}", if ids.len() == 1 { "Job" } else { "Jobs" }, ids.join(", "))
}

/// Something of each job, the same thing once.
fn each_job(facts: &Facts, of: impl Fn(&JobFacts) -> String, between: &str) -> String {
    let mut all: Vec<String> = facts.jobs.iter().map(of).collect();
    all.dedup();
    all.join(between)
}

/// As a part of a regular expression that nothing matches if there is none.
fn each_of_changes(facts: &Facts) -> String {
    let changes: Vec<&str> =
        facts.jobs.iter().filter(|job| job.origin != "backfill").map(|job| job.short.as_str()).collect();
    if changes.is_empty() { "none".to_owned() } else { changes.join("|") }
}

/// Where the shards of all jobs lie.
fn common_folder(facts: &Facts) -> String {
    let first = &facts.jobs[0].folder;
    let one = facts.jobs.iter().all(|job| job.folder == *first);
    if one { first.clone() } else { facts.dest.clone() }
}

const DUCKDB_S3: &str = "
INSTALL httpfs;
LOAD httpfs;
CREATE OR REPLACE SECRET lake (TYPE s3, PROVIDER credential_chain);
";

/// In Trino a list is unfolded by a join.
fn trino_records(envelope: Envelope) -> &'static str {
    match envelope {
        Envelope::Line => "SELECT _origin, line AS r FROM lines",
        Envelope::Event => {
            "SELECT _origin, json_format(record) AS r\n  FROM lines CROSS JOIN UNNEST(CAST(json_extract(line, '$.Records') AS ARRAY(JSON))) AS unfolded (record)"
        }
    }
}

fn order_words(order: Order) -> &'static str {
    match order {
        Order::Sequence => {
            "`SequenceNumber`, padded to 40 digits: every live number is above every number of the backfill"
        }
        Order::Time { .. } => {
            "live records above changes of later jobs, those above the items, then the time of the write"
        }
    }
}

impl Dialect {
    /// The lines of the jobs' shards.
    fn backfill_lines(self, facts: &Facts) -> String {
        let of = |JobFacts { origin, folder, shards, .. }: &JobFacts| match self {
            Self::DuckDb => format!(
                "SELECT '{origin}' AS _origin, json AS line\nFROM read_json_objects('{folder}/{shards}', format = 'auto', maximum_object_size = 268435456)"
            ),
            Self::Spark => format!(
                "SELECT '{origin}' AS _origin, value AS line\nFROM read_files('{folder}', format => 'text', pathGlobFilter => '{shards}')"
            ),
            Self::Trino => String::new(),
        };
        jobs_to_read(facts).map(of).collect::<Vec<_>>().join("\nUNION ALL\n")
    }

    /// A column's name.
    fn name(self, name: &str) -> String {
        match self {
            Self::DuckDb | Self::Trino => format!("\"{name}\""),
            Self::Spark => format!("`{name}`"),
        }
    }

    fn text_type(self) -> &'static str {
        match self {
            Self::DuckDb | Self::Trino => "VARCHAR",
            Self::Spark => "STRING",
        }
    }

    /// What is at a path of plain names in the record `r`, as text without quotes.
    fn text(self, path: &str) -> String {
        match self {
            Self::DuckDb => format!("r->>'$.{path}'"),
            Self::Spark => format!("get_json_object(r, '$.{path}')"),
            Self::Trino => format!("json_extract_scalar(r, '$.{path}')"),
        }
    }

    /// The same as JSON.
    fn json(self, path: &str) -> String {
        match self {
            Self::DuckDb => format!("r->'$.{path}'"),
            Self::Spark => format!("get_json_object(r, '$.{path}')"),
            Self::Trino => format!("json_format(json_extract(r, '$.{path}'))"),
        }
    }

    /// The value of a key attribute: a text, a number or bytes, each written as text.
    fn key(self, key: &str) -> String {
        let of = |kind: &str| match self {
            Self::DuckDb => format!("r->>'$.dynamodb.Keys.\"{key}\".{kind}'"),
            Self::Spark => format!("get_json_object(r, \"$.dynamodb.Keys['{key}'].{kind}\")"),
            Self::Trino => {
                format!("json_extract_scalar(r, '$[\"dynamodb\"][\"Keys\"][\"{key}\"][\"{kind}\"]')")
            }
        };
        format!("coalesce({}, {}, {})", of("S"), of("N"), of("B"))
    }

    fn time(self, order: Order) -> String {
        let time = self.text("dynamodb.ApproximateCreationDateTime");
        let per_second = match order {
            Order::Sequence => 1,
            Order::Time { per_second } => per_second,
        };
        let micros = format!("CAST(CAST({time} AS DECIMAL(38, 6)) * {} AS BIGINT)", 1_000_000 / per_second);
        match self {
            Self::DuckDb => format!("make_timestamp({micros})"),
            Self::Spark => format!("timestamp_micros({micros})"),
            Self::Trino => format!("from_unixtime_nanos({micros} * 1000) AT TIME ZONE 'UTC'"),
        }
    }

    fn version(self, order: Order) -> String {
        let padded = |path: &str| format!("lpad({}, 40, '0')", self.text(path));
        match order {
            Order::Sequence => padded("dynamodb.SequenceNumber"),
            Order::Time { .. } => {
                let time = padded("dynamodb.ApproximateCreationDateTime");
                format!(
                    "concat(CASE _origin WHEN 'live' THEN '2' WHEN 'changes' THEN '1' ELSE '0' END, {time})"
                )
            }
        }
    }

    /// The records `r` in what was read as `line`.
    fn unfolded(self, envelope: Envelope) -> &'static str {
        match (self, envelope) {
            (_, Envelope::Line) => "line",
            (Self::DuckDb, Envelope::Event) => "unnest(CAST(line->'$.Records' AS JSON[]))",
            (Self::Spark, Envelope::Event) => {
                "explode(from_json(get_json_object(line, '$.Records'), 'array<string>'))"
            }
            // See `trino_records`.
            (Self::Trino, Envelope::Event) => "",
        }
    }
}
