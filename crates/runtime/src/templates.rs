//! Pipelines that are made of templates, at save and at start.
//!
//! What is saved stays as its author wrote it; what runs is made of the template as it is at the start.

use spindrift_expressions::{Scope, evaluate};
use spindrift_model::{
    Expanded, Map, Pipeline, Pointer, Problem, Template, TemplateReference, Value, expand,
    is_templated,
};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::pipelines::check_pipeline;

impl Engine {
    /// The pipeline that a templated one makes with its template; `None` for a pipeline that is none.
    ///
    /// Errors: there is no such template, or the two do not fit together.
    pub fn expand(&self, document: &Map) -> Result<Option<Expanded>, EngineError> {
        if !is_templated(document) {
            return Ok(None);
        }
        let refused = |problem: Problem| EngineError::Invalid(vec![problem]);
        let reference = TemplateReference::of_pipeline(document).map_err(refused)?;
        let lookup = self.shared.options.lookup.as_deref();
        let found = match lookup {
            Some(lookup) => lookup.template(&reference)?,
            None => None,
        };
        let Some(found) = found else {
            return Err(refused(Problem::error(
                Pointer::root().key("template").key("reference"),
                "template.unknown",
                format!("there is no template {reference}; GET /v2/pipelineTemplates lists them"),
            )));
        };
        self.expand_with(found, document).map(Some)
    }

    /// The same with a template that is not saved, or not yet.
    pub fn expand_with(&self, template: Map, document: &Map) -> Result<Expanded, EngineError> {
        let template = Template::parse(template).map_err(EngineError::Invalid)?;
        expand(&template, document).map_err(EngineError::Invalid)
    }

    /// Shows the pipeline that a templated one makes, its expressions evaluated as far as the trigger and the variables decide
    /// them (Orca's `V2Util.planPipeline`). Nothing is started.
    ///
    /// Errors: as [`Engine::expand`], and expressions that read a variable which the template does not declare.
    pub fn plan_template(&self, document: &Map) -> Result<Map, EngineError> {
        let document = &as_templated(document)?;
        let expanded = match self.expand(document)? {
            Some(expanded) => expanded.document,
            None => document.clone(),
        };
        let object = |key: &str| expanded.get(key).and_then(Value::as_object).cloned();
        let trigger = object("trigger").unwrap_or_default();
        let values = object("templateVariables").unwrap_or_default();
        let world = self.shared.environment(self.clock().now());
        let scope = Scope::of_submission(&trigger, Some(&values), &world);
        let evaluated = evaluate(&Value::Object(expanded.clone()), &scope);
        let failed = evaluated.summary.to_json();
        let failed = failed.as_object().into_iter().flatten();
        let unknown: Vec<&str> = failed
            .filter_map(|(expression, _)| variable(expression))
            .collect();
        if !unknown.is_empty() {
            return Err(EngineError::Invalid(vec![Problem::error(
                Pointer::root().key("variables"),
                "template.variable.missing",
                format!(
                    "Missing template variable values for the following variables: {}; the template does not declare them",
                    unknown.join(", ")
                ),
            )]));
        }
        match evaluated.value {
            Value::Object(planned) => Ok(planned),
            _ => Ok(expanded),
        }
    }

    /// What of a pipeline runs: the pipeline itself, or what its template makes of it.
    pub(crate) fn runnable(&self, pipeline: Pipeline) -> Result<Pipeline, EngineError> {
        match self.expand(&pipeline.document)? {
            None => Ok(pipeline),
            Some(expanded) => {
                let parsed = Pipeline::parse(Value::Object(expanded.document));
                parsed
                    .map(|(pipeline, _)| pipeline)
                    .map_err(EngineError::Invalid)
            }
        }
    }

    /// What is wrong with the pipeline that a templated one makes.
    pub(crate) fn check_expanded(&self, document: &Map) -> Result<Vec<Problem>, EngineError> {
        let Some(expanded) = self.expand(document)? else {
            return Ok(Vec::new());
        };
        let mut problems = expanded.warnings;
        match check_pipeline(self.stages(), Value::Object(expanded.document)) {
            Ok((_, warnings)) => problems.extend(warnings),
            Err(found) => problems.extend(found),
        }
        Ok(problems)
    }
}

/// Whoever has a plan made need not say that the pipeline is templated: naming a template is enough.
fn as_templated(document: &Map) -> Result<Map, EngineError> {
    let mut document = document.clone();
    let named = document
        .get("template")
        .is_some_and(|template| !template.is_null());
    if !named {
        return Ok(document);
    }
    let schema = document.get("schema").and_then(Value::as_str);
    if schema != Some("v2") {
        let schema = schema.unwrap_or("null");
        return Err(EngineError::Invalid(vec![Problem::error(
            Pointer::root().key("schema"),
            "template.schema",
            format!("config schema version is unsupported: expected 'v2', got '{schema}'"),
        )]));
    }
    document.insert("type".to_owned(), "templatedPipeline".into());
    Ok(document)
}

/// The variable of a template that a failed expression is.
fn variable(expression: &str) -> Option<&str> {
    let inside = expression
        .trim()
        .trim_start_matches("${")
        .trim_end_matches('}');
    inside.trim().strip_prefix("templateVariables.")
}
