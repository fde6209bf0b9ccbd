//! Why something does not become stable: read from pods, conditions and events, named as a person would name it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TroubleKind {
    /// An image cannot be pulled.
    ImagePull,
    /// A container ends again and again.
    CrashLoop,
    /// A container cannot be made: a ConfigMap or Secret is missing, a command does not exist.
    Configuration,
    /// No node takes a pod.
    Unschedulable,
    /// A quota leaves no room for a pod.
    Quota,
    /// The API server refuses a pod, most often by an admission webhook.
    Admission,
}

/// What keeps an object from becoming stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What kind of trouble it is.
    #[serde(rename = "type")]
    pub kind: TroubleKind,
    /// The object that shows it, such as `pod web-7d4`, and what is wrong with it.
    pub message: String,
    /// The uid of that object.
    #[serde(skip)]
    pub uid: String,
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// What is wrong with a pod that should be running.
pub(crate) fn of_pod(pod: &Value) -> Option<Trouble> {
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return None;
    }
    let (kind, what) = unscheduled(pod).or_else(|| {
        let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
        let mut statuses = lists.into_iter().flat_map(|pointer| list(pod, pointer));
        statuses.find_map(|status| of_container(pod, status))
    })?;
    Some(Trouble {
        kind,
        message: format!("pod {}: {what}", text(pod, "/metadata/name")),
        uid: text(pod, "/metadata/uid").to_owned(),
    })
}

fn unscheduled(pod: &Value) -> Option<(TroubleKind, String)> {
    let condition = list(pod, "/status/conditions").find(|condition| {
        text(condition, "/type") == "PodScheduled"
            && text(condition, "/status") == "False"
            && text(condition, "/reason") == "Unschedulable"
    })?;
    Some((
        TroubleKind::Unschedulable,
        format!("no node takes it: {}", text(condition, "/message")),
    ))
}

fn of_container(pod: &Value, status: &Value) -> Option<(TroubleKind, String)> {
    let name = text(status, "/name");
    let said = text(status, "/state/waiting/message");
    let tail = if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    };
    match text(status, "/state/waiting/reason") {
        reason @ ("ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError"
        | "RegistryUnavailable") => {
            let image = text(status, "/image");
            // The kubelet goes to and fro between trying and waiting: its text says enough.
            let tail = if tail.is_empty() {
                format!(": {reason}")
            } else {
                tail
            };
            Some((
                TroubleKind::ImagePull,
                format!("container {name} cannot have the image {image}{tail}"),
            ))
        }
        reason @ ("CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError"
        | "PreCreateHookError"
        | "PostStartHookError") => Some((
            TroubleKind::Configuration,
            format!("container {name} cannot be made ({reason}){tail}"),
        )),
        waiting => crash(pod, status, waiting)
            .map(|how| (TroubleKind::CrashLoop, format!("container {name} {how}"))),
    }
}

/// A container that has ended twice and is not ready crashes, also in the moments in which it runs.
fn crash(pod: &Value, status: &Value, waiting: &str) -> Option<String> {
    // Whether a Job's pod has failed for good, the Job's controller decides.
    let repeats = matches!(text(pod, "/spec/restartPolicy"), "" | "Always");
    let restarts = status
        .pointer("/restartCount")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    let ready = status
        .pointer("/ready")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let last = status
        .pointer("/lastState/terminated")
        .or_else(|| status.pointer("/state/terminated"));
    let loops = waiting == "CrashLoopBackOff" || (restarts >= 2 && !ready && last.is_some());
    if !loops || !repeats {
        return None;
    }
    let mut how = "crashes again and again".to_owned();
    if let Some(last) = last {
        let code = last.get("exitCode").and_then(Value::as_i64).unwrap_or(0);
        how.push_str(&format!("; it last exited with code {code}"));
        for (pointer, before, behind) in [("/reason", " (", ")"), ("/message", ": ", "")] {
            let said = text(last, pointer).trim();
            if !said.is_empty() {
                how.push_str(&format!("{before}{said}{behind}"));
            }
        }
    }
    Some(how)
}

/// What a Deployment's or ReplicaSet's own conditions say of pods that cannot be made.
pub(crate) fn of_conditions(object: &Value) -> Option<Trouble> {
    let condition = list(object, "/status/conditions").find(|condition| {
        text(condition, "/type") == "ReplicaFailure" && text(condition, "/status") == "True"
    })?;
    Some(refused(text(condition, "/message"), object))
}

/// What an event says of pods that cannot be made.
pub(crate) fn of_event(event: &Value, object: &Value) -> Option<Trouble> {
    let failed = text(event, "/type") == "Warning" && text(event, "/reason") == "FailedCreate";
    failed.then(|| refused(text(event, "/message"), object))
}

fn refused(message: &str, object: &Value) -> Trouble {
    let kind = match message.contains("exceeded quota") {
        true => TroubleKind::Quota,
        false => TroubleKind::Admission,
    };
    Trouble {
        kind,
        message: format!("its pods are refused: {message}"),
        uid: text(object, "/metadata/uid").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: Value) -> Value {
        json!({"kind": "Pod", "metadata": {"name": "web-1", "uid": "u1"}, "spec": {"restartPolicy": "Always"}, "status": status})
    }

    fn waiting(reason: &str) -> Value {
        json!({"containerStatuses": [{"name": "main", "image": "nginx:nope", "state": {"waiting": {"reason": reason, "message": "said"}}}]})
    }

    #[test]
    fn the_trouble_of_a_pod_is_named() {
        use TroubleKind::*;
        let crashed = |restarts: i64, ready: bool, state: Value| {
            json!({"containerStatuses": [{"name": "main", "restartCount": restarts, "ready": ready, "state": state,
                "lastState": {"terminated": {"exitCode": 3, "reason": "Error", "message": "no database\n"}}}]})
        };
        let backoff = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let running = json!({"running": {}});
        let loops = "pod web-1: container main crashes again and again; it last exited with code 3 (Error): no database";
        let table = [
            (json!({}), None),
            (
                json!({"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}}]}),
                None,
            ),
            (
                waiting("ImagePullBackOff"),
                Some((
                    ImagePull,
                    "pod web-1: container main cannot have the image nginx:nope: said",
                )),
            ),
            (
                waiting("CreateContainerConfigError"),
                Some((
                    Configuration,
                    "pod web-1: container main cannot be made (CreateContainerConfigError): said",
                )),
            ),
            (crashed(1, false, backoff), Some((CrashLoop, loops))),
            (crashed(2, false, running.clone()), Some((CrashLoop, loops))),
            (crashed(1, false, running.clone()), None),
            (crashed(5, true, running), None),
            (
                json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}]}),
                Some((
                    Unschedulable,
                    "pod web-1: no node takes it: 0/1 nodes are available",
                )),
            ),
        ];
        for (status, expected) in table {
            let found = of_pod(&pod(status.clone()));
            let found = found
                .as_ref()
                .map(|trouble| (trouble.kind, trouble.message.as_str()));
            assert_eq!(found, expected, "{status}");
        }
        let mut leaving = pod(waiting("ImagePullBackOff"));
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(of_pod(&leaving), None, "a pod that leaves troubles nobody");
        let mut of_job = pod(waiting("CrashLoopBackOff"));
        of_job["spec"]["restartPolicy"] = json!("OnFailure");
        assert_eq!(of_pod(&of_job), None, "a Job counts its failures itself");
    }

    #[test]
    fn refused_pods_are_a_matter_of_quota_or_admission() {
        let object = |message: &str| json!({"metadata": {"uid": "u"}, "status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": message}]}});
        let kind = |message: &str| of_conditions(&object(message)).unwrap().kind;
        assert_eq!(
            kind("pods \"x\" is forbidden: exceeded quota: q"),
            TroubleKind::Quota
        );
        assert_eq!(
            kind("admission webhook \"w\" denied the request: no"),
            TroubleKind::Admission
        );
        assert_eq!(of_conditions(&json!({})), None);
        let event =
            json!({"type": "Warning", "reason": "FailedCreate", "message": "exceeded quota"});
        assert_eq!(
            of_event(&event, &json!({})).unwrap().kind,
            TroubleKind::Quota
        );
        assert_eq!(
            of_event(
                &json!({"type": "Normal", "reason": "SuccessfulCreate"}),
                &json!({})
            ),
            None
        );
    }
}
