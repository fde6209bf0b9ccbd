//! A person changes a stage: decides a judgment, skips a wait, skips a stage.

use serde_json::json;
use spindrift_model::{Map, Serial, StageId, Status};

use super::Step;
use crate::change::Change;
use crate::event::{Caller, Refusal};

impl Step<'_, '_, '_> {
    pub(super) fn find(&self, id: &StageId) -> Result<Serial, Refusal> {
        let execution = self.run.execution();
        execution
            .stage_by_id(id)
            .map(|stage| stage.serial)
            .ok_or_else(|| Refusal::UnknownStage {
                execution: execution.id.to_string(),
                stage: id.to_string(),
            })
    }

    pub(super) fn patch_stage(
        &mut self,
        id: &StageId,
        patch: Map,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        let serial = self.find(id)?;
        let Some(stage) = self.stage(serial) else {
            return Ok(());
        };
        let name = stage.display_name().to_owned();
        if stage.status.is_complete() {
            let by = stage
                .text("lastModifiedBy")
                .map(|by| format!(" by {by}"))
                .unwrap_or_default();
            return Err(Refusal::Conflict(format!(
                "stage {name:?} has already ended{by}: it is {}",
                stage.status
            )));
        }
        let status = self.run.execution().status;
        if status.is_complete() || status == Status::Paused {
            return Err(Refusal::Conflict(format!(
                "execution {} is {status}; its stages cannot be changed now",
                self.run.execution().id
            )));
        }
        let skip = patch.get("manualSkip") == Some(&true.into());
        let stage_type = self.stage_type(serial);
        if skip
            && !stage_type
                .as_ref()
                .is_some_and(|kind| kind.may_be_skipped(stage))
        {
            return Err(Refusal::Conflict(format!(
                "stage {name:?} may not be skipped; only pipeline stages with \"skippable\": true may"
            )));
        }
        let mut set = match stage_type {
            Some(stage_type) => stage_type.patch(&self.view(stage), patch, caller)?,
            None => patch,
        };
        set.insert("lastModifiedBy".into(), caller.user.clone().into());
        let last_modified = json!({
            "user": caller.user,
            "allowedAccounts": caller.allowed_accounts,
            "lastModifiedTime": self.now(),
        });
        self.record(Change::StageModified {
            stage: serial,
            last_modified,
        });
        self.set_context(serial, set, Vec::new());
        let top = self.lineage(serial).last().map(|stage| stage.serial);
        match top.filter(|top| skip && self.is_active(*top)) {
            Some(top) => self.skip_by_hand(top),
            // A stage that has not begun is skipped when its turn comes.
            None => self.wake(serial),
        }
        Ok(())
    }

    /// Skips a running top-level stage; what it has begun outside goes on.
    fn skip_by_hand(&mut self, top: Serial) {
        for member in self.family(top) {
            let kept = |status| {
                matches!(
                    status,
                    Status::Succeeded | Status::Terminal | Status::FailedContinue
                )
            };
            if member == top || self.stage(member).is_none_or(|stage| kept(stage.status)) {
                continue;
            }
            self.end_tasks(member, Status::Skipped, false);
            self.set_status(member, Status::Skipped);
        }
        self.end_tasks(top, Status::Skipped, false);
        self.skip_stage(top);
    }
}
