//! Memory of runs that wait for a judgment.

use std::time::Instant;

use anyhow::Context;
use serde_json::json;

use super::sample::{rate, resident};
use super::{Scratch, rig};
use crate::cli::BenchArgs;
use crate::say;

/// Starts runs that wait, and takes the growth of the process.
pub async fn measure(arguments: &BenchArgs, scratch: &Scratch) -> anyhow::Result<()> {
    let engine = rig::engine(&scratch.path("waiting"))?;
    let context = json!({"instructions": "go on?"});
    let pipeline = rig::chain(
        "manualJudgment",
        1,
        context.as_object().context("an object")?,
    )?;
    let before = resident();
    let begin = Instant::now();
    let mut open = arguments.waiting;
    while open > 0 {
        let batch = open.min(1_000);
        let starts = (0..batch).map(|_| engine.submit(rig::request(&pipeline)));
        for result in futures::future::join_all(starts).await {
            result?;
        }
        open -= batch;
    }
    let took = begin.elapsed();
    let grown = resident().saturating_sub(before);
    say!(
        "waiting: {:.0} bytes of memory for each of {} runs that wait for a judgment (process {:.1} MiB before, {:.1} MiB after, the store's cache included); {:.0} durable starts/s",
        grown as f64 / arguments.waiting as f64,
        arguments.waiting,
        before as f64 / 1_048_576.0,
        (before + grown) as f64 / 1_048_576.0,
        rate(arguments.waiting, took)
    );
    engine.stop().await;
    Ok(())
}
