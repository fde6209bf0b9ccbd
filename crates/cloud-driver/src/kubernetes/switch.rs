//! Letting a workload take traffic, and taking it out: the labels that the Services in front of it select.
//!
//! The Services are those that a stage names, else those of the annotation `traffic.spinnaker.io/load-balancers`. The labels change on the workload's pod template,
//! and for a ReplicaSet on its pods as well, since a ReplicaSet does not replace them. Other workloads replace their pods by that change.

use std::collections::BTreeSet;

use futures::future::{join_all, try_join_all};
use serde_json::{Map, Value, json};

use super::account::Kubernetes;
use super::annotations;
use super::delete::uid;
use super::kind::Kind;
use super::object::ObjectId;
use super::patch::operations;
use super::retry::{retry, retry_if};
use super::rollout::is_controlled_by;
use super::selector::selector_text;
use super::watch::{Selection, Watch};
use crate::error::{CloudError, ErrorKind};

const SERVICE_OF_SLICE: &str = "kubernetes.io/service-name";

/// Which way the traffic is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// The workload takes it.
    On,
    /// It does not.
    Off,
}

impl Kubernetes {
    /// Lets a workload take the traffic of its Services; answers with them, such as `service web`. Without any, nothing happens.
    pub async fn enable_traffic(
        &self,
        id: &ObjectId,
        load_balancers: &[String],
    ) -> Result<Vec<String>, CloudError> {
        self.turn(id, load_balancers, Traffic::On).await
    }

    /// Takes a workload out of the traffic of its Services; answers with them.
    pub async fn disable_traffic(
        &self,
        id: &ObjectId,
        load_balancers: &[String],
    ) -> Result<Vec<String>, CloudError> {
        self.turn(id, load_balancers, Traffic::Off).await
    }

    async fn turn(
        &self,
        id: &ObjectId,
        load_balancers: &[String],
        traffic: Traffic,
    ) -> Result<Vec<String>, CloudError> {
        let object = self.existing(id).await?;
        let names = match load_balancers {
            [] => annotations::load_balancers(&object),
            named => named.to_vec(),
        };
        let services =
            try_join_all(names.iter().map(|name| self.service(name, &id.namespace))).await?;
        let selectors: Map<String, Value> = services.iter().flat_map(selector).collect();
        if selectors.is_empty() {
            return Ok(names);
        }
        let on_template = object.pointer("/spec/template/metadata").is_some();
        let place = match on_template {
            true => "/spec/template/metadata/labels",
            false => "/metadata/labels",
        };
        self.relabel(id, place, &selectors, traffic, None).await?;
        if id.kind.is("replicaSet") {
            let labels = selector_text(object.pointer("/spec/selector").unwrap_or(&Value::Null));
            let kind = Kind::of("Pod", "v1");
            let pods = retry(|| self.list_labels(&kind, &id.namespace, &labels)).await?;
            let own = pods.iter().filter(|pod| is_controlled_by(pod, &object));
            let turned = own
                .filter_map(|pod| Some((ObjectId::of(pod)?, uid(pod)?)))
                .map(|(pod, uid)| {
                    let selectors = &selectors;
                    async move {
                        self.relabel(&pod, "/metadata/labels", selectors, traffic, Some(uid))
                            .await
                    }
                });
            for turned in join_all(turned).await {
                match turned {
                    // A pod that has ended meanwhile takes no traffic either way.
                    Err(error) if error.kind == ErrorKind::NotFound => {}
                    turned => turned?,
                }
            }
        }
        Ok(names)
    }

    /// Adds or removes labels of an object as it is now; a change in between is looked at again. With a uid, another object of the same name is left alone.
    async fn relabel(
        &self,
        id: &ObjectId,
        place: &str,
        labels: &Map<String, Value>,
        traffic: Traffic,
        expected: Option<&str>,
    ) -> Result<(), CloudError> {
        let attempt = || async {
            let Some(object) = self.get(id).await? else {
                return Err(CloudError::not_found(format!(
                    "there is no {id} in {:?}",
                    id.namespace
                )));
            };
            if expected.is_some() && uid(&object) != expected {
                return Ok(());
            }
            let present = object.pointer(place).and_then(Value::as_object);
            let changes = changes(place, present, labels, traffic);
            if changes.is_empty() {
                return Ok(());
            }
            let mut list = vec![
                json!({"op": "test", "path": "/metadata/resourceVersion", "value": object.pointer("/metadata/resourceVersion")}),
            ];
            list.extend(changes);
            self.send(id, &operations(&Value::Array(list))?, false)
                .await
                .map(drop)
        };
        // The patch tests what it was made from, so sending it twice does nothing, and a failed test means to look again.
        retry_if(|error| error.is_retryable() || is_stale(error), attempt).await
    }

    /// Watches until the change has reached the addresses of the Services: none of them is a ready pod of the workload, or all of its ready pods are among them.
    ///
    /// `progress` is told how many are still missing. An account that may not see EndpointSlices is not made to wait.
    pub async fn await_traffic(
        &self,
        id: &ObjectId,
        load_balancers: &[String],
        traffic: Traffic,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> Result<(), CloudError> {
        let names = load_balancers
            .iter()
            .filter_map(|name| name.split_once(' ').map(|(_, name)| name));
        let names: Vec<&str> = names.collect();
        if names.is_empty() {
            return Ok(());
        }
        let object = self.existing(id).await?;
        let labels = selector_text(object.pointer("/spec/selector").unwrap_or(&Value::Null));
        let mut pods = match labels.is_empty() {
            true => {
                self.watch_kind(
                    &id.kind,
                    id,
                    Selection::fields(format!("metadata.name={}", id.name)),
                )
                .await?
            }
            false => {
                self.watch_kind(&Kind::of("Pod", "v1"), id, Selection::labels(labels))
                    .await?
            }
        };
        let selection = Selection::labels(format!("{SERVICE_OF_SLICE} in ({})", names.join(",")));
        let slice = Kind::of("EndpointSlice", "discovery.k8s.io/v1");
        let mut slices = match self.watch_kind(&slice, id, selection).await {
            Ok(slices) => slices,
            Err(error) => return self.without_slices(error),
        };
        pods.changed().await?;
        if let Err(error) = slices.changed().await {
            return self.without_slices(error);
        }
        let mut told = None;
        loop {
            let left = missing(&pods, &slices, &object, &names, traffic);
            if left == 0 {
                return Ok(());
            }
            if told != Some(left) {
                told = Some(left);
                progress(match traffic {
                    Traffic::On => format!(
                        "{left} ready pod(s) of {id} are not yet behind {}",
                        names.join(", ")
                    ),
                    Traffic::Off => format!(
                        "{left} pod(s) of {id} are still behind {}",
                        names.join(", ")
                    ),
                });
            }
            tokio::select! {
                changed = pods.changed() => changed?,
                changed = slices.changed() => changed?,
            }
        }
    }

    fn without_slices(&self, error: CloudError) -> Result<(), CloudError> {
        match error.kind {
            ErrorKind::Refused | ErrorKind::NotFound => {
                tracing::info!(account = self.account_name(), %error, "endpoints cannot be watched; nobody waits for them");
                Ok(())
            }
            _ => Err(error),
        }
    }

    async fn watch_kind(
        &self,
        kind: &Kind,
        id: &ObjectId,
        selection: Selection,
    ) -> Result<Watch, CloudError> {
        let resource = retry(|| self.resource(kind, None)).await?;
        Ok(self.watch(&resource, &id.namespace, selection))
    }

    async fn existing(&self, id: &ObjectId) -> Result<Value, CloudError> {
        let found = retry(|| self.get(id)).await?;
        found
            .ok_or_else(|| CloudError::not_found(format!("there is no {id} in {:?}", id.namespace)))
    }

    async fn service(&self, name: &str, namespace: &str) -> Result<Value, CloudError> {
        let malformed = || {
            CloudError::invalid(format!(
                "Load balancers must be specified in the form '{{kind}} {{name}}', e.g. 'service my-service'. {name:?} is not."
            ))
        };
        let id = ObjectId::parse(name, namespace).map_err(|_| malformed())?;
        if !id.kind.is("service") {
            return Err(CloudError::new(
                ErrorKind::Unsupported,
                format!(
                    "No support for load balancing via {} exists; name a service",
                    id.kind
                ),
            ));
        }
        let found = retry(|| self.get(&id)).await?;
        found.ok_or_else(|| {
            CloudError::not_found(format!("Load balancer service {} does not exist", id.name))
        })
    }
}

fn selector(service: &Value) -> Map<String, Value> {
    service
        .pointer("/spec/selector")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

fn is_stale(error: &CloudError) -> bool {
    error.details.get("code").is_some_and(|code| *code == 422)
        && error.message.contains("resourceVersion")
}

fn changes(
    place: &str,
    present: Option<&Map<String, Value>>,
    labels: &Map<String, Value>,
    traffic: Traffic,
) -> Vec<Value> {
    let at = |key: &str| format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"));
    let has = |key: &str| present.and_then(|present| present.get(key));
    match traffic {
        Traffic::Off => {
            let gone = labels.keys().filter(|key| has(key).is_some());
            gone.map(|key| json!({"op": "remove", "path": at(key)}))
                .collect()
        }
        Traffic::On if present.is_none() => {
            vec![json!({"op": "add", "path": place, "value": labels})]
        }
        Traffic::On => {
            let new = labels.iter().filter(|(key, value)| has(key) != Some(value));
            new.map(|(key, value)| json!({"op": "add", "path": at(key), "value": value}))
                .collect()
        }
    }
}

/// How many pods are not yet where they should be.
fn missing(
    pods: &Watch,
    slices: &Watch,
    workload: &Value,
    services: &[&str],
    traffic: Traffic,
) -> usize {
    let is_replica_set = workload.get("kind").and_then(Value::as_str) == Some("ReplicaSet");
    let own = pods
        .objects()
        .filter(|pod| !is_replica_set || is_controlled_by(pod, workload));
    let behind = |service: &str| -> BTreeSet<&str> {
        let of_service = slices.objects().filter(|slice| {
            slice
                .pointer("/metadata/labels")
                .and_then(|labels| labels.get(SERVICE_OF_SLICE)?.as_str())
                == Some(service)
        });
        let endpoints = of_service.flat_map(|slice| {
            slice
                .get("endpoints")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        });
        let ready = endpoints.filter(|endpoint| {
            endpoint
                .pointer("/conditions/ready")
                .and_then(Value::as_bool)
                != Some(false)
        });
        ready
            .filter_map(|endpoint| endpoint.pointer("/targetRef/uid")?.as_str())
            .collect()
    };
    let behind: Vec<BTreeSet<&str>> = services.iter().map(|service| behind(service)).collect();
    let misplaced = |pod: &&Value| {
        let Some(uid) = uid(pod) else {
            return false;
        };
        match traffic {
            Traffic::Off => behind.iter().any(|service| service.contains(uid)),
            Traffic::On => is_ready(pod) && !behind.iter().all(|service| service.contains(uid)),
        }
    };
    own.filter(misplaced).count()
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let leaves = pod.pointer("/metadata/deletionTimestamp").is_some();
    let ready = |condition: &Value| {
        condition.get("type").and_then(Value::as_str) == Some("Ready")
            && condition.get("status").and_then(Value::as_str) == Some("True")
    };
    !leaves && conditions.into_iter().flatten().any(ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_added_and_removed_one_by_one() {
        let labels = json!({"load-balancer/x": "true", "app~": "web"});
        let labels = labels.as_object().unwrap();
        let place = "/metadata/labels";
        let table = [
            (
                json!({"load-balancer/x": "true", "tier": "a"}),
                Traffic::Off,
                json!([{"op": "remove", "path": "/metadata/labels/load-balancer~1x"}]),
            ),
            (json!({"tier": "a"}), Traffic::Off, json!([])),
            (
                json!({"load-balancer/x": "false", "app~": "web"}),
                Traffic::On,
                json!([{"op": "add", "path": "/metadata/labels/load-balancer~1x", "value": "true"}]),
            ),
            (
                json!({}),
                Traffic::On,
                json!([
                {"op": "add", "path": "/metadata/labels/load-balancer~1x", "value": "true"},
                {"op": "add", "path": "/metadata/labels/app~0", "value": "web"}]),
            ),
        ];
        for (present, traffic, expected) in table {
            assert_eq!(
                Value::Array(changes(place, present.as_object(), labels, traffic)),
                expected,
                "{present}"
            );
        }
        let all = changes(place, None, labels, Traffic::On);
        assert_eq!(
            all,
            [json!({"op": "add", "path": "/metadata/labels", "value": labels})]
        );
    }
}
