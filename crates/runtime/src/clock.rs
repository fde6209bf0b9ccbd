//! The edges through which time and chance reach the engine.

use std::time::Duration;

use spindrift_engine::Ids;
use spindrift_model::{ExecutionId, Millis, PipelineId, StageId};
use ulid::Ulid;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Millis;
}

/// Makes what must not be guessed or repeated.
pub trait Entropy: Send + Sync + 'static {
    /// 64 random bits.
    fn bits(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        chrono::Utc::now().timestamp_millis()
    }
}

/// The machine's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bits(&self) -> u64 {
        rand::random()
    }
}

/// New ids, sorted by the time they were made.
pub(crate) struct FreshIds<'e> {
    pub(crate) entropy: &'e dyn Entropy,
    pub(crate) now: Millis,
}

impl FreshIds<'_> {
    fn ulid(&self) -> String {
        let random = (u128::from(self.entropy.bits()) << 64) | u128::from(self.entropy.bits());
        Ulid::from_parts(u64::try_from(self.now).unwrap_or(0), random).to_string()
    }

    pub(crate) fn execution_id(&self) -> ExecutionId {
        ExecutionId::new(self.ulid())
    }

    pub(crate) fn pipeline_id(&self) -> PipelineId {
        let random = (u128::from(self.entropy.bits()) << 64) | u128::from(self.entropy.bits());
        let id = uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid();
        PipelineId::new(id.to_string())
    }
}

impl Ids for FreshIds<'_> {
    fn stage_id(&mut self) -> StageId {
        StageId::new(self.ulid())
    }
}

/// How long to sleep from `now` to `time`; nothing when it has passed.
pub(crate) fn until(time: Millis, now: Millis) -> Duration {
    Duration::from_millis(u64::try_from(time.saturating_sub(now)).unwrap_or(0))
}
