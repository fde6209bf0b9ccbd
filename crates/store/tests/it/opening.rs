//! Opening directories: in use, damaged, of another program, of another version.

use std::fs;

use spindrift_engine::{Store, StoreError};
use spindrift_store::contract::{Draft, commit};
use spindrift_store::{OpenError, SledStore};

use crate::support::{open, options};

fn refused(dir: &std::path::Path) -> String {
    let error = SledStore::open(dir, options()).unwrap_err();
    error.to_string().replace(&dir.display().to_string(), "DIR")
}

#[test]
fn a_directory_belongs_to_one_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    assert_eq!(
        refused(dir.path()),
        "another process uses DIR; one directory belongs to one process"
    );
    let draft = Draft::new("01J", "shop", None, 1);
    commit(&store, vec![draft.create()]).unwrap();
    drop(store);
    let store = open(dir.path(), options());
    assert_eq!(store.run(&draft.id()).unwrap(), Some(draft.state()));
}

#[test]
fn a_closed_store_refuses_and_still_reads() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    let draft = Draft::new("01J", "shop", None, 1);
    let ticket = store.commit(vec![draft.create()]);
    store.close().unwrap();
    store.close().unwrap();
    futures::executor::block_on(ticket).unwrap();
    let result = commit(&store, vec![draft.forget()]);
    assert_eq!(
        result,
        Err(StoreError::Stopped("it has been closed".into()))
    );
    assert_eq!(store.run(&draft.id()).unwrap(), Some(draft.state()));
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), options()));
    let db = sled::open(dir.path()).unwrap();
    db.insert("mformat", &7u32.to_be_bytes()).unwrap();
    drop(db);
    let error = SledStore::open(dir.path(), options()).unwrap_err();
    assert!(matches!(
        error,
        OpenError::NewerFormat {
            found: 7,
            known: 1,
            ..
        }
    ));
}

#[test]
fn a_database_of_another_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = sled::open(dir.path()).unwrap();
    db.insert("theirs", "data").unwrap();
    drop(db);
    assert_eq!(
        refused(dir.path()),
        "DIR holds a sled database that is not a store of ours; choose another directory"
    );
    let db = sled::open(dir.path()).unwrap();
    assert_eq!(db.len(), 1, "nothing was written");
}

#[test]
fn leftovers_of_a_snapshot_do_not_stand_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    let draft = Draft::new("01J", "shop", None, 1);
    commit(&store, vec![draft.create()]).unwrap();
    drop(store);
    fs::write(dir.path().join("snap.0000000000000123.generating"), b"half").unwrap();
    let store = open(dir.path(), options());
    assert_eq!(store.run(&draft.id()).unwrap(), Some(draft.state()));
    drop(store);
    for name in fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if name
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("snap.")
        {
            fs::write(name, b"").unwrap();
        }
    }
    fs::write(dir.path().join("snap.00000000000F1234"), b"").unwrap();
    let store = open(dir.path(), options());
    assert_eq!(store.run(&draft.id()).unwrap(), Some(draft.state()));
    assert!(dir.path().join("aside-1").is_dir());
}

#[test]
fn a_file_in_place_of_the_directory_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, b"x").unwrap();
    assert!(matches!(
        SledStore::open(&path, options()),
        Err(OpenError::Io { .. })
    ));
}

#[test]
fn a_damaged_file_never_reads_as_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    for run in 0..200 {
        let draft = Draft::new(&format!("{run:03}"), "shop", None, run);
        commit(&store, vec![draft.create()]).unwrap();
    }
    drop(store);
    let path = dir.path().join("conf");
    fs::write(&path, b"segment_size: 0\nnonsense").unwrap();
    let text = refused(dir.path());
    assert!(text.starts_with("DIR cannot be"), "{text}");
}
