//! The cases of the contract that need a service: permissions, and what registries were seen to have.

use std::time::Duration;

use serde_json::{Value, json};
use spindrift_engine::StoreError;
use spindrift_store::MemoryStore;
use spindrift_triggers::{Delivery, ExecuteRights, Receipt, TriggerOptions, VerdictOutcome};

use super::registries::options;
use super::scripted::{Scripted, Shelf};
use super::world::{Life, MORNING};

/// A case of `07-system.yaml`, by its row.
fn case(row: u64) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../engine-spec/conformance/triggers/07-system.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_saphyr::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let found = cases.iter().find(|case| case["rows"] == json!([row]));
    found.unwrap().clone()
}

#[derive(Debug)]
struct Listed(Vec<String>);

impl ExecuteRights for Listed {
    fn may_execute(&self, user: &str, _: &str) -> Result<bool, StoreError> {
        Ok(self.0.iter().any(|listed| listed == user))
    }
}

#[tokio::test(start_paused = true)]
async fn row_35_who_may_not_execute_starts_nothing() {
    let case = case(35);
    let listed: Vec<String> =
        serde_json::from_value(case["permissions"]["EXECUTE"].clone()).unwrap();
    let options = TriggerOptions {
        rights: Some(std::sync::Arc::new(Listed(listed))),
        ..TriggerOptions::default()
    };
    let life = Life::with(MemoryStore::new(), MORNING, options);
    life.save("p", json!({"triggers": case["triggers"]})).await;
    let told = &case["delivery"];
    let (kind, source) = (
        told["kind"].as_str().unwrap(),
        told["source"].as_str().unwrap(),
    );
    let delivery = Delivery::new(kind, source, told["body"].to_string());
    let preview = life.triggers.preview(&delivery).unwrap();
    let matches = preview.events[0]
        .1
        .iter()
        .filter(|verdict| verdict.is_match());
    assert_eq!(matches.count(), 1);
    let Receipt::Done(record) = life.triggers.accept(delivery).await.unwrap() else {
        panic!("it is an event")
    };
    let triggers = life.engine.pipeline("app", "p").unwrap().document["triggers"].clone();
    let said: Vec<(bool, Option<String>)> = record
        .verdicts
        .iter()
        .map(|verdict| match &verdict.outcome {
            VerdictOutcome::Started { .. } => (true, None),
            VerdictOutcome::Rejected { code, .. } => (false, Some(code.clone())),
            VerdictOutcome::Failed { message } => panic!("{message}"),
        })
        .collect();
    assert_eq!(
        said,
        [(false, Some("trigger.permission".to_owned())), (true, None)]
    );
    assert_eq!(case["expect"]["starts"], json!(["p/1"]));
    let runs = life.runs("p");
    assert_eq!(runs.len(), 1);
    assert_eq!(
        runs[0].authentication.user.as_deref(),
        triggers[1]["runAsUser"].as_str()
    );
}

#[tokio::test]
async fn row_43_known_images_are_completed() {
    assert_eq!(case(43)["level"], "system");
    let shelf = Shelf::default();
    shelf.put("1.0", "sha256:one");
    let told = shelf.clone();
    let registry = Scripted::new(move |asked, _| told.answer(asked)).await;
    let options = options(&registry, |account| {
        account.repositories = vec!["shop/web".to_owned()];
        account.interval = Duration::from_millis(20);
    });
    let life = Life::with(MemoryStore::new(), MORNING, options);
    registry.another_round().await;
    let name = format!("{}/shop/web", registry.address);
    let complete = |artifact: Value| {
        let mut trigger =
            spindrift_model::Map::from_iter([("artifacts".to_owned(), json!([artifact]))]);
        life.triggers.complete_artifacts(&mut trigger).unwrap();
        trigger["artifacts"][0].clone()
    };
    let full = json!({
        "type": "docker/image", "name": name, "version": "1.0", "location": "hub", "reference": format!("{name}:1.0")
    });
    for given in [&name, "shop/web"] {
        let found = complete(json!({"name": given, "version": "1.0", "location": "hub"}));
        assert_eq!(found, full, "{given}");
    }
    for kept in [
        json!({"name": "shop/web", "version": "2.0", "location": "hub"}),
        json!({"name": "shop/web", "version": "1.0", "location": "elsewhere"}),
        json!({"name": "shop/web", "version": "1.0"}),
        json!({"name": "shop/web"}),
        json!("nonsense"),
    ] {
        assert_eq!(complete(kept.clone()), kept);
    }
}
