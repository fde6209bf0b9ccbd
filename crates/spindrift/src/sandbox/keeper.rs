//! Keeping the cluster on disk: after each change, as often as the disk and the size of the cluster allow.
//!
//! A crash loses what changed since the last save, which is a tenth of a second for a small cluster.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use spindrift_sandbox::Sandbox;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Between two saves, at least.
const PAUSE: Duration = Duration::from_millis(100);

/// Saving takes at most one of so many parts of the time.
const SHARE: u32 = 10;

/// Saves a cluster whenever it has changed.
pub(super) struct Keeper {
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    pub(super) fn start(sandbox: Sandbox, file: PathBuf) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep(sandbox, file, stop.clone()));
        Self {
            stop,
            task: Mutex::new(Some(task)),
        }
    }

    /// Saves once more, and ends.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the sandbox may not have been saved");
        }
    }
}

async fn keep(sandbox: Sandbox, file: PathBuf, stop: CancellationToken) {
    let mut revisions = sandbox.revisions();
    loop {
        let stopping = tokio::select! {
            changed = revisions.changed() => changed.is_err(),
            () = stop.cancelled() => true,
        };
        revisions.mark_unchanged();
        let began = Instant::now();
        save(&sandbox, &file).await;
        if stopping {
            return;
        }
        let pause = PAUSE.max(began.elapsed().saturating_mul(SHARE));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn save(sandbox: &Sandbox, file: &Path) {
    let (sandbox, file) = (sandbox.clone(), file.to_owned());
    let written = tokio::task::spawn_blocking(move || {
        let snapshot = sandbox.snapshot();
        write(&file, &snapshot)
    });
    match written.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the sandbox cannot be saved"),
        Err(error) => tracing::error!(%error, "the sandbox cannot be saved"),
    }
}

/// A file of that name is always whole: the old one or the new one.
fn write(file: &Path, snapshot: &Value) -> io::Result<()> {
    let new = file.with_extension("json.new");
    // It may hold Secrets.
    let created = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    let mut writer = io::BufWriter::new(created);
    serde_json::to_writer(&mut writer, snapshot)?;
    writer.flush()?;
    writer.get_ref().sync_data()?;
    fs::rename(&new, file)
}

/// Brings back what was saved. What cannot be read is put aside, and the cluster is a new one.
pub(super) fn restore(sandbox: &Sandbox, file: &Path) {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            tracing::error!(file = %file.display(), %error, "the sandbox's file cannot be read; it begins anew");
            return;
        }
    };
    let restored = serde_json::from_slice(&text)
        .map_err(|error| error.to_string())
        .and_then(|snapshot: Value| {
            sandbox
                .restore(&snapshot)
                .map_err(|error| error.to_string())
        });
    if let Err(reason) = restored {
        let aside = file.with_extension("json.unreadable");
        tracing::error!(file = %file.display(), reason, aside = %aside.display(), "the sandbox's file cannot be used; it is put aside, and the sandbox begins anew");
        if let Err(error) = fs::rename(file, &aside) {
            tracing::error!(%error, "the file cannot be put aside");
        }
    }
}
