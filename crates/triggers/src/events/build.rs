//! Builds of Jenkins, Travis, Concourse and GitLab CI, as Igor reports them.

use spindrift_model::{Map, Value};

use super::json::{at, filled, text};

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildResult {
    /// It succeeded and is over.
    Success,
    /// Anything else, also while it runs.
    Other,
}

/// A build of a build server.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildEvent {
    /// The server, as its account is named.
    pub master: String,
    /// The job.
    pub job: String,
    /// The number of the build.
    pub number: Option<u64>,
    /// How it ended.
    pub result: BuildResult,
    /// The whole of what the server said of it.
    pub info: Value,
    /// The properties of its property file.
    pub properties: Map,
}

/// Reads `{master, project: {name, lastBuild: {building, result, number}}}`, or the same under `content`.
pub(super) fn parse(body: &Value) -> Option<BuildEvent> {
    let content = at(body, &["content"]).unwrap_or(body);
    let build = at(content, &["project", "lastBuild"])?;
    let building = at(build, &["building"])
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let succeeded = text(build, &["result"]).is_some_and(|result| result == "SUCCESS");
    Some(BuildEvent {
        master: filled(content, &["master"])?,
        job: filled(content, &["project", "name"])?,
        number: at(build, &["number"]).and_then(Value::as_u64),
        result: match succeeded && !building {
            true => BuildResult::Success,
            false => BuildResult::Other,
        },
        info: build.clone(),
        properties: at(content, &["properties"])
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
    })
}
