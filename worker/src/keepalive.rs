//! Work under a lease: a heartbeat extends it, and the work is dropped when the lease ends by this process's
//! own monotonic clock. The lease is about not working twice; that nothing is ever doubled is the store's doing.

use std::cell::Cell;
use std::future::Future;

use backfleet_core::limits::BEATS_IN_A_WINDOW;
use backfleet_core::metrics::{LEASE_EXTENDED, LEASE_LOST};
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::ports::PortFault;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{info, warn};

use crate::attempt::AttemptError;
use crate::desk::Desk;
use crate::receive::Delivery;

/// Runs `work` until it is done or the lease is gone.
pub async fn under_lease<T>(
    desk: &Desk,
    delivery: &Delivery,
    work: impl Future<Output = Result<T, AttemptError>>,
) -> Result<T, AttemptError> {
    // Biased: an ended lease is noticed before another step of the work is taken.
    tokio::select! {
        biased;
        () = until_lost(desk, delivery) => {
            metrics::counter!(LEASE_LOST).increment(1);
            Err(AttemptError::LeaseLost)
        }
        done = work => done,
    }
}

/// Extends the lease again and again; returns when it has ended.
async fn until_lost(desk: &Desk, delivery: &Delivery) {
    let window = desk.queue.window();
    let deadline = Cell::new(delivery.received_at + window);
    let mut beat = delivery.received_at + window / BEATS_IN_A_WINDOW;
    loop {
        sleep_until(beat.min(deadline.get())).await;
        if Instant::now() >= deadline.get() {
            if mutant::is(Mutant::WorkWithoutLease) {
                return std::future::pending().await;
            }
            return;
        }
        if mutant::is(Mutant::NoHeartbeat) {
            beat = deadline.get();
            continue;
        }
        let asked_at = Instant::now();
        match timeout_at(deadline.get(), desk.queue.extend(&delivery.held.hold, window)).await {
            Err(_) => return,
            Ok(Ok(())) => {
                metrics::counter!(LEASE_EXTENDED).increment(1);
                deadline.set(asked_at + window);
            }
            Ok(Err(error)) if matches!(error.fault, PortFault::LeaseGone | PortFault::Invalid) => {
                info!(unit = delivery.message.unit, "the lease was refused an extension");
                return;
            }
            Ok(Err(error)) => warn!(unit = delivery.message.unit, %error, "a heartbeat failed"),
        }
        beat = asked_at + window / BEATS_IN_A_WINDOW;
    }
}
