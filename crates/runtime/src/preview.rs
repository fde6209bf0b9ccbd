//! What expressions give in an execution as it stands, without changing it.

use spindrift_engine::{Refusal, RunState, StageEnvironment, StageView};
use spindrift_expressions::{Fetch, Scope, Version, evaluate, evaluate_variables};
use spindrift_model::{ExecutionId, Map, RefId, Serial, Stage, StageId, Value};

use crate::engine::Engine;
use crate::error::EngineError;

/// What an expression gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Previewed {
    /// Its value; its own text where it failed.
    pub result: Value,
    /// What failed, by expression: the form of `expressionEvaluationSummary`.
    pub detail: Value,
}

/// The position of a stage that is not there.
const NOWHERE: Serial = Serial(u32::MAX);

impl Engine {
    /// What an expression gives in an execution, seen from one of its stages or from outside them.
    ///
    /// Errors: there is no such execution or stage, or the expression reads a URL, which only a run does.
    pub fn preview_expression(
        &self,
        id: &ExecutionId,
        stage: Option<&StageId>,
        expression: &str,
    ) -> Result<Previewed, EngineError> {
        let state = self.state(id)?;
        match stage {
            Some(stage) => {
                let position = stage_of(&state, stage)?;
                self.see(state, position, |scope| one(expression, scope))
            }
            None => {
                let world = self.shared.environment(self.clock().now());
                one(expression, &Scope::of_execution(&state.execution, &world))
            }
        }
    }

    /// What the variables `{key, value}` would be in a stage behind those `requisites`.
    ///
    /// Errors: there is no such execution, a requisite is no stage of it, or an expression reads a URL.
    pub fn preview_variables(
        &self,
        id: &ExecutionId,
        requisites: &[RefId],
        version: Option<&str>,
        variables: &[Value],
    ) -> Result<Previewed, EngineError> {
        let mut state = self.state(id)?;
        for requisite in requisites {
            let known = |stage: &Stage| !stage.is_synthetic() && stage.ref_id == *requisite;
            if !state.execution.stages.iter().any(known) {
                return Err(Refusal::Invalid(format!(
                    "execution {id} has no stage with the refId {requisite:?}"
                ))
                .into());
            }
        }
        let version = version.or(state.execution.spel_evaluator.as_deref());
        let version = Version::parse(version);
        let position = add_stage(&mut state, requisites.to_vec());
        self.see(state, position, |scope| {
            let evaluated = evaluate_variables(variables, scope, version);
            no_fetches(&evaluated.needs)?;
            let result = evaluated.variables.into_iter().map(|variable| {
                let mut entry = Map::new();
                entry.insert("key".into(), variable.key.into());
                entry.insert("value".into(), variable.value);
                let more = [
                    ("description", variable.description),
                    ("sourceValue", variable.source_value),
                ];
                for (key, value) in more {
                    entry.extend(value.map(|value| (key.to_owned(), value)));
                }
                Value::Object(entry)
            });
            Ok(Previewed {
                result: result.collect(),
                detail: evaluated.summary.to_json(),
            })
        })
    }

    fn state(&self, id: &ExecutionId) -> Result<RunState, EngineError> {
        self.store()
            .run(id)?
            .ok_or_else(|| EngineError::UnknownExecution(id.clone()))
    }

    /// Shows a run as a stage of it sees it.
    fn see<T>(
        &self,
        state: RunState,
        position: Serial,
        look: impl FnOnce(&Scope<'_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let now = self.clock().now();
        let run = spindrift_engine::Run::load(state);
        let world = self.shared.environment(now);
        let Some(stage) = run.stage(position) else {
            return Err(EngineError::Conflict(format!(
                "execution {} has changed; ask again",
                run.execution().id
            )));
        };
        let view = StageView::new(&run, stage, now, &self.shared.options.time_zone, &world);
        let environment = StageEnvironment::of(&view);
        look(&environment.scope(&view).with_running(false))
    }
}

fn one(expression: &str, scope: &Scope<'_>) -> Result<Previewed, EngineError> {
    let document = Map::from_iter([("expression".to_owned(), expression.into())]);
    let mut evaluated = evaluate(&Value::Object(document), scope);
    no_fetches(&evaluated.needs)?;
    let result = evaluated.value.get_mut("expression");
    Ok(Previewed {
        result: result.map(Value::take).unwrap_or_default(),
        detail: evaluated.summary.to_json(),
    })
}

fn stage_of(state: &RunState, id: &StageId) -> Result<Serial, EngineError> {
    let found = state.execution.stage_by_id(id);
    found.map(|stage| stage.serial).ok_or_else(|| {
        Refusal::UnknownStage {
            execution: state.execution.id.to_string(),
            stage: id.to_string(),
        }
        .into()
    })
}

/// Adds a stage behind others, to see the run from there.
fn add_stage(state: &mut RunState, requisites: Vec<RefId>) -> Serial {
    state.execution.stages.push(Stage {
        id: "preview".into(),
        ref_id: "preview".into(),
        kind: "preview".to_owned(),
        requisite_stage_ref_ids: requisites,
        serial: NOWHERE,
        ..Stage::default()
    });
    NOWHERE
}

fn no_fetches(needs: &[Fetch]) -> Result<(), EngineError> {
    match needs.first() {
        None => Ok(()),
        Some(fetch) => Err(Refusal::Invalid(format!(
            "the expression reads {}, which a preview does not do; only a run does",
            fetch.url
        ))
        .into()),
    }
}
