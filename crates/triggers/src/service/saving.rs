//! Saving pipelines with their triggers.

use spindrift_model::{Map, PipelineId, Problem, Severity};
use spindrift_runtime::{EngineError, SaveRequest, Saved};

use super::shared::Triggers;
use crate::matching::parse_triggers;

/// What is wrong with the triggers of a pipeline.
///
/// A schedule that cannot be read is an error: it would silently never run. Everything else is a warning, because
/// Spinnaker takes such pipelines and ignores their triggers.
pub fn check_triggers(document: &Map) -> Vec<Problem> {
    let (_, problems) = parse_triggers(document, &PipelineId::new("checked"));
    let refuses = |problem: &Problem| {
        ["trigger.cron", "trigger.timeZone", "trigger.missedRuns"].contains(&problem.code.as_str())
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
    /// Saves a pipeline; its triggers are in force when this returns.
    ///
    /// Errors: those of the engine, and schedules that cannot be read.
    pub async fn save_pipeline(&self, request: SaveRequest) -> Result<Saved, EngineError> {
        let problems = request
            .document
            .as_object()
            .map(check_triggers)
            .unwrap_or_default();
        if problems.iter().any(Problem::is_error) {
            return Err(EngineError::Invalid(problems));
        }
        let mut saved = self.shared.engine.save_pipeline(request).await?;
        saved.warnings.extend(problems);
        if saved.changed {
            self.pipeline_changed(&saved.revision.id)?;
        }
        Ok(saved)
    }

    /// Deletes a pipeline; its triggers are gone when this returns.
    pub async fn delete_pipeline(&self, id: &PipelineId, by: &str) -> Result<(), EngineError> {
        self.shared.engine.delete_pipeline(id, by).await?;
        self.pipeline_changed(id)
    }

    /// Takes the triggers of a pipeline as it is in the store now; for those who save or delete without this service.
    pub fn pipeline_changed(&self, id: &PipelineId) -> Result<(), EngineError> {
        match self.shared.engine.store().pipeline(id)? {
            Some(revision) => self.shared.take(&revision),
            None => self.shared.drop_pipeline(id),
        }
        Ok(())
    }
}
