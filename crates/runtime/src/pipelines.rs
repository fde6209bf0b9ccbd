//! Saving and deleting pipelines (Front50's `PipelineController`, made atomic).

use spindrift_engine::{PipelineRevision, Write, check_expressions, check_graph};
use spindrift_model::{Map, Pipeline, PipelineId, Pointer, Problem, Value};

use crate::clock::FreshIds;
use crate::engine::Engine;
use crate::error::EngineError;

/// A request to save a pipeline.
#[derive(Debug, Clone)]
pub struct SaveRequest {
    /// The document.
    pub document: Value,
    /// Who saves it.
    pub by: String,
    /// Whether a document whose `updateTs` is not the stored one is refused.
    pub stale_check: bool,
}

/// A saved pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The revision that is now the newest.
    pub revision: PipelineRevision,
    /// What its author should look at.
    pub warnings: Vec<Problem>,
    /// Whether anything has changed.
    pub changed: bool,
}

/// Members that the server writes; they do not make a document another one.
const SERVER_MEMBERS: [&str; 4] = ["updateTs", "createTs", "lastModifiedBy", "lastModified"];

impl Engine {
    /// What is wrong with a pipeline: warnings when it can be saved. Errors: everything, when it cannot.
    pub fn check_pipeline(
        &self,
        document: Value,
    ) -> Result<(Pipeline, Vec<Problem>), Vec<Problem>> {
        let (pipeline, mut problems) = check_pipeline(self.stages(), document)?;
        match self.check_expanded(&pipeline.document) {
            Ok(more) => problems.extend(more),
            Err(EngineError::Invalid(more)) => problems.extend(more),
            Err(error) => problems.push(Problem::error(
                Pointer::root().key("template"),
                "template.unreadable",
                error.to_string(),
            )),
        }
        if problems.iter().any(Problem::is_error) {
            Err(problems)
        } else {
            Ok((pipeline, problems))
        }
    }

    /// Saves a pipeline; it is on disk when this returns.
    ///
    /// Errors: the document is not a pipeline, its graph cannot run, another pipeline of the application has its name, or it
    /// is stale.
    pub async fn save_pipeline(&self, request: SaveRequest) -> Result<Saved, EngineError> {
        let (pipeline, warnings) = self
            .check_pipeline(request.document)
            .map_err(EngineError::Invalid)?;
        let _one_at_a_time = self.shared.saving.lock().await;
        let (saved, write) =
            self.next_revision(pipeline, warnings, request.by, request.stale_check)?;
        if let Some(write) = write {
            self.shared.store.commit(vec![write]).await?;
        }
        Ok(saved)
    }

    /// Changes pipelines, all or none, in one commit. `edit` is given the newest document of each.
    ///
    /// Errors: there is no such pipeline, or a document can no longer be saved.
    pub async fn edit_pipelines(
        &self,
        ids: &[PipelineId],
        by: &str,
        mut edit: impl FnMut(&PipelineId, &mut Map),
    ) -> Result<Vec<Saved>, EngineError> {
        let _one_at_a_time = self.shared.saving.lock().await;
        let (mut all, mut writes) = (Vec::new(), Vec::new());
        for id in ids {
            let current = self.shared.store.pipeline(id)?;
            let current = current.ok_or_else(|| {
                EngineError::UnknownPipeline(format!("Pipeline configuration not found (id: {id})"))
            })?;
            let mut document = current.document;
            edit(id, &mut document);
            let (pipeline, warnings) = self
                .check_pipeline(Value::Object(document))
                .map_err(EngineError::Invalid)?;
            let (saved, write) = self.next_revision(pipeline, warnings, by.to_owned(), false)?;
            all.push(saved);
            writes.extend(write);
        }
        if !writes.is_empty() {
            self.shared.store.commit(writes).await?;
        }
        Ok(all)
    }

    /// The revision that a document becomes, and the write of it unless nothing has changed. One at a time.
    fn next_revision(
        &self,
        pipeline: Pipeline,
        warnings: Vec<Problem>,
        by: String,
        stale_check: bool,
    ) -> Result<(Saved, Option<Write>), EngineError> {
        let store = &self.shared.store;
        let now = self.shared.clock.now();
        let id = pipeline.id.clone().unwrap_or_else(|| {
            FreshIds {
                entropy: &*self.shared.entropy,
                now,
            }
            .pipeline_id()
        });
        let current = store.pipeline(&id)?;
        self.check_name(&pipeline, &id)?;
        if stale_check {
            check_stale(&pipeline, current.as_ref())?;
        }
        let last = store
            .revisions(&id, 1)?
            .first()
            .map_or(0, |revision| revision.revision);
        let mut document = pipeline.document;
        document.insert("id".into(), id.as_str().into());
        self.name_cron_triggers(&mut document);
        if let Some(index) = current
            .as_ref()
            .and_then(|current| current.document.get("index"))
        {
            document.entry("index").or_insert_with(|| index.clone());
        }
        let created = current
            .as_ref()
            .and_then(|current| current.document.get("createTs").cloned())
            .unwrap_or_else(|| now.to_string().into());
        // Two saves in one millisecond, or with a clock set back between them, must not look the same to the stale check.
        let saved_at = current
            .as_ref()
            .map_or(now, |current| now.max(current.saved_at.saturating_add(1)));
        let replaces = current.as_ref().map_or(0, |current| current.revision);
        if let Some(current) = current.filter(|current| same(&current.document, &document)) {
            let saved = Saved {
                revision: current,
                warnings,
                changed: false,
            };
            return Ok((saved, None));
        }
        document.entry("createTs").or_insert(created);
        document.insert("updateTs".into(), saved_at.to_string().into());
        document.insert("lastModifiedBy".into(), by.clone().into());
        let revision = PipelineRevision {
            id,
            revision: last + 1,
            saved_at,
            saved_by: by,
            application: pipeline.application,
            name: pipeline.name,
            document,
        };
        let write = Write::SavePipeline {
            revision: revision.clone(),
            // A deleted pipeline is no longer there, but the numbers of its revisions are taken.
            replaces: Some(replaces),
        };
        let saved = Saved {
            revision,
            warnings,
            changed: true,
        };
        Ok((saved, Some(write)))
    }

    fn check_name(&self, pipeline: &Pipeline, id: &PipelineId) -> Result<(), EngineError> {
        let same = self
            .shared
            .store
            .pipeline_named(&pipeline.application, &pipeline.name)?;
        match same.filter(|other| other.id != *id) {
            None => Ok(()),
            Some(_) => Err(EngineError::Invalid(vec![Problem::error(
                Pointer::root().key("name"),
                "pipeline.name.duplicate",
                format!(
                    "A pipeline with name {} already exists in application {}",
                    pipeline.name, pipeline.application
                ),
            )])),
        }
    }

    /// Cron triggers without an id get one: their ticks are counted by it.
    fn name_cron_triggers(&self, document: &mut Map) {
        let now = self.shared.clock.now();
        let ids = FreshIds {
            entropy: &*self.shared.entropy,
            now,
        };
        let triggers = document.get_mut("triggers").and_then(Value::as_array_mut);
        for trigger in triggers
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            let is_cron = trigger.get("type").and_then(Value::as_str) == Some("cron");
            let has_id = trigger
                .get("id")
                .and_then(Value::as_str)
                .is_some_and(|id| !id.is_empty());
            if is_cron && !has_id {
                trigger.insert("id".into(), ids.pipeline_id().as_str().into());
            }
        }
    }

    /// Deletes a pipeline; its revisions and runs stay. Errors: there is none.
    pub async fn delete_pipeline(&self, id: &PipelineId, by: &str) -> Result<(), EngineError> {
        let _one_at_a_time = self.shared.saving.lock().await;
        if self.shared.store.pipeline(id)?.is_none() {
            return Err(EngineError::UnknownPipeline(format!(
                "there is no pipeline {id}"
            )));
        }
        let at = self.shared.clock.now();
        let write = Write::DeletePipeline {
            id: id.clone(),
            by: by.to_owned(),
            at,
        };
        self.shared.store.commit(vec![write]).await?;
        Ok(())
    }
}

/// What is wrong with a pipeline: warnings when it can be saved. Errors: everything, when it cannot.
pub fn check_pipeline(
    stages: &spindrift_engine::Registry,
    document: Value,
) -> Result<(Pipeline, Vec<Problem>), Vec<Problem>> {
    let (pipeline, mut problems) = Pipeline::parse(document)?;
    problems.extend(check_graph(&pipeline));
    problems.extend(check_expressions(&pipeline));
    let root = Pointer::root().key("stages");
    for (position, stage) in pipeline.stages.iter().enumerate() {
        let pointer = root.index(position);
        let kind = stage
            .context
            .get("alias")
            .and_then(Value::as_str)
            .unwrap_or(&stage.kind);
        match stages.get(kind).or_else(|| stages.get(&stage.kind)) {
            Some(stage_type) => problems.extend(stage_type.check(stage, &pointer)),
            None => problems.push(Problem::warning(
                pointer.key("type"),
                "stage.type.unknown",
                format!(
                    "stage {:?} has the type {:?}, which is not known here; a run that reaches it fails there",
                    stage.ref_id, stage.kind
                ),
            )),
        }
    }
    if problems.iter().any(Problem::is_error) {
        Err(problems)
    } else {
        Ok((pipeline, problems))
    }
}

fn same(one: &Map, other: &Map) -> bool {
    let strip = |document: &Map| {
        let mut document = document.clone();
        document.retain(|key, _| !SERVER_MEMBERS.contains(&key.as_str()));
        document
    };
    strip(one) == strip(other)
}

fn check_stale(pipeline: &Pipeline, current: Option<&PipelineRevision>) -> Result<(), EngineError> {
    let submitted = pipeline.document.get("updateTs").map(text);
    let stored = current
        .and_then(|current| current.document.get("updateTs"))
        .map(text);
    match (submitted, stored) {
        (Some(submitted), Some(stored)) if submitted != stored => {
            Err(EngineError::Invalid(vec![Problem::error(
                Pointer::root().key("updateTs"),
                "pipeline.stale",
                format!(
                    "The submitted pipeline is stale. submitted updateTs {submitted} does not match \
                     stored updateTs {stored}"
                ),
            )]))
        }
        _ => Ok(()),
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
