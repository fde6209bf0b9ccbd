//! The pure core of Spindrift: what a run does next.
//!
//! A run is a state machine. [`decide`] takes a run, an event and the time, and answers with the changes it
//! made and the effects it asks for. Nothing here reads a clock, draws a random number, touches a disk or a network, or
//! starts a thread. The crates around it store the changes first and perform the effects second.

mod authority;
mod change;
mod concurrency;
mod decide;
mod effect;
mod evaluation;
mod event;
mod graph;
mod input;
mod launch;
mod plan;
mod replay;
mod run;
mod stage_type;
mod store;
mod task;
mod trail;
mod view;

pub use authority::acting_as;
pub use change::{Answer, Change, Restart};
pub use concurrency::{ConcurrencyLimit, MAX_WAITING, SUPERSEDED, Turn};
pub use decide::{Decision, Ids, Setting, decide, next_wake};
pub use effect::{Deed, Effect, IdempotencyKey, Promise};
pub use evaluation::{EmptyEnvironment, Environment, StageEnvironment, check_expressions};
pub use event::{Caller, Event, Refusal};
pub use graph::check_graph;
pub use input::{former_input, is_performing, task_input};
pub use launch::{ChildFailure, ChildRequest, ChildState, Launcher};
pub use plan::{Start, plan_execution};
pub use replay::{Replayed, replay};
pub use run::Run;
pub use stage_type::{ContextEdit, Registry, StageType, SyntheticPlan, SyntheticStage, TaskSpec};
pub use store::{
    ExecutionQuery, IndexRow, Ledger, Listed, PipelineRevision, RowChange, RunState, Scope, Store,
    StoreError, StoreHealth, Ticket, Write, outline,
};
pub use task::{
    BoxFuture, EffectTask, Failure, InlineTask, Outcome, Sleep, TaskInput, TaskPolicy, TaskResult,
    TaskRunner,
};
pub use trail::Trail;
pub use view::StageView;
