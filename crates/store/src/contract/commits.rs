//! Commits: all or nothing, in the order of the calls.

use serde_json::json;
use spindrift_engine::{StoreError, Write};
use spindrift_model::Status;

use super::draft::{Draft, output};
use super::{Case, Subject, refuse, write};

pub(super) const CASES: &[Case] = &[
    ("a commit of nothing is done", nothing),
    ("a commit is written whole or not at all", whole),
    ("the writes of a commit build on each other", together),
    ("commits take effect in the order of the calls", ordered),
    ("of two that start from the same version one wins", rivals),
];

fn record(key: &str, value: &str, expected: Option<Option<&str>>) -> Write {
    Write::PutRecord {
        space: "test",
        key: key.into(),
        value: value.into(),
        expected: expected.map(|expected| expected.map(Into::into)),
    }
}

fn nothing(subject: &mut dyn Subject) {
    write(subject, vec![]);
}

fn whole(subject: &mut dyn Subject) {
    let mut kept = Draft::new("kept", "shop", Some("p"), 1);
    write(subject, vec![kept.create(), record("r", "1", None)]);
    let (before, mut draft) = (kept.clone(), Draft::new("new", "other", Some("q"), 2));
    refuse(
        subject,
        vec![
            draft.create(),
            draft.to_status(Status::Running),
            record("r", "2", None),
            Write::DeleteRecord {
                space: "test",
                key: "r".into(),
            },
            kept.to_status(Status::Running),
            kept.advance(vec![output(0, "a", json!(1))], |row| row.busy = true),
            kept.forget(),
            record("r", "3", Some(Some("1"))),
        ],
    );
    subject.disturb();
    let store = subject.store();
    assert_eq!(store.run(&"new".into()).unwrap(), None);
    assert_eq!(store.run(&"kept".into()).unwrap(), Some(before.state()));
    assert_eq!(store.record("test", "r").unwrap(), Some(b"1".to_vec()));
    assert_eq!(store.busy(None, 9).unwrap(), [""; 0]);
    assert_eq!(store.applications().unwrap(), ["shop"]);
    // The refused commit has left nothing behind that would stand in the way of the same writes.
    let mut kept = before;
    write(
        subject,
        vec![
            Draft::new("new", "other", None, 2).create(),
            kept.to_status(Status::Running),
        ],
    );
    subject.disturb();
    assert_eq!(
        subject.store().run(&"kept".into()).unwrap(),
        Some(kept.state())
    );
}

fn together(subject: &mut dyn Subject) {
    let mut draft = Draft::new("01J", "shop", Some("p"), 1);
    let writes = vec![
        draft.create(),
        draft.to_status(Status::Running),
        draft.advance(vec![output(0, "a", json!(1))], |row| row.busy = true),
        draft.advance(vec![output(0, "a", json!(2))], |row| row.busy = false),
        draft.advance(vec![output(0, "a", json!(3))], |row| row.wake = Some(3)),
        record("r", "1", Some(None)),
        record("r", "2", Some(Some("1"))),
    ];
    write(subject, writes);
    subject.disturb();
    let store = subject.store();
    assert_eq!(store.run(&draft.id()).unwrap(), Some(draft.state()));
    assert_eq!(store.busy(None, 9).unwrap(), [""; 0]);
    assert_eq!(store.next_due().unwrap(), Some(3));
    assert_eq!(store.record("test", "r").unwrap(), Some(b"2".to_vec()));
    let again = Draft::new("01J", "again", None, 2);
    write(subject, vec![draft.forget(), again.create()]);
    subject.disturb();
    assert_eq!(
        subject.store().run(&again.id()).unwrap(),
        Some(again.state())
    );
    assert_eq!(subject.store().applications().unwrap(), ["again"]);
    let mut passing = Draft::new("passing", "shop", None, 2);
    let writes = vec![
        passing.create(),
        passing.advance(vec![output(0, "a", json!(3))], |row| row.busy = true),
        passing.forget(),
    ];
    write(subject, writes);
    subject.disturb();
    assert_eq!(subject.store().run(&passing.id()).unwrap(), None);
    assert_eq!(subject.store().busy(None, 9).unwrap(), [""; 0]);
}

fn ordered(subject: &mut dyn Subject) {
    let mut draft = Draft::new("01J", "shop", Some("p"), 1);
    let store = subject.store();
    let mut tickets = vec![store.commit(vec![draft.create()])];
    for number in 0..200 {
        let changes = vec![output(0, "n", json!(number))];
        let write = if number % 7 == 6 {
            draft.advance(changes, |row| row.busy = !row.busy)
        } else {
            draft.advance(changes, |row| row.busy = !row.busy)
        };
        tickets.push(store.commit(vec![write]));
    }
    // Waited for from the last to the first: order is a matter of the calls alone.
    for ticket in tickets.into_iter().rev() {
        futures::executor::block_on(ticket).unwrap();
    }
    subject.disturb();
    assert_eq!(
        subject.store().run(&draft.id()).unwrap(),
        Some(draft.state())
    );
    assert_eq!(draft.version(), 200);
}

fn rivals(subject: &mut dyn Subject) {
    let draft = Draft::new("01J", "shop", Some("p"), 1);
    write(subject, vec![draft.create()]);
    let tickets: Vec<_> = [Status::Canceled, Status::Running, Status::Paused]
        .map(|status| {
            subject
                .store()
                .commit(vec![draft.clone().to_status(status)])
        })
        .into();
    let results: Vec<_> = tickets
        .into_iter()
        .map(futures::executor::block_on)
        .collect();
    assert_eq!(results[0], Ok(()));
    for result in &results[1..] {
        assert!(matches!(result, Err(StoreError::Conflict(_))), "{result:?}");
    }
    subject.disturb();
    let found = subject.store().run(&draft.id()).unwrap().unwrap();
    assert_eq!(found.execution.status, Status::Canceled);
    assert_eq!(found.execution.version, 1);
}
