//! `spindrift serve --demo`: the example pipelines, started once, with the call that approves them.

use std::net::SocketAddr;

use anyhow::Context;
use spindrift_model::{Execution, JsonLimits, Map, Pipeline, Stage, Status, Value, parse_json};
use spindrift_runtime::{Engine, StartRequest};
use spindrift_triggers::Triggers;

use super::save_document;
use crate::config::Config;
use crate::progress::Progress;
use crate::say;

const PIPELINES: [&str; 3] = [
    include_str!("../../../../examples/verify.json"),
    include_str!("../../../../examples/release.json"),
    include_str!("../../../../examples/deploy.json"),
];

/// The address in the example's webhook.
const EXAMPLE_ADDRESS: &str = "127.0.0.1:8084";

/// Lets pipelines reach this server's own echo endpoint.
pub fn prepare(config: &mut Config, address: SocketAddr) -> anyhow::Result<()> {
    config.outbound.allow.push(format!("{address}").parse()?);
    Ok(())
}

/// Starts the example, shows how it goes, and says how to approve it.
pub async fn run(engine: Engine, triggers: Triggers, address: SocketAddr) {
    if let Err(error) = show(&engine, &triggers, address).await {
        tracing::error!("the example cannot be shown: {error:#}");
    }
}

async fn show(engine: &Engine, triggers: &Triggers, address: SocketAddr) -> anyhow::Result<()> {
    for text in PIPELINES {
        let text = text.replace(EXAMPLE_ADDRESS, &address.to_string());
        save_document(
            triggers,
            parse_json(text.as_bytes(), JsonLimits::default())?,
        )
        .await?;
    }
    let deploy = engine.pipeline("shop", "deploy")?;
    let (pipeline, _) = Pipeline::parse(Value::Object(deploy.document))
        .map_err(spindrift_runtime::EngineError::Invalid)?;
    let mut notices = engine.watch();
    let started = engine
        .submit(StartRequest::manual(pipeline, Map::new(), "demo"))
        .await?;
    let id = started.execution.id.clone();
    let mut progress = Progress::default();
    let mut told = false;
    loop {
        let execution = engine.execution(&id).context("the example run is gone")?;
        progress
            .news(&execution)
            .iter()
            .for_each(|line| say!("{line}"));
        if let (false, Some(judgment)) = (told, judgment(&execution)) {
            say!("\nApprove it from another terminal:\n");
            say!("  {}\n", approval(address, &execution, judgment));
            told = true;
        }
        if execution.status.is_complete() {
            return Ok(());
        }
        // A missed notice is no harm: the execution is read again after each.
        let _ = notices.recv().await;
    }
}

fn judgment(execution: &Execution) -> Option<&Stage> {
    execution
        .stages
        .iter()
        .find(|stage| stage.kind == "manualJudgment" && stage.status == Status::Running)
}

fn approval(address: SocketAddr, execution: &Execution, stage: &Stage) -> String {
    format!(
        "curl -X PATCH http://{address}/pipelines/{}/stages/{} \\\n    -H 'Content-Type: application/json' \
         -d '{{\"judgmentStatus\": \"continue\", \"judgmentInput\": \"everywhere\"}}'",
        execution.id, stage.id
    )
}
