//! OpenAPI documents: as much as `kubectl apply`, `diff`, `explain` and validation read.
//!
//! Version 3 is made from the built-in schema for each request and kept by nobody: clients cache it by its hash. Version 2 is an
//! empty document, because clients that still read it fall back to what they know themselves.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::http::Reply;
use crate::ids;
use crate::json::Json;
use crate::kinds::{Kind, Registry, Schema};
use crate::schema::{self, ListKind, MergeList, Type};
use crate::status::Status;

const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Fields 1 (swagger: "2.0") and 2 (info: title, version) of an OpenAPI v2 document, the least that decodes as one.
const V2_BYTES: &[u8] = b"\x0a\x032.0\x12\x13\x0a\x0aKubernetes\x12\x05v1.33";

pub(crate) fn v2(headers: &HeaderMap) -> Reply {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if accept.contains("protobuf") {
        let mut response = Response::new(Body::from(V2_BYTES));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(V2_PROTOBUF));
        return Reply::Stream(response);
    }
    let document = json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.33"}, "paths": {}, "definitions": {}});
    Reply::Document {
        code: 200,
        value: document.into(),
        warnings: Vec::new(),
    }
}

/// The index, or the document of one group version.
pub(crate) fn v3(kinds: &Registry, group_version: Option<&str>) -> Result<Value, Status> {
    match group_version {
        None => Ok(index(kinds)),
        Some(path) => {
            let (group, version) = match path.split('/').collect::<Vec<_>>().as_slice() {
                ["api", version] => (String::new(), (*version).to_owned()),
                ["apis", group, version] => ((*group).to_owned(), (*version).to_owned()),
                _ => return Err(Status::no_such_path()),
            };
            let kinds: Vec<_> = kinds.of_version(&group, &version).cloned().collect();
            if kinds.is_empty() {
                return Err(Status::no_such_path());
            }
            Ok(document(&kinds))
        }
    }
}

fn index(kinds: &Registry) -> Value {
    let mut paths = Map::new();
    let mut add = |path: String, kinds: Vec<&Kind>| {
        let hash = ids::fnv(
            &kinds
                .iter()
                .map(|kind| {
                    format!(
                        "{:?}",
                        (&kind.kind, &kind.schema, env!("CARGO_PKG_VERSION"))
                    )
                })
                .collect::<String>(),
        );
        let url = format!("/openapi/v3/{path}?hash={hash:08X}");
        paths.insert(path, json!({"serverRelativeURL": url}));
    };
    add(
        "api/v1".to_owned(),
        kinds.of_version("", "v1").map(|kind| &**kind).collect(),
    );
    for (group, versions) in kinds.groups() {
        for version in versions {
            add(
                format!("apis/{group}/{version}"),
                kinds
                    .of_version(group, version)
                    .map(|kind| &**kind)
                    .collect(),
            );
        }
    }
    json!({"paths": paths})
}

fn document(kinds: &[std::sync::Arc<Kind>]) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    let mut wanted = BTreeSet::new();
    for kind in kinds.iter().filter(|kind| !kind.is_review()) {
        let group_kind = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
        let name = component(kind);
        let prefix = if kind.group.is_empty() {
            format!("/api/{}", kind.version)
        } else {
            format!("/apis/{}/{}", kind.group, kind.version)
        };
        let scope = if kind.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        paths.insert(
            format!("{prefix}{scope}/{}/{{name}}", kind.plural),
            operations(&group_kind, &name, kind.is_custom()),
        );
        paths.insert(
            format!("{prefix}{scope}/{}", kind.plural),
            collection(&group_kind, &name),
        );
        let mut body = match &kind.schema {
            Schema::BuiltIn(type_name) => built_in(type_name, &mut wanted),
            Schema::Custom(schema) => custom(schema, &mut wanted),
        };
        body["x-kubernetes-group-version-kind"] = json!([group_kind]);
        schemas.insert(name, body);
    }
    let mut done = BTreeSet::new();
    while let Some(name) = wanted.pop_first() {
        if done.insert(name) {
            let body = built_in(name, &mut wanted);
            schemas.entry(reference_name(name)).or_insert(body);
        }
    }
    json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.33"}, "paths": paths, "components": {"schemas": schemas}})
}

fn component(kind: &Kind) -> String {
    match &kind.schema {
        Schema::BuiltIn(name) => reference_name(name),
        Schema::Custom(_) => {
            let reversed: Vec<_> = kind.group.split('.').rev().collect();
            format!("{}.{}.{}", reversed.join("."), kind.version, kind.kind)
        }
    }
}

/// `apps.v1.Deployment` as real documents call it.
fn reference_name(name: &str) -> String {
    match name.strip_prefix("meta.") {
        Some(rest) => format!("io.k8s.apimachinery.pkg.apis.meta.{rest}"),
        None => format!("io.k8s.api.{name}"),
    }
}

fn operations(group_kind: &Value, name: &str, custom: bool) -> Value {
    let body = json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
    let ok = json!({"200": {"description": "OK", "content": {"application/json": body}}});
    let parameters: Vec<_> = ["dryRun", "fieldManager", "fieldValidation"]
        .map(query)
        .into();
    let mut forms = Map::new();
    for form in [
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/apply-patch+yaml",
    ] {
        forms.insert(form.to_owned(), json!({"schema": {"type": "object"}}));
    }
    if !custom {
        forms.insert(
            "application/strategic-merge-patch+json".to_owned(),
            json!({"schema": {"type": "object"}}),
        );
    }
    let operation = |action: &str| json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": group_kind, "parameters": parameters, "responses": ok});
    let (mut patch, mut put) = (operation("patch"), operation("put"));
    patch["requestBody"] = json!({"content": forms, "required": true});
    put["requestBody"] = json!({"content": {"application/json": body}, "required": true});
    json!({"get": operation("get"), "put": put, "patch": patch, "delete": operation("delete")})
}

fn collection(group_kind: &Value, name: &str) -> Value {
    let body = json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
    let parameters: Vec<_> = ["dryRun", "fieldManager", "fieldValidation"]
        .map(query)
        .into();
    json!({"post": {"x-kubernetes-action": "post", "x-kubernetes-group-version-kind": group_kind, "parameters": parameters,
        "requestBody": {"content": {"application/json": body}, "required": true}, "responses": {"201": {"description": "Created"}}}})
}

fn query(name: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}})
}

fn built_in(name: &str, wanted: &mut BTreeSet<&'static str>) -> Value {
    let Some(structure) = schema::built_in(name) else {
        return json!({"type": "object"});
    };
    let mut properties = Map::new();
    for field in &structure.fields {
        let mut property = type_schema(&field.kind, wanted);
        match field.merge.list {
            MergeList::Keyed(key) => {
                property["x-kubernetes-patch-strategy"] = json!(if field.merge.retain_keys {
                    "merge,retainKeys"
                } else {
                    "merge"
                });
                property["x-kubernetes-patch-merge-key"] = json!(key);
            }
            MergeList::Set => property["x-kubernetes-patch-strategy"] = json!("merge"),
            MergeList::Replace if field.merge.retain_keys => {
                property["x-kubernetes-patch-strategy"] = json!("retainKeys")
            }
            MergeList::Replace => {}
        }
        properties.insert(field.name.to_owned(), property);
    }
    let mut body = json!({"type": "object", "properties": properties});
    if structure.atomic {
        body["x-kubernetes-map-type"] = json!("atomic");
    }
    body
}

fn type_schema(kind: &Type, wanted: &mut BTreeSet<&'static str>) -> Value {
    match kind {
        Type::Text | Type::Quantity => json!({"type": "string"}),
        Type::Time => json!({"type": "string", "format": "date-time"}),
        Type::Bytes => json!({"type": "string", "format": "byte"}),
        Type::IntOrString => {
            json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
        }
        Type::Number => json!({"type": "integer"}),
        Type::Bool => json!({"type": "boolean"}),
        Type::Any => json!({"x-kubernetes-preserve-unknown-fields": true}),
        Type::Named { name, .. } => {
            wanted.insert(name);
            // `allOf`, because a bare reference may carry no other words.
            json!({"allOf": [{"$ref": format!("#/components/schemas/{}", reference_name(name))}]})
        }
        Type::Map { item, atomic } => {
            let mut body =
                json!({"type": "object", "additionalProperties": type_schema(item, wanted)});
            if *atomic {
                body["x-kubernetes-map-type"] = json!("atomic");
            }
            body
        }
        Type::List { item, kind } => {
            let mut body = json!({"type": "array", "items": type_schema(item, wanted)});
            match kind {
                ListKind::Atomic => body["x-kubernetes-list-type"] = json!("atomic"),
                ListKind::Set => body["x-kubernetes-list-type"] = json!("set"),
                ListKind::Keyed(keys) => {
                    body["x-kubernetes-list-type"] = json!("map");
                    body["x-kubernetes-list-map-keys"] = json!(keys);
                }
            }
            body
        }
    }
}

fn custom(schema: &Value, wanted: &mut BTreeSet<&'static str>) -> Value {
    let mut body = if schema.is_object() {
        schema.clone()
    } else {
        json!({"type": "object"})
    };
    wanted.insert("meta.v1.ObjectMeta");
    body.put(&["properties", "apiVersion"], json!({"type": "string"}));
    body.put(&["properties", "kind"], json!({"type": "string"}));
    body.put(&["properties", "metadata"], json!({"allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}]}));
    body
}
