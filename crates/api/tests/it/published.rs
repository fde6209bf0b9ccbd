//! Pipelines that people have published are taken as they are, or refused with a place and a reason.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::support::{Api, request};

/// What the server adds to a document.
const OWN: [&str; 4] = ["id", "updateTs", "createTs", "lastModifiedBy"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real-inputs/pipelines")
}

#[tokio::test]
async fn published_pipelines_come_back_as_they_were_posted() {
    let Ok(entries) = std::fs::read_dir(folder()) else {
        println!("skipped: {} is not there", folder().display());
        return;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let (mut as_it_is, mut completed, mut refused) = (0, 0, 0);
    for path in &paths {
        // A server of its own for each: some have the same id or name.
        let api = Api::new();
        let text = std::fs::read_to_string(path).unwrap();
        if text.trim().is_empty() {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let answer = api
            .send(request("POST", "/pipelines", &[], Some(text.clone())))
            .await;
        if answer.status == 200 {
            compare(
                &api,
                &name,
                &serde_json::from_str(&text).unwrap(),
                &answer.json(),
            )
            .await;
            as_it_is += 1;
            continue;
        }
        explained(&name, &answer.json());
        let Ok(Value::Object(mut document)) = serde_json::from_str::<Value>(&text) else {
            println!("{name}: {}", answer.message());
            refused += 1;
            continue;
        };
        for (key, value) in [("name", "release"), ("application", "shop")] {
            document.entry(key).or_insert_with(|| value.into());
        }
        let answer = api
            .call("POST", "/pipelines", Some(Value::Object(document.clone())))
            .await;
        if answer.status == 200 {
            compare(&api, &name, &document, &answer.json()).await;
            completed += 1;
        } else {
            explained(&name, &answer.json());
            println!("{name}: {}", answer.message());
            refused += 1;
        }
    }
    println!(
        "{} files: {as_it_is} taken as they are, {completed} with a name and application added, {refused} refused",
        paths.len()
    );
    assert!(as_it_is + completed > paths.len() * 9 / 10);
}

async fn compare(api: &Api, name: &str, posted: &Map<String, Value>, saved: &Value) {
    let (application, id) = (
        saved["application"].as_str().unwrap(),
        saved["id"].as_str().unwrap(),
    );
    let application =
        percent_encoding::utf8_percent_encode(application, percent_encoding::NON_ALPHANUMERIC);
    let answer = api
        .get(&format!("/applications/{application}/pipelineConfigs/{id}"))
        .await;
    assert_eq!(answer.status, 200, "{name}");
    let stored = answer.json();
    let stored = stored.as_object().unwrap();
    let mut shown = posted.clone();
    spindrift_triggers::mask_secrets(&mut shown);
    for (key, value) in &shown {
        let generated = OWN.contains(&key.as_str()) || has_unnamed_cron(key, value);
        assert!(generated || stored.get(key) == Some(value), "{name}: {key}");
    }
    for key in stored.keys() {
        assert!(
            posted.contains_key(key) || OWN.contains(&key.as_str()),
            "{name}: {key}"
        );
    }
}

/// The server names cron triggers that have no id.
fn has_unnamed_cron(key: &str, value: &Value) -> bool {
    let unnamed = |trigger: &Value| {
        trigger["type"] == "cron" && trigger["id"].as_str().is_none_or(str::is_empty)
    };
    key == "triggers"
        && value
            .as_array()
            .is_some_and(|triggers| triggers.iter().any(unnamed))
}

fn explained(name: &str, problem: &Value) {
    let errors = problem["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("{name}: {problem}"));
    assert!(!errors.is_empty(), "{name}");
    for error in errors {
        for member in ["pointer", "code", "message"] {
            assert!(error[member].is_string(), "{name}: {error}");
        }
    }
}
