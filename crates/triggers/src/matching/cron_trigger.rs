//! A schedule of a pipeline.

use spindrift_model::{Map, Pointer, Problem, Value};

use crate::cron::{Expression, MissedRuns, Schedule};

/// How far back missed times are made up for when the trigger does not say: Echo's window.
const DEFAULT_WINDOW: i64 = 600_000;

/// Further back nothing is made up for: whoever was away for a day looks at what to do.
const MAX_WINDOW: i64 = 24 * 3_600_000;

/// A schedule of a pipeline.
#[derive(Debug, Clone)]
pub struct CronTrigger {
    /// When it runs.
    pub schedule: Schedule,
    /// What it does with times it missed.
    pub missed: MissedRuns,
}

impl CronTrigger {
    /// Reads `cronExpression`, `timeZone` (IANA), `missedRuns` (`skip`, `once`, `all`) and `missedRunWindowMs` (at most a day).
    /// `id` decides what `H` means, and `zone` is that of triggers that name none. Errors: everything that is wrong, with its place.
    pub fn parse(
        trigger: &Map,
        id: &str,
        zone: &str,
        place: &Pointer,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let expression = trigger
            .get("cronExpression")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let expression = Expression::parse(expression, id).map_err(|error| {
            let message = error.to_string();
            problems.push(Problem::error(
                place.key("cronExpression"),
                "trigger.cron",
                message,
            ));
        });
        let (key, name) = zone_name(trigger, zone);
        let zone = Schedule::zone_named(name).map_err(|error| {
            problems.push(Problem::error(
                place.key(key),
                "trigger.timeZone",
                error.to_string(),
            ));
        });
        let missed = missed_runs(trigger).map_err(|message| {
            problems.push(Problem::error(
                place.key("missedRuns"),
                "trigger.missedRuns",
                message,
            ));
        });
        match (expression, zone, missed) {
            (Ok(expression), Ok(zone), Ok(missed)) => Ok(Self {
                schedule: Schedule::new(expression, zone),
                missed,
            }),
            _ => Err(problems),
        }
    }
}

fn zone_name<'t>(trigger: &'t Map, default: &'t str) -> (&'static str, &'t str) {
    let written = |key| {
        trigger
            .get(key)
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
    };
    match (written("timeZone"), written("timezone")) {
        (Some(name), _) => ("timeZone", name),
        (None, Some(name)) => ("timezone", name),
        (None, None) => ("timeZone", default),
    }
}

fn missed_runs(trigger: &Map) -> Result<MissedRuns, String> {
    let within = trigger
        .get("missedRunWindowMs")
        .and_then(Value::as_i64)
        .filter(|window| *window > 0)
        .unwrap_or(DEFAULT_WINDOW)
        .min(MAX_WINDOW);
    match trigger
        .get("missedRuns")
        .and_then(Value::as_str)
        .unwrap_or("skip")
    {
        "skip" | "" => Ok(MissedRuns::Skip),
        "once" => Ok(MissedRuns::Once { within }),
        "all" => Ok(MissedRuns::All { within }),
        other => Err(format!(
            "{other:?} is no policy for missed runs; use \"skip\", \"once\" or \"all\""
        )),
    }
}
