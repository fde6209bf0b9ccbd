//! The process is killed at any moment: what it has said is done, is done.
//!
//! The child is this test binary itself, asked by an environment variable to write and to say what it has written.
//! `STORE_KILLS` sets how often it is killed (default 10).

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures::executor::block_on;
use serde_json::json;
use spindrift_engine::{Change, Run, Store, Write};
use spindrift_model::Serial;
use spindrift_store::StoreOptions;
use spindrift_store::contract::Draft;

use crate::support::{open, options};

const DIR: &str = "STORE_KILL_DIR";
const RUNS: usize = 8;

fn small_layers() -> StoreOptions {
    StoreOptions {
        layer_bytes: 20_000,
        ..options()
    }
}

fn id(writer: usize, life: u64) -> String {
    format!("run-{writer}-{life:06}")
}

/// Each writer lives one run after the other: created, advanced twelve times, and the one before last forgotten.
/// The outputs of a run say which version it should have.
fn write_for_ever(dir: &Path) {
    let store = Arc::new(open(dir, small_layers()));
    let begun: u64 = std::env::var("STORE_KILL_LIFE").unwrap().parse().unwrap();
    let writers: Vec<_> = (0..RUNS)
        .map(|writer| {
            let store = store.clone();
            std::thread::spawn(move || {
                let mut previous: Option<Draft> = None;
                for life in begun.. {
                    let mut draft = Draft::new(&id(writer, life), "shop", Some("p"), life as i64)
                        .with(|row| row.busy = true);
                    done(&*store, &draft, vec![draft.create()]);
                    for number in 1..=12 {
                        let write = step(&mut draft, number);
                        let mut writes = vec![write];
                        if number == 12 {
                            writes.extend(previous.take().map(|draft| draft.forget()));
                        }
                        done(&*store, &draft, writes);
                    }
                    previous = Some(draft);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
}

fn step(draft: &mut Draft, number: u64) -> Write {
    let change = Change::StageOutputs {
        stage: Serial(1),
        set: json!({"version": number, "text": "y".repeat(200 * number as usize)})
            .as_object()
            .cloned()
            .unwrap(),
        unset: Vec::new(),
    };
    match number {
        12 => draft.advance(vec![change], |row| row.busy = false),
        _ => draft.advance(vec![change], |row| row.wake = Some(number as i64)),
    }
}

fn done(store: &dyn Store, draft: &Draft, writes: Vec<Write>) {
    block_on(store.commit(writes)).unwrap();
    let line = format!("{} {}\n", draft.id(), draft.version());
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// Not a test of its own: what the child does.
#[test]
fn child() {
    if let Ok(dir) = std::env::var(DIR) {
        write_for_ever(Path::new(&dir));
    }
}

#[test]
fn a_killed_process_has_done_what_it_said() {
    let kills: u64 = std::env::var("STORE_KILLS").map_or(10, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture"])
            .env(DIR, dir.path())
            .env("STORE_KILL_LIFE", (kill * 1_000).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        // The last line may be cut off in its midst.
        let mut lines = std::iter::from_fn(|| {
            let mut line = String::new();
            output.read_line(&mut line).ok()?;
            line.strip_suffix('\n').map(str::to_owned)
        });
        let mut last = std::collections::BTreeMap::new();
        // No pattern in when it is killed: some prime many answers later each time.
        let answers = 97 + (kill * 7_919) % 1_500;
        let mut note = |line: String| {
            if let Some((id, version)) = line.split_once(' ')
                && id.starts_with("run-")
                && let Ok(version) = version.parse::<u64>()
            {
                last.insert(id.to_owned(), version);
                acknowledged += 1;
            }
        };
        lines.by_ref().take(answers as usize).for_each(&mut note);
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it died still stands in the pipe.
        lines.for_each(&mut note);
        check(dir.path(), &last);
    }
    println!("{kills} kills, {acknowledged} acknowledged commits");
    assert!(acknowledged > kills * 90);
}

fn check(dir: &Path, last: &std::collections::BTreeMap<String, u64>) {
    let store = open(dir, small_layers());
    let mut present = 0;
    for (id, version) in last {
        let Some(state) = store.run(&id.as_str().into()).unwrap() else {
            // Only a finished run is forgotten, and only once the next one of its writer has ended or was about to.
            assert_eq!(*version, 12, "{id} is lost");
            continue;
        };
        present += 1;
        let found = state.execution.version;
        // One more commit may have become durable without being heard of.
        assert!(
            (*version..=version + 1).contains(&found),
            "{id} is at {found}, not {version}"
        );
        let run = Run::load(state);
        let output = run.stage(Serial(1)).unwrap().outputs.get("version");
        assert_eq!(output.and_then(|value| value.as_u64()).unwrap_or(0), found);
        let is_busy = store
            .busy(None, usize::MAX)
            .unwrap()
            .contains(&id.as_str().into());
        assert_eq!(is_busy, found < 12, "{id}");
    }
    assert!(present >= RUNS.min(last.len()));
}
