//! Schedules: Quartz expressions as Spinnaker's users wrote them, and Unix ones of five fields.
//!
//! [`Expression`] reads a text and says what is wrong with it and where. [`Schedule`] is an expression in a time zone: it
//! knows its next times. [`due`] decides which times run now when some were missed. Nothing here reads a clock.
//!
//! Invariants:
//! - A text that is accepted has at least one date; one that can never come is refused.
//! - An accepted Quartz text means what Quartz means by it; what Quartz refuses is refused here.
//! - The `cron` crate finds the times; what it cannot express (`L`, `W`, `#`, wrapped ranges) is translated around it.
//!
//! Daylight saving, tested with real zones: a wall time that does not exist does not run. A wall time that exists twice
//! runs twice when every hour is scheduled (an hourly job stays hourly) and once, at the first, otherwise (a nightly job
//! stays nightly).

mod day_rule;
mod error;
mod expression;
mod field;
mod fuzz;
mod missed;
mod schedule;

pub use error::{CronError, Field};
pub use expression::{Dialect, Expression};
pub use fuzz::fuzz;
pub use missed::{Due, MAX_CAUGHT_UP, MissedRuns, due, is_missed};
pub use schedule::{DEFAULT_ZONE, Schedule, UnknownZone};
