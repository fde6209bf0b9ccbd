//! Pipelines and their revisions.

use serde_json::json;
use spindrift_engine::{PipelineRevision, Write};
use spindrift_model::PipelineId;

use super::draft::{Draft, object};
use super::{Case, Subject, refuse, write};

pub(super) const CASES: &[Case] = &[
    ("a pipeline is its newest revision", revisions),
    ("a pipeline is found by name", names),
    ("a deleted pipeline keeps its revisions", deleted),
    ("pipelines are listed by application", listed),
    (
        "applications are those of pipelines and executions",
        applications,
    ),
    ("a large pipeline comes back", large),
];

fn revision(id: &str, number: u64, application: &str, name: &str) -> PipelineRevision {
    PipelineRevision {
        id: id.into(),
        revision: number,
        saved_at: 5,
        saved_by: "ada".into(),
        application: application.into(),
        name: name.into(),
        document: object(json!({"name": name, "z": [number], "a": 0.1})),
    }
}

fn save(revision: &PipelineRevision, replaces: Option<u64>) -> Write {
    Write::SavePipeline {
        revision: revision.clone(),
        replaces,
    }
}

fn delete(id: &str) -> Write {
    Write::DeletePipeline {
        id: id.into(),
        by: "ada".into(),
        at: 7,
    }
}

fn revisions(subject: &mut dyn Subject) {
    let id = PipelineId::from("p");
    let first = revision("p", 1, "shop", "bake");
    refuse(subject, vec![save(&first, Some(1))]);
    write(subject, vec![save(&first, Some(0))]);
    refuse(subject, vec![save(&first, Some(0))]);
    refuse(subject, vec![save(&first, None)]);
    let second = revision("p", 2, "shop", "bake");
    refuse(subject, vec![save(&second, Some(0))]);
    write(subject, vec![save(&second, Some(1))]);
    let third = revision("p", 3, "shop", "bake");
    write(subject, vec![save(&third, None)]);
    subject.disturb();
    let store = subject.store();
    assert_eq!(store.pipeline(&id).unwrap(), Some(third.clone()));
    assert_eq!(store.pipeline(&"pp".into()).unwrap(), None);
    assert_eq!(
        store.revisions(&id, 9).unwrap(),
        [third.clone(), second.clone(), first]
    );
    assert_eq!(store.revisions(&id, 2).unwrap(), [third, second]);
    assert_eq!(store.revisions(&"q".into(), 9).unwrap(), []);
}

fn names(subject: &mut dyn Subject) {
    let (mut bake, deploy) = (
        revision("p", 1, "Shop", " Bake It "),
        revision("q", 1, "shop", "Deploy"),
    );
    write(subject, vec![save(&bake, None), save(&deploy, None)]);
    subject.disturb();
    let found = |subject: &dyn Subject, application: &str, name: &str| {
        let found = subject.store().pipeline_named(application, name).unwrap();
        found.map(|revision| (revision.id.to_string(), revision.revision))
    };
    assert_eq!(found(subject, "shop", "bake it"), Some(("p".into(), 1)));
    assert_eq!(found(subject, " SHOP ", "BAKE IT "), Some(("p".into(), 1)));
    assert_eq!(found(subject, "shop", "bake"), None);
    assert_eq!(found(subject, "shop2", "bake it"), None);
    bake = revision("p", 2, "shop", "Bake");
    write(subject, vec![save(&bake, Some(1))]);
    subject.disturb();
    assert_eq!(found(subject, "shop", "bake it"), None);
    assert_eq!(found(subject, "shop", "bake"), Some(("p".into(), 2)));
    write(
        subject,
        vec![save(&revision("p", 3, "other", "Bake"), Some(2))],
    );
    subject.disturb();
    assert_eq!(found(subject, "shop", "bake"), None);
    assert_eq!(found(subject, "other", "bake"), Some(("p".into(), 3)));
}

fn deleted(subject: &mut dyn Subject) {
    let id = PipelineId::from("p");
    refuse(subject, vec![delete("p")]);
    let first = revision("p", 1, "shop", "bake");
    write(subject, vec![save(&first, None)]);
    subject.disturb();
    write(subject, vec![delete("p")]);
    subject.disturb();
    refuse(subject, vec![delete("p")]);
    let store = subject.store();
    assert_eq!(store.pipeline(&id).unwrap(), None);
    assert_eq!(store.pipeline_named("shop", "bake").unwrap(), None);
    assert_eq!(store.pipelines(None).unwrap(), []);
    assert_eq!(
        store.revisions(&id, 9).unwrap(),
        std::slice::from_ref(&first)
    );
    let second = revision("p", 2, "shop", "bake");
    refuse(subject, vec![save(&second, Some(1))]);
    refuse(subject, vec![save(&first, Some(0))]);
    write(subject, vec![save(&second, Some(0))]);
    subject.disturb();
    let store = subject.store();
    assert_eq!(store.pipeline(&id).unwrap(), Some(second.clone()));
    assert_eq!(store.revisions(&id, 9).unwrap(), [second, first]);
}

fn listed(subject: &mut dyn Subject) {
    let all = [
        revision("4", 1, "a", "Zip"),
        revision("3", 1, "A", "bake"),
        revision("2", 1, "ab", "bake"),
        revision("1", 1, "b", "bake"),
        revision("0", 1, "b", "BAKE"),
    ];
    write(
        subject,
        all.iter().map(|revision| save(revision, None)).collect(),
    );
    subject.disturb();
    let ids = |application: Option<&str>| -> String {
        let pipelines = subject.store().pipelines(application).unwrap();
        pipelines
            .iter()
            .map(|revision| revision.id.as_str())
            .collect()
    };
    assert_eq!(ids(None), "34201");
    assert_eq!(ids(Some("a")), "34");
    assert_eq!(ids(Some(" B")), "01");
    assert_eq!(ids(Some("c")), "");
}

fn applications(subject: &mut dyn Subject) {
    assert_eq!(subject.store().applications().unwrap(), [""; 0]);
    let run = Draft::new("1", "Web", None, 1);
    write(
        subject,
        vec![
            save(&revision("p", 1, "shop", "bake"), None),
            save(&revision("q", 1, "shop", "test"), None),
            run.create(),
            Draft::new("2", "api", Some("x"), 1).create(),
            Draft::new("3", "shop", Some("p"), 1).create(),
        ],
    );
    subject.disturb();
    assert_eq!(
        subject.store().applications().unwrap(),
        ["api", "shop", "Web"]
    );
    write(subject, vec![delete("p"), delete("q"), run.forget()]);
    subject.disturb();
    assert_eq!(subject.store().applications().unwrap(), ["api", "shop"]);
}

fn large(subject: &mut dyn Subject) {
    let mut revision = revision("p", 1, "shop", "bake");
    for (number, length) in [200_000, 10, 70_000].into_iter().enumerate() {
        revision.revision = number as u64 + 1;
        revision.document = object(json!({"stages": "x".repeat(length)}));
        write(subject, vec![save(&revision, None)]);
        subject.disturb();
        assert_eq!(
            subject.store().pipeline(&"p".into()).unwrap(),
            Some(revision.clone())
        );
    }
}
