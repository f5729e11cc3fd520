//! What went through the proxy, and what was done to it.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::http::Message;
use super::kind::{Kind, subject};

/// Counts since the proxy was started.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Faults that really happened.
    pub injected: BTreeMap<(Fault, Kind), u64>,
    /// Requests that came.
    pub requests: BTreeMap<Kind, u64>,
    /// Answers of the emulator, by their status.
    pub answers: BTreeMap<(Kind, u16), u64>,
    /// Subjects of uploads that S3 could not have checked or would have let overwrite.
    pub unguarded: Vec<String>,
    asked: BTreeMap<String, u64>,
}

impl Ledger {
    /// How often a fault happened.
    pub fn times(&self, fault: Fault) -> u64 {
        self.injected.iter().filter(|((happened, _), _)| *happened == fault).map(|(_, times)| times).sum()
    }

    /// Faults in all.
    pub fn faults(&self) -> u64 {
        self.injected.values().sum()
    }

    /// Requests in all.
    pub fn all_requests(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Answers of the emulator to a kind of request with this status.
    pub fn answered(&self, kind: Kind, status: u16) -> u64 {
        self.answers.get(&(kind, status)).copied().unwrap_or(0)
    }

    /// Faults by kind of fault, for a reader.
    pub fn summary(&self) -> String {
        let mut by_fault: BTreeMap<Fault, u64> = BTreeMap::new();
        for ((fault, _), times) in &self.injected {
            *by_fault.entry(*fault).or_default() += times;
        }
        format!("{} requests, {} faults: {by_fault:?}", self.all_requests(), self.faults())
    }

    /// Notes a request and says how often its subject was asked for before.
    pub(super) fn admit(&mut self, kind: Kind, request: &Message) -> u64 {
        *self.requests.entry(kind).or_default() += 1;
        let subject = subject(request);
        if kind == Kind::Put && !is_guarded(request) {
            self.unguarded.push(subject.clone());
        }
        let asked = self.asked.entry(subject).or_default();
        *asked += 1;
        *asked - 1
    }

    pub(super) fn happened(&mut self, fault: Fault, kind: Kind) {
        *self.injected.entry((fault, kind)).or_default() += 1;
    }

    pub(super) fn answer(&mut self, kind: Kind, answer: &Message) {
        *self.answers.entry((kind, answer.status())).or_default() += 1;
    }
}

fn is_guarded(request: &Message) -> bool {
    request.header("x-amz-checksum-sha256").is_some() && request.header("if-none-match") == Some("*")
}
