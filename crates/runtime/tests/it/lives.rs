//! Several lives of one engine over one store: each ends with a crash, the next begins with what was durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use spindrift_engine::Store;
use spindrift_runtime::Engine;
use spindrift_store::MemoryStore;

use crate::through::slow;
use crate::world::{World, engine};

/// A store and a world that outlive the process.
pub struct Machine {
    pub store: Arc<MemoryStore>,
    pub world: Arc<World>,
    base: Arc<AtomicI64>,
    lives: u64,
    seed: u64,
}

impl Machine {
    pub fn new(seed: u64) -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            world: Arc::new(World::default()),
            base: Arc::new(AtomicI64::new(1_000_000)),
            lives: 0,
            seed,
        }
    }

    /// Runs an engine until `work` returns, then pulls the plug.
    pub fn live<F, R>(&mut self, work: impl FnOnce(Engine) -> F) -> R
    where
        F: Future<Output = R>,
    {
        self.live_on(Arc::clone, work)
    }

    /// The same with a disk that takes its time.
    pub fn live_slowly<F, R>(&mut self, work: impl FnOnce(Engine) -> F) -> R
    where
        F: Future<Output = R>,
    {
        self.live_on(|disk| Arc::new(slow(disk)), work)
    }

    fn live_on<S: Store, F, R>(
        &mut self,
        through: impl FnOnce(&Arc<MemoryStore>) -> Arc<S>,
        work: impl FnOnce(Engine) -> F,
    ) -> R
    where
        F: Future<Output = R>,
    {
        self.lives += 1;
        let seed = self.seed.wrapping_mul(31).wrapping_add(self.lives);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let result = runtime.block_on(async {
            let begin = tokio::time::Instant::now();
            let engine = engine(&through(&self.store), &self.world, &self.base, seed);
            let result = work(engine).await;
            let passed = i64::try_from(begin.elapsed().as_millis()).unwrap();
            (result, passed)
        });
        let (result, passed) = result;
        drop(runtime);
        self.base.fetch_add(passed + 1, Ordering::SeqCst);
        self.store = Arc::new(self.store.reopen());
        result
    }
}
