//! `enableManifest` and `disableManifest`: let a workload take the traffic of its Services, and take it out.
//!
//! Context besides the target: `loadBalancers`, such as `["service web"]`; absent: those written on the object. The stages end when the addresses behind the Services
//! have followed and the workload is stable.

use serde_json::Value;
use spindrift_cloud_driver::kubernetes::{Kubernetes, Traffic};
use spindrift_engine::{TaskInput, TaskResult};
use spindrift_model::Map;
use tokio::sync::mpsc;

use super::operation::{Done, Operation, shows};
use super::{target, wait};
use crate::fields;

/// The Services that were turned.
const TURNED: &str = "loadBalancersTurned";

pub(crate) struct EnableManifest;
pub(crate) struct DisableManifest;

impl Operation for EnableManifest {
    const TYPE: &'static str = "enableManifest";
    const TASKS: &'static [&'static str] = &[
        target::RESOLVE,
        "enableManifest",
        "monitorEnable",
        "promoteOutputs",
        wait::WAIT,
    ];
    const MONITOR: &'static str = "monitorEnable";
    const SETTLES: bool = true;

    async fn perform(kubernetes: Kubernetes, input: TaskInput) -> Done {
        turn(kubernetes, input, Traffic::On).await
    }

    async fn settle(kubernetes: Kubernetes, input: TaskInput) -> Done {
        settle(kubernetes, input, Traffic::On).await
    }
}

impl Operation for DisableManifest {
    const TYPE: &'static str = "disableManifest";
    const TASKS: &'static [&'static str] = &[
        target::RESOLVE,
        "disableManifest",
        "monitorDisable",
        "promoteOutputs",
        wait::WAIT,
    ];
    const MONITOR: &'static str = "monitorDisable";
    const SETTLES: bool = true;

    fn guarded(_: &Map) -> Option<&'static str> {
        Some("Disabling")
    }

    async fn perform(kubernetes: Kubernetes, input: TaskInput) -> Done {
        turn(kubernetes, input, Traffic::Off).await
    }

    async fn settle(kubernetes: Kubernetes, input: TaskInput) -> Done {
        settle(kubernetes, input, Traffic::Off).await
    }
}

async fn turn(kubernetes: Kubernetes, input: TaskInput, traffic: Traffic) -> Done {
    let id = target::object(&input)?;
    let named = fields::texts(input.stage.context.get("loadBalancers"));
    let turned = match traffic {
        Traffic::On => kubernetes.enable_traffic(&id, &named).await?,
        Traffic::Off => kubernetes.disable_traffic(&id, &named).await?,
    };
    let result = target::changed(&kubernetes, &[id]);
    Ok(result.with_context(TURNED, turned))
}

async fn settle(kubernetes: Kubernetes, input: TaskInput, traffic: Traffic) -> Done {
    let context = &input.stage.context;
    let id = target::object(&input)?;
    let turned = context.get(TURNED).and_then(Value::as_array);
    let turned: Vec<String> = turned
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let (tell, mut told) = mpsc::channel(1);
    let progress = |message: String| drop(tell.try_send(message));
    let news = async {
        while let Some(message) = told.recv().await {
            if let Some(result) = shows(&message, context) {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                return result;
            }
        }
        std::future::pending().await
    };
    tokio::select! {
        biased;
        settled = kubernetes.await_traffic(&id, &turned, traffic, &progress) => {
            settled?;
            Ok(TaskResult::succeeded())
        }
        result = news => Ok(result),
    }
}
