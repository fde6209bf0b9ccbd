//! Jinja templates that turn a payload into artifacts.

use std::collections::HashMap;
use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior, Value as Jinja};
use spindrift_model::{Artifact, JsonLimits, Value, parse_json};

/// Instructions that one rendering may take: some milliseconds.
const FUEL: u64 = 200_000;

/// The result is a list of artifacts; nobody brings more than a megabyte of them.
const RESULT: JsonLimits = JsonLimits {
    bytes: 1 << 20,
    depth: 50,
};

/// Why a template gives no artifacts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not a template.
    #[error("the artifact template is wrong: {0}")]
    Syntax(String),
    /// It failed on this payload, or took too long.
    #[error("the artifact template failed: {0}")]
    Render(String),
    /// What it printed is no list of artifacts.
    #[error("the artifact template must print a JSON list of artifacts: {0}")]
    Result(String),
}

/// A template that prints a JSON list of artifacts.
#[derive(Debug, Clone)]
pub struct ArtifactTemplate(Arc<Environment<'static>>);

const NAME: &str = "artifacts";

impl ArtifactTemplate {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(50);
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        // Text is JSON here, not HTML.
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment
            .add_template_owned(NAME, text.to_owned())
            .map_err(|error| TemplateError::Syntax(error.to_string()))?;
        Ok(Self(Arc::new(environment)))
    }

    /// The artifacts of a payload, whose members are the template's variables.
    pub fn render(&self, payload: &Value) -> Result<Vec<Artifact>, TemplateError> {
        let failed = |error: minijinja::Error| TemplateError::Render(error.to_string());
        let template = self.0.get_template(NAME).map_err(failed)?;
        let text = template
            .render(Jinja::from(minijinja::value::Serde(payload)))
            .map_err(failed)?;
        let value = parse_json(text.as_bytes(), RESULT)
            .map_err(|error| TemplateError::Result(error.to_string()))?;
        serde_json::from_value(value).map_err(|error| TemplateError::Result(error.to_string()))
    }
}

/// The templates of an installation, by the source they are for.
#[derive(Debug, Clone, Default)]
pub struct Templates(HashMap<String, ArtifactTemplate>);

impl Templates {
    /// Uses a template for the deliveries of a source.
    pub fn insert(&mut self, source: &str, template: ArtifactTemplate) {
        self.0.insert(source.to_owned(), template);
    }

    /// The template of a source.
    pub fn get(&self, source: &str) -> Option<&ArtifactTemplate> {
        self.0.get(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_template_prints_artifacts() {
        let template = ArtifactTemplate::parse(
            r#"[{% for image in images %}{"type": "docker/image", "name": {{ image.name | tojson }},
                "version": "{{ image.tag }}", "reference": "{{ image.name }}:{{ image.tag }}"}{% if not loop.last %},{% endif %}{% endfor %}]"#,
        )
        .unwrap();
        let payload =
            json!({"images": [{"name": "host:5000/a", "tag": "1"}, {"name": "b\"", "tag": "2"}]});
        let artifacts = template.render(&payload);
        // A quote in the name breaks the reference, which is not escaped; the first image alone is fine.
        assert!(matches!(artifacts, Err(TemplateError::Result(_))));
        let artifacts = template
            .render(&json!({"images": [{"name": "host:5000/a", "tag": "1"}]}))
            .unwrap();
        assert_eq!(artifacts[0].reference.as_deref(), Some("host:5000/a:1"));
        assert_eq!(template.render(&json!({})), Ok(Vec::new()));
    }

    #[test]
    fn templates_that_fail_say_why_and_end() {
        assert!(matches!(
            ArtifactTemplate::parse("{% for %}"),
            Err(TemplateError::Syntax(_))
        ));
        let table = [
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}",
            "not json",
            "{\"type\": \"x\"}",
            "[{\"type\": 3}]",
        ];
        for text in table {
            assert!(
                ArtifactTemplate::parse(text)
                    .unwrap()
                    .render(&json!({}))
                    .is_err(),
                "{text}"
            );
        }
    }
}
