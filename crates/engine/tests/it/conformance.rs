//! Runs `engine-spec/conformance/*.yaml`.

mod case;
mod runner;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use case::{Case, Document, Expect, QueueCase};
use runner::graph_problems;
pub use runner::{document, play};
use spindrift_engine::ConcurrencyLimit;
use spindrift_model::{Execution, ExecutionId};

use crate::scripted::Mode;

/// How many rows the table of scenarios in `engine-spec/README.md` has.
const ROWS: u32 = 58;

pub fn spec() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../engine-spec")
}

/// Every case file, by name.
pub fn documents() -> Vec<(String, Document)> {
    let mut files: Vec<PathBuf> = fs::read_dir(spec().join("conformance"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            let document = serde_saphyr::from_str(&text)
                .unwrap_or_else(|error| panic!("{name} cannot be read: {error}"));
            (name, document)
        })
        .collect()
}

/// Every case with what it is called in messages.
pub fn cases() -> Vec<(String, Case)> {
    let mut cases = Vec::new();
    for (file, document) in documents() {
        for case in document.cases {
            cases.push((format!("{file}: {}", case.says), case));
        }
    }
    cases
}

/// The modes in which a case is played.
pub fn modes(case: &Case) -> Vec<Mode> {
    match case.mode {
        Some(mode) => vec![mode],
        None => vec![Mode::Thought, Mode::World],
    }
}

#[test]
fn every_case_holds() {
    let mut failures = Vec::new();
    let mut played = 0;
    for (name, case) in cases() {
        for mode in modes(&case) {
            let result = std::panic::catch_unwind(|| play(&case, mode));
            played += 1;
            if let Err(panic) = result {
                let text = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                failures.push(format!(
                    "{name} ({mode:?})\n    {}",
                    text.unwrap_or_default()
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {played} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn every_row_of_the_table_has_a_case() {
    let mut rows: BTreeSet<u32> = cases()
        .iter()
        .flat_map(|(_, case)| case.rows.clone())
        .collect();
    for (_, document) in documents() {
        rows.extend(document.queues.iter().flat_map(|queue| queue.rows.clone()));
    }
    let missing: Vec<u32> = (1..=ROWS).filter(|row| !rows.contains(row)).collect();
    assert_eq!(missing, Vec::<u32>::new());
}

#[test]
fn every_case_says_something_of_its_own() {
    let mut seen = BTreeSet::new();
    for (name, case) in cases() {
        assert!(seen.insert(name.clone()), "{name} is there twice");
        let expects_something = case.refused.is_some()
            || case.expect != Expect::default()
            || case.steps.iter().any(|step| step.expect.is_some());
        assert!(expects_something, "{name} expects nothing");
    }
}

#[test]
fn every_graph_that_is_not_meant_to_fail_can_run() {
    for (name, case) in cases() {
        let problems = graph_problems(&case);
        if case.refused.is_none() && !case.foreign {
            assert_eq!(problems, Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn every_queue_case_holds() {
    for (file, document) in documents() {
        for case in document.queues {
            check_queue(&format!("{file}: {}", case.says), &case);
        }
    }
}

fn check_queue(name: &str, case: &QueueCase) {
    let execution = Execution {
        pipeline_config_id: case.pipeline.as_deref().map(Into::into),
        limit_concurrent: case.limit_concurrent,
        max_concurrent_executions: case.max_concurrent_executions,
        keep_waiting_pipelines: case.keep_waiting_pipelines,
        ..Execution::default()
    };
    let limit = ConcurrencyLimit::of(&execution);
    assert_eq!(limit.admits(case.running), case.admits, "{name}");
    let ids = |names: &[String]| -> Vec<ExecutionId> {
        names
            .iter()
            .map(|name| ExecutionId::from(name.as_str()))
            .collect()
    };
    let turn = limit.next(case.running, &ids(&case.waiting));
    let (starts, superseded) = match turn {
        Some(turn) => (vec![turn.start], turn.superseded),
        None => (Vec::new(), Vec::new()),
    };
    assert_eq!(starts, ids(case.starts.as_slice()), "{name}");
    assert_eq!(superseded, ids(&case.superseded), "{name}");
}

#[test]
fn every_deviation_is_held_by_its_cases() {
    let mut known: BTreeSet<String> = cases().into_iter().map(|(_, case)| case.says).collect();
    for (_, document) in documents() {
        known.extend(document.queues.into_iter().map(|queue| queue.says));
    }
    let text = fs::read_to_string(spec().join("deviations.md")).unwrap();
    let mut rows = 0;
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, orca, here, _, held, _] = cells[..] else {
            panic!("not four columns: {line}");
        };
        if orca == "what Orca does" || orca == "---" {
            continue;
        }
        assert!(!here.is_empty(), "{line}");
        rows += 1;
        for says in held
            .split(" / ")
            .filter(|says| !["–", "(law)"].contains(says))
        {
            assert!(known.contains(says), "no case says {says:?}: {line}");
        }
    }
    assert!(rows > 20, "only {rows} rows were read");
}
