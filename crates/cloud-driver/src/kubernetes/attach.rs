//! Putting Services in front of workloads as they are deployed (Clouddriver's `KubernetesServiceHandler.attach`).

use serde_json::{Map, Value};

use super::annotations;
use super::object::ObjectId;
use crate::error::CloudError;

/// Writes which Services are in front of a workload; a list that is there already must be the same.
pub(super) fn note(manifest: &mut Value, services: &[String]) -> Result<(), CloudError> {
    if services.is_empty() {
        return Ok(());
    }
    let present = annotations::raw(manifest, annotations::LOAD_BALANCERS);
    let noted = annotations::load_balancers(manifest);
    if present.is_some() && noted != services {
        return Err(CloudError::invalid(format!(
            "Manifest already has {} annotation set to [{}]. Failed attempting to set it to [{}].",
            annotations::LOAD_BALANCERS,
            noted.join(", "),
            services.join(", ")
        )));
    }
    annotations::annotate(
        manifest,
        annotations::LOAD_BALANCERS,
        &Value::from(services).to_string(),
    );
    Ok(())
}

/// The Service that an entry such as `service web` names.
pub(super) fn service(entry: &str, namespace: &str) -> Result<ObjectId, CloudError> {
    let id = ObjectId::parse(entry, namespace).map_err(|_| {
        CloudError::invalid(format!(
            "Load balancers must be specified in the form '{{kind}} {{name}}', e.g. 'service my-service'. Provided value: {entry:?}."
        ))
    })?;
    if !id.kind.is("service") {
        return Err(CloudError::invalid(format!(
            "No support for load balancing via {} exists in Spinnaker.",
            id.kind
        )));
    }
    Ok(id)
}

/// What a Service selects its pods by.
pub(super) fn selector(service: &Value) -> Result<&Map<String, Value>, CloudError> {
    service
        .get("spec")
        .and_then(|spec| spec.get("selector"))
        .and_then(Value::as_object)
        .filter(|selector| !selector.is_empty())
        .ok_or_else(|| {
            CloudError::invalid(
                "Service must have a non-empty selector in order to be attached to a workload",
            )
        })
}

/// Gives the pods of a workload the labels that a Service selects by.
pub(super) fn attach(manifest: &mut Value, service: &Value) -> Result<(), CloudError> {
    let selector = selector(service)?;
    let Some(labels) = annotations::traffic_labels(manifest) else {
        return Err(CloudError::invalid(
            "the labels of the workload are not an object",
        ));
    };
    let shared: Vec<&str> = selector
        .keys()
        .map(String::as_str)
        .filter(|key| labels.contains_key(*key))
        .collect();
    if !shared.is_empty() {
        return Err(CloudError::invalid(format!(
            "Service selector must have no label keys in common with target workload, but found {}",
            shared.join(", ")
        )));
    }
    labels.extend(selector.clone());
    Ok(())
}
