//! The engine in small: what `engine-spec/` says, written down as rules that are tried on every stage until none applies.
//!
//! It keeps no queue, no index and no graph, and knows nothing of how the engine works. Where the rules leave open which
//! of two things happens first, and it matters, it says so with [`Model::raced`].

mod rules;

use std::collections::BTreeMap;

use spindrift_model::{Millis, Status};

use crate::plan::{Answer, Node};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Unplanned,
    Working,
    After,
    Failing(Status),
}

#[derive(Debug, Clone)]
struct Task {
    status: Status,
    /// Until when it sleeps; `None` while it is performed.
    asleep: Option<Option<Millis>>,
    signaled: bool,
}

#[derive(Debug, Clone)]
struct Stage {
    name: String,
    parent: Option<usize>,
    side: Option<Side>,
    requires: Vec<usize>,
    node: Node,
    status: Status,
    point: Point,
    started: Option<Millis>,
    tasks: Vec<Task>,
    /// How often each task was performed to its end; a restart does not forget it.
    performed: Vec<usize>,
    unplannable: bool,
    skip_asked: bool,
    gone: bool,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

#[derive(Debug, Clone)]
pub struct Model {
    stages: Vec<Stage>,
    pub status: Status,
    canceled: bool,
    waiting_restart: Option<usize>,
    pause: Option<(Millis, Option<Millis>)>,
    now: Millis,
    branch_ended: bool,
    /// What acted, what began and what ended badly while the last event was settled.
    acted: Vec<usize>,
    began: Vec<usize>,
    ended_badly: Vec<usize>,
    /// Whether two things happened at once of which the first decides the fate of the other.
    pub raced: bool,
}

fn is_active(status: Status) -> bool {
    matches!(status, Status::Running | Status::Paused)
}

fn is_good(status: Status) -> bool {
    matches!(
        status,
        Status::Succeeded | Status::FailedContinue | Status::Skipped
    )
}

fn is_halt(status: Status) -> bool {
    matches!(
        status,
        Status::Terminal | Status::Canceled | Status::Stopped
    )
}

fn is_complete(status: Status) -> bool {
    is_good(status) || is_halt(status)
}

impl Model {
    pub fn new(nodes: &[Node]) -> Self {
        let mut model = Self {
            stages: Vec::new(),
            status: Status::NotStarted,
            canceled: false,
            waiting_restart: None,
            pause: None,
            now: 0,
            branch_ended: false,
            acted: Vec::new(),
            began: Vec::new(),
            ended_badly: Vec::new(),
            raced: false,
        };
        for (position, node) in nodes.iter().enumerate() {
            let requires = node.requires.clone();
            model.add(position.to_string(), None, None, requires, node.clone());
        }
        model
    }

    pub fn statuses(&self) -> BTreeMap<String, Status> {
        self.alive()
            .map(|at| (self.stages[at].name.clone(), self.stages[at].status))
            .collect()
    }

    fn add(
        &mut self,
        name: String,
        parent: Option<usize>,
        side: Option<Side>,
        requires: Vec<usize>,
        node: Node,
    ) -> usize {
        self.stages.push(Stage {
            name,
            parent,
            side,
            requires,
            performed: vec![0; node.work.count()],
            node,
            status: Status::NotStarted,
            point: Point::Unplanned,
            started: None,
            tasks: Vec::new(),
            unplannable: false,
            skip_asked: false,
            gone: false,
        });
        self.stages.len() - 1
    }

    fn alive(&self) -> impl Iterator<Item = usize> + use<'_> {
        (0..self.stages.len()).filter(|at| !self.stages[*at].gone)
    }

    fn find(&self, name: &str) -> usize {
        self.alive()
            .find(|at| self.stages[*at].name == name)
            .expect("the model has every stage that the run has")
    }

    fn children(&self, of: usize) -> Vec<usize> {
        self.alive()
            .filter(|at| self.stages[*at].parent == Some(of))
            .collect()
    }

    fn family(&self, of: usize) -> Vec<usize> {
        let inside: Vec<usize> = self.children(of);
        let deeper = inside.iter().flat_map(|child| self.family(*child));
        std::iter::once(of).chain(deeper).collect()
    }

    fn lineage(&self, of: usize) -> Vec<usize> {
        std::iter::successors(Some(of), |at| self.stages[*at].parent).collect()
    }

    fn behind(&self, of: usize) -> Vec<usize> {
        self.alive()
            .filter(|at| self.stages[*at].requires.contains(&of))
            .collect()
    }

    /// Whether the stages behind one may start.
    fn lets_next(&self, at: usize) -> bool {
        let stage = &self.stages[at];
        let ends_parent = stage.status == Status::FailedContinue
            && stage.parent.is_some()
            && !stage.node.allow_siblings;
        is_good(stage.status) && !ends_parent
    }

    fn cut_off(&self, at: usize) -> bool {
        self.stages[at].requires.iter().any(|before| {
            let status = self.stages[*before].status;
            is_halt(status) || (status == Status::NotStarted && self.cut_off(*before))
        })
    }

    fn failure(&self, at: usize, default: Status) -> Status {
        let node = &self.stages[at].node;
        match (node.continue_pipeline, node.fail_pipeline) {
            (true, _) => Status::FailedContinue,
            (false, None | Some(true)) => default,
            (false, Some(false)) => Status::Stopped,
        }
    }

    pub fn admit(&mut self, now: Millis) {
        self.now = now;
        if self.status != Status::NotStarted || self.canceled {
            return;
        }
        match self.waiting_restart.take() {
            Some(stage) => self.begin_restart(stage),
            None => {
                self.status = Status::Running;
                self.settle(1);
            }
        }
    }

    pub fn supersede(&mut self) {
        if self.status == Status::NotStarted && !self.canceled {
            self.canceled = true;
            self.waiting_restart = None;
            self.status = Status::Canceled;
        }
    }

    pub fn finish(&mut self, stage: &str, task: usize, answer: Answer, now: Millis) {
        self.now = now;
        let at = self.find(stage);
        self.acted.push(at);
        self.answer(at, task, answer);
        self.settle(1);
    }

    pub fn signal(&mut self, stage: &str, now: Millis) {
        self.now = now;
        if !is_active(self.status) {
            return;
        }
        let at = self.find(stage);
        for task in 0..self.stages[at].tasks.len() {
            let slot = &mut self.stages[at].tasks[task];
            if slot.status == Status::Running && slot.asleep.is_some() {
                self.perform(at, task);
            } else if slot.status == Status::Running {
                slot.signaled = true;
            }
        }
        self.settle(1);
    }

    pub fn tick(&mut self, now: Millis) {
        self.now = now;
        if self.status != Status::Running {
            return;
        }
        let mut threads = 0;
        for (at, task) in self.tasks_in(Status::Running) {
            let asleep = self.stages[at].tasks[task].asleep;
            let due = asleep.flatten().is_some_and(|until| until <= now);
            if due {
                threads += 1;
                self.perform(at, task);
            } else if self.overdue(at) {
                threads += 1;
                self.time_out(at, task);
            }
        }
        self.settle(threads);
    }

    pub fn cancel(&mut self) -> Result<(), Refused> {
        if is_complete(self.status) {
            return if self.canceled { Ok(()) } else { Err(Refused) };
        }
        self.canceled = true;
        self.waiting_restart = None;
        let failed = self.top_level().any(|status| status == Status::Terminal);
        self.end_execution(if failed {
            Status::Terminal
        } else {
            Status::Canceled
        });
        Ok(())
    }

    pub fn pause(&mut self, now: Millis) -> Result<(), Refused> {
        if self.status != Status::Running {
            return Err(Refused);
        }
        self.pause = Some((now, None));
        self.status = Status::Paused;
        for (at, task) in self.tasks_in(Status::Running) {
            if self.stages[at].tasks[task].asleep.is_some() {
                self.hold(at, task);
            }
        }
        Ok(())
    }

    pub fn resume(&mut self, now: Millis) -> Result<(), Refused> {
        if self.status != Status::Paused {
            return Err(Refused);
        }
        self.now = now;
        self.status = Status::Running;
        if let Some((_, end)) = &mut self.pause {
            *end = Some(now);
        }
        let held = self.tasks_in(Status::Paused);
        for stage in &mut self.stages {
            if stage.status == Status::Paused {
                stage.status = Status::Running;
            }
        }
        for (at, task) in &held {
            self.stages[*at].tasks[*task].status = Status::Running;
        }
        for (at, task) in &held {
            self.perform(*at, *task);
        }
        self.settle(held.len());
        Ok(())
    }

    pub fn skip(&mut self, stage: &str, now: Millis) -> Result<(), Refused> {
        self.now = now;
        let at = self.find(stage);
        let refused = is_complete(self.stages[at].status)
            || is_complete(self.status)
            || self.status == Status::Paused
            || !self.stages[at].node.skippable;
        if refused {
            return Err(Refused);
        }
        let top = *self.lineage(at).last().expect("a lineage has its first");
        if !is_active(self.stages[top].status) {
            self.stages[at].skip_asked = true;
            return Ok(());
        }
        self.stages[at].skip_asked = true;
        for member in self.family(top) {
            let status = self.stages[member].status;
            let kept = matches!(
                status,
                Status::Succeeded | Status::Terminal | Status::FailedContinue
            );
            if member == top || !kept {
                self.stop_tasks(member, Status::Skipped);
                self.stages[member].status = Status::Skipped;
            }
        }
        self.ended(top);
        self.settle(1);
        Ok(())
    }

    pub fn restart(&mut self, stage: &str, admitted: bool, now: Millis) -> Result<(), Refused> {
        self.now = now;
        let at = self.find(stage);
        let top = *self.lineage(at).last().expect("a lineage has its first");
        let status = self.stages[top].status;
        let stage_allows = is_complete(status) || status == Status::NotStarted;
        let run_allows = is_complete(self.status) || self.status == Status::Running;
        if !stage_allows || !run_allows {
            return Err(Refused);
        }
        if admitted || self.status == Status::Running {
            self.begin_restart(top);
        } else {
            self.canceled = false;
            self.status = Status::NotStarted;
            self.waiting_restart = Some(top);
        }
        Ok(())
    }

    fn begin_restart(&mut self, top: usize) {
        let mut behind = vec![top];
        let mut next = 0;
        while let Some(at) = behind.get(next).copied() {
            for other in self.behind(at) {
                if !behind.contains(&other) {
                    behind.push(other);
                }
            }
            next += 1;
        }
        for at in behind {
            if at == top || is_complete(self.stages[at].status) {
                self.forget_inside(at);
                let stage = &mut self.stages[at];
                stage.status = Status::NotStarted;
                stage.point = Point::Unplanned;
                stage.started = None;
                stage.tasks.clear();
                stage.unplannable = false;
                stage.skip_asked = false;
            }
        }
        self.status = Status::Running;
        self.canceled = false;
        if self.cut_off(top) {
            self.branch_ended = true;
        }
        self.settle(1);
    }

    fn forget_inside(&mut self, of: usize) {
        for member in self.family(of) {
            if member != of {
                self.stages[member].gone = true;
            }
        }
    }
}
