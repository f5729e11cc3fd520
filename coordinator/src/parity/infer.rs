//! From the portrait of the live pipeline to the flags that make our output like it.

use backfleet_convert::Format;
use backfleet_convert::limits::DOCUMENT_RECORDS_DEFAULT;

use super::envelope::{Layout, Wrap};
use super::json::{compact, text};
use super::naming::Folder;
use super::portrait::{Content, Field, Level, Names, Portrait, Records};
use super::shape::{Class, Form};

/// A flag of `plan`, `run` and `start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Its name, with the dashes.
    pub name: &'static str,
    /// Its value, as it is meant.
    pub value: String,
    /// What in the sample asks for it.
    pub reason: String,
}

impl Flag {
    /// As it is typed into a shell.
    pub fn words(&self) -> String {
        format!("{} {}", self.name, quoted(&self.value))
    }
}

/// What a sample tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inference {
    /// In the order in which they help most.
    pub flags: Vec<Flag>,
    /// What a person must find out or decide.
    pub left_open: Vec<String>,
}

impl Inference {
    /// The value of a flag.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|flag| flag.name == name).map(|flag| flag.value.as_str())
    }

    /// The flags as a piece of a command line.
    pub fn command_line(&self) -> String {
        self.flags.iter().map(Flag::words).collect::<Vec<_>>().join(" ")
    }

    /// These flags, as they are typed; `None` when not one of them is among the flags.
    pub(super) fn words(&self, names: &[&str]) -> Option<String> {
        let words: Vec<String> =
            self.flags.iter().filter(|flag| names.contains(&flag.name)).map(Flag::words).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    fn flag(&mut self, name: &'static str, value: impl Into<String>, reason: impl Into<String>) {
        self.flags.push(Flag { name, value: value.into(), reason: reason.into() });
    }

    fn leave_open(&mut self, what: impl Into<String>) {
        self.left_open.push(what.into());
    }
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=,+@%".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The flags that make our output like this.
pub fn infer(live: &Portrait) -> Inference {
    let mut inference = Inference::default();
    match &live.content {
        Content::Parquet => {
            inference.flag("--format", "parquet", "the objects are Parquet files");
            inference.leave_open("the columns and their types: Parquet files were not opened");
        }
        Content::Json(records) => {
            of_records(records, &mut inference);
            packing(&live.names, &mut inference);
        }
    }
    partition(&live.names, &mut inference);
    inference
}

fn of_records(records: &Records, inference: &mut Inference) {
    format(records, inference);
    match records.class {
        Class::Stream => {
            keys(records, inference);
            view(records, inference);
            stream_arn(records, inference);
            extra_fields(Format::Stream, records, inference);
        }
        Class::Kinesis => {
            keys(records, inference);
            precision(records, inference);
            table(records, inference);
            extra_fields(Format::Kinesis, records, inference);
        }
        Class::Item => extra_fields(Format::Item, records, inference),
        // What is no typed value there is no attribute.
        Class::Image => extra_fields(Format::Image, records, inference),
        Class::Plain => inference.leave_open(
            "which top-level fields are attributes and which the pipeline adds: give the latter with --extra-field",
        ),
        Class::Inner => {}
    }
    if let (event @ ("MODIFY" | "REMOVE"), _) = records.seen.of_insert() {
        inference
            .leave_open(format!("what an INSERT looks like: the sample has none, a {event} stood in for it"));
    }
}

fn format(records: &Records, inference: &mut Inference) {
    let list = Wrap::List("Records".into());
    match (records.class, &records.envelope.wrap) {
        (Class::Stream, wrap) if *wrap == list => {
            inference.flag("--format", "lambda-event", "stream records stand in a list named Records");
            document(records, inference);
        }
        (Class::Stream, _) => inference.flag("--format", "stream", "each record is a stream record as Lambda receives it"),
        (Class::Kinesis, _) => {
            inference.flag("--format", "kinesis", "records have tableName and recordFormat, as Kinesis Data Streams for DynamoDB writes them");
        }
        (Class::Item, _) => inference.flag("--format", "item", "each record is an item in DynamoDB JSON inside of Item"),
        (Class::Image, _) => inference.flag("--format", "image", "each record is a bare item in DynamoDB JSON"),
        (Class::Plain, Wrap::Bare) => inference.flag("--format", "plain", "each record is an item in unwrapped JSON"),
        (Class::Plain, _) => inference.leave_open("the format: these are neither DynamoDB's records nor items on their own"),
        (Class::Inner, _) => inference.leave_open(
            "the format: records are the `dynamodb` part of stream records without what stands around it, which no format of ours writes",
        ),
    }
    if let Some(why) = no_format_wraps(records) {
        inference.leave_open(why);
    }
}

/// Why no format has this envelope, where none has.
pub(super) fn no_format_wraps(records: &Records) -> Option<String> {
    match &records.envelope.wrap {
        Wrap::Bare => {}
        Wrap::List(name) if name == "Records" && records.class == Class::Stream => {}
        Wrap::Array => {
            return Some(
                "records stand in a JSON array, which no format of ours writes: unwrap them on reading"
                    .into(),
            );
        }
        Wrap::List(name) => {
            return Some(format!(
                "records stand in a list named {name}, which no format of ours writes around them"
            ));
        }
        Wrap::Inside(name) => {
            return Some(format!(
                "each record stands inside of the field {name}, which no format of ours writes"
            ));
        }
        Wrap::InsideText(name) => {
            return Some(format!(
                "each record stands as text inside of the field {name}, which no format of ours writes"
            ));
        }
    }
    match records.envelope.layout {
        Layout::Pretty if records.envelope.wrap == Wrap::Bare => Some(
            "each record goes over several lines; ours are one a line: a reader that takes an object for one record reads only the first of ours".into(),
        ),
        Layout::Concatenated => Some(
            "records follow each other without newlines; ours have one behind each: a reader that splits at }{ needs to allow for it".into(),
        ),
        _ => None,
    }
}

fn document(records: &Records, inference: &mut Inference) {
    let documents = records.documents;
    match (documents.most, documents.open) {
        (1, true) => {
            inference
                .leave_open("--document: the first document of an object goes on behind what was read of it");
        }
        (1, false) => {
            inference.flag(
                "--document",
                "object",
                "every object is one document, so that readers may parse an object as a whole",
            );
        }
        _ => {
            inference.flag("--document", "line", "objects hold several documents");
            if documents.records_most != DOCUMENT_RECORDS_DEFAULT as usize {
                inference.flag(
                    "--document-records",
                    documents.records_most.to_string(),
                    "no document has more records",
                );
            }
        }
    }
}

fn packing(names: &Names, inference: &mut Inference) {
    let Some((packing, _)) = names.packings.most() else { return };
    inference.flag("--compression", packing.word(), "by the first bytes of the objects");
    if let Some(key) = &names.mislabelled {
        inference.leave_open(format!(
            "how readers unpack {key}: its name says another compression than its bytes, and ours always agree"
        ));
    }
}

fn partition(names: &Names, inference: &mut Inference) {
    let Some((folders, newest)) = names.folders.most().filter(|_| names.tells_folders) else {
        inference.leave_open("--partition: one object does not tell what folders the pipeline writes to");
        return;
    };
    if folders.is_empty() {
        inference.flag("--partition", "", "objects lie in no folder");
        return;
    }
    let columns: Vec<&str> = folders.iter().filter_map(Folder::column).collect();
    if columns.is_empty() {
        inference.flag(
            "--partition",
            newest,
            "objects lie in folders that are no columns; this is the last of them",
        );
    } else {
        inference.flag(
            "--partition",
            newest,
            format!("folders are the columns {}; this is the last of them", columns.join(", ")),
        );
        inference
            .leave_open("the values of --partition: choose those that the backfill is to be found under");
    }
}

fn keys(records: &Records, inference: &mut Inference) {
    let (_, levels) = records.seen.of_insert();
    match levels.keys.order.as_slice() {
        [] => inference.leave_open("--keys: records have none"),
        [hash] => inference.flag("--keys", hash, "the one attribute of Keys"),
        [first, second] => {
            inference.flag("--keys", format!("{first},{second}"), "the attributes of Keys");
            inference.leave_open(format!(
                "which of {first} and {second} is the hash key: it comes first in --keys"
            ));
        }
        _ => inference.leave_open("--keys: records of more than one table are in the sample"),
    }
}

/// The view that records name, or else the one that their images show.
fn view(records: &Records, inference: &mut Inference) {
    let has = |image| records.seen.images.present.contains_key(image);
    let (name, reason) = match records.one_value("StreamViewType") {
        One::Value(raw) => (text(&raw).unwrap_or_default(), "as records say"),
        One::Several => {
            inference.leave_open("--view-type: records of more than one are in the sample");
            return;
        }
        One::None => (
            match (has("NewImage"), has("OldImage")) {
                (true, true) => "NEW_AND_OLD_IMAGES",
                (true, false) => "NEW_IMAGE",
                (false, true) => "OLD_IMAGE",
                (false, false) => "KEYS_ONLY",
            }
            .to_owned(),
            "by the images that records have",
        ),
    };
    if name.parse::<backfleet_convert::ViewType>().is_ok() {
        inference.flag("--view-type", name, reason);
    } else {
        inference.leave_open(format!("--view-type: {name:?} is none that DynamoDB has"));
    }
}

fn stream_arn(records: &Records, inference: &mut Inference) {
    match records.one_value("eventSourceARN") {
        One::None => inference.leave_open("--stream-arn: records have no eventSourceARN"),
        One::Several => inference.leave_open("--stream-arn: records of more than one stream are in the sample; take that of the table you convert"),
        One::Value(raw) => match text(&raw) {
            Some(arn) if is_stream_arn(&arn) => inference.flag("--stream-arn", arn, "the eventSourceARN of all records"),
            _ => inference.leave_open(format!("--stream-arn: {raw} is no ARN of a stream")),
        },
    }
}

/// `arn:<partition>:dynamodb:<region>:<account>:table/<name>/stream/<label>`
fn is_stream_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "dynamodb", region, _, resource] = parts.as_slice() else { return false };
    let path: Vec<&str> = resource.split('/').collect();
    let named = |text: &str| !text.is_empty() && !text.contains(['{', '}', ' ']);
    matches!(path.as_slice(), ["table", name, "stream", label] if named(name) && named(label))
        && named(region)
}

fn table(records: &Records, inference: &mut Inference) {
    if let (One::Value(table), One::Value(region)) =
        (records.one_value("tableName"), records.one_value("awsRegion"))
    {
        inference.leave_open(format!("the account of table {table} in {region}: an export or a table names it; otherwise give a --stream-arn of that table, whatever its label"));
    }
}

fn precision(records: &Records, inference: &mut Inference) {
    let (_, levels) = records.seen.of_insert();
    let looks = levels.inner.fields.get("ApproximateCreationDateTime").map(|field| &field.looks);
    let words: Vec<&str> = looks.into_iter().flatten().map(|(look, _)| look.word()).collect();
    match words.as_slice() {
        ["milliseconds"] => {
            inference.flag("--kinesis-precision", "millisecond", "by the size of ApproximateCreationDateTime")
        }
        ["microseconds"] => {
            inference.flag("--kinesis-precision", "microsecond", "by the size of ApproximateCreationDateTime")
        }
        other => inference.leave_open(format!(
            "--kinesis-precision: ApproximateCreationDateTime is {}",
            other.join(" or ")
        )),
    }
}

fn extra_fields(format: Format, records: &Records, inference: &mut Inference) {
    let top = &records.seen.of_insert().1.top;
    for name in top.order.iter().filter(|name| !format.own_fields().contains(&name.as_str())) {
        let field = &top.fields[name];
        match extra_field(name, field, top) {
            Some((value, reason)) => inference.flag("--extra-field", value, reason),
            None => inference.leave_open(format!("--extra-field: the name {name:?} cannot be given")),
        }
    }
}

/// The value of `--extra-field`, and why.
pub(super) fn extra_field(name: &str, field: &Field, level: &Level) -> Option<(String, String)> {
    if name.is_empty() || name.contains('=') || name.ends_with(':') || name.starts_with('-') {
        return None;
    }
    let constant = level.constant(name);
    let raw = constant.map_or_else(|| compact(&field.latest), str::to_owned);
    let value = match (Form::of(&raw), text(&raw)) {
        (Form::Text, Some(text)) if !text.contains(char::is_control) => format!("{name}={text}"),
        _ => format!("{name}:={raw}"),
    };
    let reason = match constant {
        Some(_) => format!("all records have {name} with this value"),
        None if field.present < level.records => format!(
            "{} of {} records have {name}, this is the last one seen: choose whether backfilled ones need it",
            field.present, level.records
        ),
        None => format!(
            "{name} varies; this is the last one seen, for all backfilled records: choose what they should say"
        ),
    };
    Some((value, reason))
}

/// The value of a field that should be the same in all records.
pub(super) enum One {
    None,
    Several,
    Value(String),
}

impl Records {
    /// The value of a field of any level, over all events.
    pub(super) fn one_value(&self, name: &str) -> One {
        let levels = self.seen.levels_all().flat_map(|levels| [&levels.top, &levels.inner]);
        let mut values: Vec<&String> =
            levels.filter_map(|level| level.fields.get(name)).flat_map(|field| &field.values).collect();
        values.sort_unstable();
        values.dedup();
        match values.as_slice() {
            [] => One::None,
            [value] => One::Value((*value).clone()),
            _ => One::Several,
        }
    }
}
