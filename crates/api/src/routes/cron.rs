//! Schedules: whether a text is one, and when it runs.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use spindrift_model::Millis;
use spindrift_triggers::{DEFAULT_ZONE, Dialect, Schedule};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalog;
use crate::path::{Segments, pipeline_id};
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(validate))
        .routes(routes!(next_runs))
}

/// A time at which a schedule runs.
#[derive(Debug, Serialize, ToSchema)]
struct ScheduledTime {
    /// Milliseconds since the Unix epoch.
    #[schema(value_type = i64)]
    at: Millis,
    /// The same for people, in UTC.
    time: String,
}

impl ScheduledTime {
    fn of(at: Millis) -> Self {
        let time = DateTime::<Utc>::from_timestamp_millis(at).unwrap_or_default();
        Self {
            at,
            time: time.to_rfc3339_opts(SecondsFormat::Secs, true),
        }
    }
}

/// Whether a text is a schedule.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CronAnswer {
    /// Whether it is one.
    valid: bool,
    /// Which grammar it follows and when it runs next; of a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Why it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// When it runs next.
    next_runs: Vec<ScheduledTime>,
}

/// Tells whether a text is a schedule, and when it runs next. The answer is 200 either way.
#[utoipa::path(get, path = "/cron/validate", tag = "triggers",
    params(("expression" = String, Query), ("timeZone" = Option<String>, Query, description = "An IANA name."),
        ("id" = Option<String>, Query, description = "The id of the trigger: it decides what H means."),
        ("count" = Option<usize>, Query)),
    responses((status = 200, body = CronAnswer)))]
async fn validate(
    State(state): State<ApiState>,
    query: Query,
) -> Result<Json<CronAnswer>, HttpProblem> {
    let expression = query.text("expression").unwrap_or_default();
    let zone = query.text("timeZone").unwrap_or(DEFAULT_ZONE);
    let count = query.number("count", 5, 0..=100)?;
    let id = query.text("id").unwrap_or_default();
    let schedule = Schedule::zone_named(zone)
        .map_err(|error| error.to_string())
        .and_then(|zone| Schedule::parse(expression, id, zone).map_err(|error| error.to_string()));
    Ok(Json(match schedule {
        Ok(schedule) => {
            let now = state.engine().clock().now();
            let next_runs = schedule.next_runs(now, count);
            CronAnswer {
                valid: true,
                description: Some(description(&schedule, now)),
                message: None,
                next_runs: next_runs.into_iter().map(ScheduledTime::of).collect(),
            }
        }
        Err(message) => CronAnswer {
            valid: false,
            description: None,
            message: Some(message),
            next_runs: Vec::new(),
        },
    }))
}

fn description(schedule: &Schedule, now: Millis) -> String {
    let dialect = match schedule.expression().dialect() {
        Dialect::Quartz => "a Quartz schedule",
        Dialect::Unix => "a Unix schedule",
    };
    let zone = schedule.zone();
    let next = schedule
        .next_after(now)
        .and_then(DateTime::from_timestamp_millis);
    match next {
        Some(next) => {
            let next = next.with_timezone(&zone);
            format!(
                "{dialect} in {zone}; it runs next on {}",
                next.format("%A, %-d %B %Y at %H:%M:%S %Z")
            )
        }
        None => format!("{dialect} in {zone}; it never runs again"),
    }
}

/// When a trigger of a pipeline runs next.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TriggerTimes {
    /// The trigger.
    trigger: String,
    /// Its next times.
    times: Vec<ScheduledTime>,
}

/// When the schedules of a pipeline run next; those that are off do not.
#[utoipa::path(get, path = "/pipelineConfigs/{id}/nextRuns", tag = "triggers",
    params(("id" = String, Path, description = "The pipeline's id."), ("count" = Option<usize>, Query)),
    responses((status = 200, body = Vec<TriggerTimes>)))]
async fn next_runs(
    State(state): State<ApiState>,
    Segments(id): Segments<String>,
    query: Query,
) -> Result<Json<Vec<TriggerTimes>>, HttpProblem> {
    let count = query.number("count", 5, 1..=100)?;
    let pipeline = catalog::known(&state, &pipeline_id(&id)?)?;
    let schedules = state.triggers().next_runs(&pipeline.id, count);
    let times = schedules.into_iter().map(|(trigger, times)| TriggerTimes {
        trigger: trigger.to_string(),
        times: times.into_iter().map(ScheduledTime::of).collect(),
    });
    Ok(Json(times.collect()))
}
