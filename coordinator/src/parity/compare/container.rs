//! Differences around the records: names, folders, compression, envelope, form.

use super::{Findings, Severity, sides};
use crate::parity::envelope::{Envelope, Layout, Wrap};
use crate::parity::infer::no_format_wraps;
use crate::parity::naming::{ColumnType, Folder};
use crate::parity::portrait::{Content, Documents, Names, Portrait, Records};
use crate::parity::shape::Class;

pub(super) fn compare(live: &Portrait, ours: &Portrait, findings: &mut Findings) {
    match (&live.content, &ours.content) {
        (Content::Parquet, Content::Parquet) => {}
        (Content::Json(live), Content::Json(ours)) => {
            records(live, ours, findings);
        }
        (of_live, of_ours) => {
            let word = |content: &Content| match content {
                Content::Parquet => "Parquet",
                Content::Json(_) => "JSON",
            };
            let sides = sides(word(of_live), word(of_ours));
            findings.add(
                Severity::BreaksReaders,
                "kind of file",
                sides,
                &["--format"],
                "no format of ours writes it",
            );
        }
    }
    let is_json = |portrait: &Portrait| matches!(portrait.content, Content::Json(_));
    if is_json(live) && is_json(ours) {
        packing(&live.names, &ours.names, findings);
        extension(&live.names, &ours.names, findings);
    }
    hidden(live, ours, findings);
    folders(&live.names, &ours.names, findings);
}

fn records(live: &Records, ours: &Records, findings: &mut Findings) {
    let why = no_format_wraps(live).unwrap_or_else(|| "no format of ours writes such records".into());
    if live.class != ours.class || live.envelope.wrap != ours.envelope.wrap {
        let possible = no_format_wraps(live).is_none() || live.class != ours.class;
        let flags: &[&str] = if possible { &["--format", "--document"] } else { &[] };
        let sides = sides(form(live), form(ours));
        findings.add(Severity::BreaksReaders, "form of records", sides, flags, &why);
        return;
    }
    if !live.beside.is_empty() {
        let names: Vec<&str> = live.beside.iter().map(String::as_str).collect();
        let why = "Lambda adds them for tumbling windows, or the pipeline does; ours stand in no window";
        findings.add_without_flag(
            Severity::Differs,
            "fields beside Records",
            sides(names.join(", "), "none"),
            why,
        );
    }
    documents(live.documents, ours.documents, &live.envelope, findings);
    layout(live, ours, &why, findings);
    final_newline(live, ours, findings);
}

/// The form of records, in words.
fn form(records: &Records) -> String {
    let class = match records.class {
        Class::Stream => "stream records",
        Class::Kinesis => "Kinesis records",
        Class::Inner => "`dynamodb` parts of stream records",
        Class::Item => "items inside of Item",
        Class::Image => "bare items in DynamoDB JSON",
        Class::Plain => "unwrapped JSON",
    };
    let wrap = match &records.envelope.wrap {
        Wrap::Bare => return class.to_owned(),
        Wrap::Array => "in an array".to_owned(),
        Wrap::List(name) => format!(r#"in {{"{name}":[…]}}"#),
        Wrap::Inside(name) => format!(r#"in {{"{name}":{{…}}}}"#),
        Wrap::InsideText(name) => format!(r#"as text in {{"{name}":"…"}}"#),
    };
    format!("{class} {wrap}")
}

fn documents(live: Documents, ours: Documents, envelope: &Envelope, findings: &mut Findings) {
    let is_list = matches!(envelope.wrap, Wrap::List(_));
    let unknown = |documents: Documents| documents.most == 1 && documents.open;
    if !is_list || unknown(live) || unknown(ours) {
        return;
    }
    let (one, several) = ("one an object", "several an object");
    match (live.most, ours.most) {
        (1, 2..) => {
            findings.add(Severity::BreaksReaders, "documents", sides(one, several), &["--document"], "");
        }
        // A small shard has one document whatever was asked for.
        (2.., 1) => {
            let why = "readers of several read one";
            findings.add_without_flag(Severity::Cosmetic, "documents", sides(several, one), why);
        }
        _ => {}
    }
}

fn layout(live: &Records, ours: &Records, why: &str, findings: &mut Findings) {
    if live.envelope.layout == ours.envelope.layout {
        return;
    }
    let word = |layout| match layout {
        Layout::Lines => "one value a line",
        Layout::Concatenated => "values without newlines between them",
        Layout::Pretty => "values over several lines",
    };
    let sides = sides(word(live.envelope.layout), word(ours.envelope.layout));
    match (live.envelope.layout, live.envelope.wrap == Wrap::Bare) {
        (Layout::Pretty, false) => {
            let why = "readers of an object over several lines read one on a single line too";
            findings.add_without_flag(Severity::Cosmetic, "lines", sides, why);
        }
        (Layout::Pretty, true) => findings.add_without_flag(Severity::BreaksReaders, "lines", sides, why),
        _ => findings.add_without_flag(Severity::Differs, "lines", sides, why),
    }
}

fn final_newline(live: &Records, ours: &Records, findings: &mut Findings) {
    let word = |newline| if newline { "there" } else { "missing" };
    if let (Some(live), Some(ours)) = (live.final_newline, ours.final_newline)
        && live != ours
    {
        let why = "readers of lines take a last line with and without it; JSON parsers pass over it";
        findings.add_without_flag(Severity::Cosmetic, "final newline", sides(word(live), word(ours)), why);
    }
}

fn packing(live: &Names, ours: &Names, findings: &mut Findings) {
    let (Some((packed, _)), Some((of_ours, _))) = (live.packings.most(), ours.packings.most()) else {
        return;
    };
    if packed != of_ours {
        let sides = sides(packed.word(), of_ours.word());
        findings.add(Severity::BreaksReaders, "compression", sides, &["--compression"], "");
    }
    if let Some(key) = &live.mislabelled {
        let why = "the live objects' names do not agree with their compression, ours always do: readers that go by the name (Spark, Athena) unpack ours and not those, unless the objects' Content-Encoding has it undone for them";
        let sides = sides(format!("{} in {key}", packed.word()), "as the name says");
        findings.add_without_flag(Severity::Differs, "name and compression", sides, why);
    }
}

fn extension(live: &Names, ours: &Names, findings: &mut Findings) {
    let (Some((of_live, _)), Some((of_ours, _))) = (live.extensions.most(), ours.extensions.most()) else {
        return;
    };
    let word =
        |extension: &str| if extension.is_empty() { "none".to_owned() } else { format!(".{extension}") };
    // Told as a difference of compression already.
    if of_live != of_ours
        && live.packings.most().map(|(packing, _)| packing)
            == ours.packings.most().map(|(packing, _)| packing)
    {
        let why =
            "readers of a folder do not look at it; one that asks for a pattern of names needs ours in it";
        findings.add_without_flag(
            Severity::Cosmetic,
            "ending of names",
            sides(word(of_live), word(of_ours)),
            why,
        );
    }
}

fn hidden(live: &Portrait, ours: &Portrait, findings: &mut Findings) {
    if live.names.hidden == live.objects && ours.names.hidden == 0 {
        let why = "Spark, Hive and Athena pass over names that begin with _ or .; ours they read";
        findings.add_without_flag(Severity::Differs, "hidden names", sides("all", "none"), why);
    }
}

fn folders(live: &Names, ours: &Names, findings: &mut Findings) {
    let (Some((of_live, newest)), Some((of_ours, path))) = (live.folders.most(), ours.folders.most()) else {
        return;
    };
    let known = live.tells_folders && ours.tells_folders;
    let columns =
        |folders: &[Folder]| folders.iter().filter_map(Folder::column).map(str::to_owned).collect::<Vec<_>>();
    let (live_columns, our_columns) = (columns(of_live), columns(of_ours));
    let word = |path: &str| if path.is_empty() { "none".to_owned() } else { path.to_owned() };
    let sides = sides(word(newest), word(path));
    if !known || of_live == of_ours {
        return;
    }
    if live_columns == our_columns && !live_columns.is_empty() {
        if narrower(of_live, of_ours) {
            findings.add(Severity::Differs, "type of partition columns", sides, &["--partition"], "");
        }
    } else if live_columns.is_empty() && our_columns.is_empty() {
        let why = "folders that are no columns mean nothing to readers of the folder above";
        findings.add_without_flag(Severity::Cosmetic, "folders", sides, why);
    } else {
        let both = !live_columns.is_empty() && !our_columns.is_empty();
        let severity = if both { Severity::BreaksReaders } else { Severity::Differs };
        findings.add(severity, "partition columns", sides, &["--partition"], "");
    }
}

/// Whether a live column has a type that a value of ours does not fit.
fn narrower(live: &[Folder], ours: &[Folder]) -> bool {
    let types = |folders: &[Folder]| -> Vec<ColumnType> {
        let value = |folder: &Folder| match folder {
            Folder::Column { value, .. } => Some(*value),
            Folder::Other => None,
        };
        folders.iter().filter_map(value).collect()
    };
    types(live).iter().zip(types(ours)).any(|(live, ours)| *live != ColumnType::Text && *live != ours)
}
