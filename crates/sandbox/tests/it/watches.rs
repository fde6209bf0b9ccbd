//! Watches: order, selections, bookmarks, history, and what happens when it is gone.

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, WatchEvent, WatchParams};
use kube::runtime::watcher;
use serde_json::json;
use spindrift_sandbox::{Fault, Requests, SandboxOptions};

use crate::support::{config_map, over_tcp, resource, world, world_with};

fn shown(event: &WatchEvent<DynamicObject>) -> String {
    match event {
        WatchEvent::Added(object) => {
            format!("added {}", object.metadata.name.as_deref().unwrap_or(""))
        }
        WatchEvent::Modified(object) => {
            format!("modified {}", object.metadata.name.as_deref().unwrap_or(""))
        }
        WatchEvent::Deleted(object) => {
            format!("deleted {}", object.metadata.name.as_deref().unwrap_or(""))
        }
        WatchEvent::Bookmark(_) => "bookmark".to_owned(),
        WatchEvent::Error(status) => format!("error {}", status.code),
    }
}

#[tokio::test]
async fn a_watch_tells_every_change_from_its_version_on() {
    let world = world();
    for client in [world.client.clone(), over_tcp(&world.sandbox).await] {
        let api = kube::Api::<DynamicObject>::default_namespaced_with(
            client,
            &resource("v1", "ConfigMap"),
        );
        let from = api
            .list(&Default::default())
            .await
            .unwrap()
            .metadata
            .resource_version
            .unwrap();
        world.make(config_map("w", json!({}))).await;
        api.patch(
            "w",
            &PatchParams::default(),
            &Patch::Merge(json!({"data": {"a": "1"}})),
        )
        .await
        .unwrap();
        api.delete("w", &DeleteParams::default()).await.unwrap();
        let events: Vec<_> = api
            .watch(&WatchParams::default(), &from)
            .await
            .unwrap()
            .take(3)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(
            events.iter().map(shown).collect::<Vec<_>>(),
            ["added w", "modified w", "deleted w"]
        );
    }
}

#[tokio::test]
async fn a_watch_from_zero_starts_with_what_is_there_and_follows() {
    let world = world();
    let api = world.api("v1", "ConfigMap");
    world.make(config_map("a", json!({}))).await;
    let params = WatchParams::default().fields("metadata.name!=kube-root-ca.crt");
    let mut stream = api.watch(&params, "0").await.unwrap().boxed();
    assert_eq!(shown(&stream.next().await.unwrap().unwrap()), "added a");
    world.make(config_map("b", json!({}))).await;
    assert_eq!(shown(&stream.next().await.unwrap().unwrap()), "added b");
}

#[tokio::test]
async fn entering_and_leaving_a_selection_is_being_added_and_deleted() {
    let world = world();
    let api = world.api("v1", "ConfigMap");
    let from = world
        .make(config_map("c", json!({})))
        .await
        .metadata
        .resource_version
        .unwrap();
    for color in ["red", "blue"] {
        api.patch(
            "c",
            &PatchParams::default(),
            &Patch::Merge(json!({"metadata": {"labels": {"color": color}}})),
        )
        .await
        .unwrap();
    }
    let events: Vec<_> = api
        .watch(&WatchParams::default().labels("color=red"), &from)
        .await
        .unwrap()
        .take(2)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        events.iter().map(shown).collect::<Vec<_>>(),
        ["added c", "deleted c"]
    );
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_in_between_and_a_watch_ends_at_its_timeout() {
    let world = world();
    let params = WatchParams::default().timeout(130);
    let events: Vec<_> = world
        .api("v1", "ConfigMap")
        .watch(&params, "")
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let shown: Vec<_> = events.iter().map(shown).collect();
    assert_eq!(shown, ["added kube-root-ca.crt", "bookmark", "bookmark"]);
}

#[tokio::test]
async fn initial_events_end_with_a_marked_bookmark() {
    let world = world();
    let params = WatchParams::default().initial_events();
    let mut stream = world
        .api("v1", "ConfigMap")
        .watch(&params, "")
        .await
        .unwrap()
        .boxed();
    assert_eq!(
        shown(&stream.next().await.unwrap().unwrap()),
        "added kube-root-ca.crt"
    );
    let Some(Ok(WatchEvent::Bookmark(mark))) = stream.next().await else {
        panic!("no bookmark")
    };
    assert_eq!(
        mark.metadata.annotations["k8s.io/initial-events-end"],
        "true"
    );
}

#[tokio::test]
async fn a_version_before_the_history_is_gone() {
    let mut options = SandboxOptions::immediate();
    options.watch_history = 5;
    let world = world_with(options);
    let api = world.api("v1", "ConfigMap");
    for index in 0..10 {
        world
            .make(config_map(&format!("c{index}"), json!({})))
            .await;
    }
    for version in ["2", "999999"] {
        let events: Vec<_> = api
            .watch(&WatchParams::default(), version)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(
            events.iter().map(shown).collect::<Vec<_>>(),
            ["error 410"],
            "from {version}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_survives_dropped_and_expired_watches() {
    let world = world();
    world.sandbox.faults().next(
        1,
        Requests::on("configmaps").verbs(["watch"]),
        Fault::DropWatch { after: 1 },
    );
    world.sandbox.faults().next(
        1,
        Requests::on("configmaps").verbs(["watch"]),
        Fault::ExpireWatch { after: 1 },
    );
    let mut stream = watcher(
        world.api("v1", "ConfigMap"),
        watcher::Config::default().fields("metadata.name!=kube-root-ca.crt"),
    )
    .boxed();
    let (mut seen, mut errors) = (Vec::new(), 0);
    let mut next = 0;
    while seen.len() < 4 {
        match stream.next().await.unwrap() {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                let name = object.metadata.name.unwrap();
                if !seen.contains(&name) {
                    seen.push(name);
                }
            }
            Ok(watcher::Event::InitDone) => {}
            Ok(_) => continue,
            Err(_) => {
                errors += 1;
                continue;
            }
        }
        if next < 4 {
            world.make(config_map(&format!("n{next}"), json!({}))).await;
            next += 1;
        }
    }
    assert_eq!(seen, ["n0", "n1", "n2", "n3"]);
    assert_eq!(errors, 1, "the expiry is told, the drop is not");
}
