//! Exit codes: what a script learns from a command.

use std::process::ExitCode;

use spindrift_model::Status;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked; a run that was watched ended well.
    Success,
    /// A run that was watched failed, or a checked file has errors.
    Failed,
    /// The command could not be carried out: bad arguments, bad input, no server.
    Usage,
    /// A run that was watched was canceled.
    Canceled,
}

impl Exit {
    /// The exit code that tells how a run ended.
    pub fn of(status: Status) -> Self {
        match status {
            Status::Canceled => Exit::Canceled,
            status if status.is_successful() => Exit::Success,
            _ => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Canceled => 3,
        })
    }
}

/// Says on standard error what went wrong, with its causes.
pub fn complain(error: &anyhow::Error) {
    use std::io::Write;
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "spindrift: {error:#}");
}

/// Writes a line to standard output; a reader that has gone away ends the program quietly, as it does `grep`.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {{
        use std::io::Write;
        if writeln!(std::io::stdout(), $($argument)*).is_err() {
            std::process::exit(0);
        }
    }};
}
