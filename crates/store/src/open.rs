//! Opening a directory: one process at a time, sled's leftovers out of the way, the format known.

use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sled::Db;

use crate::committer::panic_text;
use crate::error::OpenError;
use crate::format;
use crate::options::StoreOptions;

/// A directory that is open.
pub(crate) struct Opened {
    pub(crate) db: Db,
    /// Held as long as the store is open.
    pub(crate) lock: Lock,
}

/// The right to use a directory.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    /// Closing the file would not be enough: a child process that is just being started has it open as well until it
    /// runs its own program.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock of the store could not be released");
        }
    }
}

/// Opens sled in `dir`, which is created when it does not exist.
pub(crate) fn open(dir: &Path, options: &StoreOptions) -> Result<Opened, OpenError> {
    let io = |source| OpenError::Io {
        dir: dir.to_owned(),
        source,
    };
    fs::create_dir_all(dir).map_err(io)?;
    // A lock of our own, before anything is touched: sled takes its lock only once it has begun to read.
    let lock = File::create(dir.join("lock")).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::Locked {
                dir: dir.to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(io(source)),
    }
    remove_unfinished_snapshots(dir).map_err(io)?;
    let db = match open_sled(dir, options) {
        Err(OpenError::Corrupt { reason, .. }) if has_snapshots(dir).map_err(io)? => {
            let aside = set_snapshots_aside(dir).map_err(io)?;
            tracing::warn!(%reason, aside = %aside.display(), "opening without sled's snapshot");
            open_sled(dir, options)?
        }
        opened => opened?,
    };
    format::check(&db, dir)?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)?;
    Ok(Opened {
        db,
        lock: Lock(lock),
    })
}

/// How often, and how long apart, sled's own lock is tried. A store that has just been closed in this process may hold
/// it a moment longer than ours: sled's background thread lets go of it in its own time and tells nobody.
const LOCK_TRIES: (u32, Duration) = (100, Duration::from_millis(20));

fn open_sled(dir: &Path, options: &StoreOptions) -> Result<Db, OpenError> {
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(options.cache_bytes);
    let mut tries = 0;
    loop {
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let error = match opened {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) => error,
            Err(panic) => {
                return Err(OpenError::Corrupt {
                    dir: dir.to_owned(),
                    reason: format!("sled panicked: {}", panic_text(&*panic)),
                });
            }
        };
        match error {
            sled::Error::Io(error) if is_locked(&error) && tries < LOCK_TRIES.0 => {
                tries += 1;
                std::thread::sleep(LOCK_TRIES.1);
            }
            sled::Error::Io(error) if is_locked(&error) => {
                return Err(OpenError::Locked {
                    dir: dir.to_owned(),
                });
            }
            sled::Error::Io(source) => {
                return Err(OpenError::Io {
                    dir: dir.to_owned(),
                    source,
                });
            }
            error => {
                return Err(OpenError::Corrupt {
                    dir: dir.to_owned(),
                    reason: error.to_string(),
                });
            }
        }
    }
}

/// sled wraps the refused lock in an error of its own text.
fn is_locked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.to_string().contains("WouldBlock")
}

fn snapshots(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_snapshot = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("snap."));
        if is_snapshot {
            found.push(path);
        }
    }
    Ok(found)
}

fn has_snapshots(dir: &Path) -> io::Result<bool> {
    Ok(!snapshots(dir)?.is_empty())
}

/// A snapshot that was being written when the process died makes sled call the whole store damaged.
fn remove_unfinished_snapshots(dir: &Path) -> io::Result<()> {
    for path in snapshots(dir)? {
        if path.extension().is_some_and(|end| end == "generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A snapshot only shortens sled's start; without it sled reads its whole file.
fn set_snapshots_aside(dir: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    let mut aside = dir.join("aside-1");
    while aside.exists() {
        number += 1;
        aside = dir.join(format!("aside-{number}"));
    }
    fs::create_dir(&aside)?;
    for path in snapshots(dir)? {
        if let Some(name) = path.file_name() {
            fs::rename(&path, aside.join(name))?;
        }
    }
    Ok(aside)
}
