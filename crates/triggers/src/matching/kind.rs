//! What a trigger waits for.

use spindrift_model::{PipelineId, Status};

use super::constraint::Constraint;
use super::cron_trigger::CronTrigger;
use super::pattern::Pattern;
use super::version::VersionRange;

/// Which tags of an image.
#[derive(Debug, Clone, PartialEq)]
pub enum TagRule {
    /// Every tag but `latest`.
    AnyButLatest,
    /// Those that match as a whole.
    Matching(Pattern),
}

/// A new image, or a chart in an OCI registry.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageTrigger {
    /// The registry account.
    pub account: String,
    /// The registry's host, by which a notification without an account is recognised.
    pub registry: Option<String>,
    /// The repository, exactly.
    pub repository: String,
    /// Which tags.
    pub tag: TagRule,
    /// Whether it waits for charts.
    pub chart: bool,
}

/// A change in a Git repository.
#[derive(Debug, Clone, PartialEq)]
pub struct GitTrigger {
    /// The host, such as `github`.
    pub source: String,
    /// The owner.
    pub project: String,
    /// The repository.
    pub slug: String,
    /// Which branches or tags; `None` takes every one.
    pub branch: Option<Pattern>,
    /// Which actions; empty takes every one but those that must be asked for.
    pub events: Vec<String>,
}

/// How a run ended, in the words of pipeline triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunResult {
    /// It succeeded.
    Successful,
    /// It was canceled.
    Canceled,
    /// It was suspended.
    Suspended,
    /// Anything else.
    Failed,
}

impl RunResult {
    /// The result of a run that has ended in a state (Orca's `DependentPipelineExecutionListener`).
    pub fn of(status: Status) -> Self {
        match status {
            Status::Succeeded => RunResult::Successful,
            Status::Canceled => RunResult::Canceled,
            Status::Suspended => RunResult::Suspended,
            _ => RunResult::Failed,
        }
    }

    /// The word in `status` of a trigger.
    pub fn word(self) -> &'static str {
        match self {
            RunResult::Successful => "successful",
            RunResult::Canceled => "canceled",
            RunResult::Suspended => "suspended",
            RunResult::Failed => "failed",
        }
    }
}

/// What a trigger waits for.
#[derive(Debug, Clone)]
pub enum TriggerKind {
    /// `docker`, `helm/oci`.
    Image(ImageTrigger),
    /// `git`.
    Git(GitTrigger),
    /// `webhook`.
    Webhook {
        /// The last part of its address.
        source: String,
        /// What the payload must say.
        constraints: Vec<Constraint>,
    },
    /// `cdevents`.
    CdEvents {
        /// The last part of its address.
        source: String,
        /// What the payload must say.
        constraints: Vec<Constraint>,
        /// What headers must say, exactly.
        attributes: Vec<(String, String)>,
    },
    /// `pubsub`.
    Pubsub {
        /// Which message bus.
        system: String,
        /// Which subscription.
        subscription: String,
        /// What the payload must say.
        constraints: Vec<Constraint>,
        /// What the attributes must say.
        attributes: Vec<Constraint>,
    },
    /// `jenkins`, `travis`, `concourse`, `gitlab-ci`.
    Build {
        /// The server.
        master: String,
        /// The job.
        job: String,
        /// What the property file must say.
        constraints: Vec<Constraint>,
    },
    /// `artifactory`.
    Artifactory {
        /// The search.
        search: String,
    },
    /// `nexus`.
    Nexus {
        /// The search.
        search: String,
    },
    /// `helm`.
    Helm {
        /// The artifact account.
        account: String,
        /// Which versions; `None` takes every one.
        version: Option<VersionRange>,
    },
    /// `plugin`.
    Plugin {
        /// `PUBLISHED` and the like.
        event: String,
    },
    /// `cron`.
    Cron(Box<CronTrigger>),
    /// `pipeline`.
    Pipeline {
        /// The pipeline whose end starts this one.
        parent: PipelineId,
        /// The ends that do.
        statuses: Vec<String>,
    },
    /// `manual`, and types that only people start.
    Manual,
    /// A type nobody knows; it is kept.
    Unknown,
    /// Something it needs is missing.
    Invalid(String),
}
