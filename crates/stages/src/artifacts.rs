//! The task `bindProducedArtifacts`, the last of stages that say which artifacts they bring.
//!
//! Each expected artifact is bound to the first artifact in sight that matches it, else to its default. What was bound goes to
//! `artifacts` and `resolvedExpectedArtifacts` of context and outputs.

use std::sync::Arc;

use regex::Regex;
use serde_json::Value;
use spindrift_engine::{Failure, InlineTask, StageView, TaskResult, TaskRunner};
use spindrift_model::Map;

use crate::fields;

/// The name of the task.
pub(crate) const BIND: &str = "bindProducedArtifacts";

const EXPECTED: &str = "expectedArtifacts";

/// The members of `matchArtifact` that are patterns.
const PATTERNS: [&str; 6] = [
    "type",
    "name",
    "version",
    "location",
    "reference",
    "artifactAccount",
];

/// Whether the stage says anything of artifacts, which plans the task.
pub(crate) fn are_expected(context: &Map) -> bool {
    context
        .get(EXPECTED)
        .is_some_and(|expected| !expected.is_null())
}

/// Whether it names any.
pub(crate) fn expects_any(context: &Map) -> bool {
    !expected(context).is_empty()
}

fn expected(context: &Map) -> &[Value] {
    context
        .get(EXPECTED)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// What performs the task.
pub(crate) fn bind_produced() -> TaskRunner {
    TaskRunner::Inline(Arc::new(BindProduced))
}

struct BindProduced;

impl InlineTask for BindProduced {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        match bind(stage) {
            Ok((artifacts, resolved)) => TaskResult::succeeded()
                .with_context("artifacts", artifacts.clone())
                .with_context("resolvedExpectedArtifacts", resolved.clone())
                .with_output("artifacts", artifacts)
                .with_output("resolvedExpectedArtifacts", resolved),
            Err(failure) => TaskResult::terminal(failure),
        }
    }
}

fn bind(stage: &StageView<'_>) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let known = in_sight(stage);
    let (mut artifacts, mut resolved) = (Vec::new(), Vec::new());
    for expected in expected(&stage.stage().context) {
        let Value::Object(expected) = expected else {
            return Err(fields::invalid(
                "an expected artifact is an object with a matchArtifact",
            ));
        };
        let artifact = known
            .iter()
            .find(|artifact| matches(expected, artifact))
            .map(|artifact| (*artifact).clone())
            .or_else(|| default(expected))
            .ok_or_else(|| unmatched(expected))?;
        let mut bound = expected.clone();
        bound.insert("boundArtifact".to_owned(), artifact.clone());
        resolved.push(Value::Object(bound));
        if !artifacts.contains(&artifact) {
            artifacts.push(artifact);
        }
    }
    Ok((artifacts, resolved))
}

/// The artifacts of the stage itself, then of the stages before it, nearest first, then of the trigger.
fn in_sight<'a>(stage: &StageView<'a>) -> Vec<&'a Value> {
    fn listed(map: &Map) -> impl Iterator<Item = &Value> {
        let list = map.get("artifacts").and_then(Value::as_array);
        list.into_iter().flatten()
    }
    let own = listed(&stage.stage().context);
    let before = stage.run().ancestors(stage.stage().serial);
    let trigger = stage.execution().trigger.artifacts();
    own.chain(before.flat_map(|stage| listed(&stage.outputs)))
        .chain(trigger)
        .collect()
}

fn matches(expected: &Map, artifact: &Value) -> bool {
    let Some(Value::Object(wanted)) = expected.get("matchArtifact") else {
        return false;
    };
    PATTERNS.iter().all(|key| match fields::text(wanted, key) {
        None => true,
        Some(pattern) => artifact
            .get(key)
            .and_then(Value::as_str)
            .is_some_and(|text| fits(pattern, text)),
    })
}

/// Whether a text as a whole fits a pattern. A pattern that cannot be read fits itself only.
fn fits(pattern: &str, text: &str) -> bool {
    pattern == text
        || Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(text))
}

fn default(expected: &Map) -> Option<Value> {
    let wanted = fields::flag(expected.get("useDefaultArtifact"));
    let default = expected
        .get("defaultArtifact")
        .filter(|default| default.is_object());
    default.filter(|_| wanted).cloned()
}

fn unmatched(expected: &Map) -> Failure {
    let id = expected
        .get("displayName")
        .or(expected.get("id"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let wanted = expected
        .get("matchArtifact")
        .map(Value::to_string)
        .unwrap_or_default();
    Failure::new(
        "UnmatchedArtifact",
        format!(
            "Unmatched expected artifact {id:?} could not be resolved: no artifact in sight fits {}",
            fields::shorten(&wanted)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;
    use serde_json::json;
    use spindrift_engine::Outcome;
    use spindrift_model::Status;

    fn image(name: &str, version: &str) -> Value {
        json!({"type": "docker/image", "name": name, "version": version})
    }

    fn bound(scene: &Scene) -> TaskResult {
        scene.see(|view| BindProduced.run(view))
    }

    #[test]
    fn the_nearest_artifact_that_matches_is_bound() {
        let expected = json!([{"id": "a", "matchArtifact": {"type": "docker/image", "name": "shop/.*", "version": ""}}]);
        let scene = Scene::stage(
            "webhook",
            json!({"expectedArtifacts": expected, "artifacts": [image("other/web", "9")]}),
        )
        .trigger(json!({"artifacts": [image("shop/web", "1")]}))
        .after(
            "build",
            Status::Succeeded,
            json!({"artifacts": [image("shop/web", "2")]}),
        );
        let result = bound(&scene);
        assert_eq!(result.outcome, Outcome::Succeeded);
        assert_eq!(result.outputs["artifacts"], json!([image("shop/web", "2")]));
        assert_eq!(
            result.outputs["resolvedExpectedArtifacts"][0]["boundArtifact"]["version"],
            json!("2")
        );
        assert_eq!(result.outputs, result.context);
    }

    #[test]
    fn a_default_stands_in_only_when_it_may() {
        let expected = |use_default| {
            json!({"expectedArtifacts": [{
                "id": "a", "matchArtifact": {"name": "x"},
                "useDefaultArtifact": use_default, "defaultArtifact": image("d", "1"),
            }]})
        };
        let result = bound(&Scene::stage("webhook", expected(true)));
        assert_eq!(result.outputs["artifacts"], json!([image("d", "1")]));
        let Outcome::Terminal(Some(failure)) =
            bound(&Scene::stage("webhook", expected(false))).outcome
        else {
            panic!("nothing matches")
        };
        assert_eq!(
            failure.errors,
            [
                "Unmatched expected artifact \"a\" could not be resolved: no artifact in sight fits {\"name\":\"x\"}"
            ]
        );
    }

    #[test]
    fn patterns_fit_whole_texts() {
        let table = [
            ("web", "web", true),
            ("web", "webs", false),
            ("web.*", "webs", true),
            ("a|b", "b", true),
            ("a|b", "ab", false),
            ("(?=x", "(?=x", true),
            ("(?=x", "x", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn nothing_expected_is_nothing_to_do() {
        let result = bound(&Scene::stage("pipeline", json!({"expectedArtifacts": []})));
        assert_eq!(result.outputs["artifacts"], json!([]));
    }
}
