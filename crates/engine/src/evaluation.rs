//! Where expressions meet the run: what is evaluated, when, and against what.

use std::cell::OnceCell;

use spindrift_expressions::{
    Fetch, Fetched, Scope, SummaryChange, TemplateCache, Version, evaluate, evaluate_condition,
    evaluate_context, evaluate_pipeline,
};
use spindrift_model::{
    ExecutionKind, Map, Pipeline, Pointer, Problem, Serial, Stage, Trigger, Value,
};

use crate::authority::acting_as;
use crate::stage_type::Registry;
use crate::view::StageView;

/// What expressions may ask for besides the run, and where their parsed forms are kept.
pub trait Environment: spindrift_expressions::Environment + Sync {
    /// The parsed forms of earlier evaluations.
    fn templates(&self) -> Option<&TemplateCache> {
        None
    }
}

/// An environment in which it is 1970 and nothing is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyEnvironment;

impl spindrift_expressions::Environment for EmptyEnvironment {
    fn now_ms(&self) -> i64 {
        0
    }

    fn random_u64(&self) -> u64 {
        0
    }
}

impl Environment for EmptyEnvironment {}

/// The environment of one stage: the same world, asked by whoever the stage acts as.
pub struct StageEnvironment<'a> {
    view: StageView<'a>,
    world: &'a dyn Environment,
    // Found only when an expression asks, since that looks at every stage before it.
    user: OnceCell<Option<String>>,
    asks: Serial,
}

impl<'a> StageEnvironment<'a> {
    /// The environment of that stage.
    pub fn of(view: &StageView<'a>) -> Self {
        Self {
            view: *view,
            world: view.environment(),
            user: OnceCell::new(),
            asks: view.stage().serial,
        }
    }

    /// Also knows what that stage has been answered, which waits for it instead of the stage itself.
    fn asking_for(self, asks: Serial) -> Self {
        Self { asks, ..self }
    }

    /// What the stage's expressions can see.
    pub fn scope(&'a self, view: &StageView<'a>) -> Scope<'a> {
        let execution = view.execution();
        let position = execution
            .stages
            .binary_search_by_key(&view.stage().serial, |s| s.serial);
        // A stage that is not in its execution sees the execution only.
        let scope = match position {
            Ok(position) => Scope::of_stage(execution, position, self),
            Err(_) => Scope::of_execution(execution, self),
        };
        match self.world.templates() {
            Some(templates) => scope.with_cache(templates),
            None => scope,
        }
    }
}

impl spindrift_expressions::Environment for StageEnvironment<'_> {
    fn now_ms(&self) -> i64 {
        self.world.now_ms()
    }

    fn random_u64(&self) -> u64 {
        self.world.random_u64()
    }

    fn user(&self) -> Option<&str> {
        let acting = || acting_as(self.view.run(), self.view.stage().serial).user;
        let user = self.user.get_or_init(acting).as_deref();
        user.or_else(|| self.world.user())
    }

    fn pipeline_id(&self, application: &str, name: &str) -> Option<String> {
        self.world.pipeline_id(application, name)
    }

    fn application_attributes(&self, application: &str) -> Option<Map> {
        self.world.application_attributes(application)
    }

    fn canary_config_id(&self, application: &str, name: &str) -> Option<String> {
        self.world.canary_config_id(application, name)
    }

    fn fetch(&self, fetch: &Fetch) -> Fetched {
        let asks = [self.asks, self.view.stage().serial];
        let answers = &self.view.run().ledger().answers;
        let found = answers
            .iter()
            .find(|(stage, answer)| asks.contains(stage) && answer.url == fetch.url);
        match found.map(|(_, answer)| &answer.body) {
            Some(Ok(body)) => Fetched::Body(body.clone()),
            Some(Err(reason)) => Fetched::Failed(reason.clone()),
            None => self.world.fetch(fetch),
        }
    }

    fn stored_artifact(&self, reference: &str) -> Option<String> {
        self.world.stored_artifact(reference)
    }
}

/// What evaluating a stage's context changes in it.
pub(crate) struct ContextEvaluation {
    pub(crate) set: Map,
    pub(crate) unset: Vec<String>,
    pub(crate) needs: Vec<Fetch>,
}

/// Evaluates the context of a stage.
pub(crate) fn evaluate_stage(view: &StageView<'_>, stages: &Registry) -> ContextEvaluation {
    let context = &view.stage().context;
    let except = stages.of(view.stage()).map_or(&[][..], |kind| {
        kind.unevaluated(context, view.execution().is_v4())
    });
    let environment = StageEnvironment::of(view);
    let result = evaluate_context(context, &environment.scope(view), except);
    let mut set = result.changed;
    let mut unset = result.removed;
    match result.summary_change {
        SummaryChange::Unchanged => {}
        SummaryChange::Set(summary) => {
            set.insert(spindrift_expressions::SUMMARY_KEY.to_owned(), summary);
        }
        SummaryChange::Removed => unset.push(spindrift_expressions::SUMMARY_KEY.to_owned()),
    }
    ContextEvaluation {
        set,
        unset,
        needs: result.needs,
    }
}

/// Whether a stage may run.
pub(crate) enum Enabled {
    Yes,
    No,
    /// What failed, as a summary. Orca takes it for a no.
    Undecided(Map),
    /// It needs what these URLs give.
    Asks(Vec<Fetch>),
}

/// What a stage's `stageEnabled`, or else that of the stage it was made for, says (Orca's `OptionalStageSupport`).
pub(crate) fn enabled(view: &StageView<'_>) -> Enabled {
    if view.execution().kind == ExecutionKind::Orchestration {
        return Enabled::Yes;
    }
    let lineage = std::iter::successors(Some(view.stage()), |stage| {
        stage.parent.and_then(|parent| view.run().stage(parent))
    });
    for stage in lineage {
        if stage.context.contains_key("stageEnabled") {
            return condition_of(stage).map_or(Enabled::Yes, |condition| {
                decided(&view.of(stage), view.stage().serial, condition)
            });
        }
    }
    Enabled::Yes
}

fn condition_of(stage: &Stage) -> Option<&Value> {
    let enabled = stage
        .context
        .get("stageEnabled")
        .and_then(Value::as_object)?;
    let is_expression = enabled
        .get("type")
        .and_then(Value::as_str)
        .is_none_or(|t| t == "expression");
    enabled
        .get("expression")
        .filter(|expression| match expression {
            Value::String(text) => is_expression && !text.trim().is_empty(),
            Value::Null => false,
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => is_expression,
        })
}

/// The condition of a stage, or of one made for it, which then `asks`.
fn decided(view: &StageView<'_>, asks: Serial, condition: &Value) -> Enabled {
    let text = match condition {
        Value::Bool(true) => return Enabled::Yes,
        Value::String(text) => text,
        Value::Null
        | Value::Bool(false)
        | Value::Number(_)
        | Value::Array(_)
        | Value::Object(_) => {
            return Enabled::No;
        }
    };
    let environment = StageEnvironment::of(view).asking_for(asks);
    let evaluated = evaluate_condition(text, "stageEnabled", &environment.scope(view));
    match evaluated.result {
        _ if !evaluated.needs.is_empty() => Enabled::Asks(evaluated.needs),
        Ok(true) => Enabled::Yes,
        Ok(false) => Enabled::No,
        Err(_) => match evaluated.summary.to_json() {
            Value::Object(summary) => Enabled::Undecided(summary),
            _ => Enabled::No,
        },
    }
}

/// Evaluates a pipeline and its trigger as it is submitted: strictly, before there is an execution
/// (Orca's `OperationsController.parseAndValidatePipeline`).
pub(crate) fn evaluate_submission(
    pipeline: &Pipeline,
    trigger: &Trigger,
    environment: &dyn Environment,
) -> Option<(Value, Trigger)> {
    let document = Value::Object(pipeline.document.clone());
    let parameters = trigger.map().get("parameters");
    if !has_expression(&document) && !parameters.is_some_and(has_expression) {
        return None;
    }
    let variables = pipeline
        .document
        .get("templateVariables")
        .and_then(Value::as_object);
    let scope = Scope::of_submission(trigger.map(), variables, environment);
    let mut evaluated = trigger.to_map();
    if let Some(parameters) = parameters {
        evaluated.insert("parameters".into(), evaluate(parameters, &scope).value);
    }
    let trigger = Trigger::new(evaluated);
    let version = Version::parse(pipeline.spel_evaluator.as_deref());
    let document = evaluate_pipeline(
        &document,
        trigger.map(),
        variables,
        version,
        environment,
        environment.templates(),
    );
    Some((document.value, trigger))
}

fn has_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => spindrift_expressions::has_expression(text),
        Value::Array(list) => list.iter().any(has_expression),
        Value::Object(map) => map.iter().any(|(key, value)| {
            spindrift_expressions::has_expression(key) || has_expression(value)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Expressions of a pipeline that cannot be read, each with its place. They are warnings: Spinnaker accepts them, and
/// leaves such a text as it is.
pub fn check_expressions(pipeline: &Pipeline) -> Vec<Problem> {
    spindrift_expressions::check(&Value::Object(pipeline.document.clone()))
        .into_iter()
        .map(|problem| {
            let mut message = format!("at character {}: {}", problem.offset, problem.message);
            if let Some(expected) = problem.expected {
                message.push_str(&format!("; expected {expected}"));
            }
            if let Some(suggestion) = problem.suggestion {
                message.push_str(&format!("; did you mean {suggestion}?"));
            }
            Problem::warning(Pointer::from(problem.pointer), "expression.syntax", message)
        })
        .collect()
}
