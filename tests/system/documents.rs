//! What the documents tell people to do works.

use serde_json::json;

use crate::support::command::{run, run_in};
use crate::support::root;
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, send};

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The fenced blocks of that language in the README's section of that heading.
pub fn blocks(heading: &str, language: &str) -> Vec<String> {
    let readme = text("README.md");
    let fence = format!("```{language}");
    let mut section = readme
        .lines()
        .skip_while(|line| *line != format!("## {heading}"));
    assert!(
        section.next().is_some(),
        "the README has no section {heading:?}"
    );
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in section.take_while(|line| !line.starts_with("## ")) {
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => *block += &format!("{line}\n"),
            None if line == fence => open = Some(String::new()),
            None => {}
        }
    }
    blocks
}

#[test]
fn the_gate_runs_exactly_the_command_that_tests() {
    let [command] = &blocks("Test it", "sh")[..] else {
        panic!("the README has one block of commands under \"Test it\"");
    };
    assert_eq!(command.lines().count(), 1, "{command}");
    let gate = text(".ci/run");
    assert!(
        gate.lines().any(|line| line == command.trim_end()),
        "{gate}"
    );
}

#[test]
fn the_gate_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(root().join(".ci/run"))
        .unwrap()
        .permissions()
        .mode();
    assert_ne!(mode & 0o111, 0, ".ci/run is not executable");
}

#[test]
fn the_server_is_started_by_one_command() {
    let [command] = &blocks("Run it", "sh")[..] else {
        panic!("the README has one block of commands under \"Run it\"");
    };
    assert_eq!(command.lines().count(), 1, "{command}");
    let (cargo, arguments) = command.trim_end().split_once(" -- ").unwrap();
    assert!(cargo.starts_with("cargo run --release"), "{cargo}");
    assert_eq!(arguments, "serve --demo");
}

#[test]
fn the_first_minutes_go_as_the_readme_says() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).with(&["--demo"]).start();
    let said = blocks("Run it", "text");
    let mut told = Vec::new();
    let until = |told: &mut Vec<String>, end: &str| {
        while !told.last().is_some_and(|line: &String| line.contains(end)) {
            told.push(server.line());
        }
    };
    until(&mut told, "judgmentStatus");
    let [.., url, body] = &told[..] else {
        panic!("{told:?}")
    };
    let path = url
        .split(&server.url())
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let body = body.split('\'').rev().nth(1).unwrap();
    let body = serde_json::from_str(body).unwrap();
    send(server.address, "PATCH", path, Some(&body))
        .unwrap()
        .with_status(200);
    until(&mut told, "✔ SUCCEEDED");
    // Names and marks, without the ids and times that differ each time.
    let words = |line: &str| {
        let line = line.split(" (").next().unwrap().trim();
        let line = line.split(" listens").next().unwrap();
        let line = line.split(" -X").next().unwrap();
        line.split("-d '").next().unwrap().to_owned()
    };
    let told: Vec<String> = told.iter().map(|line| words(line)).collect();
    for line in said.iter().flat_map(|block| block.lines()) {
        let line = words(line);
        let is_there = line.starts_with("spindrift") || told.contains(&line);
        assert!(is_there, "{line:?} is not in {told:#?}");
    }
}

#[test]
fn the_commands_of_the_readme_exist() {
    let commands = blocks("Use it", "sh").concat();
    let commands = commands
        .lines()
        .filter_map(|line| line.strip_prefix("spindrift "));
    let mut count = 0;
    for command in commands {
        let name = command.split(' ').next().unwrap();
        let help = run(&[name, "--help"]).with_code(0).out;
        let options = command.split(' ').filter(|word| word.starts_with("--"));
        for option in options {
            assert!(help.contains(option), "{name} has no {option}");
        }
        count += 1;
    }
    assert!(count >= 5, "the README shows the commands");
}

#[test]
fn the_configuration_of_the_readme_is_accepted() {
    let [config] = &blocks("Configure it", "toml")[..] else {
        panic!("the README shows one configuration");
    };
    let scratch = Scratch::new();
    scratch.file("spindrift.toml", config);
    let pipeline = json!({"application": "a", "name": "b", "stages": []});
    scratch.file("p.json", pipeline.to_string());
    let arguments = ["validate", "--config", "spindrift.toml", "p.json"];
    run_in(scratch.as_ref(), &arguments, "").with_code(0);
}

#[test]
fn the_routes_of_the_readme_exist() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    let document = server.get("/openapi.json").with_status(200).json();
    let readme = text("README.md");
    let mut count = 0;
    for row in readme.lines().filter(|line| line.starts_with("| `")) {
        let calls = row.split('|').nth(1).unwrap();
        let calls: Vec<&str> = calls
            .split('`')
            .filter(|part| !part.trim_matches([' ', ',']).is_empty())
            .collect();
        let Some((method, first)) = calls[0].split_once(' ') else {
            continue;
        };
        let parent = first.rsplit_once('/').unwrap().0;
        let others = calls[1..].iter().map(|other| match other.starts_with('/') {
            true => (*other).to_owned(),
            false => format!("{parent}/{other}"),
        });
        for path in std::iter::once(first.to_owned()).chain(others) {
            let wanted = shape(&path);
            let paths = document["paths"].as_object().unwrap();
            let found = paths.iter().any(|(known, methods)| {
                shape(known) == wanted && methods.get(method.to_lowercase()).is_some()
            });
            let served = || server.get(&path).status == 200;
            assert!(found || served(), "{method} {path} is not served");
            count += 1;
        }
    }
    assert!(count >= 8, "the README lists the routes");
}

/// A path in which the names of parameters do not count.
fn shape(path: &str) -> Vec<&str> {
    let parameter = |part: &&str| part.starts_with('{');
    path.split('/')
        .map(|part| if parameter(&part) { "{}" } else { part })
        .collect()
}
