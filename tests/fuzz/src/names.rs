//! Keys: what a name is parsed as builds that name, and no other.

use backfleet_core::digest::Sha256Digest;
use backfleet_core::job::JobId;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::{
    Layout, ShardName, export_ticket_key, parse_export_ticket, parse_job, plan_key,
};

const JOB: &str = "0123456789abcdef0123456789abcdef";

/// A partition, a newline, and a key; or a key alone.
pub fn layout(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let (partition, key) = text.split_once('\n').unwrap_or(("", text));
    let job: JobId = JOB.parse().expect("a job");
    let Ok(layout) = Layout::new(job, partition, "json.gz") else { return };
    hold_own_names(&layout);
    let Ok(key) = ObjectKey::new(key) else { return };
    assert!(!key.as_str().starts_with('/') && key.as_str().split('/').all(|segment| segment != ".."));
    let shard = layout.parse_shard(&key);
    assert!(shard.is_none_or(|name| layout.shard(name) == key));
    let unit = layout.parse_completion(&key);
    assert!(unit.is_none_or(|unit| layout.completion(unit) == key));
    assert!(shard.is_none() || unit.is_none());
    if let Some(found) = parse_job(&key) {
        assert!(key.as_str().starts_with(&plan_key(found).as_str()[..43]));
    }
    let order = Sha256Digest([0x5a; 32]);
    assert!(parse_export_ticket(order, &key).is_none_or(|n| export_ticket_key(order, n) == key));
}

/// The longest and the shortest numbers have names that are read again.
fn hold_own_names(layout: &Layout) {
    for number in [0, 99_999, 1_000_000, u32::MAX] {
        let name = ShardName { unit: number, shard: number };
        assert_eq!(layout.parse_shard(&layout.shard(name)), Some(name));
        assert_eq!(layout.parse_completion(&layout.completion(number)), Some(number));
        layout.quarantine(number, number);
    }
    assert_eq!(parse_job(&layout.manifest()), Some(layout.job()));
}
