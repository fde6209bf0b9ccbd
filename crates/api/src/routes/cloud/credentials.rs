//! The cloud accounts: listed, bound, verified, changed, forgotten.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use spindrift_cloud_driver::accounts::{AccountDefinition, AccountView, Credentials, Permissions};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::models::{may_read, may_write, registry};
use crate::body::JsonBody;
use crate::identity::Identity;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::state::ApiState;

/// What the native kinds count as (Clouddriver's `SpinnakerKind`).
const KINDS: [(&str, &str); 20] = [
    ("configMap", "configs"),
    ("cronJob", "serverGroups"),
    ("daemonSet", "serverGroups"),
    ("deployment", "serverGroupManagers"),
    ("horizontalpodautoscaler", "unclassified"),
    ("ingress", "loadBalancers"),
    ("job", "serverGroups"),
    ("mutatingWebhookConfiguration", "configs"),
    ("namespace", "unclassified"),
    ("networkPolicy", "securityGroups"),
    ("persistentVolume", "configs"),
    ("persistentVolumeClaim", "configs"),
    ("pod", "instances"),
    ("replicaSet", "serverGroups"),
    ("secret", "configs"),
    ("service", "loadBalancers"),
    ("serviceAccount", "unclassified"),
    ("statefulSet", "serverGroups"),
    ("storageClass", "unclassified"),
    ("validatingWebhookConfiguration", "configs"),
];

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, bind, rebind))
        .routes(routes!(get, remove))
        .routes(routes!(verify))
}

/// The cloud accounts, all of them; `authorized` tells whether the caller may use one.
#[utoipa::path(get, path = "/credentials", tag = "accounts",
    params(("expand" = Option<bool>, Query)), responses((status = 200, body = Vec<Object>)))]
async fn list(
    State(state): State<ApiState>,
    identity: Identity,
    query: Query,
) -> Result<Json<Vec<Value>>, HttpProblem> {
    let expand = query.flag("expand", false)?;
    let Some(registry) = &state.options().accounts else {
        return Ok(Json(Vec::new()));
    };
    let accounts = registry.list();
    let accounts = accounts.iter();
    Ok(Json(
        accounts
            .map(|account| shown(&state, &identity, account, expand))
            .collect(),
    ))
}

/// One cloud account: what it is, how it is, what it may not do. Nothing of its credentials.
#[utoipa::path(get, path = "/credentials/{account}", tag = "accounts",
    params(("account" = String, Path)), responses((status = 200, body = Object)))]
async fn get(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(name): Segments<String>,
) -> Result<Json<Value>, HttpProblem> {
    let account = registry(&state)?.view(&name);
    let account =
        account.ok_or_else(|| HttpProblem::not_found(format!("there is no account {name:?}")))?;
    Ok(Json(shown(&state, &identity, &account, true)))
}

/// Binds a Kubernetes account and verifies it: `{name, kubeconfigContents, context}`, `{name, server, token, certificateAuthority}` or
/// `{name, serviceAccount: true}`, and what it may touch (`namespaces`, `kinds` …).
///
/// It is bound also when its API server cannot be reached; `state` and `reason` say so. A kubeconfig that would start a program or read a file is refused.
#[utoipa::path(post, path = "/credentials", tag = "accounts", request_body = Object,
    responses((status = 201, body = Object), (status = 409, description = "There is one of that name.")))]
async fn bind(
    State(state): State<ApiState>,
    identity: Identity,
    body: JsonBody,
) -> Result<(StatusCode, Json<Value>), HttpProblem> {
    let (definition, credentials) = administered(&state, &identity, body)?;
    let account = registry(&state)?.bind(definition, credentials).await?;
    Ok((
        StatusCode::CREATED,
        Json(shown(&state, &identity, &account, true)),
    ))
}

/// Changes an account that was bound here, or binds a new one, and verifies it. Without credentials those it has stay.
#[utoipa::path(put, path = "/credentials", tag = "accounts", request_body = Object,
    responses((status = 200, body = Object)))]
async fn rebind(
    State(state): State<ApiState>,
    identity: Identity,
    body: JsonBody,
) -> Result<Json<Value>, HttpProblem> {
    let (definition, credentials) = administered(&state, &identity, body)?;
    let account = registry(&state)?.rebind(definition, credentials).await?;
    Ok(Json(shown(&state, &identity, &account, true)))
}

/// Forgets an account that was bound here. What it holds stays where it is.
#[utoipa::path(delete, path = "/credentials/{account}", tag = "accounts",
    params(("account" = String, Path)), responses((status = 204)))]
async fn remove(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(name): Segments<String>,
) -> Result<StatusCode, HttpProblem> {
    check_admin(&state, &identity)?;
    registry(&state)?.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks at an account again: whether its API server can be reached, and what it may not do.
#[utoipa::path(post, path = "/credentials/{account}/verify", tag = "accounts",
    params(("account" = String, Path)), responses((status = 200, body = Object)))]
async fn verify(
    State(state): State<ApiState>,
    identity: Identity,
    Segments(name): Segments<String>,
) -> Result<Json<Value>, HttpProblem> {
    let account = registry(&state)?.verify(&name).await?;
    Ok(Json(shown(&state, &identity, &account, true)))
}

fn administered(
    state: &ApiState,
    identity: &Identity,
    body: JsonBody,
) -> Result<(AccountDefinition, Credentials), HttpProblem> {
    check_admin(state, identity)?;
    let document = body.object("an account")?;
    // The map of documents and that of JSON are the same type.
    let document: Map<String, Value> = document;
    Ok(AccountDefinition::parse(document)?)
}

/// Accounts are the business of administrators, where the server knows who anybody is.
fn check_admin(state: &ApiState, identity: &Identity) -> Result<(), HttpProblem> {
    if state.options().tokens.is_empty() || identity.0.admin {
        return Ok(());
    }
    Err(HttpProblem::forbidden(
        "only administrators may change cloud accounts",
    ))
}

fn shown(state: &ApiState, identity: &Identity, account: &AccountView, whole: bool) -> Value {
    let AccountView {
        definition,
        origin,
        status,
        namespaces,
    } = account;
    let name = &definition.name;
    let readable = may_read(state, &identity.0, account);
    let mut shown = json!({
        "name": name,
        "accountId": name,
        "type": "kubernetes",
        "cloudProvider": "kubernetes",
        "providerVersion": "v2",
        "environment": definition.environment.as_ref().unwrap_or(name),
        "accountType": definition.account_type.as_ref().unwrap_or(name),
        "primaryAccount": false,
        "challengeDestructiveActions": false,
        "requiredGroupMembership": definition.required_group_membership,
        "permissions": permissions(&definition.effective_permissions()),
        "authorized": readable,
        "state": status.state,
    });
    if whole && readable {
        let details = json!({
            "namespaces": namespaces,
            "spinnakerKindMap": kinds(definition),
            "dockerRegistries": [],
            "origin": origin,
            "writable": may_write(state, &identity.0, account),
            "reason": status.reason,
            "problems": status.problems,
            "version": status.version,
            "verifiedAt": status.verified_at,
            "context": definition.context,
            "server": definition.server,
            "omitNamespaces": definition.omit_namespaces,
            "kinds": definition.kinds,
            "omitKinds": definition.omit_kinds,
            "customResources": definition.custom_resources,
            "onlySpinnakerManaged": definition.only_spinnaker_managed,
        });
        if let (Value::Object(shown), Value::Object(details)) = (&mut shown, details) {
            shown.extend(details);
        }
    }
    shown
}

/// As the command line of Spinnaker reads them: a map of lists, empty where everybody may.
fn permissions(permissions: &Permissions) -> Value {
    match permissions.is_empty() {
        true => json!({}),
        false => json!(permissions),
    }
}

fn kinds(definition: &AccountDefinition) -> Map<String, Value> {
    let native = KINDS.map(|(kind, role)| (kind.to_owned(), role.to_owned()));
    let custom = definition.custom_resources.iter();
    let custom = custom.map(|kind| (kind.kubernetes_kind.clone(), kind.spinnaker_kind.clone()));
    let all = native.into_iter().chain(custom);
    all.map(|(kind, role)| (kind, role.into())).collect()
}
