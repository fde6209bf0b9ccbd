//! The process dies at every point: what was acknowledged happens once.

use serde_json::json;
use spindrift_triggers::{Delivery, EventState, Headers, Receipt};

use super::world::Life;

fn delivery() -> Delivery {
    let body = json!({"ref": "refs/heads/main", "after": "abc", "repository": {"name": "web", "owner": {"name": "org"}}});
    Delivery::new("git", "github", body.to_string())
        .with_headers(Headers::new([("X-GitHub-Delivery", "1")]))
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_event_starts_its_runs_once_wherever_the_process_dies() {
    let trigger = json!({"type": "git", "enabled": true, "source": "github", "project": "org", "slug": "web"});
    let mut acknowledged = 0;
    for commits in 0..8 {
        let life = Life::new();
        for pipeline in ["a", "b"] {
            life.save(pipeline, json!({"triggers": [trigger]})).await;
        }
        life.store.crash_after(commits);
        let answer = life.triggers.accept(delivery()).await;
        let life = life.after_crash(5_000).await;
        match &answer {
            Err(_) => assert!(
                life.triggers.events(None, 9).unwrap().is_empty(),
                "{commits}"
            ),
            Ok(Receipt::Done(_) | Receipt::Stored(_)) => {
                acknowledged += 1;
                life.until_runs("a", 1).await;
                life.until_runs("b", 1).await;
            }
            Ok(other) => panic!("{other:?}"),
        }
        // The sender tries again, as it does when it got no answer.
        life.triggers.accept(delivery()).await.unwrap();
        for pipeline in ["a", "b"] {
            let runs = life.until_runs(pipeline, 1).await;
            life.ended(&runs[0].id).await;
            assert_eq!(
                life.runs(pipeline).len(),
                1,
                "{pipeline}, dead after {commits} commits"
            );
        }
        let life = life.restart(5_000).await;
        let events = life.triggers.events(None, 9).unwrap();
        assert_eq!(events.len(), 1, "{commits}");
        assert_eq!(events[0].state, EventState::Done, "{commits}");
        assert_eq!(events[0].started().count(), 2, "{commits}");
        assert_eq!(life.runs("a").len() + life.runs("b").len(), 2, "{commits}");
    }
    assert!(
        acknowledged >= 5,
        "only {acknowledged} points were behind the acknowledgement"
    );
}
