//! Time windows: when a stage may begin its work.
//!
//! [`Window`] is what an author wrote, [`next_open`] the decision, [`RestrictExecutionDuringTimeWindow`] the stage that waits.
//!
//! Invariants:
//! - Whether a window is open depends on the wall clock of its zone, to the minute, and on the calendar day of that very
//!   minute; both ends of a span are inside, the last with its whole minute. These are Orca's decisions.
//! - The time at which a window is said to open is a time at which it is open, and no earlier one is.

mod hours;
mod jitter;
mod opening;
mod stage;

pub use hours::Window;
pub use jitter::Jitter;
pub use opening::{Verdict, next_open};
pub use stage::RestrictExecutionDuringTimeWindow;
pub(crate) use stage::check;
