//! Ad-hoc tasks.

use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn a_task_runs_its_stages_one_after_the_other() {
    let api = Api::new();
    let body = json!({
        "application": "shop", "description": "tidy up",
        "job": [{"type": "noop", "user": "ann", "empty": ""}, {"type": "noop", "user": "bob"}, {"type": "teleport", "user": ""}],
    });
    let answer = api.call("POST", "/tasks", Some(body)).await;
    assert_eq!(answer.status, 200);
    let path = answer.json()["ref"].as_str().unwrap().to_owned();
    assert!(path.starts_with("/tasks/"));
    let task = api.get(&path).await.json();
    assert_eq!(
        (&task["name"], &task["application"]),
        (&json!("tidy up"), &json!("shop"))
    );
    assert_eq!(task["status"], "TERMINAL");
    assert_eq!(task["execution"]["type"], "ORCHESTRATION");
    let variables = task["variables"].as_array().unwrap();
    let variable = |key: &str| {
        variables
            .iter()
            .find(|one| one["key"] == key)
            .map(|one| &one["value"])
    };
    assert_eq!(variable("user"), Some(&json!("bob")));
    assert_eq!(variable("empty"), Some(&json!("")));
    assert!(variable("exception").unwrap()["details"]["errors"].is_array());
    assert_eq!(task["steps"].as_array().unwrap().len(), 2);
    assert_eq!(api.call("DELETE", &path, None).await.line(), "200");
    assert_eq!(api.get(&path).await.status, 404);
}

#[tokio::test]
async fn tasks_are_listed_newest_first_and_canceled() {
    let api = Api::new();
    let mut paths = Vec::new();
    for number in 0..3 {
        let body = json!({"application": "shop", "description": format!("task {number}"), "job": [{"type": "wait", "waitTime": 60}]});
        let answer = api.call("POST", "/tasks", Some(body)).await;
        paths.push(answer.json()["ref"].as_str().unwrap().to_owned());
        api.advance(1000);
    }
    let names = async |query: &str| {
        let list = api
            .get(&format!("/applications/shop/tasks{query}"))
            .await
            .json();
        let names: Vec<String> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        names
    };
    assert_eq!(names("").await, ["task 2", "task 1", "task 0"]);
    assert_eq!(names("?limit=2&page=2").await, ["task 0"]);
    let ids: Vec<&str> = paths
        .iter()
        .map(|path| path.strip_prefix("/tasks/").unwrap())
        .collect();
    assert_eq!(
        api.call("PUT", &format!("/tasks/{}/cancel", ids[0]), None)
            .await
            .line(),
        "200"
    );
    assert_eq!(
        api.call(
            "PUT",
            &format!("/tasks/cancel?ids={},{}", ids[1], ids[2]),
            None
        )
        .await
        .line(),
        "200"
    );
    assert_eq!(names("?statuses=RUNNING").await, [""; 0]);
    assert_eq!(names("?statuses=CANCELED").await.len(), 3);
    assert_eq!(
        api.get("/applications/shop/pipelines").await.json(),
        json!([])
    );
}

#[tokio::test]
async fn a_task_without_a_job_is_refused() {
    let api = Api::new();
    let transcript = api
        .transcript(&[
            (
                "POST",
                "/tasks",
                Some(json!({"application": "shop", "description": "x"})),
            ),
            (
                "POST",
                "/tasks",
                Some(json!({"application": "shop", "job": []})),
            ),
            (
                "POST",
                "/tasks",
                Some(json!({"application": "shop", "job": [{"name": "no type"}]})),
            ),
            ("POST", "/tasks", Some(json!({"job": [{"type": "wait"}]}))),
            ("POST", "/tasks", None),
        ])
        .await;
    insta::assert_snapshot!(transcript);
}
