//! What the code holds, whatever the job; that it is right is proven by running it (tests/docs/handoff_proof.py).

use backfleet_core::completion::Counts;
use backfleet_core::job::{JobOptions, TableOptions};
use backfleet_core::plan::{ExportPart, ExportSource, PartContent, Plan, Source};

use super::*;
use crate::history::{Chapter, History};

fn options(format: &str) -> JobOptions {
    JobOptions {
        format: format.into(),
        compression: "gzip".into(),
        partition: "date=backfill-2026-01-14".into(),
        shard_bytes_max: 1 << 20,
        keys: vec!["pk".into(), "größe".into()],
        table: Some(TableOptions { name: "Orders-v2".into(), region: "r".into(), stream_arn: "arn".into() }),
        snapshot_micros: 1_768_385_930_622_000,
        view: "NEW_AND_OLD_IMAGES".into(),
        extra_fields: Vec::new(),
        include: Vec::new(),
        exclude: Vec::new(),
        document: "line".into(),
        document_records_max: 100,
        kinesis_precision: "microsecond".into(),
        upsert: "MODIFY".into(),
        schema: None,
        sink: None,
    }
}

fn plan(options: JobOptions, content: PartContent) -> Plan {
    let part = ExportPart {
        export: "01768385930622-efd1a093".into(),
        notation: "DYNAMODB_JSON".into(),
        content,
        items: None,
        manifest: true,
    };
    let source = Source::Export(ExportSource { table_arn: None, parts: vec![part] });
    Plan::new("s3://exports/AWSDynamoDB/x".into(), source, options, Vec::new()).expect("a plan")
}

fn request() -> HandoffRequest {
    HandoffRequest {
        dest: "s3://lake/orders".into(),
        live: "s3://lake/live".into(),
        table: None,
        since_micros: None,
    }
}

fn facts(options: JobOptions, request: &HandoffRequest) -> Result<Facts, HandoffError> {
    let history = History::of(plan(options, PartContent::Full))?;
    Facts::new(&history, &[Counts { records_out: 7, ..Counts::default() }], request)
}

#[test]
fn every_engine_gets_code_without_a_gap_for_every_format_that_says_what_happened() {
    for format in ["stream", "lambda-event", "kinesis"] {
        let facts = facts(options(format), &request()).unwrap();
        let scripts = handoff(&facts);
        let names: Vec<&str> = scripts.iter().map(|script| script.name).collect();
        assert_eq!(names, ["README.md", "duckdb.sql", "spark.py", "databricks.sql", "athena.sql"]);
        for Script { name, text } in &scripts {
            assert!(!text.contains("{{") && !text.contains("}}"), "{format} {name}");
            assert!(text.contains(&facts.jobs[0].id) && text.contains("orders_v2"), "{format} {name}");
            assert!(text.contains("2026-01-14 10:17:50"), "{format} {name}: a minute before the export");
            assert!(*name == "README.md" || text.contains("größe"), "{format} {name}");
        }
    }
}

#[test]
fn places_that_are_not_in_s3_get_no_code_for_a_service_that_reads_nothing_else() {
    let near = HandoffRequest { dest: "/lake".into(), live: "/live".into(), ..request() };
    let scripts = handoff(&facts(options("stream"), &near).unwrap());
    let names: Vec<&str> = scripts.iter().map(|script| script.name).collect();
    assert_eq!(names, ["README.md", "duckdb.sql", "spark.py", "databricks.sql"]);
    assert!(scripts[1].text.contains("'/lake/date=backfill-2026-01-14/part-"), "{}", scripts[1].text);
    assert!(!scripts[1].text.contains("SECRET"));
}

#[test]
fn records_that_do_not_say_enough_are_refused() {
    for format in ["plain", "item", "image"] {
        let error = facts(options(format), &request()).unwrap_err();
        assert!(matches!(&error, HandoffError::Format { format: found } if found == format), "{error}");
    }
    let keys_only = JobOptions { view: "KEYS_ONLY".into(), ..options("stream") };
    let error = facts(keys_only, &request()).unwrap_err();
    assert!(matches!(&error, HandoffError::View { view } if view == "KEYS_ONLY"), "{error}");
    let old = JobOptions { view: "OLD_IMAGE".into(), ..options("kinesis") };
    assert!(facts(old, &request()).is_ok(), "kinesis records have no view");
}

#[test]
fn nothing_gets_into_the_code_that_could_end_a_text() {
    for key in ["it's", "a\"b", "a`b", "a\\b", "a[0]", "a\nb", "_item", "_ITEM", "a{b"] {
        let keyed = JobOptions { keys: vec![key.into()], ..options("stream") };
        let error = facts(keyed, &request()).unwrap_err();
        assert!(
            matches!(error, HandoffError::Unwritable { what: "the key attribute", .. }),
            "{key}: {error}"
        );
    }
    for place in ["s3://lake/it's", "/lake/*", "/lake/a[b", "/lake/{a}", "/la\\ke", "/a$b"] {
        let live = HandoffRequest { live: place.into(), ..request() };
        assert!(matches!(facts(options("stream"), &live), Err(HandoffError::Unwritable { .. })), "{place}");
        let dest = HandoffRequest { dest: place.into(), ..request() };
        assert!(matches!(facts(options("stream"), &dest), Err(HandoffError::Unwritable { .. })), "{place}");
    }
    for table in ["", "a b", "1a", "a..b", "a;drop", "a-b"] {
        let named = HandoffRequest { table: Some(table.into()), ..request() };
        assert!(matches!(facts(options("stream"), &named), Err(HandoffError::Unwritable { .. })), "{table}");
    }
    let named = HandoffRequest { table: Some("main.lake.orders".into()), ..request() };
    assert_eq!(facts(options("stream"), &named).unwrap().table, "main.lake.orders");
}

#[test]
fn a_chain_shows_the_end_of_its_last_window() {
    let window = |to: &str| PartContent::Incremental { from: None, to: Some(to.into()), old_images: true };
    let at = |to| shown(&plan(options("stream"), window(to)));
    assert_eq!(at("2026-01-14T12:00:00.000Z").unwrap().unix_timestamp(), 1_768_392_000);
    assert!(matches!(at("noon"), Err(HandoffError::Time(time)) if time == "noon"));
}

#[test]
fn code_for_several_jobs_reads_all_that_have_records_and_puts_changes_above_items() {
    let window = PartContent::Incremental {
        from: Some("2026-01-14T10:00:00Z".into()),
        to: Some("2026-01-14T12:00:00Z".into()),
        old_images: true,
    };
    let mut history = History::of(plan(options("kinesis"), PartContent::Full)).unwrap();
    let later = JobOptions { partition: "date=backfill-2026-01-15".into(), ..options("kinesis") };
    for partition in ["date=backfill-2026-01-15", "date=backfill-2026-01-16"] {
        let plan = plan(JobOptions { partition: partition.into(), ..later.clone() }, window.clone());
        history.chapters.push(Chapter { plan, follows: true, is_replay: false });
    }
    let counts = [7, 2, 0].map(|records_out| Counts { records_out, ..Counts::default() });
    let facts = Facts::new(&history, &counts, &request()).unwrap();
    assert_eq!(facts.records, 9);
    for Script { name, text } in handoff(&facts) {
        assert!(
            history.chapters.iter().all(|chapter| text.contains(&chapter.plan.job.to_string())),
            "{name}"
        );
        if name.starts_with("duckdb") || name.starts_with("spark") || name.starts_with("databricks") {
            let empty = format!("part-{}-", history.chapters[2].plan.job.short());
            assert!(text.contains("backfill-2026-01-15") && !text.contains(&empty), "{name}: {text}");
            assert!(text.contains("WHEN 'changes' THEN '1'"), "{name}: {text}");
        }
    }
}

#[test]
fn the_moment_from_which_live_records_count_can_be_given() {
    let earlier = HandoffRequest { since_micros: Some(1_768_000_000_500_000), ..request() };
    assert_eq!(facts(options("stream"), &earlier).unwrap().since_text(), "2026-01-09 23:06:40");
}
