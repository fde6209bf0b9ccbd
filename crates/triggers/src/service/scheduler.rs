//! The task that keeps the schedules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use spindrift_engine::StoreError;
use spindrift_model::{Millis, PipelineId};
use spindrift_runtime::EngineError;

use super::record::{Cause, EventRecord, EventState, VerdictOutcome, VerdictRecord};
use super::shared::Shared;
use super::storage;
use crate::cron::due;
use crate::matching::{CronTrigger, Trigger, TriggerId, TriggerKind, Verdict};

/// The clock of the machine may jump while we sleep; so often we look at it again.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// When the store cannot be read or a start has to be made again.
const AGAIN: Duration = Duration::from_secs(1);

type Key = (PipelineId, TriggerId);

/// A schedule with its next time.
struct Kept {
    trigger: Arc<Trigger>,
    /// The last time that was dealt with.
    last: Millis,
    next: Option<Millis>,
}

#[derive(Default)]
struct Table {
    kept: BTreeMap<Key, Kept>,
    times: BTreeSet<(Millis, Key)>,
}

/// Runs schedules until the service stops.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut table = Table::default();
    loop {
        // Registered before the index is read, so that no change is missed.
        let changed = shared.schedules_changed.notified();
        let pause = match table.round(&shared) {
            Ok(next) => next.map_or(LONGEST_SLEEP, |time| until(time, shared.now())),
            Err(error) => {
                tracing::warn!(%error, "the schedules cannot be read; they are tried again");
                AGAIN
            }
        };
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            () = changed => {}
            () = tokio::time::sleep(pause.min(LONGEST_SLEEP)) => {}
        }
    }
}

fn until(time: Millis, now: Millis) -> Duration {
    Duration::from_millis(u64::try_from(time.saturating_sub(now)).unwrap_or(0))
}

impl Table {
    /// Runs what is due, takes over what was saved, and says when something is due next.
    fn round(&mut self, shared: &Arc<Shared>) -> Result<Option<Millis>, StoreError> {
        // First by the old plan: what was due before a save is not lost by it.
        self.run_due(shared);
        self.follow_index(shared)?;
        self.run_due(shared);
        Ok(self.times.first().map(|(time, _)| *time))
    }

    fn run_due(&mut self, shared: &Arc<Shared>) {
        let now = shared.now();
        while let Some((time, key)) = self.times.first().cloned() {
            if time > now {
                return;
            }
            self.times.pop_first();
            let Some(kept) = self.kept.get_mut(&key) else {
                continue;
            };
            let Some(cron) = cron_of(&kept.trigger) else {
                continue;
            };
            let due = due(&cron.schedule, kept.last, now, cron.missed);
            if let Some(from) = due.dropped_from {
                tracing::warn!(pipeline = %key.0, trigger = %key.1, from, "times of a schedule were missed for good");
            }
            kept.last = due.run.last().copied().unwrap_or(now).max(kept.last);
            if !due.run.is_empty() {
                let (shared, trigger) = (Arc::clone(shared), Arc::clone(&kept.trigger));
                let tracker = shared.tracker.clone();
                tracker.spawn(async move { shared.tick(&trigger, due.run).await });
            }
            kept.next = cron.schedule.next_after(kept.last.max(now));
            self.times.extend(kept.next.map(|next| (next, key)));
        }
    }

    fn follow_index(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let mut changed = shared.take_changed().into_iter();
        while let Some(pipeline) = changed.next() {
            if let Err(error) = self.follow(shared, &pipeline) {
                // Those that were not looked at are looked at again.
                shared.tell_keeper(&pipeline);
                changed.for_each(|pipeline| shared.tell_keeper(&pipeline));
                return Err(error);
            }
        }
        Ok(())
    }

    fn follow(&mut self, shared: &Shared, pipeline: &PipelineId) -> Result<(), StoreError> {
        let current: Vec<Arc<Trigger>> = {
            let index = shared.index();
            let on = |trigger: &&Arc<Trigger>| {
                trigger.enabled && !trigger.pipeline_disabled && cron_of(trigger).is_some()
            };
            index
                .of_pipeline(pipeline)
                .iter()
                .filter(on)
                .map(Arc::clone)
                .collect()
        };
        let mut kept = Vec::with_capacity(current.len());
        for trigger in current {
            let key = (pipeline.clone(), trigger.id.clone());
            let known = self
                .kept
                .get(&key)
                .filter(|known| same_times(&known.trigger, &trigger));
            let one = match known {
                Some(known) => Kept {
                    trigger,
                    last: known.last,
                    next: known.next,
                },
                None => begin(shared, trigger, &key)?,
            };
            kept.push((key, one));
        }
        let first = (pipeline.clone(), TriggerId::new(""));
        let old = self
            .kept
            .range(first..)
            .take_while(|(key, _)| key.0 == *pipeline);
        let old: Vec<Key> = old.map(|(key, _)| key.clone()).collect();
        for key in old {
            if let Some(Kept {
                next: Some(next), ..
            }) = self.kept.remove(&key)
            {
                self.times.remove(&(next, key));
            }
        }
        for (key, one) in kept {
            self.times.extend(one.next.map(|next| (next, key.clone())));
            self.kept.insert(key, one);
        }
        Ok(())
    }
}

/// A schedule that is new here begins at its last tick or when its pipeline was saved, whichever is later.
fn begin(shared: &Shared, trigger: Arc<Trigger>, key: &Key) -> Result<Kept, StoreError> {
    let saved_at = {
        let all = shared
            .saved_at
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        all.get(&key.0).copied()
    };
    let ticked = storage::last_tick(shared.engine.store(), &key.0, &key.1)?;
    let last = ticked.max(saved_at).unwrap_or_else(|| shared.now());
    let next = cron_of(&trigger).and_then(|cron| cron.schedule.next_after(last));
    Ok(Kept {
        trigger,
        last,
        next,
    })
}

fn cron_of(trigger: &Trigger) -> Option<&CronTrigger> {
    match &trigger.kind {
        TriggerKind::Cron(cron) => Some(cron),
        _ => None,
    }
}

fn same_times(one: &Trigger, other: &Trigger) -> bool {
    match (cron_of(one), cron_of(other)) {
        (Some(one), Some(other)) => {
            one.schedule.expression().source() == other.schedule.expression().source()
                && one.schedule.zone() == other.schedule.zone()
        }
        _ => false,
    }
}

impl Shared {
    /// Starts the runs of some times of a schedule, earliest first. What fails because the engine stops is left: the time
    /// was not dealt with, and the policy for missed runs decides at the next start.
    async fn tick(&self, trigger: &Arc<Trigger>, times: Vec<Millis>) {
        for time in times {
            if let Err(error) = self.tick_once(trigger, time).await {
                tracing::warn!(pipeline = %trigger.pipeline, trigger = %trigger.id, time, %error, "a scheduled run is left");
                return;
            }
        }
    }

    async fn tick_once(&self, trigger: &Arc<Trigger>, time: Millis) -> Result<(), EngineError> {
        let run = trigger.at_time(time);
        let event_name = format!("tick:{}:{}:{time}", trigger.pipeline, trigger.id);
        let cause = Cause::Tick {
            pipeline: trigger.pipeline.clone(),
            trigger: trigger.id.clone(),
            scheduled: time,
        };
        let mut record = EventRecord::new(storage::stable_id(time, &event_name), time, cause);
        let outcome = match self.forbidden(trigger, run.run_as.as_deref())? {
            Some(reason) => VerdictOutcome::rejected(&reason),
            None => match self.start_run(trigger, run, time, None).await {
                Ok(execution) => VerdictOutcome::Started { execution },
                Err(error @ EngineError::Unavailable(_)) => return Err(error),
                Err(error) => VerdictOutcome::Failed {
                    message: error.to_string(),
                },
            },
        };
        let verdict = Verdict {
            trigger: Arc::clone(trigger),
            outcome: Ok(()),
        };
        record.summaries = vec![format!("scheduled time of {}", trigger.pipeline)];
        record.verdicts = vec![VerdictRecord::new(0, &verdict, outcome)];
        record.state = EventState::Done;
        let mut writes = storage::done(&record)?;
        writes.push(storage::ticked(&trigger.pipeline, &trigger.id, time));
        self.engine.store().commit(writes).await?;
        Ok(())
    }
}
