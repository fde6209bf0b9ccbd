//! What is due, under way, waiting, or known by a correlation.

use spindrift_model::{ExecutionId, Status};

use super::draft::Draft;
use super::{Case, Subject, write};

pub(super) const CASES: &[Case] = &[
    ("what is under way is found", busy),
    ("what is due is found, earliest first", due),
    ("a queue is in the order of its waiting", queues),
    ("a correlation finds its run while it is kept", correlated),
];

fn ids(texts: &[&str]) -> Vec<ExecutionId> {
    texts.iter().map(|text| (*text).into()).collect()
}

fn busy(subject: &mut dyn Subject) {
    let mut runs: Vec<Draft> = ["b", "a", "aa", "c", "d"]
        .map(|id| Draft::new(id, "shop", None, 1).with(|row| row.busy = id != "c"))
        .into();
    write(subject, runs.iter().map(Draft::create).collect());
    subject.disturb();
    let store = subject.store();
    assert_eq!(store.busy(None, 9).unwrap(), ids(&["a", "aa", "b", "d"]));
    assert_eq!(store.busy(None, 2).unwrap(), ids(&["a", "aa"]));
    assert_eq!(store.busy(Some(&"aa".into()), 9).unwrap(), ids(&["b", "d"]));
    assert_eq!(store.busy(Some(&"c".into()), 9).unwrap(), ids(&["d"]));
    assert_eq!(store.busy(Some(&"d".into()), 9).unwrap(), [""; 0]);
    let toggles = [0, 3].map(|run| runs[run].advance(vec![], |row| row.busy = !row.busy));
    write(subject, toggles.into());
    subject.disturb();
    assert_eq!(
        subject.store().busy(None, 9).unwrap(),
        ids(&["a", "aa", "c", "d"])
    );
}

fn due(subject: &mut dyn Subject) {
    assert_eq!(subject.store().next_due().unwrap(), None);
    let mut runs: Vec<Draft> = [
        ("a", Some(30)),
        ("b", Some(-5)),
        ("c", None),
        ("d", Some(30)),
        ("e", Some(10)),
    ]
    .map(|(id, wake)| Draft::new(id, "shop", None, 1).with(|row| row.wake = wake))
    .into();
    write(subject, runs.iter().map(Draft::create).collect());
    subject.disturb();
    let at = |at, id: &str| (at, ExecutionId::from(id));
    let store = subject.store();
    assert_eq!(store.next_due().unwrap(), Some(-5));
    assert_eq!(store.due(-6, 9).unwrap(), []);
    assert_eq!(store.due(10, 9).unwrap(), [at(-5, "b"), at(10, "e")]);
    assert_eq!(
        store.due(30, 3).unwrap(),
        [at(-5, "b"), at(10, "e"), at(30, "a")]
    );
    let moved = [(1, None), (2, Some(20)), (4, Some(i64::MAX))];
    let moved = moved.map(|(run, wake)| runs[run].advance(vec![], |row| row.wake = wake));
    write(subject, moved.into());
    subject.disturb();
    let all = [at(20, "c"), at(30, "a"), at(30, "d"), at(i64::MAX, "e")];
    let store = subject.store();
    assert_eq!(store.due(i64::MAX, 9).unwrap(), all);
    assert_eq!(store.next_due().unwrap(), Some(20));
}

fn queues(subject: &mut dyn Subject) {
    let mut runs: Vec<Draft> = [
        ("a", "p", 9),
        ("b", "p", 3),
        ("c", "q", 5),
        ("d", "p", 9),
        ("e", "pp", 1),
    ]
    .map(|(id, pipeline, at)| {
        Draft::new(id, "shop", Some(pipeline), 1).with(|row| row.queued = Some(at))
    })
    .into();
    write(subject, runs.iter().map(Draft::create).collect());
    subject.disturb();
    let at = |at, id: &str| (at, ExecutionId::from(id));
    let store = subject.store();
    assert_eq!(
        store.queue(&"p".into()).unwrap(),
        [at(3, "b"), at(9, "a"), at(9, "d")]
    );
    assert_eq!(store.queue(&"none".into()).unwrap(), []);
    assert_eq!(store.queues().unwrap(), ["p", "pp", "q"]);
    let left = [1, 2].map(|run| runs[run].advance(vec![], |row| row.queued = None));
    write(subject, left.into());
    subject.disturb();
    let store = subject.store();
    assert_eq!(store.queue(&"p".into()).unwrap(), [at(9, "a"), at(9, "d")]);
    assert_eq!(store.queues().unwrap(), ["p", "pp"]);
}

fn correlated(subject: &mut dyn Subject) {
    let mut first = Draft::new("a", "shop", None, 1).with(|row| row.correlation = Some("x".into()));
    let second = Draft::new("b", "shop", None, 1).with(|row| row.correlation = Some("x\0y".into()));
    write(subject, vec![first.create(), second.create()]);
    subject.disturb();
    let store = subject.store();
    assert_eq!(store.correlated("x").unwrap(), Some("a".into()));
    assert_eq!(store.correlated("x\0y").unwrap(), Some("b".into()));
    assert_eq!(store.correlated("").unwrap(), None);
    let end = first.advance(vec![], |row| {
        row.status = Status::Succeeded;
        row.correlation = None;
    });
    write(subject, vec![end]);
    subject.disturb();
    assert_eq!(subject.store().correlated("x").unwrap(), None);
}
