//! Stage types: what the engine asks of whoever implements one, and the registry of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use spindrift_expressions::Fetch;
use spindrift_model::{Map, Pointer, Problem, RefId, Stage, StageConfig};

use crate::event::{Caller, Refusal};
use crate::task::{Failure, TaskRunner};
use crate::view::StageView;

/// A task of a stage, as its type plans it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSpec {
    /// Its name, by which [`StageType::task`] finds what performs it.
    pub name: &'static str,
    /// Whether a loop begins with it.
    pub loop_start: bool,
    /// Whether a loop ends with it.
    pub loop_end: bool,
}

impl TaskSpec {
    /// A task outside any loop.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            loop_start: false,
            loop_end: false,
        }
    }
}

/// A stage that a stage type adds around its tasks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyntheticStage {
    /// Its type.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// The context it starts with.
    pub context: Map,
    /// The positions in the same plan that must end before it starts; empty: it starts at once.
    pub after: Vec<usize>,
}

/// The stages that a stage type adds on one side of its tasks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyntheticPlan {
    /// The stages, in order.
    pub stages: Vec<SyntheticStage>,
}

impl SyntheticPlan {
    /// Adds a stage that starts at once.
    pub fn parallel(&mut self, kind: &str, name: &str, context: Map) {
        self.stages.push(SyntheticStage {
            kind: kind.to_owned(),
            name: name.to_owned(),
            context,
            after: Vec::new(),
        });
    }

    /// Adds a stage that starts after the one added last.
    pub fn then(&mut self, kind: &str, name: &str, context: Map) {
        let after = self.stages.len().checked_sub(1).into_iter().collect();
        self.stages.push(SyntheticStage {
            kind: kind.to_owned(),
            name: name.to_owned(),
            context,
            after,
        });
    }
}

/// What a restart does to the context and outputs of a stage.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContextEdit {
    /// Members of the context to set.
    pub set: Map,
    /// Members of the context to remove.
    pub unset: Vec<String>,
    /// Members of the outputs to remove.
    pub unset_outputs: Vec<String>,
}

/// A stage type (Orca's `StageDefinitionBuilder`).
pub trait StageType: Send + Sync {
    /// The name in a stage's `type`.
    fn name(&self) -> &str;

    /// Other names in a stage's `type` that mean the same.
    fn aliases(&self) -> &[&str] {
        &[]
    }

    /// The tasks of a stage, in order. Errors end the stage by its failure flags.
    fn tasks(&self, stage: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure>;

    /// What performs the task of that name.
    fn task(&self, name: &str) -> Option<TaskRunner>;

    /// The stages that run before its tasks.
    fn before(&self, stage: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        let _ = (stage, plan);
        Ok(())
    }

    /// The stages that run after its tasks have ended well.
    fn after(&self, stage: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        let _ = (stage, plan);
        Ok(())
    }

    /// The stages that run after its failure, one after the other.
    fn on_failure(&self, stage: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        let _ = (stage, plan);
        Ok(())
    }

    /// What a restart does to a stage's context and outputs, which otherwise stay.
    fn restart(&self, stage: &Stage) -> ContextEdit {
        let _ = stage;
        ContextEdit::default()
    }

    /// Whether a person may skip it while it runs.
    fn may_be_skipped(&self, stage: &Stage) -> bool {
        let _ = stage;
        false
    }

    /// Whether that caller may change a stage like that, and the members that are really set.
    fn patch(&self, stage: &StageView<'_>, patch: Map, caller: &Caller) -> Result<Map, Refusal> {
        let _ = (stage, caller);
        Ok(patch)
    }

    /// Members of the context whose expressions are left alone.
    fn unevaluated(&self, context: &Map, v4: bool) -> &'static [&'static str] {
        let _ = (context, v4);
        &[]
    }

    /// What the expressions that a task evaluates itself, those in [`unevaluated`](Self::unevaluated) members, ask for
    /// first. The task starts when they have their answers.
    fn asks(&self, stage: &StageView<'_>, task: &str) -> Vec<Fetch> {
        let _ = (stage, task);
        Vec::new()
    }

    /// What is wrong with a stage as its author wrote it.
    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let _ = (stage, at);
        Vec::new()
    }
}

/// Every stage type this process has.
#[derive(Clone, Default)]
pub struct Registry {
    types: BTreeMap<String, Arc<dyn StageType>>,
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stage type; one of the same name is replaced.
    pub fn add(&mut self, stage_type: Arc<dyn StageType>) {
        for alias in stage_type.aliases() {
            self.types
                .insert((*alias).to_owned(), Arc::clone(&stage_type));
        }
        self.types.insert(stage_type.name().to_owned(), stage_type);
    }

    /// The type of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn StageType>> {
        self.types.get(name)
    }

    /// The type of a stage: its context's `alias` when set, else its own type (Orca's `DefaultStageResolver`).
    pub fn of(&self, stage: &Stage) -> Option<&Arc<dyn StageType>> {
        stage
            .text("alias")
            .and_then(|alias| self.get(alias))
            .or_else(|| self.get(&stage.kind))
    }

    /// The names of all types, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }
}

/// The refId of the `number`th synthetic stage on one side of a parent (Orca's `StageGraphBuilderImpl`).
pub(crate) fn synthetic_ref_id(parent: &RefId, before: bool, number: usize) -> RefId {
    let side = if before { '<' } else { '>' };
    RefId::from(format!("{parent}{side}{number}"))
}
