//! Questions about the caller: access reviews, and tokens of service accounts.
//!
//! Everybody may do everything, except what a standing `Forbidden` fault forbids.

use axum::body::Body;
use serde_json::{Value, json};

use super::path::{Info, Verb};
use super::{Call, Reply, body};
use crate::faults::Seen;
use crate::json::Json;
use crate::kinds::Kind;
use crate::status::Status;

pub(super) async fn answer(
    call: &Call<'_>,
    kind: &Kind,
    verb: Verb,
    body: Body,
) -> Result<Reply, Status> {
    if verb != Verb::Create {
        return Err(Status::method_not_allowed());
    }
    let mut review = body::document(call.headers, body).await?;
    review.default_to(&["apiVersion"], kind.api_version());
    review.default_to(&["kind"], kind.kind.clone());
    let status = match kind.kind.as_str() {
        "SelfSubjectAccessReview" => access(call, &review)?,
        "SelfSubjectRulesReview" => rules(call, review.text(&["spec", "namespace"])),
        _ => {
            json!({"userInfo": {"username": "sandbox", "groups": ["system:masters", "system:authenticated"]}})
        }
    };
    review.put(&["metadata", "creationTimestamp"], Value::Null);
    review.put(&["status"], status);
    Ok(Reply::Document {
        code: 201,
        value: review.into(),
        warnings: Vec::new(),
    })
}

fn access(call: &Call<'_>, review: &Value) -> Result<Value, Status> {
    if review.at(&["spec", "nonResourceAttributes"]).is_some() {
        return Ok(json!({"allowed": true}));
    }
    let Some(asked) = review.at(&["spec", "resourceAttributes"]) else {
        let message = "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified";
        return Err(Status::new(422, "Invalid", message));
    };
    let (group, resource) = (asked.text(&["group"]), asked.text(&["resource"]));
    let qualified = if group.is_empty() {
        resource.to_owned()
    } else {
        format!("{resource}.{group}")
    };
    let (verb, subresource) = (asked.text(&["verb"]), asked.text(&["subresource"]));
    let seen = Seen {
        verb,
        resource: &qualified,
        subresource,
        namespace: asked.text(&["namespace"]),
        name: asked.text(&["name"]),
    };
    let denied = call.cluster.faults.forbids(&seen);
    Ok(if denied {
        json!({"allowed": false, "reason": "scripted fault"})
    } else {
        json!({"allowed": true, "reason": "everything is allowed in the sandbox"})
    })
}

fn rules(call: &Call<'_>, namespace: &str) -> Value {
    let verbs = [
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete",
        "deletecollection",
    ];
    let forbids = |verb: &str, resource: &str| {
        call.cluster.faults.forbids(&Seen {
            verb,
            resource,
            subresource: "",
            namespace,
            name: "",
        })
    };
    let kinds = call.cluster.store.read(|state| state.kinds.all().to_vec());
    let untouched = kinds
        .iter()
        .all(|kind| !verbs.iter().any(|verb| forbids(verb, &kind.resource)));
    let resources = if untouched {
        vec![json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})]
    } else {
        let rule = |kind: &std::sync::Arc<Kind>| {
            let allowed: Vec<_> = verbs
                .iter()
                .filter(|verb| !forbids(verb, &kind.resource))
                .collect();
            (!allowed.is_empty()).then(
                || json!({"verbs": allowed, "apiGroups": [kind.group], "resources": [kind.plural]}),
            )
        };
        let subresources = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*/log", "*/scale", "*/status"]});
        kinds
            .iter()
            .filter_map(rule)
            .chain([subresources])
            .collect()
    };
    json!({"resourceRules": resources, "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}], "incomplete": false})
}

/// A token for a service account: the sandbox's own, so that it opens what the caller may open.
pub(super) async fn token(call: &Call<'_>, info: &Info, body: Body) -> Result<Reply, Status> {
    let mut request = body::document(call.headers, body).await?;
    let known = call.cluster.store.read(|state| {
        state
            .get("serviceaccounts", &info.namespace, &info.name)
            .is_some()
    });
    if !known {
        return Err(Status::new(
            404,
            "NotFound",
            format!("serviceaccounts \"{}\" not found", info.name),
        ));
    }
    let seconds = request.int(&["spec", "expirationSeconds"]).unwrap_or(3600);
    let expires =
        call.cluster.clock.now() + chrono::TimeDelta::try_seconds(seconds).unwrap_or_default();
    let token = call
        .cluster
        .options
        .token
        .clone()
        .unwrap_or_else(|| format!("sandbox:{}:{}", info.namespace, info.name));
    request.put(
        &["status"],
        json!({"token": token, "expirationTimestamp": crate::clock::stamp(expires)}),
    );
    Ok(Reply::Document {
        code: 201,
        value: request.into(),
        warnings: Vec::new(),
    })
}
