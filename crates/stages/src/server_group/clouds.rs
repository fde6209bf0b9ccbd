//! What server-group stages ask of the clouds: an account, the workloads of a cluster, the failure that an error is.

use std::sync::Arc;

use spindrift_cloud_driver::model::ServerGroup;
use spindrift_cloud_driver::target::{redirect, workloads};
use spindrift_cloud_driver::{Accounts, CloudError, ErrorKind, Inventory, Provider, Query};
use spindrift_engine::{Failure, TaskInput, TaskResult};
use spindrift_model::Map;

use super::guards::TrafficRules;
use super::place;
use crate::fields;

/// The accounts and the rules of their traffic.
#[derive(Clone)]
pub(crate) struct Clouds {
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) traffic: TrafficRules,
}

impl Clouds {
    /// The account that a stage names, its inventory ready.
    pub(super) async fn provider(&self, context: &Map) -> Result<Arc<dyn Provider>, Failure> {
        let name = place::account(context)?;
        let provider = self.accounts.get(name).ok_or_else(|| {
            let known = self.accounts.names().join(", ");
            Failure::new(
                "AccountNotFound",
                format!("there is no account {name:?}; there are: {known}"),
            )
        })?;
        if let Some(cloud) = fields::text(context, "cloudProvider")
            && !cloud.eq_ignore_ascii_case(provider.cloud())
        {
            return Err(fields::invalid(format!(
                "the account {name:?} is one of the cloud {}, and the stage's cloudProvider is {cloud}",
                provider.cloud()
            )));
        }
        provider.inventory().ready().await.map_err(failure)?;
        Ok(provider)
    }
}

/// The workloads of a cluster in a location, oldest first.
pub(super) fn cluster(
    inventory: &dyn Inventory,
    application: Option<&str>,
    cluster: &str,
    location: &str,
) -> Vec<ServerGroup> {
    let mut found = all(inventory, location);
    found.retain(|group| {
        let same = group.application.as_deref() == application;
        group.cluster == cluster && (application.is_none() || same)
    });
    found
}

/// Every workload of a location, oldest first.
pub(super) fn all(inventory: &dyn Inventory, location: &str) -> Vec<ServerGroup> {
    let query = Query {
        location: Some(location.to_owned()),
        ..Query::default()
    };
    workloads(
        inventory.server_groups(&query),
        inventory.server_group_managers(&query),
    )
}

/// The workload of that name in a location: itself, or what manages it.
pub(super) fn group(inventory: &dyn Inventory, location: &str, name: &str) -> Option<ServerGroup> {
    let query = Query {
        location: Some(location.to_owned()),
        ..Query::default()
    };
    let groups = inventory.server_groups(&query);
    let name = redirect(&groups, location, name).to_owned();
    let all = workloads(groups, inventory.server_group_managers(&query));
    let target = spindrift_cloud_driver::target::Target::Named(name);
    target.resolve(&all).cloned()
}

/// The other workloads of the same cluster and location, and itself, oldest first.
pub(super) fn family(inventory: &dyn Inventory, of: &ServerGroup) -> Vec<ServerGroup> {
    cluster(
        inventory,
        of.application.as_deref(),
        &of.cluster,
        &of.region,
    )
}

/// The failure of a task that an error of a cloud is; what a repetition may mend is tried again.
pub(super) fn failure(error: CloudError) -> Failure {
    let mut failure = Failure::new(kind_name(error.kind), error.message.clone());
    failure.retryable = error.is_retryable();
    failure.details = error.details;
    failure
}

/// The name of a kind of error in an `exception` block.
pub(super) fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "InvalidStage",
        ErrorKind::Denied => "OperationDenied",
        ErrorKind::NotFound => "NotFound",
        ErrorKind::Conflict => "Conflict",
        ErrorKind::Refused => "CloudRefused",
        ErrorKind::Unavailable => "CloudUnavailable",
        ErrorKind::Failed => "OperationFailed",
        ErrorKind::Unsupported => "OperationUnsupported",
    }
}

/// The end of a task; a failure that is tried again is shown meanwhile.
pub(super) fn ended(result: Result<TaskResult, Failure>) -> TaskResult {
    result.unwrap_or_else(|failure| {
        let shown = failure.retryable.then(|| failure.errors.join("; "));
        let result = TaskResult::terminal(failure);
        match shown {
            Some(text) => result.with_context("lastError", text),
            None => result,
        }
    })
}

/// The same for every repetition of what this stage does, however often its tasks are performed.
pub(super) fn stage_key(input: &TaskInput) -> String {
    format!(
        "{}-{}-{}",
        input.execution, input.stage.id, input.stage.restarts
    )
}
