//! The command line of the real binary.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::scratch::Scratch;

/// The binary, with nothing of the environment of the test.
pub fn spindrift() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spindrift"));
    command.env_clear().env("USER", "tester");
    command
}

/// How a command ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            // A signal is no way for a command to end.
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// What it printed as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails the test unless the command ended with that code.
    #[track_caller]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// Runs the binary in a directory, with that text as its standard input.
pub fn run_in(directory: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut child = spindrift()
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input has closed the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

/// Runs the binary in a directory of its own.
pub fn run(arguments: &[&str]) -> Ended {
    run_in(Scratch::new().as_ref(), arguments, "")
}
