//! Numbered templates of StatefulSets and DaemonSets, which `kubectl rollout history` and `undo` read.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Desk;
use super::common;
use crate::ids;
use crate::json::{Json, canonical};

/// Label of pods and revisions with the hash of their template.
pub(super) const HASH: &str = "controller-revision-hash";

/// The revision of the present template, made if need be, and all revisions oldest first.
pub(super) fn current(desk: &mut Desk<'_>, owner: &Value) -> Option<(Arc<Value>, Vec<Arc<Value>>)> {
    let mut all = owned(desk, owner);
    let template = owner.at(&["spec", "template"])?;
    let mut data = json!({"spec": {"template": template}});
    data.put(&["spec", "template", "$patch"], "replace");
    let newest = all
        .last()
        .and_then(|revision| revision.int(&["revision"]))
        .unwrap_or(0);
    if let Some(same) = all
        .iter()
        .find(|revision| revision.get("data") == Some(&data))
        .cloned()
    {
        if same.int(&["revision"]) == Some(newest) {
            return Some((same, all));
        }
        // A template that comes back is the newest again.
        let kind = desk
            .state
            .kinds
            .by_resource("controllerrevisions.apps")
            .cloned()?;
        let mut renewed = Value::clone(&same);
        renewed.put(&["revision"], newest + 1);
        let renewed = desk.state.put(&kind, renewed);
        return Some((renewed, owned(desk, owner)));
    }
    let hash = ids::encode(ids::fnv(&canonical(template)));
    let mut labels = owner
        .at(&["spec", "selector", "matchLabels"])
        .cloned()
        .unwrap_or_else(|| json!({}));
    labels.put(&[HASH], hash.clone());
    let revision = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {"name": format!("{}-{hash}", owner.name()), "labels": labels, "ownerReferences": [common::owner_reference(owner)]},
        "data": data, "revision": newest + 1,
    });
    let made = common::create(
        desk,
        "controllerrevisions.apps",
        owner.namespace(),
        revision,
    )
    .ok()?;
    all.push(made.clone());
    Some((made, all))
}

fn owned(desk: &Desk<'_>, owner: &Value) -> Vec<Arc<Value>> {
    let mut all: Vec<_> = common::controlled(desk.state, "controllerrevisions.apps", owner);
    all.sort_by_key(|revision| revision.int(&["revision"]));
    all
}

/// Deletes the oldest revisions beyond the history limit that nothing uses.
pub(super) fn clean(desk: &mut Desk<'_>, owner: &Value, all: &[Arc<Value>], in_use: &[&str]) {
    let limit =
        usize::try_from(owner.int(&["spec", "revisionHistoryLimit"]).unwrap_or(10)).unwrap_or(0);
    let idle: Vec<_> = all
        .iter()
        .filter(|revision| !in_use.contains(&revision.name()))
        .collect();
    for revision in idle.iter().take(idle.len().saturating_sub(limit)) {
        common::delete(desk, "controllerrevisions.apps", revision);
    }
}

/// The template a revision holds.
pub(super) fn template(revision: &Value) -> Value {
    let mut template = revision
        .at(&["data", "spec", "template"])
        .cloned()
        .unwrap_or(Value::Null);
    template.cut(&["$patch"]);
    template
}
