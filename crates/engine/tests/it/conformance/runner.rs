//! Plays one case.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};
use spindrift_engine::EmptyEnvironment;
use spindrift_engine::{
    Caller, Deed, Event, Refusal, RunState, Start, check_graph, plan_execution,
};
use spindrift_model::{
    Authentication, ExecutionKind, Map, Millis, Pipeline, Problem, RefId, Stage, StageId, Status,
    Trigger,
};

use super::case::{Case, Expect, Step};
use crate::scripted::{self, Mode, duration, next_outcome, performed};
use crate::world::{Counter, Place, World};

/// When every case begins.
const START: Millis = 1_000_000;

/// Plays a case and checks what it expects; what is left can be looked at.
pub fn play(case: &Case, mode: Mode) -> World {
    let mut ids = Counter::default();
    let state = match plan(case, &mut ids) {
        Ok(state) => state,
        Err(problems) => {
            let codes: Vec<&str> = problems.iter().map(|problem| &*problem.code).collect();
            let refused = case.refused.as_deref().unwrap_or_default();
            assert_eq!(codes, refused, "{problems:?}");
            return World::new(RunState::default(), ids, scripted::registry(mode), START);
        }
    };
    assert_eq!(case.refused, None, "the pipeline was accepted");
    let mut player = Player {
        world: World::new(state, ids, scripted::registry(mode), START),
        answers: VecDeque::new(),
        last: None,
    };
    if !case.waits {
        player.happen(Event::Admitted).unwrap();
    }
    for (position, step) in case.steps.iter().enumerate() {
        player.step(step, position + 1);
    }
    player.check(&case.expect, "at the end");
    player.world
}

/// The pipeline of a case with the members that every pipeline needs.
pub fn document(case: &Case) -> Map {
    let mut document = case.pipeline.clone();
    for (key, value) in [("application", "conformance"), ("name", "a case")] {
        document.entry(key).or_insert_with(|| value.into());
    }
    for stage in document.get_mut("stages").unwrap().as_array_mut().unwrap() {
        let stage = stage.as_object_mut().unwrap();
        stage.entry("type").or_insert_with(|| "script".into());
    }
    document
}

pub fn graph_problems(case: &Case) -> Vec<String> {
    let (pipeline, _) = Pipeline::parse(Value::Object(document(case))).unwrap();
    let problems = check_graph(&pipeline);
    problems.iter().map(Problem::to_string).collect()
}

fn plan(case: &Case, ids: &mut Counter) -> Result<RunState, Vec<Problem>> {
    let (mut pipeline, _) = Pipeline::parse(Value::Object(document(case))).unwrap();
    let requisites: Vec<Vec<RefId>> = pipeline
        .stages
        .iter_mut()
        .filter(|_| case.foreign)
        .map(|stage| std::mem::take(&mut stage.requisites))
        .collect();
    let start = Start {
        id: "01J".into(),
        root: None,
        trigger: Trigger::new(case.trigger.clone()),
        authentication: Authentication::default(),
        origin: None,
        kind: ExecutionKind::Pipeline,
        now: START,
    };
    let mut state = plan_execution(&pipeline, start, ids, &EmptyEnvironment)?;
    for (stage, requisites) in state.execution.stages.iter_mut().zip(requisites) {
        stage.requisite_stage_ref_ids = requisites;
    }
    Ok(state)
}

struct Player {
    world: World,
    answers: VecDeque<Event>,
    last: Option<Event>,
}

impl Player {
    /// Lets an event happen, and then everything that the world answers to it.
    fn happen(&mut self, event: Event) -> Result<(), Refusal> {
        self.last = Some(event.clone());
        self.deliver(event)?;
        while let Some(answer) = self.answers.pop_front() {
            self.deliver(answer)?;
        }
        Ok(())
    }

    fn deliver(&mut self, event: Event) -> Result<(), Refusal> {
        let decision = self.world.take(event)?;
        for effect in decision.effects {
            match effect {
                spindrift_engine::Effect::Perform { stage, task } => self.answer((stage, task)),
                spindrift_engine::Effect::Abandon { .. } => {}
                spindrift_engine::Effect::Keep(promise) if self.is_for_later(&promise.deed) => {}
                spindrift_engine::Effect::Keep(promise) => {
                    let kept = self.world.kept(&promise);
                    self.answers.push_back(kept);
                }
            }
        }
        Ok(())
    }

    /// Whether a page is one of those that are not there before the process has started again.
    fn is_for_later(&self, deed: &Deed) -> bool {
        let recovered = matches!(self.last, Some(Event::Recovered));
        matches!(deed, Deed::Fetch { url, .. } if url.contains("//later.") && !recovered)
    }

    fn answer(&mut self, place: Place) {
        let stage = self.world.run.stage(place.0).unwrap();
        let name = &stage.tasks[usize::from(place.1)].name;
        let outcome = next_outcome(stage, name);
        if outcome.as_str() != Some("busy") {
            let result = self.world.result(place);
            let done = self.world.done(place, result);
            self.answers.push_back(done);
        }
    }

    fn step(&mut self, step: &Step, number: usize) {
        let event = self.event(step);
        let result = match (&step.advance, event) {
            (Some(time), None) => {
                self.advance(duration(time));
                Ok(())
            }
            (None, Some(event)) => self.happen(event),
            (None, None) => Ok(()),
            (Some(_), Some(_)) => panic!("step {number} is two things"),
        };
        let refused = result.err().map(|refusal| match refusal {
            Refusal::UnknownStage { .. } => "unknown stage",
            Refusal::Conflict(_) => "conflict",
            Refusal::Forbidden(_) => "forbidden",
            Refusal::Invalid(_) => "invalid",
        });
        assert_eq!(refused, step.refused.as_deref(), "step {number}");
        if let Some(expect) = &step.expect {
            self.check(expect, &format!("at step {number}"));
        }
    }

    fn event(&mut self, step: &Step) -> Option<Event> {
        let mut events = Vec::new();
        events.extend(step.admit.map(|_| Event::Admitted));
        events.extend(step.tick.map(|_| Event::Tick));
        events.extend(step.recover.map(|_| Event::Recovered));
        events.extend(step.again.map(|_| self.last.clone().unwrap()));
        let reason = step.supersede.clone();
        events.extend(reason.map(|reason| Event::Superseded { reason }));
        events.extend(step.cancel.clone().map(|cancel| Event::Cancel {
            by: cancel.by,
            reason: cancel.reason,
        }));
        let pause = step.pause.clone();
        events.extend(pause.map(|pause| Event::Pause { by: pause.by }));
        let resume = step.resume.clone();
        events.extend(resume.map(|resume| Event::Resume { by: resume.by }));
        events.extend(step.signal.as_deref().map(|stage| Event::Signal {
            stage: self.id(stage),
        }));
        events.extend(step.patch.clone().map(|patch| Event::PatchStage {
            stage: self.id(&patch.stage),
            patch: patch.set,
            caller: Caller::named(patch.by),
        }));
        events.extend(step.restart.clone().map(|restart| Event::RestartStage {
            stage: self.id(&restart.stage),
            by: restart.by,
            pipeline: restart.pipeline.map(Box::new),
            admitted: restart.admitted,
            look_again: restart.look_again,
        }));
        events.extend(step.done.as_ref().map(|done| {
            let stage = self.stage(&done.stage);
            let mut tasks = stage.tasks.iter();
            let task = tasks.position(|task| task.name == done.task).unwrap();
            Event::TaskDone {
                stage: stage.serial,
                task: u16::try_from(task).unwrap(),
                attempt: done.attempt.unwrap_or(stage.tasks[task].attempt),
                result: Box::new(spindrift_engine::TaskResult::new(scripted::outcome(
                    &done.outcome,
                ))),
            }
        }));
        assert!(events.len() < 2, "a step is one event: {step:?}");
        events.pop()
    }

    fn id(&self, stage: &str) -> StageId {
        match self.world.named(stage) {
            Some(stage) => stage.id.clone(),
            None => StageId::from(stage),
        }
    }

    fn stage(&self, name: &str) -> &Stage {
        self.world
            .named(name)
            .unwrap_or_else(|| panic!("there is no stage {name}"))
    }

    /// Lets time pass; whatever is due on the way happens at its time.
    fn advance(&mut self, time: Millis) {
        let target = self.world.now + time;
        while let Some(wake) = self.world.next_wake().filter(|wake| *wake <= target) {
            self.world.now = wake.max(self.world.now);
            self.happen(Event::Tick).unwrap();
            let due = self.world.next_wake().is_some_and(|next| next <= wake);
            assert!(!due, "the wake-up at {wake} changed nothing");
        }
        self.world.now = target;
    }

    fn check(&self, expect: &Expect, when: &str) {
        let execution = self.world.run.execution();
        let same = |found: Value, expected: Value, what: &str| {
            assert_eq!(found, expected, "{what} {when}");
        };
        if let Some(status) = expect.execution {
            same(json!(execution.status), json!(status), "the execution");
        }
        if let Some(canceled) = expect.canceled {
            same(execution.canceled.into(), canceled.into(), "canceled");
        }
        if expect.canceled_by.is_some() {
            let by = json!(execution.canceled_by);
            same(by, json!(expect.canceled_by), "canceledBy");
        }
        if expect.reason.is_some() {
            let reason = json!(execution.cancellation_reason);
            same(reason, json!(expect.reason), "the reason");
        }
        if let Some(expected) = &expect.stages {
            let found: BTreeMap<String, Status> = execution
                .stages
                .iter()
                .map(|stage| (stage.ref_id.to_string(), stage.status))
                .collect();
            same(json!(found), json!(expected), "the stages");
        }
        if let Some(waiting) = expect.waiting {
            let found = self.world.run.ledger().waiting.is_some();
            same(found.into(), waiting.into(), "waiting");
        }
        self.check_stages(expect, when);
        self.check_world(expect, when);
    }

    fn check_stages(&self, expect: &Expect, when: &str) {
        for (name, expected) in &expect.tasks {
            let tasks = &self.stage(name).tasks;
            let found: Vec<Status> = tasks.iter().map(|task| task.status).collect();
            assert_eq!(found, *expected, "the tasks of {name} {when}");
        }
        for (name, expected) in &expect.performed {
            let stage = self.stage(name);
            let found: Vec<u32> = stage
                .tasks
                .iter()
                .map(|task| performed(stage, &task.name) as u32)
                .collect();
            assert_eq!(found, *expected, "the performances of {name} {when}");
        }
        for (name, expected) in &expect.context {
            for (key, value) in expected {
                let found = self.stage(name).context.get(key);
                assert_eq!(found, Some(value), "{key} in the context of {name} {when}");
            }
        }
        for (name, keys) in &expect.lacks {
            for key in keys {
                let found = self.stage(name).context.get(key);
                assert_eq!(found, None, "{key} in the context of {name} {when}");
            }
        }
        for (name, expected) in &expect.outputs {
            let found = &self.stage(name).outputs;
            assert_eq!(found, expected, "the outputs of {name} {when}");
        }
        for (name, expected) in &expect.requires {
            let found = json!(self.stage(name).requisite_stage_ref_ids);
            assert_eq!(found, json!(expected), "what {name} requires {when}");
        }
        for (name, expected) in &expect.exceptions {
            let exception = &self.stage(name).context["exception"];
            let found = exception["details"]["errors"].to_string();
            assert!(
                found.contains(expected),
                "the exception of {name} {when}: {found}"
            );
        }
    }

    fn check_world(&self, expect: &Expect, when: &str) {
        if let Some(expected) = &expect.wakes {
            let found = self.world.next_wake().map(|at| at - START);
            let expected = (expected.0 != "never").then(|| duration(&expected.0));
            assert_eq!(found, expected, "the next wake-up {when}");
        }
        if let Some(expected) = &expect.promised {
            let found: Vec<Value> = self
                .world
                .deeds
                .iter()
                .map(|deed| self.describe(deed))
                .collect();
            assert_eq!(found, *expected, "what was promised {when}");
        }
        if let Some(expected) = &expect.in_flight {
            let found: Vec<String> = self
                .world
                .in_flight
                .iter()
                .map(|(serial, task)| {
                    let stage = self.world.run.stage(*serial).unwrap();
                    let task = &stage.tasks[usize::from(*task)];
                    format!("{} {}", stage.ref_id, task.name)
                })
                .collect();
            assert_eq!(found, *expected, "what is under way {when}");
        }
    }

    fn describe(&self, deed: &Deed) -> Value {
        match deed {
            Deed::CancelTask { stage, .. } => {
                let stage = self.world.run.stage(*stage).unwrap();
                json!({"undo": stage.ref_id})
            }
            Deed::CancelFormer { former, .. } => json!({"undoFormer": former.ref_id}),
            Deed::TellParent { execution, stage } => {
                json!({"tellParent": {"execution": execution, "stage": stage}})
            }
            Deed::RestartParent {
                execution,
                stage,
                by,
            } => {
                json!({"restartParent": {"execution": execution, "stage": stage, "by": by}})
            }
            Deed::Fetch { url, .. } => json!({"fetch": url}),
        }
    }
}
