//! Touches of a table in memory: what DynamoDB's conditions and updates would do.

use async_trait::async_trait;
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::{MemoryTable, key_json, locked};
use crate::ports::{PortError, PortFault, TouchAnswer, TouchChange, TouchRequest, Touched, Toucher};

/// What a write unit pays for.
const UNIT_BYTES: usize = 1024;

#[async_trait]
impl Toucher for MemoryTable {
    async fn arn(&self) -> Result<String, PortError> {
        Ok(super::ARN.to_owned())
    }

    async fn touch(&self, request: &TouchRequest<'_>) -> Result<TouchAnswer, PortError> {
        let item = parsed(request).ok_or_else(|| {
            PortError::fatal("table.touch", "memory", PortFault::Invalid).because("the item is no JSON")
        })?;
        let key = |name: &str| item.get(name).and_then(|value| value["S"].as_str());
        let Some((pk, sk)) = key("pk").zip(key("sk")) else {
            return Ok(TouchAnswer { touched: Touched::Refused, units: 1.0 });
        };
        let place = (xxh3_64(pk.as_bytes()), key_json(pk, sk));
        let mut items = locked(&self.items);
        let Some(text) = items.get_mut(&place) else {
            return Ok(TouchAnswer { touched: Touched::PassedOver, units: 1.0 });
        };
        let units = text.len().div_ceil(UNIT_BYTES) as f64;
        let mut there: Map<String, Value> = serde_json::from_str(text).expect("an item is JSON");
        let mark = serde_json::json!({"S": request.mark});
        let touched = match request.change {
            TouchChange::Set if item.iter().all(|(name, value)| there.get(name) == Some(value)) => {
                there.insert(request.marker.to_owned(), mark);
                Touched::Done
            }
            TouchChange::Remove if there.get(request.marker) == Some(&mark) => {
                there.remove(request.marker);
                Touched::Done
            }
            _ => Touched::PassedOver,
        };
        *text = Value::Object(there).to_string();
        Ok(TouchAnswer { touched, units })
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

fn parsed(request: &TouchRequest<'_>) -> Option<Map<String, Value>> {
    let attribute = |(name, json): (&String, &&str)| Some((name.clone(), serde_json::from_str(json).ok()?));
    request.item.iter().map(attribute).collect()
}
