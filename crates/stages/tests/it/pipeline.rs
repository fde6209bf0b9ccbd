//! `pipeline`, `monitorPipeline` and `dependsOnExecution`: what they ask of other executions, and what they make of them.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_engine::{
    ChildFailure, ChildRequest, ChildState, Failure, IdempotencyKey, TaskInput, TaskResult,
};
use spindrift_model::{PipelineId, Status, Trigger};
use spindrift_stages::{Services, registry};

use crate::support::{Executions, cancel, input, map, perform, services, shown, stage_type, state};

async fn run(kind: &str, task: &str, input: TaskInput) -> TaskResult {
    perform(&*stage_type(&registry(services()), kind), task, input).await
}

fn with(executions: &Arc<Executions>, kind: &str, context: Value) -> TaskInput {
    TaskInput {
        launcher: Arc::clone(executions) as _,
        ..input(kind, context)
    }
}

#[tokio::test]
async fn a_child_is_asked_for_with_everything_it_needs() {
    let executions = Executions::of([("child", state(Status::NotStarted))]);
    let context = json!({
        "application": "shop", "pipeline": "p-1", "pipelineParameters": {"tag": "1.2"},
        "artifacts": [{"name": "own"}],
    });
    let mut input = with(&executions, "pipeline", context);
    input.inherited = map(json!({"artifacts": [{"name": "before"}, {"name": "own"}]}));
    input.trigger = Trigger::new(map(
        json!({"dryRun": true, "artifacts": [{"name": "trigger"}]}),
    ));
    let result = run("pipeline", "startPipeline", input).await;
    assert_eq!(shown(&result.outcome), "SUCCEEDED");
    assert_eq!(
        Value::Object(result.context),
        json!({"executionId": "child", "executionName": "deploy"})
    );
    let expected = ChildRequest {
        application: Some("shop".to_owned()),
        pipeline: PipelineId::from("p-1"),
        parameters: map(json!({"tag": "1.2"})),
        artifacts: vec![
            json!({"name": "own"}),
            json!({"name": "before"}),
            json!({"name": "trigger"}),
        ],
        parent: "run".into(),
        parent_stage: "stage".into(),
        key: IdempotencyKey::new(&"run".into(), &"stage".into(), 0, "task", 1),
        user: Some("ann".to_owned()),
        correlation_id: "run_stage_p-1_77".to_owned(),
        dry_run: true,
        strategy: false,
    };
    assert_eq!(*executions.started.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_strategy_is_found_by_its_own_member() {
    let executions = Arc::new(Executions::default());
    let context = json!({
        "pipelineApplication": "other", "application": "shop", "pipeline": "no", "pipelineId": "s-1",
        "pipelineParameters": {"strategy": true},
    });
    run(
        "pipeline",
        "startPipeline",
        with(&executions, "pipeline", context),
    )
    .await;
    let started = executions.started.lock().unwrap();
    assert_eq!(started[0].pipeline, "s-1");
    assert_eq!(started[0].application.as_deref(), Some("other"));
    assert!(started[0].strategy);
}

#[tokio::test]
async fn a_child_that_cannot_be_started_fails_the_stage() {
    let refused = Failure::new("PipelineDisabled", "the pipeline deploy is disabled");
    let executions = Arc::new(Executions {
        failure: Some(refused),
        ..Executions::default()
    });
    let table = [
        (
            json!({"pipeline": "p"}),
            "TERMINAL: the pipeline deploy is disabled",
        ),
        (
            json!({}),
            "TERMINAL: the stage has no pipeline, the pipeline to run",
        ),
        (
            json!({"pipeline": "p", "pipelineParameters": "a=1"}),
            "TERMINAL: pipelineParameters must be an object of names and values, not \"a=1\"",
        ),
    ];
    for (context, expected) in table {
        let result = run(
            "pipeline",
            "startPipeline",
            with(&executions, "pipeline", context),
        )
        .await;
        assert_eq!(shown(&result.outcome), expected);
    }
}

#[tokio::test]
async fn a_stage_ends_as_its_child_does() {
    let waits = "RUNNING until a signal";
    let table = [
        (Status::NotStarted, waits),
        (Status::Running, waits),
        (Status::Paused, waits),
        (Status::Succeeded, "SUCCEEDED"),
        (
            Status::Canceled,
            "CANCELED: At least one monitored pipeline was cancelled",
        ),
        (Status::Terminal, "TERMINAL"),
    ];
    for (status, expected) in table {
        let executions = Executions::of([("child", state(status))]);
        let input = with(&executions, "pipeline", json!({"executionId": "child"}));
        let result = run("pipeline", "monitorPipeline", input).await;
        assert_eq!(shown(&result.outcome), expected, "{status}");
        assert_eq!(result.context["status"], json!(status.as_str()));
    }
}

#[tokio::test]
async fn a_childs_outputs_become_the_stages_unless_they_should_not() {
    let child = |status| ChildState {
        outputs: map(json!({"image": "web:1.2"})),
        ..state(status)
    };
    let types = |skip_downstream_output| {
        let services = Services {
            skip_downstream_output,
            ..services()
        };
        stage_type(&registry(services), "pipeline")
    };
    let table = [
        (Status::Succeeded, false, json!(null), true),
        (Status::Terminal, false, json!(null), true),
        (Status::Running, false, json!(null), false),
        (Status::Succeeded, false, json!(true), false),
        (Status::Succeeded, false, json!("true"), false),
        (Status::Succeeded, true, json!(null), false),
        (Status::Succeeded, true, json!(false), true),
    ];
    for (status, default, skip, expected) in table {
        let executions = Executions::of([("child", child(status))]);
        let context = json!({"executionId": "child", "skipDownstreamOutput": skip});
        let input = with(&executions, "pipeline", context);
        let result = perform(&*types(default), "monitorPipeline", input).await;
        let outputs = match expected {
            true => json!({"image": "web:1.2"}),
            false => json!({}),
        };
        assert_eq!(
            Value::Object(result.outputs),
            outputs,
            "{status} {default} {skip}"
        );
    }
}

#[tokio::test]
async fn a_failed_child_says_what_failed_in_it() {
    let failure = |name: &str, index, errors: &[&str]| ChildFailure {
        stage_id: format!("id-{index}"),
        stage_name: name.to_owned(),
        stage_index: index,
        errors: errors.iter().map(|error| (*error).to_owned()).collect(),
    };
    let child = ChildState {
        failures: vec![
            failure("Deploy", 2, &["no quota", "no node"]),
            failure("Test", 3, &[]),
        ],
        ..state(Status::Terminal)
    };
    let executions = Executions::of([("child", child), ("silent", state(Status::Terminal))]);
    let exception = async |id: &str| {
        let input = with(&executions, "pipeline", json!({"executionId": id}));
        let result = run("pipeline", "monitorPipeline", input).await;
        result.context["exception"].clone()
    };
    assert_eq!(
        exception("child").await,
        json!({
            "details": {"errors": [
                "Exception in child pipeline stage (deploy: Deploy): no quota",
                "Exception in child pipeline stage (deploy: Deploy): no node",
                "Exception in child pipeline stage (deploy: Test)",
            ]},
            "source": {"executionId": "child", "stageId": "id-2", "stageName": "Deploy", "stageIndex": 2},
        })
    );
    assert_eq!(
        exception("silent").await,
        json!({"details": {"errors": ["the child pipeline \"deploy\" ended TERMINAL"]}})
    );
}

#[tokio::test]
async fn a_child_is_canceled_with_its_stage() {
    let executions = Executions::of([("child", state(Status::Running))]);
    let pipeline = stage_type(&registry(services()), "pipeline");
    let input_of = |context| with(&executions, "pipeline", context);
    let result = cancel(
        &*pipeline,
        "monitorPipeline",
        input_of(json!({"executionId": "child"})),
    )
    .await;
    assert_eq!(result, Some(TaskResult::succeeded()));
    assert_eq!(
        cancel(&*pipeline, "monitorPipeline", input_of(json!({}))).await,
        None
    );
    assert_eq!(
        *executions.canceled.lock().unwrap(),
        [(
            "child".to_owned(),
            "parent pipeline".to_owned(),
            Some("the stage \"pipeline\" of execution run no longer waits for it".to_owned()),
        )]
    );
}

#[tokio::test]
async fn a_child_that_is_only_just_being_started_is_withdrawn_with_its_stage() {
    let executions = Arc::new(Executions::default());
    let pipeline = stage_type(&registry(services()), "pipeline");
    let table = [
        (json!({"pipeline": "p-1"}), 0, Some("run_stage_p-1_77")),
        (json!({"pipeline": "p-1"}), 2, Some("run_stage_p-1_77_2")),
        (
            json!({"pipeline": "p-1", "waitForCompletion": false}),
            0,
            None,
        ),
        (json!({}), 0, None),
    ];
    for (context, restarts, expected) in table {
        let mut input = with(&executions, "pipeline", context.clone());
        input.stage.restarts = restarts;
        let result = cancel(&*pipeline, "startPipeline", input.clone()).await;
        assert_eq!(result.is_some(), expected.is_some(), "{context}");
        let Some(expected) = expected else { continue };
        run("pipeline", "startPipeline", input).await;
        let started = executions.started.lock().unwrap().pop().unwrap();
        let withdrawn = executions.withdrawn.lock().unwrap().pop().unwrap();
        assert_eq!(started.correlation_id, expected);
        assert_eq!(withdrawn.0, expected);
        assert_eq!(withdrawn.1, "parent pipeline");
    }
}

#[tokio::test]
async fn executions_started_elsewhere_are_watched_together() {
    let executions = Executions::of([
        ("good", state(Status::Succeeded)),
        ("bad", state(Status::Terminal)),
        ("busy", state(Status::Running)),
    ]);
    let failed = json!({"details": {"errors": ["the child pipeline \"deploy\" ended TERMINAL"]}});
    let table = [
        (
            json!({"executionIds": ["good", "busy"]}),
            "RUNNING for 15000",
            json!({"good": {"status": "SUCCEEDED"}, "busy": {"status": "RUNNING"}}),
        ),
        (
            json!({"executionIds": ["bad", "busy"]}),
            "TERMINAL: At least one monitored pipeline failed",
            json!({"bad": {"status": "TERMINAL", "exception": failed}, "busy": {"status": "RUNNING"}}),
        ),
        (
            json!({"executionIds": "bad,busy", "monitorBehavior": "WaitForAllToComplete"}),
            "RUNNING for 15000",
            json!({"bad": {"status": "TERMINAL", "exception": failed}, "busy": {"status": "RUNNING"}}),
        ),
        (
            json!({"executionId": "good"}),
            "SUCCEEDED",
            json!({"good": {"status": "SUCCEEDED"}}),
        ),
    ];
    for (context, outcome, statuses) in table {
        let result = run(
            "monitorPipeline",
            "monitorPipeline",
            with(&executions, "monitorPipeline", context),
        )
        .await;
        assert_eq!(shown(&result.outcome), outcome);
        assert_eq!(result.outputs["executionStatuses"], statuses);
    }
    let gone = with(
        &executions,
        "monitorPipeline",
        json!({"executionIds": ["gone"]}),
    );
    let result = run("monitorPipeline", "monitorPipeline", gone).await;
    assert_eq!(
        shown(&result.outcome),
        "TERMINAL: the child execution gone does not exist any more"
    );
}

#[tokio::test]
async fn a_stage_may_depend_on_any_execution() {
    let executions = Executions::of([
        ("good", state(Status::Succeeded)),
        ("bad", state(Status::Terminal)),
        ("busy", state(Status::Running)),
    ]);
    let table = [
        (json!({"executionId": "good"}), "SUCCEEDED"),
        (json!({"executionId": "busy"}), "RUNNING for 10000"),
        (
            json!({"executionId": "bad"}),
            "CANCELED: execution bad ended TERMINAL",
        ),
        (
            json!({"executionId": "gone"}),
            "TERMINAL: there is no execution gone",
        ),
        (
            json!({"executionId": "a/b"}),
            "TERMINAL: the id has the character '/'",
        ),
        (json!({}), "TERMINAL: the stage names no executionId"),
    ];
    for (context, expected) in table {
        let input = with(&executions, "dependsOnExecution", context);
        let result = run("dependsOnExecution", "dependsOnExecution", input).await;
        assert!(
            shown(&result.outcome).starts_with(expected),
            "{:?}",
            result.outcome
        );
    }
}
