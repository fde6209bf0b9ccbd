//! What expressions give in an execution as it stands.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::header;
use serde::Serialize;
use spindrift_model::{ExecutionId, Pointer, RefId, StageId, Value};
use spindrift_runtime::Previewed;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{JsonBody, RawBody, parse, text};
use crate::path::{Segments, execution_id, stage_id};
use crate::problem::{HttpProblem, wrong_shape};
use crate::query::{MAX_PAGE, Query};
use crate::state::ApiState;

/// The versions of the evaluator; `v2` is an old name of `v3`.
const VERSIONS: [&str; 3] = ["v2", "v3", "v4"];

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(expression, posted_expression))
        .routes(routes!(expression_of_stage, posted_expression_of_stage))
        .routes(routes!(variables))
}

/// What an expression gave.
#[derive(Debug, Serialize, ToSchema)]
struct Evaluation {
    /// Its value; its own text where it failed.
    #[schema(value_type = Object)]
    result: Value,
    /// What failed, by expression.
    #[schema(value_type = Object)]
    detail: Value,
}

impl From<Previewed> for Evaluation {
    fn from(previewed: Previewed) -> Self {
        Self {
            result: previewed.result,
            detail: previewed.detail,
        }
    }
}

async fn evaluate(
    state: &ApiState,
    execution: &str,
    stage: Option<&str>,
    expression: String,
) -> Result<Json<Evaluation>, HttpProblem> {
    let execution: ExecutionId = execution_id(execution)?;
    let stage: Option<StageId> = stage.map(stage_id).transpose()?;
    let question = move |engine: &spindrift_runtime::Engine| {
        Ok(engine.preview_expression(&execution, stage.as_ref(), &expression)?)
    };
    Ok(Json(state.read(question).await?.into()))
}

fn asked(query: &Query) -> Result<String, HttpProblem> {
    let expression = query.text("expression").map(str::to_owned);
    expression
        .ok_or_else(|| HttpProblem::bad_request("expression is needed, such as ${trigger.user}"))
}

/// What an expression gives, with `execution` and `trigger` in sight.
#[utoipa::path(get, path = "/pipelines/{id}/evaluateExpression", tag = "expressions",
    params(("id" = String, Path), ("expression" = String, Query)), responses((status = 200, body = Evaluation)))]
async fn expression(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
    query: Query,
) -> Result<Json<Evaluation>, HttpProblem> {
    evaluate(&state, &id, None, asked(&query)?).await
}

/// What an expression in the body gives: plain text, or JSON `{"expression": …}`.
#[utoipa::path(post, path = "/pipelines/{id}/evaluateExpression", tag = "expressions",
    params(("id" = String, Path)), request_body = Object, responses((status = 200, body = Evaluation)))]
async fn posted_expression(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
    Posted(expression): Posted,
) -> Result<Json<Evaluation>, HttpProblem> {
    evaluate(&state, &id, None, expression).await
}

/// What an expression gives, seen from a stage.
#[utoipa::path(get, path = "/pipelines/{id}/{stage}/evaluateExpression", tag = "expressions",
    params(("id" = String, Path), ("stage" = String, Path), ("expression" = String, Query)),
    responses((status = 200, body = Evaluation)))]
async fn expression_of_stage(
    State(state): State<ApiState>,
    Segments((id, stage)): Segments<(String, String)>,
    query: Query,
) -> Result<Json<Evaluation>, HttpProblem> {
    evaluate(&state, &id, Some(&stage), asked(&query)?).await
}

/// What an expression in the body gives, seen from a stage.
#[utoipa::path(post, path = "/pipelines/{id}/{stage}/evaluateExpression", tag = "expressions",
    params(("id" = String, Path), ("stage" = String, Path)), request_body = Object,
    responses((status = 200, body = Evaluation)))]
async fn posted_expression_of_stage(
    State(state): State<ApiState>,
    Segments((id, stage)): Segments<(String, String)>,
    Posted(expression): Posted,
) -> Result<Json<Evaluation>, HttpProblem> {
    evaluate(&state, &id, Some(&stage), expression).await
}

/// An expression in a body.
struct Posted(String);

impl FromRequest<ApiState> for Posted {
    type Rejection = HttpProblem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, HttpProblem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let is_plain =
            kind.is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/"));
        let RawBody(body) = RawBody::from_request(request, state).await?;
        if is_plain {
            let text = String::from_utf8(body.into());
            return text
                .map(Self)
                .map_err(|_| HttpProblem::bad_request("the expression is not UTF-8"));
        }
        match parse(body, state.limits().json).await? {
            Value::String(expression) => Ok(Self(expression)),
            Value::Object(map) => Ok(Self(text(&map, "expression")?.to_owned())),
            _ => Err(wrong_shape(
                Pointer::root(),
                "the body is {\"expression\": \"${…}\"}, or plain text",
            )),
        }
    }
}

/// What variables would be, in a stage behind those in `requisiteStageRefIds`.
#[utoipa::path(post, path = "/pipelines/{id}/evaluateVariables", tag = "expressions",
    params(("id" = String, Path), ("requisiteStageRefIds" = Option<String>, Query), ("spelVersion" = Option<String>, Query)),
    request_body = Vec<Object>, responses((status = 200, body = Evaluation)))]
async fn variables(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
    query: Query,
    body: JsonBody,
) -> Result<Json<Evaluation>, HttpProblem> {
    let id = execution_id(&id)?;
    let variables = body.list("the body")?;
    if let Some(position) = variables
        .iter()
        .position(|variable| !variable["key"].is_string())
    {
        return Err(wrong_shape(
            Pointer::root().index(position).key("key"),
            "a variable is {\"key\": …, \"value\": …}; its key is a text",
        ));
    }
    if variables.len() > MAX_PAGE {
        return Err(HttpProblem::bad_request(format!(
            "evaluate at most {MAX_PAGE} variables at once"
        )));
    }
    let requisites: Vec<RefId> = query
        .list("requisiteStageRefIds")
        .into_iter()
        .map(RefId::from)
        .collect();
    let version = query.text("spelVersion").map(str::to_owned);
    if let Some(version) = version.as_deref()
        && !VERSIONS.contains(&version)
    {
        return Err(HttpProblem::bad_request(format!(
            "spelVersion is v3 or v4, not {version:?}"
        )));
    }
    let question = move |engine: &spindrift_runtime::Engine| {
        Ok(engine.preview_variables(&id, &requisites, version.as_deref(), &variables)?)
    };
    Ok(Json(state.read(question).await?.into()))
}
