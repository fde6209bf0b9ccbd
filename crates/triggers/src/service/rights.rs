//! Who may start what: the permissions of applications, asked for the user as whom a run would act.

use std::fmt;

use spindrift_engine::StoreError;
use spindrift_model::Authentication;

use super::shared::Shared;
use crate::matching::{Rejection, RunTrigger, Trigger};

/// Who acts when the trigger names nobody.
pub(super) const ANONYMOUS: &str = "anonymous";

/// Says who may start the pipelines of an application.
pub trait ExecuteRights: fmt::Debug + Send + Sync + 'static {
    /// Whether `user` may start the pipelines of `application`. Errors: the store cannot be read.
    fn may_execute(&self, user: &str, application: &str) -> Result<bool, StoreError>;
}

impl Shared {
    /// As whom a run of a trigger acts.
    pub(super) fn acts_as(&self, run: &RunTrigger) -> Authentication {
        let user = run.run_as.clone().unwrap_or_else(|| ANONYMOUS.to_owned());
        Authentication {
            user: Some(user),
            allowed_accounts: Vec::new(),
        }
    }

    /// Why a run may not start although its trigger matches; `None` when it may.
    pub(super) fn forbidden(
        &self,
        trigger: &Trigger,
        user: Option<&str>,
    ) -> Result<Option<Rejection>, StoreError> {
        let Some(rights) = &self.options.rights else {
            return Ok(None);
        };
        let Some(pipeline) = self.engine.store().pipeline(&trigger.pipeline)? else {
            return Ok(None);
        };
        let user = user.unwrap_or(ANONYMOUS);
        let may = rights.may_execute(user, &pipeline.application)?;
        Ok((!may).then(|| Rejection::Forbidden {
            user: user.to_owned(),
            application: pipeline.application,
        }))
    }
}
