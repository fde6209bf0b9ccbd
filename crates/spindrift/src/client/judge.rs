//! `spindrift approve` and `spindrift reject`

use anyhow::bail;
use reqwest::Method;
use serde_json::json;
use spindrift_model::{Execution, Stage, Status};

use super::get::fetch;
use super::{Server, segment};
use crate::cli::{JudgeArgs, Output};
use crate::exit::Exit;
use crate::say;

/// Lets the execution go on.
pub async fn approve(arguments: JudgeArgs) -> anyhow::Result<Exit> {
    judge(arguments, "continue", "approved").await
}

/// Stops the execution at its judgment.
pub async fn reject(arguments: JudgeArgs) -> anyhow::Result<Exit> {
    judge(arguments, "stop", "rejected").await
}

async fn judge(arguments: JudgeArgs, status: &str, done: &str) -> anyhow::Result<Exit> {
    let server = Server::new(arguments.common.server.clone())?;
    let execution: Execution = serde_json::from_value(fetch(&server, &arguments.execution).await?)?;
    let stage = find(&execution, arguments.stage.as_deref())?;
    let mut body = json!({"judgmentStatus": status});
    if let Some(input) = &arguments.input {
        body["judgmentInput"] = input.as_str().into();
    }
    let path = format!(
        "/pipelines/{}/stages/{}",
        segment(&arguments.execution),
        segment(stage.id.as_str())
    );
    let judged = server.call(Method::PATCH, &path, Some(&body)).await?;
    match arguments.common.output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&judged)?),
        Output::Table => say!("{:?} {done}", stage.display_name()),
    }
    Ok(Exit::Success)
}

fn find<'e>(execution: &'e Execution, wanted: Option<&str>) -> anyhow::Result<&'e Stage> {
    let judgments = execution
        .stages
        .iter()
        .filter(|stage| stage.kind == "manualJudgment");
    let found: Vec<&Stage> = match wanted {
        Some(wanted) => judgments
            .filter(|stage| {
                stage.ref_id == *wanted || stage.id == *wanted || stage.display_name() == wanted
            })
            .collect(),
        None => judgments
            .filter(|stage| stage.status == Status::Running)
            .collect(),
    };
    match found[..] {
        [stage] => Ok(stage),
        [] => match wanted {
            Some(wanted) => bail!("execution {} has no judgment {wanted:?}", execution.id),
            None => bail!(
                "execution {} ({}) waits for no judgment",
                execution.id,
                execution.status
            ),
        },
        [..] => {
            let names: Vec<String> = found
                .iter()
                .map(|stage| format!("{} ({:?})", stage.ref_id, stage.display_name()))
                .collect();
            bail!(
                "several judgments could be meant; name one with --stage: {}",
                names.join(", ")
            )
        }
    }
}
