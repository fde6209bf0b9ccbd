//! What has happened in an execution, as lines for people.

use std::collections::HashMap;

use spindrift_model::{Execution, Millis, Stage, StageId, Status};

/// Remembers what has been told, and tells what is new.
#[derive(Debug, Default)]
pub struct Progress {
    told: HashMap<StageId, Status>,
    execution: Option<Status>,
}

impl Progress {
    /// The lines for everything that has changed since the last call.
    pub fn news(&mut self, execution: &Execution) -> Vec<String> {
        let mut lines = Vec::new();
        if self.execution.is_none() {
            lines.push(format!(
                "{} {} ({})",
                mark(Status::Running),
                execution.display_name(),
                execution.id
            ));
        }
        let mut stages: Vec<&Stage> = execution.stages.iter().collect();
        stages.sort_by_key(|stage| stage.end_time.or(stage.start_time));
        for stage in stages {
            let before = self.told.insert(stage.id.clone(), stage.status);
            if before != Some(stage.status) && stage.status != Status::NotStarted {
                lines.push(stage_line(execution, stage));
            }
        }
        let ended = execution.status.is_complete();
        if self.execution != Some(execution.status) && (ended || execution.status == Status::Paused)
        {
            let took = duration(execution.start_time, execution.end_time);
            let by = execution
                .canceled_by
                .as_ref()
                .filter(|_| execution.canceled);
            let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
            lines.push(format!(
                "{} {}{by}{took}",
                mark(execution.status),
                execution.status
            ));
        }
        self.execution = Some(execution.status);
        lines
    }
}

fn stage_line(execution: &Execution, stage: &Stage) -> String {
    let depth = std::iter::successors(stage.parent, |parent| {
        execution.stage(*parent).and_then(|stage| stage.parent)
    })
    .count();
    let indent = "  ".repeat(depth + 1);
    let took = duration(stage.start_time, stage.end_time);
    let what = match stage.status {
        Status::Running if stage.kind == "manualJudgment" => {
            let instructions = stage.text("instructions").unwrap_or("approve or reject it");
            format!("waits for a judgment: {instructions}")
        }
        status => status.to_string(),
    };
    let mut line = format!(
        "{indent}{} {} {what}{took}",
        mark(stage.status),
        stage.display_name()
    );
    if stage.status.is_failure() {
        for error in stage.errors() {
            line.push_str(&format!("\n{indent}    {error}"));
        }
    }
    line
}

fn duration(start: Option<Millis>, end: Option<Millis>) -> String {
    match (start, end) {
        (Some(start), Some(end)) => format!(" ({:.1} s)", (end - start) as f64 / 1_000.0),
        _ => String::new(),
    }
}

fn mark(status: Status) -> char {
    match status {
        Status::Succeeded => '✔',
        Status::Skipped => '↷',
        Status::Terminal | Status::Stopped | Status::FailedContinue => '✘',
        Status::Canceled => '■',
        Status::Paused | Status::Suspended | Status::Buffered => '‖',
        Status::NotStarted | Status::Running | Status::Redirect => '▶',
    }
}
