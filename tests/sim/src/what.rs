//! What a call is about, by the names of its port and object.

use backfleet_core::key::ObjectKey;

/// The kinds of calls that faults and crashes are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A data file.
    Source,
    /// The plan.
    Plan,
    /// A shard.
    Shard,
    /// A link of a scan's chain.
    Link,
    /// A completion.
    Completion,
    /// A quarantine object.
    Quarantine,
    /// `control.json`.
    Control,
    /// `manifest.json`.
    Manifest,
    /// `_SUCCESS`.
    Success,
    /// Anything else.
    Other,
}

/// The verb of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Object store.
    Get,
    /// Object store.
    Head,
    /// Object store.
    List,
    /// Object store.
    Put,
    /// Queue.
    Send,
    /// Queue.
    Receive,
    /// Queue.
    Extend,
    /// Queue.
    Release,
    /// Queue.
    Ack,
    /// Queue.
    DeadLetter,
    /// Queue.
    Depth,
    /// Dead letters.
    Peek,
    /// Dead letters.
    SendBack,
    /// Dead letters.
    Discard,
    /// Table.
    Describe,
    /// Table.
    Page,
}

/// Which object a key names, and of which unit.
pub fn of_key(key: &str) -> (What, Option<u32>) {
    let file = key.rsplit('/').next().unwrap_or(key);
    let digits = |text: &str| text.get(..6).and_then(|digits| digits.parse().ok());
    match file {
        "plan.json" => (What::Plan, None),
        "control.json" => (What::Control, None),
        "manifest.json" => (What::Manifest, None),
        "_SUCCESS" => (What::Success, None),
        _ if key.contains("/completions/") => (What::Completion, digits(file)),
        _ if key.contains("/quarantine/") => (What::Quarantine, digits(file)),
        _ if key.contains("/resume/") => (What::Link, None),
        _ if file.starts_with("part-") => (What::Shard, file.get(14..).and_then(digits)),
        _ if key.starts_with("data/") => (What::Source, digits(file)),
        _ => (What::Other, None),
    }
}

/// The same of a checked key.
pub fn of(key: &ObjectKey) -> (What, Option<u32>) {
    of_key(key.as_str())
}
