//! What a task that touches the world is given.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_engine::{
    BoxFuture, Deed, EffectTask, EmptyEnvironment, Event, Run, RunState, Start, TaskInput,
    TaskResult, plan_execution, task_input,
};
use spindrift_model::{
    Authentication, Execution, ExecutionKind, Map, Pipeline, Serial, Stage, SyntheticOwner, Task,
    Trigger,
};

use crate::scripted::{self, Mode};
use crate::world::{Counter, NoLauncher, World};

/// Reads artifacts and the image.
struct Reader;

impl EffectTask for Reader {
    fn run(self: Arc<Self>, _: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(std::future::ready(TaskResult::succeeded()))
    }

    fn reads(&self) -> &'static [&'static str] {
        &["artifacts", "image"]
    }
}

fn map(value: Value) -> Map {
    value.as_object().unwrap().clone()
}

fn stage(serial: u32, requires: &[u32], outputs: Value) -> Stage {
    Stage {
        id: format!("s{serial}").into(),
        ref_id: serial.to_string().into(),
        requisite_stage_ref_ids: requires.iter().map(|n| n.to_string().into()).collect(),
        serial: Serial(serial),
        outputs: map(outputs),
        tasks: vec![Task::default()],
        ..Stage::default()
    }
}

fn named(names: &[&str]) -> Value {
    let artifacts = names.iter().map(|name| json!({"name": name}));
    json!({"artifacts": artifacts.collect::<Vec<_>>()})
}

fn read(stages: Vec<Stage>, serial: u32) -> TaskInput {
    let execution = Execution {
        id: "01J".into(),
        trigger: Trigger::new(map(named(&["trigger"]))),
        stages,
        ..Execution::default()
    };
    let run = Run::load(RunState {
        execution,
        ..RunState::default()
    });
    let launcher = Arc::new(NoLauncher);
    task_input(&run, Serial(serial), 0, &Reader, 0, launcher).unwrap()
}

fn names(input: &TaskInput) -> String {
    let names = input
        .artifacts()
        .filter_map(|artifact| artifact["name"].as_str());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn artifacts_of_all_stages_before_are_in_sight_nearest_first_and_of_other_members_the_nearest() {
    let far = json!({"artifacts": [{"name": "far"}, {"name": "near"}], "image": "far"});
    let near = json!({"artifacts": [{"name": "near"}], "image": "near"});
    let mut own = stage(3, &["1", "2"].map(|n| n.parse().unwrap()), json!({}));
    own.context = map(named(&["own"]));
    let stages = vec![
        stage(0, &[], far),
        stage(1, &[0], json!({"artifacts": "no list"})),
        stage(2, &[0], near),
        own,
        stage(4, &[3], named(&["behind"])),
    ];
    let input = read(stages.clone(), 3);
    assert_eq!(names(&input), "own near far near trigger");
    assert_eq!(input.inherited["image"], "near");
    assert_eq!(names(&read(stages, 0)), "far near trigger");
}

#[test]
fn artifacts_of_the_stages_around_a_synthetic_one_are_in_sight() {
    let inside = |serial, owner, outputs| Stage {
        parent: Some(Serial(1)),
        synthetic_stage_owner: Some(owner),
        ..stage(serial, &[], outputs)
    };
    let stages = vec![
        stage(0, &[], named(&["requisite"])),
        stage(1, &[0], json!({})),
        inside(2, SyntheticOwner::StageBefore, named(&["before"])),
        inside(3, SyntheticOwner::StageAfter, json!({})),
    ];
    assert_eq!(names(&read(stages, 3)), "before requisite trigger");
    let nothing = read(vec![stage(0, &[], json!({}))], 0);
    assert_eq!(names(&nothing), "trigger");
    assert_eq!(nothing.inherited, Map::new());
}

fn planned(stages: Value) -> World {
    let document = json!({"name": "p", "application": "a", "stages": stages});
    let (pipeline, _) = Pipeline::parse(document).unwrap();
    let start = Start {
        id: "01J".into(),
        root: None,
        trigger: Trigger::default(),
        authentication: Authentication::default(),
        origin: None,
        kind: ExecutionKind::Pipeline,
        now: 1_000_000,
    };
    let mut ids = Counter::default();
    let state = plan_execution(&pipeline, start, &mut ids, &EmptyEnvironment).unwrap();
    World::new(state, ids, scripted::registry(Mode::World), 1_000_000)
}

#[test]
fn what_is_still_to_be_undone_when_its_stage_is_restarted_is_found_by_the_stage_as_it_was() {
    let stages =
        json!([{"refId": "1", "type": "script", "tasks": ["busy"], "undo": true, "jobId": "7"}]);
    let mut world = planned(stages);
    world.take(Event::Admitted).unwrap();
    let cancel = Event::Cancel {
        by: "ann".into(),
        reason: None,
    };
    world.take(cancel).unwrap();
    let before = world.run.ledger().promises.clone();
    let [promise] = &before[..] else {
        panic!("{before:?}");
    };
    assert!(matches!(promise.deed, Deed::CancelTask { .. }));
    let was = world.run.execution().stages[0].clone();
    let restart = Event::RestartStage {
        stage: was.id.clone(),
        by: "ann".into(),
        pipeline: None,
        admitted: true,
        look_again: false,
    };
    world.take(restart).unwrap();
    let [former] = &world.run.ledger().promises[..] else {
        panic!("{:?}", world.run.ledger().promises);
    };
    assert_eq!(former.number, promise.number);
    let expected = Deed::CancelFormer {
        former: Box::new(was),
        task: 0,
        execution_start: Some(1_000_000),
    };
    assert_eq!(former.deed, expected);
    // What comes of it is about the past.
    let result = TaskResult::succeeded().with_context("undone", true);
    let kept = Event::Kept {
        number: promise.number,
        result: Some(Box::new(result)),
    };
    world.take(kept).unwrap();
    assert_eq!(world.run.ledger().promises, []);
    assert!(
        !world.run.execution().stages[0]
            .context
            .contains_key("undone")
    );
}
