//! Why a store cannot be opened.

use std::path::PathBuf;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another store of this one, has it open.
    #[error("another process uses {}; one directory belongs to one process", .dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// It was written by a newer program.
    #[error(
        "{} was written in format {found}, and this program knows formats up to {known}: start the newer program again, \
         or export the store with it and import the export here", .dir.display()
    )]
    NewerFormat {
        /// The directory.
        dir: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest format this program knows.
        known: u32,
    },
    /// The directory holds something else.
    #[error("{} holds a sled database that is not a store of ours; choose another directory", .dir.display())]
    Foreign {
        /// The directory.
        dir: PathBuf,
    },
    /// What is there cannot be read.
    #[error("{} cannot be read ({reason}): restore it from a backup or an export", .dir.display())]
    Corrupt {
        /// The directory.
        dir: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The operating system refused something.
    #[error("{} cannot be opened: {source}", .dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
}
