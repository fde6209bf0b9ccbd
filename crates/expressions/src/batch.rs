//! Evaluation of one JSON line, for tools: `{"execution": …, "stage": "refId", "template": …, "strict": false}`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spindrift_model::Execution;

use crate::evaluate::{Evaluated, evaluate};
use crate::scope::{Environment, Fetch, Scope};

/// What to evaluate.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The execution. Every field may be missing.
    #[serde(default)]
    pub execution: Value,
    /// The stage whose view is taken, by `refId` or id; without it only `execution` and `trigger` are known.
    #[serde(default)]
    pub stage: Option<String>,
    /// Any JSON.
    pub template: Value,
    /// Evaluate as at submission: no execution, and a missing name is an error.
    #[serde(default)]
    pub strict: bool,
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Response {
    /// The template with its expressions replaced.
    pub value: Value,
    /// What failed, as `expressionEvaluationSummary` shows it.
    pub summary: Value,
    /// URLs whose responses were not at hand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The line is no request.
    #[error("the line is not a request: {0}")]
    Request(String),
    /// The execution cannot be read.
    #[error("'execution' cannot be read: {0}")]
    Execution(String),
    /// The stage is not in the execution.
    #[error("there is no stage with refId '{0}' in the execution")]
    Stage(String),
}

/// Evaluates one line and gives the line of the answer.
///
/// # Errors
/// Where the line is no request; failures of expressions are part of the answer.
pub fn evaluate_line(line: &str, environment: &dyn Environment) -> Result<String, BatchError> {
    let request: Request =
        serde_json::from_str(line).map_err(|error| BatchError::Request(error.to_string()))?;
    let response = evaluate_request(&request, environment)?;
    serde_json::to_string(&response).map_err(|error| BatchError::Request(error.to_string()))
}

/// Evaluates one request.
///
/// # Errors
/// Where the execution cannot be read or has no such stage.
pub fn evaluate_request(
    request: &Request,
    environment: &dyn Environment,
) -> Result<Response, BatchError> {
    let source = tolerant(&request.execution);
    let execution: Execution =
        serde_json::from_value(source).map_err(|error| BatchError::Execution(error.to_string()))?;
    if request.strict {
        let scope = Scope::of_submission(
            execution.trigger.map(),
            execution
                .template_variables
                .as_ref()
                .filter(|variables| !variables.is_empty()),
            environment,
        );
        return Ok(answer(evaluate(&request.template, &scope)));
    }
    let scope = match &request.stage {
        None => Scope::of_execution(&execution, environment),
        Some(wanted) => {
            let position = execution
                .stages
                .iter()
                .position(|stage| stage.ref_id == **wanted)
                .or_else(|| {
                    execution
                        .stages
                        .iter()
                        .position(|stage| stage.id == **wanted)
                })
                .ok_or_else(|| BatchError::Stage(wanted.clone()))?;
            Scope::of_stage(&execution, position, environment)
        }
    };
    Ok(answer(evaluate(&request.template, &scope)))
}

/// An execution as people write it by hand: absent and null fields are the same, ids may be numbers.
fn tolerant(execution: &Value) -> Value {
    let mut execution = cleaned(execution);
    if let Some(Value::Array(stages)) = execution.get_mut("stages") {
        for stage in stages {
            *stage = Value::Object(cleaned(stage));
            let tasks = stage.get_mut("tasks").and_then(Value::as_array_mut);
            for task in tasks.into_iter().flatten() {
                *task = Value::Object(cleaned(task));
            }
        }
    }
    Value::Object(execution)
}

fn cleaned(value: &Value) -> Map<String, Value> {
    let fields = value.as_object().into_iter().flatten();
    fields
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| {
            let value = match (key.as_str(), value) {
                ("id" | "refId" | "parentStageId" | "pipelineConfigId", Value::Number(id)) => {
                    Value::String(id.to_string())
                }
                ("requisiteStageRefIds", Value::Array(ids)) => ids
                    .iter()
                    .map(|id| match id {
                        Value::Number(id) => Value::String(id.to_string()),
                        other => other.clone(),
                    })
                    .collect(),
                _ => value.clone(),
            };
            (key.clone(), value)
        })
        .collect()
}

fn answer(evaluated: Evaluated) -> Response {
    Response {
        value: evaluated.value,
        summary: evaluated.summary.to_json(),
        needs: evaluated
            .needs
            .into_iter()
            .map(|fetch: Fetch| fetch.url)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Still;

    impl Environment for Still {
        fn now_ms(&self) -> i64 {
            0
        }

        fn random_u64(&self) -> u64 {
            4
        }
    }

    #[test]
    fn a_line_may_leave_out_nearly_everything() {
        let table = [
            (r#"{"template": "${1 + 2}"}"#, r#"{"value":3,"summary":{}}"#),
            (
                r#"{"template": {"a": "${trigger.type}"}, "execution": null, "stage": null, "id": "case-1"}"#,
                r#"{"value":{"a":"none"},"summary":{}}"#,
            ),
            (
                r#"{"template": "${x}", "stage": "2", "execution": {"name": null, "stages": [
                    {"refId": 1, "outputs": {"x": "y"}},
                    {"refId": 2, "requisiteStageRefIds": [1], "context": null}]}}"#,
                r#"{"value":"y","summary":{}}"#,
            ),
            (
                r#"{"template": "${parameters.a}", "strict": true, "execution": {"trigger": {"parameters": {"a": 1}}}}"#,
                r#"{"value":1,"summary":{}}"#,
            ),
        ];
        for (line, expected) in table {
            assert_eq!(
                evaluate_line(line, &Still).as_deref(),
                Ok(expected),
                "{line}"
            );
        }
    }

    #[test]
    fn what_is_no_request_is_told() {
        let table = [
            ("{}", "missing field `template`"),
            (
                r#"{"template": 1, "stage": "9"}"#,
                "no stage with refId '9'",
            ),
            (
                r#"{"template": 1, "execution": {"status": "NOPE"}}"#,
                "cannot be read",
            ),
        ];
        for (line, expected) in table {
            let error = evaluate_line(line, &Still).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
