//! What a real API server refuses: one list of causes for each object, with its field paths and words.
//!
//! The rules cover what manifests get wrong in practice; rare fields are taken as they are.

mod custom;
mod data;
mod metadata;
mod network;
mod pods;
mod workloads;

use serde_json::Value;

use crate::json::Json;
use crate::kinds::Kind;
use crate::status::Cause;

pub(crate) use custom::prune as prune_custom;

/// Problems of an object as it would be stored.
pub(crate) fn object(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = metadata::metadata(kind, object);
    match &*kind.resource {
        "pods" => causes.extend(pods::pod(object)),
        "deployments.apps" | "replicasets.apps" | "statefulsets.apps" | "daemonsets.apps" => {
            causes.extend(workloads::workload(object))
        }
        "jobs.batch" => causes.extend(workloads::job(&object["spec"], "spec")),
        "cronjobs.batch" => causes.extend(workloads::cron_job(object)),
        "services" => causes.extend(network::service(object)),
        "ingresses.networking.k8s.io" => causes.extend(network::ingress(object)),
        "horizontalpodautoscalers.autoscaling" => causes.extend(workloads::autoscaler(object)),
        "configmaps" => causes.extend(data::config_map(object)),
        "secrets" => causes.extend(data::secret(object)),
        "persistentvolumeclaims" => causes.extend(data::claim(object)),
        "rolebindings.rbac.authorization.k8s.io"
        | "clusterrolebindings.rbac.authorization.k8s.io" => causes.extend(data::binding(object)),
        "customresourcedefinitions.apiextensions.k8s.io" => {
            causes.extend(custom::definition(object))
        }
        _ => causes.extend(custom::object(kind, object)),
    }
    causes
}

/// Problems of a change, beyond those of the new object.
pub(crate) fn change(kind: &Kind, old: &Value, new: &Value) -> Vec<Cause> {
    match &*kind.resource {
        "deployments.apps" | "replicasets.apps" | "daemonsets.apps" => {
            unchanged(old, new, &[&["spec", "selector"]])
        }
        "statefulsets.apps" => workloads::stateful_set_change(old, new),
        "jobs.batch" => workloads::job_change(old, new),
        "pods" => pods::change(old, new),
        "services" => network::service_change(old, new),
        "configmaps" | "secrets" => data::immutable_change(old, new),
        "persistentvolumeclaims" => data::claim_change(old, new),
        "rolebindings.rbac.authorization.k8s.io"
        | "clusterrolebindings.rbac.authorization.k8s.io" => data::binding_change(old, new),
        "storageclasses.storage.k8s.io" => unchanged(
            old,
            new,
            &[
                &["provisioner"],
                &["parameters"],
                &["reclaimPolicy"],
                &["volumeBindingMode"],
            ],
        ),
        "priorityclasses.scheduling.k8s.io" => unchanged(old, new, &[&["value"]]),
        "customresourcedefinitions.apiextensions.k8s.io" => unchanged(
            old,
            new,
            &[
                &["spec", "group"],
                &["spec", "scope"],
                &["spec", "names", "plural"],
                &["spec", "names", "kind"],
            ],
        ),
        _ => Vec::new(),
    }
}

/// Fields that never change once set.
fn unchanged(old: &Value, new: &Value, paths: &[&[&str]]) -> Vec<Cause> {
    let changed = paths.iter().filter(|path| old.at(path) != new.at(path));
    changed
        .map(|path| {
            Cause::invalid(
                path.join("."),
                new.at(path).unwrap_or(&Value::Null),
                "field is immutable",
            )
        })
        .collect()
}

/// `a-z0-9-`, at most 63, starting and ending with a letter or digit.
fn is_label(text: &str) -> bool {
    let inner = text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    inner && !text.is_empty() && text.len() <= 63 && !text.starts_with('-') && !text.ends_with('-')
}

/// Labels joined by dots, at most 253.
fn is_subdomain(text: &str) -> bool {
    let part = |part: &str| {
        let inner = part
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        inner && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

const LABEL_NOTE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric \
    character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_NOTE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an \
    alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Registry;
    use crate::status::Status;
    use serde_json::json;

    fn deployment() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "n"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"restartPolicy": "Always", "containers": [{"name": "a", "image": "nginx"}]}}}})
    }

    fn refusal(api_version: &str, kind: &str, value: &Value) -> String {
        let registry = Registry::default();
        let kind = registry.find_kind(api_version, kind).unwrap();
        let causes = object(kind, value);
        if causes.is_empty() {
            String::new()
        } else {
            Status::invalid(kind, value.name(), causes).message
        }
    }

    #[test]
    fn a_sound_deployment_passes_and_each_defect_is_named() {
        assert_eq!(refusal("apps/v1", "Deployment", &deployment()), "");
        type Defect = fn(&mut Value);
        let defects: [(Defect, &str); 6] = [
            (
                |d| d["metadata"]["name"] = json!("Web_1"),
                "metadata.name: Invalid value: \"Web_1\": a lowercase RFC 1123 subdomain",
            ),
            (
                |d| d["spec"]["replicas"] = json!(-1),
                "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            ),
            (
                |d| d["spec"]["template"]["metadata"]["labels"]["app"] = json!("x"),
                "`selector` does not match template `labels`",
            ),
            (
                |d| d["spec"]["template"]["spec"]["containers"] = json!([]),
                "spec.template.spec.containers: Required value",
            ),
            (
                |d| d["spec"]["template"]["spec"]["containers"][0]["image"] = json!(""),
                "spec.template.spec.containers[0].image: Required value",
            ),
            (
                |d| d["spec"]["template"]["spec"]["restartPolicy"] = json!("Never"),
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
            ),
        ];
        for (defect, expected) in defects {
            let mut broken = deployment();
            defect(&mut broken);
            let message = refusal("apps/v1", "Deployment", &broken);
            assert!(message.contains(expected), "{message}\nlacks {expected}");
        }
    }

    #[test]
    fn a_selector_never_changes() {
        let registry = Registry::default();
        let kind = registry.find_kind("apps/v1", "Deployment").unwrap();
        let mut new = deployment();
        new["spec"]["selector"]["matchLabels"]["x"] = json!("y");
        let status = Status::invalid(kind, "web", change(kind, &deployment(), &new));
        assert!(status.message.ends_with("field is immutable"), "{status}");
        assert_eq!(
            status.to_value()["details"]["causes"][0]["field"],
            "spec.selector"
        );
    }
}
