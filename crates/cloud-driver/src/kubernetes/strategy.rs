//! The annotations with which a manifest says how it wants to be deployed (Clouddriver's `KubernetesManifestStrategy`).

use serde_json::Value;

use super::annotations;

/// How a manifest is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submission {
    /// Three-way merge by the client.
    Apply,
    /// Deleted first, then made anew.
    Recreate,
    /// Replaced as a whole.
    Replace,
    /// Merged by the API server; with force, fields of others are taken over.
    ServerSide {
        /// Whether fields of others are taken over.
        force: bool,
    },
    /// Made anew under a name that the API server chooses (`generateName`).
    Create,
}

/// What a manifest says about its deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strategy {
    /// How it is sent.
    pub submission: Submission,
    /// Whether its name carries a version; `None`: it does not say.
    pub versioned: Option<bool>,
    /// How many versions stay.
    pub max_version_history: Option<u64>,
    /// Whether it keeps the number of replicas of what is there.
    pub use_source_capacity: bool,
}

const RECREATE: &str = "strategy.spinnaker.io/recreate";
const REPLACE: &str = "strategy.spinnaker.io/replace";
const SERVER_SIDE: &str = "strategy.spinnaker.io/server-side-apply";
const VERSIONED: &str = "strategy.spinnaker.io/versioned";
/// How many versions stay.
pub const MAX_VERSION_HISTORY: &str = "strategy.spinnaker.io/max-version-history";
const USE_SOURCE_CAPACITY: &str = "strategy.spinnaker.io/use-source-capacity";

impl Strategy {
    /// What the annotations of a manifest say.
    pub fn of(manifest: &Value) -> Self {
        let flag = |key| annotations::text(manifest, key).map(|text| is_true(&text));
        let server_side = annotations::text(manifest, SERVER_SIDE);
        let submission = if has_generated_name(manifest) {
            Submission::Create
        } else if flag(RECREATE) == Some(true) {
            Submission::Recreate
        } else if flag(REPLACE) == Some(true) {
            Submission::Replace
        } else {
            match server_side.as_deref() {
                Some("force-conflicts") => Submission::ServerSide { force: true },
                Some(text) if is_true(text) => Submission::ServerSide { force: false },
                Some(_) | None => Submission::Apply,
            }
        };
        Self {
            submission,
            versioned: flag(VERSIONED),
            max_version_history: annotations::text(manifest, MAX_VERSION_HISTORY)
                .and_then(|text| text.trim().parse().ok()),
            use_source_capacity: flag(USE_SOURCE_CAPACITY) == Some(true),
        }
    }
}

/// Java's `parseBoolean`.
fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// Whether the API server is to choose the name.
pub(crate) fn has_generated_name(manifest: &Value) -> bool {
    let text = |key: &str| {
        manifest
            .get("metadata")
            .and_then(|metadata| metadata.get(key))
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    text("generateName") && !text("name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_strongest_way_to_send_wins_and_nonsense_is_apply() {
        use Submission::{Apply, Create, Recreate, Replace, ServerSide};
        let table = [
            (json!({}), Apply),
            (json!({RECREATE: "true", REPLACE: "true"}), Recreate),
            (json!({REPLACE: "TRUE", SERVER_SIDE: "true"}), Replace),
            (json!({RECREATE: "yes"}), Apply),
            (json!({SERVER_SIDE: "true"}), ServerSide { force: false }),
            (
                json!({SERVER_SIDE: "force-conflicts"}),
                ServerSide { force: true },
            ),
            (json!({SERVER_SIDE: "nope"}), Apply),
        ];
        for (annotations, expected) in table {
            let manifest = json!({"metadata": {"name": "x", "annotations": annotations}});
            assert_eq!(
                Strategy::of(&manifest).submission,
                expected,
                "{annotations}"
            );
        }
        let generated =
            json!({"metadata": {"generateName": "x-", "annotations": {RECREATE: "true"}}});
        assert_eq!(Strategy::of(&generated).submission, Create);
        let named = json!({"metadata": {"generateName": "x-", "name": "x"}});
        assert_eq!(Strategy::of(&named).submission, Apply);
    }

    #[test]
    fn versions_and_histories_are_read() {
        let table = [
            (json!({}), None, None),
            (json!({VERSIONED: "false"}), Some(false), None),
            (json!({VERSIONED: "nonsense"}), Some(false), None),
            (
                json!({VERSIONED: "\"true\"", MAX_VERSION_HISTORY: "3"}),
                Some(true),
                Some(3),
            ),
            (json!({MAX_VERSION_HISTORY: "many"}), None, None),
        ];
        for (annotations, versioned, history) in table {
            let manifest = json!({"metadata": {"name": "x", "annotations": annotations}});
            let strategy = Strategy::of(&manifest);
            assert_eq!(
                (strategy.versioned, strategy.max_version_history),
                (versioned, history)
            );
        }
    }
}
