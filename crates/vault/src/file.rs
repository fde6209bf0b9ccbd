//! The key file: a line for each key, the one that seals first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rand::RngCore;
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::key::Key;

/// The name of the key file in a data directory.
pub const KEY_FILE: &str = "vault.key";

const HEAD: &str = "# Keys of the secrets in this directory, the one in use first. Whoever has them can read the secrets; without them nobody can.";

/// The keys of a directory; the first start makes one. Two first starts at a time end with the same key.
pub(crate) fn open(directory: &Path) -> Result<Vec<Key>, VaultError> {
    let path = directory.join(KEY_FILE);
    let failed = |error| VaultError::File {
        path: path.clone(),
        error,
    };
    match fs::metadata(&path) {
        Ok(_) => return read(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    fs::create_dir_all(directory).map_err(failed)?;
    let made = write_beside(directory, &[Key::generate()]).map_err(failed)?;
    // A link does not replace a file that somebody else has made in the meantime.
    let linked = fs::hard_link(&made, &path);
    fs::remove_file(&made).map_err(failed)?;
    match linked {
        Ok(()) => sync(directory).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    read(&path)
}

/// Replaces the keys of a directory.
pub(crate) fn replace(directory: &Path, keys: &[Key]) -> Result<(), VaultError> {
    let path = directory.join(KEY_FILE);
    let replaced = || {
        let made = write_beside(directory, keys)?;
        fs::rename(&made, &path)?;
        sync(directory)
    };
    replaced().map_err(|error| VaultError::File {
        path: path.clone(),
        error,
    })
}

fn read(path: &Path) -> Result<Vec<Key>, VaultError> {
    let failed = |error| VaultError::File {
        path: path.to_owned(),
        error,
    };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(VaultError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    let place = |line: usize| format!("line {} of {}", line + 1, path.display());
    let keys: Vec<Key> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            Key::parse(line).ok_or_else(|| VaultError::NotAKey {
                place: place(number),
            })
        })
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(VaultError::NotAKey { place: place(0) });
    }
    Ok(keys)
}

/// Writes keys to a file of another name, so that the real one is never half written.
fn write_beside(directory: &Path, keys: &[Key]) -> io::Result<std::path::PathBuf> {
    let path = directory.join(format!("{KEY_FILE}.{:016x}", rand::rng().next_u64()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    writeln!(file, "{HEAD}")?;
    for key in keys {
        writeln!(file, "{}", key.text().as_str())?;
    }
    file.sync_all()?;
    Ok(path)
}

/// A new name is on disk when its directory is.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
