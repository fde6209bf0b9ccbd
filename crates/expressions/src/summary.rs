//! The evaluation summary: what failed and why, as users of Spinnaker know it.

use std::fmt::Display;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::{ParseFailure, Thrown};

/// The key of the summary in a processed context.
pub const SUMMARY_KEY: &str = "expressionEvaluationSummary";

/// How bad a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// The result was null, or a composite had a null part.
    Info,
    /// Parsing or evaluating failed.
    Error,
}

/// What helps a person to repair an expression, beside Spinnaker's text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// Where in the expression, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// A name that may have been meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Detail {
    fn is_empty(&self) -> bool {
        self.position.is_none() && self.suggestion.is_none()
    }
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The text for users.
    pub description: String,
    /// The Java class of the root cause; none for [`Level::Info`].
    pub exception_type: Option<&'static str>,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// How bad it is.
    pub level: Level,
    /// Place and suggestion.
    pub detail: Detail,
}

impl Entry {
    fn same(&self, other: &Entry) -> bool {
        self.description == other.description
            && self.exception_type == other.exception_type
            && self.level == other.level
    }

    fn to_json(&self) -> Value {
        let mut entry = Map::new();
        entry.insert("description".into(), json!(self.description));
        if let Some(class) = self.exception_type {
            entry.insert("exceptionType".into(), json!(class));
        }
        entry.insert("timestamp".into(), json!(self.timestamp));
        entry.insert("level".into(), json!(self.level));
        if !self.detail.is_empty() {
            entry.insert("detail".into(), json!(self.detail));
        }
        Value::Object(entry)
    }
}

/// The failures of one pass by the expression they belong to. Empty when nothing failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    entries: Vec<(String, Vec<Entry>)>,
    attempted: Vec<Arc<str>>,
    evaluated: usize,
}

impl Summary {
    /// True where nothing failed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many strings were evaluated.
    #[must_use]
    pub fn evaluated(&self) -> usize {
        self.evaluated
    }

    /// True where an expression with this key was evaluated.
    #[must_use]
    pub fn was_attempted(&self, key: &str) -> bool {
        self.attempted.iter().any(|attempted| **attempted == *key)
    }

    /// True where an expression with this key failed.
    #[must_use]
    pub fn has_failed(&self, key: &str) -> bool {
        self.entries.iter().any(|(known, _)| known == key)
    }

    /// The failures, in the order they happened.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &[Entry])> {
        self.entries
            .iter()
            .map(|(key, entries)| (key.as_str(), entries.as_slice()))
    }

    /// True where some expression failed with an error, not only with null.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.entries
            .iter()
            .flat_map(|(_, entries)| entries)
            .any(|entry| entry.level == Level::Error)
    }

    /// Adds the failures of a later pass.
    pub fn merge(&mut self, other: Summary) {
        for (key, entries) in other.entries {
            for entry in entries {
                self.add(&key, entry);
            }
        }
        self.attempted.extend(other.attempted);
        self.evaluated += other.evaluated;
    }

    /// The JSON of `expressionEvaluationSummary`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(
            self.entries
                .iter()
                .map(|(key, entries)| {
                    let entries = entries.iter().map(Entry::to_json).collect();
                    (key.clone(), Value::Array(entries))
                })
                .collect(),
        )
    }

    pub(crate) fn attempt(&mut self, key: Arc<str>) {
        self.evaluated += 1;
        self.attempted.push(key);
    }

    fn add(&mut self, key: &str, entry: Entry) {
        match self.entries.iter_mut().find(|(known, _)| known == key) {
            Some((_, entries)) => {
                if !entries.iter().any(|known| known.same(&entry)) {
                    entries.push(entry);
                }
            }
            None => self.entries.push((key.to_owned(), vec![entry])),
        }
    }

    pub(crate) fn not_found(&mut self, key: &str, fields: &str, now: i64) {
        self.add(
            key,
            Entry {
                description: format!("Failed to evaluate {fields} : {key} not found"),
                exception_type: None,
                timestamp: now,
                level: Level::Info,
                detail: Detail::default(),
            },
        );
    }

    pub(crate) fn failed(&mut self, key: &str, fields: &str, error: &Thrown, now: i64) {
        let outer = error.text();
        let root = error.root();
        let reason = match root.message.as_deref() {
            Some(message) if !message.contains(outer) => format!("{message} - {outer}"),
            _ => outer.to_owned(),
        };
        self.add(
            key,
            Entry {
                description: format!("Failed to evaluate {fields} {reason}").replace('$', ""),
                exception_type: Some(root.class),
                timestamp: now,
                level: Level::Error,
                detail: Detail {
                    position: error.position,
                    suggestion: error.suggestion.clone(),
                },
            },
        );
    }

    /// A condition that has a value, but none that decides.
    pub(crate) fn undecided(&mut self, key: &str, name: &str, reason: &dyn Display, now: i64) {
        let entry = Entry {
            description: format!("Failed to evaluate [{name}] {reason}").replace('$', ""),
            exception_type: None,
            timestamp: now,
            level: Level::Error,
            detail: Detail::default(),
        };
        self.add(key, entry);
    }

    pub(crate) fn unparsed(&mut self, key: &str, fields: &str, failure: &ParseFailure, now: i64) {
        self.failed(key, fields, &Thrown::from_parse(failure), now);
    }
}
