//! The states of executions, stages and tasks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of an execution, a stage or a task (Orca's `ExecutionStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Nothing of it has begun.
    #[default]
    NotStarted,
    /// Under way.
    Running,
    /// Held by a person until they resume it.
    Paused,
    /// Waiting for something outside; read from foreign data, never produced here.
    Suspended,
    /// It ended well.
    Succeeded,
    /// It failed, and its pipeline goes on as if it had not.
    FailedContinue,
    /// It failed and fails its pipeline.
    Terminal,
    /// A person or a failing neighbour ended it.
    Canceled,
    /// A task asks for its loop to run again; never the state of a stage.
    Redirect,
    /// It failed and ends its branch, but does not fail its pipeline.
    Stopped,
    /// It was not needed.
    Skipped,
    /// Held back before its start; read from foreign data, never produced here.
    Buffered,
}

impl Status {
    /// Every status, in the order of their declaration.
    pub const ALL: [Status; 12] = [
        Status::NotStarted,
        Status::Running,
        Status::Paused,
        Status::Suspended,
        Status::Succeeded,
        Status::FailedContinue,
        Status::Terminal,
        Status::Canceled,
        Status::Redirect,
        Status::Stopped,
        Status::Skipped,
        Status::Buffered,
    ];

    /// Whether nothing more will happen.
    pub fn is_complete(self) -> bool {
        match self {
            Status::Succeeded
            | Status::Skipped
            | Status::FailedContinue
            | Status::Stopped
            | Status::Terminal
            | Status::Canceled => true,
            Status::NotStarted
            | Status::Running
            | Status::Paused
            | Status::Suspended
            | Status::Redirect
            | Status::Buffered => false,
        }
    }

    /// Whether what depends on it must not start.
    pub fn is_halt(self) -> bool {
        matches!(self, Status::Stopped | Status::Terminal | Status::Canceled)
    }

    /// Whether clients count it as a success; STOPPED is one, as in Orca.
    pub fn is_successful(self) -> bool {
        matches!(self, Status::Succeeded | Status::Skipped | Status::Stopped)
    }

    /// Whether clients count it as a failure; CANCELED is not one, as in Orca.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Status::FailedContinue | Status::Stopped | Status::Terminal
        )
    }

    /// Whether the stages behind it may start.
    pub fn lets_downstream_start(self) -> bool {
        matches!(
            self,
            Status::Succeeded | Status::FailedContinue | Status::Skipped
        )
    }

    /// The name in JSON, such as `NOT_STARTED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::NotStarted => "NOT_STARTED",
            Status::Running => "RUNNING",
            Status::Paused => "PAUSED",
            Status::Suspended => "SUSPENDED",
            Status::Succeeded => "SUCCEEDED",
            Status::FailedContinue => "FAILED_CONTINUE",
            Status::Terminal => "TERMINAL",
            Status::Canceled => "CANCELED",
            Status::Redirect => "REDIRECT",
            Status::Stopped => "STOPPED",
            Status::Skipped => "SKIPPED",
            Status::Buffered => "BUFFERED",
        }
    }

    /// The status of that name, in any case.
    pub fn parse(name: &str) -> Option<Status> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_properties_are_those_of_orca() {
        let table = [
            (Status::NotStarted, [false, false, false, false]),
            (Status::Running, [false, false, false, false]),
            (Status::Paused, [false, false, false, false]),
            (Status::Suspended, [false, false, false, false]),
            (Status::Succeeded, [true, false, true, false]),
            (Status::FailedContinue, [true, false, false, true]),
            (Status::Terminal, [true, true, false, true]),
            (Status::Canceled, [true, true, false, false]),
            (Status::Redirect, [false, false, false, false]),
            (Status::Stopped, [true, true, true, true]),
            (Status::Skipped, [true, false, true, false]),
            (Status::Buffered, [false, false, false, false]),
        ];
        for (status, expected) in table {
            let found = [
                status.is_complete(),
                status.is_halt(),
                status.is_successful(),
                status.is_failure(),
            ];
            assert_eq!(found, expected, "{status}");
        }
    }

    #[test]
    fn names_are_the_json_names() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(Status::parse(&status.as_str().to_lowercase()), Some(status));
        }
        assert_eq!(Status::parse("DONE"), None);
    }
}
