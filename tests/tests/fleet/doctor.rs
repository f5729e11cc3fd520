//! `doctor` finds what is wrong before the night does, and says what to do about it.

use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::{DEST, DEST_BUCKET, Fleet, SOURCE, create_queues};
use backfleet_tests::process::{Call, Outcome};
use serde_json::{Value, json};

fn fleet() -> Fleet {
    Fleet::over(Export::synthetic(Synth::telemetry(10, 1)))
}

fn doctor(fleet: &Fleet, queue: &str) -> Call {
    fleet.call(&["doctor", "--queue", queue, "--source", SOURCE, "--dest", DEST])
}

/// What doctor says of the things that are not good: `what` to `found` and `cure`.
#[track_caller]
fn faults(fleet: &Fleet, queue: &str) -> Vec<(String, String)> {
    let said: Outcome = doctor(fleet, queue).word("--json").ends_with(1);
    let checks = said.json()["checks"].as_array().expect("a list of checks").clone();
    let bad = checks.iter().filter(|check| check["outcome"] != "good");
    let text = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    let fault = |check: &Value| {
        assert!(!text(check, "found").is_empty() && !text(check, "cure").is_empty(), "{check}");
        (text(check, "what"), format!("{} {}", text(check, "found"), text(check, "cure")))
    };
    bad.map(fault).collect()
}

#[track_caller]
fn assert_only_fault(fleet: &Fleet, queue: &str, what: &str, fragments: &[&str]) {
    let faults = faults(fleet, queue);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].0.contains(what), "{faults:?}");
    for fragment in fragments {
        assert!(faults[0].1.contains(fragment), "{fragment:?} is not in {faults:?}");
    }
}

#[test]
fn what_doctor_makes_is_good_and_stays_good() {
    let fleet = fleet();
    let (queue, _) = create_queues(&fleet.cloud, "other");
    for _ in 0..2 {
        let said = doctor(&fleet, &queue).succeeds();
        assert!(!said.text().contains("BAD") && !said.text().contains("weak"), "{said}");
        assert_eq!(create_queues(&fleet.cloud, "other").0, queue);
    }
    // All that it writes is its probe, where no reader looks.
    assert_eq!(fleet.cloud.keys(DEST_BUCKET, ""), ["orders/_backfleet/probe"]);
}

#[test]
fn a_wrong_visibility_is_found() {
    let fleet = fleet();
    let (queue, _) = create_queues(&fleet.cloud, "other");
    fleet.cloud.queue(&queue).set("VisibilityTimeout", "30");
    assert_only_fault(&fleet, &queue, "visibility", &["30 s", "VisibilityTimeout", "120"]);
}

#[test]
fn a_short_retention_is_found() {
    let fleet = fleet();
    let (queue, dlq) = create_queues(&fleet.cloud, "other");
    fleet.cloud.queue(&queue).set("MessageRetentionPeriod", "3600");
    assert_only_fault(&fleet, &queue, "retention", &["1 hours", "MessageRetentionPeriod", "1209600"]);
    fleet.cloud.queue(&dlq).set("MessageRetentionPeriod", "3600");
    let both = faults(&fleet, &queue);
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both.iter().any(|(what, _)| what.contains("dead-letter queue")), "{both:?}");
}

#[test]
fn a_missing_dead_letter_queue_is_found() {
    let fleet = fleet();
    let attributes = json!({"VisibilityTimeout": "120", "MessageRetentionPeriod": "1209600"});
    let queue = fleet.cloud.create_queue("alone", &attributes);
    let faults = faults(&fleet, &queue);
    let missing = faults.iter().find(|(what, _)| what.contains("dead letters"));
    let (_, text) = missing.unwrap_or_else(|| panic!("{faults:?}"));
    assert!(text.contains("RedrivePolicy") && text.contains("--create-queues"), "{text}");
}

#[test]
fn a_redrive_policy_that_gives_up_too_early_is_found() {
    let fleet = fleet();
    let (queue, _) = create_queues(&fleet.cloud, "other");
    fleet.cloud.queue(&queue).set_receives_max(1);
    assert_only_fault(&fleet, &queue, "dead letters", &["after 1 receives", "maxReceiveCount", "5"]);
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let fleet = fleet();
    let endpoint = fleet.cloud.endpoint();
    let queue = format!("{endpoint}/000000000000/nowhere");
    let places = ["doctor", "--queue", &queue, "--source", "s3://no-source", "--dest", "s3://no-dest/x"];
    let said = fleet.call(&places).ends_with(1);
    said.says(&[
        "nowhere",
        "s3://no-source",
        "s3://no-dest/x",
        "next: ",
        "sqs:GetQueueAttributes",
        "s3:PutObject",
    ]);
    assert!(said.text().matches("BAD").count() >= 3, "{said}");
    assert!(!said.text().contains("panicked"), "{said}");

    // An empty source is as good as none.
    fleet.cloud.create_bucket("empty");
    fleet
        .call(&["doctor", "--source", "s3://empty"])
        .ends_with(1)
        .says(&["nothing is there", "s3:ListBucket"]);
}
