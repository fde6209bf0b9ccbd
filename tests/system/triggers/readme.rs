//! The README's section about events, every command of it.

use std::collections::BTreeSet;
use std::process::Command;

use super::registry::Shelf;
use crate::documents::blocks;
use crate::support::command::spindrift;
use crate::support::eventually;
use crate::support::root;
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

/// The addresses in the README.
const SERVER: &str = "127.0.0.1:8084";
const REGISTRY: &str = "127.0.0.1:5000";

#[test]
fn what_the_readme_says_of_events_happens() {
    let commands = blocks("Let events start it", "sh");
    let [begin, rest @ ..] = &commands[..] else {
        panic!("the README says how to begin")
    };
    assert_eq!(
        begin.trim_end(),
        "docker-registry serve examples/triggers/registry.yml &\n\
         spindrift serve --config examples/triggers/spindrift.toml --pipelines examples/triggers/*.json"
    );
    for program in ["curl", "openssl", "bash"] {
        if Command::new(program).arg("--help").output().is_err() {
            println!("skipped: {program} is not installed");
            return;
        }
    }
    let scratch = Scratch::new();
    let Some(shelf) = Shelf::start(&scratch) else {
        return;
    };
    let registry = shelf.address.to_string();
    let folder = root().join("examples/triggers");
    let config = std::fs::read_to_string(folder.join("spindrift.toml")).unwrap();
    assert!(config.contains(REGISTRY));
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .filter(|path| path.ends_with(".json"))
        .collect();
    files.sort();
    let files: Vec<&str> = ["--pipelines"]
        .into_iter()
        .chain(files.iter().map(String::as_str))
        .collect();
    let server = Launch::new(&scratch)
        .configured(&scratch, &config.replace(REGISTRY, &registry))
        .with(&files)
        .start();
    // The README is read at a walking pace: by then the registry has been looked at.
    let log = || {
        let answer = server.get("/pipelineConfigs").with_status(200).json();
        Some(answer).filter(|list| list.as_array().is_some_and(|list| list.len() == 4))
    };
    eventually(log);
    std::os::unix::fs::symlink(root().join("examples"), scratch.path("examples")).unwrap();
    let program = spindrift();
    let script = format!(
        "set -euo pipefail\nspindrift() {{ {:?} \"$@\"; }}\n{}",
        program.get_program(),
        rest.concat()
            .replace(SERVER, &server.address.to_string())
            .replace(REGISTRY, &registry)
    );
    let url = server.url();
    let output = Command::new("bash")
        .args(["-c", &script])
        .env("SPINDRIFT_SERVER", &url)
        .current_dir(scratch.as_ref())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{out}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(out.contains("\"eventProcessed\":true"), "{out}");
    let started = || {
        let path = "/applications/shop/executions/search?size=100&statuses=SUCCEEDED";
        let runs = server.get(path).with_status(200).json();
        let names = runs
            .as_array()?
            .iter()
            .map(|run| run["name"].as_str().unwrap_or_default().to_owned());
        let names: BTreeSet<String> = names.collect();
        Some(names).filter(|names| names.len() == 4)
    };
    let names = eventually(started);
    let expected = ["heartbeat", "on-call", "on-image", "on-push"].map(str::to_owned);
    assert_eq!(names, BTreeSet::from(expected));
}
