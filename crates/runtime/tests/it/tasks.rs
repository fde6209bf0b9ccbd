//! Tasks under the runtime: results, retries, panics, timers.

use std::time::Duration;

use serde_json::json;
use spindrift_model::Status;
use spindrift_runtime::{Engine, Retention, SaveRequest};

use crate::world::{ended, fresh, manual, with_stages};

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_task_and_nothing_else() {
    let (engine, _, _) = fresh();
    let broken = with_stages(
        "broken",
        json!([{"refId": "1", "type": "simulated", "outcome": "panic"}]),
    );
    let run = engine.submit(manual(&broken)).await.unwrap().execution;
    let run = ended(&engine, &run.id).await;
    assert_eq!(run.status, Status::Terminal);
    let errors = &run.stages[0].context["exception"]["details"]["errors"];
    assert_eq!(*errors, json!(["the task broke down: it broke down"]));
    let fine = with_stages("fine", json!([{"refId": "1", "type": "simulated"}]));
    let run = engine.submit(manual(&fine)).await.unwrap().execution;
    assert_eq!(ended(&engine, &run.id).await.status, Status::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_retryable_failure_is_performed_again_under_another_key() {
    let (engine, _, world) = fresh();
    let retry = with_stages(
        "retry",
        json!([{"refId": "1", "type": "simulated", "outcome": "retry"}]),
    );
    let run = engine.submit(manual(&retry)).await.unwrap().execution;
    assert_eq!(ended(&engine, &run.id).await.status, Status::Succeeded);
    let performed = world.performed();
    assert_eq!(performed.len(), 3, "{performed:?}");
    assert!(performed.values().all(|count| *count == 1), "{performed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_its_time_and_a_task_under_way_is_abandoned_at_its_deadline() {
    let (engine, _, _) = fresh();
    let begin = tokio::time::Instant::now();
    let wait = with_stages(
        "wait",
        json!([{"refId": "1", "type": "wait", "waitTime": 3600}]),
    );
    let run = engine.submit(manual(&wait)).await.unwrap().execution;
    assert_eq!(ended(&engine, &run.id).await.status, Status::Succeeded);
    let waited = begin.elapsed().as_millis();
    assert!((3_600_000..3_600_100).contains(&waited), "{waited} ms");

    let slow =
        json!([{"refId": "1", "type": "simulated", "millis": 600_000, "stageTimeoutMs": 5_000}]);
    let run = engine
        .submit(manual(&with_stages("slow", slow)))
        .await
        .unwrap()
        .execution;
    let begin = tokio::time::Instant::now();
    assert_eq!(ended(&engine, &run.id).await.status, Status::Terminal);
    assert!(begin.elapsed().as_millis() < 5_100);
}

#[tokio::test(start_paused = true)]
async fn an_ended_run_can_be_forgotten_and_a_running_one_cannot() {
    let (engine, _, _) = fresh();
    let slow = with_stages(
        "slow",
        json!([{"refId": "1", "type": "wait", "waitTime": 60}]),
    );
    let run = engine.submit(manual(&slow)).await.unwrap().execution;
    let refused = engine.forget(&run.id).await.unwrap_err().to_string();
    assert!(
        refused.ends_with("is RUNNING; cancel it before you delete it"),
        "{refused}"
    );
    engine.cancel(&run.id, "tester", None).await.unwrap();
    engine.forget(&run.id).await.unwrap();
    assert!(engine.execution(&run.id).is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_or_too_many_is_forgotten_and_the_rest_stays() {
    let (engine, _, _) = fresh();
    let done = with_stages("done", json!([{"refId": "1", "type": "simulated"}]));
    let save = json!({"id": "done", "name": "done", "application": "sim", "stages": []});
    let request = SaveRequest {
        document: save,
        by: "tester".into(),
        stale_check: false,
    };
    engine.save_pipeline(request).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..5 {
        let run = engine.submit(manual(&done)).await.unwrap().execution;
        ids.push(ended(&engine, &run.id).await.id);
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    let held = with_stages("held", json!([{"refId": "1", "type": "manualJudgment"}]));
    let held = engine
        .submit(manual(&held))
        .await
        .unwrap()
        .execution
        .id
        .clone();
    let left = |engine: &Engine| ids.iter().filter(|id| engine.execution(id).is_ok()).count();

    assert_eq!(engine.sweep(Retention::default()).await, Ok(0));
    let three = Retention {
        max_count: Some(3),
        ..Retention::default()
    };
    assert_eq!(engine.sweep(three).await, Ok(2));
    assert_eq!(left(&engine), 3);
    let young = Retention {
        max_age: Some(150_000),
        ..Retention::default()
    };
    assert_eq!(engine.sweep(young).await, Ok(1));
    assert_eq!(left(&engine), 2);
    tokio::time::advance(Duration::from_secs(600)).await;
    assert_eq!(engine.sweep(young).await, Ok(2));
    assert!(
        engine.execution(&held).is_ok(),
        "a run that has not ended stays"
    );
}
