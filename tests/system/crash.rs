//! Single crashes at chosen moments.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::pipelines::{judgment, pipeline, reaching, wait, webhook};
use crate::support::receiver::Receiver;
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

#[test]
fn a_webhook_that_was_under_way_is_sent_again_under_the_same_key() {
    let scratch = Scratch::new();
    let receiver = Receiver::new();
    let launch = Launch::new(&scratch).configured(&scratch, &reaching(receiver.address));
    let server = launch.start();
    server.save(pipeline("call", &[webhook("1", &[], receiver.address)]));
    let id = server.start("test/call", json!({}));
    let first = receiver.next();
    server.kill();

    let server = launch.start();
    let second = receiver.next();
    assert_eq!(first.key, second.key);
    assert!(!first.key.is_empty());
    assert_eq!(first.body, second.body);
    assert_eq!(second.body["run"], id.as_str());
    server.kill();

    let server = launch.start();
    let third = receiver.next();
    assert_eq!(first.key, third.key);
    third.accept();
    assert_eq!(server.end(&id), "SUCCEEDED");
    assert!(receiver.try_next().is_none(), "it was sent once too often");
}

#[test]
fn a_run_waits_on_where_the_process_died() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let server = launch.start();
    server.save(pipeline(
        "steps",
        &[
            wait("1", &[], 1),
            judgment("2", &["1"]),
            wait("3", &["2"], 1),
        ],
    ));
    let waiting = server.start("test/steps", json!({}));
    let asking = server.start("test/steps", json!({}));
    let judgment = server.judgment(&asking, "2");
    server.kill();

    let server = launch.start();
    assert_eq!(server.judgment(&asking, "2"), judgment);
    server
        .judge(&asking, &judgment, "continue")
        .with_status(200);
    server.kill();

    let server = launch.start();
    assert_eq!(server.end(&asking), "SUCCEEDED");
    let judgment = server.judgment(&waiting, "2");
    server.judge(&waiting, &judgment, "stop").with_status(200);
    assert_eq!(server.end(&waiting), "TERMINAL");
}

#[test]
fn a_process_that_was_stopped_for_a_while_goes_on() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    server.save(pipeline("nap", &[wait("1", &[], 1), wait("2", &["1"], 1)]));
    let id = server.start("test/nap", json!({}));
    server.signal(Signal::STOP);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.start("test/nap", json!({})));
        // How long it stands still is what is tested: past the end of the first wait.
        std::thread::sleep(Duration::from_secs(3));
        server.signal(Signal::CONT);
        let second = call.join().unwrap();
        assert_eq!(server.end(&second), "SUCCEEDED");
    });
    assert_eq!(server.end(&id), "SUCCEEDED");
    assert_eq!(server.get("/health").status, 200);
}
