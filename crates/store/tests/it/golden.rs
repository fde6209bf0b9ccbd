//! A directory that an earlier version has written must be read by every later one.
//!
//! `STORE_GOLDEN=write cargo test -p spindrift-store golden` writes the directory of the format of today; it is done once
//! for each format and kept.

use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::backup::{exported, furnish};
use crate::support::{open, options};

fn golden(format: u32) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join("golden").join(format!("format-{format}"))
}

fn write(into: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    furnish(&store);
    fs::create_dir_all(into).unwrap();
    fs::write(into.join("export.jsonl"), exported(&store)).unwrap();
    // As a killed process leaves it: the rows are in the journal still.
    let killed = fs::read(dir.path().join("db")).unwrap();
    drop(store);
    let closed = fs::read(dir.path().join("db")).unwrap();
    for (name, bytes) in [("killed.gz", killed), ("closed.gz", closed)] {
        let mut gz = GzEncoder::new(Vec::new(), Compression::best());
        gz.write_all(&bytes).unwrap();
        fs::write(into.join(name), gz.finish().unwrap()).unwrap();
    }
    fs::copy(dir.path().join("conf"), into.join("conf")).unwrap();
}

#[test]
fn a_directory_of_an_earlier_version_is_read() {
    if std::env::var_os("STORE_GOLDEN").is_some() {
        write(&golden(1));
    }
    for format in 1..=1 {
        let golden = golden(format);
        for name in ["killed.gz", "closed.gz"] {
            let dir = tempfile::tempdir().unwrap();
            let mut db = Vec::new();
            let packed = fs::read(golden.join(name)).unwrap();
            GzDecoder::new(&packed[..]).read_to_end(&mut db).unwrap();
            fs::write(dir.path().join("db"), db).unwrap();
            fs::copy(golden.join("conf"), dir.path().join("conf")).unwrap();
            let store = open(dir.path(), options());
            assert_eq!(store.verify().unwrap().problems, [""; 0], "{name}");
            let expected = fs::read_to_string(golden.join("export.jsonl")).unwrap();
            assert_eq!(exported(&store), expected, "{name}");
        }
    }
}
