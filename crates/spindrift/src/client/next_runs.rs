//! `spindrift next-runs`

use reqwest::Method;
use spindrift_model::Value;

use super::{Server, pipeline_of, segment, table, text};
use crate::cli::{NextRunsArgs, Output};
use crate::exit::Exit;
use crate::say;

/// Shows when the schedules of a pipeline run next.
pub async fn next_runs(arguments: NextRunsArgs) -> anyhow::Result<Exit> {
    let server = Server::new(arguments.common.server.clone())?;
    let (application, pipeline) = pipeline_of(&arguments.pipeline)?;
    let path = format!(
        "/applications/{}/pipelineConfigs/{}",
        segment(application),
        segment(pipeline)
    );
    let document = server.call(Method::GET, &path, None).await?;
    let path = format!(
        "/pipelineConfigs/{}/nextRuns?count={}",
        segment(text(&document, "id")),
        arguments.count
    );
    let answer = server.call(Method::GET, &path, None).await?;
    match arguments.common.output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&answer)?),
        Output::Table => table::print(&["trigger", "time"], rows(&answer)),
    }
    Ok(Exit::Success)
}

fn rows(answer: &Value) -> Vec<Vec<String>> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for trigger in list(Some(answer)) {
        for time in list(trigger.get("times")) {
            rows.push(vec![
                text(&trigger, "trigger").to_owned(),
                text(&time, "time").to_owned(),
            ]);
        }
    }
    rows
}
