//! From a stored event to its verdicts and runs.

use futures::{StreamExt, TryStreamExt};
use spindrift_engine::StoreError;
use spindrift_runtime::EngineError;

use super::record::{Cause, EventRecord, VerdictOutcome, VerdictRecord};
use super::shared::Shared;
use super::starting::Parent;
use super::storage;
use crate::events::registry::ImageEvent;
use crate::events::{Delivery, Event, Interpreted, interpret};
use crate::matching::{Occasion, RunTrigger, Verdict};

/// Runs of one event that are started at the same time.
const AT_ONCE: usize = 16;

/// A verdict, and for those that match what the run carries.
struct Judged {
    event: usize,
    verdict: Verdict,
    run: Option<RunTrigger>,
}

impl Shared {
    /// Matches an event, starts its runs, and marks it done. A repetition finds the runs that were started before.
    ///
    /// Errors: the store or the engine stops; the event stays as it is.
    pub(super) async fn process(
        &self,
        mut record: EventRecord,
    ) -> Result<EventRecord, EngineError> {
        let mut parent = None;
        let judged = match &record.cause {
            Cause::Delivery(delivery) => {
                self.judge_delivery(delivery, &record.id, &mut record.summaries)
            }
            Cause::RunEnded {
                pipeline,
                execution,
                status,
            } => {
                record.summaries = vec![format!("run {execution} of {pipeline} ended")];
                let found = Parent::read(&self.engine, execution)?;
                let judged = self.judge_run_end(pipeline, *status, found.as_ref());
                parent = found;
                judged
            }
            Cause::Image(image) => self.judge_image(image, &record.id, &mut record.summaries),
            // A tick is done as soon as it is stored.
            Cause::Tick { .. } => Vec::new(),
        };
        let (matched, rejected): (Vec<Judged>, Vec<Judged>) =
            judged.into_iter().partition(|one| one.verdict.is_match());
        let starts = matched
            .into_iter()
            .map(|one| self.outcome_of(one, &record, parent.as_ref()));
        let started: Vec<VerdictRecord> = futures::stream::iter(starts)
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let rejections = rejected
            .iter()
            .filter_map(|one| VerdictRecord::rejection(one.event, &one.verdict));
        record.complete(started, rejections.collect());
        self.finish(&record).await?;
        Ok(record)
    }

    async fn finish(&self, record: &EventRecord) -> Result<(), StoreError> {
        self.engine.store().commit(storage::done(record)?).await
    }

    fn judge_delivery(
        &self,
        delivery: &Delivery,
        id: &str,
        summaries: &mut Vec<String>,
    ) -> Vec<Judged> {
        // It was read without an error before it was stored.
        let Ok(interpreted) = interpret(delivery, &self.options.templates) else {
            return Vec::new();
        };
        *summaries = interpreted
            .events
            .iter()
            .map(crate::events::Event::summary)
            .collect();
        let occasion = self.occasion(delivery);
        let events = interpreted.events.iter().enumerate();
        events
            .flat_map(|(number, event)| self.judge(number, event, id, &occasion))
            .collect()
    }

    /// The verdicts on a delivery that no trigger matches; `None` when one does.
    pub(super) fn rejections(
        &self,
        delivery: &Delivery,
        interpreted: &Interpreted,
    ) -> Option<Vec<VerdictRecord>> {
        let occasion = self.occasion(delivery);
        let index = self.index();
        let mut rejections = Vec::new();
        for (number, event) in interpreted.events.iter().enumerate() {
            for verdict in index.verdicts(event, &occasion) {
                rejections.push(VerdictRecord::rejection(number, &verdict)?);
            }
        }
        Some(rejections)
    }

    fn judge_image(
        &self,
        image: &ImageEvent,
        id: &str,
        summaries: &mut Vec<String>,
    ) -> Vec<Judged> {
        let event = Event::found(image.clone());
        *summaries = vec![event.summary()];
        self.judge(0, &event, id, &Occasion::internal())
    }

    fn judge(
        &self,
        number: usize,
        event: &Event,
        id: &str,
        occasion: &Occasion<'_>,
    ) -> Vec<Judged> {
        let event_id = match number {
            0 => id.to_owned(),
            _ => format!("{id}.{number}"),
        };
        let judged = |verdict: Verdict| Judged {
            event: number,
            run: verdict
                .is_match()
                .then(|| verdict.trigger.filled(event, &event_id)),
            verdict,
        };
        let verdicts = self.index().verdicts(event, occasion);
        verdicts.into_iter().map(judged).collect()
    }

    fn judge_run_end(
        &self,
        pipeline: &spindrift_model::PipelineId,
        status: spindrift_model::Status,
        parent: Option<&Parent>,
    ) -> Vec<Judged> {
        let verdicts = self.index().run_ended(pipeline, status);
        let judged = |verdict: Verdict| Judged {
            event: 0,
            run: parent
                .filter(|_| verdict.is_match())
                .map(|parent| parent.child(&verdict.trigger)),
            verdict,
        };
        verdicts.into_iter().map(judged).collect()
    }

    async fn outcome_of(
        &self,
        one: Judged,
        record: &EventRecord,
        parent: Option<&Parent>,
    ) -> Result<VerdictRecord, EngineError> {
        let trigger = &one.verdict.trigger;
        let user = one.run.as_ref().and_then(|run| run.run_as.as_deref());
        if let Some(reason) = self.forbidden(trigger, user)? {
            tracing::warn!(pipeline = %trigger.pipeline, trigger = %trigger.id, %reason, "a trigger matched, but may not start its pipeline");
            let outcome = VerdictOutcome::rejected(&reason);
            return Ok(VerdictRecord::new(one.event, &one.verdict, outcome));
        }
        let started = match one.run {
            Some(run) => {
                self.start_run(trigger, run, record.received_at, parent)
                    .await
            }
            None => Err(EngineError::Conflict(
                "the run whose end was to start it is gone".to_owned(),
            )),
        };
        let outcome = match started {
            Ok(execution) => VerdictOutcome::Started { execution },
            Err(error @ EngineError::Unavailable(_)) => return Err(error),
            Err(error) => {
                let message = error.to_string();
                tracing::warn!(pipeline = %trigger.pipeline, trigger = %trigger.id, message, "a trigger matched, but its run did not start");
                VerdictOutcome::Failed { message }
            }
        };
        Ok(VerdictRecord::new(one.event, &one.verdict, outcome))
    }
}
