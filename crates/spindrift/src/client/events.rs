//! `spindrift events`: what came from outside or came due, and why it started what it did.

use anyhow::Context;
use reqwest::Method;
use serde_json::json;
use spindrift_model::{Map, Value};

use super::{Server, segment, table, text};
use crate::cli::{EventsAction, EventsArgs, Output, TestEventArgs};
use crate::exit::Exit;
use crate::say;

/// Lists events, shows one, or tests what a payload would do.
pub async fn events(arguments: EventsArgs) -> anyhow::Result<Exit> {
    match arguments.action {
        EventsAction::List {
            after,
            limit,
            common,
        } => {
            let after = after.map(|id| format!("&after={}", segment(&id)));
            let path = format!("/events?limit={limit}{}", after.unwrap_or_default());
            let server = Server::new(common.server.clone())?;
            let answer = server.call(Method::GET, &path, None).await?;
            match common.output {
                Output::Json => say!("{}", serde_json::to_string_pretty(&answer)?),
                Output::Table => list(&answer),
            }
        }
        EventsAction::Get { event, common } => {
            let server = Server::new(common.server.clone())?;
            let path = format!("/events/{}", segment(&event));
            let answer = server.call(Method::GET, &path, None).await?;
            match common.output {
                Output::Json => say!("{}", serde_json::to_string_pretty(&answer)?),
                Output::Table => show(&answer),
            }
        }
        EventsAction::Test(arguments) => return test(arguments).await,
    }
    Ok(Exit::Success)
}

fn list(events: &Value) {
    let rows = events.as_array().into_iter().flatten();
    table::print(
        &["event", "received", "type", "source", "what", "started"],
        rows.map(|event| {
            let started = event.get("started").and_then(Value::as_array);
            vec![
                text(event, "id").to_owned(),
                table::time(event.get("receivedAt")),
                text(event, "type").to_owned(),
                text(event, "source").to_owned(),
                summaries(event).join("; "),
                started.map_or(0, Vec::len).to_string(),
            ]
        })
        .collect(),
    );
}

fn show(event: &Value) {
    let (kind, source) = (text(event, "type"), text(event, "source"));
    say!(
        "{} {kind}/{source} {}",
        table::time(event.get("receivedAt")),
        text(event, "state")
    );
    for line in summaries(event) {
        say!("  {line}");
    }
    verdicts(event);
    match event.get("omitted").and_then(Value::as_u64) {
        None | Some(0) => {}
        Some(more) => say!("and {more} more that did not match"),
    }
}

fn summaries(event: &Value) -> Vec<&str> {
    let lines = event.get("summaries").and_then(Value::as_array);
    lines
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn verdicts(answer: &Value) {
    let rows = answer.get("verdicts").and_then(Value::as_array);
    let row = |verdict: &Value| {
        let pipeline = match (text(verdict, "application"), text(verdict, "name")) {
            ("", _) => text(verdict, "pipeline").to_owned(),
            (application, name) => format!("{application}/{name}"),
        };
        let why = match text(verdict, "execution") {
            "" => text(verdict, "message"),
            execution => execution,
        };
        vec![
            pipeline,
            text(verdict, "type").to_owned(),
            text(verdict, "outcome").to_owned(),
            why.to_owned(),
        ]
    };
    table::print(
        &["pipeline", "trigger", "outcome", "execution or reason"],
        rows.into_iter().flatten().map(row).collect(),
    );
}

/// Asks what a payload would do. Ends with 1 when it would start nothing.
async fn test(arguments: TestEventArgs) -> anyhow::Result<Exit> {
    let payload = std::fs::read_to_string(&arguments.file)
        .with_context(|| format!("{} cannot be read", arguments.file.display()))?;
    let mut headers = Map::new();
    for header in &arguments.headers {
        let (name, value) = header
            .split_once(':')
            .with_context(|| format!("--header {header:?} is not NAME: VALUE"))?;
        headers.insert(name.trim().to_owned(), value.trim().into());
    }
    let body = json!({
        "type": arguments.kind, "source": arguments.source, "headers": headers, "payload": payload,
    });
    let server = Server::new(arguments.common.server.clone())?;
    let answer = server
        .call(Method::POST, "/events/preview", Some(&body))
        .await?;
    let matches = |verdict: &&Value| text(verdict, "outcome") == "matches";
    let found = answer.get("verdicts").and_then(Value::as_array);
    let found = found.into_iter().flatten().filter(matches).count();
    match arguments.common.output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&answer)?),
        Output::Table => {
            say!(
                "read as {}/{}",
                text(&answer, "type"),
                text(&answer, "source")
            );
            match text(&answer, "ignored") {
                "" => {}
                reason => say!("it is ignored: {reason}"),
            }
            for line in summaries(&answer) {
                say!("  {line}");
            }
            verdicts(&answer);
        }
    }
    Ok(if found > 0 {
        Exit::Success
    } else {
        Exit::Failed
    })
}
