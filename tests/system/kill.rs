//! A server that is killed again and again while clients use it: whatever it acknowledged is there afterwards, and every
//! run comes to its end.
//!
//! `SPINDRIFT_KILL_CYCLES` says how often it is killed.

mod audit;
mod client;
mod ledger;
mod stand;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rand::Rng;
use serde_json::{Value, json};

use crate::support::pipelines::{judgment, pipeline, reaching, stage, wait, webhook};
use crate::support::receiver::Receiver;
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, Server};
use ledger::Ledger;
use stand::Stand;

const CLIENTS: usize = 3;

/// The keys under which the webhook of a run and a stage was delivered, each as often as it was.
type Deliveries = Arc<Mutex<BTreeMap<(String, String), Vec<String>>>>;

fn cycles() -> usize {
    let cycles = std::env::var("SPINDRIFT_KILL_CYCLES").ok();
    cycles.map_or(20, |cycles| cycles.parse().unwrap())
}

#[test]
fn nothing_acknowledged_is_lost() {
    let scratch = Scratch::new();
    let receiver = Receiver::new();
    let launch = Launch::new(&scratch).configured(&scratch, &reaching(receiver.address));
    prepare(&launch, &receiver);
    let deliveries = collect(receiver);

    let stand = Stand::default();
    let ledger = Ledger::default();
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (stand, ledger) = (&stand, &ledger);
            scope.spawn(move || client::work(stand, ledger, number));
        }
        // Whatever fails, the clients must end, or the scope would wait for them for ever.
        let _end = stand.end_at_drop();
        for _ in 0..cycles() {
            let server = launch.start();
            audit::what_was_acknowledged(&server, &ledger);
            stand.open(server.address);
            stand.wait_for(rand::rng().random_range(1..80));
            server.kill();
            stand.close();
            die_while_starting(&launch);
        }
    });

    let server = launch.start();
    audit::everything_acknowledged(&server, &ledger);
    let all = bring_to_an_end(&server);
    audit::everything_acknowledged(&server, &ledger);
    check_ends(&all, &ledger);
    check_deliveries(&all, &deliveries);
    println!("{}, {} runs in all", ledger.summary(), all.len());
}

/// Saves the pipelines that the clients start.
fn prepare(launch: &Launch, receiver: &Receiver) {
    let server = launch.start();
    let child = json!({"application": "test", "pipeline": "check", "waitForCompletion": true});
    server.save(pipeline("check", &[wait("1", &[], 1)]));
    server.save(pipeline(
        "release",
        &[
            judgment("1", &[]),
            webhook("2", &["1"], receiver.address),
            stage("3", "pipeline", &["1"], child),
            webhook("4", &["2", "3"], receiver.address),
        ],
    ));
    let mut queue = pipeline("queue", &[webhook("1", &[], receiver.address)]);
    queue["limitConcurrent"] = true.into();
    queue["keepWaitingPipelines"] = true.into();
    server.save(queue);
}

fn collect(receiver: Receiver) -> Deliveries {
    let collected = Deliveries::default();
    let deliveries = Arc::clone(&collected);
    thread::spawn(move || {
        for delivery in receiver.into_deliveries() {
            let text = |key: &str| delivery.body[key].as_str().unwrap().to_owned();
            let place = (text("run"), text("stage"));
            let mut deliveries = deliveries.lock().unwrap();
            deliveries
                .entry(place)
                .or_default()
                .push(delivery.key.clone());
            drop(deliveries);
            delivery.accept();
        }
    });
    collected
}

/// Kills some of the next processes in the first moments of their lives, while they read what the last one left.
fn die_while_starting(launch: &Launch) {
    let mut chance = rand::rng();
    if chance.random_ratio(1, 3) {
        let mut child = launch.spawn();
        // No event tells how far the process has come: any moment is as good as another.
        thread::sleep(Duration::from_millis(chance.random_range(0..60)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Approves whatever still waits for somebody, and returns all executions when all have ended.
fn bring_to_an_end(server: &Server) -> BTreeMap<String, Value> {
    for id in audit::executions(server).into_keys() {
        let execution = server.execution(&id);
        if execution["name"] != "release" {
            continue;
        }
        let judgment = &execution["stages"][0];
        if judgment["status"] == "RUNNING" {
            let answer = server.judge(&id, judgment["id"].as_str().unwrap(), "continue");
            answer.with_status(200);
        }
    }
    for id in audit::executions(server).into_keys() {
        server.end(&id);
    }
    audit::executions(server)
}

/// Every run has the end that its acknowledged judgment and cancellation demand, and was started once.
fn check_ends(all: &BTreeMap<String, Value>, ledger: &Ledger) {
    for (id, told) in ledger.runs() {
        let status = all[&id]["status"].as_str().unwrap();
        let expected: &[&str] = match (told.canceled, told.judgment) {
            (true, _) => &["CANCELED"],
            (false, Some("stop")) => &["TERMINAL", "CANCELED"],
            (false, Some(_)) => &["SUCCEEDED", "CANCELED"],
            // It was judged at the end, or by a call whose answer was lost.
            (false, None) => &["SUCCEEDED", "TERMINAL", "CANCELED"],
        };
        assert!(expected.contains(&status), "{id} is {status}: {told:?}");
    }
    let mut correlations = BTreeSet::new();
    for (id, execution) in all {
        if let Some(correlation) = execution["trigger"]["correlationId"].as_str() {
            let is_first = correlations.insert(correlation);
            assert!(is_first, "{id} is a second run of the start {correlation}");
        }
    }
    let mut children = BTreeMap::<&str, usize>::new();
    for execution in all.values() {
        if let Some(parent) = execution["trigger"]["parentExecution"]["id"].as_str() {
            *children.entry(parent).or_default() += 1;
        }
    }
    for (id, execution) in all {
        if execution["name"] == "release" && execution["status"] == "SUCCEEDED" {
            assert_eq!(children.get(id.as_str()), Some(&1), "children of {id}");
        }
    }
}

/// Every run that went through its webhooks has delivered each, always under the same key.
fn check_deliveries(all: &BTreeMap<String, Value>, deliveries: &Deliveries) {
    let deliveries = deliveries.lock().unwrap();
    let mut repeated = 0;
    for (place, keys) in deliveries.iter() {
        let different: BTreeSet<&String> = keys.iter().collect();
        assert_eq!(different.len(), 1, "{place:?} was delivered as {keys:?}");
        repeated += keys.len() - 1;
    }
    let mut keys: Vec<&String> = deliveries.values().map(|keys| &keys[0]).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), deliveries.len(), "two deliveries share a key");
    for (id, execution) in all {
        let stages: &[&str] = match execution["name"].as_str().unwrap() {
            "release" => &["2", "4"],
            "queue" => &["1"],
            _ => &[],
        };
        for stage in stages {
            let place = (id.clone(), (*stage).to_owned());
            let is_there = deliveries.contains_key(&place);
            assert!(
                is_there || execution["status"] != "SUCCEEDED",
                "{place:?} was never delivered"
            );
        }
    }
    println!(
        "{} deliveries, {repeated} of them repeated",
        deliveries.len()
    );
}
