//! A table behind the scanner's port. Items stay the bytes they were answered in: the SDK signs, sends, and reads errors,
//! but never sees a page (see `capture`).

mod capture;
mod touch;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::scan::ScanError;
use aws_sdk_dynamodb::types::{
    BillingMode, KeySchemaElement, KeyType, OnDemandThroughput, ProvisionedThroughputDescription,
    ReturnConsumedCapacity, TableDescription, ThrottlingReason,
};
use backfleet_convert::Answer;
use backfleet_core::metrics::THROTTLES;
use backfleet_core::plan::Expressions;
use backfleet_core::ports::{
    PageRequest, PortError, PortFault, ReadCapacity, ScanKey, ScanPage, TableFacts, TableScanner,
};
use bytes::Bytes;
use serde::Deserialize;

use crate::call::Call;
use crate::classify::{Scope, own};
use crate::limits::{PAGE_CALL_MAX, SMALL_CALL_MAX};
pub(crate) use capture::capturing;

/// What half a read unit pays for (DynamoDB developer guide).
const HALF_UNIT_BYTES: usize = 4096;

/// A table, or one of its indexes.
#[derive(Debug, Clone)]
pub struct DynamoTable {
    client: Client,
    /// Name or ARN.
    table: String,
    index: Option<String>,
}

#[derive(Deserialize)]
struct Consumed {
    #[serde(rename = "CapacityUnits")]
    units: Option<f64>,
}

impl DynamoTable {
    pub(crate) fn new(client: Client, table: &str, index: Option<&str>) -> Self {
        Self { client, table: table.to_owned(), index: index.map(str::to_owned) }
    }

    fn call(&self, name: &'static str, limit: std::time::Duration) -> Call {
        let subject = match &self.index {
            None => self.table.clone(),
            Some(index) => format!("{}/index/{index}", self.table),
        };
        Call { name, subject, scope: Scope::DynamoDb, writes: false, limit }
    }

    /// An answer's parts; one that has none of the parts a page has is none.
    fn page_of(&self, call: &Call, body: Bytes, consistent: bool) -> Result<ScanPage, PortError> {
        let wrong = |why: String| call.failed_as(own::ANSWER_CORRUPTED, why);
        let answer = Answer::cut(&body).map_err(|error| wrong(error.to_string()))?;
        let items = answer.items.ok_or_else(|| wrong("the answer has no items".to_owned()))?;
        let text = |range: std::ops::Range<usize>| std::str::from_utf8(&body[range]).ok();
        let scanned = answer.scanned_count.and_then(text).and_then(|text| text.parse().ok());
        let scanned =
            scanned.ok_or_else(|| wrong("the answer does not say how many items it is of".to_owned()))?;
        let next = match answer.last_evaluated_key {
            None => None,
            Some(range) => {
                let key = text(range).ok_or_else(|| wrong("the last key is not UTF-8".to_owned()))?;
                Some(ScanKey(key.to_owned()))
            }
        };
        let consumed =
            answer.consumed_capacity.and_then(|range| serde_json::from_slice::<Consumed>(&body[range]).ok());
        // What says nothing of its cost is taken to cost what its bytes would.
        let by_bytes =
            items.len().div_ceil(HALF_UNIT_BYTES).max(1) as f64 * if consistent { 1.0 } else { 0.5 };
        let units = consumed.and_then(|consumed| consumed.units).unwrap_or(by_bytes);
        Ok(ScanPage { items: body.slice(items), scanned, next, units })
    }

    fn facts(&self, call: &Call, table: &TableDescription) -> Result<TableFacts, PortError> {
        let arn =
            table.table_arn().ok_or_else(|| call.failed_as(own::ANSWER_CORRUPTED, "the table has no ARN"))?;
        let mut facts = TableFacts {
            arn: arn.to_owned(),
            keys: keys(table.key_schema()),
            bytes: count(table.table_size_bytes()),
            items: count(table.item_count()),
            capacity: capacity(table, table.provisioned_throughput(), table.on_demand_throughput()),
            stream_arn: table.latest_stream_arn().map(str::to_owned),
        };
        let Some(index) = &self.index else { return Ok(facts) };
        let global = table.global_secondary_indexes().iter().find(|found| found.index_name() == Some(index));
        let local = table.local_secondary_indexes().iter().find(|found| found.index_name() == Some(index));
        match (global, local) {
            (Some(found), _) => {
                facts.bytes = count(found.index_size_bytes());
                facts.items = count(found.item_count());
                facts.capacity =
                    capacity(table, found.provisioned_throughput(), found.on_demand_throughput());
            }
            (None, Some(found)) => {
                facts.bytes = count(found.index_size_bytes());
                facts.items = count(found.item_count());
            }
            (None, None) => {
                return Err(call.refused(PortFault::NotFound, "the table has no index of that name"));
            }
        }
        Ok(facts)
    }
}

#[async_trait]
impl TableScanner for DynamoTable {
    async fn describe(&self) -> Result<TableFacts, PortError> {
        let call = self.call("table.describe", SMALL_CALL_MAX);
        let answer = call.ask(self.client.describe_table().table_name(&self.table).send()).await?;
        let table =
            answer.table.ok_or_else(|| call.failed_as(own::ANSWER_CORRUPTED, "the answer has no table"))?;
        self.facts(&call, &table)
    }

    async fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        let call = self.call("table.page", PAGE_CALL_MAX);
        let PageRequest { scan, segment, after, items_max } = request;
        let refused = |why: &str| call.refused(PortFault::Invalid, why);
        let number = |value: u32| i32::try_from(value).map_err(|_| refused("more than DynamoDB counts to"));
        let after = after.map(|after| value::key(&after.0)).transpose().map_err(|why| refused(&why))?;
        let Expressions { filter, projection, names, values } = &scan.expressions;
        let values = value::of_expressions(values).map_err(|why| refused(&why))?;
        let names = names.iter().map(|(placeholder, name)| (placeholder.clone(), name.clone())).collect();
        let limit = items_max.map(|max| i32::try_from(max).unwrap_or(i32::MAX));
        let answer = self
            .client
            .scan()
            .table_name(&self.table)
            .set_index_name(self.index.clone())
            .segment(number(*segment)?)
            .total_segments(number(scan.segments)?)
            .set_limit(limit)
            .set_consistent_read(scan.consistent.then_some(true))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .set_exclusive_start_key(after)
            .set_filter_expression(filter.clone())
            .set_projection_expression(projection.clone())
            .set_expression_attribute_names(Some(names).filter(|names: &HashMap<_, _>| !names.is_empty()))
            .set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()))
            .send();
        let (answered, body) =
            capture::capture(call.ask(async { answer.await.inspect_err(note_throttling) })).await;
        answered?;
        let body = body.ok_or_else(|| call.failed_as(own::ANSWER_CORRUPTED, "the answer had no body"))?;
        self.page_of(&call, body, scan.consistent)
    }
}

/// Counts a refusal for want of capacity by DynamoDB's own reason.
fn note_throttling(error: &SdkError<ScanError>) {
    let reasons: &[ThrottlingReason] = match error.as_service_error() {
        Some(ScanError::ProvisionedThroughputExceededException(error)) => error.throttling_reasons(),
        Some(ScanError::ThrottlingException(error)) => error.throttling_reasons(),
        Some(ScanError::RequestLimitExceeded(error)) => error.throttling_reasons(),
        _ => return,
    };
    let said = reasons.first().and_then(ThrottlingReason::reason).unwrap_or_default();
    metrics::counter!(THROTTLES, "reason" => reason_label(said)).increment(1);
}

/// One of the few that DynamoDB has, so that the metric has few labels.
fn reason_label(said: &str) -> &'static str {
    [
        "KeyRangeThroughputExceeded",
        "AccountLimitExceeded",
        "MaxOnDemandThroughputExceeded",
        "ProvisionedThroughputExceeded",
    ]
    .into_iter()
    .find(|reason| said.ends_with(reason))
    .unwrap_or("unsaid")
}

fn keys(schema: &[KeySchemaElement]) -> Vec<String> {
    let of = |kind: KeyType| schema.iter().filter(move |key| *key.key_type() == kind);
    of(KeyType::Hash).chain(of(KeyType::Range)).map(|key| key.attribute_name().to_owned()).collect()
}

fn count(count: Option<i64>) -> u64 {
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

fn capacity(
    table: &TableDescription,
    provisioned: Option<&ProvisionedThroughputDescription>,
    on_demand: Option<&OnDemandThroughput>,
) -> ReadCapacity {
    let mode = table.billing_mode_summary().and_then(|summary| summary.billing_mode());
    let units = provisioned.and_then(|provisioned| provisioned.read_capacity_units()).unwrap_or(0);
    match mode {
        Some(BillingMode::PayPerRequest) => {
            let max = on_demand.and_then(|on_demand| on_demand.max_read_request_units());
            ReadCapacity::OnDemand(max.and_then(|max| u64::try_from(max).ok()).filter(|max| *max > 0))
        }
        _ => ReadCapacity::Provisioned(u64::try_from(units).unwrap_or(0)),
    }
}
