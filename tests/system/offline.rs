//! `spindrift store`: checking, exporting and importing a data directory.

use serde_json::{Value, json};

use crate::support::command::run_in;
use crate::support::pipelines::{judgment, pipeline, wait};
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

#[test]
fn what_was_exported_goes_on_elsewhere() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let server = launch.start();
    server.save(pipeline(
        "asks",
        &[judgment("1", &[]), wait("2", &["1"], 0)],
    ));
    server.save(pipeline("quick", &[wait("1", &[], 0)]));
    let ended = server.start("test/quick", json!({}));
    server.end(&ended);
    let asking = server.start("test/asks", json!({}));
    let judgment = server.judgment(&asking, "1");
    let before = server.execution(&ended);
    server.kill();

    let store = |action: &str, data: &str, input: &str| {
        run_in(scratch.as_ref(), &["store", action, "--data", data], input)
    };
    let verified = store("verify", "data", "").with_code(0);
    let counts = "2 executions, 2 revisions of pipelines, 1 records";
    assert_eq!(verified.out, format!("{counts}; 0 problems\n"));
    let exported = store("export", "data", "").with_code(0);
    assert!(
        exported.err.contains(&format!("{counts} exported")),
        "{}",
        exported.err
    );
    for line in exported.out.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let imported = store("import", "copy", &exported.out).with_code(0);
    assert_eq!(imported.out, format!("{counts} imported\n"));
    let again = store("import", "copy", &exported.out).with_code(2);
    assert!(again.err.contains("empty"), "{}", again.err);
    assert_eq!(store("export", "copy", "").with_code(0).out, exported.out);
    store("import", "broken", "not an export\n").with_code(2);
    let half = &exported.out[..exported.out.len() / 2];
    store("import", "half", half).with_code(2);

    let server = launch.data(&scratch.path("copy")).start();
    assert_eq!(server.execution(&ended), before);
    server
        .judge(&asking, &judgment, "continue")
        .with_status(200);
    assert_eq!(server.end(&asking), "SUCCEEDED");
    let asks = server.get("/applications/test/pipelineConfigs/asks");
    assert_eq!(asks.with_status(200).json()["name"], "asks");
}
