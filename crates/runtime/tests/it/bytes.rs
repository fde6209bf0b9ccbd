//! What a transition writes: at most 2 KiB besides what a stage has newly put out, whatever the run holds.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use serde_json::{Value, json};
use spindrift_model::{ExecutionId, Status};
use spindrift_runtime::Engine;
use spindrift_store::{SledStore, StoreOptions};
use tempfile::TempDir;

use crate::through::{Meter, metered};
use crate::world::{World, engine, manual, with_stages};

/// The rule, in bytes of the store's journal: keys, values and how they are framed.
const RULE: u64 = 2 * 1024;

struct Setup {
    engine: Engine,
    meter: Meter,
    _dir: TempDir,
}

fn setup() -> Setup {
    // Bytes are counted here; that they are durable is tested elsewhere, and takes its time.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let sled = SledStore::open(dir.path(), StoreOptions::default()).unwrap();
    let (store, meter) = metered(sled);
    let base = Arc::new(AtomicI64::new(1_000_000));
    let engine = engine(&Arc::new(store), &Arc::new(World::default()), &base, 7);
    Setup {
        engine,
        meter,
        _dir: dir,
    }
}

impl Setup {
    /// The bytes of each transition there was.
    fn transitions(&self) -> Vec<u64> {
        self.meter.lock().unwrap().clone()
    }
}

/// A chain of stages of that context.
fn chain(length: usize, stage: &Value) -> Value {
    let stages = (0..length).map(|position| {
        let before = position.checked_sub(1).map(|n| n.to_string());
        let mut stage = stage.clone();
        stage["refId"] = position.to_string().into();
        stage["requisiteStageRefIds"] = before.into_iter().collect();
        stage
    });
    stages.collect()
}

async fn run(setup: &Setup, stages: Value) -> ExecutionId {
    let pipeline = with_stages("long", stages);
    let mut notices = setup.engine.watch();
    let submitted = setup.engine.submit(manual(&pipeline)).await.unwrap();
    let status = loop {
        let notice = notices.recv().await.unwrap();
        if notice.has_ended() {
            break notice.status;
        }
    };
    assert_eq!(status, Status::Succeeded);
    submitted.execution.id.clone()
}

#[tokio::test]
async fn a_transition_writes_at_most_2_kib_whatever_the_run_holds() {
    let mut figures = Vec::new();
    for length in [20, 2_000] {
        let setup = setup();
        // 4 KiB that a stage is given and that it never changes, and a small output.
        let stage = json!({"type": "simulated", "script": "x".repeat(4 * 1024)});
        run(&setup, chain(length, &stage)).await;
        let transitions = setup.transitions();
        assert!(transitions.len() >= length, "{} commits", transitions.len());
        let most = transitions.iter().copied().max().unwrap();
        let mean = transitions.iter().sum::<u64>() / transitions.len() as u64;
        assert!(most <= RULE, "of {length} stages: {most} bytes");
        figures.push((most, mean));
        println!("{length} stages: at most {most} bytes, {mean} on average");
    }
    let [(_, small), (_, large)] = figures[..] else {
        unreachable!()
    };
    // Longer numbers take a few bytes more.
    assert!(
        large < small + 32,
        "{small} bytes in a small run, {large} in a large one"
    );
}

#[tokio::test]
async fn what_a_stage_puts_out_is_written_once() {
    let setup = setup();
    let output = 30_000;
    let stage = json!({"type": "simulated", "puts": output});
    run(&setup, chain(40, &stage)).await;
    for bytes in setup.transitions() {
        let besides = bytes % output;
        assert!(bytes < 2 * output && besides <= RULE, "{bytes} bytes");
    }
}

#[tokio::test]
async fn a_task_that_looks_again_and_again_leaves_as_many_rows_as_it_has_members() {
    let setup = setup();
    let rounds = 500;
    let stage = json!({"type": "simulated", "outcome": "look", "rounds": rounds});
    let id = run(&setup, chain(1, &stage)).await;
    let transitions = setup.transitions();
    assert!(transitions.len() >= 2 * rounds - 1, "{}", transitions.len());
    assert!(transitions.iter().all(|bytes| *bytes <= 1024));
    let rows = setup.engine.store().replay(&id).unwrap().unwrap();
    let rows = rows.trail.rows();
    assert!(rows < 12, "{rows} rows are left");
    let task = setup.engine.execution(&id).unwrap().stages[0].tasks[0].clone();
    assert_eq!(task.attempt as usize, rounds);
}
