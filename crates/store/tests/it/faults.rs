//! Disks that fail: the store stops, says so, and loses nothing it has acknowledged.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::executor::block_on;
use serde_json::json;
use spindrift_engine::{Change, Store, StoreError, Write};
use spindrift_model::Serial;
use spindrift_store::contract::{Draft, commit};
use spindrift_store::{Faults, FaultyDisk, SledStore, StoreOptions};
use tempfile::TempDir;

use crate::support::{open, options, restless};

fn faulty(dir: &Path, options: StoreOptions, faults: &Faults) -> SledStore {
    SledStore::open_with(dir, options, |disk| {
        Box::new(FaultyDisk::new(disk, faults.clone()))
    })
    .unwrap()
}

fn step(draft: &mut Draft, number: u64) -> Write {
    let change = Change::StageOutputs {
        stage: Serial(0),
        set: json!({"n": number, "text": "x".repeat(300)})
            .as_object()
            .cloned()
            .unwrap(),
        unset: Vec::new(),
    };
    draft.advance(vec![change], |row| {
        row.wake = Some(number as i64);
        row.busy = number % 9 == 8;
    })
}

fn stopped(result: &Result<(), StoreError>) -> &str {
    match result {
        Err(StoreError::Stopped(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

type Fault = fn(&Faults, u64);

/// Each way to fail, at each of many moments, while rows move to the tree all the time.
#[test]
fn a_failing_disk_stops_the_store_and_loses_nothing() {
    let ways: [(Fault, &str); 3] = [
        (Faults::fail_apply, "a write failed: injected write error"),
        (Faults::fail_sync, "a sync failed: injected sync error"),
        (Faults::panic_in_apply, "it panicked: injected panic"),
    ];
    for (fail, reason) in ways {
        for moment in 1..40 {
            let dir = tempfile::tempdir().unwrap();
            let faults = Faults::default();
            let store = faulty(dir.path(), restless(), &faults);
            let mut draft = Draft::new("01J", "shop", Some("p"), 1);
            commit(&store, vec![draft.create()]).unwrap();
            fail(&faults, moment);
            let mut acknowledged = draft.state();
            let mut number = 0;
            let result = loop {
                let result = commit(&store, vec![step(&mut draft, number)]);
                if result.is_err() {
                    break result;
                }
                acknowledged = draft.state();
                number += 1;
            };
            assert_eq!(stopped(&result), reason);
            assert_eq!(store.health().stopped.as_deref(), Some(reason));
            // Nothing that was not acknowledged can be seen, and nothing is taken any more.
            assert_eq!(
                store.run(&draft.id()).unwrap().as_ref(),
                Some(&acknowledged)
            );
            let other = Draft::new("02", "shop", None, 1);
            assert_eq!(stopped(&commit(&store, vec![other.create()])), reason);
            assert_eq!(stopped(&store.settle()), reason);
            drop(store);
            let store = open(dir.path(), options());
            let found = store.run(&draft.id()).unwrap().unwrap();
            // A failed sync may or may not have written what it should have.
            assert!(found == acknowledged || found == draft.state(), "{moment}");
            assert_eq!(store.health().stopped, None);
            let versions = [acknowledged.execution.version, draft.version()];
            assert!(versions.contains(&found.execution.version));
        }
    }
}

#[test]
fn a_full_disk_stops_the_store_before_sled_meets_it() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let store = faulty(
        dir.path(),
        StoreOptions {
            reserve_bytes: 1 << 20,
            ..options()
        },
        &faults,
    );
    let mut draft = Draft::new("01J", "shop", Some("p"), 1);
    commit(&store, vec![draft.create()]).unwrap();
    faults.set_free(Some(1 << 19));
    let before = draft.state();
    let syncs = faults.syncs();
    let result = commit(&store, vec![step(&mut draft, 1)]);
    insta::assert_snapshot!(stopped(&result), @"the disk is full: 0 MiB are free, and 1 MiB are kept in reserve; make room and start again");
    assert_eq!(faults.syncs(), syncs, "nothing was tried");
    faults.set_free(None);
    assert!(
        commit(&store, vec![draft.forget()]).is_err(),
        "it stays stopped"
    );
    assert_eq!(store.run(&draft.id()).unwrap(), Some(before.clone()));
    drop(store);
    let store = open(dir.path(), options());
    assert_eq!(store.run(&draft.id()).unwrap(), Some(before));
}

/// Rows on their way from the journal to their place need room as well, and lose nothing without it.
#[test]
fn a_full_disk_stops_the_moving_of_rows() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let options = StoreOptions {
        reserve_bytes: 1 << 20,
        ..options()
    };
    let store = faulty(dir.path(), options, &faults);
    let draft = Draft::new("01J", "shop", Some("p"), 1);
    commit(&store, vec![draft.create()]).unwrap();
    faults.set_free(Some(1 << 19));
    let result = store.settle();
    assert!(
        stopped(&result).starts_with("the disk is full"),
        "{result:?}"
    );
    assert_eq!(store.run(&draft.id()).unwrap(), Some(draft.state()));
    faults.set_free(None);
    drop(store);
    let store = open(dir.path(), options);
    assert_eq!(store.run(&draft.id()).unwrap(), Some(draft.state()));
    store.settle().unwrap();
    assert_eq!(store.verify().unwrap().problems, [""; 0]);
}

#[test]
fn a_conflict_does_not_hold_up_the_others_of_its_batch() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    let drafts: Vec<Draft> = (0..50)
        .map(|run| Draft::new(&format!("{run:02}"), "shop", None, run))
        .collect();
    let twice = drafts.iter().flat_map(|draft| [draft, draft]);
    let tickets: Vec<_> = twice
        .map(|draft| store.commit(vec![draft.create()]))
        .collect();
    for (number, ticket) in tickets.into_iter().enumerate() {
        let result = block_on(ticket);
        assert_eq!(result.is_ok(), number % 2 == 0, "{result:?}");
    }
    let done = store.statistics();
    assert_eq!(done.commits, 100);
    assert!(done.syncs < 100, "{done:?}");
}

/// What a power failure leaves is what was on the disk after some sync; tickets must never have run ahead of it.
#[test]
fn a_power_failure_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let copies: Arc<Mutex<Vec<TempDir>>> = Arc::default();
    let from = dir.path().to_owned();
    let kept = copies.clone();
    let store = SledStore::open_with(dir.path(), restless(), |disk| {
        Box::new(
            FaultyDisk::new(disk, Faults::default()).after_sync(move || {
                let copy = tempfile::tempdir().unwrap();
                for entry in fs::read_dir(&from).unwrap() {
                    let entry = entry.unwrap();
                    if entry.file_type().unwrap().is_file() {
                        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
                    }
                }
                kept.lock().unwrap().push(copy);
            }),
        )
    })
    .unwrap();
    let mut drafts: Vec<Draft> = (0..4)
        .map(|run| Draft::new(&format!("{run}"), "shop", None, run))
        .collect();
    for draft in &drafts {
        commit(&store, vec![draft.create()]).unwrap();
    }
    // What was acknowledged once that many copies had been made.
    let mut acknowledged = vec![(
        copies.lock().unwrap().len(),
        drafts.iter().map(Draft::state).collect::<Vec<_>>(),
    )];
    for number in 0..40 {
        let tickets: Vec<_> = drafts
            .iter_mut()
            .map(|draft| store.commit(vec![step(draft, number)]))
            .collect();
        for ticket in tickets {
            block_on(ticket).unwrap();
        }
        let made = copies.lock().unwrap().len();
        acknowledged.push((made, drafts.iter().map(Draft::state).collect()));
    }
    drop(store);
    let copies = copies.lock().unwrap();
    let mut opened = 0;
    for (made, states) in acknowledged.iter().step_by(3) {
        let store = open(copies[made - 1].path(), options());
        for state in states {
            assert_eq!(
                store.run(&state.execution.id).unwrap().as_ref(),
                Some(state)
            );
        }
        opened += 1;
    }
    assert_eq!(opened, 14);
}
