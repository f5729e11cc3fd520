//! Cuts an object's text into records, and notes how they were put together.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::ObjectFault;
use super::json::{Fields, elements, field, fields, first_value, text as string};
use super::limits::RECORDS_MAX;
use super::shape::{Class, is_change_record};

/// How records are put together to an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Envelope {
    pub(super) wrap: Wrap,
    pub(super) layout: Layout,
}

/// What stands around records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wrap {
    /// Nothing.
    Bare,
    /// `[…]`.
    Array,
    /// `{"Records":[…]}`, or by another name.
    List(String),
    /// `{"detail":{…}}`.
    Inside(String),
    /// `{"message":"{…}"}`.
    InsideText(String),
}

/// How JSON values follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layout {
    /// One a line.
    Lines,
    /// More than one on a line.
    Concatenated,
    /// One over several lines.
    Pretty,
}

/// An object's text, cut.
#[derive(Debug)]
pub(super) struct Cut<'t> {
    pub(super) envelope: Envelope,
    /// JSON values seen at the top; a wrapped record's or list's object is one.
    pub(super) documents: usize,
    /// Whether there may be more of them than was seen.
    pub(super) open: bool,
    /// Records of the fullest document.
    pub(super) document_records: usize,
    /// Fields beside the list of a document.
    pub(super) beside: Vec<String>,
    /// The records.
    pub(super) records: Vec<Cow<'t, str>>,
    /// Values that are put together in another way than the first.
    pub(super) strangers: usize,
}

/// The JSON values at the top of a text.
struct Values<'t> {
    values: Vec<&'t str>,
    layout: Layout,
    open: bool,
}

/// Cuts `text`; unless it is `whole`, its end may be missing.
pub(super) fn cut(text: &str, whole: bool) -> Result<Cut<'_>, ObjectFault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Values { values, layout, open } = values(text, whole)?;
    let Some(first) = values.first() else { return Err(ObjectFault::NoRecords) };
    let wrap = Wrap::of(first).ok_or(ObjectFault::NotObjects)?;
    let mut cut = Cut {
        envelope: Envelope { wrap, layout },
        documents: values.len(),
        open,
        document_records: 0,
        beside: Vec::new(),
        records: Vec::new(),
        strangers: 0,
    };
    for value in values {
        cut.add(value);
    }
    match cut.records.first() {
        None => Err(ObjectFault::NoRecords),
        Some(record) if !record.starts_with('{') => Err(ObjectFault::NotObjects),
        Some(_) => Ok(cut),
    }
}

fn values(text: &str, whole: bool) -> Result<Values<'_>, ObjectFault> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut values: Vec<&str> = Vec::new();
    let mut layout = Layout::Lines;
    let mut end = 0;
    while values.len() < RECORDS_MAX {
        let value = match stream.next() {
            None => return Ok(Values { values, layout, open: false }),
            Some(Ok(value)) => value.get(),
            Some(Err(error)) if error.is_eof() && !whole => {
                return Ok(with_unfinished(values, layout, &text[end..]));
            }
            Some(Err(error)) => {
                return Err(ObjectFault::NotJson { line: error.line(), column: error.column() });
            }
        };
        let before = &text[end..stream.byte_offset() - value.len()];
        end = stream.byte_offset();
        if value.contains('\n') {
            layout = Layout::Pretty;
        } else if !values.is_empty() && !before.contains('\n') && layout == Layout::Lines {
            layout = Layout::Concatenated;
        }
        values.push(value);
    }
    Ok(Values { values, layout, open: true })
}

/// A first document that goes on behind what was read still tells of itself by its beginning.
fn with_unfinished<'t>(mut values: Vec<&'t str>, layout: Layout, rest: &'t str) -> Values<'t> {
    let layout = if values.is_empty() && rest.trim().contains('\n') { Layout::Pretty } else { layout };
    if values.is_empty() {
        values.push(rest.trim_start());
    }
    Values { values, layout, open: true }
}

impl<'t> Cut<'t> {
    fn add(&mut self, value: &'t str) {
        if Wrap::of(value).as_ref() != Some(&self.envelope.wrap) {
            self.strangers += 1;
            return;
        }
        let room = RECORDS_MAX - self.records.len().min(RECORDS_MAX);
        let of = object(value);
        let records: Vec<Cow<'t, str>> = match &self.envelope.wrap {
            Wrap::Bare => vec![value.into()],
            Wrap::Array => elements(value, room).into_iter().map(Cow::from).collect(),
            Wrap::List(name) => {
                self.beside.extend(of.iter().map(|(name, _)| name).filter(|of| *of != name).cloned());
                let list = field(&of, name).unwrap_or_default();
                elements(list, room).into_iter().map(Cow::from).collect()
            }
            Wrap::Inside(name) => field(&of, name).map(Cow::from).into_iter().collect(),
            Wrap::InsideText(name) => field(&of, name).and_then(string).map(Cow::from).into_iter().collect(),
        };
        self.document_records = self.document_records.max(records.len());
        self.records.extend(records);
    }
}

impl Wrap {
    /// What stands around the records of this value; `None` when it cannot hold any.
    fn of(value: &str) -> Option<Self> {
        match value.as_bytes().first() {
            Some(b'[') => return Some(Self::Array),
            Some(b'{') => {}
            _ => return None,
        }
        let of = object(value);
        if is_record(&of) {
            return Some(Self::Bare);
        }
        let around = of.iter().find_map(|(name, raw)| match raw.as_bytes().first() {
            Some(b'[') if name == "Records" || holds_records(raw) => Some(Self::List(name.clone())),
            Some(b'{') if fields(raw).is_some_and(|of| is_change_record(&of)) => {
                Some(Self::Inside(name.clone()))
            }
            Some(b'"') if raw.contains("dynamodb") => {
                let inner = string(raw)?;
                is_change_record(&fields(&inner)?).then(|| Self::InsideText(name.clone()))
            }
            _ => None,
        });
        Some(around.unwrap_or(Self::Bare))
    }
}

/// Records that cannot be taken for anything that stands around some.
fn is_record(of: &Fields) -> bool {
    matches!(Class::of(of), Class::Stream | Class::Kinesis | Class::Inner | Class::Item | Class::Image)
}

fn holds_records(list: &str) -> bool {
    elements(list, 1).first().and_then(|first| fields(first)).is_some_and(|of| is_record(&of))
}

/// The fields of an object, be its end missing: then the last value is what there is of it.
fn object(value: &str) -> Fields<'_> {
    if let Some(whole) = fields(value) {
        return whole;
    }
    let mut fields = Vec::new();
    let mut rest = value.trim_start().strip_prefix('{').unwrap_or_default();
    while let Some((name, behind)) = first_value(rest)
        && let Some(name) = string(name)
        && let Some(behind) = behind.trim_start().strip_prefix(':')
    {
        let Some((value, behind)) = first_value(behind) else {
            fields.push((name, behind.trim_start()));
            break;
        };
        fields.push((name, value));
        rest = behind.trim_start().strip_prefix(',').unwrap_or_default();
    }
    fields
}
