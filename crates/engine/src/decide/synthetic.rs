//! Synthetic stages: those a stage type adds around a stage (Orca's `StageGraphBuilderImpl`, `ContinueParentStageHandler`).

use spindrift_model::{Phase, RefId, Serial, Stage, SyntheticOwner};

use super::completion::lets_next_start;
use super::{Step, Work};
use crate::change::Change;
use crate::run::is_under_way;
use crate::stage_type::{SyntheticPlan, SyntheticStage, synthetic_ref_id};

/// The stage type that waits for a time window, and the flag that asks for it.
pub(super) const WINDOW_STAGE: &str = "restrictExecutionDuringTimeWindow";

impl Step<'_, '_, '_> {
    pub(super) fn add_before(&mut self, parent: Serial, mut plan: SyntheticPlan) {
        if let Some(window) = self.window_stage(parent) {
            for stage in &mut plan.stages {
                if stage.after.is_empty() {
                    stage.after.push(0);
                } else {
                    stage.after.iter_mut().for_each(|position| *position += 1);
                }
            }
            plan.stages.insert(0, window);
        }
        self.add_synthetic(parent, plan, SyntheticOwner::StageBefore);
    }

    /// The stage that holds `parent` back until its time window opens (`RestrictExecutionDuringTimeWindow`).
    fn window_stage(&self, parent: Serial) -> Option<SyntheticStage> {
        let stage = self.stage(parent)?;
        if stage.is_synthetic() || stage.flag(WINDOW_STAGE) != Some(true) {
            return None;
        }
        let mut context = stage.context.clone();
        for key in [
            WINDOW_STAGE,
            "stageTimeoutMs",
            "alias",
            "stageEnabled",
            "waitTime",
        ] {
            context.shift_remove(key);
        }
        Some(SyntheticStage {
            kind: WINDOW_STAGE.to_owned(),
            name: "Restrict execution during time window".to_owned(),
            context,
            after: Vec::new(),
        })
    }

    /// Adds the stages of a plan, and answers with the positions of those that start at once.
    pub(super) fn add_synthetic(
        &mut self,
        parent: Serial,
        plan: SyntheticPlan,
        owner: SyntheticOwner,
    ) -> Vec<Serial> {
        let Some(stage) = self.stage(parent) else {
            return Vec::new();
        };
        let (parent_ref, parent_id) = (stage.ref_id.clone(), stage.id.clone());
        let before = owner == SyntheticOwner::StageBefore;
        let taken = self
            .run
            .children(parent)
            .filter(|child| child.synthetic_stage_owner == Some(owner))
            .filter_map(|child| synthetic_number(&child.ref_id))
            .max()
            .unwrap_or(0);
        let ref_id = |position: usize| synthetic_ref_id(&parent_ref, before, taken + position + 1);
        let mut initial = Vec::new();
        for (position, planned) in plan.stages.into_iter().enumerate() {
            let serial = Serial(self.run.ledger().next_serial);
            if planned.after.is_empty() {
                initial.push(serial);
            }
            let mut context = planned.context;
            if planned.kind != WINDOW_STAGE {
                context.shift_remove("restrictedExecutionWindow");
            }
            context.shift_remove(WINDOW_STAGE);
            let stage = Stage {
                id: self.setting.ids.stage_id(),
                ref_id: ref_id(position),
                kind: planned.kind,
                name: Some(planned.name),
                context,
                synthetic_stage_owner: Some(owner),
                parent_stage_id: Some(parent_id.clone()),
                parent: Some(parent),
                requisite_stage_ref_ids: planned.after.iter().map(|at| ref_id(*at)).collect(),
                serial,
                ..Stage::default()
            };
            self.record(Change::StageAdded {
                stage: Box::new(stage),
            });
        }
        initial
    }

    pub(super) fn continue_after_before(&mut self, parent: Serial) {
        let Some(stage) = self.stage(parent) else {
            return;
        };
        let ready = is_under_way(stage.status)
            && stage.phase == Phase::Work
            && self
                .run
                .children(parent)
                .filter(|child| child.is_before())
                .all(lets_next_start);
        if ready {
            self.enter_tasks(parent);
        }
    }

    pub(super) fn continue_after_after(&mut self, parent: Serial) {
        if !self.has_open_after(parent) {
            self.push(Work::CompleteStage(parent));
        }
    }

    /// Whether a stage's parent has come to the point at which such a stage may start, and not gone past it.
    pub(super) fn parent_lets_start(&self, stage: &Stage) -> bool {
        let Some(owner) = stage.synthetic_stage_owner else {
            return true;
        };
        let Some(parent) = stage.parent.and_then(|parent| self.stage(parent)) else {
            return false;
        };
        let its_turn = match parent.phase {
            Phase::Unplanned => false,
            Phase::Work => owner == SyntheticOwner::StageBefore,
            Phase::After | Phase::OnFailure(_) => owner == SyntheticOwner::StageAfter,
        };
        its_turn && is_under_way(parent.status)
    }

    /// Removes the synthetic stages of a parent, and theirs, that `select` chooses.
    pub(super) fn remove_synthetic(&mut self, parent: Serial, select: fn(&Stage) -> bool) {
        let children: Vec<Serial> = self
            .run
            .children(parent)
            .filter(|child| select(child))
            .map(|c| c.serial)
            .collect();
        for child in children {
            self.remove_synthetic(child, |_| true);
            self.keep_former(child);
            self.record(Change::StageRemoved { stage: child });
        }
    }

    /// `serial` and the synthetic stages inside it, parents first.
    pub(super) fn family(&self, serial: Serial) -> Vec<Serial> {
        let mut family = vec![serial];
        let mut next = 0;
        while let Some(parent) = family.get(next).copied() {
            family.extend(self.run.children(parent).map(|child| child.serial));
            next += 1;
        }
        family
    }

    /// The stage itself, then its parent, and so on up to the top level.
    pub(super) fn lineage(&self, serial: Serial) -> impl Iterator<Item = &Stage> {
        std::iter::successors(self.stage(serial), |stage| {
            stage.parent.and_then(|parent| self.stage(parent))
        })
    }
}

fn synthetic_number(ref_id: &RefId) -> Option<usize> {
    ref_id.as_str().rsplit(['<', '>']).next()?.parse().ok()
}
