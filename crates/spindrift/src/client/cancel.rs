//! `spindrift cancel`

use reqwest::Method;

use super::get::fetch;
use super::{Server, segment};
use crate::cli::{CancelArgs, Output};
use crate::exit::Exit;
use crate::say;

/// Cancels an execution.
pub async fn cancel(arguments: CancelArgs) -> anyhow::Result<Exit> {
    let server = Server::new(arguments.common.server)?;
    let reason = arguments.reason.as_deref().map(segment).unwrap_or_default();
    let path = format!(
        "/pipelines/{}/cancel?reason={reason}",
        segment(&arguments.execution)
    );
    server.call(Method::PUT, &path, None).await?;
    match arguments.common.output {
        Output::Json => {
            let canceled = fetch(&server, &arguments.execution).await?;
            say!("{}", serde_json::to_string_pretty(&canceled)?);
        }
        Output::Table => say!("{} canceled", arguments.execution),
    }
    Ok(Exit::Success)
}
