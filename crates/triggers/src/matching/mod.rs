//! Which triggers an event starts, and for every other candidate why it does not.
//!
//! [`Trigger`] is one entry of a pipeline's `triggers`, read once when the pipeline is saved. A [`TriggerIndex`] holds those
//! of all pipelines by what an event can name (repository, source, subscription, parent pipeline), so that an event only
//! meets its candidates. A [`Verdict`] says of a candidate whether it matches, or the one reason why not.
//!
//! Invariants: a broken trigger (a bad pattern, a missing field) concerns nobody but itself; the values of secrets and of
//! payload constraints are in no message.

mod constraint;
mod cron_trigger;
mod fill;
mod hook;
mod index;
mod kind;
mod parse;
mod pattern;
mod rejection;
mod rules;
mod trigger;
mod version;

pub use constraint::Constraint;
pub use cron_trigger::CronTrigger;
pub use fill::RunTrigger;
pub(crate) use fill::run_event_id;
pub(crate) use hook::HOOK_MEMBER;
pub use hook::{BadHookId, HookId};
pub use index::{Occasion, TriggerIndex, Verdict};
pub use kind::{GitTrigger, ImageTrigger, RunResult, TagRule, TriggerKind};
pub(crate) use parse::SECRET_MEMBERS;
pub use parse::{parse_triggers, parse_triggers_in};
pub use pattern::{Pattern, PatternError};
pub use rejection::Rejection;
pub use trigger::{Trigger, TriggerId};
pub use version::VersionRange;
