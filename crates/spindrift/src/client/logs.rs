//! `spindrift logs`

use std::time::{Duration, Instant};

use reqwest::Method;
use spindrift_model::Execution;

use super::get::fetch;
use super::{Server, segment};
use crate::cli::{LogsArgs, Output};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::say;

/// So long a server that was there may be away: it is being started again.
const PATIENCE: Duration = Duration::from_secs(120);

/// The time between two attempts to reach it.
const AGAIN: Duration = Duration::from_millis(500);

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

/// Shows what happens in an execution until it has ended; the exit code tells the result. A server that goes away for a
/// while is waited for.
pub async fn follow(server: &Server, id: &str, output: Output) -> anyhow::Result<Exit> {
    let mut progress = Progress::default();
    let mut seen = None;
    loop {
        match listen(server, id, output, &mut progress, &mut seen).await {
            Ok(Some(exit)) => return Ok(exit),
            Ok(None) => {}
            Err(error) => {
                let is_new = seen.is_none_or(|seen: Instant| seen.elapsed() > PATIENCE);
                if is_new || !error.is::<reqwest::Error>() {
                    return Err(error);
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Shows what happens as long as the server sends events; answers when the execution has ended.
async fn listen(
    server: &Server,
    id: &str,
    output: Output,
    progress: &mut Progress,
    seen: &mut Option<Instant>,
) -> anyhow::Result<Option<Exit>> {
    let path = format!("/executions/{}/events", segment(id));
    let mut events = server.send(Method::GET, &path, None).await?;
    loop {
        // The stream says that something has changed; what has is read as a whole.
        let execution: Execution = serde_json::from_value(fetch(server, id).await?)?;
        *seen = Some(Instant::now());
        print(&execution, progress, output)?;
        if execution.status.is_complete() {
            return Ok(Some(Exit::of(execution.status)));
        }
        if !matches!(events.chunk().await, Ok(Some(_))) {
            return Ok(None);
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
