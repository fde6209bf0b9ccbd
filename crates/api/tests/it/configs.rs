//! Saving, reading, moving, ordering and deleting pipelines, and their history.

use serde_json::json;

use crate::support::{Api, pipeline, waiting};

#[tokio::test]
async fn a_pipeline_is_saved_read_renamed_and_deleted() {
    let api = Api::new();
    let own = json!({"id": "p1", "name": "release", "application": "Shop", "mine": {"x": [1, null]}, "stages": []});
    let transcript = api
        .transcript(&[
            ("POST", "/pipelines", Some(own.clone())),
            ("POST", "/pipelines", Some(own)),
            ("GET", "/applications/shop/pipelineConfigs/release", None),
            ("GET", "/applications/shop/pipelineConfigs/p1", None),
            ("GET", "/applications/shop/pipelineConfigs/nothing", None),
            (
                "POST",
                "/pipelines",
                Some(json!({"name": "RELEASE ", "application": "shop"})),
            ),
            (
                "PUT",
                "/pipelines/p1",
                Some(json!({"name": "release", "application": "Shop", "description": "new"})),
            ),
            (
                "PUT",
                "/pipelines/p1",
                Some(json!({"id": "p2", "name": "release", "application": "Shop"})),
            ),
            (
                "PUT",
                "/pipelines/p9",
                Some(json!({"name": "other", "application": "Shop"})),
            ),
            (
                "POST",
                "/pipelines/move",
                Some(json!({"application": "shop", "from": "release", "to": "deploy"})),
            ),
            (
                "POST",
                "/pipelines/move",
                Some(json!({"application": "shop", "from": "release", "to": "x"})),
            ),
            (
                "POST",
                "/pipelines/move",
                Some(json!({"application": "shop"})),
            ),
            ("GET", "/applications/shop/pipelineConfigs", None),
            ("GET", "/applications", None),
            ("GET", "/applications/SHOP", None),
            ("GET", "/applications/nowhere", None),
            ("DELETE", "/pipelines/shop/deploy", None),
            ("DELETE", "/pipelines/shop/deploy", None),
            ("GET", "/pipelineConfigs", None),
        ])
        .await;
    insta::assert_snapshot!(transcript);
}

#[tokio::test]
async fn a_save_names_the_stage_types_that_are_not_known() {
    let api = Api::new();
    let answer = api
        .call("POST", "/pipelines", Some(pipeline("odd", "teleport")))
        .await;
    assert_eq!(answer.status, 200);
    let warnings = &answer.json()["warnings"];
    assert_eq!(warnings[0]["pointer"], "/stages/0/type");
    assert_eq!(warnings[0]["severity"], "warning");
    assert!(
        warnings[0]["message"]
            .as_str()
            .unwrap()
            .contains("\"teleport\""),
        "{warnings}"
    );
}

#[tokio::test]
async fn a_pipeline_that_cannot_run_is_refused_with_every_place() {
    let api = Api::new();
    let stages = json!([
        {"refId": "1", "type": "wait", "requisiteStageRefIds": ["2"]},
        {"refId": "2", "type": "wait", "requisiteStageRefIds": ["1"]},
        {"refId": "3", "type": "wait", "requisiteStageRefIds": ["9"]},
        {"refId": "3", "type": "wait"},
    ]);
    let body = json!({"name": "knot", "application": "shop", "stages": stages});
    let transcript = api
        .transcript(&[
            ("POST", "/pipelines", Some(body)),
            ("POST", "/pipelines", Some(json!({"stages": "none"}))),
            ("POST", "/pipelines", Some(json!([]))),
            ("POST", "/pipelines", None),
        ])
        .await;
    insta::assert_snapshot!(transcript);
}

#[tokio::test]
async fn a_stale_save_is_refused_when_the_caller_asks_for_it() {
    let api = Api::new();
    let id = api.save(waiting("p")).await;
    let first = api.get("/applications/shop/pipelineConfigs/p").await.json();
    api.advance(5);
    let mut second = first.clone();
    second["description"] = "second".into();
    let saved = api
        .call("POST", "/pipelines?staleCheck=true", Some(second.clone()))
        .await;
    assert_eq!(
        (saved.status.as_u16(), saved.json()["revision"].as_u64()),
        (200, Some(2))
    );
    second["description"] = "third".into();
    let stale = api
        .call("POST", "/pipelines?staleCheck=true", Some(second.clone()))
        .await;
    assert_eq!(stale.status, 400);
    assert!(
        stale
            .message()
            .starts_with("The submitted pipeline is stale."),
        "{}",
        stale.message()
    );
    let last_wins = api
        .call("POST", "/pipelines?staleCheck=false", Some(second))
        .await;
    assert_eq!(last_wins.json()["id"], id);
}

#[tokio::test]
async fn the_history_keeps_every_revision_and_gives_it_back() {
    let api = Api::new();
    let id = api.save(waiting("first")).await;
    for name in ["second", "third"] {
        api.advance(1000);
        let mut document = waiting(name);
        document["id"] = id.clone().into();
        api.save(document).await;
    }
    let history = format!("/pipelineConfigs/{id}/history");
    let names = async |query: &str| {
        let answer = api.get(&format!("{history}{query}")).await;
        let list = answer.json();
        let revisions = list.as_array().unwrap().iter();
        let names: Vec<String> = revisions
            .map(|document| format!("{} {}", document["revision"], document["name"]))
            .collect();
        names.join(", ")
    };
    assert_eq!(names("").await, r#"3 "third", 2 "second", 1 "first""#);
    assert_eq!(names("?limit=1").await, r#"3 "third""#);
    let deleted = api.call("DELETE", "/pipelines/shop/third", None).await;
    assert_eq!(deleted.line(), "200");
    api.advance(1000);
    let restored = api
        .call("POST", &format!("{history}/1/restore"), None)
        .await;
    assert_eq!(
        (
            restored.status.as_u16(),
            restored.json()["revision"].as_u64()
        ),
        (200, Some(4))
    );
    assert_eq!(
        api.get("/applications/shop/pipelineConfigs/first")
            .await
            .status,
        200
    );
    let unknown = api
        .call("POST", &format!("{history}/17/restore"), None)
        .await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.message()),
        (404, format!("pipeline {id} has no revision 17"))
    );
    assert_eq!(
        api.call("POST", &format!("{history}/-1/restore"), None)
            .await
            .status,
        400
    );
    assert_eq!(
        api.get("/pipelineConfigs/nothing/history").await.status,
        404
    );
}

#[tokio::test]
async fn pipelines_are_listed_in_their_order() {
    let api = Api::new();
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(api.save(waiting(name)).await);
    }
    let names = async |query: &str| {
        let answer = api
            .get(&format!("/applications/shop/pipelineConfigs{query}"))
            .await;
        let list = answer.json();
        let names: Vec<String> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{}{}", one["name"], one["index"]))
            .collect();
        names.join(" ").replace('"', "")
    };
    assert_eq!(names("").await, "a0 b1 c2");
    let order =
        json!({"application": "shop", "idsToIndices": {&ids[0]: 2, &ids[1]: 0, &ids[2]: 1}});
    assert_eq!(
        api.call("POST", "/actions/pipelines/reorder", Some(order))
            .await
            .line(),
        "200"
    );
    assert_eq!(names("").await, "b0 c1 a2");
    assert_eq!(names("?pipelineNameFilter=A").await, "a2");
    assert_eq!(names("?pipelineLimit=2").await, "b0 c1");
    // A save that says nothing of the index keeps it.
    let mut again = waiting("b");
    again["id"] = ids[1].clone().into();
    api.save(again).await;
    assert_eq!(names("").await, "b0 c1 a2");
    for (order, status) in [
        (
            json!({"application": "shop", "idsToIndices": {"nothing": 1}}),
            404,
        ),
        (
            json!({"application": "bank", "idsToIndices": {&ids[0]: 1}}),
            400,
        ),
        (
            json!({"application": "shop", "idsToIndices": {&ids[0]: -1}}),
            400,
        ),
        (json!({"application": "shop"}), 400),
    ] {
        let answer = api
            .call("POST", "/actions/pipelines/reorder", Some(order.clone()))
            .await;
        assert_eq!(answer.status, status, "{order}");
    }
}

#[tokio::test]
async fn a_bulk_save_saves_what_it_can() {
    let api = Api::new();
    let other = json!({"name": "x", "application": "bank", "stages": []});
    let list = json!([waiting("a"), {"name": "b"}, 7, other, waiting("A")]);
    let answer = api
        .call("POST", "/pipelines/bulksave?application=shop", Some(list))
        .await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&answer.json()).unwrap());
    assert_eq!(
        api.call("POST", "/pipelines/bulksave", Some(json!({})))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn strategies_are_pipelines_apart() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let saved = api
        .call("POST", "/strategies", Some(pipeline("careful", "noop")))
        .await;
    assert_eq!(saved.status, 200);
    let names = async |path: &str| {
        let list = api.get(path).await.json();
        let names = list.as_array().unwrap().iter();
        names
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names("/applications/shop/pipelineConfigs").await,
        ["release"]
    );
    assert_eq!(names("/pipelineConfigs").await, ["release"]);
    assert_eq!(
        names("/applications/shop/strategyConfigs").await,
        ["careful"]
    );
    assert_eq!(names("/strategyConfigs").await, ["careful"]);
    let found = api
        .get("/applications/shop/strategyConfigs/careful")
        .await
        .json();
    assert_eq!(found["strategy"], true);
    for path in [
        "/applications/shop/strategyConfigs/release",
        "/applications/shop/strategyConfigs/x",
    ] {
        assert_eq!(api.get(path).await.status, 404, "{path}");
    }
    let order =
        json!({"application": "shop", "idsToIndices": {saved.json()["id"].as_str().unwrap(): 4}});
    assert_eq!(
        api.call("POST", "/actions/strategies/reorder", Some(order))
            .await
            .line(),
        "200"
    );
    assert_eq!(
        api.call("DELETE", "/strategies/shop/release", None)
            .await
            .status,
        404
    );
    assert_eq!(
        api.call("DELETE", "/strategies/shop/careful", None)
            .await
            .line(),
        "200"
    );
    assert_eq!(names("/strategyConfigs").await, [""; 0]);
}
