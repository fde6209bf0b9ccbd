//! `scaleManifest`: gives a workload another number of replicas, and waits until it has them.
//!
//! Context besides the target: `replicas`, a number or a text that says one. Without it the stage fails: Spinnaker would scale to nothing.

use spindrift_cloud_driver::kubernetes::Kubernetes;
use spindrift_engine::TaskInput;
use spindrift_model::Map;

use super::operation::{Done, Operation};
use super::{target, wait};
use crate::fields;

pub(crate) struct ScaleManifest;

impl Operation for ScaleManifest {
    const TYPE: &'static str = "scaleManifest";
    const TASKS: &'static [&'static str] = &[
        target::RESOLVE,
        "scaleManifest",
        "monitorScale",
        "promoteOutputs",
        wait::WAIT,
    ];
    const MONITOR: &'static str = "monitorScale";

    fn guarded(context: &Map) -> Option<&'static str> {
        let none = replicas(context).is_ok_and(|replicas| replicas == 0);
        none.then_some("Removal of all instances in")
    }

    async fn perform(kubernetes: Kubernetes, input: TaskInput) -> Done {
        let replicas = replicas(&input.stage.context)
            .map_err(|why| fields::invalid(format!("replicas: {why}")))?;
        let id = target::object(&input)?;
        kubernetes.scale(&id, replicas).await?;
        Ok(target::changed(&kubernetes, &[id]))
    }

    fn check(context: &Map) -> Vec<(&'static str, String)> {
        replicas(context)
            .err()
            .map(|why| ("replicas", why))
            .into_iter()
            .collect()
    }
}

fn replicas(context: &Map) -> Result<u32, String> {
    let Some(value) = context.get("replicas").filter(|value| !value.is_null()) else {
        return Err("it is missing; write how many there should be".to_owned());
    };
    let number = fields::integer(value).and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| {
        format!(
            "it must be a whole number from 0 on, not {}",
            fields::shorten(&value.to_string())
        )
    })
}
