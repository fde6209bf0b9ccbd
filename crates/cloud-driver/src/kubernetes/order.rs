//! What each kind is to a deploy: when it is sent, whether its names carry versions, whether it takes traffic.

use super::kind::Kind;

/// How a kind is treated by a deploy (the handlers of Clouddriver).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    /// When it is sent; lower is earlier.
    pub priority: u32,
    /// Whether its name carries a version unless somebody says otherwise.
    pub versioned: bool,
    /// Whether it can be deployed at all: events and the like are made by the cluster.
    pub deployable: bool,
}

/// Everything nobody has said anything about, such as custom resources: after all that they may need.
const LAST: u32 = 1_000;

/// Native kinds, and when they are sent. What Clouddriver has no handler for, and therefore sends after the workloads that need it, is put where it belongs:
/// classes and quotas before what they are for.
const PRIORITIES: [(u32, &[&str]); 11] = [
    (0, &["namespace"]),
    (
        10,
        &[
            "priorityClass",
            "ingressClass",
            "csiDriver",
            "RuntimeClass.node.k8s.io",
        ],
    ),
    (20, &["role", "clusterRole"]),
    (
        30,
        &[
            "roleBinding",
            "clusterRoleBinding",
            "customResourceDefinition",
        ],
    ),
    (
        40,
        &[
            "serviceAccount",
            "storageClass",
            "persistentVolume",
            "mutatingWebhookConfiguration",
            "validatingWebhookConfiguration",
            "resourceQuota",
        ],
    ),
    (50, &["configMap", "secret", "persistentVolumeClaim"]),
    (
        70,
        &[
            "service",
            "ingress",
            "networkPolicy",
            "endpoints",
            "podTemplate",
            "EndpointSlice.discovery.k8s.io",
        ],
    ),
    (80, &["apiService"]),
    (
        90,
        &[
            "limitRange",
            "podDisruptionBudget",
            "podPreset",
            "podSecurityPolicy",
        ],
    ),
    (
        100,
        &[
            "deployment",
            "replicaSet",
            "statefulSet",
            "daemonSet",
            "job",
            "cronJob",
            "pod",
            "replicationController",
        ],
    ),
    (110, &["horizontalpodautoscaler"]),
];

const VERSIONED: [&str; 4] = ["configMap", "secret", "replicaSet", "pod"];
const MADE_BY_THE_CLUSTER: [&str; 3] = ["event", "controllerRevision", "Event.events.k8s.io"];
const TAKES_TRAFFIC: [&str; 7] = [
    "deployment",
    "replicaSet",
    "statefulSet",
    "daemonSet",
    "job",
    "cronJob",
    "pod",
];
const SCALES: [&str; 3] = ["deployment", "replicaSet", "statefulSet"];

/// How a deploy treats a kind.
pub fn treatment(kind: &Kind) -> Treatment {
    let priority = PRIORITIES
        .iter()
        .find(|(_, kinds)| is_one_of(kind, kinds))
        .map_or(LAST, |(priority, _)| *priority);
    Treatment {
        priority,
        versioned: is_one_of(kind, &VERSIONED),
        deployable: !is_one_of(kind, &MADE_BY_THE_CLUSTER),
    }
}

/// Whether Services can be put in front of it.
pub fn takes_traffic(kind: &Kind) -> bool {
    is_one_of(kind, &TAKES_TRAFFIC)
}

/// Whether it has a number of replicas that somebody sets.
pub fn scales(kind: &Kind) -> bool {
    is_one_of(kind, &SCALES)
}

fn is_one_of(kind: &Kind, names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| kind.is(name) || Kind::parse(name).as_ref() == Ok(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_is_sent_before_them() {
        let order = [
            ("Namespace", "v1"),
            ("PriorityClass", "scheduling.k8s.io/v1"),
            ("ClusterRole", "rbac.authorization.k8s.io/v1"),
            ("CustomResourceDefinition", "apiextensions.k8s.io/v1"),
            ("ServiceAccount", "v1"),
            ("ConfigMap", "v1"),
            ("Service", "v1"),
            ("PodDisruptionBudget", "policy/v1"),
            ("Deployment", "apps/v1"),
            ("HorizontalPodAutoscaler", "autoscaling/v2"),
            ("Rollout", "argoproj.io/v1alpha1"),
        ];
        let priorities: Vec<u32> = order
            .iter()
            .map(|(kind, version)| treatment(&Kind::of(kind, version)).priority)
            .collect();
        assert!(priorities.is_sorted(), "{priorities:?}");
        // A kind of the same name in a foreign group is another kind.
        let foreign = treatment(&Kind::of("ConfigMap", "example.com/v1"));
        assert_eq!((foreign.priority, foreign.versioned), (LAST, false));
        for (kind, version) in [
            ("Event", "v1"),
            ("Event", "events.k8s.io/v1"),
            ("ControllerRevision", "apps/v1"),
        ] {
            assert!(!treatment(&Kind::of(kind, version)).deployable, "{kind}");
        }
    }

    #[test]
    fn four_kinds_carry_versions_by_themselves() {
        for (kind, version, versioned) in [
            ("ConfigMap", "v1", true),
            ("Secret", "v1", true),
            ("ReplicaSet", "apps/v1", true),
            ("Pod", "v1", true),
            ("Deployment", "apps/v1", false),
            ("Job", "batch/v1", false),
        ] {
            assert_eq!(
                treatment(&Kind::of(kind, version)).versioned,
                versioned,
                "{kind}"
            );
        }
    }
}
