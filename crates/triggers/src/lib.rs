//! What starts runs: schedules, Git and registry events, webhooks, other runs.
//!
//! The decisions are pure: bytes and configuration in, events and verdicts out. [`Triggers`] puts them to work on the
//! engine: it stores every event before it is acknowledged and starts every run once.

mod artifacts;
mod cron;
mod events;
mod matching;
mod polling;
mod service;
mod signature;

pub use artifacts::{
    ArtifactPattern, ArtifactTemplate, Binding, ResolveError, ResolveProblem, Resolved,
    TemplateError, Templates, matches as artifact_matches, resolve as resolve_artifacts,
};
pub use cron::{
    CronError, DEFAULT_ZONE, Dialect, Due, Expression, Field, MAX_CAUGHT_UP, MissedRuns, Schedule,
    UnknownZone, due, fuzz, is_missed,
};
pub use events::git::{GitEvent, GitProvider, PullRequest, RefKind, RepositoryName};
pub use events::registry::{
    ImageEvent, PollOutcome, PollPolicy, RegistryKind, Seen, compare as compare_poll, same_registry,
};
pub use events::{
    BuildEvent, BuildResult, CdEvent, Delivery, DeliveryError, Detail, Event, FileRepositoryEvent,
    Headers, HelmEvent, Ignored, Interpreted, PubsubEvent, Recognised, interpret, recognise,
};
pub use matching::{
    BadHookId, Constraint, CronTrigger, GitTrigger, HookId, ImageTrigger, Occasion, Pattern,
    PatternError, Rejection, RunResult, RunTrigger, TagRule, Trigger, TriggerId, TriggerIndex,
    TriggerKind, Verdict, VersionRange, parse_triggers, parse_triggers_in,
};
pub use polling::RegistryAccount;
pub use service::{
    AcceptError, Cause, EventRecord, EventState, ExecuteRights, MASK, Preview, Receipt,
    SecretSealer, TriggerOptions, Triggers, VerdictOutcome, VerdictRecord, check_triggers,
    mask_secrets,
};
pub use signature::{Proof, Secret, Secrets, SignatureError, SignaturePolicy, verify};
