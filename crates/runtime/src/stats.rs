//! Figures of the engine's work, for `/metrics`.

use metrics::{Counter, counter};
use spindrift_engine::Change;
use spindrift_model::Status;

/// Counters of one engine.
pub(crate) struct Stats {
    decisions: Counter,
    transitions: Counter,
    performances: Counter,
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            decisions: counter!("spindrift_decisions_total"),
            transitions: counter!("spindrift_stage_transitions_total"),
            performances: counter!("spindrift_task_performances_total"),
        }
    }

    pub(crate) fn count(&self, changes: &[Change]) {
        self.decisions.increment(1);
        let transitions = changes
            .iter()
            .filter(|change| matches!(change, Change::StageStatus { .. }))
            .count();
        let performances = changes
            .iter()
            .filter(|change| matches!(change, Change::TaskPerformed { .. }))
            .count();
        self.transitions.increment(transitions as u64);
        self.performances.increment(performances as u64);
    }

    pub(crate) fn ended(&self, status: Status) {
        counter!("spindrift_executions_ended_total", "status" => status.as_str()).increment(1);
    }
}
