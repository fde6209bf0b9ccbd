//! The search for executions by what triggered them.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use spindrift_engine::{ExecutionQuery, Scope};
use spindrift_model::{Execution, ExecutionKind, Millis, PipelineId, Value, parse_json};
use spindrift_runtime::Engine;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::executions::read_all;
use crate::path::Segments;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::schema::ExecutionDocument;
use crate::state::ApiState;
use crate::subset::Pattern;

/// Clients leave the padding out, or do not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// So many index rows are read at a time.
const CHUNK: usize = 256;

/// No search goes deeper into the list than that.
const MAX_START: usize = 1_000_000;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(search))
}

struct Search {
    query: ExecutionQuery,
    /// The pipelines whose executions are wanted; absent: any.
    pipelines: Option<Vec<PipelineId>>,
    trigger_types: Vec<String>,
    event_id: Option<String>,
    trigger: Option<Pattern>,
    start: usize,
    size: usize,
    expand: bool,
    deadline: Instant,
}

/// Executions of an application, or of all (`*`), by what triggered them.
///
/// `trigger` is base64 of a JSON object that the trigger must contain: texts match in any case or as a whole regular
/// expression, objects by their members, lists in any order.
#[utoipa::path(get, path = "/applications/{application}/executions/search", tag = "executions",
    params(
        ("application" = String, Path), ("triggerTypes" = Option<String>, Query), ("pipelineName" = Option<String>, Query),
        ("eventId" = Option<String>, Query), ("trigger" = Option<String>, Query),
        ("triggerTimeStartBoundary" = Option<i64>, Query), ("triggerTimeEndBoundary" = Option<i64>, Query),
        ("statuses" = Option<String>, Query), ("startIndex" = Option<usize>, Query), ("size" = Option<usize>, Query),
        ("reverse" = Option<bool>, Query, description = "true: oldest first."), ("expand" = Option<bool>, Query)),
    responses((status = 200, body = Vec<ExecutionDocument>)))]
async fn search(
    State(state): State<ApiState>,
    Segments(application): Segments<String>,
    query: Query,
) -> Result<Json<Vec<Execution>>, HttpProblem> {
    let mut search = parse(&state, &application, &query)?;
    let name = query.text("pipelineName").map(str::to_owned);
    let question = move |engine: &Engine| {
        if let Some(name) = name {
            search.narrow(engine, &application, &name)?;
        }
        search.run(engine)
    };
    state.read(question).await.map(Json)
}

fn parse(state: &ApiState, application: &str, query: &Query) -> Result<Search, HttpProblem> {
    let any_time = Millis::MIN..=Millis::MAX;
    let scope = match application {
        "*" => Scope::All,
        name => Scope::Application(name.to_owned()),
    };
    Ok(Search {
        query: ExecutionQuery {
            kind: Some(ExecutionKind::Pipeline),
            statuses: query.statuses()?,
            from: query.number("triggerTimeStartBoundary", 0, any_time.clone())?,
            to: query.number("triggerTimeEndBoundary", Millis::MAX, any_time)?,
            oldest_first: query.flag("reverse", false)?,
            ..ExecutionQuery::newest(scope, CHUNK)
        },
        pipelines: None,
        trigger_types: query
            .list("triggerTypes")
            .into_iter()
            .map(str::to_owned)
            .collect(),
        event_id: query.text("eventId").map(str::to_owned),
        trigger: query
            .text("trigger")
            .map(|text| pattern(state, text))
            .transpose()?,
        start: query.number("startIndex", 0, 0..=MAX_START)?,
        size: query.page("size", 10)?,
        expand: query.flag("expand", false)?,
        deadline: Instant::now() + state.limits().answer_time,
    })
}

fn pattern(state: &ApiState, text: &str) -> Result<Pattern, HttpProblem> {
    // In a query a plus sign that nobody escaped has become a space; some encode for URLs and some do not.
    let text: String = text
        .trim()
        .chars()
        .map(|c| match c {
            ' ' | '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    let json = LENIENT
        .decode(text)
        .map_err(|error| HttpProblem::bad_request(format!("trigger is not base64: {error}")))?;
    match parse_json(&json, state.limits().json) {
        Ok(value @ Value::Object(_)) => Ok(Pattern::new(value)),
        Ok(_) => Err(HttpProblem::bad_request(
            "trigger is base64 of a JSON object",
        )),
        Err(error) => Err(HttpProblem::bad_request(format!(
            "trigger is base64 of a JSON object: {error}"
        ))),
    }
}

impl Search {
    /// Keeps to the pipelines of that name.
    fn narrow(
        &mut self,
        engine: &Engine,
        application: &str,
        name: &str,
    ) -> Result<(), HttpProblem> {
        let application = (application != "*").then_some(application);
        let named: Vec<PipelineId> = engine
            .store()
            .pipelines(application)?
            .into_iter()
            .filter(|pipeline| pipeline.name == name.trim())
            .map(|pipeline| pipeline.id)
            .collect();
        match named.as_slice() {
            // The index of one pipeline holds nothing else.
            [only] => self.query.scope = Scope::Pipeline(only.clone()),
            _ => self.pipelines = Some(named),
        }
        Ok(())
    }

    fn run(mut self, engine: &Engine) -> Result<Vec<Execution>, HttpProblem> {
        if self.pipelines.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let mut hits = Vec::new();
        let mut to_skip = self.start;
        loop {
            let rows = engine.store().executions(&self.query)?;
            let last = rows.len() < CHUNK;
            self.query.after = rows.last().map(|row| (row.build_time, row.id.clone()));
            for row in rows {
                if !self.accepts(engine, &row.id)? {
                    continue;
                }
                if to_skip > 0 {
                    to_skip -= 1;
                    continue;
                }
                hits.push(row);
                if hits.len() == self.size {
                    return read_all(engine, hits, self.expand);
                }
            }
            if last {
                return read_all(engine, hits, self.expand);
            }
            if Instant::now() >= self.deadline {
                return Err(HttpProblem::new(
                    axum::http::StatusCode::SERVICE_UNAVAILABLE,
                    "the search took too long; narrow it by time, pipeline or status",
                ));
            }
        }
    }

    fn accepts(
        &self,
        engine: &Engine,
        id: &spindrift_model::ExecutionId,
    ) -> Result<bool, HttpProblem> {
        let index_says_it_all = self.pipelines.is_none()
            && self.trigger_types.is_empty()
            && self.event_id.is_none()
            && self.trigger.is_none();
        if index_says_it_all {
            return Ok(true);
        }
        let Some(execution) = engine.store().outline(id)? else {
            return Ok(false);
        };
        let trigger = &execution.trigger;
        let of_pipeline = self.pipelines.as_ref().is_none_or(|wanted| {
            execution
                .pipeline_config_id
                .as_ref()
                .is_some_and(|id| wanted.contains(id))
        });
        let of_type = self.trigger_types.is_empty()
            || self
                .trigger_types
                .iter()
                .any(|kind| kind.eq_ignore_ascii_case(trigger.kind()));
        let of_event =
            self.event_id.is_none() || trigger.text("eventId") == self.event_id.as_deref();
        if !(of_pipeline && of_type && of_event) {
            return Ok(false);
        }
        Ok(self
            .trigger
            .as_ref()
            .is_none_or(|pattern| pattern.matches(&Value::Object(trigger.to_map()))))
    }
}
