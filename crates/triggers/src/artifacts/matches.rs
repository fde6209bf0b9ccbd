//! Whether an artifact is the expected one (kork's `ExpectedArtifact.matches`).

use spindrift_model::{Artifact, ExpectedArtifact};

use crate::matching::{Pattern, PatternError};

/// A `matchArtifact`, its patterns compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtifactPattern {
    fields: Vec<(FieldOf, Pattern)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldOf {
    Kind,
    Name,
    Version,
    Location,
    Reference,
}

impl FieldOf {
    fn get(self, artifact: &Artifact) -> Option<&str> {
        match self {
            FieldOf::Kind => artifact.kind.as_deref(),
            FieldOf::Name => artifact.name.as_deref(),
            FieldOf::Version => artifact.version.as_deref(),
            FieldOf::Location => artifact.location.as_deref(),
            FieldOf::Reference => artifact.reference.as_deref(),
        }
    }
}

impl ArtifactPattern {
    /// Compiles the parts of an expectation that say something. One that says nothing matches every artifact.
    pub fn new(expected: &Artifact) -> Self {
        let all = [
            FieldOf::Kind,
            FieldOf::Name,
            FieldOf::Version,
            FieldOf::Location,
            FieldOf::Reference,
        ];
        let fields = all.into_iter().filter_map(|field| {
            let text = field.get(expected).filter(|text| !text.is_empty())?;
            Some((field, Pattern::whole(text)))
        });
        Self {
            fields: fields.collect(),
        }
    }

    /// The pattern of an expected artifact; one without `matchArtifact` matches nothing.
    pub fn of(expected: &ExpectedArtifact) -> Option<Self> {
        expected.match_artifact.as_ref().map(Self::new)
    }

    /// Whether an artifact is meant. A broken pattern means none, unless it is the text itself.
    pub fn matches(&self, artifact: &Artifact) -> bool {
        self.fields.iter().all(|(field, pattern)| {
            let Some(value) = field.get(artifact) else {
                return false;
            };
            let interchangeable =
                *field == FieldOf::Kind && is_inline(pattern.source()) && is_inline(value);
            interchangeable || value == pattern.source() || pattern.matches(value).unwrap_or(false)
        })
    }

    /// The patterns that cannot be used, each with its reason.
    pub fn errors(&self) -> impl Iterator<Item = (&str, &PatternError)> {
        let broken = |(_, pattern): &'_ (FieldOf, Pattern)| pattern.error().is_some();
        self.fields
            .iter()
            .filter(move |field| broken(field))
            .filter_map(|(_, pattern)| Some((pattern.source(), pattern.error()?)))
    }
}

/// The content travels with the artifact, or was moved out of it to save room: the same to whoever expects it.
fn is_inline(kind: &str) -> bool {
    matches!(kind, "embedded/base64" | "remote/base64")
}

/// Whether an artifact is the expected one.
pub fn matches(expected: &ExpectedArtifact, artifact: &Artifact) -> bool {
    ArtifactPattern::of(expected).is_some_and(|pattern| pattern.matches(artifact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(pattern: Value, artifact: Value) -> bool {
        let expected =
            serde_json::from_value(json!({"id": "e", "matchArtifact": pattern})).unwrap();
        matches(&expected, &serde_json::from_value(artifact).unwrap())
    }

    #[test]
    fn every_field_that_says_something_must_match() {
        let image = json!({"type": "docker/image", "name": "r/app", "version": "1.2", "metadata": {"a": 1}});
        let table = [
            (json!({}), true),
            (json!({"type": "docker/image"}), true),
            (json!({"type": "docker/.*", "name": "r/.*"}), true),
            (json!({"type": "docker/image", "name": "app"}), false),
            (json!({"version": "1\\.\\d"}), true),
            (json!({"version": ""}), true),
            (json!({"reference": "r/app:1.2"}), false),
            (json!({"metadata": {"a": 2}, "artifactAccount": "x"}), true),
            (json!({"name": "[broken"}), false),
        ];
        for (pattern, expected) in table {
            assert_eq!(check(pattern.clone(), image.clone()), expected, "{pattern}");
        }
        assert!(check(
            json!({"type": "embedded/base64"}),
            json!({"type": "remote/base64"})
        ));
        assert!(check(json!({"name": "a+b[1]"}), json!({"name": "a+b[1]"})));
    }
}
