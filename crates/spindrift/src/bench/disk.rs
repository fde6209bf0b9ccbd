//! What one durable write costs on this disk.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use super::sample::Sample;

/// Appends 4 KiB and makes it durable, many times.
pub fn measure(directory: &Path) -> anyhow::Result<String> {
    let path = directory.join(format!("spindrift-sync-{:016x}", rand::random::<u64>()));
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(&path)?;
    let mut sample = Sample::default();
    for _ in 0..400 {
        let begin = Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        sample.add(begin.elapsed());
    }
    std::fs::remove_file(&path)?;
    Ok(format!("4 KiB append and fdatasync {}", sample.summary()))
}
