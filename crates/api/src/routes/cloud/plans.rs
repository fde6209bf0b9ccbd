//! Plans: what a deploy would change.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};
use spindrift_cloud_driver::kubernetes::{DeployRequest, Kubernetes, Plan};
use spindrift_cloud_driver::model::Moniker;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::models;
use crate::body::{JsonBody, text};
use crate::identity::Identity;
use crate::problem::HttpProblem;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(plan))
}

/// What a deploy of these manifests would change, found out by a dry run on the API server: `{account, manifests, namespaceOverride, moniker}`.
#[utoipa::path(post, path = "/manifests/plan", tag = "manifests", request_body = Object,
    responses((status = 200, body = Object)))]
async fn plan(
    State(state): State<ApiState>,
    identity: Identity,
    body: JsonBody,
) -> Result<Json<Plan>, HttpProblem> {
    let body = body.object("a plan")?;
    let account = text(&body, "account")?;
    let provider = models::provider(&state, &identity, account)?;
    models::check_write(&state, &identity, account)?;
    let kubernetes: &Kubernetes = models::kubernetes(provider.as_ref())?;
    Ok(Json(kubernetes.plan(&request(&body)?).await?))
}

fn request(body: &Map<String, Value>) -> Result<DeployRequest, HttpProblem> {
    let manifests = match (body.get("manifests"), body.get("manifest")) {
        (Some(Value::Array(list)), _) => list.clone(),
        (None | Some(Value::Null), Some(one)) => vec![one.clone()],
        _ => {
            return Err(HttpProblem::bad_request(
                "manifests is needed; give it as a list of objects, or of texts in YAML",
            ));
        }
    };
    let part = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let moniker: Moniker = match body.get("moniker") {
        None | Some(Value::Null) => Moniker {
            app: part("application"),
            ..Moniker::default()
        },
        Some(moniker) => serde_json::from_value(moniker.clone())
            .map_err(|error| HttpProblem::bad_request(format!("moniker: {error}")))?,
    };
    Ok(DeployRequest {
        manifests,
        namespace_override: part("namespaceOverride"),
        moniker,
        ..DeployRequest::default()
    })
}
