//! `spindrift plan`

use reqwest::Method;
use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{FieldChange, Plan, PlannedAction, PlannedObject};

use super::{Server, account};
use crate::cli::{Output, PlanArgs};
use crate::exit::Exit;
use crate::say;

/// Shows what a deploy would change.
pub async fn plan(arguments: PlanArgs) -> anyhow::Result<Exit> {
    let texts = arguments.files.iter().map(|file| account::read(file));
    let manifests: Vec<String> = texts.collect::<Result<_, _>>()?;
    let body = json!({
        "account": arguments.account,
        "manifests": manifests,
        "namespaceOverride": arguments.namespace,
        "application": arguments.application,
    });
    let server = Server::new(arguments.common.server.clone())?;
    let answer = server
        .call(Method::POST, "/manifests/plan", Some(&body))
        .await?;
    let plan: Plan = serde_json::from_value(answer.clone())?;
    match arguments.common.output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&answer)?),
        Output::Table => show(&plan),
    }
    Ok(match plan.is_forbidden() {
        true => Exit::Failed,
        false => Exit::Success,
    })
}

fn show(plan: &Plan) {
    for object in &plan.objects {
        say!("{}", headline(object));
        for change in &object.differences {
            say!("    {}", line(change));
        }
    }
    for warning in &plan.warnings {
        say!("warning: {warning}");
    }
    let count = |action| {
        let objects = plan.objects.iter();
        objects.filter(|object| object.action == action).count()
    };
    say!(
        "{} to create, {} to change, {} to recreate, {} unchanged, {} refused",
        count(PlannedAction::Create),
        count(PlannedAction::Change),
        count(PlannedAction::Recreate),
        count(PlannedAction::Unchanged),
        count(PlannedAction::Forbidden),
    );
}

fn headline(object: &PlannedObject) -> String {
    let sign = match object.action {
        PlannedAction::Create => "+",
        PlannedAction::Change => "~",
        PlannedAction::Recreate => "±",
        PlannedAction::Unchanged => "=",
        PlannedAction::Forbidden => "!",
    };
    let mut text = format!("{sign} {}", object.id);
    if !object.id.namespace.is_empty() {
        text.push_str(&format!(" in {}", object.id.namespace));
    }
    if let Some(other) = &object.compared_with {
        text.push_str(&format!(", compared with {other}"));
    }
    if let Some(message) = &object.message {
        text.push_str(&format!(": {message}"));
    }
    text
}

fn line(change: &FieldChange) -> String {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (&change.before, &change.after) {
        (None, Some(after)) => format!("+ {}: {}", change.path, shown(after)),
        (Some(before), None) => format!("- {}: {}", change.path, shown(before)),
        (Some(before), Some(after)) => {
            format!("~ {}: {} -> {}", change.path, shown(before), shown(after))
        }
        (None, None) => change.path.clone(),
    }
}
