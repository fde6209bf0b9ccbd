//! Applications.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use spindrift_catalog::{CatalogError, CatalogOptions, Dependencies, StoredLookup};
use spindrift_engine::BoxFuture;
use spindrift_stages::Guards;

use crate::world::{World, ann, map};

#[tokio::test]
async fn an_application_grows_with_every_change_and_keeps_its_history() {
    let world = World::new();
    let upsert = async |change: Value| world.catalog.upsert_application(map(change), &ann()).await;
    let (before, first) = upsert(json!({
        "name": "Shop", "email": "a@b", "cloudProviders": "kubernetes", "owner": "ann",
        "permissions": {"READ": ["dev"]},
    }))
    .await
    .unwrap();
    assert_eq!(before, None);
    assert_eq!(
        (&first["name"], &first["user"]),
        (&json!("shop"), &json!("ann"))
    );
    assert!(first["createTs"].is_string() && first["updateTs"].is_string());

    let (before, second) = upsert(json!({"name": "SHOP", "description": "sells", "owner": null}))
        .await
        .unwrap();
    assert_eq!(before.unwrap(), first);
    assert_eq!(
        (&second["email"], &second["description"]),
        (&json!("a@b"), &json!("sells"))
    );
    assert_eq!(second["permissions"], json!({"READ": ["dev"]}));
    assert_eq!(second["createTs"], first["createTs"]);
    assert!(!second.contains_key("owner"));

    upsert(json!({"name": "shop", "description": "sells"}))
        .await
        .unwrap();
    let history = world.catalog.application_history("sHoP", 10).unwrap();
    let numbers: Vec<u64> = history.iter().map(|revision| revision.revision).collect();
    assert_eq!(
        numbers,
        [2, 1],
        "a change that changes nothing makes no revision"
    );
    assert_eq!(history[1].document, first);
    assert_eq!(world.catalog.application("SHOP").unwrap().unwrap(), second);
    let read = world.catalog.saved_application("shop").unwrap().unwrap();
    assert_eq!(read.cloud_providers, ["kubernetes"]);
}

#[tokio::test]
async fn applications_with_pipelines_are_known_although_nobody_described_them() {
    let world = World::new();
    world
        .save(
            json!({"application": "Web", "name": "p", "stages": [{"type": "wait", "waitTime": 0}]}),
        )
        .await;
    world
        .catalog
        .upsert_application(map(json!({"name": "api", "email": "a@b"})), &ann())
        .await
        .unwrap();
    let names: Vec<Value> = world
        .catalog
        .applications()
        .unwrap()
        .into_iter()
        .map(|application| application["name"].clone())
        .collect();
    assert_eq!(names, ["api", "web"]);
    assert_eq!(
        world.catalog.application("WEB").unwrap(),
        Some(map(json!({"name": "web"})))
    );
    assert_eq!(world.catalog.application("none").unwrap(), None);
}

#[tokio::test]
async fn a_bad_application_changes_nothing() {
    let world = World::new();
    for change in [
        json!({}),
        json!({"name": "shop"}),
        json!({"name": "2shop", "email": "a@b", "cloudProviders": "kubernetes"}),
    ] {
        let refused = world
            .catalog
            .upsert_application(map(change.clone()), &ann())
            .await;
        assert!(matches!(refused, Err(CatalogError::Engine(_))), "{change}");
    }
    assert_eq!(world.catalog.applications().unwrap(), []);
}

struct Clusters(AtomicBool);

impl Dependencies for Clusters {
    fn of(&self, application: String) -> BoxFuture<Result<Vec<String>, String>> {
        let has = self.0.load(Ordering::SeqCst) && application == "shop";
        let kinds = if has {
            vec!["clusters".to_owned()]
        } else {
            Vec::new()
        };
        Box::pin(std::future::ready(Ok(kinds)))
    }
}

#[tokio::test]
async fn an_application_is_deleted_with_its_pipelines_once_it_has_no_clusters() {
    let clusters = Arc::new(Clusters(AtomicBool::new(true)));
    let world = World::with(CatalogOptions {
        dependencies: Some(clusters.clone()),
        ..CatalogOptions::default()
    });
    let catalog = &world.catalog;
    catalog
        .upsert_application(map(json!({"name": "shop", "email": "a@b"})), &ann())
        .await
        .unwrap();
    let stages = json!([{"type": "wait", "waitTime": 0}]);
    let release = world
        .save(json!({"application": "SHOP", "name": "release", "stages": stages}))
        .await;
    world
        .save(json!({"application": "shop", "name": "blue", "strategy": true, "stages": stages}))
        .await;
    let other = world
        .save(json!({"application": "web", "name": "release", "stages": stages}))
        .await;
    let both = json!({"name": "both", "config": {"applications": ["shop", "web"], "pipelineConfigs": [{"application": "shop", "pipelineConfigId": release}]}});
    catalog.upsert_project(map(both), &ann()).await.unwrap();
    catalog
        .upsert_project(
            map(json!({"name": "alone", "config": {"applications": ["shop"]}})),
            &ann(),
        )
        .await
        .unwrap();

    let refused = catalog
        .delete_application("Shop", &ann())
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        CatalogError::InUse {
            message: "Application has outstanding dependencies".to_owned(),
            reasons: vec!["Application is associated with one or more clusters".to_owned()],
        }
    );
    assert!(catalog.application("shop").unwrap().is_some());

    clusters.0.store(false, Ordering::SeqCst);
    let before = catalog.delete_application("Shop", &ann()).await.unwrap();
    assert_eq!(before.unwrap()["email"], "a@b");
    assert_eq!(catalog.application("shop").unwrap(), None);
    assert!(catalog.application_history("shop", 1).unwrap()[0].deleted);
    let left = world.engine.store().pipelines(None).unwrap();
    let left: Vec<String> = left
        .iter()
        .map(|pipeline| pipeline.id.to_string())
        .collect();
    assert_eq!(left, [other]);
    let projects = catalog.projects().unwrap();
    assert_eq!(projects.len(), 1);
    assert_eq!(
        projects[0]["config"],
        json!({"applications": ["web"], "pipelineConfigs": []})
    );

    assert_eq!(
        catalog.delete_application("shop", &ann()).await.unwrap(),
        None
    );
    let (before, again) = catalog
        .upsert_application(map(json!({"name": "shop", "email": "c@d"})), &ann())
        .await
        .unwrap();
    assert_eq!((before, &again["email"]), (None, &json!("c@d")));
    assert_eq!(catalog.application_history("shop", 10).unwrap().len(), 3);
}

#[tokio::test]
async fn stages_see_the_traffic_guards_of_an_application() {
    let world = World::new();
    let guard =
        json!({"account": "prod", "location": "*", "stack": "main", "detail": "", "enabled": true});
    let change = json!({"name": "shop", "email": "a@b", "trafficGuards": [guard]});
    let catalog = &world.catalog;
    catalog
        .upsert_application(map(change), &ann())
        .await
        .unwrap();
    let lookup = StoredLookup::new(world.store.clone());
    let guards = lookup.of("SHOP").await.unwrap();
    assert_eq!(guards.len(), 1);
    assert_eq!(
        (guards[0].stack.as_deref(), guards[0].detail.as_deref()),
        (Some("main"), None)
    );
    assert!(lookup.of("none").await.unwrap().is_empty());
}
