//! `spindrift list`

use anyhow::bail;
use reqwest::Method;
use spindrift_model::{Status, Value};

use super::{Server, segment, table, text};
use crate::cli::{ListArgs, Listable, Output};
use crate::exit::Exit;
use crate::say;

/// Lists what a server has.
pub async fn list(arguments: ListArgs) -> anyhow::Result<Exit> {
    let path = path(&arguments)?;
    let server = Server::new(arguments.common.server.clone())?;
    let answer = server.call(Method::GET, &path, None).await?;
    if arguments.common.output == Output::Json {
        say!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(Exit::Success);
    }
    let rows = answer.as_array().into_iter().flatten();
    match arguments.what {
        Listable::Executions => table::print(
            &[
                "execution",
                "application",
                "pipeline",
                "status",
                "started by",
            ],
            rows.map(|row| {
                let user = row
                    .get("trigger")
                    .map(|trigger| text(trigger, "user"))
                    .unwrap_or_default();
                [
                    text(row, "id"),
                    text(row, "application"),
                    text(row, "name"),
                    text(row, "status"),
                    user,
                ]
                .map(str::to_owned)
                .to_vec()
            })
            .collect(),
        ),
        Listable::Pipelines => table::print(
            &["application", "pipeline", "id", "stages"],
            rows.map(|row| {
                let stages = row
                    .get("stages")
                    .and_then(Value::as_array)
                    .map_or(0, Vec::len);
                let mut cells = [text(row, "application"), text(row, "name"), text(row, "id")]
                    .map(str::to_owned)
                    .to_vec();
                cells.push(stages.to_string());
                cells
            })
            .collect(),
        ),
        Listable::Applications => table::print(
            &["application"],
            rows.map(|row| vec![text(row, "name").to_owned()]).collect(),
        ),
    }
    Ok(Exit::Success)
}

fn path(arguments: &ListArgs) -> anyhow::Result<String> {
    for status in &arguments.status {
        if Status::parse(status).is_none() {
            let known: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
            bail!("--status {status:?} is none of {}", known.join(", "));
        }
    }
    let application = arguments.application.as_deref().map(segment);
    Ok(match (arguments.what, application) {
        (Listable::Executions, application) => format!(
            "/applications/{}/executions/search?size={}&statuses={}",
            application.as_deref().unwrap_or("*"),
            arguments.limit,
            arguments.status.join(",").to_uppercase(),
        ),
        (Listable::Pipelines, Some(application)) => {
            format!("/applications/{application}/pipelineConfigs")
        }
        (Listable::Pipelines, None) => "/pipelineConfigs".to_owned(),
        (Listable::Applications, _) => "/applications".to_owned(),
    })
}
