//! The three steps that make a batch durable, behind a trait so that tests can let each of them fail.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sled::{Batch, Db};

/// What the committer asks of the disk.
///
/// After any error the committer stops for good: it never repeats a failed sync, because the operating system may have
/// dropped what it could not write and would call the next one a success.
pub trait Disk: Send {
    /// Writes rows, all or none. Until [`Disk::sync`] they may be lost.
    fn apply(&mut self, batch: Batch) -> io::Result<()>;

    /// Hands what was written to the operating system, and returns once it is on the device.
    fn sync(&mut self) -> io::Result<()>;

    /// Bytes that are free for this process.
    fn free(&self) -> io::Result<u64>;
}

/// The real disk.
pub(crate) struct SledDisk {
    db: Db,
    file: File,
    dir: PathBuf,
}

impl SledDisk {
    /// `dir` is where `db` is.
    pub(crate) fn new(db: Db, dir: &Path) -> io::Result<Self> {
        Ok(Self {
            db,
            file: File::options().write(true).open(dir.join("db"))?,
            dir: dir.to_owned(),
        })
    }
}

impl Disk for SledDisk {
    fn apply(&mut self, batch: Batch) -> io::Result<()> {
        self.db.apply_batch(batch).map_err(io::Error::other)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.db.flush().map_err(io::Error::other)?;
        // sled leaves it at `sync_file_range`, which reaches neither the drive's cache nor the file's length.
        self.file.sync_data()
    }

    fn free(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
