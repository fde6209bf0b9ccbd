//! Whatever is written in whatever order, the store on sled answers as the one in memory does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use spindrift_engine::{Change, IndexRow, PipelineRevision, StoreError, Write};
use spindrift_model::{Map, Serial, Status};
use spindrift_store::contract::{Draft, commit};
use spindrift_store::{MemoryStore, import};

use crate::support::{Disturbance, OnSled, answers, options, restless};

/// Something that happens; small numbers choose among few things, so that they meet.
#[derive(Debug, Clone)]
enum Step {
    Create {
        run: u8,
    },
    Advance {
        run: u8,
        change: u8,
    },
    Stale {
        run: u8,
        forgets: bool,
    },
    Forget {
        run: u8,
    },
    Save {
        pipeline: u8,
        name: u8,
        replaces: Option<u64>,
    },
    Delete {
        pipeline: u8,
    },
    Put {
        key: u8,
        value: u16,
        expected: Option<Option<u16>>,
    },
    Remove {
        key: u8,
    },
    /// The next few steps are one commit.
    Together(u8),
    Settle,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0u8..6).prop_map(|run| Step::Create { run }),
        12 => (0u8..6, 0u8..40).prop_map(|(run, change)| Step::Advance { run, change }),
        1 => (0u8..6, any::<bool>()).prop_map(|(run, forgets)| Step::Stale { run, forgets }),
        1 => (0u8..6).prop_map(|run| Step::Forget { run }),
        2 => (0u8..3, 0u8..4, prop::option::of(0u64..4))
            .prop_map(|(pipeline, name, replaces)| Step::Save { pipeline, name, replaces }),
        1 => (0u8..3).prop_map(|pipeline| Step::Delete { pipeline }),
        2 => (0u8..4, 0u16..3, prop::option::of(prop::option::of(0u16..3)))
            .prop_map(|(key, value, expected)| Step::Put { key, value, expected }),
        1 => (0u8..4).prop_map(|key| Step::Remove { key }),
        2 => (2u8..5).prop_map(Step::Together),
        1 => Just(Step::Settle),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..120)
}

/// What the writer believes there is.
#[derive(Debug, Clone, Default)]
struct Writer {
    drafts: BTreeMap<u8, Draft>,
    revisions: BTreeMap<u8, u64>,
}

const APPLICATIONS: [&str; 3] = ["shop", "Web", "web"];

impl Writer {
    /// The write of a step, if it makes one.
    fn write(&mut self, step: &Step) -> Option<Write> {
        match *step {
            Step::Create { run } => {
                let application = APPLICATIONS[usize::from(run) % 3];
                let pipeline = ["p", "q"].get(usize::from(run) % 3).copied();
                let draft = Draft::new(
                    &format!("run-{run}"),
                    application,
                    pipeline,
                    i64::from(run / 2),
                );
                let write = draft.create();
                self.drafts.entry(run).or_insert(draft);
                Some(write)
            }
            Step::Advance { run, change } => {
                let draft = self.drafts.get_mut(&run)?;
                let changes = vec![change_of(change)];
                let row = |row: &mut IndexRow| {
                    if let Change::ExecutionStatus { status, .. } = changes[0] {
                        row.status = status;
                    }
                    let is_even = change % 2 == 0;
                    match change % 6 {
                        0 => row.busy = !row.busy,
                        1 => row.wake = Some(i64::from(change)),
                        2 => row.wake = None,
                        3 => row.queued = Some(i64::from(change / 4)).filter(|_| change % 4 == 1),
                        4 => row.correlation = Some(format!("c{}", change % 3)).filter(|_| is_even),
                        _ => {}
                    }
                };
                Some(draft.advance(changes.clone(), row))
            }
            Step::Stale { run, forgets } => {
                // As a writer who has missed or dreamt one version.
                let mut draft = self.drafts.get(&run)?.clone();
                draft.advance(vec![], |_| {});
                let index = draft.index().clone();
                Some(if forgets {
                    draft.forget()
                } else {
                    draft.advance(vec![], |row| *row = index)
                })
            }
            Step::Forget { run } => Some(self.drafts.remove(&run)?.forget()),
            Step::Save {
                pipeline,
                name,
                replaces,
            } => {
                let number = self.revisions.entry(pipeline).or_default();
                *number += 1;
                Some(Write::SavePipeline {
                    revision: PipelineRevision {
                        id: ["p", "q", "r"][usize::from(pipeline)].into(),
                        revision: *number,
                        saved_at: 1,
                        saved_by: "ada".into(),
                        application: APPLICATIONS[usize::from(name) % 3].into(),
                        name: ["Bake", "bake ", "Deploy", ""][usize::from(name)].into(),
                        document: Map::new(),
                    },
                    replaces,
                })
            }
            Step::Delete { pipeline } => Some(Write::DeletePipeline {
                id: ["p", "q", "r"][usize::from(pipeline)].into(),
                by: "ada".into(),
                at: 2,
            }),
            Step::Put {
                key,
                value,
                expected,
            } => Some(Write::PutRecord {
                space: "test",
                key: format!("k{key}"),
                value: bytes(value),
                expected: expected.map(|expected| expected.map(bytes)),
            }),
            Step::Remove { key } => Some(Write::DeleteRecord {
                space: "test",
                key: format!("k{key}"),
            }),
            Step::Together(_) | Step::Settle | Step::Reopen => None,
        }
    }
}

/// Short, long, and longer than what a store may keep in one piece.
fn bytes(value: u16) -> Vec<u8> {
    vec![7; usize::from(value) * 9_000]
}

fn change_of(change: u8) -> Change {
    let stage = Serial(u32::from(change % 4));
    match change % 5 {
        0 => Change::StageStatus {
            stage,
            status: Status::Running,
            at: 5,
        },
        1 => Change::StageRemoved { stage },
        2 | 3 => {
            let length = if change == 37 { 20_000 } else { 10 };
            let value = json!({ format!("k{}", change / 9): "x".repeat(length) });
            Change::StageOutputs {
                stage,
                set: value.as_object().cloned().unwrap(),
                unset: vec![format!("k{}", change / 13)],
            }
        }
        _ => Change::ExecutionStatus {
            status: Status::ALL[usize::from(change) % Status::ALL.len()],
            at: i64::from(change),
        },
    }
}

fn outcome(result: Result<(), StoreError>) -> &'static str {
    match result {
        Ok(()) => "done",
        Err(StoreError::Conflict(_)) => "refused",
        Err(error) => panic!("{error}"),
    }
}

fn play(steps: &[Step], mut sled: OnSled) -> Result<(), TestCaseError> {
    let mut memory = MemoryStore::new();
    let mut writer = Writer::default();
    let mut at = 0;
    while let Some(step) = steps.get(at) {
        at += 1;
        match step {
            Step::Settle => sled.sled().settle().unwrap(),
            Step::Reopen => {
                sled.reopen();
                memory = memory.reopen();
            }
            _ => {
                let count = if let Step::Together(count) = step {
                    usize::from(*count)
                } else {
                    1
                };
                let first = if count > 1 { at } else { at - 1 };
                let chosen = &steps[first..steps.len().min(first + count)];
                at = at.max(first + chosen.len());
                let before = writer.clone();
                let writes: Vec<Write> = chosen
                    .iter()
                    .filter_map(|step| writer.write(step))
                    .collect();
                let expected = outcome(commit(&memory, writes.clone()));
                let found = outcome(commit(sled.sled(), writes));
                prop_assert_eq!(found, expected, "{:?}", chosen);
                if expected == "refused" {
                    let revisions = writer.revisions;
                    writer = Writer {
                        revisions,
                        ..before
                    };
                }
            }
        }
        if at % 8 == 0 || at >= steps.len() {
            prop_assert_eq!(answers(sled.sled()), answers(&memory));
        }
    }
    let verification = sled.sled().verify().unwrap();
    prop_assert!(verification.is_sound(), "{:#?}", verification.problems);
    let mut export = Vec::new();
    sled.sled().export(&mut export).unwrap();
    let copy = MemoryStore::new();
    import(&copy, &export[..]).unwrap();
    prop_assert_eq!(answers(&copy), answers(&memory));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400,
        // A failing sequence becomes a test with a name instead.
        failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sled_answers_as_memory_does(steps in steps()) {
        play(&steps, OnSled::new(options(), Disturbance::None))?;
    }

    #[test]
    fn sled_answers_as_memory_does_while_rows_move(steps in steps()) {
        play(&steps, OnSled::new(restless(), Disturbance::None))?;
    }
}
