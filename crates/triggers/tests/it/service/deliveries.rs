//! Deliveries: stored, matched, started once.

use serde_json::json;
use spindrift_store::MemoryStore;
use spindrift_triggers::{
    AcceptError, Cause, Delivery, EventState, Headers, Receipt, TriggerOptions, VerdictOutcome,
};

use super::world::{Life, MORNING, request};

fn push(id: &str, branch: &str) -> Delivery {
    let body = json!({"ref": format!("refs/heads/{branch}"), "after": "abc", "repository": {"name": "web", "owner": {"name": "org"}}});
    Delivery::new("git", "github", body.to_string())
        .with_headers(Headers::new([("X-GitHub-Delivery", id)]))
}

fn on_push(branch: &str) -> serde_json::Value {
    json!({"type": "git", "enabled": true, "source": "github", "project": "org", "slug": "web", "branch": branch})
}

#[tokio::test(start_paused = true)]
async fn an_event_is_stored_and_starts_the_runs_that_wait_for_it() {
    let life = Life::new();
    life.save("a", json!({"triggers": [on_push("main")]})).await;
    life.save("b", json!({"triggers": [on_push("release-.*")]}))
        .await;
    life.save("c", json!({"triggers": [{"type": "git", "enabled": false, "source": "github", "project": "org", "slug": "web"}]})).await;
    let receipt = life.triggers.accept(push("1", "main")).await.unwrap();
    let Receipt::Done(record) = receipt else {
        panic!("{receipt:?}")
    };
    assert_eq!(record.summaries, ["push:push of branch main in org/web"]);
    let codes: Vec<String> = record
        .verdicts
        .iter()
        .map(|verdict| match &verdict.outcome {
            VerdictOutcome::Started { .. } => format!("{} started", verdict.pipeline),
            VerdictOutcome::Rejected { code, .. } => format!("{} {code}", verdict.pipeline),
            VerdictOutcome::Failed { message } => format!("{} failed: {message}", verdict.pipeline),
        })
        .collect();
    assert_eq!(
        codes,
        ["a started", "b trigger.pattern", "c trigger.disabled"]
    );
    let execution = life
        .engine
        .execution(record.started().next().unwrap())
        .unwrap();
    assert_eq!(execution.trigger.text("branch"), Some("main"));
    assert_eq!(execution.trigger.text("hash"), Some("abc"));
    assert_eq!(execution.trigger.text("eventId"), Some(record.id.as_str()));
    assert_eq!(execution.authentication.user.as_deref(), Some("anonymous"));
    assert_eq!(
        life.triggers.event(&record.id).unwrap(),
        Some(*record.clone())
    );
    assert_eq!(life.triggers.events(None, 10).unwrap(), [*record]);
}

#[tokio::test(start_paused = true)]
async fn saving_and_deleting_take_effect_at_once() {
    let life = Life::new();
    let started = |receipt: Receipt| match receipt {
        Receipt::Done(record) => record.started().count(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        started(life.triggers.accept(push("1", "main")).await.unwrap()),
        0
    );
    life.save("a", json!({"triggers": [on_push("main")]})).await;
    assert_eq!(
        started(life.triggers.accept(push("2", "main")).await.unwrap()),
        1
    );
    life.save("a", json!({"triggers": [on_push("other")]}))
        .await;
    assert_eq!(
        started(life.triggers.accept(push("3", "main")).await.unwrap()),
        0
    );
    life.save(
        "a",
        json!({"triggers": [on_push("main")], "disabled": true}),
    )
    .await;
    assert_eq!(
        started(life.triggers.accept(push("4", "main")).await.unwrap()),
        0
    );
    life.save("a", json!({"triggers": [on_push("main")]})).await;
    life.triggers
        .delete_pipeline(&"a".into(), "tester")
        .await
        .unwrap();
    assert_eq!(
        started(life.triggers.accept(push("5", "main")).await.unwrap()),
        0
    );
    assert_eq!(life.triggers.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_never_comes_is_refused_at_save() {
    let life = Life::new();
    let bad =
        json!({"triggers": [{"type": "cron", "enabled": true, "cronExpression": "0 0 0 30 2 ?"}]});
    let error = life
        .triggers
        .save_pipeline(request("a", bad))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "/triggers/0/cronExpression: the schedule never comes: there is no such date"
    );
    let odd =
        json!({"triggers": [{"type": "docker", "enabled": true, "repository": "r", "tag": "[x"}]});
    let saved = life
        .triggers
        .save_pipeline(request("a", odd))
        .await
        .unwrap();
    let codes: Vec<&str> = saved
        .warnings
        .iter()
        .map(|problem| problem.code.as_str())
        .collect();
    assert_eq!(codes, ["trigger.missing", "trigger.pattern"]);
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_is_the_same_event_also_after_a_restart() {
    let life = Life::new();
    life.save("a", json!({"triggers": [on_push("main")]})).await;
    let all =
        futures::future::join_all((0..20).map(|_| life.triggers.accept(push("1", "main")))).await;
    let first = all[0].as_ref().unwrap().event_id().unwrap().to_owned();
    assert!(
        all.iter()
            .all(|receipt| receipt.as_ref().unwrap().event_id() == Some(&first))
    );
    assert_eq!(life.runs("a").len(), 1);
    let life = life.restart(60_000).await;
    let again = life.triggers.accept(push("1", "main")).await.unwrap();
    assert!(
        matches!(again, Receipt::Repeated(record) if record.id == first && record.state == EventState::Done)
    );
    // Another body under the same id is another event, and so is the same body under another id.
    let other = life.triggers.accept(push("1", "main ")).await.unwrap();
    assert_ne!(other.event_id(), Some(first.as_str()));
    let next = life.triggers.accept(push("2", "main")).await.unwrap();
    assert!(matches!(next, Receipt::Done(_)));
    assert_eq!(life.runs("a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_an_id_pushes_repeat_within_minutes_and_webhooks_never() {
    let life = Life::new();
    life.save("a", json!({"triggers": [on_push("main"), {"type": "webhook", "enabled": true, "source": "ci"}]})).await;
    let bare = || Delivery {
        headers: Headers::default(),
        ..push("", "main")
    };
    life.triggers.accept(bare()).await.unwrap();
    assert!(matches!(
        life.triggers.accept(bare()).await.unwrap(),
        Receipt::Repeated(_)
    ));
    tokio::time::advance(std::time::Duration::from_secs(601)).await;
    assert!(matches!(
        life.triggers.accept(bare()).await.unwrap(),
        Receipt::Done(_)
    ));
    for _ in 0..2 {
        let receipt = life
            .triggers
            .accept(Delivery::new("webhook", "ci", "{}"))
            .await
            .unwrap();
        assert!(matches!(receipt, Receipt::Done(_)));
    }
    assert_eq!(life.runs("a").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn expected_artifacts_are_bound_or_the_verdict_says_why_not() {
    let life = Life::new();
    let image =
        |version: &str| json!({"type": "docker/image", "name": "r/web", "version": version});
    life.save("a", json!({
        "expectedArtifacts": [
            {"id": "image", "matchArtifact": {"type": "docker/image"}},
            {"id": "chart", "displayName": "the chart", "matchArtifact": {"type": "helm/chart"}, "usePriorArtifact": true}
        ],
        "triggers": [{"type": "webhook", "enabled": true, "source": "ci", "expectedArtifactIds": ["image"]}]
    })).await;
    let deliver = |artifacts: serde_json::Value| {
        life.triggers.accept(Delivery::new(
            "webhook",
            "ci",
            json!({"artifacts": artifacts}).to_string(),
        ))
    };
    let Receipt::Done(record) = deliver(json!([image("1")])).await.unwrap() else {
        panic!()
    };
    let VerdictOutcome::Failed { message } = &record.verdicts[0].outcome else {
        panic!("{record:?}")
    };
    assert!(
        message.contains("Unmatched expected artifact \"the chart\""),
        "{message}"
    );
    let chart = json!({"type": "helm/chart", "name": "web"});
    let Receipt::Done(record) = deliver(json!([image("1"), chart])).await.unwrap() else {
        panic!()
    };
    let first = life
        .engine
        .execution(record.started().next().unwrap())
        .unwrap();
    assert_eq!(first.trigger.artifacts().len(), 2);
    // The chart of the run before stands in.
    let Receipt::Done(record) = deliver(json!([image("2")])).await.unwrap() else {
        panic!()
    };
    let second = life
        .engine
        .execution(record.started().next().unwrap())
        .unwrap();
    let resolved = &second.trigger.map()["resolvedExpectedArtifacts"];
    assert_eq!(resolved[0]["boundArtifact"]["version"], "2");
    assert_eq!(resolved[1]["boundArtifact"]["name"], "web");
}

#[tokio::test(start_paused = true)]
async fn a_preview_stores_and_starts_nothing() {
    let life = Life::new();
    life.save("a", json!({"triggers": [on_push("main")]})).await;
    let commits = life.store.commits();
    let preview = life.triggers.preview(&push("1", "main")).unwrap();
    assert!(preview.events[0].1[0].is_match());
    assert_eq!(life.store.commits(), commits);
    assert!(life.runs("a").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_or_ignored_is_not_stored() {
    let life = Life::new();
    let commits = life.store.commits();
    let refused = life
        .triggers
        .accept(Delivery::new("manual", "x", "{}"))
        .await;
    assert!(matches!(refused, Err(AcceptError::Delivery(_))));
    let ping = life
        .triggers
        .accept(Delivery::new("git", "github", r#"{"hook_id":1}"#))
        .await;
    assert!(matches!(ping, Ok(Receipt::Ignored(_))));
    assert_eq!(life.store.commits(), commits);
    life.triggers.stop().await;
    let late = life.triggers.accept(push("1", "main")).await;
    assert!(matches!(late, Err(AcceptError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn old_events_are_forgotten() {
    let options = TriggerOptions {
        keep_events: 30 * 60_000,
        ..TriggerOptions::default()
    };
    let life = Life::with(MemoryStore::new(), MORNING, options);
    life.triggers.accept(push("1", "main")).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3_000)).await;
    life.triggers.accept(push("2", "main")).await.unwrap();
    assert_eq!(life.triggers.events(None, 10).unwrap().len(), 2);
    tokio::time::sleep(std::time::Duration::from_secs(700)).await;
    let left = life.triggers.events(None, 10).unwrap();
    assert_eq!(left.len(), 1);
    // A redelivery of what is forgotten is a new event.
    assert!(matches!(
        life.triggers.accept(push("1", "main")).await.unwrap(),
        Receipt::Done(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn strangers_cannot_fill_the_disk() {
    let options = TriggerOptions {
        max_idle_events: 20,
        ..TriggerOptions::default()
    };
    let life = Life::with(MemoryStore::new(), MORNING, options);
    life.save("a", json!({"triggers": [on_push("main")]})).await;
    let started = life.triggers.accept(push("1", "main")).await.unwrap();
    let Receipt::Done(started) = started else {
        panic!("it is an event")
    };
    assert_eq!(started.started().count(), 1, "{started:?}");
    let large = "x".repeat(9_000);
    for number in 0..60 {
        let body = json!({"number": number, "large": large}).to_string();
        let bytes = body.len();
        let receipt = life
            .triggers
            .accept(Delivery::new("webhook", "nobody", body));
        let Receipt::Done(record) = receipt.await.unwrap() else {
            panic!("it is an event")
        };
        let kept = life.triggers.event(&record.id).unwrap().unwrap();
        assert_eq!((kept.dropped, &kept), (Some(bytes), &*record));
        let Cause::Delivery(delivery) = &kept.cause else {
            panic!("it was a delivery")
        };
        assert!(delivery.body.is_empty());
        // The rounds of forgetting have their turn.
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        let all = life.triggers.events(None, 100).unwrap().len();
        assert!(all <= 1 + 20 + 3, "{all} events are kept");
    }
    let again = life.triggers.accept(push("1", "main")).await.unwrap();
    assert!(matches!(again, Receipt::Repeated(_)), "{again:?}");
    let small = Delivery::new("webhook", "nobody", r#"{"small":true}"#);
    let Receipt::Done(record) = life.triggers.accept(small).await.unwrap() else {
        panic!("it is an event")
    };
    let Cause::Delivery(delivery) = &record.cause else {
        panic!("it was a delivery")
    };
    assert_eq!((record.dropped, delivery.body.len()), (None, 14));
}

#[tokio::test(start_paused = true)]
async fn credentials_and_tokens_are_not_kept() {
    let life = Life::new();
    let trigger = json!({"type": "git", "enabled": true, "source": "gitlab", "project": "Mike", "slug": "Diaspora", "secret": "hunter2"});
    life.save("a", json!({"triggers": [trigger]})).await;
    let body = json!({"object_kind": "push", "after": "abc", "ref": "refs/heads/main", "project": {"name": "Diaspora", "namespace": "Mike"}});
    let headers = [
        ("X-Gitlab-Token", "hunter2"),
        ("Authorization", "Bearer abc"),
        ("X-Spinnaker-Token", "spk_1"),
        ("X-Gitlab-Event", "Push Hook"),
    ];
    let delivery =
        Delivery::new("git", "gitlab", body.to_string()).with_headers(Headers::new(headers));
    let Receipt::Done(record) = life.triggers.accept(delivery).await.unwrap() else {
        panic!()
    };
    let execution = life
        .engine
        .execution(record.started().next().unwrap())
        .unwrap();
    let kept = format!(
        "{:?} {:?}",
        life.triggers.event(&record.id).unwrap(),
        execution
    );
    for secret in ["hunter2", "Bearer", "spk_1"] {
        assert!(!kept.contains(secret), "{secret}");
    }
    assert!(kept.contains("Push Hook"));
}

#[tokio::test(start_paused = true)]
async fn what_started_nothing_may_be_delivered_again() {
    let life = Life::new();
    let receipt = life.triggers.accept(push("1", "main")).await.unwrap();
    assert!(matches!(receipt, Receipt::Done(record) if record.is_without_effect()));
    life.save("a", json!({"triggers": [on_push("main")]})).await;
    let receipt = life.triggers.accept(push("1", "main")).await.unwrap();
    assert!(matches!(receipt, Receipt::Done(_)));
    assert_eq!(life.runs("a").len(), 1);
    let receipt = life.triggers.accept(push("1", "main")).await.unwrap();
    assert!(matches!(receipt, Receipt::Repeated(_)));
    assert_eq!(life.runs("a").len(), 1);
}
