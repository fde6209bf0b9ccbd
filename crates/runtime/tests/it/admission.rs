//! Slots and queues of a pipeline.

use serde_json::{Value, json};
use spindrift_engine::SUPERSEDED;
use spindrift_model::{ExecutionId, Map, Pipeline, Status};
use spindrift_runtime::{Engine, EngineError, StartRequest};

use crate::world::{ended, fresh, manual, pipeline};

fn limited(options: Value) -> Pipeline {
    let mut document = json!({
        "id": "p", "name": "p", "application": "sim",
        "stages": [{"refId": "1", "type": "manualJudgment"}],
    });
    for (key, value) in options.as_object().unwrap() {
        document[key] = value.clone();
    }
    pipeline(document)
}

async fn start(engine: &Engine, pipeline: &Pipeline) -> ExecutionId {
    // Lists are sorted by the time of creation: no two in the same millisecond.
    tokio::time::advance(std::time::Duration::from_millis(1)).await;
    engine
        .submit(manual(pipeline))
        .await
        .unwrap()
        .execution
        .id
        .clone()
}

fn status(engine: &Engine, id: &ExecutionId) -> Status {
    engine.execution(id).unwrap().status
}

async fn becomes(engine: &Engine, id: &ExecutionId, wanted: Status) {
    let mut notices = engine.watch();
    while status(engine, id) != wanted {
        notices.recv().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_runs_are_started_oldest_first_when_they_are_kept() {
    let (engine, _, _) = fresh();
    let one = limited(json!({"limitConcurrent": true, "keepWaitingPipelines": true}));
    let [a, b, c] = [
        start(&engine, &one).await,
        start(&engine, &one).await,
        start(&engine, &one).await,
    ];
    assert_eq!(
        [&a, &b, &c].map(|id| status(&engine, id)),
        [Status::Running, Status::NotStarted, Status::NotStarted]
    );
    engine.cancel(&a, "tester", None).await.unwrap();
    becomes(&engine, &b, Status::Running).await;
    assert_eq!(status(&engine, &c), Status::NotStarted);
}

#[tokio::test(start_paused = true)]
async fn the_newest_waiting_run_supersedes_the_others_when_they_are_not_kept() {
    let (engine, _, _) = fresh();
    let one = limited(json!({"limitConcurrent": true}));
    let [a, b, c, d] = [
        start(&engine, &one).await,
        start(&engine, &one).await,
        start(&engine, &one).await,
        start(&engine, &one).await,
    ];
    engine.cancel(&a, "tester", None).await.unwrap();
    becomes(&engine, &d, Status::Running).await;
    for id in [&b, &c] {
        let run = ended(&engine, id).await;
        assert_eq!(run.status, Status::Canceled);
        assert_eq!(run.canceled_by.as_deref(), Some("spinnaker"));
        assert_eq!(run.cancellation_reason.as_deref(), Some(SUPERSEDED));
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_run_as_the_pipeline_allows_and_a_paused_one_counts() {
    let (engine, _, _) = fresh();
    let two = limited(json!({"maxConcurrentExecutions": 2, "keepWaitingPipelines": true}));
    let [a, b] = [start(&engine, &two).await, start(&engine, &two).await];
    engine.pause(&a, "tester").await.unwrap();
    let c = start(&engine, &two).await;
    assert_eq!(
        [&a, &b, &c].map(|id| status(&engine, id)),
        [Status::Paused, Status::Running, Status::NotStarted]
    );
    engine.cancel(&b, "tester", None).await.unwrap();
    becomes(&engine, &c, Status::Running).await;
}

#[tokio::test(start_paused = true)]
async fn a_waiting_run_can_be_canceled_and_leaves_the_queue() {
    let (engine, store, _) = fresh();
    let one = limited(json!({"limitConcurrent": true, "keepWaitingPipelines": true}));
    let [a, b, c] = [
        start(&engine, &one).await,
        start(&engine, &one).await,
        start(&engine, &one).await,
    ];
    engine.cancel(&b, "tester", None).await.unwrap();
    assert_eq!(status(&engine, &b), Status::Canceled);
    engine.cancel(&a, "tester", None).await.unwrap();
    becomes(&engine, &c, Status::Running).await;
    use spindrift_engine::Store;
    assert!(store.queue(&"p".into()).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_restart_waits_for_a_slot_like_a_start() {
    let (engine, _, _) = fresh();
    let one = limited(json!({"limitConcurrent": true, "keepWaitingPipelines": true}));
    let a = start(&engine, &one).await;
    engine.cancel(&a, "tester", None).await.unwrap();
    let b = start(&engine, &one).await;
    let stage = engine.execution(&a).unwrap().stages[0].id.clone();
    let restarted = engine.restart_stage(&a, &stage, "tester").await.unwrap();
    assert_eq!(restarted.status, Status::NotStarted);
    engine.cancel(&b, "tester", None).await.unwrap();
    becomes(&engine, &a, Status::Running).await;
    assert_eq!(
        engine.execution(&a).unwrap().stages[0].status,
        Status::Running
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_with_the_correlation_id_of_a_running_one_is_that_one() {
    let (engine, _, _) = fresh();
    let any = limited(json!({}));
    let mut trigger = Map::new();
    trigger.insert("correlationId".into(), "c-1".into());
    let request = || StartRequest::manual(any.clone(), trigger.clone(), "tester");
    let (first, second) = tokio::join!(engine.submit(request()), engine.submit(request()));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.execution.id, second.execution.id);
    assert_eq!([first.existed, second.existed], [false, true]);
    engine
        .cancel(&first.execution.id, "tester", None)
        .await
        .unwrap();
    let third = engine.submit(request()).await.unwrap();
    assert_ne!(third.execution.id, first.execution.id);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_run_is_refused_at_its_start() {
    let (engine, _, _) = fresh();
    let refused = |document: Value| {
        let engine = engine.clone();
        async move {
            match engine.submit(manual(&pipeline(document))).await {
                Err(EngineError::Invalid(problems)) => problems[0].code.clone(),
                other => panic!("{other:?}"),
            }
        }
    };
    let base = json!({"name": "p", "application": "sim"});
    let with = |key: &str, value: Value| {
        let mut document = base.clone();
        document["stages"] = json!([{"refId": "1", "type": "wait"}]);
        document[key] = value;
        document
    };
    assert_eq!(refused(with("stages", json!([]))).await, "pipeline.empty");
    assert_eq!(
        refused(with("disabled", json!(true))).await,
        "pipeline.disabled"
    );
    let required = json!([{"name": "version", "required": true}]);
    assert_eq!(
        refused(with("parameterConfig", required)).await,
        "parameter.missing"
    );
    let circle = json!([
        {"refId": "1", "type": "wait", "requisiteStageRefIds": ["2"]},
        {"refId": "2", "type": "wait", "requisiteStageRefIds": ["1"]},
    ]);
    assert_eq!(refused(with("stages", circle)).await, "stage.cycle");
}
