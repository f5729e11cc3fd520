//! Where an export may lie and how it may have been written, copied or damaged: what can be read is read, what
//! cannot is refused before anything is written.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use backfleet_tests::destination::{Destination, text_of};
use backfleet_tests::export::{Export, Synth, copy_tree};
use backfleet_tests::handmade::{self, DataFile, FOLDER, bare_export, gzip, item};
use backfleet_tests::listing::write_with_md5;
use backfleet_tests::process::{Call, Outcome, run, verify};
use serde_json::{Value, json};

const ARN: &str = "arn:aws:dynamodb:eu-west-1:123456789123:table/Other";

#[test]
fn the_same_export_is_found_from_its_own_folder_and_from_every_folder_above() {
    let export = Export::synthetic(Synth::telemetry(30, 2));
    let job = |source: &Path| {
        let call = Call::new("plan").flag("--source", source).flag("--keys", "pk,sk").word("--json");
        { call }.succeeds().json()["job"].to_string()
    };
    let found: Vec<String> = export.folder().ancestors().take(3).map(job).collect();
    assert_eq!(export.folder().ancestors().nth(2), Some(&*export.place()));
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{found:?}");
}

#[test]
fn a_folder_with_two_exports_is_refused_with_both_names_and_how_to_choose() {
    let export = good_export();
    let other = export.place().join("AWSDynamoDB/01768385930623-89abcdef");
    copy_tree(export.folder(), &other);
    let refused = refused(&export, &["01768385930622-0123abcd", "01768385930623-89abcdef", "--source"]);
    assert!(refused.stderr.contains("choose"), "{refused}");
    run(&other, &export.dest("out"), "pk").succeeds();
}

#[test]
fn an_export_that_was_copied_elsewhere_is_read_though_its_manifests_name_the_old_place() {
    let id = "01768385930622-0123abcd";
    for (path, key) in [
        (format!("copies/2026/AWSDynamoDB/{id}"), FOLDER.to_owned()),
        (format!("AWSDynamoDB/{id}"), format!("old prefix/of/the bucket/AWSDynamoDB/{id}")),
        (format!("new/AWSDynamoDB/{id}"), format!("old/AWSDynamoDB/{id}")),
        ("a folder of another name".to_owned(), format!("old/AWSDynamoDB/{id}")),
        (
            format!("Output_Airline.csv 100%+ä/AWSDynamoDB/{id}"),
            format!("Output_Airline.csv 100%+ä/AWSDynamoDB/{id}"),
        ),
        (format!("a%20b+c d/AWSDynamoDB/{id}"), format!("a b c d/AWSDynamoDB/{id}")),
    ] {
        let export = handmade::export_at(&path, &key, &good_files());
        let dest = Destination::at(&export.dest("out"));
        export.run(&dest.path).succeeds();
        assert_eq!(keys_in(&dest), ["1", "2", "3"], "{path} {key}");
        verify(&dest.path).succeeds();
    }
}

#[test]
fn a_manifest_of_few_fields_is_enough_with_what_it_lacks_said_on_the_command_line() {
    let export = bare_export(&good_files());
    let plain = Destination::at(&export.dest("plain"));
    export
        .run(&plain.path)
        .flag("--format", "plain")
        .flag("--snapshot-time", "2026-01-14T10:18:50Z")
        .succeeds();
    assert_eq!(plain.lines().len(), 3);

    export.run(&export.dest("stream")).ends_with(2).explains(&["--snapshot-time"]);
    let timed = || export.run(&export.dest("stream")).flag("--snapshot-time", "2026-01-14T10:18:50Z");
    timed().ends_with(2).explains(&["--stream-arn"]);
    timed().flag("--stream-arn", ARN).succeeds().says(&["2 without an MD5"]);
    let stream = Destination::at(&export.dest("stream"));
    assert_eq!(keys_in(&stream), ["1", "2", "3"]);
    verify(&stream.path).succeeds();
}

#[test]
fn unknown_fields_a_missing_newline_blank_lines_and_crlf_in_manifests_are_no_matter() {
    let export = good_export();
    let mut listing = export.listing();
    listing.summary["somethingNew"] = json!({"a": [1]});
    listing.lines[0]["somethingNew"] = json!(null);
    let lines: Vec<String> = listing.lines.iter().map(Value::to_string).collect();
    write_with_md5(export.folder(), "manifest-files", format!("\n{}\r\n\n{}", lines[0], lines[1]).as_bytes());
    write_with_md5(export.folder(), "manifest-summary", format!("{}\n", listing.summary).as_bytes());
    fs::remove_file(export.folder().join("_started")).expect("a mark");
    fs::remove_file(export.folder().join("manifest-files.md5")).expect("a checksum");
    let dest = Destination::at(&export.dest("out"));
    export.run(&dest.path).succeeds();
    assert_eq!(keys_in(&dest), ["1", "2", "3"]);
}

#[test]
fn a_data_file_that_is_listed_but_missing_is_named_before_anything_is_written() {
    let export = good_export();
    fs::remove_file(export.folder().join("data/b.json.gz")).expect("a data file");
    refused(&export, &["b.json.gz"]);
}

#[test]
fn a_manifest_that_lists_a_file_twice_is_refused() {
    let export = good_export();
    let mut listing = export.listing();
    listing.lines.push(listing.lines[0].clone());
    listing.write();
    refused(&export, &["a.json.gz", "manifest-files.json"]);
}

#[test]
fn a_manifest_that_is_not_the_one_its_checksum_was_made_for_is_refused() {
    for name in ["manifest-files", "manifest-summary"] {
        let export = good_export();
        let path = export.folder().join(format!("{name}.json"));
        fs::OpenOptions::new()
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(b"\n"))
            .expect("a manifest");
        refused(&export, &[&format!("{name}.json"), "MD5"]);
    }
}

#[test]
fn manifests_whose_counts_contradict_each_other_are_refused() {
    let export = good_export();
    let mut listing = export.listing();
    listing.summary["itemCount"] = 4.into();
    listing.write();
    refused(&export, &["3", "4", "manifest-summary.json"]);
}

#[test]
fn a_manifest_that_is_no_json_is_refused_with_the_line() {
    let export = good_export();
    let mut lines = fs::read(export.folder().join("manifest-files.json")).expect("a manifest");
    lines.extend_from_slice(b"{\"itemCount\":");
    write_with_md5(export.folder(), "manifest-files", &lines);
    refused(&export, &["manifest-files.json", "line 3"]);
}

#[test]
fn a_list_of_files_that_cannot_be_there_is_named() {
    for name in ["", "x/", "x/..", "a\u{1}b"] {
        let export = good_export();
        let mut summary = export.summary();
        summary["manifestFilesS3Key"] = name.into();
        write_with_md5(export.folder(), "manifest-summary", summary.to_string().as_bytes());
        refused(&export, &["manifest-summary.json"]);
    }
}

#[test]
fn counts_beyond_all_numbers_are_refused_and_do_not_wrap() {
    let export = good_export();
    let mut listing = export.listing();
    listing.lines.iter_mut().for_each(|line| line["itemCount"] = u64::MAX.into());
    listing.write();
    refused(&export, &["18446744073709551615"]);
}

#[test]
fn a_manifest_cannot_lead_out_of_its_export() {
    for key in ["../../../../etc/passwd", "data/../../../x.json", "/etc/passwd"] {
        let export = good_export();
        let mut listing = export.listing();
        listing.lines[0]["dataFileS3Key"] = key.into();
        listing.write();
        refused(&export, &[]);
    }
}

#[test]
fn an_export_that_has_only_begun_is_refused_as_unfinished() {
    let export = Export::written(FOLDER, |folder| fs::write(folder.join("_started"), "").expect("a mark"));
    refused(&export, &["01768385930622-0123abcd", "manifest-summary.json"]);
}

#[test]
fn a_place_without_an_export_is_refused_and_a_place_that_is_not_there_too() {
    let export = Export::written("empty", |_| {});
    let empty = refused(&export, &["no export"]);
    assert!(empty.stderr.contains("AWSDynamoDB/<ExportId>"), "{empty}");
    let missing = export.place().join("missing");
    run(&missing, &export.dest("out"), "pk").ends_with(3).explains(&["missing"]);
    run(Path::new("gs://bucket/AWSDynamoDB/x"), &export.dest("out"), "pk")
        .ends_with(2)
        .says(&["gs://bucket", "s3://bucket/prefix"]);
}

#[test]
fn what_this_version_cannot_read_is_refused_by_its_name() {
    for (field, value, said) in [
        ("exportType", "INCREMENTAL_EXPORT", "outputView"),
        ("outputFormat", "SOMETHING", "SOMETHING"),
        ("exportType", "SOMETHING", "SOMETHING"),
    ] {
        let export = good_export();
        let mut listing = export.listing();
        listing.summary[field] = value.into();
        listing.write();
        let refused = export.run(&export.dest("out")).ends_with(3);
        refused.says(&[said]);
        assert!(!export.dest("out").exists());
    }
    let export = good_export();
    let mut listing = export.listing();
    listing.summary["exportType"] = "FULL_EXPORT".into();
    listing.write();
    export.run(&export.dest("out")).succeeds();
}

#[test]
fn empty_files_are_units_without_shards_and_an_empty_table_is_a_job_without_records() {
    let export = Export::synthetic(Synth { empty_files: 3, ..Synth::telemetry(20, 1) });
    let dest = Destination::at(&export.dest("out"));
    export.run(&dest.path).succeeds();
    assert_eq!((dest.complete_units().len(), dest.shards().len(), dest.lines().len()), (4, 1, 20));
    verify(&dest.path).succeeds();

    let old_gzip = *b"\x1f\x8b\x08\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\0\0";
    let export = handmade::export(&[DataFile::of_lines("a.json.gz", [""; 0])]);
    let file = export.data_files().remove(0);
    fs::write(&file, old_gzip).expect("a data file");
    export.listing().promising(&file).write();
    let dest = Destination::at(&export.dest("out"));
    let outcome = export.run(&dest.path).word("--json").succeeds().json();
    assert_eq!(outcome["counts"]["records_in"], 0, "{outcome}");
    assert!(dest.is_committed() && dest.shards().is_empty());
    verify(&dest.path).succeeds();
    export.run(&dest.path).succeeds().says(&["proven again"]);
}

#[test]
fn data_files_may_have_crlf_blank_lines_a_bom_no_last_newline_and_several_gzip_members() {
    let [one, two, three] = ["1", "2", "3"].map(|pk| item(pk, ""));
    let file = |name, text: String| DataFile { name, text: text.into_bytes() };
    let export = handmade::export(&[
        file("a.json.gz", format!("{one}\r\n{two}\r\n{three}\r\n")),
        file("b.json.gz", format!("\n\r\n{one}\n   \n{two}\n\n\n{three}\n\n")),
        file("c.json.gz", format!("\u{feff}{one}\n{two}\n{three}")),
        file("d.json", format!("{one}\n{two}\n{three}\n")),
        file("e.json.gz", format!("{one}\n{two}\n{three}\n")),
    ]);
    let members = export.folder().join("data/e.json.gz");
    let halves = format!("{one}\n{two}\n{three}\n");
    let (head, tail) = halves.as_bytes().split_at(one.len() + 5);
    fs::write(&members, [gzip(head), gzip(b""), gzip(tail)].concat()).expect("a data file");
    export.listing().promising(&members).write();
    let dest = Destination::at(&export.dest("out"));
    export.run(&dest.path).succeeds();
    assert_eq!(keys_in(&dest), ["1", "2", "3"].repeat(5));
}

/// Replaces every data file by a copy of it in another compression.
fn recompress(export: &Export, ending: &str, store: impl Fn(&[u8]) -> Vec<u8>) {
    for file in export.data_files() {
        let text = text_of(&file);
        let name = file.to_str().expect("names are text").replace(".json.gz", ending);
        fs::remove_file(&file).expect("a data file");
        fs::write(name, store(&text)).expect("a data file");
    }
}

#[test]
fn copies_in_another_compression_are_read_and_said_to_be_without_an_md5() {
    let zstd = |text: &[u8]| zstd::encode_all(text, 1).expect("writing to memory");
    let original = good_export();
    let there = Destination::at(&original.dest("out"));
    original.run(&there.path).succeeds();
    for (ending, store) in [(".json.zst", &zstd as &dyn Fn(&[u8]) -> Vec<u8>), (".json", &<[u8]>::to_vec)] {
        let export = good_export();
        recompress(&export, ending, store);
        let dest = Destination::at(&export.dest("out"));
        export.run(&dest.path).succeeds().says(&["2 without an MD5", "3 records in as the export promises"]);
        assert_eq!(dest.lines().len(), 3);
        assert_eq!(keys_in(&dest), keys_in(&there));
        verify(&dest.path).succeeds();
    }
}

#[test]
fn a_folder_without_a_manifest_is_read_when_told_and_what_is_not_proven_is_said() {
    let export = good_export();
    for name in ["manifest-files.json", "manifest-files.md5", "manifest-summary.json", "manifest-summary.md5"]
    {
        fs::remove_file(export.folder().join(name)).expect("a manifest");
    }
    fs::write(export.folder().join("data/notes.txt"), "no data").expect("a file");
    let dest = Destination::at(&export.dest("out"));
    export.run(&dest.path).ends_with(3).explains(&["has begun but has no manifest-summary.json"]);
    let bare = || {
        let call = export.run(&dest.path).word("--no-manifest");
        call.flag("--snapshot-time", "2026-01-14T10:18:50Z").flag("--stream-arn", ARN)
    };
    bare().succeeds().says(&[
        "2 without an MD5",
        "3 records in held against nothing",
        "which files there should be",
    ]);
    assert_eq!(keys_in(&dest), ["1", "2", "3"]);
    bare().succeeds().says(&["proven again"]);
    // Another file, another job: names and lengths are all that is known of these.
    let more = export.folder().join("data/z.json");
    fs::write(&more, item("4", "") + "\n").expect("a data file");
    bare().flag("--partition", "more").succeeds().says(&["4 records in"]);

    let ion = export.folder().join("data/z.ion");
    fs::rename(&more, &ion).expect("a data file");
    bare().ends_with(3).says(&["both JSON and Ion", "z.ion"]);
    fs::remove_file(&ion).expect("a data file");
    fs::write(export.folder().join("data/a.json"), "{\"a\":1}\n").expect("a data file");
    bare().ends_with(3).says(&["data/a.json", "neither an item nor a change"]);
    run(&export.dest("nothing"), &dest.path, "pk").word("--no-manifest").ends_with(3);
}

fn good_files() -> Vec<DataFile<'static>> {
    vec![
        DataFile::of_lines("a.json.gz", [item("1", ""), item("2", r#""n":{"N":"1"}"#)]),
        DataFile::of_lines("b.json.gz", [item("3", "")]),
    ]
}

fn good_export() -> Export {
    handmade::export(&good_files())
}

/// The source must be refused: exit code 3, an explanation, and nothing written.
#[track_caller]
fn refused(export: &Export, fragments: &[&str]) -> Outcome {
    let dest = export.dest("refused");
    let outcome = export.run(&dest).ends_with(3);
    outcome.says(fragments);
    assert!(outcome.stdout.is_empty() && outcome.stderr.starts_with("error: "), "{outcome}");
    assert!(!dest.exists(), "something was written to a destination");
    outcome
}

fn keys_in(dest: &Destination) -> Vec<String> {
    let key = |record: Value| record["dynamodb"]["Keys"]["pk"]["S"].as_str().expect("a key").to_owned();
    dest.records().into_iter().map(key).collect()
}
