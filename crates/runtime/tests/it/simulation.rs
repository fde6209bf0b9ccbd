//! Crashes at every point at which a crash can happen, and at random ones, replayable by seed.
//!
//! `SPINDRIFT_SEED=<n>` replays one random simulation, `SPINDRIFT_SIMULATIONS=<n>` runs more of them.

use std::collections::HashMap;

use serde_json::{Value, json};
use spindrift_engine::{Caller, Store};
use spindrift_model::{Execution, ExecutionId, Status};
use spindrift_runtime::{Engine, EngineError};

use crate::lives::Machine;
use crate::world::{Seeded, manual, with_stages};

/// What a client was told.
#[derive(Default)]
struct Acknowledged {
    started: Vec<ExecutionId>,
    approved: Vec<ExecutionId>,
    canceled: Vec<ExecutionId>,
    ended: HashMap<ExecutionId, Status>,
}

impl Acknowledged {
    /// Everything that was acknowledged is there, and what has ended stays ended.
    fn audit(&mut self, store: &dyn Store, seed: u64) {
        for id in &self.started {
            let run = read(store, id).unwrap_or_else(|| panic!("seed {seed}: run {id} is lost"));
            if let Some(status) = self.ended.get(id) {
                assert_eq!(
                    run.status, *status,
                    "seed {seed}: run {id} has left its end"
                );
            }
            if run.status.is_complete() {
                self.ended.insert(id.clone(), run.status);
            }
        }
        for id in &self.approved {
            let run = read(store, id).unwrap();
            let judged = judgment(&run)
                .is_some_and(|stage| stage.text("judgmentStatus") == Some("continue"));
            assert!(judged, "seed {seed}: the approval of {id} is lost");
        }
        for id in &self.canceled {
            assert!(
                read(store, id).unwrap().canceled,
                "seed {seed}: the cancellation of {id} is lost"
            );
        }
    }
}

fn read(store: &dyn Store, id: &ExecutionId) -> Option<Execution> {
    store.run(id).unwrap().map(|run| run.execution)
}

fn judgment(run: &Execution) -> Option<&spindrift_model::Stage> {
    run.stages
        .iter()
        .find(|stage| stage.kind == "manualJudgment")
}

async fn approve(engine: &Engine, id: &ExecutionId) -> Result<(), EngineError> {
    let run = engine.execution(id)?;
    let Some(stage) = judgment(&run) else {
        return Ok(());
    };
    let patch = json!({"judgmentStatus": "continue"})
        .as_object()
        .unwrap()
        .clone();
    engine
        .patch_stage(id, &stage.id, patch, Caller::named("tester"))
        .await
        .map(drop)
}

/// Lets every run come to its end, approving what asks for it; stops when the store does.
async fn finish(engine: &Engine, acknowledged: &mut Acknowledged) -> Result<(), EngineError> {
    let mut notices = engine.watch();
    for id in acknowledged.started.clone() {
        loop {
            let run = engine.execution(&id)?;
            if run.status.is_complete() {
                break;
            }
            let waits = judgment(&run).is_some_and(|stage| stage.status == Status::Running);
            if waits {
                approve(engine, &id).await?;
                acknowledged.approved.push(id.clone());
                continue;
            }
            tokio::select! {
                biased;
                _ = notices.recv() => {}
                // Nothing will be heard of a store that has stopped: look at it now and then, in virtual time.
                () = tokio::time::sleep(std::time::Duration::from_secs(3_600)) => {}
            }
            if let Some(reason) = engine.health().stopped {
                return Err(EngineError::Unavailable(reason));
            }
        }
    }
    Ok(())
}

fn release() -> Value {
    json!([
        {"refId": "1", "type": "simulated", "millis": 20},
        {"refId": "2", "type": "wait", "waitTime": 5, "requisiteStageRefIds": ["1"]},
        {"refId": "3", "type": "simulated", "millis": 5, "outcome": "retry", "requisiteStageRefIds": ["1"]},
        {"refId": "4", "type": "manualJudgment", "requisiteStageRefIds": ["2", "3"]},
        {"refId": "5", "type": "simulated", "outcome": "fail", "continuePipeline": true, "requisiteStageRefIds": ["4"]},
        {"refId": "6", "type": "pipeline", "application": "sim", "pipeline": "child", "requisiteStageRefIds": ["5"]},
    ])
}

async fn save_child(engine: &Engine) -> Result<(), EngineError> {
    let stages = json!([{"refId": "1", "type": "simulated", "millis": 10}]);
    let document = json!({"id": "child", "name": "child", "application": "sim", "stages": stages});
    let request = spindrift_runtime::SaveRequest {
        document,
        by: "tester".into(),
        stale_check: false,
    };
    engine.save_pipeline(request).await.map(drop)
}

/// What a run came to, without ids and times.
fn end_of(run: &Execution) -> Vec<(String, Status)> {
    let mut end: Vec<(String, Status)> = run
        .stages
        .iter()
        .map(|stage| (stage.ref_id.to_string(), stage.status))
        .collect();
    end.push(("execution".to_owned(), run.status));
    end
}

#[test]
fn a_crash_after_any_write_changes_nothing_about_the_end() {
    let undisturbed = crash_after(None);
    let mut crashes = 0;
    for write in 1.. {
        let (end, crashed) = crash_after(Some(write));
        assert_eq!(end, undisturbed.0, "after a crash behind write {write}");
        if !crashed {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 15, "only {crashes} writes to crash behind");
}

/// Runs a release with one crash; what it came to, and whether the crash happened.
fn crash_after(write: Option<u64>) -> (Vec<(String, Status)>, bool) {
    let mut machine = Machine::new(1);
    machine
        .live(|engine| async move { save_child(&engine).await })
        .unwrap();
    let mut acknowledged = Acknowledged::default();
    if let Some(write) = write {
        machine.store.crash_after(write);
    }
    let pipeline = with_stages("release", release());
    let first = machine.live(|engine| {
        let acknowledged = &mut acknowledged;
        let pipeline = &pipeline;
        async move {
            let id = engine.submit(manual(pipeline)).await?.execution.id.clone();
            acknowledged.started.push(id);
            finish(&engine, acknowledged).await
        }
    });
    acknowledged.audit(&*machine.store, 0);
    if acknowledged.started.is_empty() {
        // The crash came before the start was acknowledged: the client starts it again.
        machine.live(|engine| {
            let acknowledged = &mut acknowledged;
            let pipeline = &pipeline;
            async move {
                let id = engine
                    .submit(manual(pipeline))
                    .await
                    .unwrap()
                    .execution
                    .id
                    .clone();
                acknowledged.started.push(id);
            }
        });
    }
    machine
        .live(|engine| {
            let acknowledged = &mut acknowledged;
            async move { finish(&engine, acknowledged).await }
        })
        .unwrap();
    acknowledged.audit(&*machine.store, 0);
    let run = read(&*machine.store, &acknowledged.started[0]).unwrap();
    let repeated = machine.world.performed().into_values().max().unwrap_or(0);
    assert!(
        repeated <= 2,
        "an effect was performed {repeated} times, but there was one crash"
    );
    (end_of(&run), first.is_err())
}

#[test]
fn random_lives_lose_nothing_that_was_acknowledged() {
    let only = std::env::var("SPINDRIFT_SEED")
        .ok()
        .and_then(|seed| seed.parse::<u64>().ok());
    let count = std::env::var("SPINDRIFT_SIMULATIONS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(25);
    let seeds = only.map_or(0..count, |seed| seed..seed + 1);
    for seed in seeds {
        simulate(seed);
    }
}

fn simulate(seed: u64) {
    let chance = Seeded::new(seed ^ 0x5eed);
    let mut machine = Machine::new(seed);
    let mut acknowledged = Acknowledged::default();
    for _ in 0..4 {
        machine.store.crash_after(1 + chance.below(40));
        // A crash is what ends most lives; the error it causes is expected.
        let _ = machine.live(|engine| {
            let (acknowledged, chance) = (&mut acknowledged, &chance);
            async move {
                save_child(&engine).await?;
                for _ in 0..1 + chance.below(5) {
                    act(&engine, acknowledged, chance).await?;
                }
                finish(&engine, acknowledged).await
            }
        });
        acknowledged.audit(&*machine.store, seed);
    }
    let last = machine.live(|engine| {
        let acknowledged = &mut acknowledged;
        async move {
            save_child(&engine).await?;
            finish(&engine, acknowledged).await
        }
    });
    assert_eq!(last, Ok(()), "seed {seed}");
    acknowledged.audit(&*machine.store, seed);
    assert_eq!(
        acknowledged.ended.len(),
        acknowledged.started.len(),
        "seed {seed}: a run did not end"
    );
}

async fn act(
    engine: &Engine,
    acknowledged: &mut Acknowledged,
    chance: &Seeded,
) -> Result<(), EngineError> {
    tokio::time::sleep(std::time::Duration::from_millis(chance.below(3_000))).await;
    match chance.below(4) {
        0 if !acknowledged.started.is_empty() => {
            let pick = chance.below(acknowledged.started.len() as u64) as usize;
            let id = acknowledged.started[pick].clone();
            match engine.cancel(&id, "tester", None).await {
                Ok(_) => acknowledged.canceled.push(id),
                Err(EngineError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        _ => {
            let pipeline = with_stages("release", random_stages(chance));
            let id = engine.submit(manual(&pipeline)).await?.execution.id.clone();
            acknowledged.started.push(id);
        }
    }
    Ok(())
}

/// A few stages, each behind some of those before it.
fn random_stages(chance: &Seeded) -> Value {
    let count = 1 + chance.below(6);
    let stages: Vec<Value> = (0..count)
        .map(|position| {
            let before: Vec<String> = (0..position)
                .filter(|_| chance.below(3) == 0)
                .map(|n| n.to_string())
                .collect();
            let mut stage = match chance.below(6) {
                0 => json!({"type": "wait", "waitTime": chance.below(30)}),
                1 if position == 0 => json!({"type": "manualJudgment"}),
                2 => json!({"type": "pipeline", "application": "sim", "pipeline": "child"}),
                3 => json!({"type": "simulated", "outcome": "retry"}),
                4 => json!({"type": "simulated", "outcome": "fail", "continuePipeline": true}),
                _ => json!({"type": "simulated", "millis": chance.below(2_000)}),
            };
            stage["refId"] = position.to_string().into();
            stage["requisiteStageRefIds"] = json!(before);
            stage
        })
        .collect();
    Value::Array(stages)
}
