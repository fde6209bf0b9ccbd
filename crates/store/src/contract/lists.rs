//! Lists of executions: scopes, states, times, pages.

use spindrift_engine::{ExecutionQuery, Scope};
use spindrift_model::{ExecutionKind, Millis, Status};

use super::draft::Draft;
use super::{Case, Subject, write};

pub(super) const CASES: &[Case] = &[
    ("a list is of its scope, newest first", scopes),
    ("a list follows the state", follows),
    ("a list is cut by kind, state and time", filters),
    ("pages make up the list, in both orders", pages),
    ("names of applications may be anything", odd_names),
];

fn ids(subject: &dyn Subject, query: &ExecutionQuery) -> Vec<String> {
    let listed = subject.store().executions(query).unwrap();
    listed.iter().map(|line| line.id.to_string()).collect()
}

fn newest(subject: &dyn Subject, scope: Scope) -> Vec<String> {
    ids(subject, &ExecutionQuery::newest(scope, 100))
}

fn scopes(subject: &mut dyn Subject) {
    let runs = [
        Draft::new("1", "shop", Some("p"), 10),
        Draft::new("2", "shop", Some("q"), 30),
        Draft::new("3", "shop", None, 20),
        Draft::new("4", "shopping", Some("p2"), 40),
        Draft::new("5", "shop", Some("p"), 30),
    ];
    write(subject, runs.iter().map(Draft::create).collect());
    subject.disturb();
    let subject = &*subject;
    assert_eq!(newest(subject, Scope::All), ["4", "5", "2", "3", "1"]);
    assert_eq!(
        newest(subject, Scope::Application("shop".into())),
        ["5", "2", "3", "1"]
    );
    assert_eq!(
        newest(subject, Scope::Application(" SHOP".into())),
        ["5", "2", "3", "1"]
    );
    assert_eq!(newest(subject, Scope::Application("sho".into())), [""; 0]);
    assert_eq!(newest(subject, Scope::Pipeline("p".into())), ["5", "1"]);
    assert_eq!(newest(subject, Scope::Pipeline("".into())), [""; 0]);
    let line = &subject
        .store()
        .executions(&ExecutionQuery::newest(Scope::All, 1))
        .unwrap()[0];
    assert_eq!((line.build_time, line.status), (40, Status::NotStarted));
}

fn follows(subject: &mut dyn Subject) {
    let mut draft = Draft::new("1", "shop", Some("p"), 10);
    write(subject, vec![draft.create()]);
    for status in [
        Status::Running,
        Status::Paused,
        Status::Running,
        Status::Succeeded,
    ] {
        write(subject, vec![draft.to_status(status)]);
        subject.disturb();
        for scope in [
            Scope::All,
            Scope::Application("shop".into()),
            Scope::Pipeline("p".into()),
        ] {
            let listed = subject
                .store()
                .executions(&ExecutionQuery::newest(scope.clone(), 9))
                .unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].status, status);
            for other in Status::ALL {
                let query = ExecutionQuery {
                    statuses: vec![other, other],
                    ..ExecutionQuery::newest(scope.clone(), 9)
                };
                assert_eq!(ids(subject, &query).len(), usize::from(other == status));
            }
        }
    }
}

fn filters(subject: &mut dyn Subject) {
    let times = [Millis::MIN, -1, 0, 1, 1 << 40, Millis::MAX];
    for (number, time) in times.into_iter().enumerate() {
        let pipeline = (number % 2 == 0).then_some("p");
        let mut draft = Draft::new(&format!("run-{number}"), "shop", pipeline, time);
        write(subject, vec![draft.create()]);
        if number % 3 == 0 {
            write(subject, vec![draft.to_status(Status::Running)]);
        }
    }
    subject.disturb();
    let all = || ExecutionQuery::newest(Scope::All, 9);
    let table = [
        (all(), "5 4 3 2 1 0"),
        (
            ExecutionQuery {
                kind: Some(ExecutionKind::Pipeline),
                ..all()
            },
            "4 2 0",
        ),
        (
            ExecutionQuery {
                kind: Some(ExecutionKind::Orchestration),
                ..all()
            },
            "5 3 1",
        ),
        (
            ExecutionQuery {
                statuses: vec![Status::Running],
                ..all()
            },
            "3 0",
        ),
        (
            ExecutionQuery {
                statuses: vec![Status::Running, Status::NotStarted],
                ..all()
            },
            "5 4 3 2 1 0",
        ),
        (
            ExecutionQuery {
                statuses: vec![Status::Skipped],
                ..all()
            },
            "",
        ),
        (
            ExecutionQuery {
                from: 0,
                to: 1,
                ..all()
            },
            "3 2",
        ),
        (
            ExecutionQuery {
                from: 1,
                to: 0,
                ..all()
            },
            "",
        ),
        (
            ExecutionQuery {
                from: Millis::MAX,
                ..all()
            },
            "5",
        ),
        (
            ExecutionQuery {
                to: Millis::MIN,
                ..all()
            },
            "0",
        ),
        (
            ExecutionQuery {
                oldest_first: true,
                limit: 3,
                ..all()
            },
            "0 1 2",
        ),
        (ExecutionQuery { limit: 2, ..all() }, "5 4"),
        (ExecutionQuery { limit: 0, ..all() }, ""),
    ];
    for (query, expected) in table {
        let found = ids(subject, &query).join(" ").replace("run-", "");
        assert_eq!(found, expected, "{query:?}");
    }
}

fn pages(subject: &mut dyn Subject) {
    let mut expected = Vec::new();
    for number in 0..60 {
        let pipeline = (number % 5 > 0).then_some("p");
        // Three runs of each time, so that pages end between runs of the same time.
        let mut draft = Draft::new(&format!("run-{number:02}"), "shop", pipeline, number / 3);
        write(subject, vec![draft.create()]);
        let status = [Status::Running, Status::Succeeded, Status::Terminal][number as usize % 3];
        write(subject, vec![draft.to_status(status)]);
        expected.push(draft.id().to_string());
        if number == 40 {
            subject.disturb();
        }
    }
    for oldest_first in [true, false] {
        for limit in [1, 7, 60] {
            let mut found = Vec::new();
            let mut query = ExecutionQuery {
                oldest_first,
                ..ExecutionQuery::newest(Scope::Application("shop".into()), limit)
            };
            loop {
                let page = subject.store().executions(&query).unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.len() <= limit);
                query.after = Some((last.build_time, last.id.clone()));
                found.extend(page.into_iter().map(|line| line.id.to_string()));
            }
            assert_eq!(found, expected);
        }
        expected.reverse();
    }
}

fn odd_names(subject: &mut dyn Subject) {
    let names = ["a", "a\0", "a\0b", "a\u{1}", "ä", "", "a/b", "\u{10ffff}"];
    for (number, name) in names.into_iter().enumerate() {
        let draft = Draft::new(&number.to_string(), name, Some(name), 5);
        write(subject, vec![draft.create()]);
    }
    subject.disturb();
    for (number, name) in names.into_iter().enumerate() {
        let expected = [number.to_string()];
        assert_eq!(
            newest(subject, Scope::Application(name.into())),
            expected,
            "{name:?}"
        );
        assert_eq!(
            newest(subject, Scope::Pipeline(name.into())),
            expected,
            "{name:?}"
        );
    }
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(subject.store().applications().unwrap(), sorted);
}
