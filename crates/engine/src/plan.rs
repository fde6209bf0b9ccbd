//! The making of an execution from a pipeline and what triggered it
//! (Orca's `OperationsController`, `PipelineBuilder`, `ExecutionLauncher`).

use spindrift_model::{
    Authentication, Execution, ExecutionId, ExecutionKind, Map, Millis, Pipeline, Pointer, Problem,
    Serial, Stage, StageConfig, Status, Trigger, Value,
};

use crate::decide::{Ids, truth};
use crate::evaluation::{Environment, evaluate_submission};
use crate::graph::check_graph;
use crate::store::{Ledger, RunState};

/// Who starts an execution, when, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// The id it gets.
    pub id: ExecutionId,
    /// The topmost ancestor, when it is a child.
    pub root: Option<ExecutionId>,
    /// What triggered it.
    pub trigger: Trigger,
    /// As whom it acts.
    pub authentication: Authentication,
    /// Where it was started from, such as `api`.
    pub origin: Option<String>,
    /// Pipeline run or ad-hoc task.
    pub kind: ExecutionKind,
    /// Now.
    pub now: Millis,
}

/// Makes an execution that has not started, or says why it cannot be started.
///
/// Parameters that the trigger leaves out get their defaults, and expressions are evaluated as far as the pipeline's
/// evaluator does so at submission. Errors: the pipeline is disabled, its graph cannot run, it
/// has no stages, or a parameter is missing or has a value that is not offered.
pub fn plan_execution(
    pipeline: &Pipeline,
    start: Start,
    ids: &mut dyn Ids,
    environment: &dyn Environment,
) -> Result<RunState, Vec<Problem>> {
    let mut problems = check_graph(pipeline);
    if pipeline.disabled {
        problems.push(Problem::error(
            Pointer::root().key("disabled"),
            "pipeline.disabled",
            format!(
                "pipeline {:?} is disabled; enable it before you start it",
                pipeline.name
            ),
        ));
    }
    if pipeline.stages.is_empty() {
        problems.push(Problem::error(
            Pointer::root().key("stages"),
            "pipeline.empty",
            format!(
                "pipeline {:?} has no stages, so there is nothing to run",
                pipeline.name
            ),
        ));
    }
    let mut trigger = with_parameters(pipeline, start.trigger, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let evaluated;
    let mut pipeline = pipeline;
    if let Some((document, with_values)) = evaluate_submission(pipeline, &trigger, environment) {
        evaluated = Pipeline::parse(document)?.0;
        // Its refIds may have been expressions.
        let problems = check_graph(&evaluated);
        if !problems.is_empty() {
            return Err(problems);
        }
        pipeline = &evaluated;
        trigger = with_values;
    }
    let stages: Vec<Stage> = (0..)
        .zip(&pipeline.stages)
        .map(|(serial, config)| stage(config, Serial(serial), ids))
        .collect();
    let ledger = Ledger {
        next_serial: stages.len() as u32,
        ..Ledger::default()
    };
    let document = &pipeline.document;
    let execution = Execution {
        kind: start.kind,
        root_id: match start.kind {
            ExecutionKind::Pipeline => Some(start.root.unwrap_or_else(|| start.id.clone())),
            ExecutionKind::Orchestration => None,
        },
        id: start.id,
        application: pipeline.application.clone(),
        name: (start.kind == ExecutionKind::Pipeline).then(|| pipeline.name.clone()),
        description: (start.kind == ExecutionKind::Orchestration).then(|| pipeline.name.clone()),
        pipeline_config_id: pipeline
            .id
            .clone()
            .filter(|_| start.kind == ExecutionKind::Pipeline),
        build_time: Some(start.now),
        start_time_expiry: document.get("startTimeExpiry").and_then(millis),
        limit_concurrent: pipeline.limit_concurrent,
        max_concurrent_executions: pipeline.max_concurrent_executions,
        keep_waiting_pipelines: pipeline.keep_waiting,
        trigger,
        notifications: list(document, "notifications"),
        initial_config: object(document, "initialConfig").unwrap_or_default(),
        spel_evaluator: pipeline.spel_evaluator.clone(),
        template_variables: object(document, "templateVariables"),
        fail_on_failed_expressions: document.get("failOnFailedExpressions").and_then(truth)
            == Some(true),
        time_zone: pipeline.time_zone.clone(),
        stages,
        authentication: start.authentication,
        origin: Some(start.origin.unwrap_or_else(|| "unknown".to_owned())),
        source: document
            .get("source")
            .filter(|source| source.is_object())
            .cloned(),
        status: Status::NotStarted,
        ..Execution::default()
    };
    Ok(RunState { execution, ledger })
}

fn stage(config: &StageConfig, serial: Serial, ids: &mut dyn Ids) -> Stage {
    let mut kind = config.kind.clone();
    let provider = config.context.get("providerType").and_then(Value::as_str);
    if let Some(provider) = provider.filter(|name| !["", "aws", "titus"].contains(name)) {
        kind = format!("{kind}_{provider}");
    }
    let mut context = config.context.clone();
    context.retain(|_, value| !value.is_null());
    Stage {
        id: ids.stage_id(),
        ref_id: config.ref_id.clone(),
        kind,
        name: config.name.clone().filter(|name| !name.is_empty()),
        start_time_expiry: config.start_time_expiry,
        context,
        requisite_stage_ref_ids: config.requisites.clone(),
        serial,
        ..Stage::default()
    }
}

fn with_parameters(pipeline: &Pipeline, trigger: Trigger, problems: &mut Vec<Problem>) -> Trigger {
    let mut parameters = trigger.parameters().cloned().unwrap_or_default();
    let pointer = Pointer::root().key("trigger").key("parameters");
    for parameter in &pipeline.parameters {
        let given = parameters
            .get(&parameter.name)
            .filter(|value| !value.is_null());
        match (given, &parameter.default) {
            (Some(value), _) => {
                if !parameter.options.is_empty() && !offered(&parameter.options, value) {
                    let options: Vec<String> =
                        parameter.options.iter().map(Value::to_string).collect();
                    problems.push(Problem::error(
                        pointer.key(&parameter.name),
                        "parameter.option",
                        format!(
                            "parameter {:?} is {value}, but only {} are offered",
                            parameter.name,
                            options.join(", ")
                        ),
                    ));
                }
            }
            (None, Some(default)) => {
                parameters.insert(parameter.name.clone(), default.clone());
            }
            (None, None) if parameter.required => problems.push(Problem::error(
                pointer.key(&parameter.name),
                "parameter.missing",
                format!(
                    "parameter {:?} is required and has no default; give it",
                    parameter.name
                ),
            )),
            (None, None) => {}
        }
    }
    let mut map = trigger.to_map();
    map.insert("parameters".into(), Value::Object(parameters));
    Trigger::new(map)
}

/// Options and values are compared as texts: clients send numbers and booleans either way. An expression is left alone,
/// since its value is not known yet.
fn offered(options: &[Value], value: &Value) -> bool {
    let text = as_text(value);
    text.contains("${") || options.iter().any(|option| as_text(option) == text)
}

fn as_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn list(document: &Map, key: &str) -> Vec<Value> {
    document
        .get(key)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn object(document: &Map, key: &str) -> Option<Map> {
    document.get(key).and_then(Value::as_object).cloned()
}

fn millis(value: &Value) -> Option<Millis> {
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}
