//! Evaluation of one JSON line, for tools: `{"execution": …, "stage": "refId", "template": …, "strict": false}`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spindrift_model::Execution;

use crate::evaluate::{Evaluated, evaluate};
use crate::scope::{Environment, Fetch, Scope};

/// What to evaluate.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
    let source = match &request.execution {
        Value::Null => Value::Object(Map::new()),
        other => other.clone(),
    };
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
