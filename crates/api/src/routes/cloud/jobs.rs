//! Jobs as they are now.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use spindrift_cloud_driver::kubernetes::{Kind, Kubernetes, LogOptions, ObjectId, read_properties};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::models;
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(one))
        .routes(routes!(properties))
}

/// How a Job is, and its pods.
#[utoipa::path(get, path = "/applications/{application}/jobs/{account}/{location}/{name}", tag = "infrastructure",
    params(("application" = String, Path), ("account" = String, Path), ("location" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Object)))]
async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((_application, account, location, name)): Segments<(String, String, String, String)>,
) -> Result<Json<Value>, HttpProblem> {
    let provider = models::provider(&state, &identity, &account)?;
    let kubernetes = models::kubernetes(provider.as_ref())?;
    let (job, pods) = job_and_pods(kubernetes, &location, &name).await?;
    let failed = condition(&job, "Failed");
    let ended = pods.iter().rev().find_map(terminated);
    let part = |value: Option<&Value>, key: &str| value.map(|value| value[key].clone());
    let newest = pods.last().map(|pod| pod["metadata"]["name"].clone());
    Ok(Json(json!({
        "name": job["metadata"]["name"],
        "account": account,
        "location": location,
        "provider": "kubernetes",
        "createdTime": millis(&job["metadata"]["creationTimestamp"]),
        "jobState": job_state(&job),
        "reason": part(failed, "reason"),
        "message": part(failed, "message"),
        "exitCode": part(ended, "exitCode"),
        "signal": part(ended, "signal"),
        "failureDetails": part(ended, "message"),
        "mostRecentPodName": newest,
        "pods": pods.iter().map(|pod| json!({"name": pod["metadata"]["name"], "status": pod["status"]})).collect::<Vec<_>>(),
        "completionDetails": {},
    })))
}

/// The properties that a container of a Job has written to its log (`SPINNAKER_PROPERTY_…`, `SPINNAKER_CONFIG_JSON=…`).
#[utoipa::path(get, path = "/applications/{application}/jobs/{account}/{location}/{name}/{container}", tag = "infrastructure",
    params(("application" = String, Path), ("account" = String, Path), ("location" = String, Path), ("name" = String, Path), ("container" = String, Path)),
    responses((status = 200, body = Object)))]
async fn properties(
    State(state): State<ApiState>,
    identity: Identity,
    Segments((_application, account, location, name, container)): Segments<(
        String,
        String,
        String,
        String,
        String,
    )>,
) -> Result<Json<Map<String, Value>>, HttpProblem> {
    let provider = models::provider(&state, &identity, &account)?;
    let kubernetes = models::kubernetes(provider.as_ref())?;
    let (_, pods) = job_and_pods(kubernetes, &location, &name).await?;
    let succeeded = pods
        .iter()
        .rfind(|pod| pod["status"]["phase"] == "Succeeded");
    let Some(pod) = succeeded.or(pods.last()) else {
        return Ok(Json(Map::new()));
    };
    let pod = pod["metadata"]["name"].as_str().unwrap_or_default();
    let options = LogOptions {
        container: Some(container),
        ..LogOptions::default()
    };
    let log = kubernetes
        .logs(models::namespace(&location), pod, &options)
        .await?;
    let properties = read_properties(&log);
    properties
        .map(Json)
        .map_err(|error| HttpProblem::bad_request(error.to_string()))
}

/// A Job and its pods, oldest first.
async fn job_and_pods(
    kubernetes: &Kubernetes,
    location: &str,
    name: &str,
) -> Result<(Value, Vec<Value>), HttpProblem> {
    let namespace = models::namespace(location);
    let name = name.strip_prefix("job ").unwrap_or(name);
    let id = ObjectId {
        kind: Kind::of("Job", "batch/v1"),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let job = kubernetes.get(&id).await?.ok_or_else(|| {
        HttpProblem::not_found(format!("there is no job {name:?} in {location:?}"))
    })?;
    let uid = job["metadata"]["uid"].as_str().unwrap_or_default();
    let labels = format!("batch.kubernetes.io/controller-uid={uid}");
    let pods = Kind::of("Pod", "v1");
    let mut pods = kubernetes.list(&pods, namespace, &labels).await?;
    pods.sort_by_key(|pod| pod["metadata"]["creationTimestamp"].to_string());
    Ok((job, pods))
}

fn job_state(job: &Value) -> &'static str {
    let wanted = job["spec"]["completions"].as_i64().unwrap_or(1);
    if job["status"]["succeeded"].as_i64().unwrap_or(0) >= wanted {
        "Succeeded"
    } else if condition(job, "Failed").is_some() {
        "Failed"
    } else {
        "Running"
    }
}

fn condition<'j>(job: &'j Value, kind: &str) -> Option<&'j Value> {
    let conditions = job["status"]["conditions"].as_array()?;
    let is_true = |condition: &&Value| condition["type"] == kind && condition["status"] == "True";
    conditions.iter().find(is_true)
}

/// How a container of a pod ended badly.
fn terminated(pod: &Value) -> Option<&Value> {
    let statuses = pod["status"]["containerStatuses"].as_array()?;
    let states = statuses.iter().map(|status| &status["state"]["terminated"]);
    states
        .into_iter()
        .find(|state| state["exitCode"].as_i64().unwrap_or(0) != 0)
}

fn millis(time: &Value) -> Option<i64> {
    let time = chrono::DateTime::parse_from_rfc3339(time.as_str()?).ok()?;
    Some(time.timestamp_millis())
}
