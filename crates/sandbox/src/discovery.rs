//! What the cluster says of itself: versions, groups and resources, in the classic and the aggregated form.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::http::Reply;
use crate::http::path::Target;
use crate::kinds::{Kind, Registry};
use crate::status::Status;

/// The Kubernetes version whose schema the cluster follows.
const MINOR: &str = "33";

/// The aggregated form's version, if the client takes that form.
fn aggregated(headers: &HeaderMap) -> Option<&'static str> {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    accept
        .split(',')
        .map(str::trim)
        .filter(|part| part.starts_with("application/json"))
        .find_map(|part| {
            if !part.contains("as=APIGroupDiscoveryList") {
                return Some("");
            }
            if part.contains("v=v2beta1") {
                Some("v2beta1")
            } else {
                part.contains("v=v2").then_some("v2")
            }
        })
        .filter(|version| !version.is_empty())
}

/// The document of a discovery path, with the content type of its form.
pub(crate) fn document(
    kinds: &Registry,
    target: &Target,
    headers: &HeaderMap,
) -> Result<(Value, Option<&'static str>), Status> {
    let form = aggregated(headers);
    Ok(match (target, form) {
        (Target::Version, _) => (version(), None),
        (Target::Api, Some(form)) => (discovery_list(kinds, form, true), Some(form)),
        (Target::Apis, Some(form)) => (discovery_list(kinds, form, false), Some(form)),
        (Target::Api, None) => {
            let addresses = json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}]);
            (
                json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}),
                None,
            )
        }
        (Target::Apis, None) => {
            let groups: Vec<_> = kinds
                .groups()
                .iter()
                .map(|(group, versions)| api_group(group, versions))
                .collect();
            (
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
                None,
            )
        }
        (Target::Group(name), _) => {
            let groups = kinds.groups();
            let (group, versions) = groups
                .iter()
                .find(|(group, _)| group == name)
                .ok_or_else(Status::no_such_path)?;
            let mut document = api_group(group, versions);
            (document["kind"], document["apiVersion"]) = (json!("APIGroup"), json!("v1"));
            (document, None)
        }
        (Target::GroupVersion(group, version), _) => (resource_list(kinds, group, version)?, None),
        (
            Target::Health
            | Target::OpenApiV2
            | Target::OpenApiV3(_)
            | Target::Object(_)
            | Target::Unknown,
            _,
        ) => return Err(Status::no_such_path()),
    })
}

/// A discovery document as an answer; the aggregated form names itself in the content type.
pub(crate) fn reply((value, form): (Value, Option<&'static str>)) -> Reply {
    let Some(form) = form else {
        return Reply::Document {
            code: 200,
            value: value.into(),
            warnings: Vec::new(),
        };
    };
    let mut response = Response::new(Body::from(value.to_string()));
    let content_type = match form {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Reply::Stream(response)
}

fn version() -> Value {
    json!({
        "major": "1", "minor": MINOR, "gitVersion": format!("v1.{MINOR}.0+spindrift.{}", env!("CARGO_PKG_VERSION")), "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc", "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

fn api_group(group: &str, versions: &[&str]) -> Value {
    let entry =
        |version: &str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    let preferred = versions
        .first()
        .map_or(Value::Null, |version| entry(version));
    let versions: Vec<_> = versions.iter().map(|version| entry(version)).collect();
    json!({"name": group, "versions": versions, "preferredVersion": preferred})
}

/// Subresources of a kind with the kind of their documents and their verbs.
fn subresources(
    kind: &Kind,
) -> Vec<(
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
)> {
    let mut list: Vec<(&str, &str, &str, &[&str])> = Vec::new();
    if kind.has_status {
        list.push(("status", "", "", &["get", "patch", "update"]));
    }
    if kind.scale.is_some() {
        list.push((
            "scale",
            "autoscaling/v1",
            "Scale",
            &["get", "patch", "update"],
        ));
    }
    match &*kind.resource {
        "pods" => {
            list.push(("log", "v1", "Pod", &["get"]));
            list.push(("eviction", "policy/v1", "Eviction", &["create"]));
            list.push(("binding", "v1", "Binding", &["create"]));
        }
        "serviceaccounts" => list.push((
            "token",
            "authentication.k8s.io/v1",
            "TokenRequest",
            &["create"],
        )),
        "namespaces" => list.push(("finalize", "v1", "Namespace", &["update"])),
        _ => {}
    }
    list
}

fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

fn resource_list(kinds: &Registry, group: &str, version: &str) -> Result<Value, Status> {
    let mut resources = Vec::new();
    for kind in kinds.of_version(group, version) {
        let mut entry = json!({"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind, "verbs": kind.verbs()});
        if !kind.short_names.is_empty() {
            entry["shortNames"] = json!(kind.short_names);
        }
        if !kind.categories.is_empty() {
            entry["categories"] = json!(kind.categories);
        }
        resources.push(entry);
        for (name, api_version, sub_kind, verbs) in subresources(kind) {
            let mut entry = json!({"name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                "kind": if sub_kind.is_empty() { &kind.kind } else { sub_kind }, "verbs": verbs});
            if !api_version.is_empty() && api_version != kind.api_version() {
                let (group, version) = split(api_version);
                (entry["group"], entry["version"]) = (json!(group), json!(version));
            }
            resources.push(entry);
        }
    }
    if resources.is_empty() {
        return Err(Status::no_such_path());
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    Ok(
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}),
    )
}

fn discovery_list(kinds: &Registry, form: &str, core: bool) -> Value {
    let groups = if core {
        vec![("", vec!["v1"])]
    } else {
        kinds.groups()
    };
    let items: Vec<_> = groups
        .iter()
        .map(|(group, versions)| {
            let versions: Vec<_> = versions
                .iter()
                .map(|version| {
                    let resources: Vec<_> = kinds
                        .of_version(group, version)
                        .map(|kind| discovery_resource(kind))
                        .collect();
                    json!({"version": version, "freshness": "Current", "resources": resources})
                })
                .collect();
            let metadata = if core {
                json!({"creationTimestamp": null})
            } else {
                json!({"name": group, "creationTimestamp": null})
            };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{form}"), "metadata": {}, "items": items})
}

fn discovery_resource(kind: &Kind) -> Value {
    let response_kind = |api_version: &str, name: &str| {
        let (group, version) = split(api_version);
        json!({"group": group, "version": version, "kind": name})
    };
    let mut entry = json!({
        "resource": kind.plural, "responseKind": response_kind(&kind.api_version(), &kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" }, "singularResource": kind.singular, "verbs": kind.verbs(),
    });
    if !kind.short_names.is_empty() {
        entry["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        entry["categories"] = json!(kind.categories);
    }
    let below: Vec<_> = subresources(kind)
        .into_iter()
        .map(|(name, api_version, sub_kind, verbs)| {
            let shown = if sub_kind.is_empty() {
                response_kind(&kind.api_version(), &kind.kind)
            } else {
                response_kind(api_version, sub_kind)
            };
            json!({"subresource": name, "responseKind": shown, "verbs": verbs})
        })
        .collect();
    if !below.is_empty() {
        entry["subresources"] = json!(below);
    }
    entry
}
