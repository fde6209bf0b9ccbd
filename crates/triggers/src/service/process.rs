//! From a stored event to its verdicts and runs.

use spindrift_engine::StoreError;
use spindrift_runtime::EngineError;

use super::record::{Cause, EventRecord, EventState, VerdictOutcome, VerdictRecord};
use super::shared::Shared;
use super::starting::Parent;
use super::storage;
use crate::events::{Delivery, interpret};
use crate::matching::{RunTrigger, Verdict};

/// Rejections that are kept of one event; more are counted.
const MAX_REJECTIONS: usize = 500;

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
            // A tick is done as soon as it is stored.
            Cause::Tick { .. } => Vec::new(),
        };
        let mut verdicts = Vec::with_capacity(judged.len());
        let mut rejections = 0;
        record.omitted = 0;
        for one in judged {
            let outcome = match (&one.verdict.outcome, one.run) {
                (Ok(()), Some(run)) => {
                    self.outcome_of(&one.verdict, run, &record, parent.as_ref())
                        .await?
                }
                (Ok(()), None) => VerdictOutcome::Failed {
                    message: "the run whose end was to start it is gone".to_owned(),
                },
                (Err(reason), _) => {
                    rejections += 1;
                    if rejections > MAX_REJECTIONS {
                        record.omitted += 1;
                        continue;
                    }
                    VerdictOutcome::Rejected {
                        code: reason.code().to_owned(),
                        message: reason.to_string(),
                    }
                }
            };
            verdicts.push(VerdictRecord::new(one.event, &one.verdict, outcome));
        }
        record.verdicts = verdicts;
        record.state = EventState::Done;
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
        let index = self.index();
        let mut judged = Vec::new();
        for (number, event) in interpreted.events.iter().enumerate() {
            let event_id = match number {
                0 => id.to_owned(),
                _ => format!("{id}.{number}"),
            };
            for verdict in index.verdicts(event, &occasion) {
                let run = verdict
                    .is_match()
                    .then(|| verdict.trigger.filled(event, &event_id));
                judged.push(Judged {
                    event: number,
                    verdict,
                    run,
                });
            }
        }
        judged
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
        verdict: &Verdict,
        run: RunTrigger,
        record: &EventRecord,
        parent: Option<&Parent>,
    ) -> Result<VerdictOutcome, EngineError> {
        match self
            .start_run(&verdict.trigger, run, record.received_at, parent)
            .await
        {
            Ok(execution) => Ok(VerdictOutcome::Started { execution }),
            Err(error @ EngineError::Unavailable(_)) => Err(error),
            Err(error) => {
                let message = error.to_string();
                let trigger = verdict.trigger.id.as_str();
                tracing::warn!(pipeline = %verdict.trigger.pipeline, trigger, message, "a trigger matched, but its run did not start");
                Ok(VerdictOutcome::Failed { message })
            }
        }
    }
}
