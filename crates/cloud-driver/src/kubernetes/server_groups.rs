//! The operations of [`Provider`](crate::Provider) on Kubernetes: what enabling, resizing or cloning a server group means for a workload.
//!
//! - Traffic is turned by the labels that the Services of the annotation `traffic.spinnaker.io/load-balancers` select by.
//! - A capacity is the number of replicas, and the bounds of the HorizontalPodAutoscaler when there is one.
//! - A wait ends when the cluster is as it should be and the live model shows it, so that whoever looks next sees the same.

use serde_json::{Map, Value, json};

use super::account::Kubernetes;
use super::annotations::{self, LOAD_BALANCERS};
use super::attach;
use super::clone::{self, Clone};
use super::delete::DeleteOptions;
use super::deploy::DeployRequest;
use super::kind::Kind;
use super::object::ObjectId;
use super::retry::retry;
use super::rollout::{Revision, Undo};
use super::stability::{StabilityOptions, Status};
use super::switch::Traffic;
use crate::error::{CloudError, ErrorKind};
use crate::model::{Capacity, ServerGroup, ServerGroupId};
use crate::naming;
use crate::provider::{Goal, Inventory, Query};
use crate::target::workloads;
use kube::api::Patch;

/// What is told while something is waited for.
type Tell<'a> = &'a (dyn Fn(String) + Send + Sync);

impl Kubernetes {
    /// Gives a workload another number of replicas, and its HorizontalPodAutoscaler the bounds.
    pub(super) async fn resize_group(
        &self,
        group: &ServerGroupId,
        capacity: Capacity,
    ) -> Result<(), CloudError> {
        let id = object_id(group)?;
        // Without replicas an autoscaler rests, and its bounds are for the time when there are some again.
        if capacity.desired > 0
            && let Some(autoscaler) = self.autoscaler(&id).await?
        {
            let min = capacity.min.max(1);
            let bounds =
                json!({"spec": {"minReplicas": min, "maxReplicas": capacity.max.max(min)}});
            self.send(&autoscaler, &Patch::Merge(bounds), true).await?;
        }
        self.scale(&id, capacity.desired).await
    }

    /// What scales a workload by itself. An account that may not see autoscalers has none to care for.
    async fn autoscaler(&self, id: &ObjectId) -> Result<Option<ObjectId>, CloudError> {
        let kind = Kind::of("HorizontalPodAutoscaler", "autoscaling/v2");
        let found = match retry(|| self.list(&kind, &id.namespace, "")).await {
            Ok(found) => found,
            Err(error) => match error.kind {
                ErrorKind::Refused | ErrorKind::Denied | ErrorKind::NotFound => Vec::new(),
                _ => return Err(error),
            },
        };
        let scales = |autoscaler: &&Value| {
            let target = &autoscaler["spec"]["scaleTargetRef"];
            let text = |key: &str| target[key].as_str().unwrap_or_default();
            Kind::of(text("kind"), text("apiVersion")) == id.kind && text("name") == id.name
        };
        Ok(found.iter().find(scales).and_then(ObjectId::of))
    }

    /// Lets a workload take the traffic of its Services.
    pub(super) async fn enable_group(
        &self,
        inventory: &dyn Inventory,
        group: &ServerGroupId,
    ) -> Result<(), CloudError> {
        let id = object_id(group)?;
        let services = self.enable_traffic(&id, &[]).await?;
        let in_front = || shown(inventory, group).map_or(0, |group| group.load_balancers.len());
        match services.is_empty() && in_front() == 0 {
            true => Err(CloudError::invalid(format!(
                "{id} has no annotation {LOAD_BALANCERS}, so no service can send it traffic; deploy it with services under trafficManagement"
            ))),
            false => Ok(()),
        }
    }

    /// Takes a workload out of the traffic of its Services. One that no Service stands before is out already.
    pub(super) async fn disable_group(
        &self,
        inventory: &dyn Inventory,
        group: &ServerGroupId,
    ) -> Result<(), CloudError> {
        let id = object_id(group)?;
        let services = self.disable_traffic(&id, &[]).await?;
        let in_front = shown(inventory, group).map_or_else(Vec::new, |group| group.load_balancers);
        match services.is_empty() && !in_front.is_empty() {
            true => Err(CloudError::new(
                ErrorKind::Unsupported,
                format!(
                    "{id} has no annotation {LOAD_BALANCERS}, so it cannot be taken from behind {}; deploy it with services under trafficManagement",
                    in_front.join(", ")
                ),
            )),
            false => Ok(()),
        }
    }

    /// Deletes a workload, and what it owns afterwards.
    pub(super) async fn destroy_group(&self, group: &ServerGroupId) -> Result<(), CloudError> {
        let id = object_id(group)?;
        self.delete(&id, &DeleteOptions::default()).await.map(drop)
    }

    /// Deploys the next version of a versioned workload, as its source is but for the changes.
    pub(super) async fn clone_of_group(
        &self,
        source: &ServerGroupId,
        changes: &Map<String, Value>,
        key: &str,
    ) -> Result<ServerGroupId, CloudError> {
        let id = object_id(source)?;
        let object = retry(|| self.get(&id)).await?.ok_or_else(|| absent(&id))?;
        let moniker = annotations::moniker(&object);
        if moniker.sequence.is_none() && naming::unversioned(&id.name) == id.name {
            return Err(CloudError::new(
                ErrorKind::Unsupported,
                format!("{id} has no versions, so there is no next one; deploy its manifest again"),
            ));
        }
        let services = annotations::load_balancers(&object);
        let mut selectors = Vec::new();
        for service in &services {
            let service = attach::service(service, &id.namespace)?;
            let found = retry(|| self.get(&service)).await?;
            selectors.extend(
                found
                    .as_ref()
                    .and_then(|found| attach::selector(found).ok().cloned()),
            );
        }
        let manifest = clone::manifest(Clone {
            source: &object,
            selectors: &selectors,
            changes,
            key,
        })?;
        let request = DeployRequest {
            manifests: vec![manifest],
            moniker: crate::model::Moniker {
                sequence: None,
                ..moniker
            },
            versioned: Some(true),
            services,
            key: key.to_owned(),
            ..DeployRequest::default()
        };
        let deployed = self.deploy(&request).await?;
        let made = deployed.objects.first().ok_or_else(|| {
            CloudError::new(ErrorKind::Failed, format!("nothing was made of {id}"))
        })?;
        Ok(ServerGroupId {
            account: source.account.clone(),
            location: made.id.namespace.clone(),
            name: made.id.to_string(),
        })
    }

    /// The revision before the present one, as a text for [`Kubernetes::undo_group`].
    pub(super) async fn previous_of_group(
        &self,
        group: &ServerGroupId,
    ) -> Result<String, CloudError> {
        let revision = self
            .find_revision(&object_id(group)?, Undo::Back(1))
            .await?;
        Ok(format!("{} {}", revision.number, revision.name))
    }

    /// Brings that revision back; nothing happens when it is the present one.
    pub(super) async fn undo_group(
        &self,
        group: &ServerGroupId,
        previous: &str,
    ) -> Result<(), CloudError> {
        let revision = previous
            .split_once(' ')
            .and_then(|(number, name)| {
                Some(Revision {
                    number: number.parse().ok()?,
                    name: name.to_owned(),
                })
            })
            .ok_or_else(|| CloudError::invalid(format!("{previous:?} is no revision")))?;
        self.undo_rollout(&object_id(group)?, &revision).await
    }

    /// Ends when the goal is reached and the model shows it.
    pub(super) async fn await_group(
        &self,
        inventory: &dyn Inventory,
        group: &ServerGroupId,
        goal: Goal,
        progress: Tell<'_>,
    ) -> Result<(), CloudError> {
        let id = object_id(group)?;
        match goal {
            Goal::Stable => {
                let tell = |status: &Status| progress(status.waiting_for());
                let object = self
                    .await_stable(&id, &StabilityOptions::default(), &tell)
                    .await?;
                let Some(replicas) = object.pointer("/spec/replicas").and_then(Value::as_u64)
                else {
                    return Ok(());
                };
                until(inventory, || {
                    shown(inventory, group).is_some_and(|group| {
                        let counts = group.instance_counts;
                        u64::from(group.capacity.desired) == replicas
                            && u64::from(counts.up) >= replicas
                    })
                })
                .await
            }
            Goal::Enabled | Goal::Disabled => {
                let object = retry(|| self.get(&id)).await?.ok_or_else(|| absent(&id))?;
                let services = annotations::load_balancers(&object);
                if services.is_empty() {
                    return Ok(());
                }
                let traffic = match goal {
                    Goal::Enabled => Traffic::On,
                    Goal::Disabled | Goal::Stable | Goal::Gone => Traffic::Off,
                };
                self.await_traffic(&id, &services, traffic, progress)
                    .await?;
                until(inventory, || {
                    let disabled = shown(inventory, group).is_none_or(|group| group.disabled);
                    disabled == (goal == Goal::Disabled)
                })
                .await
            }
            Goal::Gone => {
                if let Some(object) = retry(|| self.get(&id)).await? {
                    self.await_gone(&object, progress).await?;
                }
                until(inventory, || shown(inventory, group).is_none()).await
            }
        }
    }
}

fn object_id(group: &ServerGroupId) -> Result<ObjectId, CloudError> {
    ObjectId::parse(&group.name, &group.location)
}

fn absent(id: &ObjectId) -> CloudError {
    CloudError::not_found(format!("there is no {id} in {:?}", id.namespace))
}

/// The workload as the model has it.
fn shown(inventory: &dyn Inventory, group: &ServerGroupId) -> Option<ServerGroup> {
    let query = Query {
        location: Some(group.location.clone()),
        ..Query::default()
    };
    let all = workloads(
        inventory.server_groups(&query),
        inventory.server_group_managers(&query),
    );
    all.into_iter()
        .find(|found| found.name.eq_ignore_ascii_case(&group.name))
}

/// Ends when the model is so.
async fn until(inventory: &dyn Inventory, so: impl Fn() -> bool) -> Result<(), CloudError> {
    let mut changes = inventory.changes();
    loop {
        changes.mark_unchanged();
        if so() {
            return Ok(());
        }
        changes.changed().await.map_err(|_| {
            CloudError::new(ErrorKind::Unavailable, "the account is no longer watched")
        })?;
    }
}
