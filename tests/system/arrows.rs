//! The arrows between the crates are those of the table in ARCHITECTURE.md: neither more nor others.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::support::root;

/// By crate: what it may use.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// The rows of the table whose heading is `| crate | owns | may use |`.
fn allowed() -> Arrows {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table = text
        .lines()
        .skip_while(|line| *line != "| crate | owns | may use |");
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    let mut arrows: Arrows = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let name = cells[0].trim_matches('`').to_owned();
            let uses = cells[cells.len() - 1];
            let uses = match uses {
                "–" => BTreeSet::new(),
                uses => uses.split(", ").map(str::to_owned).collect(),
            };
            (name, uses)
        })
        .collect();
    let all: BTreeSet<String> = arrows.keys().cloned().collect();
    for (name, uses) in &mut arrows {
        if uses.remove("all") {
            uses.extend(all.iter().filter(|other| *other != name).cloned());
        }
    }
    arrows
}

/// By crate: the packages it depends on, tests apart.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    let dependencies = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap();
        let real = dependencies
            .iter()
            .filter(|dependency| dependency["kind"] != "dev");
        real.map(name).collect()
    };
    packages
        .iter()
        .map(|package| (name(package), dependencies(package)))
        .collect()
}

/// A crate as the table calls it.
fn short(package: &str) -> String {
    package
        .strip_prefix("spindrift-")
        .unwrap_or(package)
        .to_owned()
}

/// What the crates use of each other.
fn used() -> Arrows {
    let packages = dependencies();
    let ours = |uses: &BTreeSet<String>| {
        let ours = uses.iter().filter(|other| packages.contains_key(*other));
        ours.map(|other| short(other)).collect()
    };
    packages
        .iter()
        .map(|(name, uses)| (short(name), ours(uses)))
        .collect()
}

#[test]
fn dependencies_follow_the_table() {
    let (allowed, used) = (allowed(), used());
    assert!(allowed.len() > 5, "the table was not found: {allowed:?}");
    let names = |arrows: &Arrows| arrows.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&allowed), names(&used), "a row for each crate");
    for (name, uses) in &used {
        let forbidden: Vec<&String> = uses.difference(&allowed[name]).collect();
        assert!(forbidden.is_empty(), "{name} must not use {forbidden:?}");
    }
    for (name, uses) in &allowed {
        let unknown: Vec<&String> = uses
            .iter()
            .filter(|other| !used.contains_key(*other))
            .collect();
        assert!(unknown.is_empty(), "the row of {name} names {unknown:?}");
    }
}

#[test]
fn the_core_knows_neither_network_nor_disk_nor_threads() {
    let worldly = [
        "tokio", "axum", "hyper", "reqwest", "sled", "kube", "rustix", "rand",
    ];
    let packages = dependencies();
    for name in [
        "spindrift-model",
        "spindrift-expressions",
        "spindrift-engine",
    ] {
        for package in worldly {
            assert!(!packages[name].contains(package), "{name} uses {package}");
        }
    }
}
