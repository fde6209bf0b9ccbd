//! Exports read back, damaged ones are refused, and a store that does not fit together is found out.

use serde_json::json;
use spindrift_engine::{Change, PipelineRevision, Store, Write};
use spindrift_model::{Map, Serial, Status};
use spindrift_store::contract::{Draft, commit};
use spindrift_store::{Counts, ImportError, MemoryStore, SledStore, import};
use tempfile::TempDir;

use crate::support::{answers, open, options};

/// A little of everything.
pub fn furnish(store: &dyn Store) {
    let put = |key: &str, value: &[u8]| Write::PutRecord {
        space: "test",
        key: key.into(),
        value: value.into(),
        expected: None,
    };
    let save = |id: &str, revision: u64, name: &str| Write::SavePipeline {
        revision: PipelineRevision {
            id: id.into(),
            revision,
            saved_at: 3,
            saved_by: "ada".into(),
            application: "Shop".into(),
            name: name.into(),
            document: Map::from_iter([("stages".to_owned(), json!([]))]),
        },
        replaces: None,
    };
    let delete = Write::DeletePipeline {
        id: "q".into(),
        by: "bob".into(),
        at: 4,
    };
    let waiting = Draft::new("02", "Shop", Some("p"), 20).with(|row| row.queued = Some(21));
    let task = Draft::new("03", "other", None, 30);
    let mut running = Draft::new("01", "Shop", Some("p"), 10).with(|row| {
        row.busy = true;
        row.correlation = Some("c".into());
    });
    let writes = vec![
        save("p", 1, "Bake"),
        save("p", 2, "Bake it"),
        save("q", 1, "Old"),
        delete,
        waiting.create(),
        task.create(),
        running.create(),
        running.to_status(Status::Running),
        put("text", b"t"),
        put("bytes", b"\xff\x00"),
        put("long", &[b'x'; 20_000]),
    ];
    commit(store, writes).unwrap();
    let changes = |length: usize| {
        vec![Change::StageOutputs {
            stage: Serial(1),
            set: Map::from_iter([("log".to_owned(), json!("y".repeat(length)))]),
            unset: Vec::new(),
        }]
    };
    commit(
        store,
        vec![running.advance(changes(15_000), |row| row.wake = Some(99))],
    )
    .unwrap();
    commit(store, vec![running.advance(changes(5), |_| {})]).unwrap();
}

fn furnished() -> (TempDir, SledStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    furnish(&store);
    (dir, store)
}

pub fn exported(store: &SledStore) -> String {
    let mut export = Vec::new();
    store.export(&mut export).unwrap();
    String::from_utf8(export).unwrap()
}

#[test]
fn an_export_reads_back_into_any_store() {
    let (_dir, store) = furnished();
    let export = exported(&store);
    let counts = Counts {
        revisions: 3,
        executions: 3,
        records: 3,
    };
    let memory = MemoryStore::new();
    assert_eq!(import(&memory, export.as_bytes()).unwrap(), counts);
    assert_eq!(answers(&memory), answers(&store));
    let dir = tempfile::tempdir().unwrap();
    let copy = open(dir.path(), options());
    assert_eq!(import(&copy, export.as_bytes()).unwrap(), counts);
    assert_eq!(exported(&copy), export);
    assert_eq!(copy.verify().unwrap().counts, counts);
    let result = import(&copy, export.as_bytes());
    assert!(matches!(result, Err(ImportError::NotEmpty)));
}

#[test]
fn a_damaged_export_is_refused() {
    let (_dir, store) = furnished();
    let export = exported(&store);
    let lines: Vec<&str> = export.lines().collect();
    let refused = |lines: &[&str]| {
        let error = import(&MemoryStore::new(), lines.join("\n").as_bytes()).unwrap_err();
        error.to_string()
    };
    insta::assert_snapshot!(refused(&lines[..5]), @"the export is incomplete: it ends after line 5 without saying that it is the last");
    insta::assert_snapshot!(refused(&[]), @"the export is incomplete: it ends after line 0 without saying that it is the last");
    insta::assert_snapshot!(refused(&lines[1..]), @"line 1 of the export is not readable: it does not begin an export");
    insta::assert_snapshot!(refused(&[&lines[..], &lines[..1]].concat()), @"line 13 of the export is not readable: it comes behind the last");
    insta::assert_snapshot!(refused(&[&lines[..6], &lines[7..]].concat()), @"the export says that it holds Counts { revisions: 3, executions: 3, records: 3 }, and it holds Counts { revisions: 3, executions: 2, records: 3 }");
    insta::assert_snapshot!(refused(&[lines[0], "{\"record\":"]), @"line 2 of the export is not readable: EOF while parsing a value at line 1 column 10");
    insta::assert_snapshot!(refused(&[lines[0], r#"{"record":{"space":"s","key":"k","value":{"base64":"?"}}}"#]), @"line 2 of the export is not readable: its value is no base64: Invalid symbol 63, offset 0.");
    insta::assert_snapshot!(refused(&[r#"{"spindriftStore":2}"#]), @"the export has format 2, and this program reads formats up to 1: use the newer program");
}

/// Damages the rows of a furnished store behind its back; answers with what is then found wrong.
fn damaged(damage: impl FnOnce(&sled::Db)) -> String {
    let (dir, store) = furnished();
    assert_eq!(store.verify().unwrap().problems, [""; 0]);
    drop(store);
    let db = sled::open(dir.path()).unwrap();
    damage(&db);
    drop(db);
    let store = open(dir.path(), options());
    let found = store.verify().unwrap();
    assert_eq!(found.problem_count as usize, found.problems.len());
    found.problems.join("\n")
}

fn remove(db: &sled::Db, prefix: &[u8]) {
    let (key, _) = db.scan_prefix(prefix).next().unwrap().unwrap();
    db.remove(key).unwrap();
}

#[test]
fn verification_finds_what_does_not_fit_together() {
    insta::assert_snapshot!(damaged(|db| remove(db, b"r01\0\x01h")), @r"
    an execution at key r01\x00\x01l\x00\x00\x00\x00\x00\x00\x00\x01: its header is missing
    a list has the execution 01, which does not exist
    what is under way has the execution 01, which does not exist
    what is due has the execution 01, which does not exist
    a correlation has the execution 01, which does not exist
    ");
    insta::assert_snapshot!(damaged(|db| remove(db, b"r01\0\x01l\0\0\0\0\0\0\0\x01")), @r"an execution at key r01\x00\x01h: its log should have 2 rows and has 1");
    insta::assert_snapshot!(damaged(|db| remove(db, b"r03\0\x01h")), @"a list has the execution 03, which does not exist");
    insta::assert_snapshot!(damaged(|db| remove(db, b"xa")), @"
    the execution 03 is NOT_STARTED and not in that list of All
    the execution 03 is missing in the list of all
    ");
    insta::assert_snapshot!(damaged(|db| remove(db, b"xb")), @r#"the execution 03 is NOT_STARTED and not in that list of Application("other")"#);
    insta::assert_snapshot!(damaged(|db| remove(db, b"c")), @r"a row at key etest\x00\x01long: piece 0 is missing");
    insta::assert_snapshot!(damaged(|db| remove(db, b"n")), @"the name of the pipeline p does not say whether it exists");
    insta::assert_snapshot!(damaged(|db| remove(db, b"pp\0\x01r\0\0\0\0\0\0\0\x02")), @"the pipeline p has lost its revision 2");
    insta::assert_snapshot!(damaged(|db| remove(db, b"pp\0\x01h")), @r"
    the pipeline p has revisions and nothing else
    the pipeline p has revisions and nothing else
    a pipeline's name at key nshop\x00\x01bake it\x00\x01p: it is not that of the newest revision
    ");
}

#[test]
fn verification_finds_what_should_not_be_there() {
    let gap = b"r01\0\x01l\0\0\0\0\0\0\0\x09";
    insta::assert_snapshot!(damaged(|db| { db.insert(gap, b"\0#\0\0\0\x04{[]").unwrap(); }), @r"an execution at key r01\x00\x01h: its log should have 4 rows and has 3");
    let stage = b"r02\0\x01s\0\0\0\0";
    insta::assert_snapshot!(damaged(|db| { db.insert(stage, b"\0{nonsense").unwrap(); }), @r"a stage at key r02\x00\x01s\x00\x00\x00\x00: expected ident at line 1 column 2");
    let line = b"xbother\0\x01or\x80\0\0\0\0\0\0\x1e03";
    insta::assert_snapshot!(damaged(|db| { db.insert(line, b"").unwrap(); }), @"
    the execution 03 is missing in the list of all
    a list says that the execution 03 is RUNNING, and it is NOT_STARTED
    ");
    let rows = |db: &sled::Db| {
        for key in ["?", "b09", "t1", "cx\0\0\0\0", "q", "k"] {
            db.insert(key, b"").unwrap();
        }
    };
    insta::assert_snapshot!(damaged(rows), @r"
    what is under way has the execution 09, which does not exist
    what is due at key t1: the key is not one of an index
    a queue at key q: the key is not one of an index
    a correlation at key k: the key is not one of an index
    a piece at key cx\x00\x00\x00\x00: it belongs to no value
    a row at key ?: its space is unknown
    ");
}
