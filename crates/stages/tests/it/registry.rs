//! The list of stage types, and what is said of a stage as it is saved.

use serde_json::{Value, json};
use spindrift_model::{Pointer, RefId, StageConfig};
use spindrift_stages::{check, registry};

use crate::support::{map, services};

#[test]
fn every_type_is_listed_once() {
    let registry = registry(services());
    let names: Vec<&str> = registry.names().collect();
    assert_eq!(
        names,
        [
            "captureSourceServerGroupCapacity",
            "checkPrecondition",
            "checkPreconditions",
            "cloneServerGroup",
            "createApplication",
            "createServerGroup",
            "createV2PipelineTemplate",
            "deleteApplication",
            "deleteManifest",
            "deletePipeline",
            "deleteProject",
            "deleteV2PipelineTemplate",
            "dependsOnExecution",
            "deploy",
            "deployManifest",
            "destroyServerGroup",
            "determineTargetServerGroup",
            "disableCluster",
            "disableManifest",
            "disableServerGroup",
            "enableManifest",
            "enableServerGroup",
            "evaluateVariables",
            "findArtifactFromResource",
            "findArtifactsFromResource",
            "findImage",
            "findImageFromCluster",
            "manualJudgment",
            "monitorPipeline",
            "noop",
            "patchManifest",
            "pauseRolloutManifest",
            "pipeline",
            "planManifest",
            "resizeServerGroup",
            "restrictExecutionDuringTimeWindow",
            "resumeRolloutManifest",
            "rollbackCluster",
            "rollbackServerGroup",
            "rollingRestartManifest",
            "runJob",
            "runJobManifest",
            "savePipeline",
            "scaleDownCluster",
            "scaleManifest",
            "shrinkCluster",
            "undoRolloutManifest",
            "updateApplication",
            "updatePipeline",
            "updateV2PipelineTemplate",
            "upsertApplication",
            "upsertProject",
            "wait",
            "waitUntil",
            "webhook",
        ]
    );
}

#[test]
fn a_stage_is_checked_by_its_type_and_its_window() {
    let problems = |kind: &str, context: Value| -> Vec<String> {
        let stage = StageConfig {
            ref_id: RefId::from("1"),
            kind: kind.to_owned(),
            name: None,
            requisites: Vec::new(),
            start_time_expiry: None,
            context: map(context),
        };
        let found = check(&registry(services()), &stage, &Pointer::root());
        found.iter().map(|problem| problem.to_string()).collect()
    };
    let window = json!({"restrictExecutionDuringTimeWindow": true, "waitTime": "soon"});
    assert_eq!(
        problems("wait", window),
        [
            "/waitTime: waitTime must be a number of seconds, not \"soon\"",
            "/restrictedExecutionWindow: the stage is restricted to a window but has no restrictedExecutionWindow",
        ]
    );
    assert_eq!(
        problems("teleport", json!({})),
        ["/type: there is no stage type \"teleport\"; the stage would fail"]
    );
    assert!(problems("teleport", json!({"alias": "noop"})).is_empty());
}

#[test]
fn what_comes_from_outside_is_no_expression() {
    let registry = registry(services());
    let kept = |kind: &str| {
        let stage_type = registry.get(kind).unwrap();
        stage_type.unevaluated(&map(json!({})), true)
    };
    assert_eq!(kept("webhook"), ["webhook"]);
    assert_eq!(kept("manualJudgment"), ["judgmentInput"]);
}

#[test]
fn every_task_has_the_limits_of_its_kind() {
    const MINUTE: i64 = 60_000;
    let hours = |hours: i64| Some(hours * 60 * MINUTE);
    let registry = registry(services());
    let table = [
        ("wait", "wait", None, false),
        ("waitUntil", "waitUntil", None, false),
        ("manualJudgment", "waitForJudgment", hours(72), true),
        ("webhook", "createWebhook", Some(5 * MINUTE), true),
        ("webhook", "waitBeforeMonitorWebhook", None, false),
        ("webhook", "monitorWebhook", hours(1), true),
        ("webhook", "bindProducedArtifacts", None, false),
        ("pipeline", "startPipeline", None, false),
        ("pipeline", "monitorPipeline", hours(12), true),
        ("pipeline", "bindProducedArtifacts", None, false),
        ("monitorPipeline", "monitorPipeline", hours(12), true),
        ("dependsOnExecution", "dependsOnExecution", hours(2), false),
        ("checkPrecondition", "checkPrecondition", None, false),
        ("checkPrecondition", "checkClusterSize", Some(30_000), false),
        ("evaluateVariables", "evaluateVariables", None, false),
        (
            "restrictExecutionDuringTimeWindow",
            "suspendExecutionDuringTimeWindow",
            None,
            false,
        ),
        (
            "restrictExecutionDuringTimeWindow",
            "waitForJitter",
            None,
            false,
        ),
        ("noop", "noop", None, false),
        (
            "enableServerGroup",
            "enableServerGroup",
            Some(10 * MINUTE),
            false,
        ),
        ("enableServerGroup", "waitForUpInstances", hours(2), true),
        ("disableServerGroup", "waitForDownInstances", hours(2), true),
        (
            "destroyServerGroup",
            "waitForDestroyedServerGroup",
            Some(30 * MINUTE),
            true,
        ),
        ("resizeServerGroup", "waitForCapacityMatch", hours(2), true),
        (
            "disableCluster",
            "waitForClusterDisable",
            Some(30 * MINUTE),
            true,
        ),
        ("shrinkCluster", "shrinkCluster", Some(10 * MINUTE), false),
        (
            "rollbackCluster",
            "determineRollbackCandidates",
            Some(5 * MINUTE),
            false,
        ),
        ("findImage", "findImage", hours(1), true),
    ];
    for (kind, task, timeout, overridable) in table {
        let policy = registry.get(kind).unwrap().task(task).unwrap().policy();
        assert_eq!(
            (policy.timeout, policy.overridable),
            (timeout, overridable),
            "{kind} {task}"
        );
    }
}
