//! The schema: which attribute has which column. Made of a census, or read from a file that somebody wrote or mended.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::columns::census::{Census, Seen};
use crate::limits::{COLUMNS_MAX, SCHEMA_LEVELS_MAX};
use crate::scan::Tag;

/// Digits of a decimal column, and the most that DynamoDB keeps of a number.
pub(super) const PRECISION: u32 = 38;

/// Our own columns, which no attribute may have the name of, in the order of the file; `_rest` is the last of all.
pub(super) const OWN_COLUMNS: [&str; 6] =
    ["_eventName", "_source", "_time", "_sequence", "_oldImage", "_rest"];

/// The columns of a job's Parquet files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The form of this description: 1.
    pub v: u32,
    /// In the order of the file, behind our own.
    pub columns: Vec<Column>,
}

/// A column for one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Name of the attribute, and of the column.
    pub attribute: String,
    /// What it holds.
    pub column: Kind,
}

/// What a column, field or element holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Kind {
    /// `S` as UTF-8.
    String,
    /// `N` as decimal(38, scale).
    Decimal {
        /// Digits behind the point.
        scale: u32,
    },
    /// `N` as its text, digit for digit.
    NumberText,
    /// `BOOL`.
    Bool,
    /// `NULL`, as true; inside of `typed` only.
    Null,
    /// `B` as bytes.
    Binary,
    /// `L`, `SS`, `NS` or `BS` as a list.
    List {
        /// Which of them.
        of: Tag,
        /// What each element is.
        element: Box<Kind>,
    },
    /// `M` as a struct of these fields.
    Struct {
        /// In the order of the file.
        fields: Vec<Field>,
    },
    /// `M` as a map of any names.
    Map {
        /// What each value is.
        value: Box<Kind>,
    },
    /// A struct with a member for each of DynamoDB's types that was seen.
    Typed {
        /// In the order of the file.
        members: Vec<Member>,
    },
}

/// A field of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub column: Kind,
}

/// A member of a typed column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// DynamoDB's type, and the member's name.
    pub r#type: Tag,
    /// What it holds.
    pub column: Kind,
}

/// A schema that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Not JSON of a schema's form.
    #[error("the schema cannot be read")]
    Form(#[source] serde_json::Error),
    /// Of another version.
    #[error("the schema is of version {0}, this program reads version 1")]
    Version(u32),
    /// Something in it cannot be.
    #[error("column {path:?} of the schema {what}")]
    Column {
        /// Where, names joined by dots.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// Too many leaves.
    #[error("the schema has {0} leaf columns, {COLUMNS_MAX} are the most")]
    TooManyColumns(usize),
}

impl Schema {
    /// One column for every attribute that is of one type wherever it is there; `keys` come first.
    pub fn auto(census: &Census, keys: &[String]) -> Schema {
        Schema::chosen(census, keys, auto)
    }

    /// Every attribute as a struct with a member for each type that it was seen as; `keys` come first.
    pub fn typed(census: &Census, keys: &[String]) -> Schema {
        Schema::chosen(census, keys, typed)
    }

    fn chosen(census: &Census, keys: &[String], kind: fn(&Seen) -> Option<Kind>) -> Schema {
        let mut candidates: Vec<_> = census.attributes.iter().collect();
        // The most frequent first, so that it is the rare ones that find their name or place taken.
        candidates
            .sort_by_key(|(name, seen)| (!keys.contains(name), std::cmp::Reverse(seen.present()), *name));
        let mut taken: BTreeSet<String> = OWN_COLUMNS.iter().map(|name| name.to_lowercase()).collect();
        let mut leaves = OWN_COLUMNS.len();
        let mut columns = Vec::new();
        for (name, seen) in candidates {
            let Some(column) = kind(seen).filter(|column| column.json_levels() <= SCHEMA_LEVELS_MAX) else {
                continue;
            };
            let more = column.leaves();
            if leaves + more > COLUMNS_MAX || !taken.insert(name.to_lowercase()) {
                continue;
            }
            leaves += more;
            columns.push(Column { attribute: name.clone(), column });
        }
        let place =
            |column: &Column| keys.iter().position(|key| *key == column.attribute).unwrap_or(keys.len());
        columns.sort_by(|a, b| (place(a), &a.attribute).cmp(&(place(b), &b.attribute)));
        Schema { v: 1, columns }
    }

    /// Reads a schema that was written down.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(json: &[u8]) -> Result<Schema, SchemaError> {
        let schema: Schema = serde_json::from_slice(json).map_err(SchemaError::Form)?;
        schema.check()?;
        Ok(schema)
    }

    /// Whether files can have these columns.
    ///
    /// # Errors
    /// The first that they cannot.
    pub fn check(&self) -> Result<(), SchemaError> {
        if self.v != 1 {
            return Err(SchemaError::Version(self.v));
        }
        let names = self.columns.iter().map(|column| (column.attribute.as_str(), &column.column));
        check_fields(names, "", &OWN_COLUMNS)?;
        let leaves =
            OWN_COLUMNS.len() + self.columns.iter().map(|column| column.column.leaves()).sum::<usize>();
        if leaves > COLUMNS_MAX {
            return Err(SchemaError::TooManyColumns(leaves));
        }
        Ok(())
    }
}

fn check_fields<'s>(
    fields: impl Iterator<Item = (&'s str, &'s Kind)>,
    path: &str,
    reserved: &[&str],
) -> Result<(), SchemaError> {
    let mut taken: BTreeSet<String> = reserved.iter().map(|name| name.to_lowercase()).collect();
    for (name, kind) in fields {
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let wrong = |what: &str| Err(SchemaError::Column { path: path.clone(), what: what.to_owned() });
        if name.is_empty() {
            return wrong("has no name");
        }
        if !taken.insert(name.to_lowercase()) {
            return wrong(
                "is named like another one, or like one of our own; Spark does not tell cases apart",
            );
        }
        kind.check(&path, 0)?;
    }
    Ok(())
}

impl Kind {
    fn check(&self, path: &str, depth: u32) -> Result<(), SchemaError> {
        let wrong = |what: String| Err(SchemaError::Column { path: path.to_owned(), what });
        if depth == 0 && self.json_levels() > SCHEMA_LEVELS_MAX {
            return wrong(format!(
                "is nested so deep that its description has more than {SCHEMA_LEVELS_MAX} levels"
            ));
        }
        match self {
            Kind::Null => wrong("is null, which stands inside of typed columns only".to_owned()),
            Kind::Decimal { scale } if *scale > PRECISION => wrong(format!("has a scale above {PRECISION}")),
            Kind::List { of: Tag::L, element } => element.check(path, depth + 1),
            Kind::List { of, element } => match member_fits(*of, element) {
                true => Ok(()),
                false => wrong(format!("is a list of {of} and has elements of another type")),
            },
            Kind::Struct { fields } if fields.is_empty() => wrong("is a struct without fields".to_owned()),
            Kind::Struct { fields } => {
                check_fields(fields.iter().map(|field| (field.name.as_str(), &field.column)), path, &[])
            }
            Kind::Map { value } => value.check(path, depth + 1),
            Kind::Typed { members } => check_members(members, path, depth),
            _ => Ok(()),
        }
    }

    /// Objects and arrays around the innermost part of its description.
    fn json_levels(&self) -> usize {
        let inner = |kinds: &mut dyn Iterator<Item = &Kind>| kinds.map(Kind::json_levels).max().unwrap_or(0);
        match self {
            Kind::List { element, .. } => 1 + element.json_levels(),
            Kind::Map { value } => 1 + value.json_levels(),
            Kind::Struct { fields } => 3 + inner(&mut fields.iter().map(|field| &field.column)),
            Kind::Typed { members } => 3 + inner(&mut members.iter().map(|member| &member.column)),
            _ => 1,
        }
    }

    /// Columns of the file that it takes.
    pub(super) fn leaves(&self) -> usize {
        match self {
            Kind::List { element, .. } => element.leaves(),
            Kind::Struct { fields } => fields.iter().map(|field| field.column.leaves()).sum(),
            Kind::Map { value } => 1 + value.leaves(),
            Kind::Typed { members } => members.iter().map(|member| member.column.leaves()).sum(),
            _ => 1,
        }
    }

    /// The type of DynamoDB that it holds; `typed` holds several.
    pub(super) fn tag(&self) -> Option<Tag> {
        Some(match self {
            Kind::String => Tag::S,
            Kind::Decimal { .. } | Kind::NumberText => Tag::N,
            Kind::Bool => Tag::Bool,
            Kind::Null => Tag::Null,
            Kind::Binary => Tag::B,
            Kind::List { of, .. } => *of,
            Kind::Struct { .. } | Kind::Map { .. } => Tag::M,
            Kind::Typed { .. } => return None,
        })
    }
}

fn check_members(members: &[Member], path: &str, depth: u32) -> Result<(), SchemaError> {
    let wrong = |what: String| Err(SchemaError::Column { path: path.to_owned(), what });
    let mut taken = BTreeSet::new();
    if members.is_empty() {
        return wrong("is typed and has no members".to_owned());
    }
    for Member { r#type, column } in members {
        if !taken.insert(*r#type) {
            return wrong(format!("has the member {} twice", r#type));
        }
        if column.tag() != Some(*r#type) {
            return wrong(format!("has a member {} of another type", r#type));
        }
        if *column != Kind::Null {
            column.check(&format!("{path}.{}", r#type), depth + 1)?;
        }
    }
    Ok(())
}

fn member_fits(of: Tag, element: &Kind) -> bool {
    match of {
        Tag::Ss => matches!(element, Kind::String),
        Tag::Ns => matches!(element, Kind::Decimal { .. } | Kind::NumberText),
        Tag::Bs => matches!(element, Kind::Binary),
        _ => false,
    }
}

/// The column of what was seen as one type; `None` if it was seen as several, or holds nothing that a column could.
fn auto(seen: &Seen) -> Option<Kind> {
    Some(match seen.single()? {
        Tag::S => Kind::String,
        Tag::N => number(seen),
        Tag::B => Kind::Binary,
        Tag::Bool => Kind::Bool,
        Tag::Null => unreachable!("a single type is none but NULL"),
        Tag::Ss => Kind::List { of: Tag::Ss, element: Box::new(Kind::String) },
        Tag::Ns => Kind::List { of: Tag::Ns, element: Box::new(number(seen)) },
        Tag::Bs => Kind::List { of: Tag::Bs, element: Box::new(Kind::Binary) },
        Tag::L => {
            let element = seen.elements.as_ref().and_then(|elements| auto(elements));
            Kind::List { of: Tag::L, element: Box::new(element?) }
        }
        Tag::M => match &seen.any_field {
            Some(any) => Kind::Map { value: Box::new(auto(any)?) },
            None => struct_of(seen, auto)?,
        },
    })
}

fn number(seen: &Seen) -> Kind {
    match seen.whole_digits + seen.fraction_digits <= PRECISION {
        true => Kind::Decimal { scale: seen.fraction_digits },
        false => Kind::NumberText,
    }
}

fn struct_of(seen: &Seen, kind: fn(&Seen) -> Option<Kind>) -> Option<Kind> {
    let mut taken = BTreeSet::new();
    let mut named: Vec<_> = seen.fields.iter().filter(|(name, _)| !name.is_empty()).collect();
    named.sort_by_key(|(name, seen)| (std::cmp::Reverse(seen.present()), *name));
    let mut fields: Vec<Field> = named
        .into_iter()
        .filter_map(|(name, seen)| Some(Field { name: name.clone(), column: kind(seen)? }))
        .filter(|field| taken.insert(field.name.to_lowercase()))
        .collect();
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    (!fields.is_empty()).then_some(Kind::Struct { fields })
}

fn typed(seen: &Seen) -> Option<Kind> {
    let member = |tag: &Tag| Some(Member { r#type: *tag, column: member(*tag, seen)? });
    let members: Vec<Member> = seen.types.keys().filter_map(member).collect();
    (!members.is_empty()).then_some(Kind::Typed { members })
}

fn member(tag: Tag, seen: &Seen) -> Option<Kind> {
    Some(match tag {
        Tag::S => Kind::String,
        Tag::N => Kind::NumberText,
        Tag::B => Kind::Binary,
        Tag::Bool => Kind::Bool,
        Tag::Null => Kind::Null,
        Tag::Ss => Kind::List { of: Tag::Ss, element: Box::new(Kind::String) },
        Tag::Ns => Kind::List { of: Tag::Ns, element: Box::new(Kind::NumberText) },
        Tag::Bs => Kind::List { of: Tag::Bs, element: Box::new(Kind::Binary) },
        Tag::L => {
            let element = typed(seen.elements.as_ref()?)?;
            Kind::List { of: Tag::L, element: Box::new(element) }
        }
        Tag::M => match &seen.any_field {
            Some(any) => Kind::Map { value: Box::new(typed(any)?) },
            None => struct_of(seen, typed)?,
        },
    })
}
