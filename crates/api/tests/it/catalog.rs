//! Applications, projects and templates, as Gate's callers see them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::Api;

/// Runs a task and answers with it; it has ended when `POST /tasks` answers.
async fn task(api: &Api, application: &str, job: Value) -> Value {
    let body = json!({"application": application, "description": "a change", "job": [job]});
    let answer = api.call("POST", "/tasks", Some(body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let path = answer.json()["ref"].as_str().unwrap().to_owned();
    api.get(&path).await.json()
}

fn variable<'t>(task: &'t Value, key: &str) -> &'t Value {
    let variables = task["variables"].as_array().unwrap();
    let found = variables.iter().find(|one| one["key"] == key);
    found.map_or(&Value::Null, |one| &one["value"])
}

#[tokio::test]
async fn an_application_is_created_changed_and_deleted_by_tasks() {
    let api = Api::new();
    let application =
        json!({"name": "Shop", "email": "a@b", "cloudProviders": "kubernetes", "instancePort": 80});
    let created = task(
        &api,
        "Shop",
        json!({"type": "createApplication", "application": application}),
    )
    .await;
    assert_eq!(created["status"], "SUCCEEDED", "{created:#}");
    assert_eq!(created["steps"][0]["name"], "createApplication");
    let shown = api.get("/applications/SHOP?expand=false").await.json();
    assert_eq!(
        (
            &shown["name"],
            &shown["attributes"]["email"],
            &shown["clusters"]
        ),
        (&json!("shop"), &json!("a@b"), &json!({}))
    );
    task(
        &api,
        "shop",
        json!({"type": "updateApplication", "application": {"name": "shop", "email": "c@d"}}),
    )
    .await;
    let listed = api.get("/applications").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed[0]["email"], &listed[0]["instancePort"]),
        (&json!("c@d"), &json!(80))
    );
    assert_eq!(
        api.get("/applications?owner=nobody").await.json(),
        json!([])
    );
    let history = api.get("/applications/shop/history").await.json();
    assert_eq!(
        (&history[0]["revision"], &history[1]["email"]),
        (&json!(2), &json!("a@b"))
    );

    let deleted = task(
        &api,
        "shop",
        json!({"type": "deleteApplication", "application": {"name": "shop"}}),
    )
    .await;
    assert_eq!(deleted["status"], "SUCCEEDED");
    let gone = api.get("/applications/shop").await;
    assert_eq!(
        (gone.status.as_u16(), gone.message().as_str()),
        (404, "Application not found (id: shop)")
    );
    assert_eq!(api.get("/applications").await.json(), json!([]));
    assert_eq!(api.get("/applications/never/history").await.status, 404);
}

#[tokio::test]
async fn a_refused_change_tells_why_where_clients_look() {
    let api = Api::new();
    let application = json!({"name": "2shop", "cloudProviders": "kubernetes"});
    let refused = task(
        &api,
        "2shop",
        json!({"type": "createApplication", "application": application}),
    )
    .await;
    assert_eq!(refused["status"], "TERMINAL");
    let errors = &variable(&refused, "exception")["details"]["errors"];
    assert_eq!(errors.as_array().unwrap().len(), 2, "{refused:#}");
    assert_eq!(errors[1], "Application must have a non-empty email");
}

#[tokio::test]
async fn pipelines_are_saved_and_deleted_by_tasks() {
    let api = Api::new();
    let pipeline = json!({"application": "shop", "name": "release", "index": 4, "stages": [{"type": "wait", "waitTime": "${parameters.x}"}]});
    let encoded = STANDARD.encode(pipeline.to_string());
    let saved = task(
        &api,
        "shop",
        json!({"type": "savePipeline", "pipeline": encoded, "staleCheck": false}),
    )
    .await;
    assert_eq!(saved["status"], "SUCCEEDED", "{saved:#}");
    let id = variable(&saved, "pipeline.id").clone();
    assert_eq!(
        variable(&saved, "pipeline"),
        &Value::Null,
        "triggers may hold secrets"
    );
    let shown = api
        .get("/applications/shop/pipelineConfigs/release")
        .await
        .json();
    assert_eq!(shown["id"], id);

    let mut changed = shown.clone();
    changed["description"] = json!("new");
    changed.as_object_mut().unwrap().shift_remove("index");
    api.advance(1000);
    let updated = task(
        &api,
        "shop",
        json!({"type": "updatePipeline", "pipeline": changed}),
    )
    .await;
    assert_eq!(updated["status"], "SUCCEEDED", "{updated:#}");
    let kept = api
        .get("/applications/shop/pipelineConfigs/release")
        .await
        .json();
    assert_eq!(
        (&kept["index"], &kept["stages"][0]["waitTime"]),
        (&json!(4), &json!("${parameters.x}"))
    );
    let stale = task(
        &api,
        "shop",
        json!({"type": "savePipeline", "pipeline": shown, "staleCheck": true}),
    )
    .await;
    let errors = &variable(&stale, "exception")["details"]["errors"];
    assert!(
        errors[0]
            .as_str()
            .unwrap()
            .starts_with("The submitted pipeline is stale"),
        "{stale:#}"
    );

    let gone = task(
        &api,
        "shop",
        json!({"type": "deletePipeline", "pipeline": {"application": "shop", "name": "Release"}}),
    )
    .await;
    assert_eq!(gone["status"], "SUCCEEDED");
    assert_eq!(
        api.get("/applications/shop/pipelineConfigs/release")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn projects_show_the_latest_runs_of_their_pipelines() {
    let api = Api::new();
    let id = api.save(json!({"application": "shop", "name": "release", "stages": [{"type": "wait", "waitTime": 600}]})).await;
    let project = json!({"name": "retail", "email": "a@b", "config": {"applications": ["shop"], "pipelineConfigs": [{"application": "shop", "pipelineConfigId": id}]}});
    let saved = task(
        &api,
        "spinnaker",
        json!({"type": "upsertProject", "project": project, "user": "a@b"}),
    )
    .await;
    assert_eq!(saved["status"], "SUCCEEDED", "{saved:#}");
    let shown = api.get("/projects/Retail").await.json();
    assert_eq!(shown["id"], *variable(&saved, "projectId"));
    for _ in 0..3 {
        api.start("release", json!({})).await;
        api.advance(1000);
    }
    let runs = api.get("/projects/retail/pipelines?limit=2").await.json();
    assert_eq!(runs.as_array().unwrap().len(), 2);
    assert!(runs[0]["buildTime"].as_i64() > runs[1]["buildTime"].as_i64());
    assert_eq!(
        api.get("/projects/retail/pipelines?statuses=SUCCEEDED")
            .await
            .json(),
        json!([])
    );
    assert_eq!(api.get("/projects").await.json(), json!([shown]));
    task(
        &api,
        "spinnaker",
        json!({"type": "deleteProject", "project": shown}),
    )
    .await;
    assert_eq!(api.get("/projects/retail").await.status, 404);
    assert_eq!(api.get("/projects/retail/pipelines").await.status, 404);
}

#[tokio::test]
async fn templates_are_created_planned_used_and_deleted() {
    let api = Api::new();
    let template = json!({
        "schema": "v2", "id": "web", "metadata": {"name": "Web", "description": "x", "scopes": ["global"]},
        "variables": [{"name": "wait", "type": "int"}],
        "pipeline": {"stages": [{"refId": "1", "type": "wait", "waitTime": "${templateVariables.wait}"}]},
    });
    let created = api
        .call(
            "POST",
            "/v2/pipelineTemplates/create?tag=stable",
            Some(template.clone()),
        )
        .await;
    assert_eq!(
        (created.status.as_u16(), &created.json()["status"]),
        (202, &json!("SUCCEEDED"))
    );
    let twice = api
        .call(
            "POST",
            "/v2/pipelineTemplates/create?tag=stable",
            Some(template.clone()),
        )
        .await;
    assert_eq!(
        (twice.status.as_u16(), twice.message().as_str()),
        (
            409,
            "A pipeline template with the id web:stable already exists"
        )
    );
    assert_eq!(
        api.get("/v2/pipelineTemplates/web?tag=").await.json()["id"],
        "web"
    );
    assert_eq!(
        api.get("/v2/pipelineTemplates/web?tag=test").await.status,
        404
    );
    assert_eq!(
        api.get("/v2/pipelineTemplates/web?tag=stable&digest=00")
            .await
            .status,
        400
    );
    assert_eq!(
        api.get("/v2/pipelineTemplates?scopes=")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        6
    );
    assert_eq!(
        api.get("/v2/pipelineTemplates/versions?scopes=global")
            .await
            .json()["web"]
            .as_array()
            .unwrap()
            .len(),
        3
    );

    let mut pipeline = json!({
        "schema": "v2", "type": "templatedPipeline", "application": "shop", "name": "release",
        "template": {"reference": "spinnaker://web:stable"}, "variables": {}, "exclude": [], "triggers": [],
    });
    let plan = api
        .call("POST", "/v2/pipelineTemplates/plan", Some(pipeline.clone()))
        .await;
    assert_eq!(
        (plan.status.as_u16(), plan.message().as_str()),
        (400, "Missing variable values for: wait")
    );
    let refused = api.call("POST", "/pipelines", Some(pipeline.clone())).await;
    assert_eq!(refused.status, 400);
    pipeline["variables"]["wait"] = json!(600);
    let plan = api
        .call("POST", "/v2/pipelineTemplates/plan", Some(pipeline.clone()))
        .await;
    assert_eq!(plan.json()["stages"][0]["waitTime"], 600);
    api.save(pipeline).await;
    assert_eq!(
        api.get("/v2/pipelineTemplates/web/dependents").await.json()[0]["name"],
        "release"
    );
    let run = api.start("release", json!({})).await;
    let run = api.execution(&run).await;
    assert_eq!(
        (
            &run["stages"][0]["context"]["waitTime"],
            &run["templateVariables"]
        ),
        (&json!(600), &json!({"wait": 600}))
    );

    let mut other = template.clone();
    other["variables"] = json!([{"name": "zone", "type": "string"}]);
    let breaking = api
        .call(
            "POST",
            "/v2/pipelineTemplates/update/web?tag=stable",
            Some(other.clone()),
        )
        .await;
    assert_eq!(breaking.status, 409, "{breaking:?}");
    let forced = api
        .call(
            "POST",
            "/v2/pipelineTemplates/update/web?tag=stable&skipPlanDependents=true",
            Some(other),
        )
        .await;
    assert_eq!(forced.status, 202);
    let used = api.call("DELETE", "/v2/pipelineTemplates/web", None).await;
    assert!(
        used.status == 409 && used.message().contains("shop/release"),
        "{used:?}"
    );
    api.call("DELETE", "/pipelines/shop/release", None).await;
    assert_eq!(
        api.call("DELETE", "/v2/pipelineTemplates/web?tag=", None)
            .await
            .status,
        202
    );
    assert_eq!(
        api.call("DELETE", "/v2/pipelineTemplates/web", None)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn artifacts_are_fetched_by_their_kind() {
    let api = Api::new();
    let names = api.get("/artifacts/credentials").await.json();
    assert_eq!(names[0]["name"], "embedded-artifact");
    let artifact = json!({"type": "embedded/base64", "reference": "a2luZDogUG9k", "artifactAccount": "embedded-artifact"});
    let content = api.call("PUT", "/artifacts/fetch", Some(artifact)).await;
    assert_eq!(
        (content.status.as_u16(), &content.body[..]),
        (200, &b"kind: Pod"[..])
    );
    assert_eq!(content.headers["content-type"], "application/octet-stream");
    let transcript = api
        .transcript(&[
            (
                "PUT",
                "/artifacts/fetch",
                Some(json!({"type": "s3/object", "reference": "s3://b/k"})),
            ),
            (
                "PUT",
                "/artifacts/fetch",
                Some(json!({"type": "http/file"})),
            ),
            (
                "PUT",
                "/artifacts/fetch",
                Some(json!({"type": "http/file", "reference": "http://169.254.169.254/latest"})),
            ),
            ("PUT", "/artifacts/fetch", Some(json!({"type": 3}))),
        ])
        .await;
    insta::assert_snapshot!(transcript);
}
