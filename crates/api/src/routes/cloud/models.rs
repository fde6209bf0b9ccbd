//! The accounts that a caller may look at, with their models in memory.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use spindrift_cloud_driver::accounts::{AccountView, Accounts, Registry};
use spindrift_cloud_driver::kubernetes::Kubernetes;
use spindrift_cloud_driver::{CloudError, ErrorKind, Provider};
use spindrift_engine::Caller;

use crate::identity::Identity;
use crate::problem::HttpProblem;
use crate::state::ApiState;

/// A list over several accounts does not wait longer for any of them.
const FOR_ONE_OF_MANY: Duration = Duration::from_secs(5);

/// Who asks for one account waits at most so long for its first listing.
const FOR_THE_ONE: Duration = Duration::from_secs(20);

/// Whether a caller may look at an account.
pub(super) fn may_read(state: &ApiState, caller: &Caller, account: &AccountView) -> bool {
    let permissions = account.definition.effective_permissions();
    may_use(state, caller, account) && (caller.admin || permissions.may_read(&caller.roles))
}

/// Whether a caller may change what an account holds.
pub(super) fn may_write(state: &ApiState, caller: &Caller, account: &AccountView) -> bool {
    let permissions = account.definition.effective_permissions();
    may_use(state, caller, account) && (caller.admin || permissions.may_write(&caller.roles))
}

/// A token may be limited to some accounts.
fn may_use(state: &ApiState, caller: &Caller, account: &AccountView) -> bool {
    let allowed = &caller.allowed_accounts;
    let name = &account.definition.name;
    state.options().tokens.is_empty()
        || caller.admin
        || allowed.is_empty()
        || allowed.iter().any(|other| other == name)
}

/// The accounts of this server. Errors: it has none.
pub(super) fn registry(state: &ApiState) -> Result<&Registry, HttpProblem> {
    let accounts = state.options().accounts.as_ref();
    accounts.ok_or_else(|| HttpProblem::not_found("this server has no cloud accounts"))
}

/// The models of every account that the caller may look at and that has one.
pub(super) async fn all(state: &ApiState, identity: &Identity) -> Vec<Arc<dyn Provider>> {
    let Some(registry) = &state.options().accounts else {
        return Vec::new();
    };
    let views = registry.list();
    let readable = views
        .iter()
        .filter(|view| may_read(state, &identity.0, view))
        .filter_map(|view| registry.get(&view.definition.name));
    let ready = readable.map(|provider| async move {
        let listed = tokio::time::timeout(FOR_ONE_OF_MANY, provider.inventory().ready()).await;
        match listed {
            Ok(Ok(())) => Some(provider),
            Ok(Err(_)) | Err(_) => {
                tracing::debug!(
                    account = provider.account(),
                    "an account without a model is left out"
                );
                None
            }
        }
    });
    join_all(ready).await.into_iter().flatten().collect()
}

/// The model of one account.
pub(super) async fn one(
    state: &ApiState,
    identity: &Identity,
    account: &str,
) -> Result<Arc<dyn Provider>, HttpProblem> {
    let provider = provider(state, identity, account)?;
    match tokio::time::timeout(FOR_THE_ONE, provider.inventory().ready()).await {
        Ok(Ok(())) => Ok(provider),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(CloudError::new(
            ErrorKind::Unavailable,
            format!(
                "the account {account:?} has not been listed within {} s",
                FOR_THE_ONE.as_secs()
            ),
        )
        .into()),
    }
}

/// One account, for a question to its API server.
pub(super) fn provider(
    state: &ApiState,
    identity: &Identity,
    account: &str,
) -> Result<Arc<dyn Provider>, HttpProblem> {
    let registry = registry(state)?;
    let unknown = || HttpProblem::not_found(format!("there is no account {account:?}"));
    let view = registry.view(account).ok_or_else(unknown)?;
    if !may_read(state, &identity.0, &view) {
        return Err(HttpProblem::forbidden(format!(
            "Access denied to account {account} - required authorization: READ"
        )));
    }
    registry.get(account).ok_or_else(|| {
        let reason = view.status.reason.unwrap_or_default();
        CloudError::new(
            ErrorKind::Unavailable,
            format!("the account {account:?} cannot be used: {reason}"),
        )
        .into()
    })
}

/// Refuses who may not change what an account holds.
pub(super) fn check_write(
    state: &ApiState,
    identity: &Identity,
    account: &str,
) -> Result<(), HttpProblem> {
    let view = registry(state)?.view(account);
    if view.is_some_and(|view| may_write(state, &identity.0, &view)) {
        return Ok(());
    }
    Err(HttpProblem::forbidden(format!(
        "Access denied to account {account} - required authorization: WRITE"
    )))
}

/// One Kubernetes account, for a question to its API server.
pub(super) fn kubernetes(provider: &dyn Provider) -> Result<&Kubernetes, HttpProblem> {
    provider.kubernetes().ok_or_else(|| {
        HttpProblem::bad_request(format!("{:?} is no Kubernetes account", provider.account()))
    })
}

/// A namespace in a path: `_` stands for none.
pub(super) fn namespace(location: &str) -> &str {
    if location == "_" { "" } else { location }
}
