//! `spindrift validate`: what is wrong with pipeline files, for people and for CI.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use spindrift_cloud_driver::NoAccounts;
use spindrift_engine::Registry;
use spindrift_model::{JsonLimits, Pointer, Problem, Value, parse_json};
use spindrift_runtime::check_pipeline;

use crate::cli::{Output, ValidateArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::{say, wiring};

/// Checks files; fails when one of them has an error.
pub fn validate(arguments: &ValidateArgs) -> anyhow::Result<Exit> {
    let config = Config::load(arguments.config.as_deref())?;
    let stages = wiring::stages(&config, Arc::new(NoAccounts))?;
    let mut failed = 0;
    for file in &arguments.files {
        let problems = check_file(&stages, file);
        let bad = problems
            .iter()
            .any(|problem| problem.is_error() || arguments.strict);
        failed += usize::from(bad);
        match arguments.output {
            Output::Table => print_lines(file, &problems),
            Output::Json => {
                say!(
                    "{}",
                    json!({"file": file, "valid": !bad, "problems": problems})
                );
            }
        }
    }
    if arguments.output == Output::Table {
        let count = arguments.files.len();
        say!(
            "{count} file{} checked, {failed} with errors",
            if count == 1 { "" } else { "s" }
        );
    }
    Ok(if failed == 0 {
        Exit::Success
    } else {
        Exit::Failed
    })
}

fn print_lines(file: &Path, problems: &[Problem]) {
    let file = file.display();
    if problems.is_empty() {
        say!("{file}: ok");
    }
    for problem in problems {
        let severity = if problem.is_error() {
            "error"
        } else {
            "warning"
        };
        say!("{file}: {severity}: {problem}");
    }
}

/// Everything that is wrong with a file that holds one pipeline, or a list of them.
fn check_file(stages: &Registry, file: &Path) -> Vec<Problem> {
    match read(file) {
        Ok(Value::Array(pipelines)) => {
            let mut problems = Vec::new();
            for (position, pipeline) in pipelines.into_iter().enumerate() {
                let at = Pointer::root().index(position);
                problems.extend(check(stages, pipeline).into_iter().map(|mut problem| {
                    problem.message = format!("{} (pipeline {at})", problem.message);
                    problem
                }));
            }
            problems
        }
        Ok(pipeline) => check(stages, pipeline),
        Err(problem) => vec![problem],
    }
}

fn check(stages: &Registry, pipeline: Value) -> Vec<Problem> {
    match check_pipeline(stages, pipeline) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    }
}

/// Reads a JSON file.
pub fn read(file: &Path) -> Result<Value, Problem> {
    let text = std::fs::read(file).map_err(|error| {
        Problem::error(Pointer::root(), "file", format!("cannot be read: {error}"))
    })?;
    parse_json(&text, JsonLimits::default())
        .map_err(|error| Problem::error(Pointer::root(), "json", error.to_string()))
}

/// Reads a JSON file; the error names it.
pub fn document(file: &Path) -> anyhow::Result<Value> {
    read(file).map_err(|problem| anyhow::anyhow!("{}: {}", file.display(), problem.message))
}
