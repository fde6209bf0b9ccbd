//! Large pipelines: the work grows as the pipeline does, and no stack ends. Work is counted, never timed.

use std::collections::VecDeque;

use serde_json::{Value, json};
use spindrift_engine::{
    Change, Effect, EmptyEnvironment, Event, Ids, Registry, Run, RunState, Setting, Start,
    TaskResult, check_graph, decide, plan_execution,
};
use spindrift_model::{Authentication, ExecutionKind, Pipeline, StageId, Status, Trigger};

use crate::scripted::{self, Mode};
use crate::world::Counter;

/// Stages one behind the other.
fn chain(length: usize) -> Vec<Value> {
    (0..length)
        .map(|at| {
            let requires: Vec<String> = at.checked_sub(1).iter().map(usize::to_string).collect();
            json!({"refId": at.to_string(), "requisiteStageRefIds": requires})
        })
        .collect()
}

/// One stage, that many side by side behind it, and one that joins them.
fn fan(width: usize) -> Vec<Value> {
    let middle: Vec<String> = (1..=width).map(|at| at.to_string()).collect();
    let mut stages = vec![json!({"refId": "0", "requisiteStageRefIds": []})];
    stages.extend(
        middle
            .iter()
            .map(|at| json!({"refId": at, "requisiteStageRefIds": ["0"]})),
    );
    stages.push(json!({"refId": "last", "requisiteStageRefIds": middle}));
    stages
}

/// One stage that many others stand before.
fn synthetic(width: usize) -> Vec<Value> {
    let before: Vec<Value> = (0..width).map(|_| json!({"tasks": ["S"]})).collect();
    vec![json!({"refId": "0", "requisiteStageRefIds": [], "before": before})]
}

fn state(mut stages: Vec<Value>, task: &str, extra: &[(&str, Value)]) -> (Pipeline, RunState) {
    for stage in &mut stages {
        stage["type"] = "script".into();
        stage["tasks"] = json!([task]);
        for (key, value) in extra {
            stage[*key] = value.clone();
        }
    }
    let document = json!({"name": "large", "application": "large", "stages": stages});
    let (pipeline, _) = Pipeline::parse(document).unwrap();
    let start = Start {
        id: "01J".into(),
        root: None,
        trigger: Trigger::default(),
        authentication: Authentication::default(),
        origin: None,
        kind: ExecutionKind::Pipeline,
        now: 0,
    };
    let state =
        plan_execution(&pipeline, start, &mut Counter::default(), &EmptyEnvironment).unwrap();
    (pipeline, state)
}

struct Large {
    run: Run,
    registry: Registry,
    ids: Late,
    changes: Vec<Change>,
    effects: usize,
}

/// Ids that no stage of the plan has.
struct Late(usize);

impl Ids for Late {
    fn stage_id(&mut self) -> StageId {
        self.0 += 1;
        StageId::from(format!("late{}", self.0))
    }
}

impl Large {
    fn new(state: RunState, mode: Mode) -> Self {
        Self {
            run: Run::load(state),
            registry: scripted::registry(mode),
            ids: Late(0),
            changes: Vec::new(),
            effects: 0,
        }
    }

    fn take(&mut self, event: Event) -> Vec<Effect> {
        let mut setting = Setting {
            now: 0,
            ids: &mut self.ids,
            stages: &self.registry,
            time_zone: "UTC",
            environment: &EmptyEnvironment,
        };
        let decision = decide(&mut self.run, event, &mut setting).unwrap();
        self.changes.extend(decision.changes);
        self.effects += decision.effects.len();
        decision.effects
    }

    /// Runs to the end, every task succeeding in the order in which it was asked for.
    fn finish(&mut self) {
        let mut effects = VecDeque::from(self.take(Event::Admitted));
        while let Some(effect) = effects.pop_front() {
            if let Effect::Perform { stage, task } = effect {
                let attempt = self.run.stage(stage).unwrap().tasks[usize::from(task)].attempt;
                effects.extend(self.take(Event::TaskDone {
                    stage,
                    task,
                    attempt,
                    result: Box::new(TaskResult::succeeded()),
                }));
            }
        }
        assert_eq!(self.run.execution().status, Status::Succeeded);
    }

    fn work(&self) -> usize {
        self.changes.len() + self.effects
    }
}

#[test]
fn the_work_of_a_run_grows_as_its_pipeline() {
    for (name, shape) in [("chain", chain as fn(usize) -> Vec<Value>), ("fan", fan)] {
        for mode in [Mode::Thought, Mode::World] {
            let work = |stages: usize| {
                let mut large = Large::new(state(shape(stages), "S", &[]).1, mode);
                large.finish();
                (large.run.execution().stages.len(), large.work())
            };
            let ((small_stages, small), (stages, large)) = (work(50), work(5_000));
            // What one run costs whatever its size cancels out.
            let per_stage = (large - small) as f64 / (stages - small_stages) as f64;
            let at_first = small as f64 / small_stages as f64;
            assert!(
                per_stage <= at_first,
                "{name}, {mode:?}: {per_stage} changes and effects for each stage of 5000, {at_first} of 50"
            );
        }
    }
}

#[test]
fn a_result_costs_what_it_changes_not_what_the_run_holds() {
    let result = |stages: usize| {
        let mut large = Large::new(state(fan(stages), "busy", &[]).1, Mode::World);
        let first = large.take(Event::Admitted);
        let Effect::Perform { stage, task } = first[0].clone() else {
            panic!("the first stage has a task");
        };
        let done = |stage, task| Event::TaskDone {
            stage,
            task,
            attempt: 1,
            result: Box::new(TaskResult::succeeded()),
        };
        let effects = large.take(done(stage, task));
        assert_eq!(effects.len(), stages);
        let Effect::Perform { stage, task } = effects[stages / 2].clone() else {
            panic!("each stage behind the first has a task");
        };
        let before = large.changes.len();
        large.take(done(stage, task));
        large.changes.len() - before
    };
    assert_eq!(result(10), result(5_000));
}

#[test]
fn ten_thousand_stages_end_no_stack() {
    for shape in [chain as fn(usize) -> Vec<Value>, fan] {
        let (pipeline, state) = state(shape(10_000), "S", &[]);
        assert_eq!(check_graph(&pipeline), Vec::new());
        let mut large = Large::new(state, Mode::Thought);
        large.finish();
        let again = Run::load(large.run.to_state());
        assert_eq!(again.to_state(), large.run.to_state());
    }
}

#[test]
fn ten_thousand_stages_can_be_canceled_stopped_and_restarted() {
    let (_, planned) = state(fan(10_000), "busy", &[]);
    let mut large = Large::new(planned, Mode::World);
    let first = large.take(Event::Admitted);
    assert_eq!(first.len(), 1);
    let root = large.run.execution().stages[0].clone();
    let done = Event::TaskDone {
        stage: root.serial,
        task: 0,
        attempt: 1,
        result: Box::new(TaskResult::succeeded()),
    };
    assert_eq!(large.take(done).len(), 10_000);
    let cancel = Event::Cancel {
        by: "ann".into(),
        reason: None,
    };
    assert_eq!(large.take(cancel).len(), 10_000);
    assert_eq!(large.run.execution().status, Status::Canceled);
    let restart = Event::RestartStage {
        stage: root.id,
        by: "ann".into(),
        pipeline: None,
        admitted: true,
        look_again: false,
    };
    assert_eq!(large.take(restart).len(), 1);
    assert_eq!(large.run.active().len(), 1);

    let stopped = [("failPipeline", Value::Bool(false))];
    let (_, planned) = state(chain(10_000), "T", &stopped);
    let mut large = Large::new(planned, Mode::Thought);
    large.take(Event::Admitted);
    assert_eq!(large.run.execution().status, Status::Succeeded);
    let last = large.run.execution().stages.last().unwrap().id.clone();
    let restart = Event::RestartStage {
        stage: last,
        by: "ann".into(),
        pipeline: None,
        admitted: true,
        look_again: false,
    };
    large.take(restart);
    assert_eq!(large.run.execution().status, Status::Succeeded);
}

#[test]
fn two_thousand_synthetic_stages_are_planned_and_removed() {
    let (_, state) = state(synthetic(2_000), "S", &[]);
    let mut large = Large::new(state, Mode::Thought);
    large.finish();
    let stages = &large.run.execution().stages;
    assert_eq!(stages.len(), 2_001);
    let restart = Event::RestartStage {
        stage: stages[0].id.clone(),
        by: "ann".into(),
        pipeline: None,
        admitted: true,
        look_again: false,
    };
    large.take(restart);
    assert_eq!(large.run.execution().status, Status::Succeeded);
    assert_eq!(large.run.execution().stages.len(), 2_001);
}
