//! `spindrift save`

use anyhow::Context;
use reqwest::Method;
use spindrift_model::Value;

use super::{Server, text};
use crate::check;
use crate::cli::{Output, SaveArgs};
use crate::exit::Exit;
use crate::say;

/// Saves pipeline files; each holds one pipeline or a list of them.
pub async fn save(arguments: SaveArgs) -> anyhow::Result<Exit> {
    let server = Server::new(arguments.common.server.clone())?;
    for file in &arguments.files {
        let pipelines = match check::document(file)? {
            Value::Array(pipelines) => pipelines,
            pipeline => vec![pipeline],
        };
        for pipeline in pipelines {
            let answer = server
                .call(Method::POST, "/pipelines", Some(&pipeline))
                .await
                .with_context(|| file.display().to_string())?;
            match arguments.common.output {
                Output::Json => say!("{answer}"),
                Output::Table => {
                    say!(
                        "{}/{} saved ({})",
                        text(&answer, "application"),
                        text(&answer, "name"),
                        text(&answer, "id")
                    );
                    for warning in answer
                        .get("warnings")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                    {
                        say!(
                            "  warning: {}: {}",
                            text(warning, "pointer"),
                            text(warning, "message")
                        );
                    }
                }
            }
        }
    }
    Ok(Exit::Success)
}
