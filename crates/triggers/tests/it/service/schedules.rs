//! Schedules: on time, once, also across restarts.

use std::time::Duration;

use serde_json::{Value, json};
use spindrift_model::{Execution, Millis};

use super::world::{Life, MORNING};

const MINUTE: Millis = 60_000;

fn cron(text: &str, extra: Value) -> Value {
    let mut trigger = json!({"type": "cron", "id": "tick", "enabled": true, "cronExpression": text, "timeZone": "UTC"});
    for (key, value) in extra.as_object().unwrap() {
        trigger[key] = value.clone();
    }
    json!({"triggers": [trigger]})
}

fn scheduled(runs: &[Execution]) -> Vec<Millis> {
    let time = |run: &Execution| run.trigger.map()["scheduledTime"].as_i64().unwrap();
    runs.iter()
        .map(|run| (time(run) - MORNING) / MINUTE)
        .collect()
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_secs(60 * count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_schedule_runs_within_milliseconds_of_its_time() {
    let life = Life::on(Default::default(), MORNING + 10_000);
    life.save("a", cron("0 * * * * ?", json!({"parameters": {"x": "1"}})))
        .await;
    let runs = life.until_runs("a", 3).await;
    assert_eq!(scheduled(&runs), [1, 2, 3]);
    for run in &runs {
        let time = run.trigger.map()["scheduledTime"].as_i64().unwrap();
        let late = run.build_time.unwrap() - time;
        assert!((0..=50).contains(&late), "{late} ms late");
        assert_eq!(run.trigger.map()["parameters"]["x"], "1");
        assert_eq!(run.trigger.kind(), "cron");
    }
    let id = &life.triggers.events(None, 1).unwrap()[0].id;
    assert_eq!(runs[2].trigger.text("eventId").map(|_| ()), Some(()));
    assert_eq!(
        life.triggers.event(id).unwrap().unwrap().started().next(),
        Some(&runs[2].id)
    );
}

#[tokio::test(start_paused = true)]
async fn saving_switches_schedules_at_once() {
    let life = Life::new();
    life.save("a", cron("30 * * * * ?", json!({}))).await;
    let times = life.triggers.next_runs(&"a".into(), 2);
    assert_eq!(times[0].1, [MORNING + 30_000, MORNING + 90_000]);
    life.until_runs("a", 1).await;
    life.save("a", cron("30 * * * * ?", json!({"enabled": false})))
        .await;
    minutes(3).await;
    assert_eq!(life.runs("a").len(), 1);
    assert_eq!(life.triggers.next_runs(&"a".into(), 2), []);
    // Switched on again it begins anew: nothing is made up for.
    life.save("a", cron("30 * * * * ?", json!({}))).await;
    life.until_runs("a", 2).await;
    assert_eq!(life.runs("a").len(), 2);
    life.triggers
        .delete_pipeline(&"a".into(), "tester")
        .await
        .unwrap();
    minutes(3).await;
    assert_eq!(life.runs("a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_save_in_the_meantime_neither_loses_nor_repeats_a_time() {
    let life = Life::new();
    for round in 0..120 {
        let waits = json!([{"refId": "1", "type": "wait", "waitTime": round}]);
        let mut document = cron("0/5 * * * * ?", json!({}));
        document["stages"] = waits;
        life.save("a", document).await;
        tokio::time::sleep(Duration::from_millis(499)).await;
    }
    let runs = life.runs("a");
    let times: Vec<Millis> = runs
        .iter()
        .map(|run| run.trigger.map()["scheduledTime"].as_i64().unwrap())
        .collect();
    let expected: Vec<Millis> = (1..=11).map(|step| MORNING + step * 5_000).collect();
    assert_eq!(times, expected);
}

#[tokio::test(start_paused = true)]
async fn missed_times_follow_the_policy_of_the_trigger() {
    let window = 60 * MINUTE;
    // The process is away from minute 1:30 to minute 5:30.
    let table: [(Value, &[Millis]); 4] = [
        (json!({}), &[1, 6]),
        (
            json!({"missedRuns": "once", "missedRunWindowMs": window}),
            &[1, 5, 6],
        ),
        (
            json!({"missedRuns": "all", "missedRunWindowMs": window}),
            &[1, 2, 3, 4, 5, 6],
        ),
        (
            json!({"missedRuns": "all", "missedRunWindowMs": 2 * MINUTE}),
            &[1, 4, 5, 6],
        ),
    ];
    for (policy, expected) in table {
        let life = Life::new();
        life.save("a", cron("0 * * * * ?", policy.clone())).await;
        tokio::time::sleep(Duration::from_secs(90)).await;
        let life = life.restart(4 * MINUTE).await;
        tokio::time::sleep(Duration::from_secs(45)).await;
        let mut found = scheduled(&life.runs("a"));
        found.sort_unstable();
        // Minute 5 is 30 seconds ago: still on time for every policy.
        let expected: Vec<Millis> = match found.contains(&5) && !expected.contains(&5) {
            true => vec![1, 5, 6],
            false => expected.to_vec(),
        };
        assert_eq!(found, expected, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_runs_once_wherever_the_process_dies() {
    for commits in 0..6 {
        let life = Life::new();
        life.save("a", cron("0 0/10 * * * ?", json!({}))).await;
        tokio::time::sleep(Duration::from_secs(9 * 60 + 59)).await;
        life.store.crash_after(commits);
        tokio::time::sleep(Duration::from_secs(2)).await;
        // Back within a minute: the time is still on time.
        let life = life.after_crash(5_000).await;
        life.until_runs("a", 1).await;
        let life = life.restart(5_000).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(
            scheduled(&life.runs("a")),
            [10],
            "dead after {commits} commits"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn many_schedules_of_one_second_all_run() {
    let life = Life::new();
    for number in 0..200 {
        let mut document = cron("0 1 10 * * ?", json!({}));
        document["triggers"][0]["id"] = format!("tick-{number}").into();
        life.save(&format!("p{number}"), document).await;
    }
    tokio::time::sleep(Duration::from_secs(61)).await;
    for number in 0..200 {
        let runs = life.runs(&format!("p{number}"));
        assert_eq!(runs.len(), 1, "p{number}");
        let late = runs[0].build_time.unwrap() - (MORNING + MINUTE);
        assert!((0..=50).contains(&late), "p{number} {late} ms late");
    }
}
