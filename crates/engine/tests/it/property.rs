//! The engine against the model, over random pipelines and whatever may happen to their runs.

use std::collections::{BTreeMap, HashSet};

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use spindrift_engine::EmptyEnvironment;
use spindrift_engine::{Caller, Effect, Event, RunState, Start, plan_execution};
use spindrift_model::{
    Authentication, ExecutionKind, Map, Millis, Pipeline, StageId, Status, Trigger,
};

use crate::model::Model;
use crate::plan::{Act, Answer, Node, acts, pipeline, stage};
use crate::scripted::{self, Mode};
use crate::world::{Counter, Place, Transition, World};

const START: Millis = 1_000_000;

/// How many random runs are tried; `SPINDRIFT_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("SPINDRIFT_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(400)
}

/// The same runs each time.
pub fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let seed = std::env::var("SPINDRIFT_SEED")
        .ok()
        .and_then(|text| text.parse::<u8>().ok())
        .unwrap_or(7);
    TestRunner::new_with_rng(
        config,
        TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]),
    )
}

#[test]
fn the_engine_does_what_the_model_does() {
    let raced = std::cell::Cell::new(0);
    let dropped = std::cell::Cell::new(0);
    let total = cases();
    runner(total)
        .run(&(pipeline(), acts()), |(nodes, acts)| {
            let played = play(&nodes, &acts);
            raced.set(raced.get() + u32::from(played.raced));
            dropped.set(dropped.get() + played.dropped);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let raced = raced.get();
    println!("{total} runs, {raced} of them compared only until two things raced");
    assert!(raced * 3 < total, "{raced} of {total} runs say little");
    let dropped = dropped.get();
    println!("{dropped} versions were superseded");
    assert!(dropped > 100, "only {dropped} versions were superseded");
}

/// What is left of a random run.
pub struct Played {
    pub raced: bool,
    pub dropped: usize,
    pub transitions: HashSet<Transition>,
    pub execution: Value,
}

/// Plays a run in both, and compares them after everything that happens; in the end the run is brought to its end.
pub fn play(nodes: &[Node], acts: &[Act]) -> Played {
    let (state, ids) = plan(nodes);
    let mut pair = Pair {
        world: World::new(state, ids, scripted::registry(Mode::World), START),
        model: Model::new(nodes),
        last: Event::Tick,
    };
    pair.act(Act::Admit);
    for act in acts {
        pair.act(*act);
    }
    pair.bring_to_end();
    Played {
        raced: pair.model.raced,
        dropped: pair.world.dropped,
        execution: serde_json::to_value(pair.world.run.execution()).unwrap(),
        transitions: pair.world.transitions,
    }
}

fn plan(nodes: &[Node]) -> (RunState, Counter) {
    let stages: Vec<Value> = nodes
        .iter()
        .enumerate()
        .map(|(position, node)| stage(position, node))
        .collect();
    let document = json!({"name": "random", "application": "random", "stages": stages});
    let (pipeline, _) = Pipeline::parse(document).unwrap();
    let start = Start {
        id: "01J".into(),
        root: None,
        trigger: Trigger::default(),
        authentication: Authentication::default(),
        origin: None,
        kind: ExecutionKind::Pipeline,
        now: START,
    };
    let mut ids = Counter::default();
    (
        plan_execution(&pipeline, start, &mut ids, &EmptyEnvironment).unwrap(),
        ids,
    )
}

struct Pair {
    world: World,
    model: Model,
    last: Event,
}

impl Pair {
    fn act(&mut self, act: Act) {
        let now = self.world.now;
        match act {
            Act::Finish(pick, answer) => {
                if let Some(place) = pick_from(self.world.in_flight.iter().copied(), pick) {
                    self.finish(place, answer);
                }
            }
            Act::Late(pick, answer) => self.late(pick, answer),
            Act::Repeat => {
                let repeatable = matches!(
                    self.last,
                    Event::TaskDone { .. } | Event::Kept { .. } | Event::Admitted | Event::Tick
                );
                if repeatable && !self.changes_when_repeated() {
                    self.take(self.last.clone());
                }
            }
            Act::Signal(pick) => {
                if let Some((name, id)) = self.pick_stage(pick) {
                    self.with_model(|model, now| {
                        model.signal(&name, now);
                        true
                    });
                    self.take(Event::Signal { stage: id });
                }
            }
            Act::Advance(time) => self.advance(time),
            Act::Tick => {
                self.model.tick(now);
                self.take(Event::Tick);
            }
            Act::Cancel => {
                let expected = self.model.cancel().is_ok();
                self.command(
                    Event::Cancel {
                        by: "ann".into(),
                        reason: None,
                    },
                    expected,
                );
            }
            Act::Pause => {
                let expected = self.model.pause(now).is_ok();
                self.command(Event::Pause { by: "ann".into() }, expected);
            }
            Act::Resume => {
                let expected = self.model.resume(now).is_ok();
                self.command(Event::Resume { by: "ann".into() }, expected);
            }
            Act::Restart { pick, admitted } => self.restart(pick, admitted),
            Act::Skip(pick) => self.skip(pick),
            Act::Admit => {
                self.model.admit(now);
                self.take(Event::Admitted);
            }
            Act::Supersede => {
                self.model.supersede();
                self.take(Event::Superseded {
                    reason: "a newer one".into(),
                });
            }
            Act::Recover => self.take(Event::Recovered),
            Act::Keep(pick) => {
                let promises = self.world.promises.clone();
                if let Some(promise) = pick_from(promises.into_iter(), pick) {
                    let kept = self.world.kept(&promise);
                    self.take(kept);
                }
            }
        }
        self.compare(act);
    }

    /// Whether the last event is due once more: a tick may be, and an admission after a restart without a slot.
    fn changes_when_repeated(&self) -> bool {
        match self.last {
            Event::Admitted => self.world.status() == Status::NotStarted,
            Event::Tick => self
                .world
                .next_wake()
                .is_some_and(|wake| wake <= self.world.now),
            _ => false,
        }
    }

    fn take(&mut self, event: Event) {
        self.last = event.clone();
        self.world.take(event).expect("no command, no refusal");
    }

    fn command(&mut self, event: Event, expected: bool) {
        let taken = self.world.take(event.clone());
        if !self.model.raced {
            assert_eq!(taken.is_ok(), expected, "{event:?}: {taken:?}");
        }
    }

    fn finish(&mut self, place: Place, answer: Answer) {
        let name = self.name(place);
        let task = usize::from(place.1);
        if !self.model.raced {
            self.model.finish(&name, task, answer, self.world.now);
        }
        let event = self.world.done(place, answer.result());
        self.take(event);
    }

    /// A result of a performance that is over.
    fn late(&mut self, pick: u8, answer: Answer) {
        let places: Vec<(Place, u32)> = self
            .world
            .stages()
            .flat_map(|stage| {
                (0_u16..)
                    .zip(&stage.tasks)
                    .map(|(at, task)| ((stage.serial, at), task.attempt))
            })
            .collect();
        let Some((place, attempt)) = pick_from(places.into_iter(), pick) else {
            return;
        };
        let late = if self.world.in_flight.contains(&place) {
            attempt.saturating_sub(1)
        } else {
            attempt
        };
        self.take(Event::TaskDone {
            stage: place.0,
            task: place.1,
            attempt: late,
            result: Box::new(answer.result()),
        });
    }

    fn advance(&mut self, time: Millis) {
        let target = self.world.now + time;
        while let Some(wake) = self.world.next_wake().filter(|wake| *wake <= target) {
            self.world.now = wake.max(self.world.now);
            self.model.tick(self.world.now);
            self.take(Event::Tick);
            let due = self
                .world
                .next_wake()
                .is_some_and(|next| next <= self.world.now);
            assert!(!due, "a wake-up changed nothing");
        }
        self.world.now = target;
    }

    fn restart(&mut self, pick: u8, admitted: bool) {
        let Some((name, stage)) = self.pick_stage(pick) else {
            return;
        };
        let expected = self.with_model(|model, now| model.restart(&name, admitted, now).is_ok());
        self.command(
            Event::RestartStage {
                stage,
                by: "ann".into(),
                pipeline: None,
                admitted,
                look_again: false,
            },
            expected,
        );
    }

    fn skip(&mut self, pick: u8) {
        let Some((name, stage)) = self.pick_stage(pick) else {
            return;
        };
        let expected = self.with_model(|model, now| model.skip(&name, now).is_ok());
        let patch: Map = [("manualSkip".to_owned(), Value::Bool(true))]
            .into_iter()
            .collect();
        self.command(
            Event::PatchStage {
                stage,
                patch,
                caller: Caller::named("ann"),
            },
            expected,
        );
    }

    /// Asks the model, unless it no longer follows.
    fn with_model(&mut self, ask: impl FnOnce(&mut Model, Millis) -> bool) -> bool {
        !self.model.raced && ask(&mut self.model, self.world.now)
    }

    fn pick_stage(&self, pick: u8) -> Option<(String, StageId)> {
        let stages: Vec<(String, StageId)> = self
            .world
            .stages()
            .map(|stage| (stage.ref_id.to_string(), stage.id.clone()))
            .collect();
        pick_from(stages.into_iter(), pick)
    }

    fn name(&self, place: Place) -> String {
        self.world.run.stage(place.0).unwrap().ref_id.to_string()
    }

    fn compare(&self, act: Act) {
        if self.model.raced {
            return;
        }
        let found: BTreeMap<String, Status> = self
            .world
            .stages()
            .map(|stage| (stage.ref_id.to_string(), stage.status))
            .collect();
        assert_eq!(found, self.model.statuses(), "the stages after {act:?}");
        assert_eq!(
            self.world.status(),
            self.model.status,
            "the run after {act:?}"
        );
    }

    /// Whatever has happened, a run can be brought to its end.
    fn bring_to_end(&mut self) {
        for _ in 0..2_000 {
            let status = self.world.status();
            if status.is_complete() {
                return;
            }
            let asleep = self.world.stages().position(|stage| {
                let mut tasks = stage.tasks.iter();
                tasks.any(|task| task.status == Status::Running && task.wait.is_some())
            });
            if status == Status::NotStarted {
                self.act(Act::Admit);
            } else if !self.world.in_flight.is_empty() {
                self.act(Act::Finish(0, Answer::Succeeded));
            } else if status == Status::Paused {
                self.act(Act::Resume);
            } else if let Some(wake) = self.world.next_wake() {
                self.act(Act::Advance((wake - self.world.now).max(1)));
            } else if let Some(position) = asleep {
                self.act(Act::Signal(u8::try_from(position).unwrap()));
            } else {
                panic!("nothing can bring the run to its end");
            }
        }
        panic!("the run does not end");
    }
}

fn pick_from<T>(items: impl Iterator<Item = T>, pick: u8) -> Option<T> {
    let mut items: Vec<T> = items.collect();
    (!items.is_empty()).then(|| items.swap_remove(usize::from(pick) % items.len()))
}

#[test]
fn a_wide_run_asks_for_each_task_once() {
    let world = |stages: usize| {
        let nodes: Vec<Value> = (0..stages)
            .map(|at| json!({"refId": at.to_string(), "type": "world", "tasks": ["busy"]}))
            .collect();
        let document = json!({"name": "wide", "application": "wide", "stages": nodes});
        let (pipeline, _) = Pipeline::parse(document).unwrap();
        let start = Start {
            id: "01J".into(),
            root: None,
            trigger: Trigger::default(),
            authentication: Authentication::default(),
            origin: None,
            kind: ExecutionKind::Pipeline,
            now: START,
        };
        let mut ids = Counter::default();
        let state = plan_execution(&pipeline, start, &mut ids, &EmptyEnvironment).unwrap();
        World::new(state, ids, scripted::registry(Mode::World), START)
    };
    let mut world = world(50);
    let decision = world.take(Event::Admitted).unwrap();
    let asked = decision
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Perform { .. }));
    assert_eq!(asked.count(), 50);
}
