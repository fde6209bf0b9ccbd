//! What tests of the real binary need: a scratch directory, the command line, a server, a client, a webhook receiver.

pub mod command;
pub mod http;
pub mod pipelines;
pub mod receiver;
pub mod scratch;
pub mod server;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Asks until there is an answer: for what no event tells of.
pub fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + http::PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "there was no answer in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The root of the workspace.
pub fn root() -> &'static Path {
    static ROOT: std::sync::LazyLock<PathBuf> = std::sync::LazyLock::new(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        package.join("../..").canonicalize().unwrap()
    });
    &ROOT
}
