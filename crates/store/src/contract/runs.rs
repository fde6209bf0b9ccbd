//! Runs: created, advanced under the guard of their version, read without what is superseded, forgotten.

use serde_json::json;
use spindrift_engine::{Change, Write, outline};
use spindrift_model::{Serial, Status};

use super::draft::{Draft, object, output, stage, stage_status};
use super::{Case, Subject, refuse, write};

pub(super) const CASES: &[Case] = &[
    ("a created run reads back", created),
    ("an id is used once", twice),
    ("changes are applied in their order", advanced),
    ("a stale write is refused", stale),
    ("a finished run stays finished", finished),
    ("a run reads the same when versions are dropped", superseded),
    ("an outline is the run without its details", outlined),
    ("a large output comes back, and goes", large),
    ("a forgotten run leaves nothing", forgotten),
    ("documents come back exactly", exact),
];

fn draft() -> Draft {
    Draft::new("01J", "shop", Some("p"), 10)
}

fn expect(subject: &dyn Subject, draft: &Draft) {
    assert_eq!(
        subject.store().run(&draft.id()).unwrap(),
        Some(draft.state())
    );
}

fn created(subject: &mut dyn Subject) {
    let draft = draft();
    assert_eq!(subject.store().run(&draft.id()).unwrap(), None);
    write(subject, vec![draft.create()]);
    subject.disturb();
    expect(subject, &draft);
    assert_eq!(subject.store().run(&"01".into()).unwrap(), None);
    assert_eq!(subject.store().run(&"01JA".into()).unwrap(), None);
}

fn twice(subject: &mut dyn Subject) {
    let mut draft = draft();
    write(subject, vec![draft.create()]);
    refuse(subject, vec![draft.create()]);
    let first = draft.create();
    write(subject, vec![draft.to_status(Status::Running)]);
    subject.disturb();
    refuse(subject, vec![first]);
    expect(subject, &draft);
}

fn advanced(subject: &mut dyn Subject) {
    let mut draft = draft();
    write(subject, vec![draft.create()]);
    for number in 0..25 {
        let changes = vec![
            output(1, "n", json!(number)),
            output(1, &format!("k{number}"), json!({"deep": [number]})),
        ];
        write(subject, vec![draft.advance(changes, |_| {})]);
        if number % 10 == 3 {
            subject.disturb();
            expect(subject, &draft);
        }
    }
    let changes = vec![
        Change::StageAdded {
            stage: Box::new(stage(3)),
        },
        Change::StageRemoved { stage: Serial(0) },
        stage_status(3, Status::Running),
    ];
    write(subject, vec![draft.advance(changes, |_| {})]);
    subject.disturb();
    expect(subject, &draft);
    assert_eq!(draft.version(), 26);
}

fn stale(subject: &mut dyn Subject) {
    let mut draft = draft();
    refuse(subject, vec![draft.clone().to_status(Status::Running)]);
    write(subject, vec![draft.create()]);
    let mut other = draft.clone();
    write(subject, vec![draft.to_status(Status::Running)]);
    refuse(subject, vec![other.to_status(Status::Canceled)]);
    subject.disturb();
    expect(subject, &draft);
    let mut future = draft.clone();
    future.to_status(Status::Canceled);
    refuse(subject, vec![future.to_status(Status::Canceled)]);
    refuse(subject, vec![future.forget()]);
    expect(subject, &draft);
}

fn finished(subject: &mut dyn Subject) {
    let mut draft = draft();
    write(
        subject,
        vec![draft.create(), draft.to_status(Status::Running)],
    );
    let stale = draft.clone();
    let end = Change::ExecutionStatus {
        status: Status::Succeeded,
        at: 9,
    };
    write(
        subject,
        vec![draft.advance(vec![end], |row| row.status = Status::Succeeded)],
    );
    subject.disturb();
    refuse(
        subject,
        vec![
            stale
                .clone()
                .advance(vec![stage_status(0, Status::Running)], |_| {}),
        ],
    );
    refuse(subject, vec![stale.clone().advance(Vec::new(), |_| {})]);
    expect(subject, &draft);
}

fn superseded(subject: &mut dyn Subject) {
    let mut draft = draft();
    write(subject, vec![draft.create()]);
    let mut dropped = 0;
    for round in 0..30 {
        // As a task that looks at something again and again, and sometimes finds something new.
        let mut changes = vec![
            Change::TaskPerformed {
                stage: Serial(1),
                task: 0,
                attempt: round + 1,
            },
            output(1, "n", json!(round)),
        ];
        if round % 7 == 3 {
            changes.push(output(0, &format!("k{round}"), json!(round)));
        }
        if round % 10 == 9 {
            changes.push(stage_status(0, Status::Running));
        }
        let advance = draft.advance(changes, |_| {});
        if let Write::Advance { superseded, .. } = &advance {
            dropped += superseded.len();
        }
        write(subject, vec![advance]);
        if round % 5 == 0 {
            subject.disturb();
            let replayed = subject.store().replay(&draft.id()).unwrap().unwrap();
            assert_eq!(replayed.run.to_state(), draft.state());
            assert_eq!(replayed.trail, *draft.trail());
        }
        expect(subject, &draft);
    }
    assert!(dropped > 20, "only {dropped} versions were dropped");
    // A version in which only the row of the list changes, and which is the newest for a while.
    for busy in [true, false, true] {
        write(
            subject,
            vec![draft.advance(Vec::new(), |row| row.busy = busy)],
        );
        subject.disturb();
        expect(subject, &draft);
    }
}

fn outlined(subject: &mut dyn Subject) {
    let mut draft = draft();
    write(subject, vec![draft.create()]);
    let context = |set, unset: &[&str]| Change::StageContext {
        stage: Serial(2),
        set: object(set),
        unset: unset.iter().map(|key| (*key).to_owned()).collect(),
    };
    let changes = vec![
        output(1, "n", json!(1)),
        stage_status(1, Status::Succeeded),
        context(json!({"group": "other", "noise": 1}), &[]),
    ];
    for changes in [changes, vec![context(json!({}), &["group"])]] {
        write(subject, vec![draft.advance(changes, |_| {})]);
        subject.disturb();
        let expected = outline(draft.state().execution);
        assert_eq!(
            subject.store().outline(&draft.id()).unwrap(),
            Some(expected)
        );
    }
    assert_eq!(subject.store().outline(&"02".into()).unwrap(), None);
}

fn large(subject: &mut dyn Subject) {
    let mut draft = draft();
    write(subject, vec![draft.create()]);
    let text = |length: usize| json!("0123456789".repeat(length / 10));
    // Around the lengths at which a store may cut values, and back to short ones.
    for length in [
        6_000, 6_140, 6_200, 12_280, 40_000, 300_000, 20_000, 100, 50_000,
    ] {
        let changes = vec![output(1, "log", text(length))];
        write(subject, vec![draft.advance(changes, |_| {})]);
        subject.disturb();
        expect(subject, &draft);
    }
    write(subject, vec![draft.forget()]);
    subject.disturb();
    assert_eq!(subject.store().run(&draft.id()).unwrap(), None);
}

fn forgotten(subject: &mut dyn Subject) {
    for round in 0..2 {
        let mut draft = draft().with(|row| {
            row.busy = true;
            row.wake = Some(5);
            row.queued = Some(6);
            row.correlation = Some("c".into());
        });
        write(subject, vec![draft.create()]);
        if round == 1 {
            subject.disturb();
        }
        write(
            subject,
            vec![draft.advance(vec![output(0, "a", json!(1))], |_| {})],
        );
        write(subject, vec![draft.advance(vec![], |_| {})]);
        write(
            subject,
            vec![draft.advance(vec![output(0, "a", json!(2))], |_| {})],
        );
        subject.disturb();
        write(subject, vec![draft.forget()]);
        subject.disturb();
        let store = subject.store();
        assert_eq!(store.run(&draft.id()).unwrap(), None);
        assert_eq!(store.busy(None, 9).unwrap(), [""; 0]);
        assert_eq!(store.next_due().unwrap(), None);
        assert_eq!(store.queues().unwrap(), [""; 0]);
        assert_eq!(store.correlated("c").unwrap(), None);
        assert_eq!(store.applications().unwrap(), [""; 0]);
        refuse(subject, vec![draft.forget()]);
    }
}

fn exact(subject: &mut dyn Subject) {
    let mut draft = draft();
    write(subject, vec![draft.create()]);
    let mut deep = json!(1);
    for _ in 0..125 {
        deep = json!([deep]);
    }
    let changes = vec![
        output(0, "deep", deep),
        output(
            0,
            "floats",
            json!([0.1, 1e-320, 2.225_073_858_507_201e-308, 1e308, -0.0, 1.0]),
        ),
        output(0, "whole", json!([u64::MAX, i64::MIN, 0])),
        output(0, "order", json!({"z": 1, "a": {"y": 2, "b": 3}})),
        output(0, "text", json!("\u{0}\u{1f}\"\\ä\u{10ffff}")),
        output(0, "", json!(null)),
    ];
    write(subject, vec![draft.advance(changes, |_| {})]);
    subject.disturb();
    let found = subject.store().run(&draft.id()).unwrap().unwrap();
    let text = |state: &spindrift_engine::RunState| {
        serde_json::to_string(&state.execution.stages[0].outputs).unwrap()
    };
    assert_eq!(text(&found), text(&draft.state()));
}
