//! `spindrift start`

use anyhow::Context;
use reqwest::Method;
use serde_json::json;

use super::{Server, logs, parameters, pipeline_of, segment, text};
use crate::cli::{Output, StartArgs};
use crate::exit::Exit;
use crate::say;

/// Starts a pipeline.
pub async fn start(arguments: StartArgs) -> anyhow::Result<Exit> {
    let (application, pipeline) = pipeline_of(&arguments.pipeline)?;
    let server = Server::new(arguments.common.server.clone())?;
    let path = format!("/pipelines/{}/{}", segment(application), segment(pipeline));
    let body = json!({"type": "manual", "parameters": parameters(&arguments.parameters)?});
    let answer = server.call(Method::POST, &path, Some(&body)).await?;
    let id = text(&answer, "ref")
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    match arguments.common.output {
        Output::Json => say!("{answer}"),
        Output::Table if arguments.follow => {}
        Output::Table => say!("{id}"),
    }
    if arguments.follow {
        return logs::follow(&server, &id, arguments.common.output)
            .await
            .with_context(|| format!("execution {id} was started, but cannot be followed"));
    }
    Ok(Exit::Success)
}
