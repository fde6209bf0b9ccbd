//! Time from the start of the process until every run that was under way goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use spindrift_engine::{BoxFuture, EffectTask, TaskInput, TaskResult};
use spindrift_model::Map;
use tokio::sync::Notify;

use super::{Scratch, rig};
use crate::cli::BenchArgs;
use crate::config::Config;
use crate::{say, wiring};

/// Never ends, and counts how often it was begun.
#[derive(Default)]
struct Endless {
    begun: AtomicUsize,
    changed: Notify,
}

impl EffectTask for Endless {
    fn run(self: Arc<Self>, _: TaskInput) -> BoxFuture<TaskResult> {
        self.begun.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_one();
        Box::pin(std::future::pending())
    }
}

impl Endless {
    async fn reaches(&self, count: usize) {
        while self.begun.load(Ordering::Acquire) < count {
            self.changed.notified().await;
        }
    }
}

const KIND: &str = "benchEndless";

/// Starts runs that never end, lets go of them, and starts again.
pub async fn measure(arguments: &BenchArgs, scratch: &Scratch) -> anyhow::Result<()> {
    let directory = scratch.path("recovery");
    let config = Config::default();
    {
        let (engine, _) = start(&directory, &config)?;
        let pipeline = rig::chain(KIND, 2, &Map::new())?;
        let mut open = arguments.waiting;
        while open > 0 {
            let batch = open.min(1_000);
            let starts = (0..batch).map(|_| engine.submit(rig::request(&pipeline)));
            for result in futures::future::join_all(starts).await {
                result?;
            }
            open -= batch;
        }
        engine.stop().await;
    }
    let begin = Instant::now();
    let (engine, endless) = start(&directory, &config)?;
    let ready = begin.elapsed();
    endless.reaches(arguments.waiting).await;
    say!(
        "recovery: ready in {:.3} s, all {} runs under way going on in {:.3} s",
        ready.as_secs_f64(),
        arguments.waiting,
        begin.elapsed().as_secs_f64()
    );
    engine.stop().await;
    Ok(())
}

fn start(
    directory: &std::path::Path,
    config: &Config,
) -> anyhow::Result<(spindrift_runtime::Engine, Arc<Endless>)> {
    let endless = Arc::new(Endless::default());
    let mut stages = rig::stages(config)?;
    rig::add(
        &mut stages,
        KIND,
        Arc::clone(&endless) as Arc<dyn EffectTask>,
    );
    let store = Arc::new(wiring::open_store(directory, config)?);
    Ok((wiring::engine(store, stages, config), endless))
}
