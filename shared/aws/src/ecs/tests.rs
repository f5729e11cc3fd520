//! What is sent to ECS, and what its answers mean.

use backfleet_core::ports::Retry;
use serde_json::json;

use super::*;
use crate::replay::{Replay, answer, json as answer_json};

fn service(replay: &Replay) -> EcsService {
    replay.aws.ecs_service("fleet", "workers")
}

#[tokio::test]
async fn a_service_says_how_many_tasks_it_wants_and_has() {
    let body = json!({"services": [{"status": "ACTIVE", "desiredCount": 8, "runningCount": 3}]});
    let replay = Replay::of([answer_json(&body.to_string())]);
    assert_eq!(service(&replay).tasks().await.unwrap(), Tasks { desired: 8, running: 3 });
    assert_eq!(replay.only_asked().json(), json!({"cluster": "fleet", "services": ["workers"]}));
    for gone in [json!({"services": []}), json!({"services": [{"status": "INACTIVE"}]})] {
        let replay = Replay::of([answer_json(&gone.to_string())]);
        assert_eq!(service(&replay).tasks().await.unwrap_err().fault, PortFault::NotFound);
    }
}

#[tokio::test]
async fn a_service_is_told_how_many_tasks_to_have() {
    let replay = Replay::of([answer_json("{}")]);
    service(&replay).set_desired(8).await.unwrap();
    let asked = replay.only_asked();
    assert_eq!(asked.json(), json!({"cluster": "fleet", "service": "workers", "desiredCount": 8}));
    assert!(asked.header("x-amz-target").unwrap().ends_with(".UpdateService"));
    let body = json!({"__type": "ServiceNotFoundException", "message": "Service not found."});
    let refused = answer(400, &[("content-type", "application/x-amz-json-1.1")], body.to_string());
    let error = service(&Replay::of([refused])).set_desired(1).await.unwrap_err();
    assert_eq!((error.fault, error.retry), (PortFault::NotFound, Retry::Never));
}
