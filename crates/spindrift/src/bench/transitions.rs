//! Durable stage transitions a second with many runs in flight.

use std::time::Instant;

use spindrift_model::Map;

use super::sample::rate;
use super::{Scratch, rig};
use crate::cli::BenchArgs;
use crate::say;

/// Runs chains of stages that do nothing. A stage is two transitions: it starts, it ends. The end of one and the start of
/// the next are one durable write; the task between two writes is performed outside the decision.
pub async fn measure(arguments: &BenchArgs, scratch: &Scratch) -> anyhow::Result<()> {
    let engine = rig::engine(&scratch.path("transitions"))?;
    let pipeline = rig::chain(rig::EFFECT, arguments.stages, &Map::new())?;
    let begin = Instant::now();
    rig::run_all(&engine, &pipeline, arguments.runs).await?;
    let took = begin.elapsed();
    engine.stop().await;
    let stages = arguments.runs * arguments.stages;
    say!(
        "transitions: {:.0} durable stage transitions/s ({:.0} stages/s, one durable write each), {} runs of {} stages in {:.2} s",
        rate(stages * 2, took),
        rate(stages, took),
        arguments.runs,
        arguments.stages,
        took.as_secs_f64()
    );
    Ok(())
}
