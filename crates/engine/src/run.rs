//! A run in memory: the execution, its ledger, and what is derived from them.

use std::collections::{HashMap, HashSet};

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::{Bfs, Walker};
use spindrift_model::{
    Execution, Map, Millis, Paused, Phase, RefId, Serial, Stage, Status, Task, Trigger, Value,
};

use crate::change::Change;
use crate::store::{Ledger, RunState};

/// A run in memory.
///
/// The graph and the tallies are derived from the execution and kept current by [`Run::apply`]; they are never stored.
#[derive(Debug, Clone)]
pub struct Run {
    execution: Execution,
    ledger: Ledger,
    graph: StableDiGraph<Serial, ()>,
    nodes: HashMap<Serial, NodeIndex>,
    by_ref_id: HashMap<(Option<Serial>, RefId), Serial>,
    children: HashMap<Serial, Vec<Serial>>,
    top_level: Tally,
    halted: usize,
    active: Vec<Serial>,
}

/// How many stages are in each state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    counts: [usize; Status::ALL.len()],
}

impl Tally {
    fn add(&mut self, status: Status) {
        self.counts[status as usize] += 1;
    }

    fn remove(&mut self, status: Status) {
        self.counts[status as usize] -= 1;
    }

    /// How many are in that state.
    pub(crate) fn of(&self, status: Status) -> usize {
        self.counts[status as usize]
    }

    /// How many there are.
    pub(crate) fn total(&self) -> usize {
        self.counts.iter().sum()
    }
}

impl Run {
    /// The run of a state that was made by this engine.
    pub fn load(state: RunState) -> Self {
        let mut run = Self {
            execution: Execution {
                stages: Vec::new(),
                ..state.execution
            },
            ledger: state.ledger,
            graph: StableDiGraph::new(),
            nodes: HashMap::new(),
            by_ref_id: HashMap::new(),
            children: HashMap::new(),
            top_level: Tally::default(),
            halted: 0,
            active: Vec::new(),
        };
        for stage in &state.execution.stages {
            run.index_node(stage);
        }
        for stage in state.execution.stages {
            run.index_edges(&stage);
            run.count(&stage);
            run.execution.stages.push(stage);
        }
        run
    }

    /// The execution.
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// What is remembered besides the execution.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The run as it is kept.
    pub fn to_state(&self) -> RunState {
        RunState {
            execution: self.execution.clone(),
            ledger: self.ledger.clone(),
        }
    }

    /// The run as it is kept.
    pub fn into_state(self) -> RunState {
        RunState {
            execution: self.execution,
            ledger: self.ledger,
        }
    }

    /// The stage at that position.
    pub fn stage(&self, serial: Serial) -> Option<&Stage> {
        self.execution.stage(serial)
    }

    /// The stages that are RUNNING or PAUSED, sorted.
    pub fn active(&self) -> &[Serial] {
        &self.active
    }

    pub(crate) fn top_level(&self) -> &Tally {
        &self.top_level
    }

    /// Whether any stage has ended in a state that stops what depends on it.
    pub(crate) fn has_halted(&self) -> bool {
        self.halted > 0
    }

    /// The stages that `serial` requires.
    pub fn upstream(&self, serial: Serial) -> impl Iterator<Item = &Stage> {
        self.neighbors(serial, Direction::Incoming)
    }

    /// The stages that require `serial`.
    pub fn downstream(&self, serial: Serial) -> impl Iterator<Item = &Stage> {
        self.neighbors(serial, Direction::Outgoing)
    }

    fn neighbors(&self, serial: Serial, direction: Direction) -> impl Iterator<Item = &Stage> {
        self.nodes
            .get(&serial)
            .into_iter()
            .flat_map(move |node| self.graph.neighbors_directed(*node, direction))
            .filter_map(|node| self.stage(self.graph[node]))
    }

    /// `serial` and every stage behind it, nearest first.
    pub fn downstream_closure(&self, serial: Serial) -> Vec<Serial> {
        let Some(node) = self.nodes.get(&serial) else {
            return Vec::new();
        };
        Bfs::new(&self.graph, *node)
            .iter(&self.graph)
            .map(|node| self.graph[node])
            .collect()
    }

    /// The synthetic stages of a parent, in the order in which they were added.
    pub fn children(&self, parent: Serial) -> impl Iterator<Item = &Stage> {
        self.children
            .get(&parent)
            .into_iter()
            .flatten()
            .filter_map(|serial| self.stage(*serial))
    }

    /// A member of the outputs of the stage itself, else of its nearest ancestor that has it
    /// (Orca's `StageExecution.ancestors`).
    pub fn inherited(&self, serial: Serial, key: &str) -> Option<&Value> {
        self.ancestors(serial)
            .find_map(|stage| stage.outputs.get(key))
    }

    /// The stage itself and its ancestors, nearest first: its requisites with their synthetic stages, recursively; for
    /// a synthetic stage without requisites its parent, and for one that runs after, its siblings before.
    pub fn ancestors(&self, serial: Serial) -> Ancestors<'_> {
        Ancestors {
            run: self,
            queue: std::collections::VecDeque::from([serial]),
            seen: std::collections::HashSet::from([serial]),
        }
    }

    fn index_node(&mut self, stage: &Stage) {
        let node = self.graph.add_node(stage.serial);
        self.nodes.insert(stage.serial, node);
        self.by_ref_id
            .insert((stage.parent, stage.ref_id.clone()), stage.serial);
        if let Some(parent) = stage.parent {
            self.children.entry(parent).or_default().push(stage.serial);
        }
    }

    fn index_edges(&mut self, stage: &Stage) {
        let Some(to) = self.nodes.get(&stage.serial).copied() else {
            return;
        };
        // `update_edge` would look through all stages behind each requisite.
        let mut known = HashSet::new();
        for requisite in &stage.requisite_stage_ref_ids {
            let from = self
                .by_ref_id
                .get(&(stage.parent, requisite.clone()))
                .and_then(|serial| self.nodes.get(serial));
            if let Some(from) = from.filter(|from| known.insert(**from)) {
                self.graph.add_edge(*from, to, ());
            }
        }
    }

    fn count(&mut self, stage: &Stage) {
        if !stage.is_synthetic() {
            self.top_level.add(stage.status);
        }
        if stage.status.is_halt() {
            self.halted += 1;
        }
        if is_under_way(stage.status) {
            self.activate(stage.serial);
        }
    }

    /// Sorted, so that a run read back decides in the same order as the one that was never away.
    fn activate(&mut self, serial: Serial) {
        if let Err(position) = self.active.binary_search(&serial) {
            self.active.insert(position, serial);
        }
    }

    fn uncount(&mut self, serial: Serial, synthetic: bool, status: Status) {
        if !synthetic {
            self.top_level.remove(status);
        }
        if status.is_halt() {
            self.halted -= 1;
        }
        if is_under_way(status)
            && let Ok(position) = self.active.binary_search(&serial)
        {
            self.active.remove(position);
        }
    }

    /// Performs a change. Changes that name a stage or task that does not exist do nothing: they cannot be made by this
    /// engine, and a run must be readable even when its log was damaged.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::ExecutionStatus { status, at } => self.set_execution_status(status, at),
            Change::Canceled { by, reason } => {
                self.execution.canceled = true;
                self.execution.canceled_by = Some(by);
                self.execution.cancellation_reason = reason;
            }
            Change::Paused { by, at } => {
                self.execution.paused = Some(Paused {
                    paused_by: Some(by),
                    pause_time: at,
                    ..Paused::default()
                });
            }
            Change::Resumed { by, at } => {
                if let Some(paused) = &mut self.execution.paused {
                    paused.resumed_by = Some(by);
                    paused.resume_time = Some(at);
                }
            }
            Change::Trigger { set } => {
                let mut map = self.execution.trigger.to_map();
                map.extend(set);
                self.execution.trigger = Trigger::new(map);
            }
            Change::Pending { restart, waiting } => {
                self.ledger.restart = restart;
                self.ledger.waiting = waiting;
            }
            Change::Answered { stage, answer } => self.ledger.answers.push((stage, answer)),
            Change::Promised { promise } => {
                self.ledger.next_promise = self.ledger.next_promise.max(promise.number + 1);
                self.ledger.promises.push(promise);
            }
            Change::Kept { number } => self.ledger.promises.retain(|p| p.number != number),
            Change::StageAdded { stage } => self.add_stage(*stage),
            Change::StageRemoved { stage } => self.remove_stage(stage),
            Change::StageStatus { stage, status, at } => self.set_stage_status(stage, status, at),
            Change::StageReset { stage } => self.reset_stage(stage),
            Change::StagePhase { stage, phase } => self.edit(stage, |stage| stage.phase = phase),
            Change::StageContext { stage, set, unset } => {
                self.edit(stage, |stage| merge(&mut stage.context, set, &unset));
            }
            Change::StageOutputs { stage, set, unset } => {
                self.edit(stage, |stage| merge(&mut stage.outputs, set, &unset));
            }
            Change::StageModified {
                stage,
                last_modified,
            } => {
                self.edit(stage, |stage| stage.last_modified = Some(last_modified));
            }
            Change::StageScheduled { stage, at } => {
                self.edit(stage, |stage| stage.scheduled_time = at);
            }
            Change::TasksPlanned { stage, tasks } => self.plan_tasks(stage, tasks),
            Change::TaskStatus {
                stage,
                task,
                status,
                at,
                exception,
            } => {
                self.edit_task(stage, task, |task| {
                    set_task_status(task, status, at, exception)
                });
            }
            Change::TaskPerformed {
                stage,
                task,
                attempt,
            } => self.edit_task(stage, task, |task| {
                task.attempt = match attempt {
                    0 => task.attempt + 1,
                    attempt => attempt,
                };
                task.wait = None;
                task.signaled = false;
            }),
            Change::TaskWaits { stage, task, wait } => self.edit_task(stage, task, |task| {
                task.wait = Some(wait);
                task.signaled = false;
            }),
            Change::TaskSignaled { stage, task } => {
                self.edit_task(stage, task, |task| task.signaled = true);
            }
            Change::TaskRewound { stage, task } => self.edit_task(stage, task, |task| {
                task.status = Status::NotStarted;
                task.start_time = None;
                task.end_time = None;
                task.wait = None;
                task.signaled = false;
            }),
        }
    }

    /// Counts one more stored version.
    pub fn advance_version(&mut self) {
        self.execution.version += 1;
    }

    pub(crate) fn set_version(&mut self, version: u64) {
        self.execution.version = version;
    }

    fn edit(&mut self, serial: Serial, edit: impl FnOnce(&mut Stage)) {
        if let Some(stage) = self.execution.stage_mut(serial) {
            edit(stage);
        }
    }

    fn edit_task(&mut self, serial: Serial, task: u16, edit: impl FnOnce(&mut Task)) {
        self.edit(serial, |stage| {
            if let Some(task) = stage.tasks.get_mut(usize::from(task)) {
                edit(task);
            }
        });
    }

    fn set_execution_status(&mut self, status: Status, at: Millis) {
        let execution = &mut self.execution;
        if status == Status::Running {
            if execution.status != Status::Paused {
                execution.start_time = Some(at);
                execution.end_time = None;
            }
            execution.canceled = false;
        }
        if status == Status::NotStarted {
            execution.canceled = false;
            execution.end_time = None;
        }
        execution.status = status;
        if status.is_complete() && execution.start_time.is_some() {
            execution.end_time = Some(at);
        }
    }

    fn set_stage_status(&mut self, serial: Serial, status: Status, at: Millis) {
        if status.is_complete() {
            self.ledger.answers.retain(|(stage, _)| *stage != serial);
        }
        let Some(stage) = self.execution.stage_mut(serial) else {
            return;
        };
        let (synthetic, before) = (stage.is_synthetic(), stage.status);
        stage.status = status;
        if status == Status::Running && stage.start_time.is_none() {
            stage.start_time = Some(at);
        }
        if status.is_complete() {
            stage.end_time = Some(at);
        }
        self.uncount(serial, synthetic, before);
        if !synthetic {
            self.top_level.add(status);
        }
        if status.is_halt() {
            self.halted += 1;
        }
        if is_under_way(status) {
            self.activate(serial);
        }
    }

    fn plan_tasks(&mut self, serial: Serial, mut tasks: Vec<Task>) {
        let before = self.ledger.performed.get(&serial).copied().unwrap_or(0);
        for task in &mut tasks {
            task.attempt = before;
        }
        self.edit(serial, |stage| stage.tasks = tasks);
    }

    fn reset_stage(&mut self, serial: Serial) {
        let Some(stage) = self.execution.stage_mut(serial) else {
            return;
        };
        if let Some(performed) = stage.tasks.iter().map(|task| task.attempt).max() {
            let before = self.ledger.performed.entry(serial).or_default();
            *before = performed.max(*before);
        }
        let (synthetic, before) = (stage.is_synthetic(), stage.status);
        stage.status = Status::NotStarted;
        stage.start_time = None;
        stage.end_time = None;
        stage.scheduled_time = None;
        stage.tasks.clear();
        stage.phase = Phase::Unplanned;
        stage.restarts += 1;
        self.uncount(serial, synthetic, before);
        if !synthetic {
            self.top_level.add(Status::NotStarted);
        }
    }

    fn add_stage(&mut self, stage: Stage) {
        self.ledger.next_serial = self.ledger.next_serial.max(stage.serial.0 + 1);
        self.index_node(&stage);
        self.index_edges(&stage);
        self.count(&stage);
        self.execution.stages.push(stage);
    }

    fn remove_stage(&mut self, serial: Serial) {
        let stages = &mut self.execution.stages;
        let Ok(position) = stages.binary_search_by_key(&serial, |stage| stage.serial) else {
            return;
        };
        let stage = stages.remove(position);
        self.uncount(serial, stage.is_synthetic(), stage.status);
        if let Some(node) = self.nodes.remove(&serial) {
            self.graph.remove_node(node);
        }
        self.by_ref_id.remove(&(stage.parent, stage.ref_id.clone()));
        if let Some(siblings) = stage
            .parent
            .and_then(|parent| self.children.get_mut(&parent))
        {
            siblings.retain(|sibling| *sibling != serial);
        }
        self.children.remove(&serial);
        self.ledger.performed.remove(&serial);
    }
}

/// Whether something of a stage or task in that state is still going on.
pub(crate) fn is_under_way(status: Status) -> bool {
    matches!(status, Status::Running | Status::Paused)
}

fn merge(into: &mut Map, set: Map, unset: &[String]) {
    for key in unset {
        into.shift_remove(key);
    }
    into.extend(set);
}

fn set_task_status(task: &mut Task, status: Status, at: Millis, exception: Option<Map>) {
    task.status = status;
    if status == Status::Running && task.start_time.is_none() {
        task.start_time = Some(at);
    }
    if status.is_complete() {
        task.end_time = Some(at);
        task.wait = None;
        task.signaled = false;
    }
    if let Some(exception) = exception {
        task.task_exception_details
            .insert("exception".into(), Value::Object(exception));
    }
}

/// A stage and its ancestors, nearest first; see [`Run::ancestors`].
pub struct Ancestors<'r> {
    run: &'r Run,
    queue: std::collections::VecDeque<Serial>,
    seen: std::collections::HashSet<Serial>,
}

impl<'r> Iterator for Ancestors<'r> {
    type Item = &'r Stage;

    fn next(&mut self) -> Option<&'r Stage> {
        let serial = self.queue.pop_front()?;
        let stage = self.run.stage(serial)?;
        let mut add = |serial: Serial, queue: &mut std::collections::VecDeque<Serial>| {
            if self.seen.insert(serial) {
                queue.push_back(serial);
            }
        };
        let mut requisites = 0;
        for upstream in self.run.upstream(serial) {
            requisites += 1;
            add(upstream.serial, &mut self.queue);
            for child in self.run.children(upstream.serial) {
                add(child.serial, &mut self.queue);
            }
        }
        if let (0, Some(parent)) = (requisites, stage.parent) {
            if stage.is_after() {
                for sibling in self
                    .run
                    .children(parent)
                    .filter(|sibling| sibling.is_before())
                {
                    add(sibling.serial, &mut self.queue);
                }
            }
            add(parent, &mut self.queue);
        }
        Some(stage)
    }
}
