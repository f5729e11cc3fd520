//! Messages that no worker may act on: put aside at once, with a reason, and never repeated in a log.

use std::time::Duration;

use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::Fleet;
use backfleet_tests::fleet_wait::{holds_within, until};

/// In every body, so that it would be found wherever a body is copied to.
const MARK: &str = "5d0c1f7e";

#[test]
fn malformed_and_foreign_messages_are_put_aside_at_once_and_never_logged() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(600, 6)));
    fleet.start().succeeds();
    let ours = fleet.message(1);
    let foreign_job = format!("{MARK}{}", "0".repeat(24));
    let job = fleet.job_id().expect("a job was planned");
    let with_mark = |text: &str| text.replacen('{', &format!("{{\"note\":\"{MARK}\","), 1);
    let bodies = [
        (format!("{MARK} is no JSON"), "malformed-message"),
        (format!("{{\"{MARK}"), "malformed-message"),
        (format!("\t<!&]]>{MARK}\u{e9}\u{fffd}\u{1f980}\r\n"), "malformed-message"),
        (format!("{}{MARK}", "[".repeat(30_000)), "malformed-message"),
        (with_mark(&ours), "malformed-message"),
        (format!("{}{MARK}", "x".repeat(70_000)), "malformed-message"),
        (ours.replace("\"unit\":1", "\"unit\":-1").replace(&job, &foreign_job), "malformed-message"),
        (ours.replace("\"v\":1", "\"v\":2").replace(&job, &foreign_job), "malformed-message"),
        (ours.replace(&job, &foreign_job), "unknown-job"),
        (ours.replace(&job, &format!("../../{MARK}")), "malformed-message"),
        (ours.replace("\"unit\":1", "\"unit\":6"), "unknown-unit"),
        (ours.replace("\"unit\":1", "\"unit\":4294967295"), "unknown-unit"),
    ];
    for (body, _) in &bodies {
        fleet.queue().send(body);
    }
    let mut worker = fleet.worker().start_ready();
    let all_aside = || fleet.dlq().visible() == bodies.len();
    assert!(
        holds_within(Duration::from_secs(20), all_aside),
        "{} aside: {}",
        fleet.dlq().visible(),
        worker.log()
    );
    fleet.start().word("--wait").succeeds();
    fleet.assert_as_local();

    for letter in fleet.letters() {
        assert_eq!(letter["attempts"], 1, "it was tried again: {letter}");
        assert!(!letter.to_string().contains("is no JSON"), "a body is repeated: {letter}");
    }
    let letters = fleet.dlq().receive_all();
    assert_eq!(letters.len(), bodies.len());
    for (body, class) in &bodies {
        let start = &body[..body.len().min(100)];
        let letter = letters.iter().find(|letter| letter.body == *body);
        let letter = letter.unwrap_or_else(|| panic!("not among the dead letters as it was sent: {start}"));
        let reason = letter.attributes.get("backfleet-reason");
        assert!(reason.is_some_and(|reason| reason.starts_with(class)), "{reason:?} for {start}");
    }

    worker.signal("TERM");
    assert_eq!(worker.code_within(Duration::from_secs(30)), Some(0));
    let log = worker.log() + &worker.errors();
    let bodies_logged = [&format!("{MARK} is no JSON"), "<!&", "xxxxxxxx", "[[[[[[[[", "\\\"note", "../.."];
    for text in bodies_logged {
        assert!(!log.contains(text), "{text:?} of a body is in the log:\n{log}");
    }
    worker.log_lines();
}

#[test]
fn a_message_that_is_refused_keeps_no_worker_from_the_next() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(200, 2)));
    let _worker = fleet.worker().start_ready();
    for n in 0..40 {
        fleet.queue().send(&format!("garbage {n}"));
    }
    fleet.start().word("--wait").succeeds();
    until("all of them were aside", || fleet.dlq().visible() == 40);
    fleet.queue_call(&["dlq", "list"]).succeeds().says(&[
        "40 dead letters",
        "malformed-message: 40",
        "and 30 more",
    ]);
    // Of more letters than one receive brings, each is looked at once.
    assert_eq!(fleet.letters().len(), 40);
    fleet.queue_call(&["dlq", "discard", "--yes"]).succeeds().says(&["40 discarded"]);
    assert!(fleet.letters().is_empty());
    fleet.assert_as_local();
}
