//! Query parameters.

use std::collections::HashMap;
use std::time::Duration;

use crate::api::{FieldValidation, WriteOptions};

/// The query of a request.
#[derive(Debug, Default)]
pub(crate) struct Params(HashMap<String, String>);

impl Params {
    pub fn parse(query: &str) -> Self {
        let uri = format!("/?{query}").parse::<axum::http::Uri>();
        let pairs = uri
            .ok()
            .and_then(|uri| axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
        Self(
            pairs
                .map(|pairs| pairs.0.into_iter().collect())
                .unwrap_or_default(),
        )
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "1"))
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }

    pub fn seconds(&self, name: &str) -> Option<Duration> {
        Some(Duration::from_secs(self.get(name)?.parse().ok()?))
    }

    pub fn dry_run(&self) -> bool {
        self.get("dryRun") == Some("All")
    }

    pub fn write_options<'a>(&self, manager: Option<&'a str>) -> WriteOptions<'a> {
        let fields = match self.get("fieldValidation") {
            Some("Strict") => FieldValidation::Strict,
            Some("Ignore") => FieldValidation::Ignore,
            _ => FieldValidation::Warn,
        };
        WriteOptions {
            dry_run: self.dry_run(),
            manager,
            fields,
        }
    }
}
