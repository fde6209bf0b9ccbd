//! Who reads while others write sees each commit whole or not at all, wherever its rows are just then.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use spindrift_engine::{Change, ExecutionQuery, Scope, Store, Write};
use spindrift_model::{Serial, Status};
use spindrift_store::contract::{Draft, commit};

use crate::support::{Disturbance, OnSled, restless};

const RUNS: usize = 6;

/// Every commit writes the version it makes into an output of two stages, and moves the run to another state.
fn step(draft: &mut Draft) -> Write {
    let version = draft.version() + 1;
    let status = [Status::Running, Status::Paused][version as usize % 2];
    let output = |stage| Change::StageOutputs {
        stage: Serial(stage),
        set: json!({"version": version, "text": "z".repeat(700)})
            .as_object()
            .cloned()
            .unwrap(),
        unset: Vec::new(),
    };
    let changes = vec![
        output(0),
        output(2),
        Change::ExecutionStatus { status, at: 1 },
    ];
    draft.advance(changes, |row| row.status = status)
}

fn check(store: &dyn Store) -> u64 {
    let query = ExecutionQuery::newest(Scope::Application("shop".into()), 100);
    let listed = store.executions(&query).unwrap();
    let ids: BTreeSet<_> = listed.iter().map(|line| line.id.clone()).collect();
    assert_eq!((listed.len(), ids.len()), (RUNS, RUNS), "{listed:?}");
    let mut sum = 0;
    for id in ids {
        let execution = store.run(&id).unwrap().unwrap().execution;
        for stage in [0, 2] {
            let written = &execution.stages[stage].outputs["version"];
            assert_eq!(written.as_u64(), Some(execution.version), "{id}");
        }
        sum += execution.version;
    }
    sum
}

#[test]
fn readers_see_whole_commits_while_rows_move() {
    let subject = OnSled::new(restless(), Disturbance::None);
    let store = subject.sled();
    let mut drafts: Vec<Draft> = (0..RUNS)
        .map(|run| Draft::new(&format!("{run}"), "shop", Some("p"), run as i64))
        .collect();
    for draft in &mut drafts {
        commit(store, vec![draft.create(), step(draft)]).unwrap();
    }
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (mut last, mut reads) = (0, 0);
                    while !is_over.load(Ordering::Relaxed) {
                        let sum = check(store);
                        assert!(sum >= last, "time runs backwards");
                        (last, reads) = (sum, reads + 1);
                    }
                    reads
                })
            })
            .collect();
        for _ in 0..150 {
            let tickets: Vec<_> = drafts
                .iter_mut()
                .map(|draft| store.commit(vec![step(draft)]))
                .collect();
            for ticket in tickets {
                futures::executor::block_on(ticket).unwrap();
            }
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    let expected: u64 = drafts.iter().map(Draft::version).sum();
    assert_eq!(check(store), expected);
    assert!(store.statistics().moved_rows > 1000);
}
