//! `spindrift logs`

use reqwest::Method;
use spindrift_model::Execution;

use super::get::fetch;
use super::{Server, segment};
use crate::cli::{LogsArgs, Output};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::say;

/// Shows what has happened in an execution.
pub async fn logs(arguments: LogsArgs) -> anyhow::Result<Exit> {
    let server = Server::new(arguments.common.server.clone())?;
    if arguments.follow {
        return follow(&server, &arguments.execution, arguments.common.output).await;
    }
    let execution: Execution = serde_json::from_value(fetch(&server, &arguments.execution).await?)?;
    print(
        &execution,
        &mut Progress::default(),
        arguments.common.output,
    )?;
    Ok(Exit::Success)
}

/// Shows what happens in an execution until it has ended; the exit code tells the result.
pub async fn follow(server: &Server, id: &str, output: Output) -> anyhow::Result<Exit> {
    let path = format!("/executions/{}/events", segment(id));
    let mut progress = Progress::default();
    loop {
        let mut events = server.send(Method::GET, &path, None).await?;
        loop {
            // The stream says that something has changed; what has is read as a whole.
            let execution: Execution = serde_json::from_value(fetch(server, id).await?)?;
            print(&execution, &mut progress, output)?;
            if execution.status.is_complete() {
                return Ok(Exit::of(execution.status));
            }
            if !matches!(events.chunk().await, Ok(Some(_))) {
                break;
            }
        }
    }
}

fn print(execution: &Execution, progress: &mut Progress, output: Output) -> anyhow::Result<()> {
    let lines = progress.news(execution);
    match output {
        Output::Table => lines.iter().for_each(|line| say!("{line}")),
        Output::Json if lines.is_empty() => {}
        Output::Json => say!("{}", serde_json::to_string(execution)?),
    }
    Ok(())
}
