//! The engine in small: what `engine-spec/` says, written down as rules that are tried on every stage until none applies.
//!
//! It keeps no queue, no index and no graph, and knows nothing of how the engine works. Where the rules leave open which
//! of two things happens first, and it matters, it says so with [`Model::raced`].

use std::collections::BTreeMap;

use spindrift_model::{Millis, Status};

use crate::plan::{Answer, Node, Planning, Work};

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

    // Events

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

    // Rules

    /// Tries the rules until none applies; `threads` is how many things the event has set off.
    fn settle(&mut self, threads: usize) {
        while is_active(self.status) {
            let stages: Vec<usize> = self.alive().collect();
            let mut changed = false;
            for at in stages {
                if !self.stages[at].gone && self.apply_rule(at) {
                    self.acted.push(at);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        let began = std::mem::take(&mut self.began);
        self.note_race(threads, &began);
        if std::mem::take(&mut self.branch_ended) {
            self.conclude();
            // What had failed before a restart ends the run with the first branch that ends, whatever else began.
            let by_earlier = matches!(self.status, Status::Terminal | Status::Canceled);
            self.raced |= by_earlier && !began.is_empty();
        }
    }

    fn note_race(&mut self, threads: usize, began: &[usize]) {
        let acted = std::mem::take(&mut self.acted);
        let bad = std::mem::take(&mut self.ended_badly);
        let instant = bad.iter().any(|at| {
            let own = self.lineage(*at);
            let family = self.family(*at);
            began.contains(at)
                && acted
                    .iter()
                    .any(|other| !own.contains(other) && !family.contains(other))
        });
        self.raced |= instant || (threads > 1 && !bad.is_empty());
    }

    fn apply_rule(&mut self, at: usize) -> bool {
        match self.stages[at].status {
            Status::NotStarted if self.may_start(at) => {
                self.start(at);
                true
            }
            Status::Running | Status::Paused => {
                if let Some(task) = self.next_task(at) {
                    self.stages[at].tasks[task].status = Status::Running;
                    self.perform(at, task);
                    true
                } else if self.is_over(at) {
                    self.take_end(at);
                    true
                } else {
                    false
                }
            }
            _ => false,
        }
    }

    fn may_start(&self, at: usize) -> bool {
        let stage = &self.stages[at];
        let parent_allows = stage.parent.is_none_or(|parent| {
            let parent = &self.stages[parent];
            let point = matches!(
                (parent.point, stage.side),
                (Point::Working, Some(Side::Before))
                    | (Point::After | Point::Failing(_), Some(Side::After))
            );
            point && is_active(parent.status)
        });
        parent_allows && stage.requires.iter().all(|before| self.lets_next(*before))
    }

    fn start(&mut self, at: usize) {
        self.began.push(at);
        if !self.stages[at].node.enabled || self.stages[at].skip_asked {
            self.end(at, Status::Skipped);
            return;
        }
        let now = self.now;
        let stage = &mut self.stages[at];
        stage.status = Status::Running;
        stage.point = Point::Working;
        stage.started = Some(now);
        if stage.node.planning == Planning::Fails {
            stage.unplannable = true;
            return;
        }
        let task = Task {
            status: Status::NotStarted,
            asleep: None,
            signaled: false,
        };
        stage.tasks = vec![task; stage.node.work.count()];
        let before = stage.node.before.clone();
        self.add_children(at, Side::Before, &before, false);
    }

    fn add_children(&mut self, parent: usize, side: Side, nodes: &[Node], chain: bool) {
        let there = self.on_side(parent, side).len();
        let sign = match side {
            Side::Before => '<',
            Side::After => '>',
        };
        let first = self.stages.len();
        for (position, node) in nodes.iter().enumerate() {
            let name = format!("{}{sign}{}", self.stages[parent].name, there + position + 1);
            let requires = if chain {
                position.checked_sub(1).into_iter().collect()
            } else {
                node.requires.clone()
            };
            let requires = requires.iter().map(|position| first + position).collect();
            self.add(name, Some(parent), Some(side), requires, node.clone());
        }
    }

    fn on_side(&self, parent: usize, side: Side) -> Vec<usize> {
        let mut children = self.children(parent);
        children.retain(|child| self.stages[*child].side == Some(side));
        children
    }

    fn next_task(&self, at: usize) -> Option<usize> {
        let stage = &self.stages[at];
        let ready = stage.point == Point::Working
            && self
                .on_side(at, Side::Before)
                .iter()
                .all(|child| self.lets_next(*child));
        let next = stage
            .tasks
            .iter()
            .position(|task| !is_good(task.status))
            .filter(|next| stage.tasks[*next].status == Status::NotStarted);
        next.filter(|_| ready)
    }

    fn perform(&mut self, at: usize, task: usize) {
        if self.status == Status::Paused {
            self.hold(at, task);
            return;
        }
        if self.overdue(at) {
            self.time_out(at, task);
            return;
        }
        let slot = &mut self.stages[at].tasks[task];
        slot.asleep = None;
        slot.signaled = false;
        if let Work::Thought(scripts) = &self.stages[at].node.work {
            let answer = scripts[task].answer(self.stages[at].performed[task]);
            self.answer(at, task, answer);
        }
    }

    fn answer(&mut self, at: usize, task: usize, answer: Answer) {
        self.stages[at].performed[task] += 1;
        let status = match answer {
            Answer::Succeeded => Status::Succeeded,
            Answer::FailedContinue => Status::FailedContinue,
            Answer::Stopped => Status::Stopped,
            Answer::Skipped => Status::Skipped,
            Answer::Terminal => self.failure(at, Status::Terminal),
            Answer::Canceled => self.failure(at, Status::Canceled),
            Answer::Redirect => {
                let from = self.stages[at].node.loop_start.min(task);
                for position in from..=task {
                    self.stages[at].tasks[position].status = Status::NotStarted;
                }
                return;
            }
            Answer::Retry => {
                self.sleep(at, task, Some(self.now + 1_000));
                return;
            }
            Answer::Sleep(time) => {
                self.sleep(at, task, time.map(|time| self.now + time));
                return;
            }
        };
        self.stages[at].tasks[task].status = status;
    }

    fn sleep(&mut self, at: usize, task: usize, until: Option<Millis>) {
        let slot = &mut self.stages[at].tasks[task];
        slot.asleep = Some(until);
        let signaled = std::mem::take(&mut slot.signaled);
        if self.status == Status::Paused {
            self.hold(at, task);
        } else if signaled {
            self.perform(at, task);
        }
    }

    fn hold(&mut self, at: usize, task: usize) {
        self.stages[at].tasks[task].status = Status::Paused;
        for stage in self.lineage(at) {
            if self.stages[stage].status == Status::Running {
                self.stages[stage].status = Status::Paused;
            }
        }
    }

    fn overdue(&self, at: usize) -> bool {
        let limited = self
            .lineage(at)
            .into_iter()
            .find_map(|at| Some((self.stages[at].started?, self.stages[at].node.limit?)));
        limited.is_some_and(|(started, limit)| {
            let held = match self.pause {
                Some((from, Some(to))) => (to - from.max(started)).max(0),
                _ => 0,
            };
            self.now > started + limit + held
        })
    }

    fn time_out(&mut self, at: usize, task: usize) {
        self.stages[at].tasks[task].status = if self.stages[at].node.forgiving {
            Status::Succeeded
        } else {
            self.failure(at, Status::Terminal)
        };
    }

    fn is_over(&self, at: usize) -> bool {
        let stage = &self.stages[at];
        let after_goes_on = self.after_goes_on(at);
        match stage.point {
            Point::Unplanned => false,
            Point::Failing(_) => !after_goes_on,
            Point::Working => {
                let before = self.on_side(at, Side::Before);
                let broken = before
                    .iter()
                    .any(|at| is_complete(self.stages[*at].status) && !self.lets_next(*at));
                let all_good = before.iter().all(|child| self.lets_next(*child))
                    && stage.tasks.iter().all(|task| is_good(task.status));
                let halted = stage.tasks.iter().any(|task| is_halt(task.status));
                stage.unplannable || broken || halted || all_good
            }
            Point::After => {
                let broken = self
                    .on_side(at, Side::After)
                    .iter()
                    .any(|at| is_complete(self.stages[*at].status) && !self.lets_next(*at));
                broken || !after_goes_on || is_halt(self.outcome(at))
            }
        }
    }

    fn after_goes_on(&self, at: usize) -> bool {
        self.on_side(at, Side::After).iter().any(|child| {
            let child = &self.stages[*child];
            is_active(child.status)
                || (child.status == Status::NotStarted
                    && child.requires.iter().all(|before| self.lets_next(*before)))
        })
    }

    /// The table of the specification, first match.
    fn outcome(&self, at: usize) -> Status {
        let stage = &self.stages[at];
        let tasks = stage.tasks.iter().map(|task| task.status);
        let inside = self.children(at);
        let inside = inside.iter().map(|child| self.stages[*child].status);
        let planning = stage
            .unplannable
            .then(|| self.failure(at, Status::Terminal));
        let all: Vec<Status> = tasks.chain(inside).chain(planning).collect();
        if all.is_empty() {
            Status::Skipped
        } else if all.contains(&Status::Terminal) {
            self.failure(at, Status::Terminal)
        } else if all.contains(&Status::Stopped) {
            Status::Stopped
        } else if all.contains(&Status::Canceled) {
            Status::Canceled
        } else if all.contains(&Status::FailedContinue) {
            Status::FailedContinue
        } else {
            Status::Succeeded
        }
    }

    /// The work of a stage is over: its stages after or for its failure come next, or its end.
    fn take_end(&mut self, at: usize) {
        let point = self.stages[at].point;
        if let Point::Failing(status) = point {
            self.end(at, status);
            return;
        }
        let outcome = self.outcome(at);
        let node = self.stages[at].node.clone();
        match outcome {
            Status::Terminal | Status::Stopped => {
                if node.planning == Planning::OnFailureFails {
                    self.end(at, Status::Terminal);
                } else if node.on_failure.is_empty() {
                    self.end(at, outcome);
                } else {
                    self.cancel_inside(at);
                    for child in self.children(at) {
                        if self.stages[child].status == Status::NotStarted {
                            self.forget_inside(child);
                            self.stages[child].gone = true;
                        }
                    }
                    self.stages[at].point = Point::Failing(outcome);
                    self.add_children(at, Side::After, &node.on_failure, true);
                }
            }
            Status::Canceled => self.end(at, outcome),
            _ if point == Point::Working && node.planning == Planning::AfterFails => {
                self.end(at, Status::Terminal);
            }
            _ if point == Point::Working && !node.after.is_empty() => {
                self.stages[at].point = Point::After;
                self.add_children(at, Side::After, &node.after, false);
            }
            _ => self.end(at, outcome),
        }
    }

    fn end(&mut self, at: usize, status: Status) {
        self.cancel_inside(at);
        self.stages[at].status = status;
        self.ended(at);
    }

    fn ended(&mut self, at: usize) {
        let status = self.stages[at].status;
        let top = self.stages[at].parent.is_none();
        let decides = if top {
            matches!(status, Status::Terminal | Status::Canceled)
        } else {
            !self.lets_next(at)
        };
        if decides {
            self.ended_badly.push(at);
        }
        if top {
            let behind = self.behind(at);
            let stuck = behind
                .iter()
                .any(|next| self.stages[*next].status == Status::NotStarted && self.cut_off(*next));
            let ended = behind
                .iter()
                .any(|next| is_complete(self.stages[*next].status));
            self.branch_ended |= is_halt(status) || behind.is_empty() || stuck || ended;
        }
    }

    fn cancel_inside(&mut self, at: usize) {
        for member in self.family(at) {
            if member != at && is_active(self.stages[member].status) {
                self.stop_tasks(member, Status::Canceled);
                self.stages[member].status = Status::Canceled;
            }
        }
    }

    fn stop_tasks(&mut self, at: usize, status: Status) {
        for task in &mut self.stages[at].tasks {
            if is_active(task.status) {
                task.status = status;
            }
        }
    }

    fn tasks_in(&self, status: Status) -> Vec<(usize, usize)> {
        self.alive()
            .filter(|at| is_active(self.stages[*at].status))
            .flat_map(|at| (0..self.stages[at].tasks.len()).map(move |task| (at, task)))
            .filter(|(at, task)| self.stages[*at].tasks[*task].status == status)
            .collect()
    }

    fn top_level(&self) -> impl Iterator<Item = Status> {
        self.alive()
            .filter(|at| self.stages[*at].parent.is_none())
            .map(|at| self.stages[at].status)
    }

    /// What the top-level stages amount to, first match.
    fn conclude(&mut self) {
        if !is_active(self.status) {
            return;
        }
        let all: Vec<Status> = self.top_level().collect();
        let goes_on = self.alive().any(|at| {
            let stage = &self.stages[at];
            is_active(stage.status)
                || (stage.parent.is_none()
                    && stage.status == Status::NotStarted
                    && self.may_start(at))
        });
        let asks_to_fail = self.alive().any(|at| {
            let stage = &self.stages[at];
            stage.status == Status::Stopped && stage.node.others_first
        });
        let status = if all.iter().all(|status| is_good(*status)) {
            Status::Succeeded
        } else if all.contains(&Status::Terminal) {
            Status::Terminal
        } else if all.contains(&Status::Canceled) {
            Status::Canceled
        } else if goes_on {
            return;
        } else if asks_to_fail {
            Status::Terminal
        } else {
            Status::Succeeded
        };
        self.end_execution(status);
    }

    fn end_execution(&mut self, status: Status) {
        let all: Vec<usize> = self.alive().collect();
        for at in all {
            if is_active(self.stages[at].status) {
                self.stop_tasks(at, Status::Canceled);
                self.stages[at].status = Status::Canceled;
            }
        }
        self.status = status;
    }
}
