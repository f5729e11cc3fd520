//! A lane: one of the permits that share a scan's read budget. Pages of a lane come one after the other, each paid for
//! before the next is asked for, at the lane's share of the budget.
//!
//! ```text
//!  control.json --every 15 s--> share = budget / lanes --throttled: halved, then slowly back--> pacer
//!  page: wait while paused, pay what the last page cost, ask for a page of at most a fifth of a second's share
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backfleet_core::control::Control;
use backfleet_core::limits::{
    CONTROL_BYTES_MAX, CONTROL_EVERY, PAGE_SECONDS, PAGE_UNITS_MAX, READ_BUDGET_DEFAULT,
};
use backfleet_core::metrics::{PACE_WAIT_SECONDS, RCU_BUDGET, RCU_CONSUMED};
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::pace::Pacer;
use backfleet_core::plan::ScanSource;
use backfleet_core::ports::{PageRequest, PortError, PortFault, ScanPage, TableScanner};
use backfleet_core::retry::Jitter;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::desk::Job;

/// A lane that is throttled reads at half its share, then at a quarter, never below this part.
const FACTOR_MIN: f64 = 1.0 / 64.0;
/// A lane that is no longer throttled gets so much of its share back every second.
const FACTOR_PER_SECOND: f64 = 0.05;
/// Throttled tries of one page before the attempt is given up for the time being: some two minutes.
const REFUSALS_MAX: u32 = 12;
const THROTTLED_WAIT: Duration = Duration::from_millis(100);
const THROTTLED_WAIT_MAX: Duration = Duration::from_secs(20);
/// How soon a paused lane looks whether it is time to look again.
const PAUSED_STEP: Duration = Duration::from_secs(1);
/// The least that a page costs: 4 KB of eventually consistent reads.
const PAGE_UNITS_MIN: f64 = 0.5;
/// A page that was filtered empty.
const NO_ITEMS: &[u8] = b"[]";
/// What half a unit pays for.
const HALF_UNIT_BYTES: f64 = 4096.0;
/// So many times more items are asked for behind a page that cost the least and was thinned out.
const UNSEEN_GROWTH: f64 = 2.0;
/// A page asks for no more than so many times the items of the largest before it: a few items may be small ones by chance.
const PAGE_GROWTH: f64 = 4.0;
/// Pages of so many units say what an item costs; of smaller ones the rounding up of the page says more than the items.
const ROUNDED_UNITS: f64 = 4.0;

/// The lanes of one job that this process works on.
#[derive(Debug, Default)]
pub struct Lanes(Mutex<BTreeMap<u32, Arc<Lane>>>);

/// See the module. A lane whose message was delivered twice is still one lane in one process.
#[derive(Debug)]
pub struct Lane {
    seat: tokio::sync::Mutex<Seat>,
    jitter: Jitter,
}

#[derive(Debug)]
struct Seat {
    control: Control,
    read_at: Option<Instant>,
    factor: f64,
    grown_at: Instant,
    pacer: Option<(f64, Pacer)>,
    /// What the last page cost. `None` before the first of a delivery: whoever had the lane before may have left a page unpaid.
    owed: Option<f64>,
    /// What an item costs, by the pages so far.
    item_units: Option<f64>,
    /// Items of the largest page so far.
    page_items: u64,
    /// The part of a unit that was read and is in no metric yet: those are whole.
    uncounted: f64,
}

/// Until when a page is waited for.
pub(crate) struct Patience<'a> {
    /// The slice is over then.
    pub(crate) until: Instant,
    /// The worker was told to stop.
    pub(crate) stop: &'a CancellationToken,
}

impl Patience<'_> {
    pub(crate) fn is_over(&self) -> bool {
        self.stop.is_cancelled() || Instant::now() >= self.until
    }
}

impl Lanes {
    /// The lane of that number.
    pub(crate) fn lane(&self, number: u32) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(number).or_insert_with(|| Arc::new(Lane::new(number))).clone()
    }
}

impl Lane {
    fn new(number: u32) -> Self {
        let seat = Seat {
            control: Control::of_budget(READ_BUDGET_DEFAULT),
            read_at: None,
            factor: 1.0,
            grown_at: Instant::now(),
            pacer: None,
            owed: None,
            item_units: None,
            page_items: 0,
            uncounted: 0.0,
        };
        Self { seat: tokio::sync::Mutex::new(seat), jitter: Jitter::new(u64::from(number)) }
    }

    /// A delivery begins. Others may have had the lane since this process had it last: what it could have read meanwhile was
    /// read by them, and their last page may be unpaid.
    pub(crate) async fn begin(&self) {
        let mut seat = self.seat.lock().await;
        seat.pacer = None;
        seat.owed = seat.owed.filter(|owed| *owed > 0.0);
    }

    /// The next page, paid for; `None` when patience ends first.
    pub(crate) async fn page(
        &self,
        job: &Job,
        table: &dyn TableScanner,
        request: &PageRequest<'_>,
        patience: &Patience<'_>,
    ) -> Result<Option<ScanPage>, PortError> {
        let mut seat = self.seat.lock().await;
        let began = Instant::now();
        if !seat.admitted(job, request.scan, patience).await? {
            return Ok(None);
        }
        metrics::histogram!(PACE_WAIT_SECONDS).record(began.elapsed());
        let (mut ceiling, mut refusals) = (THROTTLED_WAIT, 0);
        loop {
            let request = PageRequest { items_max: seat.items_max(request.scan), ..request.clone() };
            match table.page(&request).await {
                Ok(page) => {
                    seat.note(request.scan, &page);
                    return Ok(Some(page));
                }
                Err(error) if error.fault == PortFault::Throttled && refusals < REFUSALS_MAX => {
                    seat.slow_down()
                }
                Err(error) => return Err(error),
            }
            // Biased: a worker that was told to stop does not wait.
            tokio::select! {
                biased;
                () = patience.stop.cancelled() => return Ok(None),
                () = sleep(self.jitter.below(ceiling)) => {}
            }
            refusals += 1;
            ceiling = (ceiling * 2).min(THROTTLED_WAIT_MAX);
        }
    }
}

impl Seat {
    /// Waits while paused, then until what was used is paid for; false if patience ends first.
    async fn admitted(
        &mut self,
        job: &Job,
        scan: &ScanSource,
        patience: &Patience<'_>,
    ) -> Result<bool, PortError> {
        loop {
            self.look(job).await?;
            if patience.is_over() {
                return Ok(false);
            }
            if !self.control.paused {
                break;
            }
            // Biased: a worker that was told to stop does not wait.
            tokio::select! {
                biased;
                () = patience.stop.cancelled() => return Ok(false),
                () = sleep(PAUSED_STEP) => {}
            }
        }
        self.grow();
        let share = self.share(scan);
        let pacer = match &mut self.pacer {
            Some((rate, pacer)) if *rate == share => pacer,
            pacer => &mut pacer.insert((share, Pacer::new(share))).1,
        };
        let owed = self.owed.unwrap_or((share * PAGE_SECONDS).clamp(PAGE_UNITS_MIN, PAGE_UNITS_MAX));
        let paid = tokio::select! {
            biased;
            () = patience.stop.cancelled() => false,
            () = pacer.pay(if mutant::is(Mutant::Unpaced) { 0.0 } else { owed }) => true,
        };
        if paid {
            self.owed = Some(0.0);
        }
        Ok(paid)
    }

    /// Reads what the operator may have changed, if that is due.
    async fn look(&mut self, job: &Job) -> Result<(), PortError> {
        if self.read_at.is_some_and(|at| at.elapsed() < CONTROL_EVERY) {
            return Ok(());
        }
        let before = self.control;
        match job
            .dest
            .get_small(&job.layout.control(), CONTROL_BYTES_MAX)
            .await?
            .map(|json| Control::parse(&json))
        {
            Some(Ok(control)) => self.control = control,
            Some(Err(error)) => warn!(%error, "control.json is left aside"),
            None => {}
        }
        self.read_at = Some(Instant::now());
        let Control { read_budget, paused, .. } = self.control;
        metrics::gauge!(RCU_BUDGET).set(if paused { 0.0 } else { f64::from(read_budget) });
        if self.control != before {
            info!(read_budget, paused, "the budget is now this");
        }
        Ok(())
    }

    fn share(&self, scan: &ScanSource) -> f64 {
        f64::from(self.control.read_budget) / f64::from(scan.lanes) * self.factor
    }

    /// Items of a page that costs no more than a lane may use at once; `None` for a full page.
    fn items_max(&self, scan: &ScanSource) -> Option<u32> {
        let dearer = if scan.consistent { 2.0 } else { 1.0 };
        let units = (self.share(scan) * PAGE_SECONDS).max(PAGE_UNITS_MIN * dearer);
        // Nothing is known of the first page's items: one tells.
        let items = units / self.item_units.unwrap_or(units);
        let known = PAGE_GROWTH * self.page_items as f64;
        (units < PAGE_UNITS_MAX * dearer).then(|| items.min(known).clamp(1.0, f64::from(u32::MAX)) as u32)
    }

    fn note(&mut self, scan: &ScanSource, page: &ScanPage) {
        let counted = self.uncounted + page.units;
        metrics::counter!(RCU_CONSUMED).increment(counted as u64);
        self.uncounted = counted.fract();
        self.owed = Some(self.owed.unwrap_or_default() + page.units);
        self.page_items = self.page_items.max(page.scanned);
        if page.scanned > 0 {
            let dearer = if scan.consistent { 2.0 } else { 1.0 };
            let mut seen = page.units / page.scanned as f64;
            if scan.expressions.thin() && page.units <= PAGE_UNITS_MIN * dearer {
                // The answer says nothing of what was read for it: as long as a page costs the least, ask for more.
                self.item_units = Some(seen / UNSEEN_GROWTH);
                return;
            }
            if !scan.expressions.thin() && page.units < ROUNDED_UNITS && page.items.len() > NO_ITEMS.len() {
                let by_bytes = page.items.len() as f64 / HALF_UNIT_BYTES * PAGE_UNITS_MIN * dearer;
                seen = seen.min(by_bytes / page.scanned as f64);
            }
            // The larger of what was just seen and a slowly fading past: sizes vary, and too large a page breaks a promise.
            self.item_units = Some(self.item_units.map_or(seen, |past| seen.max(0.9 * past + 0.1 * seen)));
        }
    }

    fn slow_down(&mut self) {
        self.factor = (self.factor / 2.0).max(FACTOR_MIN);
        self.grown_at = Instant::now();
    }

    fn grow(&mut self) {
        let seconds = self.grown_at.elapsed().as_secs();
        if self.factor < 1.0 && seconds > 0 {
            self.factor = (self.factor + FACTOR_PER_SECOND * seconds as f64).min(1.0);
            self.grown_at = Instant::now();
        }
    }
}
