//! What tests of the real binary need: a scratch directory, the command line, a server, a client, a webhook receiver.

pub mod command;
pub mod http;
pub mod pipelines;
pub mod receiver;
pub mod scratch;
pub mod server;

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> &'static Path {
    static ROOT: std::sync::LazyLock<PathBuf> = std::sync::LazyLock::new(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        package.join("../..").canonicalize().unwrap()
    });
    &ROOT
}
