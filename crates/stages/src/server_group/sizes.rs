//! How the precondition `clusterSize` counts the server groups of bound accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use spindrift_cloud_driver::Accounts;
use spindrift_cloud_driver::target::is_active;
use spindrift_engine::{BoxFuture, Failure};
use spindrift_model::Map;

use super::clouds::{self, Clouds};
use super::guards::TrafficRules;
use crate::precondition::{ClusterQuery, ClusterSizes};

/// Counts in the bound accounts.
pub struct AccountClusterSizes {
    accounts: Arc<dyn Accounts>,
}

impl AccountClusterSizes {
    /// Counts in those accounts.
    pub fn new(accounts: Arc<dyn Accounts>) -> Self {
        Self { accounts }
    }
}

impl ClusterSizes for AccountClusterSizes {
    fn server_groups(
        &self,
        query: ClusterQuery,
    ) -> BoxFuture<Result<BTreeMap<String, Vec<String>>, Failure>> {
        let clouds = Clouds {
            accounts: Arc::clone(&self.accounts),
            traffic: TrafficRules::default(),
        };
        Box::pin(async move {
            let mut place = Map::new();
            place.insert("credentials".to_owned(), query.account.into());
            if let Some(provider) = query.provider {
                place.insert("cloudProvider".to_owned(), provider.into());
            }
            let provider = clouds.provider(&place).await?;
            let count = |region: String| {
                let inventory = provider.inventory();
                let members =
                    clouds::cluster(inventory, Some(&query.application), &query.cluster, &region);
                let counted = members
                    .into_iter()
                    .filter(|group| !query.only_enabled || is_active(group))
                    .map(|group| group.name);
                (region, counted.collect())
            };
            Ok(query.regions.into_iter().map(count).collect())
        })
    }
}
