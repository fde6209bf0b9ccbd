//! The search for executions by what triggered them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{Api, START, pipeline};

/// Six executions, a second apart: what triggered them, oldest first.
async fn searched() -> (Api, Vec<String>) {
    let api = Api::new();
    for name in ["build", "deploy"] {
        api.save(pipeline(name, "noop")).await;
    }
    let triggers = [
        (
            "build",
            json!({"type": "git", "branch": "main", "hash": "aaa"}),
        ),
        (
            "build",
            json!({"type": "git", "branch": "feature/x", "hash": "bbb"}),
        ),
        (
            "build",
            json!({"type": "manual", "parameters": {"tag": "7", "zone": "eu"}}),
        ),
        (
            "deploy",
            json!({"type": "webhook", "eventId": "e-1", "payload": {"images": [{"name": "web", "tag": "1"}, {"name": "db", "tag": "2"}]}}),
        ),
        (
            "deploy",
            json!({"type": "webhook", "eventId": "e-2", "payload": {"images": [{"name": "db", "tag": "3"}]}}),
        ),
        ("deploy", json!({"type": "Git", "branch": "MAIN"})),
    ];
    let mut ids = Vec::new();
    for (name, trigger) in triggers {
        ids.push(api.start(name, trigger).await);
        api.advance(1000);
    }
    (api, ids)
}

fn encode(trigger: Value) -> String {
    STANDARD
        .encode(trigger.to_string())
        .replace('+', "%2B")
        .replace('=', "%3D")
}

#[tokio::test]
async fn executions_are_found_by_their_trigger() {
    let (api, ids) = searched().await;
    let after = START + 2000;
    let table: Vec<(String, &[usize])> = vec![
        (String::new(), &[5, 4, 3, 2, 1, 0]),
        ("size=2".to_owned(), &[5, 4]),
        ("size=2&startIndex=2".to_owned(), &[3, 2]),
        ("size=2&startIndex=5".to_owned(), &[0]),
        ("startIndex=6".to_owned(), &[]),
        ("reverse=true&size=2".to_owned(), &[0, 1]),
        ("triggerTypes=git".to_owned(), &[5, 1, 0]),
        ("triggerTypes=git&size=1&startIndex=2".to_owned(), &[0]),
        (
            "triggerTypes=git,manual&reverse=true".to_owned(),
            &[0, 1, 2, 5],
        ),
        ("pipelineName=deploy".to_owned(), &[5, 4, 3]),
        ("pipelineName=nothing".to_owned(), &[]),
        ("eventId=e-2".to_owned(), &[4]),
        ("statuses=RUNNING".to_owned(), &[]),
        ("statuses=SUCCEEDED&size=1".to_owned(), &[5]),
        (
            format!(
                "triggerTimeStartBoundary={after}&triggerTimeEndBoundary={}",
                after + 1000
            ),
            &[3, 2],
        ),
        (
            format!("trigger={}", encode(json!({"branch": "main"}))),
            &[5, 0],
        ),
        (
            format!("trigger={}", encode(json!({"branch": "feature/.*"}))),
            &[1],
        ),
        (
            format!("trigger={}", encode(json!({"branch": "feature"}))),
            &[],
        ),
        (
            format!(
                "trigger={}",
                encode(json!({"parameters": {"tag": "[0-9]"}}))
            ),
            &[2],
        ),
        (
            format!(
                "trigger={}",
                encode(json!({"payload": {"images": [{"name": "db"}, {"tag": "1"}]}}))
            ),
            &[3],
        ),
        (
            format!(
                "trigger={}",
                encode(json!({"payload": {"images": [{"name": "db"}]}}))
            ),
            &[4, 3],
        ),
        (
            format!(
                "trigger={}",
                URL_SAFE_NO_PAD.encode(json!({"hash": "aaa"}).to_string())
            ),
            &[0],
        ),
    ];
    for (query, expected) in table {
        for application in ["shop", "SHOP", "*"] {
            let answer = api
                .get(&format!(
                    "/applications/{application}/executions/search?{query}"
                ))
                .await;
            assert_eq!(answer.status, 200, "{query}: {answer:?}");
            let found = answer.json();
            let found: Vec<&str> = found
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].as_str().unwrap())
                .collect();
            let expected: Vec<&str> = expected.iter().map(|index| ids[*index].as_str()).collect();
            assert_eq!(found, expected, "{application} {query}");
        }
    }
    let elsewhere = api.get("/applications/bank/executions/search").await;
    assert_eq!(elsewhere.json(), json!([]));
}

#[tokio::test]
async fn a_search_leaves_the_contexts_out_unless_asked() {
    let (api, _) = searched().await;
    let tasks = async |query: &str| {
        let answer = api
            .get(&format!(
                "/applications/shop/executions/search?size=1{query}"
            ))
            .await;
        answer.json()[0]["stages"][0]["tasks"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((tasks("").await, tasks("&expand=true").await), (0, 1));
}

#[tokio::test]
async fn more_executions_than_one_chunk_are_searched() {
    let api = Api::new();
    api.save(pipeline("build", "noop")).await;
    let mut ids = Vec::new();
    for number in 0..600 {
        ids.push(api.start("build", json!({"number": number % 100})).await);
        api.advance(1);
    }
    let trigger = encode(json!({"number": 5}));
    let answer = api
        .get(&format!(
            "/applications/shop/executions/search?trigger={trigger}&startIndex=1&size=4"
        ))
        .await;
    let found = answer.json();
    let found: Vec<&str> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(found, [&ids[405], &ids[305], &ids[205], &ids[105]]);
}
