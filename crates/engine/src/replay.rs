//! A run read back from what is stored of it.

use crate::change::Change;
use crate::run::Run;
use crate::store::RunState;
use crate::trail::Trail;

/// A run as it was read back, and what is known of its log.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The run.
    pub run: Run,
    /// What is known of its log.
    pub trail: Trail,
}

/// Reads a run back: the state it was made with, and the changes of the versions since that still say something, in
/// their order.
pub fn replay(state: RunState, log: impl IntoIterator<Item = (u64, Vec<Change>)>) -> Replayed {
    let mut run = Run::load(state);
    let mut trail = Trail::default();
    for (version, changes) in log {
        // Rows that are superseded by those behind them may be there still.
        trail.note(version, &changes);
        for change in changes {
            run.apply(change);
        }
        run.set_version(version);
    }
    Replayed { run, trail }
}
