//! How the lists of native objects are merged: by which member, or as a whole (the `patchMergeKey` and `patchStrategy` of Kubernetes' types).

use crate::kubernetes::kind::Kind;

/// How a list is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListRule {
    /// As a whole.
    Atomic,
    /// Element by element; elements with the same value of this member are the same.
    ByKey(&'static str),
    /// As a set of plain values.
    Set,
}

/// Members of objects in these lists and maps exclude each other, so that setting one removes the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// How a list is merged.
    pub(super) list: ListRule,
    /// Whether members that the manifest does not have are removed.
    pub(super) retain_keys: bool,
}

const ATOMIC: Rule = Rule {
    list: ListRule::Atomic,
    retain_keys: false,
};

const fn by(key: &'static str) -> Rule {
    Rule {
        list: ListRule::ByKey(key),
        retain_keys: false,
    }
}

/// The rule for what is at a path of members (without positions in lists) of an object of that kind.
pub(super) fn rule(kind: &Kind, path: &[&str]) -> Rule {
    if let [.., "metadata", last] = path {
        match *last {
            "ownerReferences" => return by("uid"),
            "finalizers" => {
                return Rule {
                    list: ListRule::Set,
                    retain_keys: false,
                };
            }
            _ => {}
        }
    }
    if let Some(in_pod) = below_pod_spec(kind, path) {
        return pod_rule(in_pod);
    }
    match path {
        ["spec", "ports"] if kind.is("service") => by("port"),
        ["secrets"] if kind.is("serviceAccount") => by("name"),
        ["spec", "strategy"] if kind.is("deployment") => Rule {
            list: ListRule::Atomic,
            retain_keys: true,
        },
        ["webhooks"]
            if kind.is("mutatingWebhookConfiguration")
                || kind.is("validatingWebhookConfiguration") =>
        {
            by("name")
        }
        ["status", "conditions"] => by("type"),
        _ => ATOMIC,
    }
}

fn below_pod_spec<'a>(kind: &Kind, path: &'a [&'a str]) -> Option<&'a [&'a str]> {
    let prefix: &[&str] = if kind.is("pod") {
        &["spec"]
    } else if kind.is("cronJob") {
        &["spec", "jobTemplate", "spec", "template", "spec"]
    } else if kind.is("podTemplate") {
        &["template", "spec"]
    } else {
        &["spec", "template", "spec"]
    };
    path.strip_prefix(prefix)
}

fn pod_rule(path: &[&str]) -> Rule {
    match path {
        ["containers" | "initContainers" | "ephemeralContainers"] => by("name"),
        ["volumes"] | ["resourceClaims"] => Rule {
            list: ListRule::ByKey("name"),
            retain_keys: true,
        },
        ["imagePullSecrets" | "schedulingGates"] => by("name"),
        ["hostAliases"] => by("ip"),
        ["topologySpreadConstraints"] => by("topologyKey"),
        [
            "containers" | "initContainers" | "ephemeralContainers",
            list,
        ] => match *list {
            "env" => by("name"),
            "ports" => by("containerPort"),
            "volumeMounts" => by("mountPath"),
            "volumeDevices" => by("devicePath"),
            _ => ATOMIC,
        },
        _ => ATOMIC,
    }
}
