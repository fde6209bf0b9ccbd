//! The pipelines and deployment strategies of the store, as lists. A strategy is a pipeline that says `strategy: true`.

use spindrift_engine::PipelineRevision;
use spindrift_model::{Map, Permission, PipelineId, Pointer, Value};
use spindrift_runtime::{EngineError, SaveRequest, Saved};
use spindrift_triggers::mask_secrets;

use crate::body::{JsonBody, text};
use crate::identity::Identity;
use crate::path::pipeline_id;
use crate::problem::{HttpProblem, wrong_shape};
use crate::query::Query;
use crate::state::ApiState;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Pipeline,
    Strategy,
}

impl Kind {
    pub(crate) fn of(pipeline: &PipelineRevision) -> Self {
        match pipeline.document.get("strategy") {
            Some(Value::Bool(true)) => Self::Strategy,
            _ => Self::Pipeline,
        }
    }
}

/// The documents of all applications.
pub(crate) async fn all(state: &ApiState, kind: Kind) -> Result<Vec<Map>, HttpProblem> {
    let pipelines = state
        .read(|engine| Ok(engine.store().pipelines(None)?))
        .await?;
    Ok(documents(
        pipelines
            .into_iter()
            .filter(|pipeline| Kind::of(pipeline) == kind),
    ))
}

/// The documents of an application in their order, each with its place in it as `index`.
pub(crate) async fn of_application(
    state: &ApiState,
    kind: Kind,
    application: String,
    query: &Query,
) -> Result<Vec<Map>, HttpProblem> {
    let limit = query.page("pipelineLimit", usize::MAX)?;
    let filter = query.text("pipelineNameFilter");
    let mut pipelines = state
        .read(move |engine| Ok(engine.store().pipelines(Some(&application))?))
        .await?;
    pipelines.retain(|pipeline| Kind::of(pipeline) == kind);
    let mut pipelines = in_order(pipelines);
    for (index, pipeline) in pipelines.iter_mut().enumerate() {
        pipeline.document.insert("index".to_owned(), index.into());
    }
    pipelines.retain(|pipeline| is_named_like(pipeline, filter));
    Ok(documents(pipelines.into_iter().take(limit)))
}

fn documents(pipelines: impl Iterator<Item = PipelineRevision>) -> Vec<Map> {
    pipelines.map(|pipeline| shown(pipeline.document)).collect()
}

/// A document as anybody may see it: without the secrets of its triggers.
pub(crate) fn shown(mut document: Map) -> Map {
    mask_secrets(&mut document);
    document
}

/// Whether the name of a pipeline contains that text, in any case.
pub(crate) fn is_named_like(pipeline: &PipelineRevision, filter: Option<&str>) -> bool {
    filter.is_none_or(|filter| {
        let name = pipeline.name.to_lowercase();
        name.contains(&filter.trim().to_lowercase())
    })
}

/// By index, then by name; those without an index come last.
fn in_order(mut pipelines: Vec<PipelineRevision>) -> Vec<PipelineRevision> {
    let index = |pipeline: &PipelineRevision| match pipeline.document.get("index") {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(i64::MAX),
        _ => i64::MAX,
    };
    pipelines.sort_by_cached_key(|pipeline| (index(pipeline), pipeline.name.to_lowercase()));
    pipelines
}

/// The newest revision of a pipeline. Errors: there is none.
pub(crate) fn known(state: &ApiState, id: &PipelineId) -> Result<PipelineRevision, HttpProblem> {
    let found = state.engine().store().pipeline(id)?;
    found.ok_or_else(|| {
        EngineError::UnknownPipeline(format!("Pipeline configuration not found (id: {id})")).into()
    })
}

/// Saves a pipeline for a caller who may change its application.
pub(crate) async fn save(
    state: &ApiState,
    identity: &Identity,
    document: Value,
    stale_check: bool,
) -> Result<Saved, HttpProblem> {
    state.catalog().permit_save(&identity.0, &document)?;
    let request = SaveRequest {
        document,
        by: identity.user().to_owned(),
        stale_check,
    };
    Ok(state.triggers().save_pipeline(request).await?)
}

/// Deletes a pipeline for a caller who may change its application.
pub(crate) async fn delete(
    state: &ApiState,
    identity: &Identity,
    pipeline: &PipelineRevision,
) -> Result<(), HttpProblem> {
    let catalog = state.catalog();
    catalog.permit(&identity.0, &pipeline.application, Permission::Write)?;
    let deleted = state
        .triggers()
        .delete_pipeline(&pipeline.id, identity.user());
    Ok(deleted.await?)
}

/// Gives pipelines the indices that the body says.
pub(crate) async fn reorder(
    state: &ApiState,
    identity: &Identity,
    body: JsonBody,
) -> Result<(), HttpProblem> {
    let body = body.object("a new order")?;
    let application = text(&body, "application")?;
    let catalog = state.catalog();
    catalog.permit(&identity.0, application, Permission::Write)?;
    let Some(Value::Object(indices)) = body.get("idsToIndices") else {
        return Err(wrong_shape(
            Pointer::root().key("idsToIndices"),
            "idsToIndices is an object of pipeline ids and their indices",
        ));
    };
    let mut ids = Vec::new();
    for (id, index) in indices {
        let place = Pointer::root().key("idsToIndices").key(id);
        if !index.is_u64() {
            return Err(wrong_shape(place, "an index is a whole number from 0"));
        }
        let pipeline = known(state, &pipeline_id(id)?)?;
        if !pipeline
            .application
            .eq_ignore_ascii_case(application.trim())
        {
            let message = format!(
                "pipeline {id} belongs to application {}",
                pipeline.application
            );
            return Err(wrong_shape(place, message));
        }
        ids.push(pipeline.id);
    }
    let reorder = |id: &PipelineId, document: &mut Map| {
        if let Some(index) = indices.get(id.as_str()) {
            document.insert("index".to_owned(), index.clone());
        }
    };
    let edited = state
        .engine()
        .edit_pipelines(&ids, identity.user(), reorder)
        .await?;
    for saved in edited.into_iter().filter(|saved| saved.changed) {
        state.triggers().pipeline_changed(&saved.revision.id)?;
    }
    Ok(())
}
