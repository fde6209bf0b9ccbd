//! `pipeline`: runs another pipeline; `monitorPipeline`: waits for executions that run already.

mod many;
mod monitor;
mod stage;
mod start;

pub use many::MonitorPipeline;
pub use stage::Pipeline;
