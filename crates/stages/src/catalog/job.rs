//! What can be asked of the catalog, and how a stage says it.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use spindrift_engine::{BoxFuture, Failure};
use spindrift_model::{JsonLimits, Map, Millis, Value, parse_json};

use crate::fields;

/// Clients leave the padding out, or do not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A change of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogJob {
    /// An application gets these attributes, beside those it has.
    UpsertApplication(Map),
    /// An application is deleted with its pipelines.
    DeleteApplication(String),
    /// A project is created or replaced.
    UpsertProject(Map),
    /// A project is deleted.
    DeleteProject(Map),
    /// Pipelines are saved.
    SavePipelines {
        /// Their documents.
        documents: Vec<Map>,
        /// Whether a document whose `updateTs` is not the stored one is refused.
        stale_check: bool,
        /// Whether each must be there already.
        existing: bool,
    },
    /// A pipeline is deleted: its id, or its application and name.
    DeletePipeline(Map),
    /// A template is created.
    CreateTemplate {
        /// Its document.
        template: Map,
        /// The tag it gets.
        tag: Option<String>,
    },
    /// A template is replaced.
    UpdateTemplate {
        /// Its id.
        id: String,
        /// Its document.
        template: Map,
        /// The tag it gets.
        tag: Option<String>,
        /// Whether pipelines that depend on it are not looked at.
        skip_plan: bool,
    },
    /// A template is deleted.
    DeleteTemplate {
        /// Its id.
        id: String,
        /// Only the version with that tag.
        tag: Option<String>,
        /// Only the version with that content.
        digest: Option<String>,
    },
}

/// On whose behalf a job is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAuthor {
    /// The user.
    pub user: String,
    /// The same for every performance of the job, and for no other.
    pub key: String,
    /// When the job was asked for.
    pub since: Millis,
}

/// What a job leaves in its stage.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobDone {
    /// Members of the stage's context.
    pub context: Map,
    /// Members of the stage's outputs.
    pub outputs: Map,
}

/// Does what stages ask of the catalog.
pub trait CatalogJobs: Send + Sync + 'static {
    /// Does a job. One that is done again with the same author changes nothing more.
    fn perform(&self, job: CatalogJob, author: JobAuthor) -> BoxFuture<Result<JobDone, Failure>>;
}

/// A stage type of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    UpsertApplication,
    DeleteApplication,
    UpsertProject,
    DeleteProject,
    SavePipeline,
    UpdatePipeline,
    DeletePipeline,
    CreateTemplate,
    UpdateTemplate,
    DeleteTemplate,
}

/// Reads what a stage asks for.
pub(super) fn read(kind: Kind, context: &Map) -> Result<CatalogJob, Failure> {
    let tag = || fields::text(context, "tag").map(str::to_owned);
    Ok(match kind {
        Kind::UpsertApplication => CatalogJob::UpsertApplication(document(context, "application")?),
        Kind::DeleteApplication => CatalogJob::DeleteApplication(application_name(context)?),
        Kind::UpsertProject => CatalogJob::UpsertProject(document(context, "project")?),
        Kind::DeleteProject => CatalogJob::DeleteProject(document(context, "project")?),
        Kind::SavePipeline | Kind::UpdatePipeline => CatalogJob::SavePipelines {
            documents: pipelines(context)?,
            stale_check: fields::flag(context.get("staleCheck")),
            existing: kind == Kind::UpdatePipeline,
        },
        Kind::DeletePipeline => CatalogJob::DeletePipeline(document(context, "pipeline")?),
        Kind::CreateTemplate => CatalogJob::CreateTemplate {
            template: document(context, "pipelineTemplate")?,
            tag: tag(),
        },
        Kind::UpdateTemplate => CatalogJob::UpdateTemplate {
            id: needed(context, "id")?,
            template: document(context, "pipelineTemplate")?,
            tag: tag(),
            skip_plan: fields::flag(context.get("skipPlanDependents")),
        },
        Kind::DeleteTemplate => CatalogJob::DeleteTemplate {
            id: needed(context, "pipelineTemplateId")?,
            tag: tag(),
            digest: fields::text(context, "digest").map(str::to_owned),
        },
    })
}

fn needed(context: &Map, key: &str) -> Result<String, Failure> {
    let text = fields::text(context, key).map(str::to_owned);
    text.ok_or_else(|| fields::invalid(format!("{key} context must be provided, as a text")))
}

fn application_name(context: &Map) -> Result<String, Failure> {
    match context.get("application") {
        Some(Value::String(name)) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        Some(Value::Object(application)) => needed(application, "name"),
        _ => Err(fields::invalid(
            "application context must be provided: {\"application\": {\"name\": …}}",
        )),
    }
}

/// A document that came as an object, or as base64 of its text, which protects its expressions.
fn document(context: &Map, key: &str) -> Result<Map, Failure> {
    match decoded(context, key)? {
        Value::Object(map) => Ok(map),
        _ => Err(fields::invalid(format!(
            "{key} context must be a JSON object, or base64 of one"
        ))),
    }
}

fn decoded(context: &Map, key: &str) -> Result<Value, Failure> {
    let text = match context.get(key) {
        Some(Value::String(text)) => text,
        Some(value) if !value.is_null() => return Ok(value.clone()),
        _ => return Err(fields::invalid(format!("{key} context must be provided"))),
    };
    let bytes = LENIENT
        .decode(text.trim())
        .map_err(|error| fields::invalid(format!("{key} is a text, but no base64: {error}")))?;
    parse_json(&bytes, JsonLimits::default())
        .map_err(|error| fields::invalid(format!("{key} holds no acceptable JSON: {error}")))
}

/// One pipeline, or several as `pipelines`.
fn pipelines(context: &Map) -> Result<Vec<Map>, Failure> {
    if fields::flag(context.get("isBulkSavingPipelines")) {
        let Value::Array(list) = decoded(context, "pipelines")? else {
            return Err(fields::invalid("pipelines context must be a list"));
        };
        let all = list.into_iter().map(|one| match one {
            Value::Object(map) => Ok(map),
            _ => Err(fields::invalid("every pipeline is a JSON object")),
        });
        return all.collect();
    }
    let mut pipeline = document(context, "pipeline")?;
    let has_id = fields::text(&pipeline, "id").is_some();
    if let Some(id) = fields::text(context, "pipeline.id")
        && !has_id
    {
        pipeline.insert("id".to_owned(), id.into());
    }
    Ok(vec![pipeline])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn documents_come_as_objects_and_as_base64() {
        let pipeline = json!({"name": "p", "application": "a"});
        let encoded = LENIENT.encode(pipeline.to_string());
        for written in [
            pipeline.clone(),
            json!(encoded),
            json!(encoded.trim_end_matches('=')),
        ] {
            let context = map(json!({"pipeline": written, "staleCheck": true, "pipeline.id": "7"}));
            let expected = CatalogJob::SavePipelines {
                documents: vec![map(json!({"name": "p", "application": "a", "id": "7"}))],
                stale_check: true,
                existing: false,
            };
            assert_eq!(read(Kind::SavePipeline, &context), Ok(expected));
        }
        let list = LENIENT.encode(json!([pipeline, pipeline]).to_string());
        let context = map(json!({"isBulkSavingPipelines": true, "pipelines": list}));
        match read(Kind::SavePipeline, &context) {
            Ok(CatalogJob::SavePipelines { documents, .. }) => assert_eq!(documents.len(), 2),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            (
                Kind::UpsertApplication,
                json!({}),
                "application context must be provided",
            ),
            (
                Kind::UpsertApplication,
                json!({"application": 3}),
                "application context must be a JSON object",
            ),
            (
                Kind::SavePipeline,
                json!({"pipeline": "%"}),
                "pipeline is a text, but no base64",
            ),
            (
                Kind::SavePipeline,
                json!({"pipeline": "aGVsbG8="}),
                "pipeline holds no acceptable JSON",
            ),
            (
                Kind::DeleteApplication,
                json!({"application": {}}),
                "name context must be provided",
            ),
            (
                Kind::UpdateTemplate,
                json!({"pipelineTemplate": {}}),
                "id context must be provided",
            ),
        ];
        for (kind, context, message) in cases {
            let failure = read(kind, &map(context)).unwrap_err();
            assert!(
                failure.errors[0].starts_with(message),
                "{kind:?}: {:?}",
                failure.errors
            );
        }
        let named = map(json!({"application": "shop"}));
        let expected = CatalogJob::DeleteApplication("shop".to_owned());
        assert_eq!(read(Kind::DeleteApplication, &named), Ok(expected));
    }
}
