//! What every [`Queue`] does.
//!
//! Real queues are slow to tell and vague about it, so every case waits for what must come for as long as it may
//! take, and looks for what must not come only once. Where emulators differ from what AWS documents (a stale hold
//! that deletes or extends all the same), [`QueueUnderTest`] says what to expect.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking, as a test does")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::run_all;
use crate::limits::{MESSAGE_BYTES_MAX, QUEUE_BATCH_MAX};
use crate::ports::{DeadLetter, Depth, Held, PortFault, Queue};

/// An empty queue and what is known of it.
pub struct QueueUnderTest {
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// Its visibility window: at least 3 s where the clock is real, so that a slow call is no expiry.
    pub visibility: Duration,
    /// How much later than its window a message may come back.
    pub lateness: Duration,
    /// How long to wait for what a service tells only after a while (counts, dead letters).
    pub patience: Duration,
    /// Receives before the queue moves a message to the dead letters.
    pub receives_max: u32,
    /// Whether a hold that somebody else's receive has made stale is refused by `ack` and `extend`, as the port asks.
    /// Two emulators take it and act on it.
    pub refuses_stale_holds: bool,
    /// What lies in the dead-letter queue.
    pub dead_letters: Box<dyn Fn() -> BoxFuture<'static, Vec<DeadLetter>> + Send + Sync>,
}

type Rig = QueueUnderTest;

/// Runs every case, each on an empty queue of its own. Panics with the names of those that failed.
pub async fn all(make: impl AsyncFn() -> QueueUnderTest) {
    run_all!(
        make,
        [
            what_was_sent_is_received,
            an_empty_queue_answers_nothing_after_the_wait,
            a_waiting_receiver_hears_of_a_message_at_once,
            a_held_message_is_invisible_and_comes_back_when_its_window_ends,
            an_extended_message_stays_invisible,
            a_released_message_is_there_at_once,
            a_message_released_with_a_delay_comes_after_it,
            an_acknowledged_message_never_comes_back,
            an_expired_hold_still_acknowledges_while_nobody_else_has_the_message,
            a_stale_hold_takes_nothing_from_the_holder,
            a_dead_letter_carries_its_reason,
            a_message_received_too_often_becomes_a_dead_letter,
            a_batch_is_sent_and_received,
            a_batch_that_is_too_long_is_refused,
            what_no_queue_takes_is_refused_by_itself,
            equal_bodies_are_messages_of_their_own,
            the_depth_is_told,
        ]
    );
}

/// The body, character for character, and a first receive.
pub async fn what_was_sent_is_received(rig: Rig) {
    let body = "{\"v\":1,\"job\":\"ü 🚀\"}\t\r\n <&> \u{fffd}";
    rig.send(&[body]).await;
    let held = rig.receive_one().await;
    assert_eq!((held.body.as_str(), held.receives), (body, 1));
}

/// No message is no error, and the wait is not cut short by much.
pub async fn an_empty_queue_answers_nothing_after_the_wait(rig: Rig) {
    let begun = Instant::now();
    assert!(rig.look(Duration::from_secs(1)).await.is_empty());
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    assert!(rig.look(Duration::ZERO).await.is_empty());
}

/// A long poll is woken by a send.
pub async fn a_waiting_receiver_hears_of_a_message_at_once(rig: Rig) {
    let later = async {
        sleep(Duration::from_secs(1)).await;
        rig.send(&["late"]).await;
        Instant::now()
    };
    let (held, sent_at) = tokio::join!(rig.look(Duration::from_secs(10)), later);
    assert_eq!(held.len(), 1);
    assert!(sent_at.elapsed() < Duration::from_secs(5), "{:?}", sent_at.elapsed());
}

/// And is counted: twice received.
pub async fn a_held_message_is_invisible_and_comes_back_when_its_window_ends(rig: Rig) {
    rig.send(&["again"]).await;
    let first = rig.receive_one().await;
    let received_at = Instant::now();
    assert!(rig.look(Duration::from_secs(1)).await.is_empty());
    let second = rig.receive_one().await;
    let away = received_at.elapsed() + Duration::from_millis(500);
    assert!(away >= rig.visibility, "came back after {away:?}");
    assert!(away <= rig.visibility + rig.lateness + Duration::from_secs(1), "came back after {away:?}");
    assert_eq!((second.body.as_str(), second.receives), ("again", 2));
    assert_ne!(second.hold, first.hold);
}

/// Beyond its first window, and no longer than the new one.
pub async fn an_extended_message_stays_invisible(rig: Rig) {
    rig.send(&["long"]).await;
    let held = rig.receive_one().await;
    rig.queue.extend(&held.hold, rig.visibility * 3).await.unwrap();
    sleep(rig.visibility + rig.lateness).await;
    assert!(rig.look(Duration::from_secs(1)).await.is_empty());
    rig.queue.extend(&held.hold, rig.visibility).await.unwrap();
    sleep(rig.visibility + rig.lateness).await;
    assert_eq!(rig.receive_one().await.body, "long");
}

/// Without waiting for the window.
pub async fn a_released_message_is_there_at_once(rig: Rig) {
    rig.send(&["back"]).await;
    let held = rig.receive_one().await;
    rig.queue.extend(&held.hold, Duration::from_secs(600)).await.unwrap();
    rig.queue.release(&held.hold, Duration::ZERO).await.unwrap();
    let again = rig.receive_one().await;
    assert_eq!((again.body.as_str(), again.receives), ("back", 2));
}

/// Not before, and not only at the end of its window.
pub async fn a_message_released_with_a_delay_comes_after_it(rig: Rig) {
    rig.send(&["later"]).await;
    let held = rig.receive_one().await;
    rig.queue.extend(&held.hold, Duration::from_secs(600)).await.unwrap();
    rig.queue.release(&held.hold, Duration::from_secs(3)).await.unwrap();
    let released_at = Instant::now();
    assert!(rig.look(Duration::from_secs(1)).await.is_empty());
    assert_eq!(rig.receive_one().await.body, "later");
    assert!(released_at.elapsed() >= Duration::from_millis(2500), "{:?}", released_at.elapsed());
}

/// Not after its window either.
pub async fn an_acknowledged_message_never_comes_back(rig: Rig) {
    rig.send(&["done"]).await;
    let held = rig.receive_one().await;
    rig.queue.ack(&held.hold).await.unwrap();
    sleep(rig.visibility + rig.lateness).await;
    assert!(rig.look(Duration::from_secs(1)).await.is_empty());
}

/// A late acknowledgement is as good as one in time, as long as nobody has begun again.
pub async fn an_expired_hold_still_acknowledges_while_nobody_else_has_the_message(rig: Rig) {
    rig.send(&["late"]).await;
    let held = rig.receive_one().await;
    sleep(rig.visibility + rig.lateness).await;
    rig.queue.ack(&held.hold).await.unwrap();
    assert!(rig.look(Duration::from_secs(1)).await.is_empty());
}

/// Whoever lost a message neither deletes it nor prolongs it for the one who has it.
pub async fn a_stale_hold_takes_nothing_from_the_holder(rig: Rig) {
    rig.send(&["contested"]).await;
    let lost = rig.receive_one().await;
    sleep(rig.visibility + rig.lateness).await;
    let held = rig.receive_one().await;
    let (ack, extend) =
        (rig.queue.ack(&lost.hold).await, rig.queue.extend(&lost.hold, Duration::from_secs(600)).await);
    if rig.refuses_stale_holds {
        assert_eq!(ack.expect_err("stale").fault, PortFault::LeaseGone);
        assert_eq!(extend.expect_err("stale").fault, PortFault::LeaseGone);
        let again = rig.receive_one().await;
        assert_eq!((again.body.as_str(), again.receives), ("contested", 3));
        rig.queue.ack(&again.hold).await.unwrap();
    } else {
        for refused in [ack.err(), extend.err()].into_iter().flatten() {
            assert_eq!(refused.fault, PortFault::LeaseGone);
        }
        rig.queue.ack(&held.hold).await.ok();
    }
    assert!(rig.look(Duration::from_secs(1)).await.is_empty());
}

/// Gone here, there with the reason and the body.
pub async fn a_dead_letter_carries_its_reason(rig: Rig) {
    rig.send(&["poison"]).await;
    let held = rig.receive_one().await;
    rig.queue.dead_letter(&held, "the unit names no plan").await.unwrap();
    let [letter] = &rig.wait_for_dead_letters(1).await[..] else { panic!("one letter") };
    assert_eq!((letter.body.as_str(), letter.reason.as_deref()), ("poison", Some("the unit names no plan")));
    sleep(rig.visibility + rig.lateness).await;
    assert!(rig.look(Duration::from_secs(1)).await.is_empty());
}

/// By the queue itself, without a reason, and not before `receives_max` receives.
pub async fn a_message_received_too_often_becomes_a_dead_letter(rig: Rig) {
    rig.send(&["unlucky"]).await;
    for receives in 1..=rig.receives_max {
        let held = rig.receive_one().await;
        assert_eq!(held.receives, receives);
        rig.queue.release(&held.hold, Duration::ZERO).await.unwrap();
    }
    let give_up_at = Instant::now() + rig.patience;
    while (rig.dead_letters)().await.is_empty() && Instant::now() < give_up_at {
        assert!(rig.look(Duration::from_secs(1)).await.is_empty(), "received once too often");
    }
    let [letter] = &rig.wait_for_dead_letters(1).await[..] else { panic!("one letter") };
    assert_eq!((letter.body.as_str(), letter.reason.as_deref()), ("unlucky", None));
}

/// All ten, in whatever order and however many receives it takes.
pub async fn a_batch_is_sent_and_received(rig: Rig) {
    let bodies: Vec<String> = (0..QUEUE_BATCH_MAX).map(|n| format!("message {n}")).collect();
    assert!(rig.queue.send(&bodies).await.unwrap().is_empty());
    let held = rig.receive(QUEUE_BATCH_MAX).await;
    let received: BTreeSet<String> = held.iter().map(|held| held.body.clone()).collect();
    assert_eq!(received, bodies.into_iter().collect());
    for held in held {
        rig.queue.ack(&held.hold).await.unwrap();
    }
}

/// Eleven are too many, none is too few; nothing of either is sent.
pub async fn a_batch_that_is_too_long_is_refused(rig: Rig) {
    for count in [0, QUEUE_BATCH_MAX + 1] {
        let bodies: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        assert_eq!(rig.queue.send(&bodies).await.expect_err("refused").fault, PortFault::Invalid);
    }
    assert!(rig.look(Duration::from_secs(1)).await.is_empty());
}

/// Too large, or with a character that XML has not: the others of the batch are sent.
pub async fn what_no_queue_takes_is_refused_by_itself(rig: Rig) {
    let full = "x".repeat(MESSAGE_BYTES_MAX);
    let bodies =
        ["first".to_owned(), format!("{full}x"), "nul\0".to_owned(), full.clone(), "bell\u{7}".to_owned()];
    let failures = rig.queue.send(&bodies).await.unwrap();
    let refused: Vec<_> = failures.iter().map(|failure| (failure.index, failure.error.fault)).collect();
    assert_eq!(refused, [(1, PortFault::TooLarge), (2, PortFault::Invalid), (4, PortFault::Invalid)]);
    assert!(failures.iter().all(|failure| !failure.error.is_passing()));
    let received: BTreeSet<String> = rig.receive(2).await.into_iter().map(|held| held.body).collect();
    assert_eq!(received, BTreeSet::from(["first".to_owned(), full]));
}

/// Nothing is taken for a repetition.
pub async fn equal_bodies_are_messages_of_their_own(rig: Rig) {
    rig.send(&["same", "same"]).await;
    rig.send(&["same"]).await;
    let held = rig.receive(3).await;
    rig.queue.ack(&held[0].hold).await.unwrap();
    rig.queue.release(&held[1].hold, Duration::ZERO).await.unwrap();
    assert_eq!(rig.receive_one().await.body, "same");
}

/// Approximately and after a while.
pub async fn the_depth_is_told(rig: Rig) {
    rig.send(&["a", "b", "c", "d"]).await;
    rig.wait_for_depth(|depth| (depth.visible, depth.in_flight, depth.dead) == (4, 0, 0)).await;
    let held = rig.receive(4).await;
    for held in &held {
        rig.queue.extend(&held.hold, Duration::from_secs(600)).await.unwrap();
    }
    rig.queue.ack(&held[0].hold).await.unwrap();
    rig.queue.dead_letter(&held[1], "because").await.unwrap();
    rig.queue.release(&held[2].hold, Duration::ZERO).await.unwrap();
    rig.wait_for_depth(|depth| (depth.visible, depth.in_flight, depth.dead) == (1, 1, 1)).await;
}

impl QueueUnderTest {
    async fn send(&self, bodies: &[&str]) {
        let bodies: Vec<String> = bodies.iter().map(|&body| body.to_owned()).collect();
        let failures = self.queue.send(&bodies).await.unwrap();
        assert!(failures.is_empty(), "{failures:?}");
    }

    async fn look(&self, wait: Duration) -> Vec<Held> {
        self.queue.receive(QUEUE_BATCH_MAX, wait).await.unwrap()
    }

    /// Exactly `count` messages, each once, within a window and some patience.
    async fn receive(&self, count: usize) -> Vec<Held> {
        let give_up_at = Instant::now() + self.visibility + self.lateness + self.patience;
        let mut held = Vec::new();
        while held.len() < count {
            assert!(Instant::now() < give_up_at, "{} of {count} messages came", held.len());
            held.extend(self.look(Duration::from_secs(1)).await);
        }
        assert_eq!(held.len(), count, "{held:?}");
        held
    }

    async fn receive_one(&self) -> Held {
        self.receive(1).await.remove(0)
    }

    async fn wait_for_dead_letters(&self, count: usize) -> Vec<DeadLetter> {
        let give_up_at = Instant::now() + self.patience;
        loop {
            let letters = (self.dead_letters)().await;
            if letters.len() >= count || Instant::now() >= give_up_at {
                return letters;
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn wait_for_depth(&self, wanted: impl Fn(Depth) -> bool) {
        let give_up_at = Instant::now() + self.patience;
        loop {
            let depth = self.queue.depth().await.unwrap();
            if wanted(depth) {
                return;
            }
            assert!(Instant::now() < give_up_at, "{depth:?}");
            sleep(Duration::from_millis(200)).await;
        }
    }
}
