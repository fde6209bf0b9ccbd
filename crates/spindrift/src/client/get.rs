//! `spindrift get`

use reqwest::Method;
use spindrift_model::{Execution, Value};

use super::{Server, pipeline_of, segment};
use crate::cli::{GetArgs, Output};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::say;

/// Shows an execution, or a pipeline.
pub async fn get(arguments: GetArgs) -> anyhow::Result<Exit> {
    let server = Server::new(arguments.common.server.clone())?;
    if arguments.what.contains('/') {
        let (application, pipeline) = pipeline_of(&arguments.what)?;
        let path = format!(
            "/applications/{}/pipelineConfigs/{}",
            segment(application),
            segment(pipeline)
        );
        let document = server.call(Method::GET, &path, None).await?;
        say!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(Exit::Success);
    }
    let execution = fetch(&server, &arguments.what).await?;
    match arguments.common.output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&execution)?),
        Output::Table => {
            let execution: Execution = serde_json::from_value(execution)?;
            for line in Progress::default().news(&execution) {
                say!("{line}");
            }
        }
    }
    Ok(Exit::Success)
}

/// The execution of that id, as JSON.
pub async fn fetch(server: &Server, id: &str) -> anyhow::Result<Value> {
    server
        .call(Method::GET, &format!("/pipelines/{}", segment(id)), None)
        .await
}
