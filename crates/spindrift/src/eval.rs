//! `spindrift eval`: expressions against a run, with or without a server.

use std::io::{BufRead, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::json;
use spindrift_expressions::{Environment, Request, evaluate_line, evaluate_request};
use spindrift_model::Value;
use spindrift_runtime::{Clock, Entropy, SystemClock, SystemEntropy};

use crate::cli::EvalArgs;
use crate::client::Server;
use crate::client::get::fetch;
use crate::exit::Exit;
use crate::{check, say};

/// The time and chance of this machine.
struct Machine;

impl Environment for Machine {
    fn now_ms(&self) -> i64 {
        SystemClock.now()
    }

    fn random_u64(&self) -> u64 {
        SystemEntropy.bits()
    }
}

/// Evaluates one text, or the cases on standard input.
pub async fn eval(arguments: EvalArgs) -> anyhow::Result<Exit> {
    if arguments.batch {
        return batch(std::io::stdin().lock());
    }
    let execution = execution(&arguments).await?;
    let request = Request {
        execution,
        stage: arguments.stage,
        template: arguments.expression.unwrap_or_default().into(),
        strict: arguments.strict,
    };
    let answer = evaluate_request(&request, &Machine)?;
    match &answer.value {
        Value::String(text) => say!("{text}"),
        value => say!("{}", serde_json::to_string_pretty(value)?),
    }
    let failures = answer.summary.as_object().into_iter().flatten();
    let mut failed = false;
    for description in failures.flat_map(|(_, entries)| entries.as_array().into_iter().flatten()) {
        failed = true;
        let text = description
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        writeln!(std::io::stderr(), "{text}")?;
    }
    Ok(if failed { Exit::Failed } else { Exit::Success })
}

async fn execution(arguments: &EvalArgs) -> anyhow::Result<Value> {
    let Some(execution) = &arguments.execution else {
        bail!("--execution is missing")
    };
    if Path::new(execution).exists() {
        return check::document(Path::new(execution));
    }
    let server = Server::new(arguments.server.clone())?;
    fetch(&server, execution)
        .await
        .with_context(|| format!("there is no file {execution:?}, and no such execution to be had"))
}

/// Answers every line with a line; one that is no request is answered with its error.
fn batch(input: impl BufRead) -> anyhow::Result<Exit> {
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let mut exit = Exit::Success;
    for line in input.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = evaluate_line(&line, &Machine).unwrap_or_else(|error| {
            exit = Exit::Failed;
            json!({"error": error.to_string()}).to_string()
        });
        writeln!(output, "{answer}")?;
    }
    output.flush()?;
    Ok(exit)
}
