//! What every [`Toucher`] does.
//!
//! Left out because it differs by nature: what a touch costs beyond that it costs something, and what is refused.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking, as a test does")]

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::run_all;
use crate::ports::{TouchChange, TouchRequest, Touched, Toucher};

const MARKER: &str = "_backfleet";

/// An empty table with the keys `pk` and `sk`, both text, and ways to change and to read it.
#[expect(clippy::type_complexity, reason = "two functions, named here and nowhere else")]
pub struct ToucherUnderTest {
    /// The table.
    pub table: Arc<dyn Toucher>,
    /// Puts an item in place of the one of its keys.
    pub put: Box<dyn Fn(Value) -> BoxFuture<'static, ()>>,
    /// The item of these keys.
    pub get: Box<dyn Fn(&str, &str) -> BoxFuture<'static, Option<Value>>>,
}

/// Runs every case, each on an empty table of its own. Panics with the names of those that failed.
pub async fn all(make: impl AsyncFn() -> ToucherUnderTest) {
    run_all!(
        make,
        [
            it_says_its_name,
            an_item_that_is_unchanged_gets_the_mark_and_keeps_everything_else,
            an_item_of_keys_alone_gets_the_mark,
            a_touch_that_is_done_again_is_done,
            an_item_that_is_another_one_is_passed_over_and_stays_as_it_is,
            an_item_that_is_gone_is_passed_over_and_does_not_come_back,
            an_attribute_that_came_later_does_not_count,
            a_mark_is_taken_away_from_whoever_has_it_and_from_nobody_else,
        ]
    );
}

/// A name and a table of any attributes.
fn item(rest: Value) -> Value {
    let mut item = json!({"pk": {"S": "a"}, "sk": {"S": "1"}});
    item.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    item
}

/// Every type there is, and names that need a placeholder.
fn whole() -> Value {
    item(json!({
        "text": {"S": "ä"},
        "number": {"N": "12345678901234567890123456789012345678"},
        "bytes": {"B": "AQI="},
        "flag": {"BOOL": true},
        "nothing": {"NULL": true},
        "list": {"L": [{"S": "x"}, {"N": "1"}]},
        "map": {"M": {"inner": {"S": "y"}}},
        "texts": {"SS": ["p", "q"]},
        "numbers": {"NS": ["1", "2"]},
        "binaries": {"BS": ["AQ=="]},
        "size": {"S": "a reserved word"},
        "a.b#c:d e": {"S": "an odd name"},
    }))
}

impl ToucherUnderTest {
    async fn touch(&self, source: &Value, mark: &str, change: TouchChange) -> Touched {
        let texts: BTreeMap<String, String> = source
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect();
        let item = texts.iter().map(|(name, value)| (name.clone(), value.as_str())).collect();
        let keys = ["pk".to_owned(), "sk".to_owned()];
        let request = TouchRequest { item: &item, keys: &keys, marker: MARKER, mark, change };
        let answer = self.table.touch(&request).await.unwrap();
        assert!(answer.units > 0.0, "a write costs something, also one that is passed over");
        answer.touched
    }

    async fn there(&self) -> Option<Value> {
        (self.get)("a", "1").await
    }
}

fn marked(item: Value, mark: &str) -> Value {
    let mut item = item;
    item[MARKER] = json!({"S": mark});
    item
}

/// The plan pins it.
pub async fn it_says_its_name(rig: ToucherUnderTest) {
    assert!(rig.table.arn().await.unwrap().starts_with("arn:"));
}

/// Of whatever types its attributes are.
pub async fn an_item_that_is_unchanged_gets_the_mark_and_keeps_everything_else(rig: ToucherUnderTest) {
    (rig.put)(whole()).await;
    assert_eq!(rig.touch(&whole(), "job", TouchChange::Set).await, Touched::Done);
    assert_eq!(rig.there().await.unwrap(), marked(whole(), "job"));
}

/// There is nothing to compare but that it is there.
pub async fn an_item_of_keys_alone_gets_the_mark(rig: ToucherUnderTest) {
    (rig.put)(item(json!({}))).await;
    assert_eq!(rig.touch(&item(json!({})), "job", TouchChange::Set).await, Touched::Done);
    assert_eq!(rig.there().await.unwrap(), marked(item(json!({})), "job"));
}

/// A worker that was stopped in between is followed by one that knows nothing of it.
pub async fn a_touch_that_is_done_again_is_done(rig: ToucherUnderTest) {
    (rig.put)(whole()).await;
    for _ in 0..2 {
        assert_eq!(rig.touch(&whole(), "job", TouchChange::Set).await, Touched::Done);
    }
    assert_eq!(rig.there().await.unwrap(), marked(whole(), "job"));
}

/// Its own change is in the stream already.
pub async fn an_item_that_is_another_one_is_passed_over_and_stays_as_it_is(rig: ToucherUnderTest) {
    let changed = item(json!({"text": {"S": "new"}}));
    (rig.put)(changed.clone()).await;
    for source in
        [item(json!({"text": {"S": "old"}})), item(json!({"text": {"S": "new"}, "gone": {"S": "x"}}))]
    {
        assert_eq!(rig.touch(&source, "job", TouchChange::Set).await, Touched::PassedOver);
    }
    assert_eq!(rig.there().await.unwrap(), changed);
}

/// An update alone would make it anew.
pub async fn an_item_that_is_gone_is_passed_over_and_does_not_come_back(rig: ToucherUnderTest) {
    for change in [TouchChange::Set, TouchChange::Remove] {
        assert_eq!(rig.touch(&whole(), "job", change).await, Touched::PassedOver);
        assert_eq!(rig.touch(&item(json!({})), "job", change).await, Touched::PassedOver);
    }
    assert_eq!(rig.there().await, None);
}

/// The mark of another job is one, too.
pub async fn an_attribute_that_came_later_does_not_count(rig: ToucherUnderTest) {
    (rig.put)(marked(item(json!({"text": {"S": "x"}, "later": {"N": "1"}})), "other")).await;
    assert_eq!(rig.touch(&item(json!({"text": {"S": "x"}})), "job", TouchChange::Set).await, Touched::Done);
    let there = rig.there().await.unwrap();
    assert_eq!(there, marked(item(json!({"text": {"S": "x"}, "later": {"N": "1"}})), "job"));
}

/// Whatever else became of the item.
pub async fn a_mark_is_taken_away_from_whoever_has_it_and_from_nobody_else(rig: ToucherUnderTest) {
    let changed = item(json!({"text": {"S": "changed since"}}));
    (rig.put)(marked(changed.clone(), "job")).await;
    assert_eq!(rig.touch(&whole(), "other", TouchChange::Remove).await, Touched::PassedOver);
    assert_eq!(rig.there().await.unwrap(), marked(changed.clone(), "job"));
    assert_eq!(rig.touch(&whole(), "job", TouchChange::Remove).await, Touched::Done);
    assert_eq!(rig.there().await.unwrap(), changed);
    assert_eq!(rig.touch(&whole(), "job", TouchChange::Remove).await, Touched::PassedOver);
}
