//! What was spent on a job and met on the way: requests, calls that were tried again, attempts that failed, units that took long.
//! For the job's page: people read it, nothing is decided by it, and it proves nothing.
//!
//! Work runs in the scope of the job it is for ([`Ledger::of`]), and whoever makes a request or tries again notes it for the
//! scope it is in, or for nobody. A process writes down what it has noted now and then ([`Ledger::take`]), under the
//! digest of what it writes; what it had not written when it was killed is lost.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::digest::Sha256Digest;
use crate::job::JobId;
use crate::layout::Layout;
use crate::limits::{EFFORT_BYTES_MAX, EFFORTS_READ_MAX, LONG_UNITS_MAX, PUT_ASIDE_MAX};
use crate::ports::{Metadata, NewObject, ObjectStore, PortError};

/// What one process did for a job in some time, or all of them together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effort {
    /// Its own form: 1.
    pub v: u32,
    /// When it was written down, in microseconds since 1970.
    pub told_micros: i64,
    /// Requests to services, by call: every try is one.
    pub requests: BTreeMap<String, u64>,
    /// Calls that were tried again, by call and by what went wrong.
    pub retries: BTreeMap<String, BTreeMap<String, u64>>,
    /// Attempts at a unit that failed, by class.
    pub failures: BTreeMap<String, u64>,
    /// Half read units that pages of a scan cost.
    pub read_half_units: u64,
    /// Deliveries that ended with the unit complete.
    pub completed: u64,
    /// The units that took longest, the longest first.
    pub long_units: Vec<LongUnit>,
    /// Units put aside, by number, with the last reason; not all, if there are many.
    pub put_aside: BTreeMap<u32, String>,
}

/// The time a unit took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongUnit {
    /// The unit.
    pub unit: u32,
    /// Its deliveries, those that failed too.
    pub deliveries: u32,
    /// What they took together.
    pub millis: u64,
}

impl Effort {
    /// Counts a request to a service.
    pub fn requested(&mut self, call: &str) {
        add(&mut self.requests, call, 1);
    }

    /// Counts a call that is tried again.
    pub fn retried(&mut self, call: &str, class: &str) {
        add(self.retries.entry(call.to_owned()).or_default(), class, 1);
    }

    /// Counts an attempt that failed.
    pub fn failed(&mut self, class: &str) {
        add(&mut self.failures, class, 1);
    }

    /// Counts a unit that was put aside.
    pub fn put_aside(&mut self, unit: u32, reason: &str) {
        if self.put_aside.len() < PUT_ASIDE_MAX || self.put_aside.contains_key(&unit) {
            self.put_aside.insert(unit, reason.to_owned());
        }
    }

    /// Counts the time of a delivery, or of several of one unit. Of the shortest units nothing is kept.
    pub fn took(&mut self, more: LongUnit) {
        match self.long_units.iter_mut().find(|long| long.unit == more.unit) {
            Some(long) => {
                long.deliveries = long.deliveries.saturating_add(more.deliveries);
                long.millis = long.millis.saturating_add(more.millis);
            }
            None => self.long_units.push(more),
        }
        self.long_units.sort_by_key(|long| (std::cmp::Reverse(long.millis), long.unit));
        self.long_units.truncate(LONG_UNITS_MAX);
    }

    /// Whether anything was done, or went wrong; a look at what was done before is neither.
    pub fn is_work(&self) -> bool {
        let wrong = !self.failures.is_empty() || !self.retries.is_empty() || !self.put_aside.is_empty();
        wrong || self.completed > 0 || self.read_half_units > 0
    }

    /// Adds another process's effort, or a later one of the same.
    pub fn add(&mut self, other: &Self) {
        self.told_micros = self.told_micros.max(other.told_micros);
        other.requests.iter().for_each(|(call, count)| add(&mut self.requests, call, *count));
        for (call, classes) in &other.retries {
            let known = self.retries.entry(call.clone()).or_default();
            classes.iter().for_each(|(class, count)| add(known, class, *count));
        }
        other.failures.iter().for_each(|(class, count)| add(&mut self.failures, class, *count));
        self.read_half_units = self.read_half_units.saturating_add(other.read_half_units);
        self.completed = self.completed.saturating_add(other.completed);
        other.long_units.iter().for_each(|long| self.took(*long));
        other.put_aside.iter().for_each(|(unit, reason)| self.put_aside(*unit, reason));
    }
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    match counts.get_mut(name) {
        Some(sum) => *sum = sum.saturating_add(count),
        None => drop(counts.insert(name.to_owned(), count)),
    }
}

/// What a process has noted and not yet written down, by job.
#[derive(Debug, Default)]
pub struct Ledger {
    jobs: Mutex<BTreeMap<JobId, Effort>>,
    noted: Notify,
}

tokio::task_local! {
    static SCOPE: (Arc<Ledger>, JobId);
}

impl Ledger {
    /// Runs work for a job: what is noted in it is noted for that job.
    pub async fn of<T>(self: &Arc<Self>, job: JobId, work: impl Future<Output = T>) -> T {
        SCOPE.scope((self.clone(), job), work).await
    }

    /// Notes something of a job.
    pub fn note(&self, job: JobId, what: impl FnOnce(&mut Effort)) {
        what(self.jobs().entry(job).or_default());
        self.noted.notify_one();
    }

    /// Waits until there is something to be written down.
    pub async fn noted(&self) {
        while self.jobs().is_empty() {
            self.noted.notified().await;
        }
    }

    /// All that was noted so far; it is the caller's now.
    pub fn take(&self) -> BTreeMap<JobId, Effort> {
        std::mem::take(&mut *self.jobs())
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<JobId, Effort>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes something for the job that this is done for, if anybody keeps a ledger.
pub fn note(what: impl FnOnce(&mut Effort)) {
    let _ = SCOPE.try_with(|(ledger, job)| ledger.note(*job, what));
}

/// Work that a task of its own does for the same job.
pub fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let scope = SCOPE.try_with(Clone::clone).ok();
    async move {
        match scope {
            Some(scope) => SCOPE.scope(scope, work).await,
            None => work.await,
        }
    }
}

/// Writes an effort down below its job.
pub async fn tell(
    dest: &dyn ObjectStore,
    layout: &Layout,
    effort: &Effort,
    now_micros: i64,
) -> Result<(), PortError> {
    let json = serde_json::to_vec(&Effort { v: 1, told_micros: now_micros, ..effort.clone() })
        .expect("an effort is plain data");
    let sha256 = Sha256Digest::of(&json);
    let key = layout.effort(sha256);
    // The name is the content's: whatever is there already says the same.
    dest.put_new(NewObject { key, bytes: json.into(), metadata: Metadata::new(), sha256 }).await?;
    Ok(())
}

/// All that processes have told of a job, together; what cannot be read is left out.
pub async fn told(dest: &dyn ObjectStore, layout: &Layout) -> Result<Effort, PortError> {
    let mut all = Effort::default();
    let (mut after, mut left) = (None, EFFORTS_READ_MAX);
    loop {
        let page = dest.list(&layout.efforts_prefix(), after.as_ref()).await?;
        for entry in page.entries.iter().take(left) {
            let json = dest.get_small(&entry.key, EFFORT_BYTES_MAX).await?.unwrap_or_default();
            if let Ok(effort @ Effort { v: 1, .. }) = serde_json::from_slice(&json) {
                all.add(&effort);
            }
        }
        left = left.saturating_sub(page.entries.len());
        let Some(last) = page.entries.last().filter(|_| page.more && left > 0) else { return Ok(all) };
        after = Some(last.key.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    const JOB: &str = "0123456789abcdef0123456789abcdef";

    fn job() -> JobId {
        JOB.parse().unwrap()
    }

    fn long(unit: u32, millis: u64) -> LongUnit {
        LongUnit { unit, deliveries: 1, millis }
    }

    #[tokio::test]
    async fn what_is_done_for_a_job_is_noted_for_it_alone_also_in_a_task_of_its_own() {
        let ledger = Arc::new(Ledger::default());
        note(|effort| effort.requested("nobody's"));
        let work = async {
            note(|effort| effort.requested("a"));
            tokio::spawn(carried(async { note(|effort| effort.requested("b")) })).await.unwrap();
            tokio::spawn(async { note(|effort| effort.requested("lost")) }).await.unwrap();
        };
        ledger.of(job(), work).await;
        ledger.noted().await;
        let noted = ledger.take();
        assert_eq!((noted.len(), noted[&job()].requests.keys().eq(["a", "b"])), (1, true), "{noted:?}");
        assert_eq!(ledger.take(), BTreeMap::new());
    }

    #[tokio::test]
    async fn what_processes_tell_adds_up_in_any_order() {
        let mut one = Effort::default();
        one.requested("queue.send");
        one.retried("object_store.get", "throttled");
        one.failed("unavailable");
        one.put_aside(7, "first");
        (0..100).for_each(|unit| one.took(long(unit, u64::from(unit) * 10)));
        let mut other = Effort { read_half_units: 3, completed: 2, ..Effort::default() };
        other.requested("queue.send");
        other.retried("object_store.get", "throttled");
        other.took(long(99, 5_000));
        other.took(long(3, 1));

        let (store, layout) = (MemoryStore::new(), Layout::new(job(), "p", "json").unwrap());
        for (effort, micros) in [(&one, 1), (&other, 2), (&other, 2)] {
            tell(&store, &layout, effort, micros).await.unwrap();
        }
        let all = told(&store, &layout).await.unwrap();
        assert_eq!((all.requests["queue.send"], all.retries["object_store.get"]["throttled"]), (2, 2));
        assert_eq!((all.failures["unavailable"], all.read_half_units, all.completed), (1, 3, 2));
        assert_eq!(all.put_aside, BTreeMap::from([(7, "first".to_owned())]));
        assert_eq!(all.long_units.len(), LONG_UNITS_MAX);
        assert_eq!(all.long_units[0], LongUnit { unit: 99, deliveries: 2, millis: 5_990 });
        assert_eq!((all.long_units[1], all.told_micros), (long(98, 980), 2));
    }
}
