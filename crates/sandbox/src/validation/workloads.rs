//! Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs and autoscalers.

use serde_json::{Value, json};

use super::{metadata, pods, unchanged};
use crate::controllers::cron::Schedule;
use crate::json::Json;
use crate::selector::LabelSelector;
use crate::status::Cause;

pub(super) fn workload(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for field in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
        not_negative(object, &["spec", field], &mut causes);
    }
    selector(object, &mut causes);
    template(
        &object["spec"]["template"],
        "spec.template",
        &["Always"],
        &mut causes,
    );
    match object.kind() {
        "Deployment" => deployment(object, &mut causes),
        "StatefulSet" => strategy(
            object,
            "updateStrategy",
            &["RollingUpdate", "OnDelete"],
            &mut causes,
        ),
        "DaemonSet" => strategy(
            object,
            "updateStrategy",
            &["RollingUpdate", "OnDelete"],
            &mut causes,
        ),
        _ => {}
    }
    causes
}

fn not_negative(object: &Value, path: &[&str], causes: &mut Vec<Cause>) {
    if let Some(number) = object.int(path).filter(|number| *number < 0) {
        causes.push(Cause::invalid(
            path.join("."),
            &json!(number),
            "must be greater than or equal to 0",
        ));
    }
}

fn strategy(object: &Value, field: &str, supported: &[&str], causes: &mut Vec<Cause>) {
    let kind = object.text(&["spec", field, "type"]);
    if !kind.is_empty() && !supported.contains(&kind) {
        causes.push(Cause::unsupported(
            format!("spec.{field}.type"),
            &json!(kind),
            supported,
        ));
    }
}

fn deployment(object: &Value, causes: &mut Vec<Cause>) {
    strategy(object, "strategy", &["Recreate", "RollingUpdate"], causes);
    let rolling = object.at(&["spec", "strategy", "rollingUpdate"]);
    if object.text(&["spec", "strategy", "type"]) == "Recreate" && rolling.is_some() {
        causes.push(Cause::forbidden(
            "spec.strategy.rollingUpdate",
            "may not be specified when strategy `type` is 'Recreate'",
        ));
    }
    let zero = |field: &str| {
        rolling
            .and_then(|rolling| rolling.get(field))
            .is_some_and(|value| *value == json!(0) || *value == json!("0%"))
    };
    if zero("maxUnavailable") && zero("maxSurge") {
        causes.push(Cause::invalid(
            "spec.strategy.rollingUpdate.maxUnavailable",
            &json!(0),
            "may not be 0 when `maxSurge` is 0",
        ));
    }
    let deadline = object.int(&["spec", "progressDeadlineSeconds"]);
    let ready = object.int(&["spec", "minReadySeconds"]).unwrap_or(0);
    if let Some(deadline) = deadline.filter(|deadline| *deadline <= ready) {
        causes.push(Cause::invalid(
            "spec.progressDeadlineSeconds",
            &json!(deadline),
            "must be greater than minReadySeconds",
        ));
    }
}

fn selector(object: &Value, causes: &mut Vec<Cause>) {
    let document = object.at(&["spec", "selector"]);
    let Some(selector) = LabelSelector::from_value(document) else {
        causes.push(Cause::required("spec.selector", ""));
        return;
    };
    let value = document.cloned().unwrap_or(Value::Null);
    if selector.is_empty() {
        causes.push(Cause::invalid(
            "spec.selector",
            &value,
            &format!(
                "empty selector is invalid for {}",
                object.kind().to_lowercase()
            ),
        ));
    } else if !selector.matches(&object["spec"]["template"]) {
        let labels = object
            .at(&["spec", "template", "metadata", "labels"])
            .cloned()
            .unwrap_or(Value::Null);
        causes.push(Cause::invalid(
            "spec.template.metadata.labels",
            &labels,
            "`selector` does not match template `labels`",
        ));
    }
}

fn template(template: &Value, path: &str, policies: &[&str], causes: &mut Vec<Cause>) {
    metadata::labels(template, &format!("{path}.metadata"), causes);
    let spec = template.get("spec").unwrap_or(&Value::Null);
    pods::spec(spec, &format!("{path}.spec"), causes);
    if spec.is_object() {
        pods::restart_policy(spec, &format!("{path}.spec"), policies, causes);
    }
}

pub(super) fn job(spec: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for field in [
        "parallelism",
        "completions",
        "backoffLimit",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
    ] {
        if let Some(number) = spec.int(&[field]).filter(|number| *number < 0) {
            causes.push(Cause::invalid(
                format!("{path}.{field}"),
                &json!(number),
                "must be greater than or equal to 0",
            ));
        }
    }
    let policy = spec.text(&["template", "spec", "restartPolicy"]);
    let template_path = format!("{path}.template");
    metadata::labels(
        &spec["template"],
        &format!("{template_path}.metadata"),
        &mut causes,
    );
    pods::spec(
        spec.at(&["template", "spec"]).unwrap_or(&Value::Null),
        &format!("{template_path}.spec"),
        &mut causes,
    );
    if policy == "Always" {
        let field = format!("{template_path}.spec.restartPolicy");
        causes.push(Cause::required(
            field,
            "valid values: \"OnFailure\", \"Never\"",
        ));
    }
    causes
}

pub(super) fn cron_job(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let schedule = object.text(&["spec", "schedule"]);
    if schedule.is_empty() {
        causes.push(Cause::required("spec.schedule", ""));
    } else if let Err(why) = Schedule::parse(schedule) {
        causes.push(Cause::invalid("spec.schedule", &json!(schedule), &why));
    }
    let policy = object.text(&["spec", "concurrencyPolicy"]);
    let supported = ["Allow", "Forbid", "Replace"];
    if !supported.contains(&policy) {
        causes.push(Cause::unsupported(
            "spec.concurrencyPolicy",
            &json!(policy),
            &supported,
        ));
    }
    let spec = object
        .at(&["spec", "jobTemplate", "spec"])
        .unwrap_or(&Value::Null);
    causes.extend(job(spec, "spec.jobTemplate.spec"));
    causes
}

pub(super) fn autoscaler(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let least = object.int(&["spec", "minReplicas"]).unwrap_or(1);
    match object.int(&["spec", "maxReplicas"]) {
        None => causes.push(Cause::required("spec.maxReplicas", "")),
        Some(most) if most < 1 => causes.push(Cause::invalid(
            "spec.maxReplicas",
            &json!(most),
            "must be greater than 0",
        )),
        Some(most) if most < least => causes.push(Cause::invalid(
            "spec.maxReplicas",
            &json!(most),
            "must be greater than or equal to `minReplicas`",
        )),
        Some(_) => {}
    }
    for field in ["kind", "name"] {
        if object.text(&["spec", "scaleTargetRef", field]).is_empty() {
            causes.push(Cause::required(format!("spec.scaleTargetRef.{field}"), ""));
        }
    }
    causes
}

pub(super) fn stateful_set_change(old: &Value, new: &Value) -> Vec<Cause> {
    let frozen = |object: &Value| {
        let mut spec = object["spec"].clone();
        for field in [
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ] {
            spec.cut(&[field]);
        }
        spec
    };
    if frozen(old) == frozen(new) {
        return Vec::new();
    }
    let note = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', \
        'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    vec![Cause::forbidden("spec", note)]
}

pub(super) fn job_change(old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = unchanged(
        old,
        new,
        &[&["spec", "selector"], &["spec", "completionMode"]],
    );
    if !(old.flag(&["spec", "suspend"]) && old.at(&["status", "startTime"]).is_none()) {
        causes.extend(unchanged(old, new, &[&["spec", "template"]]));
    }
    if old.text(&["spec", "completionMode"]) != "Indexed" {
        causes.extend(unchanged(old, new, &[&["spec", "completions"]]));
    }
    causes
}
