//! A table whose items are touched: each gets a mark, or loses it, by one conditional write, so that its stream carries it.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::PortError;

/// One item that is touched.
#[derive(Debug, Clone, Copy)]
pub struct TouchRequest<'a> {
    /// The item as the source has it: typed values in DynamoDB JSON, by their attributes.
    pub item: &'a BTreeMap<String, &'a str>,
    /// Key attributes of the table, hash key first.
    pub keys: &'a [String],
    /// The attribute that is the mark.
    pub marker: &'a str,
    /// The text it has.
    pub mark: &'a str,
    /// What is to become of it.
    pub change: TouchChange,
}

/// What is to become of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TouchChange {
    /// The item gets it, if it is there and each of its attributes is as the source has it.
    Set,
    /// The item loses it, if it has this one.
    Remove,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// The mark is as it should be, by this write or an earlier one of the same.
    Done,
    /// The item is another one by now, or gone; or it has not this mark. Nothing was written.
    PassedOver,
    /// DynamoDB refuses to write this item so, whatever it is by now: it would be too large, or is none of this table's.
    Refused,
}

/// What a touch came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TouchAnswer {
    /// What became of the item.
    pub touched: Touched,
    /// Write capacity units that it cost; a write that is passed over costs too.
    pub units: f64,
}

/// A table.
#[async_trait]
pub trait Toucher: Send + Sync + 'static {
    /// Its ARN. `NotFound` when it is not there.
    async fn arn(&self) -> Result<String, PortError>;

    /// Touches one item. The same again changes nothing and answers the same, unless somebody has changed the item
    /// meanwhile. `Throttled` when it would cost more than there is now.
    async fn touch(&self, request: &TouchRequest<'_>) -> Result<TouchAnswer, PortError>;

    /// Which table this is, for people.
    fn describe(&self) -> String;
}
