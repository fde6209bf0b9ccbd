//! Traffic guards, asked before an operation takes instances out of traffic.

use std::sync::Arc;

use spindrift_cloud_driver::Provider;
use spindrift_cloud_driver::guard::{self, Removal, TrafficGuard};
use spindrift_engine::{BoxFuture, Failure};

use super::clouds;

/// Who knows the traffic guards of applications.
pub trait Guards: Send + Sync + 'static {
    /// The guards of that application; an application that nobody knows has none.
    fn of(&self, application: &str) -> BoxFuture<Result<Vec<TrafficGuard>, Failure>>;

    /// Whether any application can have guards; if not, nobody asks what an account holds.
    fn any(&self) -> bool {
        true
    }
}

/// No application has guards.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoGuards;

impl Guards for NoGuards {
    fn of(&self, _: &str) -> BoxFuture<Result<Vec<TrafficGuard>, Failure>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn any(&self) -> bool {
        false
    }
}

/// The traffic guards of all applications, and how strict they are.
#[derive(Clone)]
pub struct TrafficRules {
    /// Who knows them.
    pub guards: Arc<dyn Guards>,
    /// The smallest share of instances that must stay up: from 0 up to but not including 0.5.
    pub min_capacity_ratio: f64,
}

impl Default for TrafficRules {
    fn default() -> Self {
        Self {
            guards: Arc::new(NoGuards),
            min_capacity_ratio: 0.0,
        }
    }
}

impl TrafficRules {
    /// Refuses to take these workloads out of traffic when a guard forbids it.
    ///
    /// `operation` is how the message calls what happens to them: `Disabling`, `Destroying`, `Removal of all instances in`. `names` are full names, such
    /// as `replicaSet web-v001`; those of one cluster are judged together, a server group with a manager counts as its manager, and what is no
    /// server group is passed over. `application` is that of what has no application of its own.
    pub async fn permit(
        &self,
        provider: &dyn Provider,
        application: &str,
        operation: &str,
        location: &str,
        names: &[String],
    ) -> Result<(), Failure> {
        if !self.guards.any() {
            return Ok(());
        }
        let inventory = provider.inventory();
        inventory.ready().await.map_err(clouds::failure)?;
        let mut open: Vec<_> = names
            .iter()
            .filter_map(|name| clouds::group(inventory, location, name))
            .collect();
        while let Some(first) = open.pop() {
            let members = clouds::family(inventory, &first);
            let mut leaving = vec![first.name.clone()];
            open.retain(|group| {
                let together = members.iter().any(|member| member.name == group.name);
                if together && !leaving.contains(&group.name) {
                    leaving.push(group.name.clone());
                }
                !together
            });
            leaving.reverse();
            let owner = first.application.as_deref().unwrap_or(application);
            let guards = self.guards.of(owner).await?;
            let removal = Removal {
                operation,
                account: provider.account(),
                location,
                cluster: &first.cluster,
                leaving: &leaving,
                members: &members,
            };
            guard::check(&guards, self.min_capacity_ratio, removal).map_err(|error| Failure {
                kind: "TrafficGuard".to_owned(),
                ..clouds::failure(error)
            })?;
        }
        Ok(())
    }
}
