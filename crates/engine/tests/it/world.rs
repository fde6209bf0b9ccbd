//! A run with a world around it that answers as a test says, and the laws that every decision must keep.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use spindrift_engine::{
    BoxFuture, Change, ChildRequest, ChildState, Decision, Deed, Effect, EmptyEnvironment, Event,
    Failure, Ids, Launcher, Promise, Refusal, Registry, Replayed, Run, RunState, Setting,
    TaskInput, TaskResult, TaskRunner, Trail, decide, next_wake, replay, task_input,
};
use spindrift_model::{ExecutionId, Millis, RefId, Serial, Stage, StageId, Status};

/// A task of a stage.
pub type Place = (Serial, u16);

/// A change of state that was seen: of what, from, to.
pub type Transition = (&'static str, Status, Status);

pub struct World {
    pub run: Run,
    pub now: Millis,
    pub registry: Registry,
    /// What is being performed outside.
    pub in_flight: BTreeSet<Place>,
    /// What was promised and not kept yet.
    pub promises: Vec<Promise>,
    /// Everything that was ever promised.
    pub deeds: Vec<Deed>,
    pub transitions: HashSet<Transition>,
    pub changes: usize,
    /// How many versions were superseded by later ones.
    pub dropped: usize,
    ids: Counter,
    keys: HashSet<String>,
    /// What is stored of the run: what it was made with, and the versions that still say something.
    made: RunState,
    log: BTreeMap<u64, Vec<Change>>,
    trail: Trail,
}

/// Ids `s0`, `s1`, and so on.
#[derive(Debug, Clone, Default)]
pub struct Counter(u32);

impl Ids for Counter {
    fn stage_id(&mut self) -> StageId {
        self.0 += 1;
        StageId::from(format!("s{}", self.0))
    }
}

impl World {
    pub fn new(state: RunState, ids: Counter, registry: Registry, now: Millis) -> Self {
        Self {
            made: state.clone(),
            log: BTreeMap::new(),
            trail: Trail::default(),
            run: Run::load(state),
            now,
            registry,
            in_flight: BTreeSet::new(),
            promises: Vec::new(),
            deeds: Vec::new(),
            transitions: HashSet::new(),
            changes: 0,
            dropped: 0,
            ids,
            keys: HashSet::new(),
        }
    }

    pub fn status(&self) -> Status {
        self.run.execution().status
    }

    pub fn named(&self, ref_id: &str) -> Option<&Stage> {
        let ref_id = RefId::from(ref_id);
        let stages = &self.run.execution().stages;
        stages.iter().find(|stage| stage.ref_id == ref_id)
    }

    pub fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.run.execution().stages.iter()
    }

    /// The result that performing a task in flight has.
    pub fn result(&self, (serial, task): Place) -> TaskResult {
        let stage = self.run.stage(serial).unwrap();
        let name = &stage.tasks[usize::from(task)].name;
        let runner = self.registry.of(stage).unwrap().task(name);
        let Some(TaskRunner::Effect(effect)) = runner else {
            panic!("{name} of {:?} is not performed in the world", stage.ref_id);
        };
        now_or_never(Arc::clone(&effect).run(self.input((serial, task))))
    }

    fn input(&self, (serial, task): Place) -> TaskInput {
        let stage = self.run.stage(serial).unwrap();
        let name = &stage.tasks[usize::from(task)].name;
        let Some(TaskRunner::Effect(effect)) = self.registry.of(stage).unwrap().task(name) else {
            panic!("{name} of {:?} is not performed in the world", stage.ref_id);
        };
        let launcher = Arc::new(NoLauncher);
        task_input(&self.run, serial, task, &*effect, self.now, launcher).unwrap()
    }

    /// The event that reports a result of a task in flight.
    pub fn done(&self, (stage, task): Place, result: TaskResult) -> Event {
        let attempt = self.run.stage(stage).unwrap().tasks[usize::from(task)].attempt;
        Event::TaskDone {
            stage,
            task,
            attempt,
            result: Box::new(result),
        }
    }

    /// The event that reports a kept promise.
    pub fn kept(&self, promise: &Promise) -> Event {
        let result = match &promise.deed {
            Deed::CancelTask { stage, task } => self.run.stage(*stage).and_then(|of| {
                let name = &of.tasks.get(usize::from(*task))?.name;
                match self.registry.of(of)?.task(name)? {
                    TaskRunner::Effect(effect) => {
                        effect.cancel(self.input((*stage, *task))).map(now_or_never)
                    }
                    TaskRunner::Inline(_) => None,
                }
            }),
            Deed::Fetch { url, .. } => {
                return Event::Fetched {
                    number: promise.number,
                    body: page(url),
                };
            }
            Deed::CancelFormer { .. } | Deed::TellParent { .. } | Deed::RestartParent { .. } => {
                None
            }
        };
        Event::Kept {
            number: promise.number,
            result: result.map(Box::new),
        }
    }

    pub fn next_wake(&self) -> Option<Millis> {
        next_wake(&self.run, &self.registry)
    }

    /// Lets an event happen and checks every law on the way.
    pub fn take(&mut self, event: Event) -> Result<Decision, Refusal> {
        let before = self.run.to_state();
        let mut ids = self.ids.clone();
        let decision = decide_on(
            &mut self.run,
            event.clone(),
            self.now,
            &mut ids,
            &self.registry,
        );
        let mut reloaded = Run::load(before.clone());
        let again = decide_on(
            &mut reloaded,
            event.clone(),
            self.now,
            &mut self.ids,
            &self.registry,
        );
        assert_eq!(
            decision, again,
            "a run read back decides {event:?} otherwise"
        );
        assert_eq!(self.run.to_state(), reloaded.to_state());
        let decision = match decision {
            Ok(decision) => decision,
            Err(refusal) => {
                assert_eq!(self.run.to_state(), before, "a refusal changed something");
                return Err(refusal);
            }
        };
        self.changes += decision.changes.len();
        self.replay(Run::load(before.clone()), &decision, &event);
        self.store(&decision);
        self.check_derived();
        self.check_final(&before, &event);
        self.perform(&decision, &event);
        self.check_alive();
        if matches!(event, Event::Cancel { .. }) {
            assert!(self.status().is_complete(), "a cancel did not end the run");
        }
        Ok(decision)
    }

    /// Applies the changes to a copy, one by one, and looks at each.
    fn replay(&mut self, mut copy: Run, decision: &Decision, event: &Event) {
        for change in &decision.changes {
            let text = serde_json::to_string(change).unwrap();
            let read: Change = serde_json::from_str(&text).unwrap();
            assert_eq!(read, *change, "a change reads back otherwise: {text}");
            self.note(&copy, change);
            if let Change::StageStatus {
                stage,
                status: Status::Running,
                ..
            } = change
            {
                check_start(&copy, *stage);
            }
            copy.apply(read);
        }
        assert_eq!(
            copy.to_state(),
            self.run.to_state(),
            "the changes of {event:?} on a copy give another run"
        );
    }

    /// Stores the changes as a version and drops what they supersede: what is left must give the same run.
    fn store(&mut self, decision: &Decision) {
        if decision.changes.is_empty() {
            return;
        }
        self.run.advance_version();
        let version = self.run.execution().version;
        self.log.insert(version, decision.changes.clone());
        for superseded in self.trail.note(version, &decision.changes) {
            let dropped = self.log.remove(&superseded);
            assert!(dropped.is_some(), "version {superseded} is dropped twice");
            self.dropped += 1;
        }
        let log = self.log.clone();
        let Replayed { run, trail } = replay(self.made.clone(), log);
        assert_eq!(run.to_state(), self.run.to_state(), "a version is missing");
        assert_eq!(trail, self.trail);
    }

    fn note(&mut self, before: &Run, change: &Change) {
        let seen = match change {
            Change::ExecutionStatus { status, .. } => {
                Some(("execution", before.execution().status, *status))
            }
            Change::StageStatus { stage, status, .. } => {
                Some(("stage", before.stage(*stage).unwrap().status, *status))
            }
            Change::StageReset { stage } => Some((
                "stage",
                before.stage(*stage).unwrap().status,
                Status::NotStarted,
            )),
            Change::TaskStatus {
                stage,
                task,
                status,
                ..
            } => {
                let stage = before.stage(*stage).unwrap();
                Some(("task", stage.tasks[usize::from(*task)].status, *status))
            }
            Change::TaskRewound { stage, task } => {
                let stage = before.stage(*stage).unwrap();
                let from = stage.tasks[usize::from(*task)].status;
                Some(("task", from, Status::NotStarted))
            }
            _ => None,
        };
        self.transitions
            .extend(seen.filter(|(_, from, to)| from != to));
    }

    /// What is derived from a run is the same when the run is read back.
    fn check_derived(&self) {
        let loaded = Run::load(self.run.to_state());
        assert_eq!(loaded.active(), self.run.active());
        for stage in &self.run.execution().stages {
            let serial = stage.serial;
            let related = |run: &Run| -> [Vec<Serial>; 4] {
                [
                    run.upstream(serial).map(|stage| stage.serial).collect(),
                    run.downstream(serial).map(|stage| stage.serial).collect(),
                    run.children(serial).map(|stage| stage.serial).collect(),
                    run.ancestors(serial).map(|stage| stage.serial).collect(),
                ]
            };
            assert_eq!(related(&loaded), related(&self.run), "{}", stage.ref_id);
        }
        assert_eq!(next_wake(&loaded, &self.registry), self.next_wake());
    }

    /// Only a restart leads out of a final state.
    fn check_final(&self, before: &RunState, event: &Event) {
        if matches!(event, Event::RestartStage { .. }) || !before.execution.status.is_complete() {
            return;
        }
        let after = self.run.execution();
        assert_eq!(after.status, before.execution.status);
        let statuses = |stages: &[Stage]| -> Vec<(Serial, Status)> {
            stages
                .iter()
                .map(|stage| (stage.serial, stage.status))
                .collect()
        };
        assert_eq!(statuses(&after.stages), statuses(&before.execution.stages));
    }

    /// Keeps account of what goes on outside.
    fn perform(&mut self, decision: &Decision, event: &Event) {
        let recovered = *event == Event::Recovered;
        if let Event::TaskDone { stage, task, .. } = event
            && !self.is_in_flight((*stage, *task))
        {
            self.in_flight.remove(&(*stage, *task));
        }
        let mut asked = BTreeSet::new();
        for effect in &decision.effects {
            match effect {
                Effect::Perform { stage, task } => {
                    let place = (*stage, *task);
                    assert!(asked.insert(place), "{place:?} is asked for twice");
                    let key = self.input(place).key.to_string();
                    let first = self.keys.insert(key.clone());
                    assert!(first || recovered, "the key {key} repeats");
                }
                Effect::Abandon { stage, task } => {
                    assert!(
                        self.in_flight.remove(&(*stage, *task)),
                        "what is abandoned was not under way"
                    );
                }
                Effect::Keep(promise) => {
                    if !recovered {
                        self.deeds.push(promise.deed.clone());
                        self.promises.push(promise.clone());
                    }
                }
            }
        }
        for change in &decision.changes {
            if let Change::Promised { promise } = change
                && let Deed::CancelFormer { .. } = promise.deed
            {
                self.promises.retain(|open| open.number != promise.number);
                self.promises.push(promise.clone());
            }
        }
        if let Event::Kept { number, .. } = event {
            self.promises.retain(|promise| promise.number != *number);
        }
        // A page that nobody waits for any more may be given up.
        self.promises.retain(|promise| {
            let number = promise.number;
            !matches!(promise.deed, Deed::Fetch { .. })
                || !decision.changes.contains(&Change::Kept { number })
        });
        if recovered {
            assert_eq!(asked, self.in_flight, "recovery asks for something else");
        }
        self.in_flight.extend(asked);
        let expected: BTreeSet<Place> = self
            .places()
            .filter(|place| self.is_in_flight(*place))
            .collect();
        assert_eq!(self.in_flight, expected, "after {event:?}");
        assert_eq!(self.promises, self.run.ledger().promises);
    }

    fn places(&self) -> impl Iterator<Item = Place> {
        self.run.execution().stages.iter().flat_map(|stage| {
            (0..stage.tasks.len()).map(|task| (stage.serial, u16::try_from(task).unwrap()))
        })
    }

    fn is_in_flight(&self, (serial, task): Place) -> bool {
        let task = self
            .run
            .stage(serial)
            .and_then(|stage| stage.tasks.get(usize::from(task)));
        task.is_some_and(|task| task.status == Status::Running && task.wait.is_none())
    }

    /// Nothing that is under way has been forgotten: every active stage has an active task or an active stage inside.
    /// Whether a stage waits for what its expressions have asked for.
    fn awaits_page(&self, serial: Serial) -> bool {
        let promises = self.run.ledger().promises.iter();
        promises
            .map(|promise| &promise.deed)
            .any(|deed| matches!(deed, Deed::Fetch { stage, .. } if *stage == serial))
    }

    fn check_alive(&self) {
        let active = |status| matches!(status, Status::Running | Status::Paused);
        if active(self.status()) {
            assert!(
                !self.run.active().is_empty()
                    || self.stages().any(|stage| self.awaits_page(stage.serial)),
                "the run goes on, but nothing in it"
            );
        } else {
            assert!(
                self.run.active().is_empty(),
                "the run has ended, not all in it"
            );
        }
        for serial in self.run.active() {
            let stage = self.run.stage(*serial).unwrap();
            let alive = stage.tasks.iter().any(|task| active(task.status))
                || self.run.children(*serial).any(|child| active(child.status))
                || self.awaits_page(*serial)
                || self
                    .run
                    .children(*serial)
                    .any(|child| self.awaits_page(child.serial));
            assert!(alive, "stage {} waits for nothing", stage.ref_id);
        }
    }
}

/// Pages are there under `pages.example` and `later.example`, and say their path.
fn page(url: &str) -> Result<String, String> {
    let hosts = ["https://pages.example/", "https://later.example/"];
    let path = hosts.iter().find_map(|host| url.strip_prefix(host));
    path.map(str::to_owned)
        .ok_or_else(|| format!("{url} is not there"))
}

/// A stage starts only when everything it requires lets it, and its parent has come to it.
fn check_start(run: &Run, serial: Serial) {
    let stage = run.stage(serial).unwrap();
    if stage.status != Status::NotStarted {
        return;
    }
    for before in run.upstream(serial) {
        assert!(
            before.status.lets_downstream_start(),
            "{} starts while {} is {}",
            stage.ref_id,
            before.ref_id,
            before.status
        );
    }
    if let Some(parent) = stage.parent {
        let parent = run.stage(parent).unwrap();
        assert!(
            matches!(parent.status, Status::Running | Status::Paused),
            "{} starts in a parent that is {}",
            stage.ref_id,
            parent.status
        );
    }
}

fn decide_on(
    run: &mut Run,
    event: Event,
    now: Millis,
    ids: &mut Counter,
    registry: &Registry,
) -> Result<Decision, Refusal> {
    let mut setting = Setting {
        now,
        ids,
        stages: registry,
        time_zone: "UTC",
        environment: &EmptyEnvironment,
    };
    decide(run, event, &mut setting)
}

fn now_or_never<T>(mut future: BoxFuture<T>) -> T {
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a scripted task answers at once"),
    }
}

/// Starts nothing.
pub struct NoLauncher;

impl Launcher for NoLauncher {
    fn start(&self, _: ChildRequest) -> BoxFuture<Result<ExecutionId, Failure>> {
        Box::pin(std::future::ready(Err(Failure::new(
            "Test",
            "no children here",
        ))))
    }

    fn state(&self, _: ExecutionId) -> BoxFuture<Result<Option<ChildState>, Failure>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn withdraw(&self, _: String, _: String, _: String) -> BoxFuture<Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn cancel(
        &self,
        _: ExecutionId,
        _: String,
        _: Option<String>,
    ) -> BoxFuture<Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
