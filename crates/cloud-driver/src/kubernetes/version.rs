//! Versions in names: `web-v003` (Clouddriver's `ResourceVersioner`).

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::annotations;
use super::kind::Kind;
use crate::naming::version_number;

/// Which version a manifest gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// Its number.
    pub(crate) number: u64,
    /// The object that already has it, as it was listed; `None`: the version is new.
    pub(crate) existing: Option<Existing>,
}

/// What is kept of an object whose version is used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Existing {
    /// The deploy that made it.
    pub(crate) key: Option<String>,
}

/// The versions there are of a name, oldest first: objects whose annotations say that they are one.
pub(crate) fn versions_of<'a>(name: &str, live: &'a [Value]) -> Vec<&'a Value> {
    let mut found: Vec<&Value> = live
        .iter()
        .filter(|object| {
            annotations::text(object, annotations::ARTIFACT_TYPE)
                .is_some_and(|text| !text.is_empty())
                && annotations::text(object, annotations::ARTIFACT_NAME).as_deref() == Some(name)
        })
        .collect();
    // The creation time has a resolution of one second; of what was made in the same second the number tells.
    found.sort_by_key(|object| (created(object).to_owned(), number_of(object)));
    found
}

/// The version that an object is.
pub(crate) fn number_of(object: &Value) -> Option<u64> {
    version_number(&annotations::text(object, annotations::ARTIFACT_VERSION)?)
}

fn created(object: &Value) -> &str {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get("creationTimestamp"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The version of a manifest that is bound and not yet annotated: one that the same deploy has made, else the oldest with equal content, else the next.
pub(crate) fn choose(
    kind: &Kind,
    manifest: &Value,
    name: &str,
    live: &[Value],
    key: &str,
) -> Version {
    let known = versions_of(name, live);
    let artifact_type = format!("kubernetes/{kind}");
    let ours: Vec<(&Value, u64)> = known
        .iter()
        .filter(|object| {
            annotations::text(object, annotations::ARTIFACT_TYPE)
                .is_some_and(|text| text.eq_ignore_ascii_case(&artifact_type))
        })
        .filter_map(|object| Some((*object, number_of(object)?)))
        .collect();
    let made_by =
        |object: &Value| annotations::raw(object, annotations::DEPLOY_KEY).map(str::to_owned);
    let content = digest(manifest);
    let again = ours
        .iter()
        .find(|(object, _)| !key.is_empty() && made_by(object).as_deref() == Some(key))
        .or_else(|| {
            ours.iter()
                .find(|(object, _)| has_content(object, manifest, &content))
        });
    match again {
        Some((object, number)) => Version {
            number: *number,
            existing: Some(Existing {
                key: made_by(object),
            }),
        },
        None => Version {
            number: known
                .iter()
                .filter_map(|object| number_of(object))
                .max()
                .map_or(0, |newest| newest.saturating_add(1)),
            existing: None,
        },
    }
}

/// Whether an object was made from a manifest that says the same but for its metadata: by what it was applied from, else by our digest of that.
fn has_content(object: &Value, manifest: &Value, content: &str) -> bool {
    if annotations::raw(object, annotations::CONTENT) == Some(content) {
        return true;
    }
    let applied = annotations::raw(object, annotations::LAST_APPLIED)
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    applied.is_some_and(|applied| same_content(&applied, manifest))
}

fn same_content(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else {
        return false;
    };
    let members =
        |map: &serde_json::Map<String, Value>| map.keys().filter(|key| *key != "metadata").count();
    members(one) == members(other)
        && one
            .iter()
            .filter(|(key, _)| *key != "metadata")
            .all(|(key, value)| other.get(key) == Some(value))
}

/// A digest of a manifest without its metadata, for [`annotations::CONTENT`].
pub(crate) fn digest(manifest: &Value) -> String {
    let mut content = manifest.clone();
    if let Some(content) = content.as_object_mut() {
        content.shift_remove("metadata");
    }
    let text = super::apply::canonical(&content);
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live(version: &str, created: &str, applied: Option<Value>) -> Value {
        let mut object = json!({"metadata": {"name": format!("c-{version}"), "creationTimestamp": created, "annotations": {
            annotations::ARTIFACT_TYPE: "kubernetes/configMap", annotations::ARTIFACT_NAME: "c", annotations::ARTIFACT_VERSION: version,
        }}});
        if let Some(applied) = applied {
            annotations::annotate(&mut object, annotations::LAST_APPLIED, &applied.to_string());
        }
        object
    }

    fn manifest(value: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": value}})
    }

    fn chosen(live: &[Value], key: &str) -> (u64, bool) {
        let kind = Kind::of("ConfigMap", "v1");
        let version = choose(&kind, &manifest("1"), "c", live, key);
        (version.number, version.existing.is_some())
    }

    #[test]
    fn the_next_version_is_after_the_highest() {
        let table: [(&[&str], u64); 9] = [
            (&[], 0),
            (&["v000", "v002"], 3),
            (&["v999"], 1_000),
            (&["v12345"], 12_346),
            (&["v0abcde", "v000"], 1),
            (&["v-20", "v000"], 1),
            (&[""], 0),
            (&["v"], 0),
            (&["v007", "v003"], 8),
        ];
        for (versions, expected) in table {
            let objects: Vec<Value> = versions
                .iter()
                .map(|version| live(version, "2026-01-01T00:00:00Z", None))
                .collect();
            assert_eq!(chosen(&objects, ""), (expected, false), "{versions:?}");
        }
    }

    #[test]
    fn equal_content_is_used_again_the_oldest_first() {
        let objects = [
            live("v002", "2026-01-03T00:00:00Z", Some(manifest("1"))),
            live("v000", "2026-01-01T00:00:00Z", Some(manifest("0"))),
            live("v001", "2026-01-02T00:00:00Z", Some(manifest("1"))),
        ];
        assert_eq!(chosen(&objects, ""), (1, true));
        let mut digested = live("v005", "2026-01-01T00:00:00Z", None);
        annotations::annotate(&mut digested, annotations::CONTENT, &digest(&manifest("1")));
        assert_eq!(chosen(&[digested], ""), (5, true));
    }

    #[test]
    fn a_repeated_deploy_finds_its_own_version() {
        let mut own = live("v003", "2026-01-03T00:00:00Z", Some(manifest("old")));
        annotations::annotate(&mut own, annotations::DEPLOY_KEY, "run-1");
        let objects = [
            own,
            live("v001", "2026-01-01T00:00:00Z", Some(manifest("1"))),
        ];
        assert_eq!(chosen(&objects, "run-1"), (3, true));
        assert_eq!(chosen(&objects, "run-2"), (1, true));
    }

    #[test]
    fn digests_do_not_depend_on_order_or_metadata() {
        let one = json!({"metadata": {"name": "a"}, "data": {"x": 1, "y": [2, 3]}});
        let same = json!({"data": {"y": [2, 3], "x": 1}, "metadata": {"name": "b"}});
        let other = json!({"data": {"y": [3, 2], "x": 1}});
        assert_eq!(digest(&one), digest(&same));
        assert_ne!(digest(&one), digest(&other));
    }
}
