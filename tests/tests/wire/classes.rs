//! One class of faults at a time, often enough that no command and no unit can avoid it.

use backfleet_tests::fleet::DEST;
use backfleet_tests::proxy::{Fault, Filter, Kind, Ledger, Often, Schedule};

use crate::wire::{UNITS, Wire};

/// How many of all requests meet the fault.
const SHARE: f64 = 0.25;
/// Kinds whose lost answer costs no more than another request. A lost ReceiveMessage hides a message for a window.
const CHEAP_TO_LOSE: &[Kind] = &[
    Kind::Get,
    Kind::Head,
    Kind::List,
    Kind::Put,
    Kind::Send,
    Kind::Delete,
    Kind::Visibility,
    Kind::Attributes,
];

/// A job under nothing but `fault`, on all kinds of requests.
#[track_caller]
fn everywhere(fault: Fault) -> Ledger {
    happened(fault, Schedule::storm(1, SHARE, &[fault]))
}

/// A job under nothing but `fault`, where it loses no messages.
#[track_caller]
fn where_cheap(fault: Fault) -> Ledger {
    happened(fault, Schedule::seeded(1).with(&[fault], Filter::of(CHEAP_TO_LOSE), Often::Share(SHARE)))
}

#[track_caller]
fn happened(fault: Fault, schedule: Schedule) -> Ledger {
    let ledger = Wire::new().survives(schedule);
    assert!(ledger.times(fault) > 0, "{fault:?} never happened");
    assert_eq!(ledger.times(fault), ledger.faults());
    ledger
}

/// The fault came to objects and to queues.
#[track_caller]
fn came_to_both(ledger: &Ledger) {
    for of_queue in [false, true] {
        let came = ledger.injected.keys().any(|(_, kind)| kind.is_of_queue() == of_queue);
        assert!(came, "only one of the services had the fault: {:?}", ledger.injected);
    }
}

#[test]
fn internal_errors_are_survived() {
    came_to_both(&everywhere(Fault::InternalError));
}

#[test]
fn an_error_that_calls_itself_a_success_is_survived() {
    let ledger = everywhere(Fault::ErrorInSuccess);
    let came: Vec<_> = ledger.injected.keys().map(|&(_, kind)| kind).collect();
    assert_eq!(came, [Kind::List, Kind::Put]);
}

#[test]
fn a_service_that_asks_for_fewer_requests_is_survived() {
    came_to_both(&everywhere(Fault::SlowDown));
}

#[test]
fn a_service_that_says_how_long_to_wait_is_survived() {
    let schedule = Schedule::storm(1, 0.1, &[Fault::SlowDownRetryAfter]);
    came_to_both(&happened(Fault::SlowDownRetryAfter, schedule));
}

#[test]
fn html_of_a_gateway_is_survived() {
    came_to_both(&everywhere(Fault::BadGateway));
}

#[test]
fn a_gateway_that_gives_up_on_what_was_carried_out_is_survived() {
    came_to_both(&where_cheap(Fault::GatewayTimeout));
}

#[test]
fn conflicts_are_tried_again_until_one_of_the_writers_has_won() {
    let schedule = Schedule::seeded(1)
        .with(&[Fault::Conflict], Filter::of(&[Kind::Put]).within("/completions/"), Often::First(5))
        .with(&[Fault::Conflict], Filter::of(&[Kind::Put]), Often::First(2));
    let ledger = happened(Fault::Conflict, schedule);
    assert!(ledger.times(Fault::Conflict) as usize >= UNITS * (5 + 2));
}

#[test]
fn requests_that_never_arrive_are_survived() {
    came_to_both(&everywhere(Fault::Dropped));
}

#[test]
fn lost_replies_are_survived() {
    came_to_both(&where_cheap(Fault::LostReply));
}

/// The messages wait before anybody asks for them, so that the lost answers are not empty ones.
#[test]
fn a_message_whose_receipt_got_lost_comes_again() {
    let wire = Wire::new();
    wire.start().succeeds();
    let receives = Filter::of(&[Kind::Receive]);
    wire.proxy.set(Schedule::seeded(1).with(&[Fault::LostReply], receives, Often::First(3)));
    let _workers = wire.workers();
    wire.completes();
    assert_eq!(wire.proxy.ledger().times(Fault::LostReply), 3);
    wire.call(&["finish"]).flag("--dest", DEST).succeeds();
    wire.assert_as_local();
}

#[test]
fn a_reset_before_the_body_is_survived() {
    came_to_both(&where_cheap(Fault::ResetAtStart));
}

#[test]
fn a_reset_in_the_middle_of_the_body_is_survived() {
    came_to_both(&where_cheap(Fault::ResetInMiddle));
}

#[test]
fn a_reset_before_the_last_byte_is_survived() {
    came_to_both(&where_cheap(Fault::ResetAtEnd));
}

#[test]
fn a_body_that_ends_early_in_good_order_is_survived() {
    came_to_both(&where_cheap(Fault::Truncated));
}

#[test]
fn a_trickle_is_survived() {
    came_to_both(&everywhere(Fault::Trickle));
}

#[test]
fn delays_are_survived() {
    came_to_both(&everywhere(Fault::Delay));
}

#[test]
fn requests_that_arrive_twice_change_nothing() {
    came_to_both(&everywhere(Fault::Duplicated));
}

/// The emulator compares checksums as S3 does, so nothing of a garbled upload was kept.
#[test]
fn an_upload_garbled_on_its_way_is_refused_and_sent_again() {
    let ledger = everywhere(Fault::GarbledUpload);
    assert_eq!(ledger.answered(Kind::Put, 400), ledger.times(Fault::GarbledUpload));
}
