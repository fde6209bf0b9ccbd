//! A template as its author wrote it.

use super::variables::{self, TemplateVariable};
use super::wrong;
use crate::json::{Map, Value};
use crate::problem::{Pointer, Problem};

/// A template: the document, and what expansion reads in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// Its variables.
    pub variables: Vec<TemplateVariable>,
    /// The pipeline it makes.
    pub pipeline: Map,
    /// Whether a pipeline may not alter its stages.
    pub protect: bool,
    /// The scopes in which it is offered: applications, or `global`.
    pub scopes: Vec<String>,
    /// The document, every member of it.
    pub document: Map,
}

impl Template {
    /// Reads a template and says everything that is wrong with it (Orca's `SaveV2PipelineTemplateTask`).
    pub fn parse(document: Map) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let root = Pointer::root();
        let id = text(&document, "id").unwrap_or_default();
        if id.is_empty() {
            problems.push(wrong(
                root.key("id"),
                "id",
                "A pipeline template requires an id",
            ));
        } else if id.chars().any(|c| ".:@/".contains(c) || c.is_control()) || id.len() > 200 {
            let message = "Pipeline Template IDs cannot have dots; nor ':', '@', '/' or control characters, and at most 200 bytes";
            problems.push(wrong(root.key("id"), "id", message));
        }
        match text(&document, "schema").as_deref() {
            Some("v2") => {}
            found => problems.push(wrong(
                root.key("schema"),
                "schema",
                format!(
                    "template schema version is unsupported: expected 'v2', got '{}'",
                    found.unwrap_or("null")
                ),
            )),
        }
        let scopes = metadata(&document, &mut problems);
        let variables = variables::read(&document, &mut problems);
        let pipeline = match document.get("pipeline") {
            Some(Value::Object(pipeline)) => pipeline.clone(),
            _ => {
                let message = "a template needs a pipeline, an object with stages";
                problems.push(wrong(root.key("pipeline"), "pipeline", message));
                Map::new()
            }
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            id,
            variables,
            pipeline,
            protect: document
                .get("protect")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            scopes,
            document,
        })
    }
}

fn text(map: &Map, key: &str) -> Option<String> {
    let text = map.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Checks what lists show, and answers with the scopes.
fn metadata(document: &Map, problems: &mut Vec<Problem>) -> Vec<String> {
    let place = Pointer::root().key("metadata");
    let empty = Map::new();
    let metadata = document.get("metadata").and_then(Value::as_object);
    let metadata = metadata.unwrap_or(&empty);
    let scopes: Vec<String> = metadata
        .get("scopes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let mut missing = Vec::new();
    let name = text(metadata, "name");
    if name.is_none() {
        missing.push("metadata.name");
    }
    if text(metadata, "description").is_none() {
        missing.push("metadata.description");
    }
    if scopes.is_empty() {
        missing.push("metadata.scopes");
    }
    if !missing.is_empty() {
        let message = format!("Missing required fields: {}", missing.join(","));
        problems.push(wrong(place.clone(), "metadata", message));
    }
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "-_&[]^`\\".contains(c);
    if let Some(name) = name.filter(|name| !name.chars().all(allowed)) {
        let message = format!(
            "Illegal template name: {name}. Letters, digits, spaces, '-', '_' and '&' are allowed"
        );
        problems.push(wrong(place.key("name"), "metadata", message));
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_wrong_is_named_at_once() {
        let document = json!({"id": "my.template", "metadata": {"name": "What?"}, "variables": 1});
        let problems = Template::parse(document.as_object().cloned().unwrap()).unwrap_err();
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        /id: Pipeline Template IDs cannot have dots; nor ':', '@', '/' or control characters, and at most 200 bytes
        /schema: template schema version is unsupported: expected 'v2', got 'null'
        /metadata: Missing required fields: metadata.description,metadata.scopes
        /metadata/name: Illegal template name: What?. Letters, digits, spaces, '-', '_' and '&' are allowed
        /variables: variables is a list of variables
        /pipeline: a template needs a pipeline, an object with stages
        "#);
    }
}
