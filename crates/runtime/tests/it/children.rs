//! Pipelines that start pipelines.

use serde_json::{Value, json};
use spindrift_engine::{Caller, ExecutionQuery, Scope, Store};
use spindrift_model::{Execution, ExecutionId, Status};
use spindrift_runtime::{Engine, SaveRequest};

use crate::world::{ended, fresh, manual, with_stages};

async fn save(engine: &Engine, id: &str, stages: Value) {
    let document = json!({"id": id, "name": id, "application": "sim", "stages": stages});
    let request = SaveRequest {
        document,
        by: "tester".into(),
        stale_check: false,
    };
    engine.save_pipeline(request).await.unwrap();
}

fn parent() -> spindrift_model::Pipeline {
    let stages =
        json!([{"refId": "1", "type": "pipeline", "application": "sim", "pipeline": "child"}]);
    with_stages("parent", stages)
}

async fn child_of(engine: &Engine, parent: &ExecutionId) -> Execution {
    let mut notices = engine.watch();
    loop {
        let run = engine.execution(parent).unwrap();
        if let Some(id) = run.stages[0].text("executionId") {
            return engine.execution(&id.into()).unwrap();
        }
        notices.recv().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_parent_ends_as_its_child_does() {
    let table = [
        (
            json!([{"refId": "1", "type": "simulated", "millis": 50}]),
            Status::Succeeded,
        ),
        (
            json!([{"refId": "1", "type": "simulated", "outcome": "fail"}]),
            Status::Terminal,
        ),
    ];
    for (stages, expected) in table {
        let (engine, _, _) = fresh();
        save(&engine, "child", stages).await;
        let run = engine.submit(manual(&parent())).await.unwrap().execution;
        let run = ended(&engine, &run.id).await;
        assert_eq!(run.status, expected);
        assert_eq!(run.stages[0].context["status"], expected.as_str());
        let child = child_of(&engine, &run.id).await;
        assert_eq!(child.root_id, Some(run.id.clone()));
        assert_eq!(
            child.trigger.text("parentExecutionId"),
            Some(run.id.as_str())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn canceling_the_parent_cancels_the_child() {
    let (engine, _, _) = fresh();
    save(
        &engine,
        "child",
        json!([{"refId": "1", "type": "manualJudgment"}]),
    )
    .await;
    let run = engine.submit(manual(&parent())).await.unwrap().execution;
    let child = child_of(&engine, &run.id).await;
    engine.cancel(&run.id, "tester", None).await.unwrap();
    let child = ended(&engine, &child.id).await;
    assert_eq!(
        (child.status, child.canceled_by.as_deref()),
        (Status::Canceled, Some("parent pipeline"))
    );
}

#[tokio::test(start_paused = true)]
async fn restarting_a_child_lets_its_parent_go_on() {
    let (engine, _, _) = fresh();
    save(
        &engine,
        "child",
        json!([{"refId": "1", "type": "manualJudgment"}]),
    )
    .await;
    let run = engine.submit(manual(&parent())).await.unwrap().execution;
    let child = child_of(&engine, &run.id).await;
    engine.cancel(&child.id, "tester", None).await.unwrap();
    assert_eq!(ended(&engine, &run.id).await.status, Status::Canceled);

    let judgment = child.stages[0].id.clone();
    engine
        .restart_stage(&child.id, &judgment, "tester")
        .await
        .unwrap();
    let mut notices = engine.watch();
    while engine.execution(&run.id).unwrap().status != Status::Running {
        notices.recv().await.unwrap();
    }
    let patch = json!({"judgmentStatus": "continue"})
        .as_object()
        .unwrap()
        .clone();
    engine
        .patch_stage(&child.id, &judgment, patch, Caller::named("tester"))
        .await
        .unwrap();
    assert_eq!(ended(&engine, &run.id).await.status, Status::Succeeded);
    assert_eq!(child_of(&engine, &run.id).await.id, child.id);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_starts_itself_is_stopped() {
    let (engine, _, _) = fresh();
    save(
        &engine,
        "child",
        json!([{"refId": "1", "type": "pipeline", "application": "sim", "pipeline": "child"}]),
    )
    .await;
    let run = engine.submit(manual(&parent())).await.unwrap().execution;
    assert_eq!(ended(&engine, &run.id).await.status, Status::Terminal);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_exist_is_named() {
    let (engine, _, _) = fresh();
    let run = engine.submit(manual(&parent())).await.unwrap().execution;
    let run = ended(&engine, &run.id).await;
    assert_eq!(run.status, Status::Terminal);
    let errors = run.stages[0].context["exception"]["details"]["errors"].to_string();
    assert!(errors.contains("does not exist in application"), "{errors}");
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_starts_itself_twice_does_not_fill_the_world() {
    let (engine, store, _) = fresh();
    let twice = json!([
        {"refId": "1", "type": "pipeline", "application": "sim", "pipeline": "child"},
        {"refId": "2", "type": "pipeline", "application": "sim", "pipeline": "child"},
    ]);
    save(&engine, "child", twice).await;
    let run = engine.submit(manual(&parent())).await.unwrap().execution;
    assert_eq!(ended(&engine, &run.id).await.status, Status::Terminal);
    let all = ExecutionQuery::newest(Scope::All, usize::MAX);
    let count = store.executions(&all).unwrap().len();
    assert!(count <= 1_001, "{count} executions were started");
}
