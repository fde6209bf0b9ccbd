//! Pipelines that the end of another one starts.

use serde_json::{Value, json};
use spindrift_model::Status;

use super::world::Life;

fn after(parent: &str, statuses: Value) -> Value {
    json!({"type": "pipeline", "enabled": true, "application": "app", "pipeline": parent, "status": statuses})
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_starts_what_waits_for_it() {
    let life = Life::new();
    life.save("parent", json!({})).await;
    life.save(
        "child",
        json!({"triggers": [after("parent", json!(["successful"]))]}),
    )
    .await;
    life.save(
        "mourner",
        json!({"triggers": [after("parent", json!(["failed", "canceled"]))]}),
    )
    .await;
    let parent = life.start("parent").await;
    let parent = life.ended(&parent).await;
    assert_eq!(parent.status, Status::Succeeded);
    let child = life.until_runs("child", 1).await.remove(0);
    let trigger = child.trigger.map();
    assert_eq!(trigger["type"], "pipeline");
    assert_eq!(trigger["user"], "tester");
    assert_eq!(trigger["parentExecution"]["id"], parent.id.as_str());
    assert_eq!(trigger["parentExecution"]["status"], "SUCCEEDED");
    assert_eq!(trigger["parentPipelineId"], parent.id.as_str());
    life.ended(&child.id).await;
    assert!(life.runs("mourner").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_end_while_nobody_was_there_is_not_lost_and_not_repeated() {
    let life = Life::new();
    life.save("parent", json!({})).await;
    life.save(
        "child",
        json!({"triggers": [after("parent", json!(["successful"]))]}),
    )
    .await;
    // The watcher is gone before the parent ends.
    let parent = life.start("parent").await;
    life.triggers.stop().await;
    life.ended(&parent).await;
    assert!(life.runs("child").is_empty());
    let life = life.restart(1_000).await;
    let runs = life.until_runs("child", 1).await;
    life.ended(&runs[0].id).await;
    let life = life.restart(1_000).await;
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    assert_eq!(life.runs("child").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_child_is_started_once_wherever_the_process_dies() {
    for commits in 0..12 {
        let life = Life::new();
        life.save("parent", json!({})).await;
        life.save(
            "child",
            json!({"triggers": [after("parent", json!(["successful"]))]}),
        )
        .await;
        life.start("parent").await;
        life.store.crash_after(commits);
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let life = life.after_crash(1_000).await;
        let runs = life.until_runs("child", 1).await;
        life.ended(&runs[0].id).await;
        let life = life.restart(1_000).await;
        tokio::time::sleep(std::time::Duration::from_secs(90)).await;
        assert_eq!(life.runs("child").len(), 1, "dead after {commits} commits");
    }
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_pipelines_ends() {
    let life = Life::new();
    life.save(
        "a",
        json!({"triggers": [after("b", json!(["successful"]))]}),
    )
    .await;
    life.save(
        "b",
        json!({"triggers": [after("a", json!(["successful"]))]}),
    )
    .await;
    life.start("a").await;
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    let count = life.runs("a").len() + life.runs("b").len();
    assert_eq!(count, 51);
    let newest = &life.triggers.events(None, 1).unwrap()[0];
    assert!(
        format!("{:?}", newest.verdicts).contains("form a circle"),
        "{newest:?}"
    );
}
