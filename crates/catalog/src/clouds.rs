//! What applications have in cloud accounts.

use std::sync::Arc;
use std::time::Duration;

use spindrift_cloud_driver::{Accounts, Query};
use spindrift_engine::BoxFuture;
use tokio::time::timeout;

use crate::service::Dependencies;

/// An account that was bound just now is waited for so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks into the bound accounts.
pub struct CloudDependencies {
    accounts: Arc<dyn Accounts>,
}

impl CloudDependencies {
    /// Looks into those accounts.
    pub fn new(accounts: Arc<dyn Accounts>) -> Self {
        Self { accounts }
    }
}

impl Dependencies for CloudDependencies {
    fn of(&self, application: String) -> BoxFuture<Result<Vec<String>, String>> {
        let accounts = Arc::clone(&self.accounts);
        Box::pin(async move { kinds(&*accounts, application).await })
    }
}

async fn kinds(accounts: &dyn Accounts, application: String) -> Result<Vec<String>, String> {
    let wanted = Query {
        application: Some(application),
        ..Query::default()
    };
    let (mut clusters, mut security_groups) = (false, false);
    for name in accounts.names() {
        let Some(provider) = accounts.get(&name) else {
            continue;
        };
        let inventory = provider.inventory();
        match timeout(PATIENCE, inventory.ready()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(format!("account {name}: {error}")),
            Err(_) => return Err(format!("account {name} has not been listed yet")),
        }
        clusters |= !inventory.server_groups(&wanted).is_empty();
        clusters |= !inventory.server_group_managers(&wanted).is_empty();
        security_groups |= !inventory.security_groups(&wanted).is_empty();
    }
    let found = [(clusters, "clusters"), (security_groups, "security groups")];
    let found = found.into_iter().filter(|(there, _)| *there);
    Ok(found.map(|(_, kind)| kind.to_owned()).collect())
}
