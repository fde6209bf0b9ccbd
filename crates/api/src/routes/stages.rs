//! Stages: judging, skipping, restarting, and what failed.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use spindrift_model::{Execution, ExecutionId, Permission, Stage, Status};
use spindrift_runtime::{Engine, EngineError};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::executions;
use crate::body::JsonBody;
use crate::identity::Identity;
use crate::path::{Segments, execution_id, stage_id};
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::schema::ExecutionDocument;
use crate::state::ApiState;

/// Pipelines start each other at most that deep.
const MAX_DEPTH: usize = 32;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(patch))
        .routes(routes!(restart))
        .routes(routes!(failed))
}

/// Changes a stage: decides a judgment, skips a wait.
///
/// A judgment (`{"judgmentStatus": "continue" | "stop", "judgmentInput": …}`) is authorised and decided when this answers:
/// 403 for somebody who may not judge, 409 when somebody else was faster, 422 for an answer that is not offered.
#[utoipa::path(patch, path = "/pipelines/{id}/stages/{stage}", tag = "stages",
    params(("id" = String, Path), ("stage" = String, Path)), request_body = Object,
    responses((status = 200, body = ExecutionDocument)))]
async fn patch(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((id, stage)): Segments<(String, String)>,
    body: JsonBody,
) -> Result<Json<Execution>, HttpProblem> {
    let patch = body.object("a change of a stage")?;
    let (id, stage) = (execution_id(&id)?, stage_id(&stage)?);
    executions::permit(&state, &identity, &id, Permission::Execute)?;
    let execution = state
        .engine()
        .patch_stage(&id, &stage, patch, identity.0)
        .await?;
    Ok(Json(execution.as_ref().clone()))
}

/// Runs an execution again from a stage that has ended. A body is not looked at.
#[utoipa::path(put, path = "/pipelines/{id}/stages/{stage}/restart", tag = "stages",
    params(("id" = String, Path), ("stage" = String, Path)), responses((status = 200, body = ExecutionDocument)))]
async fn restart(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((id, stage)): Segments<(String, String)>,
) -> Result<Json<Execution>, HttpProblem> {
    let (id, stage) = (execution_id(&id)?, stage_id(&stage)?);
    executions::permit(&state, &identity, &id, Permission::Execute)?;
    let execution = state
        .engine()
        .restart_stage(&id, &stage, identity.user())
        .await?;
    Ok(Json(execution.as_ref().clone()))
}

/// A stage that failed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FailedStage {
    /// The application of its execution.
    application: String,
    execution_id: String,
    /// The name of its execution.
    pipeline_name: String,
    stage_id: String,
    ref_id: String,
    /// What people call it.
    name: String,
    r#type: String,
    status: String,
    /// What went wrong.
    errors: Vec<String>,
    /// Where a person can look at it, when the caller said where Deck is.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// The stages that failed in an execution, at most `limit`: 1 unless it is said (Orca's default).
///
/// In the place of one that ran another pipeline stand those that failed there.
#[utoipa::path(get, path = "/executions/failedStages", tag = "stages",
    params(("executionId" = String, Query), ("deckOrigin" = Option<String>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, body = Vec<FailedStage>)))]
async fn failed(
    State(state): State<ApiState>,
    query: Query,
) -> Result<Json<Vec<FailedStage>>, HttpProblem> {
    let Some(id) = query.text("executionId") else {
        return Err(HttpProblem::bad_request("executionId is needed"));
    };
    let id = execution_id(id)?;
    let deck = query.text("deckOrigin").map(str::to_owned);
    let limit = query.page("limit", 1)?;
    let question = move |engine: &Engine| {
        let mut found = Vec::new();
        collect(engine, &id, deck.as_deref(), MAX_DEPTH, limit, &mut found)?;
        Ok(found)
    };
    state.read(question).await.map(Json)
}

fn collect(
    engine: &Engine,
    id: &ExecutionId,
    deck: Option<&str>,
    depth: usize,
    limit: usize,
    found: &mut Vec<FailedStage>,
) -> Result<(), HttpProblem> {
    let execution = engine.execution(id)?;
    for stage in execution.stages.iter().filter(|stage| has_failed(stage)) {
        if found.len() == limit {
            break;
        }
        let child = stage
            .text("executionId")
            .filter(|_| stage.kind == "pipeline" && depth > 0);
        let before = found.len();
        if let Some(child) = child {
            let id = ExecutionId::from(child);
            match collect(engine, &id, deck, depth - 1, limit, found)
                .map_err(|problem| problem.status)
            {
                // The child may have been forgotten.
                Ok(()) | Err(axum::http::StatusCode::NOT_FOUND) => {}
                Err(_) => {
                    return Err(EngineError::Unavailable(format!(
                        "execution {child} cannot be read"
                    ))
                    .into());
                }
            }
        }
        if found.len() == before {
            found.push(describe(&execution, stage, deck));
        }
    }
    Ok(())
}

/// A synthetic stage fails its parent, which is the one that people know.
fn has_failed(stage: &Stage) -> bool {
    let failed = matches!(
        stage.status,
        Status::Terminal | Status::Stopped | Status::FailedContinue
    );
    failed && !stage.is_synthetic()
}

fn describe(execution: &Execution, stage: &Stage, deck: Option<&str>) -> FailedStage {
    let url = deck.map(|deck| {
        format!(
            "{}/#/applications/{}/executions/details/{}",
            deck.trim_end_matches('/'),
            execution.application,
            execution.id
        )
    });
    FailedStage {
        application: execution.application.clone(),
        execution_id: execution.id.to_string(),
        pipeline_name: execution.display_name().to_owned(),
        stage_id: stage.id.to_string(),
        ref_id: stage.ref_id.to_string(),
        name: stage.display_name().to_owned(),
        r#type: stage.kind.clone(),
        status: stage.status.to_string(),
        errors: stage.errors().into_iter().map(str::to_owned).collect(),
        url,
    }
}
