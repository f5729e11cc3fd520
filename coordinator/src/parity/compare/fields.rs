//! Differences inside the records of one form: fields at each level, their order, types, and constant values.

use std::collections::BTreeSet;

use super::{Findings, Remedy, Severity, example, examples, sides};
use crate::parity::infer::{Flag, extra_field};
use crate::parity::portrait::{Field, Images, Level, Records};
use crate::parity::shape::{Class, Form, Look, TYPED};

/// Fields that say the same in all records of a stream, with the flags that decide what ours say.
const CONSTANTS: [(&str, &[&str], &str); 8] = [
    ("eventSourceARN", &["--stream-arn"], "give the --stream-arn of the live stream"),
    ("awsRegion", &["--stream-arn"], "give a --stream-arn in that region"),
    ("tableName", &[], "an export or a table names it; otherwise give a --stream-arn of that table"),
    ("StreamViewType", &["--view-type"], "give the --view-type of the live stream"),
    (
        "ApproximateCreationDateTimePrecision",
        &["--kinesis-precision"],
        "give the --kinesis-precision of the live stream",
    ),
    (
        "eventVersion",
        &[],
        "ours is what Lambda has been writing since 2016; a reader must not ask for one version",
    ),
    ("eventSource", &[], "ours is what AWS writes"),
    ("recordFormat", &[], "ours is what AWS writes"),
];

pub(super) fn compare(live: &Records, ours: &Records, findings: &mut Findings) {
    let (event, of_live) = live.seen.of_insert();
    let (_, of_ours) = ours.seen.of_insert();
    let is_insert = event == "INSERT" || event.is_empty();
    let top = Comparison { level: "", live: &of_live.top, ours: &of_ours.top, class: live.class, is_insert };
    let inner = Comparison {
        level: "dynamodb.",
        live: &of_live.inner,
        ours: &of_ours.inner,
        class: live.class,
        is_insert,
    };
    for level in [top, inner] {
        level.fields(findings);
        level.order(findings);
    }
    keys(&of_live.keys, &of_ours.keys, findings);
    images(&live.seen.images, findings);
}

/// One level of both.
struct Comparison<'a> {
    level: &'static str,
    live: &'a Level,
    ours: &'a Level,
    class: Class,
    /// Whether the live records are of inserts, as ours are.
    is_insert: bool,
}

impl Comparison<'_> {
    fn fields(&self, findings: &mut Findings) {
        let ours_alone = self.ours.order.iter().filter(|name| !self.live.fields.contains_key(*name));
        for name in self.live.order.iter().chain(ours_alone) {
            match (self.live.fields.get(name), self.ours.fields.get(name)) {
                (Some(live), Some(ours)) => self.both(name, live, ours, findings),
                (Some(live), None) => self.live_alone(name, live, findings),
                (None, Some(ours)) => self.ours_alone(name, ours, findings),
                (None, None) => {}
            }
        }
    }

    fn both(&self, name: &str, live: &Field, ours: &Field, findings: &mut Findings) {
        self.looks(name, live, ours, findings);
        match CONSTANTS.iter().find(|(constant, ..)| *constant == name) {
            Some((_, flags, or)) => self.constant(name, [live, ours], (flags, or), findings),
            None if self.level.is_empty() && !self.is_own(name) && self.class != Class::Plain => {
                self.extra_value(name, findings);
            }
            None => {}
        }
    }

    /// A field that says the same in all records of a stream.
    fn constant(
        &self,
        name: &str,
        sides: [&Field; 2],
        (flags, or): (&[&str], &str),
        findings: &mut Findings,
    ) {
        let [Some(live), Some(ours)] = sides.map(Field::few) else { return };
        if !live.is_disjoint(ours) {
            return;
        }
        let all = |values: &BTreeSet<String>| values.iter().cloned().collect::<Vec<_>>().join(", ");
        let (live, ours) = (all(live), all(ours));
        let what = format!("value of {}{name}", self.level);
        match (table_of(&live), table_of(&ours)) {
            (Some(of_live), Some(of_ours)) if of_live != of_ours => {
                let why = format!(
                    "the sample is of table {of_live}, the job of {of_ours}: compare records of one table, or give the --stream-arn that they are to have"
                );
                findings.add_without_flag(Severity::Differs, what, examples(&live, &ours), why);
            }
            _ => findings.add(Severity::Differs, what, examples(&live, &ours), flags, or),
        }
    }

    /// A field that the pipeline adds, the same in all records, and that ours have with something else.
    fn extra_value(&self, name: &str, findings: &mut Findings) {
        if let (Some(constant), Some(of_ours)) = (self.live.constant(name), self.ours.constant(name))
            && constant != of_ours
        {
            let sides = sides(example(constant), example(of_ours));
            let why = "a backfill may want to be told apart by it; otherwise give the live value with --extra-field";
            findings.add_without_flag(Severity::Cosmetic, format!("value of {name}"), sides, why);
        }
    }

    /// Both have the field: is it of one type, and written the same way?
    fn looks(&self, name: &str, live: &Field, ours: &Field, findings: &mut Findings) {
        if live.looks.keys().any(|look| ours.looks.contains_key(look)) {
            return;
        }
        let (Some((look, raw)), Some((of_ours, our_raw))) =
            (live.looks.iter().next(), ours.looks.iter().next())
        else {
            return;
        };
        // Of items, numbers differ by what they are.
        if self.class == Class::Plain && same_data(*look, *of_ours) {
            return;
        }
        let shown = |look: &Look, raw: &str| match look.form {
            Form::Object | Form::List => look.word().to_owned(),
            _ => format!("{} {}", look.word(), example(raw)),
        };
        let sides = sides(shown(look, raw), shown(of_ours, our_raw));
        let what = format!("type of {}{name}", self.level);
        findings.add(severity_of(*look, *of_ours), what, sides, flags_of(name), why_of(name));
    }

    fn live_alone(&self, name: &str, live: &Field, findings: &mut Findings) {
        let all = live.present == self.live.records;
        let is_image = matches!(name, "NewImage" | "OldImage");
        // A MODIFY that stands in for an insert has an image more; TTL alone gives an identity.
        let by_event = (name == "OldImage" && !self.is_insert) || (name == "userIdentity" && !all);
        if by_event || (self.class == Class::Plain && !all) {
            return;
        }
        let shown = live.looks.iter().next().map_or_else(String::new, |(_, raw)| example(raw));
        let count =
            if all { String::new() } else { format!(" ({} of {} records)", live.present, self.live.records) };
        let sides = sides(format!("{shown}{count}"), "absent");
        let what = format!("field {}{name}", self.level);
        let is_null = live.looks.keys().all(|look| look.form == Form::Null);
        if is_null && (is_image || self.is_own(name)) {
            let why = "a null and an absent field are one to readers with a schema; ours leave out what there is not, as AWS does";
            findings.add_without_flag(Severity::Differs, what, sides, why);
        } else if is_image {
            findings.add(
                Severity::BreaksReaders,
                what,
                sides,
                &["--view-type"],
                "give the --view-type of the live stream",
            );
        } else if self.level.is_empty() && !self.is_own(name) {
            let remedy = match extra_field(name, live, self.live) {
                Some((value, _)) => {
                    Remedy::Flags(Flag { name: "--extra-field", value, reason: String::new() }.words())
                }
                None => Remedy::Why("its name cannot be given to --extra-field".into()),
            };
            findings.push(Severity::Differs, what, sides, remedy);
        } else {
            findings.add_without_flag(Severity::Differs, what, sides, "no flag adds it to our records");
        }
    }

    fn ours_alone(&self, name: &str, ours: &Field, findings: &mut Findings) {
        if self.class == Class::Plain && ours.present < self.ours.records {
            return;
        }
        let shown = ours.looks.iter().next().map_or_else(String::new, |(_, raw)| example(raw));
        let (what, sides) = (format!("field {}{name}", self.level), sides("absent", shown));
        if name == "NewImage" {
            // A REMOVE that stands in for an insert has no new image.
            if self.is_insert {
                findings.add(
                    Severity::Differs,
                    what,
                    sides,
                    &["--view-type"],
                    "give the --view-type of the live stream",
                );
            }
        } else if self.level.is_empty() && !self.is_own(name) {
            findings.add_without_flag(
                Severity::Differs,
                what,
                sides,
                format!("leave out --extra-field {name}=…"),
            );
        } else {
            findings.add_without_flag(
                Severity::Differs,
                what,
                sides,
                "no flag leaves it out; readers that ask for fields by name do not see it",
            );
        }
    }

    fn is_own(&self, name: &str) -> bool {
        let format = match self.class {
            Class::Stream | Class::Inner => backfleet_convert::Format::Stream,
            Class::Kinesis => backfleet_convert::Format::Kinesis,
            Class::Item => backfleet_convert::Format::Item,
            Class::Image => backfleet_convert::Format::Image,
            Class::Plain => backfleet_convert::Format::Plain,
        };
        format.own_fields().contains(&name)
    }

    /// The order of the fields that both have.
    fn order(&self, findings: &mut Findings) {
        if self.class == Class::Plain {
            return;
        }
        let common = |level: &Level, other: &Level| -> Vec<String> {
            level.order.iter().filter(|name| other.fields.contains_key(*name)).cloned().collect()
        };
        let (live, ours) = (common(self.live, self.ours), common(self.ours, self.live));
        if live != ours {
            let at = live.iter().zip(&ours).take_while(|(live, ours)| live == ours).count();
            let from = |names: &[String]| {
                format!("… {}", names[at..].iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", "))
            };
            let what = match self.level {
                "" => "order of fields".to_owned(),
                level => format!("order of fields in {}", level.trim_end_matches('.')),
            };
            let why = "JSON readers find fields by name";
            findings.add_without_flag(Severity::Cosmetic, what, sides(from(&live), from(&ours)), why);
        }
    }
}

/// The table that the ARN of a stream names.
fn table_of(arn: &str) -> Option<&str> {
    arn.split_once(":table/")?.1.split_once("/stream/").map(|(table, _)| table)
}

/// Whether two forms of an attribute's values may be the same pipeline's, of different items.
fn same_data(live: Look, ours: Look) -> bool {
    let is_null = live.form == Form::Null || ours.form == Form::Null;
    let digits = |form| matches!(form, Form::Integer | Form::Fraction);
    is_null || (digits(live.form) && digits(ours.form))
}

fn severity_of(live: Look, ours: Look) -> Severity {
    let units = |look: Look| look.word().split(' ').next().unwrap_or_default();
    let is_null = live.form == Form::Null || ours.form == Form::Null;
    let is_other_unit = live.form.is_number() && !live.detail.is_empty() && units(live) != units(ours);
    let is_unwrapped = live.form == Form::Object && (live.detail == TYPED) != (ours.detail == TYPED);
    if !is_null && (!live.form.is_of_type_of(ours.form) || is_other_unit || is_unwrapped) {
        Severity::BreaksReaders
    } else {
        Severity::Differs
    }
}

/// Flags that decide how a field of ours is written.
fn flags_of(name: &str) -> &'static [&'static str] {
    match name {
        "ApproximateCreationDateTime" => &["--kinesis-precision"],
        _ => &[],
    }
}

fn why_of(name: &str) -> &'static str {
    match name {
        "ApproximateCreationDateTime" => {
            "no flag writes it that way: ours is what AWS writes, the pipeline's code turned it into something else"
        }
        "Keys" | "NewImage" | "OldImage" => {
            "no format of ours has unwrapped images inside of stream records; --format plain has them on their own"
        }
        "eventID" => "ids are compared, not read: a reader that checks their form needs to allow for both",
        "SequenceNumber" => "ours is a text of 21 digits, as AWS writes it; a number would lose digits",
        _ => "no flag writes it that way",
    }
}

fn keys(live: &Level, ours: &Level, findings: &mut Findings) {
    if live.order.is_empty() || ours.order.is_empty() || live.order == ours.order {
        return;
    }
    let sorted = |level: &Level| level.fields.keys().cloned().collect::<Vec<_>>();
    let sides = sides(live.order.join(", "), ours.order.join(", "));
    if sorted(live) == sorted(ours) {
        findings.add_without_flag(
            Severity::Cosmetic,
            "order of Keys",
            sides,
            "JSON readers find fields by name",
        );
    } else {
        findings.add(
            Severity::BreaksReaders,
            "attributes of Keys",
            sides,
            &["--keys"],
            "give the table's --keys",
        );
    }
}

/// How typed values are written: ours are as DynamoDB writes them.
fn images(live: &Images, findings: &mut Findings) {
    for (tag, looks) in &live.payloads {
        let expected = Look::expected(tag);
        let other = looks.iter().find(|(look, _)| **look != expected);
        let Some((look, raw)) = other else { continue };
        let sides = sides(format!("{} {}", look.word(), example(raw)), expected.word());
        let what = format!("{tag} values");
        if look.form == Form::Text && expected.form == Form::Text && *tag == "N" {
            let why = "the same number to whoever reads it as one; ours are the digits that DynamoDB keeps";
            findings.add_without_flag(Severity::Cosmetic, what, sides, why);
        } else {
            let why =
                "the pipeline's code turned them into something else than DynamoDB writes, no flag does";
            findings.add_without_flag(Severity::BreaksReaders, what, sides, why);
        }
    }
}
