//! Whether an account can be used, and what it may not do.

use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceRule, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use super::account::Kubernetes;
use super::failure::from_kube;
use crate::provider::Verification;

/// An API server that works has answered within that time.
const PATIENCE: Duration = Duration::from_secs(15);

/// Reading what the live model shows.
const READ: &[&str] = &["get", "list", "watch"];
/// Deploying.
const WRITE: &[&str] = &[
    "get", "list", "watch", "create", "update", "patch", "delete",
];

/// What this program needs: group, resource, verbs.
const NEEDED: &[(&str, &str, &[&str])] = &[
    ("", "pods", WRITE),
    ("", "pods/log", &["get"]),
    ("", "services", WRITE),
    ("", "configmaps", WRITE),
    ("", "secrets", WRITE),
    ("", "events", &["list", "watch"]),
    ("apps", "deployments", WRITE),
    ("apps", "deployments/scale", &["update", "patch"]),
    ("apps", "replicasets", WRITE),
    ("apps", "replicasets/scale", &["update", "patch"]),
    ("apps", "statefulsets", WRITE),
    ("apps", "statefulsets/scale", &["update", "patch"]),
    ("apps", "daemonsets", WRITE),
    ("apps", "controllerrevisions", &["list"]),
    ("batch", "jobs", WRITE),
    ("batch", "cronjobs", WRITE),
    ("autoscaling", "horizontalpodautoscalers", READ),
    ("networking.k8s.io", "ingresses", WRITE),
    ("networking.k8s.io", "networkpolicies", READ),
    ("discovery.k8s.io", "endpointslices", &["list", "watch"]),
];

impl Kubernetes {
    /// Asks the API server for its version and for what the account may do. `now` is told in the answer, in milliseconds since 1970.
    pub async fn verify(&self, now: i64) -> Verification {
        let asked = async {
            let info = self.client().apiserver_version().await.map_err(from_kube)?;
            Ok((info.git_version, self.missing_rights().await))
        };
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        let unusable = |reason: String| Verification {
            reachable: false,
            version: None,
            problems: vec![reason],
            at: now,
        };
        match asked {
            Ok(Ok((version, problems))) => Verification {
                reachable: true,
                version: Some(version),
                problems,
                at: now,
            },
            Ok(Err(error)) => {
                let error: crate::error::CloudError = error;
                unusable(error.message)
            }
            Err(_) => unusable(format!(
                "the API server did not answer within {} s",
                PATIENCE.as_secs()
            )),
        }
    }

    /// What the account may not do though this program would: a line for each resource.
    async fn missing_rights(&self) -> Vec<String> {
        let namespace = match self.options().namespaces.first() {
            Some(namespace) => namespace.clone(),
            None => self.default_namespace().to_owned(),
        };
        let review = SelfSubjectRulesReview {
            spec: SelfSubjectRulesReviewSpec {
                namespace: Some(namespace.clone()),
            },
            ..SelfSubjectRulesReview::default()
        };
        let api: Api<SelfSubjectRulesReview> = Api::all(self.client().clone());
        let status = match api.create(&PostParams::default(), &review).await {
            Ok(answer) => answer.status.unwrap_or_default(),
            Err(error) => {
                return vec![format!(
                    "what the account may do cannot be asked: {}",
                    from_kube(error).message
                )];
            }
        };
        let mut problems = Vec::new();
        for (group, resource, verbs) in NEEDED {
            let mut missing = Vec::new();
            for verb in *verbs {
                let allowed = allows(&status.resource_rules, group, resource, verb)
                    || (status.incomplete
                        && self.is_allowed(&namespace, group, resource, verb).await);
                if !allowed {
                    missing.push(*verb);
                }
            }
            if !missing.is_empty() {
                let dot = if group.is_empty() { "" } else { "." };
                problems.push(format!(
                    "it may not {} {resource}{dot}{group} in the namespace {namespace:?}",
                    missing.join(", ")
                ));
            }
        }
        problems
    }

    /// Asks for one right, where the API server cannot list them.
    async fn is_allowed(&self, namespace: &str, group: &str, resource: &str, verb: &str) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let review = json!({"spec": {"resourceAttributes": {
            "namespace": namespace, "group": group, "resource": resource, "subresource": subresource, "verb": verb,
        }}});
        let request = http::Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(review.to_string().into_bytes());
        let Ok(request) = request else { return false };
        let answer: Result<serde_json::Value, _> = self.client().request(request).await;
        answer.is_ok_and(|answer| answer["status"]["allowed"] == true)
    }
}

/// Whether one of the rules allows a verb on every object of a resource.
fn allows(rules: &[ResourceRule], group: &str, resource: &str, verb: &str) -> bool {
    let has = |list: &[String], wanted: &str| list.iter().any(|it| it == "*" || it == wanted);
    rules.iter().any(|rule| {
        let resources = rule.resources.as_deref().unwrap_or_default();
        let subresource = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
        has(&rule.verbs, verb)
            && has(rule.api_groups.as_deref().unwrap_or_default(), group)
            && (has(resources, resource) || subresource.is_some_and(|any| resources.contains(&any)))
            && rule.resource_names.as_ref().is_none_or(Vec::is_empty)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_allow_what_they_name() {
        let rule = |groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str]| {
            let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
            ResourceRule {
                api_groups: Some(texts(groups)),
                resources: Some(texts(resources)),
                resource_names: Some(texts(names)),
                verbs: texts(verbs),
            }
        };
        let rules = [
            rule(
                &["apps"],
                &["deployments", "*/scale"],
                &["get", "patch"],
                &[],
            ),
            rule(&[""], &["*"], &["list"], &[]),
            rule(&[""], &["secrets"], &["get"], &["only-this"]),
        ];
        let table = [
            ("apps", "deployments", "get", true),
            ("apps", "deployments", "delete", false),
            ("", "deployments", "get", false),
            ("apps", "deployments/scale", "patch", true),
            ("apps", "replicasets/scale", "patch", true),
            ("", "pods", "list", true),
            ("", "pods/log", "list", true),
            ("", "pods", "get", false),
            ("", "secrets", "get", false),
        ];
        for (group, resource, verb, expected) in table {
            assert_eq!(
                allows(&rules, group, resource, verb),
                expected,
                "{verb} {resource}.{group}"
            );
        }
    }
}
