//! Why a trigger does not match.

use super::pattern::PatternError;
use super::trigger::TriggerId;
use crate::signature::SignatureError;

/// The one reason why a trigger does not match an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// `enabled` is false or absent.
    #[error("the trigger is disabled")]
    Disabled,
    /// The pipeline is disabled.
    #[error("the pipeline is disabled")]
    PipelineDisabled,
    /// It lacks something it needs.
    #[error("the trigger is incomplete: {0}")]
    Invalid(String),
    /// It is of another type than the event.
    #[error("the trigger is of type {trigger:?}, which this event does not concern")]
    OtherKind {
        /// The trigger's type.
        trigger: String,
    },
    /// Something has another name.
    #[error("the {field} is {found:?}, not {wanted:?}")]
    Differs {
        /// Which field of the trigger.
        field: &'static str,
        /// What the trigger names.
        wanted: String,
        /// What the event names.
        found: String,
    },
    /// A pattern does not match.
    #[error("the {field} {found:?} does not match {pattern:?}")]
    NoMatch {
        /// Which field of the trigger.
        field: &'static str,
        /// The pattern.
        pattern: String,
        /// What the event names.
        found: String,
    },
    /// A pattern cannot be used.
    #[error("the pattern in {field} cannot be used: {error}")]
    BadPattern {
        /// Where the pattern stands.
        field: String,
        /// What is wrong with it.
        error: PatternError,
    },
    /// Without a tag pattern, `latest` starts nothing.
    #[error("the tag is \"latest\", which starts nothing unless the trigger names it")]
    Latest,
    /// The event has no tag.
    #[error("the event names no tag")]
    NoTag,
    /// Nothing says which registry or account the event is about.
    #[error("the event names neither the account {account:?} nor the registry of the trigger")]
    UnknownRegistry {
        /// The trigger's account.
        account: String,
    },
    /// The trigger lists other actions.
    #[error("the action {found:?} is not among the trigger's events")]
    Action {
        /// What happened.
        found: String,
    },
    /// It has an address of its own, and the event came by another.
    #[error("the trigger is reached by its own address only (its hookId)")]
    OwnAddress,
    /// The user as whom the run would act may not start the pipelines of the application.
    #[error("{user:?} may not execute the pipelines of application {application:?}")]
    Forbidden {
        /// The user.
        user: String,
        /// The application.
        application: String,
    },
    /// The delivery is not believed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A constraint is about something that is not there.
    #[error("the payload has no {key:?}, which a constraint asks for")]
    ConstraintMissing {
        /// The key.
        key: String,
    },
    /// A constraint does not match.
    #[error("the payload constraint on {key:?} does not match")]
    ConstraintDiffers {
        /// The key.
        key: String,
    },
    /// A constraint is about an object or a list of them.
    #[error(
        "the payload constraint on {key:?} is about an object or a list of objects; name a text in it"
    )]
    ConstraintNotText {
        /// The key.
        key: String,
    },
    /// An attribute or header is absent or says something else.
    #[error("the attribute constraint on {key:?} does not match")]
    Attribute {
        /// The name of the attribute.
        key: String,
    },
    /// None of the artifacts is expected.
    #[error("none of the event's {count} artifacts is one of those the trigger expects")]
    NoArtifact {
        /// How many the event brings.
        count: usize,
    },
    /// The build failed or runs.
    #[error("the build has not succeeded")]
    BuildNotSucceeded,
    /// The parent run ended otherwise.
    #[error("the run ended {found}, which is not among the trigger's statuses")]
    Status {
        /// How it ended.
        found: &'static str,
    },
    /// The version is outside of the range.
    #[error("the version {found:?} is not in the range {range:?}")]
    Version {
        /// The trigger's range.
        range: String,
        /// The event's version.
        found: String,
    },
    /// The range cannot be read.
    #[error("the version range {range:?} cannot be read")]
    BadRange {
        /// The trigger's range.
        range: String,
    },
    /// There is no such trigger.
    #[error("there is no trigger {0}")]
    Unknown(TriggerId),
}

impl Rejection {
    /// A stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::Disabled => "trigger.disabled",
            Rejection::PipelineDisabled => "pipeline.disabled",
            Rejection::Invalid(_) => "trigger.invalid",
            Rejection::OtherKind { .. } => "trigger.type",
            Rejection::Differs { .. } => "trigger.differs",
            Rejection::NoMatch { .. } => "trigger.pattern",
            Rejection::BadPattern { .. } => "trigger.pattern.bad",
            Rejection::Latest => "trigger.tag.latest",
            Rejection::NoTag => "event.tag",
            Rejection::UnknownRegistry { .. } => "event.registry",
            Rejection::Action { .. } => "trigger.events",
            Rejection::OwnAddress => "trigger.hookId",
            Rejection::Forbidden { .. } => "trigger.permission",
            Rejection::Signature(_) => "trigger.signature",
            Rejection::ConstraintMissing { .. } => "trigger.constraint.missing",
            Rejection::ConstraintDiffers { .. } => "trigger.constraint.differs",
            Rejection::ConstraintNotText { .. } => "trigger.constraint.type",
            Rejection::Attribute { .. } => "trigger.attribute",
            Rejection::NoArtifact { .. } => "trigger.artifacts",
            Rejection::BuildNotSucceeded => "event.build",
            Rejection::Status { .. } => "trigger.status",
            Rejection::Version { .. } => "trigger.version",
            Rejection::BadRange { .. } => "trigger.version.bad",
            Rejection::Unknown(_) => "trigger.unknown",
        }
    }
}
