//! Version ranges as npm writes them (`~1.0.0`, `^1.0.0`, `1.x`, `>=1 <2 || 3.0.0`).

use semver::{Comparator, Op, Version, VersionReq};

/// A range of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    source: String,
    /// One of them must hold; `None` when the text cannot be read.
    alternatives: Option<Vec<VersionReq>>,
}

impl VersionRange {
    /// Reads a range. One that cannot be read contains nothing.
    pub fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            alternatives: source.split("||").map(|part| parse(part.trim())).collect(),
        }
    }

    /// The range as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the text could be read.
    pub fn is_readable(&self) -> bool {
        self.alternatives.is_some()
    }

    /// Whether a version is in the range; one that is no semantic version is not.
    pub fn contains(&self, version: &str) -> bool {
        let version = version.trim();
        let Ok(version) = Version::parse(version.strip_prefix('v').unwrap_or(version)) else {
            return false;
        };
        self.alternatives
            .iter()
            .flatten()
            .any(|range| range.matches(&version))
    }
}

fn parse(text: &str) -> Option<VersionReq> {
    if let Some((low, high)) = text.split_once(" - ") {
        return VersionReq::parse(&format!(">={}, <={}", low.trim(), high.trim())).ok();
    }
    // npm separates by blanks, and a blank may follow the operator.
    let mut text = text.to_owned();
    for operator in [">=", "<=", ">", "<", "=", "~", "^"] {
        text = text.replace(&format!("{operator} "), operator);
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let parsed = VersionReq::parse(&words.join(", ")).ok()?;
    let comparators = parsed
        .comparators
        .into_iter()
        .zip(words)
        .map(|(comparator, word)| exact(comparator, word));
    Some(VersionReq {
        comparators: comparators.collect(),
    })
}

/// A bare version means itself in npm, and "compatible with" in Rust.
fn exact(comparator: Comparator, word: &str) -> Comparator {
    match comparator.op {
        Op::Caret if !word.starts_with('^') => Comparator {
            op: Op::Exact,
            ..comparator
        },
        _ => comparator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_npm() {
        let table = [
            ("~1.0.0", "1.0.1", true),
            ("~1.0.0", "1.1.0", false),
            ("^1.0.0", "1.0.1", true),
            ("^1.0.0", "1.1.0", true),
            ("1.0.0", "1.0.1", false),
            ("1.0.0", "1.0.0", true),
            ("1.x", "1.9.0", true),
            (">=1.0.0 <2.0.0", "1.5.0", true),
            (">= 1.0.0 < 2.0.0", "2.0.0", false),
            ("1.0.0 - 1.4.0", "1.4.0", true),
            ("1.0.0 || 3.0.0", "3.0.0", true),
            ("1.0.0", "v1.0.0", true),
            ("1.0.0", "latest", false),
            ("not a range", "1.0.0", false),
        ];
        for (range, version, expected) in table {
            assert_eq!(
                VersionRange::new(range).contains(version),
                expected,
                "{range} {version}"
            );
        }
        assert!(!VersionRange::new("not a range").is_readable());
    }
}
