//! The jobs that stages ask for.

use serde_json::json;
use sha2::{Digest, Sha256};
use spindrift_engine::Failure;
use spindrift_model::{Map, Permission, Value};
use spindrift_runtime::{EngineError, SaveRequest};
use spindrift_stages::{CatalogJob, JobAuthor, JobDone};
use uuid::Builder;

use crate::error::CatalogError;
use crate::service::{Author, Catalog};

impl Catalog {
    /// Does a job.
    pub(crate) async fn do_job(
        &self,
        job: CatalogJob,
        author: JobAuthor,
    ) -> Result<JobDone, Failure> {
        let author = Author {
            user: author.user,
            job: Some(author.key),
        };
        self.work(job, &author).await.map_err(to_failure)
    }

    async fn work(&self, job: CatalogJob, author: &Author) -> Result<JobDone, CatalogError> {
        match job {
            CatalogJob::UpsertApplication(change) => {
                let (before, now) = self.upsert_application(change, author).await?;
                let states = json!({"previousState": before.unwrap_or_default(), "newState": now});
                Ok(JobDone {
                    context: noted("upsertapplication", Map::new()),
                    outputs: object(states),
                })
            }
            CatalogJob::DeleteApplication(name) => {
                let before = self.delete_application(&name, author).await?;
                let states =
                    before.map_or_else(Map::new, |before| object(json!({"previousState": before})));
                Ok(JobDone {
                    context: noted("deleteapplication", Map::new()),
                    outputs: states,
                })
            }
            CatalogJob::UpsertProject(document) => {
                let project = self.upsert_project(document, author).await?;
                let more = object(json!({"projectId": project.get("id"), "newState": project}));
                Ok(done("upsertproject", more))
            }
            CatalogJob::DeleteProject(document) => {
                self.delete_project(&document, author).await?;
                Ok(done("deleteproject", Map::new()))
            }
            CatalogJob::SavePipelines {
                documents,
                stale_check,
                existing,
            } => {
                self.save_pipelines(documents, stale_check, existing, author)
                    .await
            }
            CatalogJob::DeletePipeline(document) => self.delete_pipeline(&document, author).await,
            CatalogJob::CreateTemplate { template, tag } => {
                let saved = self
                    .create_template(template, tag.as_deref(), author)
                    .await?;
                Ok(done("createpipelinetemplate", template_id(&saved.key)))
            }
            CatalogJob::UpdateTemplate {
                id,
                template,
                tag,
                skip_plan,
            } => {
                let saved = self
                    .update_template(&id, template, tag.as_deref(), skip_plan, author)
                    .await?;
                Ok(done("updatepipelinetemplate", template_id(&saved.key)))
            }
            CatalogJob::DeleteTemplate { id, tag, digest } => {
                self.delete_template(&id, tag.as_deref(), digest.as_deref(), author)
                    .await?;
                Ok(done("deletepipelinetemplate", template_id(&id)))
            }
        }
    }

    async fn save_pipelines(
        &self,
        documents: Vec<Map>,
        stale_check: bool,
        existing: bool,
        author: &Author,
    ) -> Result<JobDone, CatalogError> {
        let mut names = Vec::new();
        let mut last = Map::new();
        for (number, mut document) in documents.into_iter().enumerate() {
            let id = document.get("id").and_then(Value::as_str);
            match id.filter(|id| !id.is_empty()) {
                Some(id) if existing && self.store().pipeline(&id.into())?.is_none() => {
                    let message = format!("there is no pipeline {id}");
                    return Err(EngineError::UnknownPipeline(message).into());
                }
                Some(_) => {}
                None if existing => {
                    let message = "pipeline id must be provided to update a pipeline";
                    return Err(EngineError::UnknownPipeline(message.to_owned()).into());
                }
                // Performed again, the job saves the same pipeline and no second one.
                None => {
                    let job = author.job.as_deref().unwrap_or_default();
                    document.insert("id".to_owned(), stable_id(job, number).into());
                }
            }
            let document = Value::Object(document);
            self.permit_save(&self.caller(&author.user), &document)?;
            let request = SaveRequest {
                document,
                by: author.user.clone(),
                stale_check,
            };
            let saved = self.shared.triggers.save_pipeline(request).await?;
            names.push(saved.revision.name.clone());
            last = object(json!({
                "application": saved.revision.application,
                "pipeline.id": saved.revision.id,
                "pipeline.name": saved.revision.name,
                "warnings": saved.warnings,
            }));
        }
        if names.len() > 1 {
            last.insert("bulksave".to_owned(), json!({"successful": names}));
        }
        Ok(done("savepipeline", last))
    }

    async fn delete_pipeline(
        &self,
        document: &Map,
        author: &Author,
    ) -> Result<JobDone, CatalogError> {
        let text = |key: &str| {
            document
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let store = self.store();
        let found = match store.pipeline_named(text("application"), text("name"))? {
            Some(found) => Some(found),
            None if !text("id").is_empty() => store.pipeline(&text("id").into())?,
            None => None,
        };
        let mut noted = object(json!({
            "application": document.get("application"), "pipeline.name": document.get("name"),
        }));
        if let Some(found) = found {
            let caller = self.caller(&author.user);
            self.permit(&caller, &found.application, Permission::Write)?;
            let triggers = &self.shared.triggers;
            match triggers.delete_pipeline(&found.id, &author.user).await {
                // It is gone, whoever did it.
                Ok(()) | Err(EngineError::UnknownPipeline(_)) => {}
                Err(error) => return Err(error.into()),
            }
            noted.insert("pipeline.id".to_owned(), found.id.as_str().into());
        }
        Ok(done("deletepipeline", noted))
    }
}

/// The id of what a job creates without one: the same when the job is performed again.
pub(crate) fn stable_id(job: &str, number: usize) -> String {
    let hash = Sha256::digest(format!("{job}/{number}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn template_id(key: &str) -> Map {
    object(json!({"pipelineTemplate.id": key}))
}

fn object(value: Value) -> Map {
    match value {
        Value::Object(mut map) => {
            map.retain(|_, value| !value.is_null());
            map
        }
        _ => Map::new(),
    }
}

fn noted(kind: &str, mut context: Map) -> Map {
    context.insert("notification.type".to_owned(), kind.into());
    context
}

fn done(kind: &str, context: Map) -> JobDone {
    JobDone {
        context: noted(kind, context),
        outputs: Map::new(),
    }
}

/// A failed job as its stage shows it.
fn to_failure(error: CatalogError) -> Failure {
    match error {
        CatalogError::InUse { message, reasons } => {
            let mut failure = Failure::new("DependencyException", message.clone());
            failure.error = message;
            failure.errors = reasons;
            failure
        }
        CatalogError::Engine(EngineError::Invalid(problems)) => {
            let mut failure = Failure::new("ValidationException", "");
            failure.error = "Validation failed".to_owned();
            let errors = problems.iter().filter(|problem| problem.is_error());
            failure.errors = errors.map(|problem| problem.message.clone()).collect();
            failure
        }
        CatalogError::Engine(error @ EngineError::Unavailable(_)) => {
            Failure::new("Unavailable", error.to_string()).retryable()
        }
        CatalogError::Unknown(message) => Failure::new("NotFoundException", message),
        CatalogError::Forbidden(message) => Failure::new("AccessDeniedException", message),
        CatalogError::Conflict(message) => Failure::new("ConflictException", message),
        CatalogError::Engine(error) => Failure::new("CatalogException", error.to_string()),
    }
}
