//! `evaluateVariables`: names values for later stages.
//!
//! Context: `variables [{key, value, description}]`. Each value becomes an output under its key.
//!
//! Under `v4` they are evaluated in order, each seeing those before it, and keep `sourceValue`, the text they came from in
//! Orca's form (`{` for `${`), and where that form cannot be turned back, `sourceExpression`, the text itself. Otherwise
//! the engine has evaluated them at once with the rest of the context. A value that cannot be evaluated stays as it is
//! written, and is noted in `expressionEvaluationSummary`.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{
    ContextEdit, Failure, InlineTask, StageEnvironment, StageType, StageView, TaskResult,
    TaskRunner, TaskSpec,
};
use spindrift_expressions::{
    Fetch, SUMMARY_KEY, Variable, VariablesEvaluated, Version, evaluate_variables,
};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig};

use crate::fields;

const TASK: &str = "evaluateVariables";
const VARIABLES: &str = "variables";
const SOURCE: &str = "sourceValue";
const EXPRESSION: &str = "sourceExpression";

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

    fn unevaluated(&self, _: &Map, v4: bool) -> &'static [&'static str] {
        match v4 {
            true => &[VARIABLES],
            false => &[],
        }
    }

    fn asks(&self, stage: &StageView<'_>, _: &str) -> Vec<Fetch> {
        let v4 = stage.execution().is_v4();
        match variables(&stage.stage().context) {
            Ok(list) if v4 => evaluate_named(stage, list).1.needs,
            _ => Vec::new(),
        }
    }

    fn restart(&self, stage: &Stage) -> ContextEdit {
        let mut edit = ContextEdit {
            unset_outputs: stage.outputs.keys().cloned().collect(),
            ..ContextEdit::default()
        };
        let list = variables(&stage.context).unwrap_or_default();
        if list.iter().any(|variable| variable.get(SOURCE).is_some()) {
            let sources: Vec<Value> = list.iter().map(as_written).collect();
            edit.set.insert(VARIABLES.to_owned(), sources.into());
        }
        edit
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
        let list = match variables(&stage.stage().context) {
            Ok(list) => list,
            Err(failure) => return TaskResult::terminal(failure),
        };
        match stage.execution().is_v4() {
            true => in_order(stage, list),
            false => {
                let mut result = TaskResult::succeeded();
                result.outputs = outputs(list);
                result
            }
        }
    }
}

fn outputs(variables: &[Value]) -> Map {
    let pairs = variables.iter().filter_map(|variable| {
        let key = variable.get("key").and_then(fields::as_text)?;
        let value = variable.get("value").cloned().unwrap_or_default();
        Some((key.to_owned(), value))
    });
    pairs.collect()
}

fn in_order(stage: &StageView<'_>, list: &[Value]) -> TaskResult {
    let (list, evaluated) = evaluate_named(stage, list);
    let noted: Vec<Value> = list
        .iter()
        .zip(evaluated.variables)
        .map(|(written, variable)| noted(written, variable))
        .collect();
    let mut result = TaskResult::succeeded();
    result.outputs = outputs(&noted);
    result.context.insert(VARIABLES.to_owned(), noted.into());
    if !evaluated.summary.is_empty() {
        let summary = stage
            .stage()
            .context
            .get(SUMMARY_KEY)
            .and_then(Value::as_object);
        let mut summary = summary.cloned().unwrap_or_default();
        if let Value::Object(failures) = evaluated.summary.to_json() {
            summary.extend(failures);
        }
        result
            .context
            .insert(SUMMARY_KEY.to_owned(), summary.into());
    }
    result
}

fn evaluate_named(stage: &StageView<'_>, list: &[Value]) -> (Vec<Value>, VariablesEvaluated) {
    let environment = StageEnvironment::of(stage);
    let list: Vec<Value> = list
        .iter()
        .filter(|variable| is_named(variable))
        .cloned()
        .collect();
    let evaluated = evaluate_variables(&list, &environment.scope(stage), Version::V4);
    (list, evaluated)
}

/// Entries without a key name nothing; there is nothing to evaluate in them.
fn is_named(variable: &Value) -> bool {
    variable.get("key").and_then(fields::as_text).is_some()
}

/// A variable as the context keeps it: what its author wrote, with the value it has now and where that came from.
fn noted(written: &Value, variable: Variable) -> Value {
    let mut noted = written.as_object().cloned().unwrap_or_default();
    if let Some(source) = variable.source_value {
        let source_of = |value: &Value| from_source(value) == noted["value"];
        if noted.contains_key("value") && !source_of(&source) {
            noted.insert(EXPRESSION.to_owned(), noted["value"].clone());
        }
        noted.insert(SOURCE.to_owned(), source);
    }
    noted.insert("value".to_owned(), variable.value);
    if let Some(description) = variable.description {
        noted.insert("description".to_owned(), description);
    }
    Value::Object(noted)
}

/// A variable as its author wrote it.
fn as_written(variable: &Value) -> Value {
    let mut variable = variable.clone();
    if let Value::Object(members) = &mut variable {
        let source = members.shift_remove(SOURCE);
        let expression = members.shift_remove(EXPRESSION);
        if let Some(value) = expression.or_else(|| source.as_ref().map(from_source)) {
            members.insert("value".to_owned(), value);
        }
    }
    variable
}

fn from_source(source: &Value) -> Value {
    match source {
        Value::String(text) => text.replace('{', "${").into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scene, map, problems};
    use serde_json::json;
    use spindrift_model::Status;

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
    fn each_variable_of_v4_sees_those_before_it() {
        let context = json!({"variables": [
            {"key": "one", "value": "${1 + 1}", "description": "is ${1 + 1}", "more": true},
            {"key": "two", "value": "${one + 1}"},
            {"value": "${lost}"},
            {"key": "map", "value": "${ {'a': one} }"},
            {"key": "plain", "value": 7},
            {"key": "name", "value": "${image}"},
        ]});
        let scene = Scene::stage("evaluateVariables", context)
            .after("Build", Status::Succeeded, json!({"image": "web:1.2"}))
            .v4();
        let result = scene.run(&EvaluateVariables, TASK);
        assert_eq!(
            Value::Object(result.outputs.clone()),
            json!({"one": 2, "two": 3, "map": {"a": 2}, "plain": 7, "name": "web:1.2"})
        );
        let variables = json!([
            {"key": "one", "value": 2, "description": "is 2", "more": true, "sourceValue": "{1 + 1}"},
            {"key": "two", "value": 3, "sourceValue": "{one + 1}"},
            {"key": "map", "value": {"a": 2}, "sourceExpression": "${ {'a': one} }", "sourceValue": "{ {'a': one} }"},
            {"key": "plain", "value": 7, "sourceValue": 7},
            {"key": "name", "value": "web:1.2", "sourceValue": "{image}"},
        ]);
        assert_eq!(result.context["variables"], variables);
        assert_eq!(result.context.get(SUMMARY_KEY), None);
    }

    #[test]
    fn a_variable_of_v4_that_fails_stays_as_written_and_is_noted() {
        let context = json!({
            "variables": [{"key": "bad", "value": "${#nope()}"}, {"key": "next", "value": "${bad == null}"}],
            SUMMARY_KEY: {"earlier": []},
        });
        let scene = Scene::stage("evaluateVariables", context).v4();
        let result = scene.run(&EvaluateVariables, TASK);
        assert_eq!(
            Value::Object(result.outputs.clone()),
            json!({"bad": "${#nope()}", "next": true})
        );
        let summary = result.context[SUMMARY_KEY].as_object().unwrap();
        assert_eq!(summary.len(), 2, "{summary:?}");
        assert!(summary.contains_key("earlier"));
    }

    #[test]
    fn a_restart_restores_what_was_written() {
        let written = json!([
            {"key": "one", "value": "${1 + 1}"},
            {"key": "map", "value": "${ {'a': 1} } and {more}"},
            {"key": "plain", "value": [7]},
            {"key": "bad", "value": "${#nope()}"},
        ]);
        let scene = Scene::stage("evaluateVariables", json!({"variables": written})).v4();
        let stage = Stage {
            context: scene.run(&EvaluateVariables, TASK).context,
            ..Stage::default()
        };
        assert_ne!(stage.context["variables"], written);
        assert_eq!(EvaluateVariables.restart(&stage).set["variables"], written);
        let v3 = Stage {
            context: map(json!({"variables": written})),
            ..Stage::default()
        };
        assert!(EvaluateVariables.restart(&v3).set.is_empty());
    }

    #[test]
    fn only_v4_keeps_the_variables_from_the_context_pass() {
        assert_eq!(
            EvaluateVariables.unevaluated(&Map::new(), true),
            [VARIABLES]
        );
        assert!(EvaluateVariables.unevaluated(&Map::new(), false).is_empty());
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
