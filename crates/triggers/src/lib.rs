//! What starts runs: schedules, Git and registry events, webhooks, other runs.
//!
//! The decisions here are pure: bytes and configuration in, events and verdicts out.

mod cron;

pub use cron::{
    CronError, DEFAULT_ZONE, Dialect, Due, Expression, Field, MAX_CAUGHT_UP, MissedRuns, Schedule,
    UnknownZone, due, fuzz, is_missed,
};
