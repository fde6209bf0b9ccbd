//! A parent that is ended while it starts a child leaves nobody behind, whatever comes between the two.

use std::time::Duration;

use serde_json::{Value, json};
use spindrift_engine::{ExecutionQuery, Scope, Store};
use spindrift_model::{Execution, ExecutionId, Pipeline, Status};
use spindrift_runtime::{Engine, EngineError, SaveRequest, StartRequest};
use spindrift_store::MemoryStore;

use crate::lives::Machine;
use crate::through::WRITE;
use crate::world::{manual, with_stages};

/// After how much time, and how many turns of other tasks then, something happens.
#[derive(Debug, Clone, Copy)]
struct Moment {
    millis: u64,
    turns: usize,
}

impl Moment {
    /// Every moment of a start, from the parent's first write to the child's last.
    fn all() -> impl Iterator<Item = Self> {
        let millis = u64::try_from(WRITE.as_millis()).unwrap();
        (0..4 * millis).flat_map(|millis| (0..12).map(move |turns| Self { millis, turns }))
    }

    async fn comes(self) {
        tokio::time::sleep(Duration::from_millis(self.millis)).await;
        for _ in 0..self.turns {
            tokio::task::yield_now().await;
        }
    }
}

/// A child that would run for ever.
async fn save_child(engine: &Engine) -> Result<(), EngineError> {
    let stages = json!([{"refId": "1", "type": "manualJudgment"}]);
    let document = json!({"id": "child", "name": "child", "application": "sim", "stages": stages});
    let request = SaveRequest {
        document,
        by: "tester".into(),
        stale_check: false,
    };
    engine.save_pipeline(request).await.map(drop)
}

fn parent(extra: Value) -> Pipeline {
    let mut stage =
        json!({"refId": "1", "type": "pipeline", "application": "sim", "pipeline": "child"});
    for (key, value) in extra.as_object().unwrap() {
        stage[key] = value.clone();
    }
    with_stages("parent", json!([stage]))
}

async fn start_parent(engine: &Engine, extra: Value) -> Result<ExecutionId, EngineError> {
    let submitted = engine.submit(manual(&parent(extra))).await?;
    Ok(submitted.execution.id.clone())
}

/// Lets everything happen that happens by itself.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(600)).await;
}

fn all(store: &MemoryStore) -> Vec<Execution> {
    let query = ExecutionQuery::newest(Scope::All, usize::MAX);
    let listed = store.executions(&query).unwrap();
    let read = |row: &spindrift_engine::Listed| store.run(&row.id).unwrap().unwrap().execution;
    listed.iter().map(read).collect()
}

fn children(store: &MemoryStore) -> Vec<Execution> {
    let mut all = all(store);
    all.retain(|run| run.name.as_deref() == Some("child"));
    all
}

#[test]
fn a_cancel_at_any_moment_of_a_start_leaves_no_child() {
    let mut seen = [0, 0];
    for moment in Moment::all() {
        let mut machine = Machine::new(3);
        machine.live_slowly(|engine| async move {
            save_child(&engine).await.unwrap();
            let id = ExecutionId::from("01PARENT");
            let request = StartRequest {
                id: Some(id.clone()),
                ..manual(&parent(json!({})))
            };
            let cancel = async {
                moment.comes().await;
                engine.cancel(&id, "tester", None).await
            };
            let (started, canceled) = tokio::join!(engine.submit(request), cancel);
            started.unwrap();
            if let Err(EngineError::UnknownExecution(_)) = canceled {
                engine.cancel(&id, "tester", None).await.unwrap();
            }
            settle().await;
        });
        let children = children(&machine.store);
        for child in &children {
            assert_eq!(child.status, Status::Canceled, "{moment:?}");
            assert_eq!(child.canceled_by.as_deref(), Some("parent pipeline"));
        }
        assert!(children.len() <= 1, "{moment:?}");
        seen[children.len()] += 1;
    }
    assert!(
        seen.iter().all(|count| *count > 20),
        "without a child, with one: {seen:?}"
    );
}

#[test]
fn a_stage_that_runs_out_of_time_in_its_start_leaves_no_child() {
    for limit in 1..20 {
        let mut machine = Machine::new(4);
        machine.live_slowly(|engine| async move {
            save_child(&engine).await.unwrap();
            let limit = json!({"stageTimeoutMs": limit});
            start_parent(&engine, limit).await.unwrap();
            settle().await;
        });
        for run in all(&machine.store) {
            assert!(
                run.status.is_complete(),
                "{limit}: {} is {}",
                run.id,
                run.status
            );
        }
    }
}

#[test]
fn a_restart_at_any_moment_has_a_child_of_its_own() {
    let mut former = 0;
    for moment in Moment::all() {
        let mut machine = Machine::new(5);
        let id = machine.live_slowly(|engine| async move {
            save_child(&engine).await.unwrap();
            let id = start_parent(&engine, json!({})).await.unwrap();
            moment.comes().await;
            let run = engine.cancel(&id, "tester", None).await.unwrap();
            let stage = &run.stages[0].id;
            engine.restart_stage(&id, stage, "tester").await.unwrap();
            settle().await;
            id
        });
        let parent = machine.store.run(&id).unwrap().unwrap().execution;
        assert_eq!(parent.status, Status::Running, "{moment:?}");
        let (living, ended): (Vec<_>, Vec<_>) = children(&machine.store)
            .into_iter()
            .partition(|child| !child.status.is_complete());
        let living: Vec<&str> = living.iter().map(|child| child.id.as_str()).collect();
        let known = parent.stages[0].text("executionId");
        assert_eq!(living, Vec::from_iter(known), "{moment:?}");
        assert!(known.is_some() && ended.len() <= 1, "{moment:?}");
        former += ended.len();

        machine.live_slowly(|engine| async move {
            engine.cancel(&id, "tester", None).await.unwrap();
            settle().await;
        });
        let children = children(&machine.store);
        assert!(
            children.iter().all(|child| child.status.is_complete()),
            "{moment:?}"
        );
    }
    assert!(former > 20, "only {former} restarts met an earlier child");
}

/// What one life of a parent came to before the crash.
#[derive(Default)]
struct Told {
    started: Option<ExecutionId>,
    canceled: bool,
}

#[test]
fn a_crash_after_any_write_of_it_leaves_no_child() {
    let mut crashes = 0;
    for moment in Moment::all().filter(|moment| moment.turns % 4 == 0) {
        for write in 1.. {
            let (machine, told) = crash(moment, write, false);
            let Some(id) = told.started else { continue };
            crashes += 1;
            for run in all(&machine.store) {
                assert!(
                    run.status.is_complete(),
                    "{moment:?}, crash behind write {write}: {:?} {} is {}, its parent {id}",
                    run.name,
                    run.id,
                    run.status
                );
            }
            if told.canceled {
                break;
            }
        }
    }
    assert!(crashes > 100, "{crashes} crashes");
}

#[test]
fn a_crash_after_any_write_of_a_restart_leaves_one_child() {
    for moment in Moment::all().filter(|moment| moment.turns % 6 == 0) {
        for write in 3..9 {
            let (machine, told) = crash(moment, write, true);
            let Some(id) = told.started else { continue };
            let parent = machine.store.run(&id).unwrap().unwrap().execution;
            let wanted = usize::from(!parent.status.is_complete());
            let children = children(&machine.store);
            let living = children.iter().filter(|child| !child.status.is_complete());
            assert_eq!(
                living.count(),
                wanted,
                "{moment:?}, crash behind write {write}: the parent is {}, {children:#?}",
                parent.status
            );
        }
    }
}

/// A parent is canceled, and perhaps restarted, in a life that ends behind some write; in the next life everything
/// comes to rest. A cancel that was not confirmed is repeated.
fn crash(moment: Moment, write: u64, restarts: bool) -> (Machine, Told) {
    let mut machine = Machine::new(6);
    machine.live(|engine| async move { save_child(&engine).await.unwrap() });
    machine.store.crash_after(write);
    let mut told = machine.live_slowly(|engine| async move {
        let mut told = Told::default();
        let Ok(id) = start_parent(&engine, json!({})).await else {
            return told;
        };
        told.started = Some(id.clone());
        moment.comes().await;
        if let Ok(run) = engine.cancel(&id, "tester", None).await {
            told.canceled = true;
            if restarts {
                let stage = &run.stages[0].id;
                // Whether it was restarted is read from the store afterwards.
                let _ = engine.restart_stage(&id, stage, "tester").await;
            }
        }
        told
    });
    let (id, canceled) = (told.started.clone(), told.canceled);
    told.canceled |= id.is_some();
    machine.live_slowly(|engine| async move {
        if let (Some(id), false) = (&id, canceled) {
            engine.cancel(id, "tester", None).await.unwrap();
        }
        settle().await;
    });
    told.canceled = canceled;
    (machine, told)
}

#[test]
fn a_start_whose_caller_goes_away_is_carried_through() {
    for turns in 0..12 {
        let mut machine = Machine::new(8);
        machine.live_slowly(|engine| async move {
            let held = json!([{"refId": "1", "type": "manualJudgment"}]);
            let one = json!({
                "id": "one", "name": "one", "application": "sim", "stages": held,
                "limitConcurrent": true, "keepWaitingPipelines": true,
            });
            let one = crate::world::pipeline(one);
            let mut start = Box::pin(engine.submit(manual(&one)));
            for _ in 0..turns {
                if futures::poll!(&mut start).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(start);
            settle().await;
            let runs = all_of(&engine);
            assert_eq!(runs.len(), usize::from(turns > 0), "after {turns} turns");
            // The slot belongs to that run, and is free again after it.
            for run in runs {
                engine.cancel(&run, "tester", None).await.unwrap();
            }
            let next = engine.submit(manual(&one)).await.unwrap();
            assert_eq!(next.execution.status, Status::Running);
        });
    }
}

fn all_of(engine: &Engine) -> Vec<ExecutionId> {
    let query = ExecutionQuery::newest(Scope::All, usize::MAX);
    let listed = engine.store().executions(&query).unwrap();
    listed.into_iter().map(|row| row.id).collect()
}

#[test]
fn an_engine_that_stops_leaves_its_promises_to_the_next() {
    let mut machine = Machine::new(9);
    let id = machine.live(|engine| async move {
        save_child(&engine).await.unwrap();
        let undone =
            json!([{"refId": "1", "type": "simulated", "millis": 3_600_000, "undoMillis": 50_000}]);
        let pipeline = with_stages("undone", undone);
        let id = engine
            .submit(manual(&pipeline))
            .await
            .unwrap()
            .execution
            .id
            .clone();
        engine.cancel(&id, "tester", None).await.unwrap();
        let begin = tokio::time::Instant::now();
        engine.stop().await;
        assert!(
            begin.elapsed() < Duration::from_secs(1),
            "{:?}",
            begin.elapsed()
        );
        id
    });
    let begun = machine.world.undone();
    assert_eq!(begun.values().copied().collect::<Vec<_>>(), [1]);
    machine.live(|_| settle());
    let again = machine.world.undone();
    assert_eq!(
        again.keys().collect::<Vec<_>>(),
        begun.keys().collect::<Vec<_>>()
    );
    assert_eq!(again.values().copied().collect::<Vec<_>>(), [2]);
    let ledger = machine.store.run(&id).unwrap().unwrap().ledger;
    assert_eq!(ledger.promises, []);
}
