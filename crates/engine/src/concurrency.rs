//! How many runs of one pipeline may run at a time, and which waits for its turn
//! (Orca's `StartWaitingExecutionsHandler`, made atomic).

use spindrift_model::{Execution, ExecutionId};

/// How many runs of a pipeline may run, and what becomes of those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcurrencyLimit {
    /// Runs that may run at a time; `None`: any number.
    pub slots: Option<usize>,
    /// Whether every waiting run gets its turn, oldest first; otherwise the newest does and the others are canceled.
    pub keep_waiting: bool,
}

/// The text by which Orca explains that a newer waiting run took the place of an older one.
pub const SUPERSEDED: &str = "This execution was queued but then canceled because a newer queued \
    execution superceded it. This pipeline is configured to automatically cancel waiting executions.";

/// More waiting runs of one pipeline than that are refused.
pub const MAX_WAITING: usize = 1_000;

impl ConcurrencyLimit {
    /// The limit an execution was started under.
    pub fn of(execution: &Execution) -> Self {
        let slots = match (
            execution.limit_concurrent,
            execution.max_concurrent_executions,
        ) {
            (true, _) => Some(1),
            (false, 0) => None,
            (false, count) => Some(count as usize),
        };
        let slots = slots.filter(|_| execution.pipeline_config_id.is_some());
        Self {
            slots,
            keep_waiting: execution.keep_waiting_pipelines,
        }
    }

    /// Whether one more may run beside `running` others. A paused run counts as running: it goes on some day.
    pub fn admits(&self, running: usize) -> bool {
        self.slots.is_none_or(|slots| running < slots)
    }

    /// Which of the waiting runs starts next beside `running` others, and which lose their place to it.
    ///
    /// `waiting` is sorted, oldest first.
    pub fn next(&self, running: usize, waiting: &[ExecutionId]) -> Option<Turn> {
        if !self.admits(running) || waiting.is_empty() {
            return None;
        }
        let (start, superseded) = if self.keep_waiting {
            (waiting.first(), &[][..])
        } else {
            (waiting.last(), &waiting[..waiting.len() - 1])
        };
        start.map(|start| Turn {
            start: start.clone(),
            superseded: superseded.to_vec(),
        })
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The run that starts.
    pub start: ExecutionId,
    /// The runs that are canceled.
    pub superseded: Vec<ExecutionId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_is_chosen_as_the_pipeline_says() {
        let waiting: Vec<ExecutionId> = ["2", "3", "4"].map(ExecutionId::from).to_vec();
        let one = |keep_waiting| ConcurrencyLimit {
            slots: Some(1),
            keep_waiting,
        };
        let turn = |start: &str, superseded: &[&str]| {
            Some(Turn {
                start: start.into(),
                superseded: superseded.iter().map(|id| ExecutionId::from(*id)).collect(),
            })
        };
        assert_eq!(one(true).next(0, &waiting), turn("2", &[]));
        assert_eq!(one(false).next(0, &waiting), turn("4", &["2", "3"]));
        assert_eq!(one(true).next(1, &waiting), None);
        assert_eq!(one(true).next(0, &[]), None);
    }

    #[test]
    fn only_a_run_of_a_pipeline_is_limited() {
        let mut execution = Execution {
            limit_concurrent: true,
            max_concurrent_executions: 3,
            ..Execution::default()
        };
        assert_eq!(ConcurrencyLimit::of(&execution).slots, None);
        execution.pipeline_config_id = Some("p".into());
        assert_eq!(ConcurrencyLimit::of(&execution).slots, Some(1));
        execution.limit_concurrent = false;
        assert_eq!(ConcurrencyLimit::of(&execution).slots, Some(3));
    }
}
