//! The census: what every attribute of every item was seen as. Counted whole, never sampled; two censuses of two parts of
//! a table add up to the census of both, in any order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::columns::value::{Value, Values};
use crate::limits::{CENSUS_ATTRIBUTES_MAX, CENSUS_FIELDS_MAX};
use crate::scan::{Attribute, Tag, number_places};

/// What was seen of all items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Census {
    /// Items that were looked at.
    pub items: u64,
    /// Top-level attributes by name.
    pub attributes: BTreeMap<String, Seen>,
}

/// What was seen at one place: of one attribute, one field of its maps, or the elements of its lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// How often each type was there.
    pub types: BTreeMap<Tag, u64>,
    /// Most digits of a number before the point, leading zeros left aside; members of number sets among them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub whole_digits: u32,
    /// Most digits behind the point, trailing zeros left aside.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fraction_digits: u32,
    /// Bytes of the longest value as DynamoDB JSON, type included.
    pub bytes_max: u64,
    /// Fields of maps by name; empty if there were more than [`CENSUS_FIELDS_MAX`] names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Seen>,
    /// Fields of maps, all names taken together, if there were more than [`CENSUS_FIELDS_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any_field: Option<Box<Seen>>,
    /// Elements of lists, members of sets left aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elements: Option<Box<Seen>>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Items of which there can be no census.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CensusError {
    /// Names are data in this table.
    #[error("the items have more than {CENSUS_ATTRIBUTES_MAX} different attribute names")]
    TooManyAttributes,
}

impl Census {
    /// Adds the census of another part of the table.
    ///
    /// # Errors
    /// Together they have too many attributes.
    pub fn merge(&mut self, other: Census) -> Result<(), CensusError> {
        self.items += other.items;
        for (name, seen) in other.attributes {
            self.attributes.entry(name).or_default().merge(seen);
        }
        self.check()
    }

    /// Counts one item.
    pub(crate) fn add(&mut self, line: &[u8], attributes: &[Attribute]) -> Result<(), CensusError> {
        self.items += 1;
        let mut scratch = Vec::new();
        for attribute in attributes {
            let name = attribute.name.decoded(line, &mut scratch);
            seen_of(&mut self.attributes, name).add(&Value::at(line, attribute.value.start));
        }
        self.check()
    }

    fn check(&self) -> Result<(), CensusError> {
        match self.attributes.len() > CENSUS_ATTRIBUTES_MAX {
            true => Err(CensusError::TooManyAttributes),
            false => Ok(()),
        }
    }
}

/// The entry of `name`, without making a text of a name that is known.
fn seen_of<'m>(seen: &'m mut BTreeMap<String, Seen>, name: &[u8]) -> &'m mut Seen {
    let name = str::from_utf8(name).expect("a scanned line is UTF-8");
    if !seen.contains_key(name) {
        seen.insert(name.to_owned(), Seen::default());
    }
    seen.get_mut(name).expect("it was put there if it was missing")
}

impl Seen {
    /// Values that are not null, of whatever type.
    pub fn present(&self) -> u64 {
        self.types.iter().filter(|(tag, _)| **tag != Tag::Null).map(|(_, count)| count).sum()
    }

    /// The one type that was seen beside NULL, if it was one.
    pub fn single(&self) -> Option<Tag> {
        let mut types = self.types.keys().filter(|tag| **tag != Tag::Null);
        types.next().copied().filter(|_| types.next().is_none())
    }

    /// Levels of maps and lists inside, this one included.
    pub fn depth(&self) -> u32 {
        let inner = self.fields.values().chain(self.any_field.as_deref()).chain(self.elements.as_deref());
        let here = self.types.contains_key(&Tag::M) || self.types.contains_key(&Tag::L);
        u32::from(here) + inner.map(Seen::depth).max().unwrap_or(0)
    }

    fn add(&mut self, value: &Value) {
        *self.types.entry(value.tag).or_default() += 1;
        self.bytes_max = self.bytes_max.max(value.range().len() as u64);
        match value.tag {
            Tag::N => self.add_number(value.text().decoded(value.line, &mut Vec::new())),
            Tag::Ns => {
                let mut scratch = Vec::new();
                for member in value.members() {
                    self.add_number(member.decoded(value.line, &mut scratch));
                }
            }
            Tag::L => {
                let elements = self.elements.get_or_insert_default();
                value.elements().for_each(|element| elements.add(&element));
            }
            Tag::M => self.add_fields(value.fields()),
            _ => {}
        }
    }

    fn add_number(&mut self, text: &[u8]) {
        let (whole, fraction) = number_places(text);
        self.whole_digits = self.whole_digits.max(whole);
        self.fraction_digits = self.fraction_digits.max(fraction);
    }

    fn add_fields<'l>(&mut self, fields: Values<'l>) {
        let mut scratch = Vec::new();
        for (name, value) in fields.named() {
            match &mut self.any_field {
                Some(any) => any.add(&value),
                None => {
                    seen_of(&mut self.fields, name.decoded(value.line, &mut scratch)).add(&value);
                    self.collapse_if_many();
                }
            }
        }
    }

    /// Above the limit all names are one, whichever came first.
    fn collapse_if_many(&mut self) {
        if self.fields.len() <= CENSUS_FIELDS_MAX {
            return;
        }
        let mut any = Seen::default();
        std::mem::take(&mut self.fields).into_values().for_each(|seen| any.merge(seen));
        match &mut self.any_field {
            Some(known) => known.merge(any),
            None => self.any_field = Some(Box::new(any)),
        }
    }

    fn merge(&mut self, other: Seen) {
        for (tag, count) in other.types {
            *self.types.entry(tag).or_default() += count;
        }
        self.whole_digits = self.whole_digits.max(other.whole_digits);
        self.fraction_digits = self.fraction_digits.max(other.fraction_digits);
        self.bytes_max = self.bytes_max.max(other.bytes_max);
        merge_boxed(&mut self.elements, other.elements);
        merge_boxed(&mut self.any_field, other.any_field);
        for (name, seen) in other.fields {
            match &mut self.any_field {
                Some(any) => any.merge(seen),
                None => self.fields.entry(name).or_default().merge(seen),
            }
        }
        if let Some(any) = &mut self.any_field {
            std::mem::take(&mut self.fields).into_values().for_each(|seen| any.merge(seen));
        }
        self.collapse_if_many();
    }
}

fn merge_boxed(ours: &mut Option<Box<Seen>>, theirs: Option<Box<Seen>>) {
    let Some(theirs) = theirs else { return };
    match ours {
        Some(ours) => ours.merge(*theirs),
        None => *ours = Some(theirs),
    }
}
