//! The rules of the model, each tried on every stage until none applies.

use spindrift_model::{Millis, Status};

use super::{Model, Point, Side, Task, is_active, is_complete, is_good, is_halt};
use crate::plan::{Answer, Node, Planning, Work};

impl Model {
    /// Tries the rules until none applies; `threads` is how many things the event has set off.
    pub(super) fn settle(&mut self, threads: usize) {
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

    pub(super) fn perform(&mut self, at: usize, task: usize) {
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

    pub(super) fn answer(&mut self, at: usize, task: usize, answer: Answer) {
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

    pub(super) fn hold(&mut self, at: usize, task: usize) {
        self.stages[at].tasks[task].status = Status::Paused;
        for stage in self.lineage(at) {
            if self.stages[stage].status == Status::Running {
                self.stages[stage].status = Status::Paused;
            }
        }
    }

    pub(super) fn overdue(&self, at: usize) -> bool {
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

    pub(super) fn time_out(&mut self, at: usize, task: usize) {
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

    pub(super) fn ended(&mut self, at: usize) {
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

    pub(super) fn stop_tasks(&mut self, at: usize, status: Status) {
        for task in &mut self.stages[at].tasks {
            if is_active(task.status) {
                task.status = status;
            }
        }
    }

    pub(super) fn tasks_in(&self, status: Status) -> Vec<(usize, usize)> {
        self.alive()
            .filter(|at| is_active(self.stages[*at].status))
            .flat_map(|at| (0..self.stages[at].tasks.len()).map(move |task| (at, task)))
            .filter(|(at, task)| self.stages[*at].tasks[*task].status == status)
            .collect()
    }

    pub(super) fn top_level(&self) -> impl Iterator<Item = Status> {
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

    pub(super) fn end_execution(&mut self, status: Status) {
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
