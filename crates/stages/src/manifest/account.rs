//! The account of a stage.

use std::sync::Arc;

use spindrift_cloud_driver::{Accounts, Provider};
use spindrift_engine::Failure;
use spindrift_model::Map;

use crate::fields;

/// The members that name a stage's account, in the order in which they count (Orca's `CloudProviderAware`).
pub(crate) const MEMBERS: [&str; 3] = ["account.name", "account", "credentials"];

/// The name of a stage's account.
pub(crate) fn name(context: &Map) -> Result<&str, Failure> {
    MEMBERS
        .iter()
        .find_map(|key| fields::text(context, key))
        .ok_or_else(|| fields::invalid("account: it is missing; name a Kubernetes account"))
}

/// The Kubernetes account of a stage.
pub(crate) fn kubernetes(
    accounts: &dyn Accounts,
    context: &Map,
) -> Result<Arc<dyn Provider>, Failure> {
    let name = name(context)?;
    let provider = accounts.get(name).ok_or_else(|| {
        let known = accounts.names();
        let known = if known.is_empty() {
            "no account is bound".to_owned()
        } else {
            format!("there are {}", known.join(", "))
        };
        fields::invalid(format!("account: there is no account {name:?}; {known}"))
    })?;
    if provider.kubernetes().is_none() {
        return Err(fields::invalid(format!(
            "account: {name:?} is an account of {}, and manifests are for Kubernetes",
            provider.cloud()
        )));
    }
    Ok(provider)
}
