//! Files of a directory of this machine, where the configuration allows one.

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use spindrift_model::Artifact;

use super::{incomplete, reference};
use crate::error::FetchError;
use crate::place::Line;

/// Reads a file. The reference is its path within the directory.
pub(super) async fn fetch(line: &Line<'_>, artifact: &Artifact) -> Result<Bytes, FetchError> {
    let Some(directory) = line.account.directory.clone() else {
        return Err(FetchError::Account {
            account: line.account.name.clone(),
            reason: "it needs a directory".to_owned(),
        });
    };
    let wanted = within(reference(artifact)?).map_err(|reason| incomplete(artifact, reason))?;
    let max_bytes = line.max_bytes;
    let read = tokio::task::spawn_blocking(move || read(&directory, &wanted, max_bytes));
    match read.await {
        Ok(Ok(content)) => Ok(content),
        Ok(Err(Refused::TooLarge)) => Err(FetchError::TooLarge(max_bytes)),
        Ok(Err(Refused::Because(reason))) => Err(incomplete(artifact, reason)),
        Err(error) => Err(incomplete(artifact, format!("it cannot be read: {error}"))),
    }
}

/// The path, when it does not climb out.
fn within(reference: &str) -> Result<PathBuf, String> {
    let path = Path::new(
        reference
            .strip_prefix("file://")
            .unwrap_or(reference)
            .trim(),
    );
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::ParentDir | Component::Prefix(_) => {
                return Err("its reference is no path within the account's directory".to_owned());
            }
        }
    }
    Ok(inside)
}

enum Refused {
    TooLarge,
    Because(String),
}

fn read(directory: &Path, wanted: &Path, max_bytes: u64) -> Result<Bytes, Refused> {
    let because = |error: std::io::Error| Refused::Because(format!("it cannot be read: {error}"));
    let directory = directory.canonicalize().map_err(because)?;
    let file = directory.join(wanted).canonicalize().map_err(because)?;
    // A symbolic link may lead elsewhere.
    if !file.starts_with(&directory) {
        let reason = "its reference leads out of the account's directory";
        return Err(Refused::Because(reason.to_owned()));
    }
    let length = std::fs::metadata(&file).map_err(because)?;
    if !length.is_file() {
        return Err(Refused::Because("it is no file".to_owned()));
    }
    if length.len() > max_bytes {
        return Err(Refused::TooLarge);
    }
    std::fs::read(&file).map(Bytes::from).map_err(because)
}
