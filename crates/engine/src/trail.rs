//! Which versions of a run's log still say something.
//!
//! A run is stored as what it was made of and one row of changes for each version. No row is ever written again: a row
//! whose changes have all been superseded by later ones is dropped, and the others stay where they are. So a version
//! costs what it changes, whatever the run holds, and a task that looks at something every few seconds for weeks leaves
//! as many rows as it has members.
//!
//! Invariant: the rows that are left give the same run. A change is superseded when later ones set everything it has set
//! to fixed values. Changes that build on what was before, or of which a run has only a few, are never superseded.

use std::collections::{BTreeMap, HashMap};

use spindrift_model::{Serial, Status};

use crate::change::Change;

/// What is known of a log: for each value that may still be superseded, the versions it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trail {
    sources: HashMap<Cell, Vec<u64>>,
    /// The versions that can be superseded, and how many values come from each.
    values: BTreeMap<u64, usize>,
    /// The newest version, when nothing comes from it. It stays while it is the newest: it says how far the run is.
    idle: Option<u64>,
    rows: u32,
}

/// A value of a run that later changes replace as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Cell {
    stage: Serial,
    part: Part,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    Context(String),
    Outputs(String),
    Modified,
    Scheduled,
    /// How often a task was performed.
    Attempt(u16),
    /// What a task waits for, and whether it was signaled meanwhile.
    Wait(u16),
    /// The state of a task and its times; they build on each other until the task is rewound.
    Progress(u16),
}

/// What a change does to the changes before it.
enum Mark<'c> {
    /// It replaces a value.
    Sets(Serial, Part),
    /// It replaces values of that many names.
    SetsAll(Serial, fn(String) -> Part, Vec<&'c String>),
    /// It adds to a value.
    Adds(Serial, Part),
    /// It reads what was before of its stage, so that nothing of that is superseded any more.
    Seals(Serial),
}

impl Trail {
    /// Takes the changes of the next version. Answers with the versions whose rows no longer say anything.
    pub fn note(&mut self, version: u64, changes: &[Change]) -> Vec<u64> {
        let dropped = self.follow(version, changes);
        self.rows += 1;
        self.rows -= u32::try_from(dropped.len()).unwrap_or(u32::MAX);
        dropped
    }

    /// How many versions the log has.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    fn follow(&mut self, version: u64, changes: &[Change]) -> Vec<u64> {
        let mut dropped: Vec<u64> = self.idle.take().into_iter().collect();
        let stays = changes.iter().any(stays);
        if stays && self.sources.is_empty() {
            return dropped;
        }
        let row = (!stays).then_some(version);
        for mark in changes.iter().flat_map(marks) {
            match mark {
                Mark::Sets(stage, part) => self.set(Cell { stage, part }, row, &mut dropped),
                Mark::SetsAll(stage, part, names) => {
                    for name in names {
                        let part = part(name.clone());
                        self.set(Cell { stage, part }, row, &mut dropped);
                    }
                }
                Mark::Adds(stage, part) => self.add(Cell { stage, part }, row),
                Mark::Seals(stage) => self.seal(stage),
            }
        }
        let says_nothing = !stays && !self.values.contains_key(&version);
        self.idle = says_nothing.then_some(version);
        dropped
    }

    fn set(&mut self, cell: Cell, row: Option<u64>, dropped: &mut Vec<u64>) {
        let before = match row {
            Some(version) => self.sources.insert(cell, vec![version]),
            None => self.sources.remove(&cell),
        };
        if let Some(version) = row {
            *self.values.entry(version).or_default() += 1;
        }
        for version in before.into_iter().flatten() {
            self.release(version, row, dropped);
        }
    }

    fn add(&mut self, cell: Cell, row: Option<u64>) {
        let Some(version) = row else { return };
        let sources = self.sources.entry(cell).or_default();
        if sources.last() != Some(&version) {
            sources.push(version);
            *self.values.entry(version).or_default() += 1;
        }
    }

    fn release(&mut self, version: u64, row: Option<u64>, dropped: &mut Vec<u64>) {
        let Some(values) = self.values.get_mut(&version) else {
            return;
        };
        *values -= 1;
        if *values == 0 {
            self.values.remove(&version);
            if row != Some(version) {
                dropped.push(version);
            }
        }
    }

    fn seal(&mut self, stage: Serial) {
        let values = &mut self.values;
        self.sources.retain(|cell, sources| {
            if cell.stage != stage {
                return true;
            }
            for version in sources {
                values.remove(version);
            }
            false
        });
    }
}

/// Whether a change is never superseded; see the module.
fn stays(change: &Change) -> bool {
    match change {
        Change::StageContext { .. }
        | Change::StageOutputs { .. }
        | Change::StageModified { .. }
        | Change::StageScheduled { .. }
        | Change::TaskWaits { .. }
        | Change::TaskSignaled { .. }
        | Change::TaskRewound { .. } => false,
        // Logs of early versions do not say which attempt it was.
        Change::TaskPerformed { attempt, .. } => *attempt == 0,
        Change::TaskStatus {
            status, exception, ..
        } => exception.is_some() || !is_progress(*status),
        Change::StageAdded { .. }
        | Change::StageRemoved { .. }
        | Change::StageStatus { .. }
        | Change::StagePhase { .. }
        | Change::StageReset { .. }
        | Change::TasksPlanned { .. }
        | Change::ExecutionStatus { .. }
        | Change::Canceled { .. }
        | Change::Paused { .. }
        | Change::Resumed { .. }
        | Change::Trigger { .. }
        | Change::Pending { .. }
        | Change::Answered { .. }
        | Change::Promised { .. }
        | Change::Kept { .. } => true,
    }
}

/// The states through which the tasks of a loop go in every round.
fn is_progress(status: Status) -> bool {
    matches!(
        status,
        Status::Running | Status::Succeeded | Status::Skipped | Status::FailedContinue
    )
}

/// What a change does to those before it.
fn marks(change: &Change) -> Vec<Mark<'_>> {
    match change {
        Change::StageContext { stage, set, unset } => {
            let names = set.keys().chain(unset).collect();
            vec![Mark::SetsAll(*stage, Part::Context, names)]
        }
        Change::StageOutputs { stage, set, unset } => {
            let names = set.keys().chain(unset).collect();
            vec![Mark::SetsAll(*stage, Part::Outputs, names)]
        }
        Change::StageModified { stage, .. } => vec![Mark::Sets(*stage, Part::Modified)],
        Change::StageScheduled { stage, .. } => vec![Mark::Sets(*stage, Part::Scheduled)],
        Change::TaskPerformed { stage, task, .. } => vec![
            Mark::Sets(*stage, Part::Attempt(*task)),
            Mark::Sets(*stage, Part::Wait(*task)),
        ],
        Change::TaskWaits { stage, task, .. } => vec![Mark::Sets(*stage, Part::Wait(*task))],
        Change::TaskSignaled { stage, task } => vec![Mark::Adds(*stage, Part::Wait(*task))],
        Change::TaskRewound { stage, task } => vec![
            Mark::Sets(*stage, Part::Progress(*task)),
            Mark::Sets(*stage, Part::Wait(*task)),
        ],
        Change::TaskStatus { stage, task, .. } => {
            vec![Mark::Adds(*stage, Part::Progress(*task))]
        }
        // The attempts so far are counted on after a restart; planned tasks take the place of others.
        Change::StageReset { stage } | Change::TasksPlanned { stage, .. } => {
            vec![Mark::Seals(*stage)]
        }
        _ => Vec::new(),
    }
}
