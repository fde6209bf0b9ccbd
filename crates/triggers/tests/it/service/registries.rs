//! Registries that are asked: what is news, and how they are treated.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use spindrift_outbound::{Outbound, Policy};
use spindrift_store::MemoryStore;
use spindrift_triggers::{PollPolicy, RegistryAccount, Secret, TriggerOptions};

use super::scripted::{Asked, Scripted, Shelf, said};
use super::world::{Life, MORNING};

const SOON: Duration = Duration::from_millis(30);

pub fn options(registry: &Scripted, change: impl FnOnce(&mut RegistryAccount)) -> TriggerOptions {
    spindrift_outbound::install_crypto_provider();
    let mut account = RegistryAccount::new("hub", &format!("http://{}", registry.address));
    account.interval = SOON;
    change(&mut account);
    let policy = Policy {
        allow: vec![registry.address.to_string().parse().unwrap()],
        ..Policy::default()
    };
    TriggerOptions {
        registries: vec![account],
        outbound: Some(Outbound::new(policy).unwrap()),
        ..TriggerOptions::default()
    }
}

fn on_image(tag: &str) -> serde_json::Value {
    json!({"triggers": [{"type": "docker", "enabled": true, "account": "hub", "repository": "shop/web", "tag": tag}]})
}

async fn life(registry: &Scripted, change: impl FnOnce(&mut RegistryAccount)) -> Life {
    Life::with(MemoryStore::new(), MORNING, options(registry, change))
}

/// The tags of the runs, sorted.
fn tags(life: &Life) -> Vec<String> {
    let mut tags: Vec<String> = life
        .runs("a")
        .iter()
        .map(|run| run.trigger.text("tag").unwrap_or_default().to_owned())
        .collect();
    tags.sort();
    tags
}

#[tokio::test]
async fn the_first_look_is_silent_and_what_comes_later_starts_runs_once() {
    let shelf = Shelf::default();
    for tag in ["1.0", "1.1", "1.2", "latest", "stable"] {
        shelf.put(tag, "sha256:old");
    }
    let told = shelf.clone();
    let registry = Scripted::new(move |asked, _| told.answer(asked)).await;
    let life = life(&registry, |_| {}).await;
    life.save("a", on_image("")).await;
    registry.another_round().await;
    assert_eq!(tags(&life), [""; 0]);
    shelf.put("1.3", "sha256:new");
    // Without digests a tag that moves is no news.
    shelf.put("1.2", "sha256:moved");
    let runs = life.until_runs("a", 1).await;
    let trigger = &runs[0].trigger;
    assert_eq!(
        (trigger.text("tag"), trigger.text("digest")),
        (Some("1.3"), Some("sha256:new"))
    );
    let artifact = &trigger.artifacts()[0];
    let name = format!("{}/shop/web", registry.address);
    assert_eq!(
        (&artifact["type"], &artifact["name"]),
        (&json!("docker/image"), &json!(name))
    );
    assert_eq!(artifact["reference"], format!("{name}:1.3"));
    registry.another_round().await;
    assert_eq!(tags(&life), ["1.3"]);
    // What is pushed while nobody looks is found by the next life.
    let now = life.engine.clock().now();
    life.triggers.stop().await;
    life.engine.stop().await;
    shelf.put("1.4", "sha256:later");
    let life = Life::with(life.store.reopen(), now + 1_000, options(&registry, |_| {}));
    life.until_runs("a", 2).await;
    registry.another_round().await;
    assert_eq!(tags(&life), ["1.3", "1.4"]);
    let event = life.triggers.events(None, 1).unwrap().remove(0);
    assert_eq!(event.summaries, [format!("image {name}:1.4")]);
}

#[tokio::test]
async fn a_tag_that_moves_is_news_where_digests_are_tracked() {
    let shelf = Shelf::default();
    shelf.put("stable", "sha256:one");
    let told = shelf.clone();
    let registry = Scripted::new(move |asked, _| told.answer(asked)).await;
    let life = life(&registry, |account| account.policy.track_digests = true).await;
    life.save("a", on_image("stable")).await;
    registry.another_round().await;
    shelf.put("stable", "sha256:two");
    let runs = life.until_runs("a", 1).await;
    assert_eq!(runs[0].trigger.text("digest"), Some("sha256:two"));
    registry.another_round().await;
    assert_eq!(tags(&life), ["stable"]);
}

#[tokio::test]
async fn a_repository_that_is_not_there_yet_starts_a_run_with_its_first_image() {
    let shelf = Shelf::default();
    let told = shelf.clone();
    let registry = Scripted::new(move |asked, _| told.answer(asked)).await;
    let life = life(&registry, |_| {}).await;
    life.save("a", on_image("")).await;
    registry.another_round().await;
    shelf.put("0.1", "sha256:first");
    life.until_runs("a", 1).await;
    assert_eq!(tags(&life), ["0.1"]);
}

#[tokio::test]
async fn an_import_starts_nothing_and_locks_nothing_up() {
    let shelf = Shelf::default();
    shelf.put("0", "sha256:0");
    let told = shelf.clone();
    let registry = Scripted::new(move |asked, _| told.answer(asked)).await;
    let life = life(&registry, |account| {
        account.policy = PollPolicy {
            threshold: 5,
            ..PollPolicy::default()
        };
    })
    .await;
    life.save("a", on_image("")).await;
    registry.another_round().await;
    let imported: Vec<String> = (10..20).map(|number| number.to_string()).collect();
    shelf.put_all(&imported);
    registry.another_round().await;
    registry.another_round().await;
    assert_eq!(tags(&life), [""; 0]);
    shelf.put("20", "sha256:20");
    life.until_runs("a", 1).await;
    assert_eq!(tags(&life), ["20"]);
}

#[tokio::test]
async fn a_trigger_that_comes_back_does_not_start_what_came_meanwhile() {
    let shelf = Shelf::default();
    shelf.put("1", "sha256:1");
    let told = shelf.clone();
    let registry = Scripted::new(move |asked, _| told.answer(asked)).await;
    let life = life(&registry, |account| {
        account.repositories = vec!["other".to_owned()]
    })
    .await;
    life.save("a", on_image("")).await;
    registry.another_round().await;
    life.save("a", json!({"triggers": []})).await;
    let asks = |asked: &Asked| asked.path.starts_with("/v2/shop/web/");
    let of_other = |count: usize| {
        move |asked: &[Asked]| {
            let later = asked.iter().rev().take_while(|one| !asks(one));
            later.count() >= count
        }
    };
    registry.until(of_other(3)).await;
    shelf.put("2", "sha256:2");
    life.save("a", on_image("")).await;
    registry.until(|asked| asked.last().is_some_and(asks)).await;
    registry.another_round().await;
    assert_eq!(tags(&life), [""; 0]);
    shelf.put("3", "sha256:3");
    life.until_runs("a", 1).await;
    assert_eq!(tags(&life), ["3"]);
}

#[tokio::test]
async fn tokens_are_fetched_once_with_the_accounts_password() {
    let shelf = Shelf::default();
    shelf.put("1", "sha256:1");
    let told = shelf.clone();
    let registry = Scripted::new(move |asked, address| {
        // "ci:hunter2"
        if asked.path.starts_with("/token?service=shelf&scope=repository%3Ashop%2Fweb%3Apull")
            && asked.authorization == "Basic Y2k6aHVudGVyMg=="
        {
            return said(200, r#"{"access_token": "t0ken", "expires_in": 3600}"#);
        }
        if asked.authorization == "Bearer t0ken" {
            return told.answer(asked);
        }
        let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"shelf\",scope=\"repository:shop/web:pull\"");
        (401, vec![("WWW-Authenticate".to_owned(), challenge)], String::new())
    })
    .await;
    let life = life(&registry, |account| {
        account.username = Some("ci".to_owned());
        account.password = Secret::new("hunter2");
    })
    .await;
    life.save("a", on_image("")).await;
    registry.another_round().await;
    shelf.put("2", "sha256:2");
    life.until_runs("a", 1).await;
    let asked = registry.asked();
    let tokens = asked.iter().filter(|one| one.path.starts_with("/token"));
    assert_eq!(tokens.count(), 1, "{asked:#?}");
    let bare = asked.iter().filter(|one| one.authorization.is_empty());
    assert_eq!(bare.count(), 1, "{asked:#?}");
}

#[tokio::test]
async fn a_registry_that_throttles_is_left_alone_for_as_long_as_it_says() {
    let throttles = Arc::new(AtomicBool::new(true));
    let shelf = Shelf::default();
    let (told, once) = (shelf.clone(), Arc::clone(&throttles));
    let registry = Scripted::new(move |asked, _| {
        if once.swap(false, Ordering::SeqCst) {
            return (
                429,
                vec![("Retry-After".to_owned(), "1".to_owned())],
                String::new(),
            );
        }
        told.answer(asked)
    })
    .await;
    let life = life(&registry, |_| {}).await;
    life.save("a", on_image("")).await;
    registry.until(|asked| !asked.is_empty()).await;
    // Neither its turn nor a save makes it asked again.
    life.save("b", on_image("x")).await;
    registry.until(|asked| asked.len() > 1).await;
    let asked = registry.asked();
    let pause = asked[1].at - asked[0].at;
    assert!(pause >= Duration::from_millis(990), "{pause:?}");
    registry.another_round().await;
    shelf.put("1", "sha256:1");
    life.until_runs("a", 1).await;
}

#[tokio::test]
async fn what_a_registry_must_not_do_is_refused() {
    let registry = Scripted::new(|asked, address| {
        let header = match asked.path.starts_with("/v2/links") {
            true => ("Link", "<http://evil.example/v2/>; rel=\"next\"".to_owned()),
            false => (
                "WWW-Authenticate",
                format!("Bearer realm=\"http://{address}/denied\""),
            ),
        };
        let status = match asked.path.as_str() {
            path if path.starts_with("/v2/links") => 200,
            path if path.starts_with("/denied") => 403,
            _ => 401,
        };
        (
            status,
            vec![(header.0.to_owned(), header.1)],
            r#"{"tags": ["1"]}"#.to_owned(),
        )
    })
    .await;
    let life = life(&registry, |account| {
        account.repositories = vec!["links".to_owned(), "locked".to_owned()];
    })
    .await;
    registry.another_round().await;
    assert!(life.triggers.events(None, 10).unwrap().is_empty());
    let asked = registry.asked();
    // Both are asked again in their time, and not more often.
    let links = asked
        .iter()
        .filter(|one| one.path.starts_with("/v2/links"))
        .count();
    let denied = asked
        .iter()
        .filter(|one| one.path.starts_with("/denied"))
        .count();
    assert!(
        links > 0 && denied > 0 && links.abs_diff(denied) <= 1,
        "{asked:#?}"
    );
    life.triggers.stop().await;
}
