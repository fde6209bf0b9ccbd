//! What is kept of an event.

use serde::{Deserialize, Serialize};
use spindrift_model::{ExecutionId, Millis, PipelineId, Status};

use crate::events::registry::ImageEvent;
use crate::events::{Delivery, Headers};
use crate::matching::{Rejection, TriggerId, Verdict};

/// Where an event came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// A request from outside.
    Delivery(Delivery),
    /// A new image, found in a registry.
    Image(Box<ImageEvent>),
    /// The time of a schedule.
    #[serde(rename_all = "camelCase")]
    Tick {
        /// The pipeline.
        pipeline: PipelineId,
        /// Its trigger.
        trigger: TriggerId,
        /// The time it was due.
        scheduled: Millis,
    },
    /// The end of a run.
    #[serde(rename_all = "camelCase")]
    RunEnded {
        /// The pipeline whose run it was.
        pipeline: PipelineId,
        /// The run.
        execution: ExecutionId,
        /// How it ended.
        status: Status,
    },
}

/// How far an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventState {
    /// On disk, and being worked on.
    Received,
    /// Every trigger has its verdict.
    Done,
}

/// What became of one trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum VerdictOutcome {
    /// It started a run, or had started it before.
    Started {
        /// The run.
        execution: ExecutionId,
    },
    /// It did not match.
    Rejected {
        /// The stable name of the reason.
        code: String,
        /// The reason.
        message: String,
    },
    /// It matched, but the run could not be started.
    Failed {
        /// Why.
        message: String,
    },
}

impl VerdictOutcome {
    pub(super) fn rejected(reason: &Rejection) -> Self {
        VerdictOutcome::Rejected {
            code: reason.code().to_owned(),
            message: reason.to_string(),
        }
    }
}

/// What became of one trigger that an event concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictRecord {
    /// Which of the events of the delivery, from 0.
    pub event: usize,
    /// The pipeline.
    pub pipeline: PipelineId,
    /// Its trigger.
    pub trigger: TriggerId,
    /// The trigger's type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: VerdictOutcome,
}

impl VerdictRecord {
    pub(super) fn new(event: usize, verdict: &Verdict, outcome: VerdictOutcome) -> Self {
        Self {
            event,
            pipeline: verdict.trigger.pipeline.clone(),
            trigger: verdict.trigger.id.clone(),
            type_name: verdict.trigger.type_name.clone(),
            outcome,
        }
    }

    /// What is kept of a verdict that is no match; `None` of one that is.
    pub(super) fn rejection(event: usize, verdict: &Verdict) -> Option<Self> {
        let reason = verdict.outcome.as_ref().err()?;
        Some(Self::new(event, verdict, VerdictOutcome::rejected(reason)))
    }
}

/// Rejections that are kept of one event; more are counted.
const MAX_REJECTIONS: usize = 500;

/// An event with its verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRecord {
    /// Its id: `eventId` of the runs it starts.
    pub id: String,
    /// When it came.
    pub received_at: Millis,
    /// Where it came from.
    pub cause: Cause,
    /// How far it is.
    pub state: EventState,
    /// What it says, one line per event.
    pub summaries: Vec<String>,
    /// What became of every trigger it concerned.
    pub verdicts: Vec<VerdictRecord>,
    /// How many rejections are not listed, because they were too many.
    pub omitted: usize,
    /// How many bytes of headers and body are not kept, because nothing came of them and they were too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<usize>,
}

/// Headers and body of a delivery that no trigger matches are kept up to so many bytes, for a person to look at.
const MOST_KEPT: usize = 8 * 1024;

/// Lines that are kept of what a delivery says whose body is not.
const MOST_LINES: usize = 20;

/// The longest such line, in characters.
const LONGEST_LINE: usize = 200;

impl EventRecord {
    pub(super) fn new(id: String, received_at: Millis, cause: Cause) -> Self {
        Self {
            id,
            received_at,
            cause,
            state: EventState::Received,
            summaries: Vec::new(),
            verdicts: Vec::new(),
            omitted: 0,
            dropped: None,
        }
    }

    /// Takes the verdicts: those of triggers that matched, then those of the others.
    pub(super) fn complete(
        &mut self,
        matched: Vec<VerdictRecord>,
        mut rejections: Vec<VerdictRecord>,
    ) {
        self.omitted = rejections.len().saturating_sub(MAX_REJECTIONS);
        rejections.truncate(MAX_REJECTIONS);
        self.verdicts = matched;
        self.verdicts.append(&mut rejections);
        self.state = EventState::Done;
        if let Cause::Delivery(delivery) = &mut self.cause {
            delivery.headers.hide_token();
        }
    }

    /// Drops what is large of a delivery that no trigger matched. Nothing asks for it any more: its sender may send it again.
    pub(super) fn shed(&mut self) {
        let Cause::Delivery(delivery) = &mut self.cause else {
            return;
        };
        let headers = delivery.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        let bytes = headers + delivery.body.len();
        if bytes <= MOST_KEPT {
            return;
        }
        delivery.body = Vec::new();
        delivery.headers = Headers::default();
        self.dropped = Some(bytes);
        self.summaries.truncate(MOST_LINES);
        for line in &mut self.summaries {
            if let Some((end, _)) = line.char_indices().nth(LONGEST_LINE) {
                line.truncate(end);
                line.push('…');
            }
        }
    }

    /// Whether every trigger has its verdict and none started a run.
    pub fn is_without_effect(&self) -> bool {
        self.state == EventState::Done && self.started().next().is_none()
    }

    /// The runs it started.
    pub fn started(&self) -> impl Iterator<Item = &ExecutionId> {
        self.verdicts
            .iter()
            .filter_map(|verdict| match &verdict.outcome {
                VerdictOutcome::Started { execution } => Some(execution),
                VerdictOutcome::Rejected { .. } | VerdictOutcome::Failed { .. } => None,
            })
    }
}
