//! Schedules.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{runs, triggered, until_runs};
use crate::support::command::run_in;
use crate::support::eventually;
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, Server};

fn every_second(missed: &str) -> Value {
    json!({"id": "each-second", "type": "cron", "enabled": true, "cronExpression": "* * * * * ?", "timeZone": "UTC", "missedRuns": missed})
}

/// The times for which a pipeline ran, sorted; each once, or the test fails.
fn times(all: &[Value]) -> Vec<i64> {
    let times: Vec<i64> = all
        .iter()
        .map(|run| run["trigger"]["scheduledTime"].as_i64().unwrap())
        .collect();
    let distinct: BTreeSet<i64> = times.iter().copied().collect();
    assert_eq!(distinct.len(), times.len(), "a time came twice: {times:?}");
    distinct.into_iter().collect()
}

#[test]
fn a_schedule_starts_its_run_within_its_time() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    server.save(triggered("tick", &[every_second("skip")]));
    let all = until_runs(&server, "tick", 5);
    assert!(times(&all).iter().all(|time| time % 1_000 == 0));
    let late = |run: &Value| {
        run["startTime"].as_i64().unwrap() - run["trigger"]["scheduledTime"].as_i64().unwrap()
    };
    let mut late: Vec<i64> = all
        .iter()
        .filter(|run| run["startTime"].is_i64())
        .map(late)
        .collect();
    late.sort_unstable();
    // Never early; and at its time, as far as a busy machine lets a debug build be.
    assert!(
        late[0] >= 0 && late[0] < 50 && late[late.len() / 2] < 500,
        "{late:?}"
    );

    let url = server.url();
    let next = run_in(
        scratch.as_ref(),
        &["next-runs", "test/tick", "--count", "3", "--server", &url],
        "",
    )
    .with_code(0);
    assert_eq!(next.out.matches("each-second").count(), 3, "{}", next.out);
    let event = server.get("/events?limit=1").with_status(200).json();
    assert_eq!(
        (&event[0]["type"], &event[0]["source"]),
        (&json!("cron"), &json!("tick"))
    );
    server
        .call("DELETE", "/pipelines/test/tick", None)
        .with_status(200);
    let count = runs(&server, "tick").len();
    // A schedule that is gone has no time to wait for; two of its times pass.
    pass(2_100);
    assert_eq!(runs(&server, "tick").len(), count);
}

#[test]
fn a_pause_of_the_process_loses_and_doubles_no_time() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let server = launch.start();
    // What is late by less than a minute is not missed, whatever is done with what is.
    let policies = ["skip", "all"];
    for policy in policies {
        server.save(triggered(policy, &[every_second(policy)]));
        until_runs(&server, policy, 2);
    }
    // Time goes on while the process does not: to it the clock jumps.
    server.signal(Signal::STOP);
    pass(3_200);
    let woken = now();
    server.signal(Signal::CONT);
    for policy in policies {
        all_until(&server, policy, woken);
    }
    server.kill();
    pass(2_200);
    let server = launch.start();
    let woken = now();
    for policy in policies {
        all_until(&server, policy, woken);
    }
}

/// Waits until a pipeline has run for a time after `time`, and sees that it ran for all before it.
fn all_until(server: &Server, pipeline: &str, time: i64) {
    let all = eventually(|| {
        let all = times(&runs(server, pipeline));
        Some(all).filter(|all| all.last() > Some(&time))
    });
    let whole = all.windows(2).all(|pair| pair[1] - pair[0] == 1_000);
    assert!(whole, "{pipeline} lacks a time: {all:?}");
}

/// Lets the time pass that the test is about.
fn pass(millis: i64) {
    let end = now() + millis;
    eventually(|| (now() >= end).then_some(()));
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test compares with the clock of the machine"
)]
fn now() -> i64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(passed.as_millis()).unwrap()
}

#[test]
fn a_text_that_is_no_schedule_is_refused_with_its_place() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    for (expression, reason) in [
        ("0 0 25 * * ?", "25"),
        ("0 0 9 * * MON-FRI", "write \"?\""),
        ("every night", "6 or 7 fields"),
        ("0 0 0 31 2 ?", "no such date"),
    ] {
        let trigger = json!({"type": "cron", "enabled": true, "cronExpression": expression});
        let answer = server.call("POST", "/pipelines", Some(triggered("bad", &[trigger])));
        let answer = answer.with_status(400);
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            "/triggers/0/cronExpression"
        );
        assert!(
            answer.message().contains(reason),
            "{expression}: {}",
            answer.message()
        );
    }
}
