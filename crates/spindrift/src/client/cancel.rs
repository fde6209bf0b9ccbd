//! `spindrift cancel`

use reqwest::Method;

use super::{Server, segment};
use crate::cli::CancelArgs;
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
    say!("{} canceled", arguments.execution);
    Ok(Exit::Success)
}
