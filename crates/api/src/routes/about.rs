//! What this server is, who asks, and the little things that clients read.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::identity::Identity;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(version))
        .routes(routes!(document))
        .routes(routes!(user))
        .routes(routes!(deployment_monitors))
        .routes(routes!(quiet_period))
        .routes(routes!(stage_types))
}

/// The version of the server.
#[utoipa::path(get, path = "/version", tag = "about", responses((status = 200, body = Object)))]
async fn version(State(state): State<ApiState>) -> Json<Value> {
    Json(json!({"version": state.options().version}))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "about", responses((status = 200, body = Object)))]
async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(crate::openapi())
}

/// Who asks.
#[utoipa::path(get, path = "/auth/user", tag = "about", responses((status = 200, body = Object)))]
async fn user(Identity(caller): Identity) -> Json<Value> {
    let authorities: Vec<Value> = caller
        .roles
        .iter()
        .map(|role| json!({"authority": role}))
        .collect();
    Json(json!({
        "username": caller.user,
        "email": caller.user,
        "firstName": "",
        "lastName": "",
        "roles": caller.roles,
        "allowedAccounts": caller.allowed_accounts,
        "authorities": authorities,
        "isAdmin": caller.admin,
        "enabled": true,
        "accountNonExpired": true,
        "accountNonLocked": true,
        "credentialsNonExpired": true,
    }))
}

/// What may stop a deployment; nothing does.
#[utoipa::path(get, path = "/capabilities/deploymentMonitors", tag = "about", responses((status = 200, body = Vec<Object>)))]
async fn deployment_monitors() -> Json<Vec<Value>> {
    Json(Vec::new())
}

/// Whether triggers rest; they do not.
#[utoipa::path(get, path = "/capabilities/quietPeriod", tag = "about", responses((status = 200, body = Object)))]
async fn quiet_period() -> Json<Value> {
    Json(json!({"enabled": false, "inQuietPeriod": false, "startTime": -1, "endTime": -1}))
}

/// The stage types that this server can run.
#[utoipa::path(get, path = "/capabilities/stageTypes", tag = "about", responses((status = 200, body = Vec<String>)))]
async fn stage_types(State(state): State<ApiState>) -> Json<Vec<String>> {
    let names = state.engine().stages().names();
    Json(names.map(str::to_owned).collect())
}
