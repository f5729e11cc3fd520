//! Touches of a DynamoDB table: `UpdateItem` under a condition that compares every attribute.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use backfleet_core::ports::{
    PortError, PortFault, TableScanner, TouchAnswer, TouchChange, TouchRequest, Touched, Toucher,
};

use super::{DynamoTable, value};
use crate::call::{Call, code_of};
use crate::classify::Scope;
use crate::limits::SMALL_CALL_MAX;

/// What a write unit pays for (DynamoDB developer guide).
const UNIT_BYTES: usize = 1024;

/// Refusals that are the item's doing and none of the call's: it is none of this table's, or would be too large.
const OF_THE_ITEM: [&str; 2] = ["ValidationException", "ItemCollectionSizeLimitExceededException"];

#[async_trait]
impl Toucher for DynamoTable {
    async fn arn(&self) -> Result<String, PortError> {
        Ok(<Self as TableScanner>::describe(self).await?.arn)
    }

    async fn touch(&self, request: &TouchRequest<'_>) -> Result<TouchAnswer, PortError> {
        let call = Call {
            name: "table.touch",
            subject: self.table.clone(),
            scope: Scope::DynamoDb,
            writes: true,
            limit: SMALL_CALL_MAX,
        };
        let update = Update::of(request).map_err(|why| call.refused(PortFault::Invalid, why))?;
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(update.key))
            .update_expression(update.change)
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send();
        let consumed = match call.ask(answer).await {
            Ok(answer) => answer.consumed_capacity.and_then(|consumed| consumed.capacity_units),
            Err(error) => return refused(request, error),
        };
        Ok(TouchAnswer { touched: Touched::Done, units: consumed.unwrap_or_else(|| by_bytes(request)) })
    }

    fn describe(&self) -> String {
        format!("touch://{}", self.table)
    }
}

/// A condition that does not hold is an answer; it costs as if it had held, and does not say how much.
fn refused(request: &TouchRequest<'_>, error: PortError) -> Result<TouchAnswer, PortError> {
    let touched = match code_of(&error) {
        Some("ConditionalCheckFailedException") => Touched::PassedOver,
        Some(code) if OF_THE_ITEM.contains(&code) => Touched::Refused,
        _ => return Err(error),
    };
    Ok(TouchAnswer { touched, units: by_bytes(request) })
}

/// What says nothing of its cost is taken to cost what its JSON would, which is longer than the item.
fn by_bytes(request: &TouchRequest<'_>) -> f64 {
    let bytes: usize = request.item.iter().map(|(name, value)| name.len() + value.len()).sum();
    bytes.div_ceil(UNIT_BYTES).max(1) as f64
}

/// One UpdateItem.
struct Update {
    key: HashMap<String, AttributeValue>,
    change: &'static str,
    condition: String,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    fn of(request: &TouchRequest<'_>) -> Result<Self, String> {
        let attribute = |name: &String| {
            let json = request.item.get(name).ok_or_else(|| "the item lacks a key".to_owned())?;
            value::of_item(json)
        };
        let key =
            request.keys.iter().map(|name| -> Result<_, String> { Ok((name.clone(), attribute(name)?)) });
        let mark = AttributeValue::S(request.mark.to_owned());
        let mut update = Self {
            key: key.collect::<Result<_, String>>()?,
            change: "REMOVE #m",
            condition: "#m = :m".to_owned(),
            names: HashMap::from([("#m".to_owned(), request.marker.to_owned())]),
            values: HashMap::from([(":m".to_owned(), mark)]),
        };
        if request.change == TouchChange::Set {
            update.change = "SET #m = :m";
            update.condition = "attribute_exists(#k)".to_owned();
            update.names.insert("#k".to_owned(), request.keys.first().cloned().unwrap_or_default());
            update.compare(request.item, request.keys)?;
        }
        Ok(update)
    }

    /// Every attribute but the keys, which the item is found by.
    fn compare(&mut self, item: &BTreeMap<String, &str>, keys: &[String]) -> Result<(), String> {
        for (n, (name, json)) in item.iter().filter(|(name, _)| !keys.contains(name)).enumerate() {
            self.condition.push_str(&format!(" AND #{n} = :{n}"));
            self.names.insert(format!("#{n}"), name.clone());
            self.values.insert(format!(":{n}"), value::of_item(json)?);
        }
        Ok(())
    }
}
