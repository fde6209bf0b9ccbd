//! Saving pipelines with their triggers.

use spindrift_model::{Map, PipelineId, Problem, Severity, Value};
use spindrift_runtime::{EngineError, SaveRequest, Saved};

use super::sealing;
use super::shared::Triggers;
use crate::matching::parse_triggers;

/// What is wrong with the triggers of a pipeline.
///
/// A schedule that cannot be read is an error: it would silently never run; and so is an address that could be guessed.
/// Everything else is a warning, because Spinnaker takes such pipelines and ignores their triggers.
pub fn check_triggers(document: &Map) -> Vec<Problem> {
    let (_, problems) = parse_triggers(document, &PipelineId::new("checked"));
    let refuses = |problem: &Problem| {
        [
            "trigger.cron",
            "trigger.timeZone",
            "trigger.missedRuns",
            "trigger.hookId",
        ]
        .contains(&problem.code.as_str())
    };
    let graded = |mut problem: Problem| {
        if !refuses(&problem) {
            problem.severity = Severity::Warning;
        }
        problem
    };
    problems.into_iter().map(graded).collect()
}

impl Triggers {
    /// Saves a pipeline; its triggers are in force when this returns, also when the caller goes away meanwhile.
    ///
    /// Errors: those of the engine, and schedules that cannot be read.
    pub async fn save_pipeline(&self, request: SaveRequest) -> Result<Saved, EngineError> {
        let service = self.clone();
        self.to_its_end(async move { service.save(request).await })
            .await
    }

    async fn save(&self, mut request: SaveRequest) -> Result<Saved, EngineError> {
        let engine = &self.shared.engine;
        let _one_at_a_time = self.shared.saving.lock().await;
        let mut problems = match request.document.as_object_mut() {
            Some(document) => {
                let mut problems = self.prepare(document)?;
                problems.extend(check_triggers(document));
                problems
            }
            None => Vec::new(),
        };
        if problems.iter().any(Problem::is_error) {
            // Whoever corrects a schedule learns of everything else in the same go.
            if let Err(others) = engine.check_pipeline(request.document) {
                problems.extend(others);
            }
            return Err(EngineError::Invalid(problems));
        }
        let mut saved = engine.save_pipeline(request).await?;
        saved.warnings.extend(problems);
        if saved.changed {
            self.pipeline_changed(&saved.revision.id)?;
        }
        Ok(saved)
    }

    /// Seals the secrets of a document that is to be saved, and gives its triggers their addresses.
    fn prepare(&self, document: &mut Map) -> Result<Vec<Problem>, EngineError> {
        let id = document.get("id").and_then(Value::as_str);
        let id = id.filter(|id| !id.is_empty()).map(PipelineId::new);
        let stored = match &id {
            Some(id) => self.shared.engine.store().pipeline(id)?,
            None => None,
        };
        let stored = stored.map(|revision| revision.document);
        let mut problems = sealing::seal(document, stored.as_ref(), self.shared.sealer());
        problems.extend(self.shared.address(document, stored.as_ref(), id.as_ref()));
        Ok(problems)
    }

    /// Seals the secrets of a document that is kept before it is saved, such as in a task; masks stay what they are. Answers
    /// with what is wrong.
    pub fn seal_secrets(&self, document: &mut Map) -> Vec<Problem> {
        sealing::seal_new(document, self.shared.sealer())
    }

    /// Deletes a pipeline; its triggers are gone when this returns, also when the caller goes away meanwhile.
    pub async fn delete_pipeline(&self, id: &PipelineId, by: &str) -> Result<(), EngineError> {
        let (service, id, by) = (self.clone(), id.clone(), by.to_owned());
        self.to_its_end(async move {
            service.shared.engine.delete_pipeline(&id, &by).await?;
            service.pipeline_changed(&id)
        })
        .await
    }

    /// Takes the triggers of a pipeline as it is in the store now; for those who save or delete without this service.
    pub fn pipeline_changed(&self, id: &PipelineId) -> Result<(), EngineError> {
        Ok(self.shared.follow(id)?)
    }

    /// Does a work that must not stop halfway because nobody waits for it any more.
    async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        match self.shared.tracker.spawn(work).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(EngineError::Unavailable(
                    "the service is stopping; try again later".to_owned(),
                )),
            },
        }
    }
}
