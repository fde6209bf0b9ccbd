//! Orderly ends.

use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use crate::support::eventually;
use crate::support::http::Events;
use crate::support::pipelines::{judgment, pipeline, reaching, stage, wait, webhook};
use crate::support::receiver::Receiver;
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, reference};

#[test]
fn runs_go_on_after_a_graceful_stop() {
    for signal in [Signal::TERM, Signal::INT] {
        let scratch = Scratch::new();
        let receiver = Receiver::new();
        let launch = Launch::new(&scratch).configured(&scratch, &reaching(receiver.address));
        let mut server = launch.start();
        server.save(pipeline("calls", &[webhook("1", &[], receiver.address)]));
        server.save(pipeline("waits", &[wait("1", &[], 2)]));
        server.save(pipeline("asks", &[judgment("1", &[])]));
        let calls = server.start("test/calls", json!({}));
        let waits = server.start("test/waits", json!({}));
        let asks = server.start("test/asks", json!({}));
        let judgment = server.judgment(&asks, "1");
        let under_way = receiver.next();
        let mut events = Events::of(server.address, &format!("/executions/{asks}/events")).unwrap();
        assert_eq!(events.next().unwrap().unwrap().0, "snapshot");

        server.signal(signal);
        assert!(events.next().unwrap().is_none(), "the stream ends in order");
        let status = server.wait();
        assert_eq!(status.code(), Some(0), "{status}; {}", server.log());

        let server = launch.start();
        let again = receiver.next();
        assert_eq!(again.key, under_way.key);
        again.accept();
        server.judge(&asks, &judgment, "continue").with_status(200);
        for id in [calls, waits, asks] {
            assert_eq!(server.end(&id), "SUCCEEDED", "{signal:?}");
        }
    }
}

#[test]
fn a_busy_server_stops_without_finishing_its_work() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let mut server = launch.start();
    // Each run starts two more, until there are too many of them.
    let again = json!({"application": "test", "pipeline": "again", "waitForCompletion": true});
    let twice = ["1", "2"].map(|name| stage(name, "pipeline", &[], again.clone()));
    server.save(pipeline("again", &twice));
    let roots = [(); 10].map(|()| server.start("test/again", json!({})));
    eventually(|| {
        let page = server.get("/applications/test/executions/search?size=1000");
        (page.json().as_array()?.len() == 1000).then_some(())
    });
    let begin = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(begin.elapsed().as_secs() < 30, "{:?}", begin.elapsed());

    let server = launch.start();
    // Each start logs how many runs were under way.
    let log = eventually(|| {
        let log = server.log();
        (log.matches("runs=").count() == 2).then_some(log)
    });
    let (_, count) = log.rsplit_once("runs=").unwrap();
    assert!(!count.starts_with('0'), "it finished everything first");
    for id in roots {
        server.get(&format!("/pipelines/{id}")).with_status(200);
    }
    assert!(
        !log.contains('\u{1b}'),
        "the log is coloured, although nobody looks"
    );
}

#[test]
fn what_a_stopping_server_was_asked_is_answered() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let mut server = launch.start();
    server.save(pipeline("asks", &[judgment("1", &[])]));
    let mut acknowledged = Vec::new();
    // Until the server takes no more connections.
    while let Ok(answer) = server.send("POST", "/pipelines/test/asks", None) {
        match answer.status {
            202 => acknowledged.push(reference(&answer.json())),
            status => assert_eq!(status, 503, "{}", answer.text()),
        }
        if acknowledged.len() == 20 {
            server.signal(Signal::TERM);
        }
    }
    assert!(acknowledged.len() >= 20);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    let server = launch.start();
    for id in acknowledged {
        assert_eq!(server.execution(&id)["status"], "RUNNING");
    }
}
