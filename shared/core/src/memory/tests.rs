//! What the queue does that no suite can ask of a real one: caps, twelve hours, and the order of everything.

use std::time::Duration;

use tokio::time::{Instant, advance};

use super::*;
use crate::limits::{REASON_BYTES_MAX, VISIBILITY_TOTAL_MAX};
use crate::ports::{Depth, Held, PortFault, Queue, Retry};

const WINDOW: Duration = Duration::from_secs(120);

async fn queue_of(count: usize, config: MemoryQueueConfig) -> MemoryQueue {
    let queue = MemoryQueue::new(config);
    for n in 0..count {
        queue.send(&[n.to_string()]).await.unwrap();
    }
    queue
}

fn bodies(held: &[Held]) -> Vec<&str> {
    held.iter().map(|held| held.body.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn at_the_cap_a_receive_waits_and_answers_nothing_until_one_is_done() {
    let queue = queue_of(3, MemoryQueueConfig { in_flight_max: 2, ..Default::default() }).await;
    let held = queue.receive(10, Duration::ZERO).await.unwrap();
    assert_eq!(held.len(), 2);
    let begun = Instant::now();
    assert!(queue.receive(1, Duration::from_secs(20)).await.unwrap().is_empty());
    assert_eq!(begun.elapsed(), Duration::from_secs(20));
    let ack_later = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        queue.ack(&held[0].hold).await.unwrap();
    };
    let (received, ()) = tokio::join!(queue.receive(1, Duration::from_secs(20)), ack_later);
    assert_eq!(bodies(&received.unwrap()), ["2"]);
    assert_eq!(begun.elapsed(), Duration::from_secs(25));
}

#[tokio::test(start_paused = true)]
async fn at_the_cap_a_window_that_ends_makes_room() {
    let queue = queue_of(2, MemoryQueueConfig { in_flight_max: 1, ..Default::default() }).await;
    queue.receive(1, Duration::ZERO).await.unwrap();
    advance(WINDOW - Duration::from_secs(10)).await;
    let begun = Instant::now();
    let held = queue.receive(1, Duration::from_secs(20)).await.unwrap();
    assert_eq!(bodies(&held), ["1"], "visible for longer than the one that came back");
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_held_for_more_than_twelve_hours() {
    let queue = queue_of(1, MemoryQueueConfig::default()).await;
    let held = queue.receive(1, Duration::ZERO).await.unwrap().remove(0);
    queue.extend(&held.hold, VISIBILITY_TOTAL_MAX).await.unwrap();
    advance(Duration::from_secs(1)).await;
    for refused in [
        queue.extend(&held.hold, VISIBILITY_TOTAL_MAX).await,
        queue.release(&held.hold, VISIBILITY_TOTAL_MAX).await,
    ] {
        let error = refused.expect_err("twelve hours and a second");
        assert_eq!((error.fault, error.retry), (PortFault::Invalid, Retry::Never));
    }
    queue.extend(&held.hold, VISIBILITY_TOTAL_MAX - Duration::from_secs(1)).await.unwrap();
    advance(VISIBILITY_TOTAL_MAX - Duration::from_secs(1)).await;
    let again = queue.receive(1, Duration::ZERO).await.unwrap().remove(0);
    queue.extend(&again.hold, VISIBILITY_TOTAL_MAX).await.expect("a fresh receive, fresh hours");
}

#[tokio::test(start_paused = true)]
async fn messages_come_in_the_order_in_which_they_became_visible() {
    let queue = queue_of(4, MemoryQueueConfig::default()).await;
    let held = queue.receive(3, Duration::ZERO).await.unwrap();
    assert_eq!(bodies(&held), ["0", "1", "2"]);
    queue.release(&held[2].hold, Duration::from_secs(1)).await.unwrap();
    queue.release(&held[0].hold, Duration::from_secs(2)).await.unwrap();
    queue.release(&held[1].hold, Duration::from_secs(2)).await.unwrap();
    advance(Duration::from_secs(5)).await;
    assert_eq!(bodies(&queue.receive(10, Duration::ZERO).await.unwrap()), ["3", "2", "0", "1"]);
}

#[tokio::test(start_paused = true)]
async fn an_ended_window_can_be_acknowledged_but_not_extended() {
    let queue = queue_of(1, MemoryQueueConfig::default()).await;
    let held = queue.receive(1, Duration::ZERO).await.unwrap().remove(0);
    advance(WINDOW).await;
    assert_eq!(queue.extend(&held.hold, WINDOW).await.expect_err("ended").fault, PortFault::LeaseGone);
    assert_eq!(queue.release(&held.hold, WINDOW).await.expect_err("ended").fault, PortFault::LeaseGone);
    queue.ack(&held.hold).await.unwrap();
    queue.ack(&held.hold).await.expect("deleting twice is no error");
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
}

#[tokio::test(start_paused = true)]
async fn a_stale_hold_buries_nothing() {
    let queue = queue_of(1, MemoryQueueConfig::default()).await;
    let lost = queue.receive(1, Duration::ZERO).await.unwrap().remove(0);
    advance(WINDOW).await;
    queue.receive(1, Duration::ZERO).await.unwrap();
    assert_eq!(queue.dead_letter(&lost, "because").await.expect_err("stale").fault, PortFault::LeaseGone);
    assert!(queue.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_long_reason_is_cut_between_characters() {
    let queue = queue_of(1, MemoryQueueConfig::default()).await;
    let held = queue.receive(1, Duration::ZERO).await.unwrap().remove(0);
    queue.dead_letter(&held, &format!("x{}", "ü".repeat(REASON_BYTES_MAX))).await.unwrap();
    let reason = queue.dead_letters().remove(0).reason.unwrap();
    assert_eq!(reason, format!("x{}", "ü".repeat((REASON_BYTES_MAX - 1) / 2)));
}

#[tokio::test(start_paused = true)]
async fn a_redriven_message_begins_anew() {
    let queue = queue_of(2, MemoryQueueConfig { receives_max: 1, ..Default::default() }).await;
    let held = queue.receive(2, Duration::ZERO).await.unwrap();
    queue.dead_letter(&held[1], "because").await.unwrap();
    queue.release(&held[0].hold, Duration::ZERO).await.unwrap();
    assert!(queue.dead_letters().len() == 1, "moved by a receive, not by the clock");
    assert!(queue.receive(1, Duration::ZERO).await.unwrap().is_empty());
    let letters = queue.dead_letters();
    let told: Vec<_> =
        letters.iter().map(|letter| (letter.body.as_str(), letter.reason.as_deref())).collect();
    assert_eq!(told, [("1", Some("because")), ("0", None)]);
    queue.redrive();
    assert_eq!(queue.depth().await.unwrap(), Depth { visible: 2, ..Depth::default() });
    let again = queue.receive(10, Duration::ZERO).await.unwrap();
    assert_eq!(bodies(&again), ["1", "0"]);
    assert!(again.iter().all(|held| held.receives == 1));
}
