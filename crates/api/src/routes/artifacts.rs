//! The content of artifacts.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use spindrift_artifacts::{ArtifactFetcher, Artifacts, Credential};
use spindrift_model::{Artifact, Pointer, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::identity::Identity;
use crate::problem::{HttpProblem, wrong_shape};
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(credentials))
        .routes(routes!(fetch))
}

/// The accounts through which artifacts are fetched, with the types that each fetches.
#[utoipa::path(get, path = "/artifacts/credentials", tag = "artifacts", responses((status = 200, body = Vec<Object>)))]
async fn credentials(State(state): State<ApiState>) -> Json<Vec<Credential>> {
    let artifacts = state.options().artifacts.as_ref();
    Json(artifacts.map(Artifacts::credentials).unwrap_or_default())
}

/// The content of an artifact.
#[utoipa::path(put, path = "/artifacts/fetch", tag = "artifacts", request_body = Object,
    responses((status = 200, description = "Its bytes.", content_type = "application/octet-stream")))]
async fn fetch(
    State(state): State<ApiState>,
    _: Identity,
    body: JsonBody,
) -> Result<Response, HttpProblem> {
    let body = Value::Object(body.object("an artifact")?);
    let artifact: Artifact = serde_json::from_value(body)
        .map_err(|error| wrong_shape(Pointer::root(), format!("this is no artifact: {error}")))?;
    let Some(artifacts) = &state.options().artifacts else {
        let message = "artifacts cannot be fetched here";
        return Err(HttpProblem::new(StatusCode::NOT_IMPLEMENTED, message));
    };
    let content = artifacts.fetch(artifact, None).await?;
    // What others wrote must never run as a page of this server.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, content).into_response())
}
