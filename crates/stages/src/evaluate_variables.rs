//! `evaluateVariables`: names values for later stages.
//!
//! Context: `variables [{key, value, description}]`. Each value becomes an output under its key.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{
    ContextEdit, Failure, InlineTask, StageType, StageView, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig};

use crate::fields;

const TASK: &str = "evaluateVariables";
const VARIABLES: &str = "variables";

/// The stage type.
pub struct EvaluateVariables;

impl StageType for EvaluateVariables {
    fn name(&self) -> &str {
        "evaluateVariables"
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(vec![TaskSpec::new(TASK)])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        (name == TASK).then(|| TaskRunner::Inline(Arc::new(Evaluate)))
    }

    fn restart(&self, stage: &Stage) -> ContextEdit {
        ContextEdit {
            unset_outputs: stage.outputs.keys().cloned().collect(),
            ..ContextEdit::default()
        }
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let at = at.key(VARIABLES);
        let warn = |pointer: Pointer, message: &str| {
            Problem::warning(pointer, "stage.evaluateVariables.variables", message)
        };
        let list = match variables(&stage.context) {
            Ok(list) => list,
            Err(failure) => return vec![warn(at, &failure.errors.join("; "))],
        };
        let mut seen = Vec::new();
        let mut problems = Vec::new();
        for (position, variable) in list.iter().enumerate() {
            let at = at.index(position).key("key");
            match variable.get("key").and_then(fields::as_text) {
                None => problems.push(warn(at, "a variable without a key is left out")),
                Some(key) if seen.contains(&key) => {
                    problems.push(warn(
                        at,
                        "an earlier variable has the same key; the last one wins",
                    ));
                }
                Some(key) => seen.push(key),
            }
        }
        problems
    }
}

fn variables(context: &Map) -> Result<&[Value], Failure> {
    match context.get(VARIABLES) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(fields::invalid(format!(
            "variables must be a list of keys and values, not {}",
            fields::shorten(&other.to_string())
        ))),
    }
}

struct Evaluate;

impl InlineTask for Evaluate {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        match variables(&stage.stage().context) {
            Ok(list) => {
                let mut result = TaskResult::succeeded();
                result.outputs = outputs(list);
                result
            }
            Err(failure) => TaskResult::terminal(failure),
        }
    }
}

fn outputs(variables: &[Value]) -> Map {
    let pairs = variables.iter().filter_map(|variable| {
        let key = variable.get("key").and_then(fields::as_text)?;
        Some((
            key.to_owned(),
            variable.get("value").cloned().unwrap_or_default(),
        ))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scene, map, problems};
    use serde_json::json;

    #[test]
    fn values_become_outputs() {
        let scene = Scene::stage(
            "evaluateVariables",
            json!({"variables": [
                {"key": "a", "value": "x"}, {"key": "", "value": "lost"}, {"key": "b", "value": {"c": [1]}},
                {"key": "d"}, {"key": "a", "value": "y"},
            ]}),
        );
        let result = scene.run(&EvaluateVariables, TASK);
        assert_eq!(
            Value::Object(result.outputs),
            json!({"a": "y", "b": {"c": [1]}, "d": null})
        );
    }

    #[test]
    fn a_restart_forgets_the_outputs() {
        let stage = Stage {
            outputs: map(json!({"a": 1, "b": 2})),
            ..Stage::default()
        };
        assert_eq!(EvaluateVariables.restart(&stage).unset_outputs, ["a", "b"]);
    }

    #[test]
    fn keys_that_are_missing_or_twice_are_noticed() {
        let code = "stage.evaluateVariables.variables";
        let context = json!({"variables": [{"key": "a"}, {"value": 1}, {"key": "a"}]});
        assert_eq!(
            problems(&EvaluateVariables, context),
            [
                format!("/stages/0/variables/1/key {code}"),
                format!("/stages/0/variables/2/key {code}"),
            ]
        );
        assert_eq!(
            problems(&EvaluateVariables, json!({"variables": "a=1"})),
            [format!("/stages/0/variables {code}")]
        );
    }
}
