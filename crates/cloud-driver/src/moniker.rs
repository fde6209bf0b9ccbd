//! Which application and cluster a name or an object belongs to (Netflix's Frigga 0.28, and Clouddriver's `KubernetesManifestAnnotater`).
//!
//! A name is `app-stack-detail-v001`. Stack, detail and version may be missing; what does not fit says nothing at all.

use serde_json::Value;

use crate::model::Moniker;

/// The annotation that names the application.
pub const APPLICATION: &str = "moniker.spinnaker.io/application";
/// The annotation that names the cluster.
pub const CLUSTER: &str = "moniker.spinnaker.io/cluster";
/// The annotation that names the stack.
pub const STACK: &str = "moniker.spinnaker.io/stack";
/// The annotation that names the detail.
pub const DETAIL: &str = "moniker.spinnaker.io/detail";
/// The annotation, and label, that holds the number of the version.
pub const SEQUENCE: &str = "moniker.spinnaker.io/sequence";
/// What the Deployment controller counts its ReplicaSets by.
pub const DEPLOYMENT_REVISION: &str = "deployment.kubernetes.io/revision";

/// The applications of names that begin like this contain a colon, which no other name may.
const SYSTEM: &str = "system:";

impl Moniker {
    /// What a name says (Frigga's `Names`); a name that does not fit says nothing.
    pub fn of_name(name: &str) -> Self {
        let (cluster, sequence) = split_version(name);
        let Some((app, stack, detail)) = split_cluster(cluster) else {
            return Self::default();
        };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            app: some(app),
            cluster: some(cluster),
            stack: some(stack),
            detail: some(detail),
            sequence,
        }
    }

    /// What the annotations of a Kubernetes object say, and its name where they are silent.
    ///
    /// `annotation` looks one up. Stack and detail come from annotations only. The number of a ReplicaSet that a Deployment made is the Deployment's
    /// revision.
    pub fn of_object<'a>(
        kind: &str,
        name: &str,
        annotation: impl Fn(&str) -> Option<&'a str>,
    ) -> Self {
        let named = match name.strip_prefix(SYSTEM) {
            Some(_) => {
                let (cluster, sequence) = split_version_loosely(name);
                Self {
                    app: Some(SYSTEM.trim_end_matches(':').to_owned()),
                    cluster: Some(cluster.to_owned()),
                    sequence,
                    ..Self::default()
                }
            }
            None => Self::of_name(name),
        };
        let text = |key: &str| annotation(key).and_then(unquoted);
        let number = |key: &str| text(key)?.trim().parse().ok();
        // A Deployment carries its own revision too, which is no version of it.
        let revision = match kind.eq_ignore_ascii_case("replicaSet") {
            true => number(DEPLOYMENT_REVISION),
            false => None,
        };
        Self {
            app: text(APPLICATION).or(named.app),
            cluster: text(CLUSTER).or(named.cluster),
            stack: text(STACK),
            detail: text(DETAIL),
            sequence: number(SEQUENCE).or(revision).or(named.sequence),
        }
    }
}

/// A text as it is, or without the quotes of a JSON text; a broken JSON text is nothing.
fn unquoted(text: &str) -> Option<String> {
    if !text.starts_with('"') {
        return Some(text.to_owned());
    }
    match serde_json::from_str(text) {
        Ok(Value::String(text)) => Some(text),
        Ok(_) | Err(_) => None,
    }
}

/// The part before `-v001` and the number, when the name ends so: `^([-a-zA-Z0-9._~\^]*)-(v([0-9]{3,6}))$`.
fn split_version(name: &str) -> (&str, Option<u64>) {
    match split_version_loosely(name) {
        (cluster, Some(number)) if cluster.chars().all(is_detail) => (cluster, Some(number)),
        _ => (name, None),
    }
}

/// The same for a name of any characters.
pub(crate) fn split_version_loosely(name: &str) -> (&str, Option<u64>) {
    let split = name.rsplit_once("-v").filter(|(_, digits)| {
        (3..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    });
    match split {
        Some((cluster, digits)) => (cluster, digits.parse().ok()),
        None => (name, None),
    }
}

/// Application, stack and detail: `^([a-zA-Z0-9._]+)(?:-([a-zA-Z0-9._]*)(?:-([-a-zA-Z0-9._~\^]*?))?)?$`.
fn split_cluster(cluster: &str) -> Option<(&str, &str, &str)> {
    let mut parts = cluster.splitn(3, '-');
    let app = parts.next().unwrap_or_default();
    let stack = parts.next().unwrap_or_default();
    let detail = parts.next().unwrap_or_default();
    let fits = !app.is_empty()
        && app.chars().all(is_plain)
        && stack.chars().all(is_plain)
        && detail.chars().all(is_detail);
    fits.then_some((app, stack, detail))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_')
}

fn is_detail(c: char) -> bool {
    is_plain(c) || matches!(c, '-' | '~' | '^')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;
    use std::collections::BTreeMap;

    fn shown(moniker: &Moniker) -> String {
        let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        let sequence = moniker.sequence.map_or("-".to_owned(), |n| n.to_string());
        format!(
            "{} | {} | {} | {} | {sequence}",
            text(&moniker.app),
            text(&moniker.cluster),
            text(&moniker.stack),
            text(&moniker.detail)
        )
    }

    #[test]
    fn names_are_read_as_frigga_reads_them() {
        let table = [
            ("app", "app | app | - | - | -"),
            (
                "app-stack-detail-v001",
                "app | app-stack-detail | stack | detail | 1",
            ),
            ("app--detail", "app | app--detail | - | detail | -"),
            ("app-", "app | app- | - | - | -"),
            (
                "app-stack-a-b~c^d-v123456",
                "app | app-stack-a-b~c^d | stack | a-b~c^d | 123456",
            ),
            ("web-v01", "web | web-v01 | v01 | - | -"),
            ("web-v1234567", "web | web-v1234567 | v1234567 | - | -"),
            ("testapp-abc-v003", "testapp | testapp-abc | abc | - | 3"),
            ("a.b_1-v889", "a.b_1 | a.b_1 | - | - | 889"),
            ("kubernetes name with space", "- | - | - | - | -"),
            ("replicaSet web-v001", "- | - | - | - | -"),
            ("-v001", "- | - | - | - | -"),
            ("", "- | - | - | - | -"),
        ];
        for (name, expected) in table {
            assert_eq!(shown(&Moniker::of_name(name)), expected, "{name}");
        }
    }

    #[test]
    fn annotations_come_before_the_name() {
        type Annotations = &'static [(&'static str, &'static str)];
        let table: [(&str, Annotations, &str); 7] = [
            (
                "deployment web",
                &[(DEPLOYMENT_REVISION, "4")],
                "web | web | - | - | -",
            ),
            ("replicaSet web-v003", &[], "web | web | - | - | 3"),
            (
                "replicaSet system:coredns-v003",
                &[],
                "system | system:coredns | - | - | 3",
            ),
            (
                "replicaSet web-prod-v003",
                &[(APPLICATION, "shop"), (CLUSTER, "replicaSet web-prod")],
                "shop | replicaSet web-prod | - | - | 3",
            ),
            (
                "replicaSet web",
                &[
                    (APPLICATION, "\"shop\""),
                    (STACK, "prod"),
                    (DETAIL, "blue"),
                    (SEQUENCE, "7"),
                ],
                "shop | web | prod | blue | 7",
            ),
            (
                "replicaSet web-6d5f7c8b9",
                &[(CLUSTER, "deployment web"), (DEPLOYMENT_REVISION, "4")],
                "web | deployment web | - | - | 4",
            ),
            (
                "replicaSet web",
                &[(APPLICATION, "\"broken"), (SEQUENCE, "many")],
                "web | web | - | - | -",
            ),
        ];
        for (object, annotations, expected) in table {
            let annotations: BTreeMap<&str, &str> = annotations.iter().copied().collect();
            let (kind, name) = object.split_once(' ').unwrap();
            let moniker = Moniker::of_object(kind, name, |key| annotations.get(key).copied());
            assert_eq!(shown(&moniker), expected, "{object} {annotations:?}");
        }
    }

    proptest! {
        #[test]
        fn names_fit_exactly_when_friggas_expressions_do(name in "[a-cv0-2._~^ :-]{0,14}(-v[0-9]{2,7})?") {
            let push = Regex::new(r"^([-a-zA-Z0-9._~\^]*)-(v([0-9]{3,6}))$").unwrap();
            let parts = Regex::new(
                r"^([a-zA-Z0-9._]+)(?:-([a-zA-Z0-9._]*)(?:-([-a-zA-Z0-9._~\^]*?))?)?$",
            )
            .unwrap();
            let pushed = push.captures(&name);
            let cluster = pushed.as_ref().map_or(name.as_str(), |found| found.get(1).unwrap().as_str());
            let sequence = pushed.as_ref().map(|found| found[3].parse().unwrap());
            let expected = parts.captures(cluster).map_or_else(Moniker::default, |found| {
                let part = |at: usize| {
                    let text = found.get(at)?.as_str();
                    (!text.is_empty()).then(|| text.to_owned())
                };
                Moniker {
                    app: part(1),
                    cluster: Some(cluster.to_owned()),
                    stack: part(2),
                    detail: part(3),
                    sequence,
                }
            });
            prop_assert_eq!(Moniker::of_name(&name), expected);
        }
    }
}
