//! The contract of triggers: `engine-spec/conformance/triggers/*.yaml`.

mod case;
mod play;

use std::collections::BTreeSet;
use std::path::Path;

use case::{File, Level};

#[test]
fn every_case_holds_and_every_row_has_one() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../engine-spec/conformance/triggers");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    paths.sort();
    let (mut rows, mut played, mut later) = (BTreeSet::new(), 0, Vec::new());
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file: File =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for case in file.cases {
            rows.extend(case.rows.iter().copied());
            let label = format!("{name} {:?}: {}", case.rows, case.says);
            match case.level {
                Level::System => later.push(label),
                Level::Unit => {
                    play::play(&case, &label);
                    played += 1;
                }
            }
        }
    }
    println!(
        "{played} cases played; not here but in the system suites:\n{}",
        later.join("\n")
    );
    let missing: Vec<u32> = (1..=44).filter(|row| !rows.contains(row)).collect();
    assert!(missing.is_empty(), "rows without a case: {missing:?}");
    assert!(played >= 60, "only {played} cases");
}
