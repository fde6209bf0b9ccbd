//! One run of very many stages: does the work grow with the stages, or faster?

use std::time::{Duration, Instant};

use spindrift_model::Map;

use super::{Scratch, rig};
use crate::say;

/// Runs chains of growing length; the time for each stage must stay about the same.
pub async fn measure(scratch: &Scratch) -> anyhow::Result<()> {
    let engine = rig::engine(&scratch.path("large"))?;
    let mut figures = Vec::new();
    for stages in [625, 1_250, 2_500, 5_000] {
        let took = one(&engine, stages).await?;
        figures.push(format!(
            "{stages}: {:.0} µs",
            took.as_secs_f64() * 1e6 / stages as f64
        ));
    }
    engine.stop().await;
    say!(
        "large: time for each stage of one run, by its number of stages: {}",
        figures.join(", ")
    );
    Ok(())
}

async fn one(engine: &spindrift_runtime::Engine, stages: usize) -> anyhow::Result<Duration> {
    let pipeline = rig::chain(rig::EFFECT, stages, &Map::new())?;
    let begin = Instant::now();
    rig::run_all(engine, &pipeline, 1).await?;
    Ok(begin.elapsed())
}
