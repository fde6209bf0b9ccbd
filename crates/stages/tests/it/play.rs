//! Whole runs: a pipeline as JSON, the engine's decisions, a clock that jumps to the next time at which something is due.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{
    Decision, Deed, Effect, EmptyEnvironment, Event, Ids, Launcher, Refusal, Registry, Run,
    Setting, Start, TaskRunner, decide, next_wake, plan_execution, task_input,
};
use spindrift_model::{
    Authentication, ExecutionKind, Millis, Pipeline, Serial, Stage, StageId, Trigger,
};

use crate::support::{Executions, map};

pub struct Play {
    pub run: Run,
    pub now: Millis,
    registry: Registry,
    launcher: Arc<dyn Launcher>,
    ids: Counter,
    /// The process dies after this task has been performed so often, once: what it did is done, what it said is lost.
    pub dies_after: Option<(&'static str, u32)>,
}

struct Counter(u32);

impl Ids for Counter {
    fn stage_id(&mut self) -> StageId {
        self.0 += 1;
        StageId::from(format!("s{}", self.0))
    }
}

impl Play {
    /// Plans a pipeline with these stages; nothing has run yet.
    pub fn new(registry: Registry, stages: Value, now: Millis) -> Self {
        let document =
            serde_json::json!({"application": "shop", "name": "release", "stages": stages});
        let (pipeline, _) = Pipeline::parse(document).unwrap();
        let mut ids = Counter(0);
        let start = Start {
            id: "run".into(),
            root: None,
            trigger: Trigger::default(),
            authentication: Authentication::default(),
            origin: None,
            kind: ExecutionKind::Pipeline,
            now,
        };
        let state = plan_execution(&pipeline, start, &mut ids, &EmptyEnvironment).unwrap();
        Self {
            run: Run::load(state),
            now,
            registry,
            launcher: Arc::new(Executions::default()),
            ids,
            dies_after: None,
        }
    }

    pub fn launcher(mut self, launcher: Arc<dyn Launcher>) -> Self {
        self.launcher = launcher;
        self
    }

    /// Lets something happen, and performs what follows from it until only time or a person can go on.
    pub async fn happen(&mut self, event: Event) -> Result<(), Refusal> {
        let mut effects = self.decide(event)?.effects;
        while let Some(effect) = effects.pop() {
            if let Some(mut event) = self.perform(effect).await {
                if self.dies(&event) {
                    event = Event::Recovered;
                    effects.clear();
                }
                effects.extend(self.decide(event)?.effects);
            }
        }
        Ok(())
    }

    fn dies(&mut self, event: &Event) -> bool {
        let Event::TaskDone {
            stage,
            task,
            attempt,
            ..
        } = event
        else {
            return false;
        };
        let task = &self.run.stage(*stage).unwrap().tasks[usize::from(*task)];
        let dies = self
            .dies_after
            .is_some_and(|(name, after)| name == task.name && after == *attempt);
        if dies {
            self.dies_after = None;
        }
        dies
    }

    /// Lets everything happen that time alone brings about.
    pub async fn finish(&mut self) {
        self.start().await;
        while self.pass().await {}
    }

    fn decide(&mut self, event: Event) -> Result<Decision, Refusal> {
        let mut setting = Setting {
            now: self.now,
            ids: &mut self.ids,
            stages: &self.registry,
            time_zone: "America/Los_Angeles",
            environment: &EmptyEnvironment,
        };
        decide(&mut self.run, event, &mut setting)
    }

    async fn perform(&self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Perform { stage, task } => {
                let (runner, attempt) = self.runner(stage, task);
                let input = self.input(stage, task);
                let result = Box::new(runner.run(input).await);
                Some(Event::TaskDone {
                    stage,
                    task,
                    attempt,
                    result,
                })
            }
            Effect::Keep(promise) => match promise.deed {
                Deed::CancelTask { stage, task } => {
                    let (runner, _) = self.runner(stage, task);
                    let result = match runner.cancel(self.input(stage, task)) {
                        Some(cancel) => Some(Box::new(cancel.await)),
                        None => None,
                    };
                    Some(Event::Kept {
                        number: promise.number,
                        result,
                    })
                }
                _ => None,
            },
            Effect::Abandon { .. } => None,
        }
    }

    fn runner(&self, stage: Serial, task: u16) -> (Arc<dyn spindrift_engine::EffectTask>, u32) {
        let stage = self.run.stage(stage).unwrap();
        let task = &stage.tasks[usize::from(task)];
        match self.registry.of(stage).unwrap().task(&task.name) {
            Some(TaskRunner::Effect(runner)) => (runner, task.attempt),
            _ => panic!("{} does not touch the world", task.name),
        }
    }

    fn input(&self, stage: Serial, task: u16) -> spindrift_engine::TaskInput {
        let (runner, _) = self.runner(stage, task);
        let launcher = Arc::clone(&self.launcher);
        task_input(&self.run, stage, task, &*runner, self.now, launcher).unwrap()
    }

    pub async fn start(&mut self) {
        self.happen(Event::Admitted).await.unwrap();
    }

    /// Jumps to the next time at which something is due. False: nothing is.
    pub async fn pass(&mut self) -> bool {
        match next_wake(&self.run, &self.registry) {
            Some(at) if !self.run.execution().status.is_complete() => {
                self.now = at.max(self.now);
                self.happen(Event::Tick).await.unwrap();
                true
            }
            Some(_) | None => false,
        }
    }

    pub async fn patch(&mut self, stage: &str, patch: Value, caller: &str) -> Result<(), Refusal> {
        let event = Event::PatchStage {
            stage: self.stage(stage).id.clone(),
            patch: map(patch),
            caller: spindrift_engine::Caller::named(caller),
        };
        self.happen(event).await
    }

    /// The stage of that name.
    pub fn stage(&self, name: &str) -> &Stage {
        let stages = &self.run.execution().stages;
        let found = stages.iter().find(|stage| stage.display_name() == name);
        found.unwrap_or_else(|| panic!("there is no stage {name}"))
    }

    /// Name and status of every stage, then the status of the run.
    pub fn shown(&self) -> String {
        let execution = self.run.execution();
        let stages = execution.stages.iter();
        let mut lines: Vec<String> = stages
            .map(|stage| format!("{} {}", stage.display_name(), stage.status))
            .collect();
        lines.push(format!("= {}", execution.status));
        lines.join(", ")
    }
}
