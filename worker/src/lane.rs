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
use backfleet_core::effort;
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
        effort::note(|effort| effort.read_half_units += (page.units * 2.0).round() as u64);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backfleet_core::effort::Ledger;
    use backfleet_core::plan::Expressions;
    use tokio::time::advance;

    use super::*;

    /// One lane, `budget` read units a second.
    fn seat(budget: u32) -> Seat {
        Seat { control: Control::of_budget(budget), ..Lane::new(0).seat.into_inner() }
    }

    fn scan() -> ScanSource {
        ScanSource {
            table_arn: "arn:aws:dynamodb:eu-north-1:123456789012:table/t".into(),
            index: None,
            segments: 1,
            lanes: 1,
            consistent: false,
            dated: true,
            expressions: Expressions::default(),
        }
    }

    fn consistent() -> ScanSource {
        ScanSource { consistent: true, ..scan() }
    }

    fn filtered() -> ScanSource {
        let filter = Expressions { filter: Some("attribute_exists(a)".into()), ..Expressions::default() };
        ScanSource { expressions: filter, ..scan() }
    }

    /// A page of so many items and bytes.
    fn page(scanned: u64, bytes: usize, units: f64) -> ScanPage {
        ScanPage { items: vec![b' '; bytes].into(), scanned, next: None, units }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_with_the_slice_or_with_the_worker() {
        let (stop, until) = (CancellationToken::new(), Instant::now() + Duration::from_secs(1));
        let patience = Patience { until, stop: &stop };
        assert!(!patience.is_over());
        advance(Duration::from_millis(999)).await;
        assert!(!patience.is_over());
        advance(Duration::from_millis(1)).await;
        assert!(patience.is_over());
        let patience = Patience { until: until + Duration::from_secs(60), stop: &stop };
        assert!(!patience.is_over());
        stop.cancel();
        assert!(patience.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_owed_outlives_a_delivery_and_what_was_paid_ahead_does_not() {
        for (before, after) in [(Some(7.0), Some(7.0)), (Some(0.0), None), (None, None)] {
            let lane = Lane::new(0);
            lane.seat.lock().await.owed = before;
            lane.begin().await;
            assert_eq!(lane.seat.lock().await.owed, after);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_asks_for_a_fifth_of_a_second_of_the_share_and_grows_by_four_at_most() {
        let mut seat = seat(100);
        assert_eq!(seat.items_max(&scan()), Some(1), "nothing is known of the first page");
        (seat.item_units, seat.page_items) = (Some(0.5), 1);
        assert_eq!(seat.items_max(&scan()), Some(4), "20 units would be 40 items; one was the most so far");
        seat.page_items = 1_000;
        assert_eq!(seat.items_max(&scan()), Some(40));
        assert_eq!(seat.items_max(&consistent()), Some(40));
        seat.item_units = Some(1_000.0);
        assert_eq!(seat.items_max(&scan()), Some(1), "never less than an item");
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_share_asks_for_what_the_least_charge_pays_and_a_large_one_for_full_pages() {
        let mut small = seat(1);
        (small.item_units, small.page_items) = (Some(0.01), 1_000);
        assert_eq!(small.items_max(&scan()), Some(50), "half a unit");
        assert_eq!(small.items_max(&consistent()), Some(100), "a whole one");
        // A full page costs 128 units, or 256 of consistent reads.
        for (budget, eventual, strong) in [(639, false, false), (640, true, false), (1_280, true, true)] {
            let mut large = seat(budget);
            (large.item_units, large.page_items) = (Some(0.5), 1_000);
            assert_eq!(large.items_max(&scan()).is_none(), eventual, "{budget}");
            assert_eq!(large.items_max(&consistent()).is_none(), strong, "{budget}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_item_costs_is_learnt_from_pages_and_forgotten_slowly() {
        let mut seat = seat(100);
        seat.note(&scan(), &page(10, 80_000, 10.0));
        assert_eq!((seat.item_units, seat.page_items, seat.owed), (Some(1.0), 10, Some(10.0)));
        seat.note(&scan(), &page(5, 160_000, 20.0));
        assert_eq!((seat.item_units, seat.page_items, seat.owed), (Some(4.0), 10, Some(30.0)));
        seat.note(&scan(), &page(5, 80_000, 10.0));
        assert_eq!(seat.item_units, Some(0.9 * 4.0 + 0.1 * 2.0));
        let before = seat.item_units;
        seat.note(&scan(), &page(0, 2, 10.0));
        assert_eq!(seat.item_units, before, "a page of nothing says nothing of an item");
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_tell_what_the_items_of_a_small_page_cost() {
        for (scan, units, expected) in [(scan(), 0.5, 0.125), (consistent(), 1.0, 0.25)] {
            // A kilobyte an item: the charge of a page of one is rounded up to four.
            let mut seat = seat(100);
            seat.note(&scan, &page(1, 1_024, units));
            assert_eq!(seat.item_units, Some(expected));
        }
        // Items that were not sent have no bytes to be told by; a page of four units is believed.
        for (bytes, units) in [(2, 0.5), (1_024, 4.0)] {
            let mut seat = seat(100);
            seat.note(&scan(), &page(1, bytes, units));
            assert_eq!(seat.item_units, Some(units));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn behind_a_thin_page_of_the_least_charge_more_is_asked_for() {
        for (scan, units, expected) in [
            (filtered(), 0.5, 0.025),
            (filtered(), 1.0, 0.1),
            (ScanSource { consistent: true, ..filtered() }, 1.0, 0.05),
        ] {
            let mut seat = seat(100);
            seat.note(&scan, &page(10, 100, units));
            assert_eq!(seat.item_units, Some(expected), "{units}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn parts_of_units_are_counted_when_they_are_whole() {
        let mut seat = seat(100);
        seat.note(&scan(), &page(1, 6_000, 0.75));
        assert_eq!(seat.uncounted, 0.75);
        seat.note(&scan(), &page(1, 4_000, 0.5));
        assert_eq!(seat.uncounted, 0.25);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_read_is_told_of_the_job_in_half_units() {
        let (efforts, job) = (Arc::new(Ledger::default()), "0".repeat(32).parse().unwrap());
        let mut seat = seat(100);
        efforts.of(job, async { seat.note(&scan(), &page(10, 80_000, 10.5)) }).await;
        assert_eq!(efforts.take()[&job].read_half_units, 21);
    }

    #[tokio::test(start_paused = true)]
    async fn pages_in_quick_succession_do_not_put_off_what_comes_back() {
        let mut seat = seat(100);
        seat.slow_down();
        for _ in 0..10 {
            advance(Duration::from_millis(100)).await;
            seat.grow();
        }
        assert_eq!(seat.factor, 0.5 + FACTOR_PER_SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_lane_halves_its_share_and_gets_a_twentieth_of_it_back_every_second() {
        let mut seat = seat(100);
        assert_eq!(seat.share(&scan()), 100.0);
        advance(Duration::from_secs(60)).await;
        seat.slow_down();
        seat.slow_down();
        assert_eq!(seat.share(&scan()), 25.0);
        seat.grow();
        assert_eq!(seat.factor, 0.25, "no second is over");
        advance(Duration::from_secs(4)).await;
        seat.grow();
        assert_eq!(seat.factor, 0.25 + 4.0 * FACTOR_PER_SECOND);
        let grown_at = seat.grown_at;
        advance(Duration::from_secs(3_600)).await;
        seat.grow();
        assert_eq!(seat.factor, 1.0);
        assert!(seat.grown_at > grown_at);
        let grown_at = seat.grown_at;
        advance(Duration::from_secs(5)).await;
        seat.grow();
        assert_eq!((seat.factor, seat.grown_at), (1.0, grown_at), "there is nothing to get back");
        for _ in 0..20 {
            seat.slow_down();
        }
        assert_eq!(seat.factor, FACTOR_MIN);
    }
}
