//! What the tests of stage types share: a run with one stage of interest, seen at a moment.

use serde_json::Value;
use spindrift_engine::{
    EmptyEnvironment, Run, RunState, StageType, StageView, TaskResult, TaskRunner,
};
use spindrift_model::{
    Execution, Map, Millis, Pointer, RefId, Serial, Stage, StageConfig, Status, Task, Trigger,
};

/// A run whose last stage is the one under test.
pub(crate) struct Scene {
    execution: Execution,
    now: Millis,
    zone: &'static str,
}

pub(crate) fn map(value: Value) -> Map {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

impl Scene {
    pub(crate) fn stage(kind: &str, context: Value) -> Self {
        let stage = Stage {
            id: "stage".into(),
            ref_id: RefId::from("9"),
            kind: kind.to_owned(),
            status: Status::Running,
            context: map(context),
            serial: Serial(9),
            ..Stage::default()
        };
        let execution = Execution {
            id: "run".into(),
            application: "shop".to_owned(),
            name: Some("release".to_owned()),
            status: Status::Running,
            start_time: Some(0),
            stages: vec![stage],
            ..Execution::default()
        };
        Self {
            execution,
            now: 0,
            zone: "America/Los_Angeles",
        }
    }

    pub(crate) fn now(mut self, now: Millis) -> Self {
        self.now = now;
        self
    }

    pub(crate) fn zone(mut self, zone: &'static str) -> Self {
        self.zone = zone;
        self
    }

    pub(crate) fn trigger(mut self, trigger: Value) -> Self {
        self.execution.trigger = Trigger::new(map(trigger));
        self
    }

    pub(crate) fn started(mut self, at: Millis) -> Self {
        self.last().start_time = Some(at);
        self
    }

    pub(crate) fn status(mut self, status: Status) -> Self {
        self.last().status = status;
        self
    }

    /// The rules of `v4` hold for its expressions.
    pub(crate) fn v4(mut self) -> Self {
        self.execution.spel_evaluator = Some("v4".to_owned());
        self
    }

    /// The stage has a running task that began then.
    pub(crate) fn task(mut self, name: &str, start: Millis) -> Self {
        self.last().tasks.push(Task {
            name: name.to_owned(),
            status: Status::Running,
            start_time: Some(start),
            ..Task::default()
        });
        self
    }

    /// A stage that the one under test requires.
    pub(crate) fn after(mut self, name: &str, status: Status, outputs: Value) -> Self {
        let number = self.execution.stages.len() as u32 - 1;
        let ref_id = RefId::from(number.to_string());
        self.last().requisite_stage_ref_ids.push(ref_id.clone());
        let stage = Stage {
            id: format!("before-{number}").into(),
            ref_id,
            kind: "noop".to_owned(),
            name: Some(name.to_owned()),
            status,
            outputs: map(outputs),
            serial: Serial(number),
            ..Stage::default()
        };
        self.execution.stages.insert(number as usize, stage);
        self
    }

    fn last(&mut self) -> &mut Stage {
        self.execution.stages.last_mut().unwrap()
    }

    pub(crate) fn see<T>(&self, look: impl FnOnce(&StageView<'_>) -> T) -> T {
        let run = Run::load(RunState {
            execution: self.execution.clone(),
            ..RunState::default()
        });
        let stage = run.execution().stages.last().unwrap();
        look(&StageView::new(
            &run,
            stage,
            self.now,
            self.zone,
            &EmptyEnvironment,
        ))
    }

    /// Performs a task that is only thought.
    pub(crate) fn run(&self, stage_type: &dyn StageType, task: &str) -> TaskResult {
        match stage_type.task(task) {
            Some(TaskRunner::Inline(runner)) => self.see(|view| runner.run(view)),
            Some(TaskRunner::Effect(_)) => panic!("{task} touches the world"),
            None => panic!("there is no task {task}"),
        }
    }

    /// The names of the planned tasks, or what is wrong.
    pub(crate) fn tasks(&self, stage_type: &dyn StageType) -> Result<Vec<&'static str>, String> {
        let planned = self.see(|view| stage_type.tasks(view));
        planned
            .map(|tasks| tasks.into_iter().map(|task| task.name).collect())
            .map_err(|failure| failure.errors.join("; "))
    }
}

/// Place and rule of everything that is wrong with a stage as it is saved.
pub(crate) fn problems(stage_type: &dyn StageType, context: Value) -> Vec<String> {
    let stage = StageConfig {
        ref_id: RefId::from("1"),
        kind: stage_type.name().to_owned(),
        name: None,
        requisites: Vec::new(),
        start_time_expiry: None,
        context: map(context),
    };
    let at = Pointer::root().key("stages").index(0);
    let found = stage_type.check(&stage, &at);
    found
        .iter()
        .map(|problem| format!("{} {}", problem.pointer, problem.code))
        .collect()
}

/// Counts clusters where there are none.
pub(crate) fn no_clusters() -> std::sync::Arc<dyn crate::ClusterSizes> {
    let accounts = std::sync::Arc::new(spindrift_cloud_driver::NoAccounts);
    std::sync::Arc::new(crate::AccountClusterSizes::new(accounts))
}
