//! Binding a pipeline's expected artifacts when a run starts (Orca's `ArtifactUtils.resolveArtifacts`).

use std::fmt;

use spindrift_model::{Artifact, ExpectedArtifact, Value};

use super::matches::ArtifactPattern;

/// Where a bound artifact came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// What the trigger brought.
    Received,
    /// An earlier run of the pipeline.
    Prior,
    /// The pipeline's own default.
    Default,
}

/// The artifacts of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resolved {
    /// `trigger.resolvedExpectedArtifacts`: each with its `boundArtifact`.
    pub expected: Vec<ExpectedArtifact>,
    /// Where each of them came from, in the same order.
    pub bindings: Vec<Binding>,
    /// `trigger.artifacts`: what was received and what was bound, without repetition.
    pub artifacts: Vec<Artifact>,
}

/// What is wrong with one expected artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolveProblem {
    /// Nothing fits.
    Unmatched {
        /// What people call it, else its id.
        name: String,
    },
    /// More than one fits.
    Ambiguous {
        /// What people call it, else its id.
        name: String,
        /// The references or names of those that fit.
        candidates: Vec<String>,
    },
}

impl fmt::Display for ResolveProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResolveProblem::Unmatched { name } => {
                write!(
                    f,
                    "Unmatched expected artifact {name} could not be resolved."
                )
            }
            ResolveProblem::Ambiguous { name, candidates } => write!(
                f,
                "Expected artifact {name} matches multiple artifacts {}",
                candidates.join(", ")
            ),
        }
    }
}

/// Why a run cannot start: everything that is wrong with its artifacts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ResolveError(pub Vec<ResolveProblem>);

/// Binds expected artifacts.
///
/// Considered are those whose id the trigger names and those with a default or prior artifact. `received` is what the
/// trigger brought; `prior` gives the artifacts of the latest run of the same pipeline, newest first, and is asked only
/// when one of the expected artifacts wants it.
pub fn resolve(
    expected: &[ExpectedArtifact],
    trigger_ids: &[String],
    received: &[Artifact],
    prior: impl FnOnce() -> Vec<Artifact>,
) -> Result<Resolved, ResolveError> {
    let mut resolved = Resolved::default();
    let mut problems = Vec::new();
    let candidates = without_repetition(received);
    let considered: Vec<&ExpectedArtifact> = expected
        .iter()
        .filter(|one| {
            trigger_ids.contains(&one.id) || one.use_default_artifact || one.use_prior_artifact
        })
        .collect();
    let prior = match considered.iter().any(|one| one.use_prior_artifact) {
        true => prior(),
        false => Vec::new(),
    };
    for one in considered {
        match bind(one, &candidates, &prior) {
            Ok((artifact, binding)) => {
                let mut bound = one.clone();
                bound.bound_artifact = Some(with_account(one, artifact));
                resolved.expected.push(bound);
                resolved.bindings.push(binding);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(ResolveError(problems));
    }
    let bound = resolved
        .expected
        .iter()
        .filter_map(|one| one.bound_artifact.as_ref());
    let all: Vec<Artifact> = candidates.iter().chain(bound).cloned().collect();
    resolved.artifacts = without_repetition(&all);
    Ok(resolved)
}

fn bind(
    expected: &ExpectedArtifact,
    received: &[Artifact],
    prior: &[Artifact],
) -> Result<(Artifact, Binding), ResolveProblem> {
    let name = || match expected.rest.get("displayName").and_then(Value::as_str) {
        Some(name) if !name.is_empty() => format!("{name:?}"),
        _ => format!("{:?}", expected.id),
    };
    let pattern = ArtifactPattern::of(expected);
    let fitting = |artifacts: &[Artifact]| -> Vec<Artifact> {
        let fits = |artifact: &&Artifact| {
            pattern
                .as_ref()
                .is_some_and(|pattern| pattern.matches(artifact))
        };
        artifacts.iter().filter(fits).cloned().collect()
    };
    let mut found = fitting(received);
    let mut binding = Binding::Received;
    if found.is_empty() && expected.use_prior_artifact {
        // Of the earlier run's artifacts the newest counts; Orca takes the first it finds there as well.
        found = fitting(prior);
        found.truncate(1);
        binding = Binding::Prior;
    }
    if found.is_empty()
        && expected.use_default_artifact
        && let Some(default) = &expected.default_artifact
    {
        found = vec![default.clone()];
        binding = Binding::Default;
    }
    match found.len() {
        0 => Err(ResolveProblem::Unmatched { name: name() }),
        1 => Ok((found.swap_remove(0), binding)),
        _ => Err(ResolveProblem::Ambiguous {
            name: name(),
            candidates: found.iter().map(label).collect(),
        }),
    }
}

fn label(artifact: &Artifact) -> String {
    let texts = [&artifact.reference, &artifact.name, &artifact.kind];
    texts
        .into_iter()
        .flatten()
        .next()
        .cloned()
        .unwrap_or_else(|| "without a name".to_owned())
}

/// An artifact without an account gets that of its expectation: it is fetched with it.
fn with_account(expected: &ExpectedArtifact, mut artifact: Artifact) -> Artifact {
    const ACCOUNT: &str = "artifactAccount";
    let has_one = artifact
        .rest
        .get(ACCOUNT)
        .and_then(Value::as_str)
        .is_some_and(|name| !name.is_empty());
    let wanted = expected
        .match_artifact
        .as_ref()
        .and_then(|pattern| pattern.rest.get(ACCOUNT));
    if !has_one && let Some(account) = wanted.filter(|account| !account.is_null()) {
        artifact.rest.insert(ACCOUNT.to_owned(), account.clone());
    }
    artifact
}

fn without_repetition(artifacts: &[Artifact]) -> Vec<Artifact> {
    let mut kept: Vec<Artifact> = Vec::with_capacity(artifacts.len());
    for artifact in artifacts {
        if !kept.contains(artifact) {
            kept.push(artifact.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expected(value: Value) -> Vec<ExpectedArtifact> {
        serde_json::from_value(value).unwrap()
    }

    fn artifacts(value: Value) -> Vec<Artifact> {
        serde_json::from_value(value).unwrap()
    }

    fn run(one: Value, received: Value, prior: Value) -> Result<(String, Binding), String> {
        let ids = ["e".to_owned()];
        let resolved = resolve(&expected(json!([one])), &ids, &artifacts(received), || {
            artifacts(prior)
        })
        .map_err(|error| error.to_string())?;
        let bound = resolved.expected[0].bound_artifact.clone().unwrap();
        Ok((bound.version.unwrap_or_default(), resolved.bindings[0]))
    }

    #[test]
    fn what_was_received_comes_before_the_prior_and_the_default() {
        let image =
            |version: &str| json!({"type": "docker/image", "name": "app", "version": version});
        let plain = json!({"id": "e", "displayName": "the image", "matchArtifact": {"type": "docker/image"}});
        let mut full = plain.clone();
        full["usePriorArtifact"] = true.into();
        full["useDefaultArtifact"] = true.into();
        full["defaultArtifact"] = image("default");
        let one = json!([image("1")]);
        assert_eq!(
            run(full.clone(), one.clone(), json!([image("0")])),
            Ok(("1".into(), Binding::Received))
        );
        assert_eq!(
            run(full.clone(), json!([]), json!([image("0"), image("-1")])),
            Ok(("0".into(), Binding::Prior))
        );
        assert_eq!(
            run(full, json!([]), json!([])),
            Ok(("default".into(), Binding::Default))
        );
        assert_eq!(
            run(plain.clone(), json!([]), json!([image("0")])),
            Err("Unmatched expected artifact \"the image\" could not be resolved.".into())
        );
        assert_eq!(
            run(plain.clone(), json!([image("1"), image("2")]), json!([])),
            Err("Expected artifact \"the image\" matches multiple artifacts app, app".into())
        );
        // The same artifact twice is one.
        assert_eq!(
            run(plain, json!([image("1"), image("1")]), json!([])),
            Ok(("1".into(), Binding::Received))
        );
    }

    #[test]
    fn expectations_that_nobody_asked_for_stay_unbound() {
        let one = expected(json!([{"id": "other", "matchArtifact": {"type": "x"}}]));
        let resolved =
            resolve(&one, &[], &[], || panic!("nobody asked for the prior run")).unwrap();
        assert!(resolved.expected.is_empty());
    }

    #[test]
    fn a_bound_artifact_is_fetched_with_the_expected_account() {
        let one = expected(
            json!([{"id": "e", "matchArtifact": {"type": "http/file", "artifactAccount": "files"}}]),
        );
        let received = artifacts(json!([{"type": "http/file"}]));
        let resolved = resolve(&one, &["e".to_owned()], &received, Vec::new).unwrap();
        let bound = resolved.expected[0].bound_artifact.as_ref().unwrap();
        assert_eq!(bound.rest["artifactAccount"], "files");
        assert_eq!(
            resolved.artifacts.len(),
            2,
            "the received one and the bound one"
        );
    }
}
