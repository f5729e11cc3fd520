//! `census` and `--format parquet`: what the columns are is counted once, and can be said, pinned and proven.

use std::fs;
use std::path::Path;

use backfleet_tests::damage::{copy_file, flip_byte, flip_middle, garble, halve, length};
use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth, copy_tree};
use backfleet_tests::handmade::{self, DataFile, item};
use backfleet_tests::process::{Call, Running, verify};
use serde_json::{Value, json};

#[test]
fn a_census_says_what_every_attribute_is_and_which_column_follows() {
    let export = handmade();
    let outcome = census(&export).flag("--keys", "pk").succeeds();
    let rows: Vec<Vec<&str>> = outcome.stdout.lines().map(|line| line.split("  ").collect()).collect();
    let row = |name: &str| {
        let row = rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("no {name} in {outcome}"));
        row.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(row("pk"), ["pk", "100 %", "S", "9 B", "string"]);
    assert_eq!(row("price"), ["price", "100 %", "N", "2.1", "12 B", "decimal(38,1)"]);
    assert_eq!(row("since"), ["since", "100 %", "S 1, N 1", "4", "12 B", "none: stands in _rest"]);
    outcome.says(&["2 items, 3 attributes"]);
}

#[test]
fn a_census_as_json_and_typed_are_what_the_table_shows() {
    let export = handmade();
    let said = census(&export).word("--json").succeeds().json();
    assert_eq!(said["census"]["items"], 2);
    assert_eq!(said["census"]["attributes"]["since"]["types"], json!({"S": 1, "N": 1}));
    assert_eq!(columns(&said["schema"]), ["pk", "price"]);
    let typed = census(&export).words(&["--typed", "--json"]).succeeds().json();
    assert_eq!(columns(&typed["schema"]), ["pk", "price", "since"]);
}

#[test]
fn a_saved_schema_makes_the_job_that_auto_makes_without_counting() {
    let export = handmade();
    let file = export.dest("schema.json");
    census(&export).flag("--keys", "pk").flag("--save", &file).succeeds().says(&["schema.json"]);
    let auto = Destination::at(&export.dest("auto"));
    parquet(&export, &auto.path).succeeds();
    let pinned = Destination::at(&export.dest("pinned"));
    parquet(&export, &pinned.path).flag("--schema", &file).succeeds();
    assert_eq!((auto.censuses().len(), pinned.censuses().len()), (1, 0));
    assert_eq!(pinned.job(), auto.job());
    let shards = |dest: &Destination| dest.shards().iter().map(fs::read).collect::<Result<Vec<_>, _>>();
    assert_eq!(shards(&pinned).expect("shards"), shards(&auto).expect("shards"));
    verify(&pinned.path).succeeds();
}

#[test]
fn a_mended_schema_is_another_job_and_loses_nothing() {
    let export = handmade();
    let dest = Destination::at(&export.dest("out"));
    parquet(&export, &dest.path).succeeds();
    let file = export.dest("schema.json");
    let schema =
        json!({"v": 1, "columns": [{"attribute": "price", "column": {"kind": "decimal", "scale": 0}}]});
    fs::write(&file, schema.to_string()).expect("a schema");
    parquet(&export, &dest.path).flag("--schema", &file).succeeds();
    assert_eq!(dest.jobs().len(), 2);
    verify(&dest.path).succeeds();
}

#[test]
fn the_same_command_proves_again_and_neither_counts_nor_reads_again() {
    let export = Export::synthetic(Synth::tiny(40, 2));
    let dest = Destination::at(&export.dest("out"));
    parquet(&export, &dest.path).succeeds();
    assert_eq!(dest.censuses().len(), 1);
    // Whoever counts one of these now finds no gzip.
    export.data_files().iter().for_each(|file| garble(file));
    let before = dest.stamps();
    parquet(&export, &dest.path).succeeds().says(&["proven again, nothing written"]);
    assert_eq!(dest.stamps(), before);
    // The counterpart: without the census the same trick is seen through.
    fs::remove_dir_all(dest.path.join("_backfleet/census")).expect("a census");
    parquet(&export, &dest.path).ends_with(3).says(&["cannot be counted"]);
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let export = Export::synthetic(Synth::tiny(40, 2));
    let dest = Destination::at(&export.dest("out"));
    let plan = || export.plan().flag("--dest", &dest.path).flag("--format", "parquet");
    plan().succeeds().says(&["parquet, zstd", "nothing was written"]);
    assert!(!dest.path.exists());
    export.run(&dest.path).succeeds();
    let before = dest.stamps();
    plan().succeeds();
    assert_eq!(dest.stamps(), before);
}

#[test]
fn a_schema_that_cannot_be_followed_is_named_with_its_fault_before_anything_is_written() {
    let export = handmade();
    let file = export.dest("schema.json");
    let column = |kind: Value| json!({"v": 1, "columns": [{"attribute": "a", "column": kind}]}).to_string();
    let text = |name: &str| json!({"attribute": name, "column": {"kind": "string"}});
    let twins = json!({"v": 1, "columns": [text("a"), text("A")]}).to_string();
    let ours = json!({"v": 1, "columns": [text("_Rest")]}).to_string();
    let binary = json!({"kind": "list", "of": "SS", "element": {"kind": "binary"}});
    let wrongs = [
        ("nonsense".to_owned(), "line 1 column"),
        ("{}".to_owned(), "`v`"),
        (r#"{"v":2,"columns":[]}"#.to_owned(), "version 2"),
        (column(json!({"kind": "text"})), "`text`"),
        (column(json!({"kind": "decimal", "scale": 39})), "scale above 38"),
        (column(json!({"kind": "struct", "fields": []})), "struct without fields"),
        (column(json!({"kind": "typed", "members": []})), "has no members"),
        (column(binary), "elements of another type"),
        (twins, "\"A\""),
        (ours, "\"_Rest\""),
    ];
    for (text, fault) in wrongs {
        fs::write(&file, &text).expect("a schema");
        let dest = export.dest("never");
        let outcome = parquet(&export, &dest).flag("--schema", &file).ends_with(2);
        outcome.explains(&[fault, "mend", "schema.json"]);
        assert!(!dest.exists(), "{text}");
    }
    let missing =
        parquet(&export, &export.dest("never")).flag("--schema", export.dest("missing")).ends_with(2);
    missing.explains(&["missing", "auto", "typed"]);
}

#[test]
fn flags_that_do_not_go_with_columns_are_refused_before_anything_is_written() {
    let export = handmade();
    let dest = export.dest("never");
    parquet(&export, &dest).flag("--compression", "gzip").ends_with(2).explains(&["parquet", "gzip"]);
    parquet(&export, &dest).flag("--extra-field", "a=b").ends_with(2).explains(&["parquet", "extra fields"]);
    export.run(&dest).flag("--compression", "snappy").ends_with(2).explains(&["stream", "snappy"]);
    assert!(!dest.exists());
    for compression in ["zstd", "snappy", "none"] {
        let dest = export.dest(compression);
        parquet(&export, &dest).flag("--compression", compression).succeeds();
        verify(&dest).succeeds();
    }
}

#[test]
fn what_has_no_census_is_refused_with_the_way_around() {
    let export = handmade();
    Call::new("census").word("dynamodb://t").ends_with(2).explains(&["--schema", "--export-first"]);
    Call::new("census").word(export.dest("missing")).ends_with(3).explains(&["missing"]);
    let nowhere = export.dest("nowhere").join("schema.json");
    census(&export).flag("--save", &nowhere).ends_with(2).explains(&["--save", "nowhere"]);
}

#[test]
fn kill_9_in_the_middle_leaves_what_an_undisturbed_run_leaves() {
    let export = Export::synthetic(Synth::telemetry(6_000, 12));
    let undisturbed = Destination::at(&export.dest("undisturbed"));
    many_shards(&export, &undisturbed.path).succeeds();
    let dest = Destination::at(&export.dest("killed"));
    killed(&export, &dest, "the census was there", || !dest.censuses().is_empty());
    killed(&export, &dest, "two units were complete", || dest.complete_units().len() >= 2);
    assert!(!dest.is_committed());
    let (whole, seen) = (undisturbed.visible(), dest.visible());
    for (name, digest) in &seen {
        assert_eq!(Some(digest), whole.get(name), "{name} was visible after a kill");
    }
    many_shards(&export, &dest.path).succeeds();
    assert_eq!(dest.visible(), whole);
    verify(&dest.path).succeeds();
}

#[test]
fn damage_to_a_shard_of_columns_is_found_and_the_shard_named() {
    let export = Export::synthetic(Synth::telemetry(300, 3));
    let finished = Destination::at(&export.dest("finished"));
    many_shards(&export, &finished.path).succeeds();
    let shards = finished.shard_names();
    let shard = shards[3].as_str();
    let must_find = |name: &str, damage: &dyn Fn(&Path)| {
        let copy = export.dest(name);
        copy_tree(&finished.path, &copy);
        damage(&copy.join(shard));
        verify(&copy).ends_with(6).explains(&[shard]);
    };
    must_find("deleted", &|path| fs::remove_file(path).expect("a shard"));
    must_find("truncated", &|path| halve(path));
    must_find("first byte", &|path| flip_byte(path, 0));
    must_find("a value", &|path| flip_byte(path, length(path) / 10));
    must_find("middle byte", &|path| flip_middle(path));
    // Near the end stands the footer: statistics that readers skip rows by.
    must_find("footer", &|path| flip_byte(path, length(path) - 500));
    must_find("last byte", &|path| flip_byte(path, length(path) - 1));
    must_find("another shard's bytes", &|path| copy_file(&finished.path.join(&shards[0]), path));
}

/// Two items: a price in both, and an attribute of two types.
fn handmade() -> Export {
    let lines = [
        item("1", r#""price":{"N":"1.50"},"since":{"S":"2020"}"#),
        item("2", r#""price":{"N":"12.5"},"since":{"N":"2021"}"#),
    ];
    handmade::export(&[DataFile::of_lines("a.json.gz", lines)])
}

fn census(export: &Export) -> Call {
    Call::new("census").word(export.place())
}

fn parquet(export: &Export, dest: &Path) -> Call {
    export.run(dest).flag("--format", "parquet")
}

fn many_shards(export: &Export, dest: &Path) -> Call {
    parquet(export, dest).flag("--shard-bytes", "16KiB").flag("--workers", "2")
}

/// Starts the job and kills it as soon as `condition` holds.
#[track_caller]
fn killed(export: &Export, dest: &Destination, what: &str, condition: impl FnMut() -> bool) {
    let mut job: Running = many_shards(export, &dest.path).start();
    job.until(what, condition);
    assert!(job.kill(), "the job ended before it could be killed");
}

/// Attributes that have a column, in the order of the file.
fn columns(schema: &Value) -> Vec<&str> {
    let columns = schema["columns"].as_array().expect("a schema has columns");
    columns.iter().map(|column| column["attribute"].as_str().expect("a column has its attribute")).collect()
}
