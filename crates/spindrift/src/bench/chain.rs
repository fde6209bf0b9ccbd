//! Added latency of each stage of a long chain, with nothing else to do.

use std::time::Instant;

use spindrift_model::Map;

use super::sample::Sample;
use super::{Scratch, rig};
use crate::say;

const STAGES: usize = 1_000;

/// Runs one chain, and takes the time between one stage's durable end and the next one's.
pub async fn measure(scratch: &Scratch) -> anyhow::Result<()> {
    let engine = rig::engine(&scratch.path("chain"))?;
    let pipeline = rig::chain(rig::EFFECT, STAGES, &Map::new())?;
    let mut notices = engine.watch();
    engine.submit(rig::request(&pipeline)).await?;
    let mut sample = Sample::default();
    let mut last = Instant::now();
    loop {
        let notice = notices.recv().await?;
        let now = Instant::now();
        if notice.before.is_some() && notice.changes.len() > 1 {
            sample.add(now - last);
        }
        last = now;
        if notice.has_ended() {
            break;
        }
    }
    engine.stop().await;
    say!("chain: a stage that does nothing adds {}", sample.summary());
    Ok(())
}
