//! Many hooks at once.

use std::collections::BTreeSet;

use serde_json::json;

use super::{post, runs, started, triggered};
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

const EVENTS: usize = 5_000;

/// Every so many of them is one that a pipeline waits for.
const MATCHING: usize = 50;

#[test]
fn a_burst_of_events_is_taken_whole() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let server = launch.start();
    let hook = json!({"type": "webhook", "enabled": true, "source": "ci", "payloadConstraints": {"number": "^[0-9]*[05]0$"}});
    server.save(triggered("release", &[hook]));
    let answers: Vec<(String, Vec<String>)> = std::thread::scope(|threads| {
        let workers: Vec<_> = (0..32)
            .map(|worker| {
                let server = &server;
                threads.spawn(move || {
                    let numbers = (worker..EVENTS).step_by(32);
                    let send = |number: usize| {
                        // A leading zero, so that 0 is matched, too.
                        let body = json!({"number": format!("0{number}")}).to_string();
                        let answer = post(server, "/webhooks/webhook/ci", &[], body.as_bytes());
                        let answer = answer.unwrap().with_status(200).json();
                        (
                            answer["eventId"].as_str().unwrap().to_owned(),
                            started(&answer),
                        )
                    };
                    numbers.map(send).collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    let ids: BTreeSet<&String> = answers.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), EVENTS);
    let begun: BTreeSet<&String> = answers.iter().flat_map(|(_, runs)| runs).collect();
    // 0, 50, 100, … are written 00, 050, 0100, ….
    assert_eq!(begun.len(), EVENTS / MATCHING);
    assert_eq!(runs(&server, "release").len(), EVENTS / MATCHING);
    server.kill();
    // All of them are there after a crash, in pages.
    let server = launch.start();
    let (mut found, mut after) = (BTreeSet::new(), String::new());
    loop {
        let page = server
            .get(&format!("/events?limit=1000&after={after}"))
            .with_status(200)
            .json();
        let page = page.as_array().unwrap().clone();
        let Some(last) = page.last() else {
            break;
        };
        after = last["id"].as_str().unwrap().to_owned();
        found.extend(
            page.iter()
                .map(|event| event["id"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(found.iter().collect::<BTreeSet<_>>(), ids);
    assert_eq!(runs(&server, "release").len(), EVENTS / MATCHING);
}
