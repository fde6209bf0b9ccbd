//! The task `monitorWebhook`: asks how far something is, until it is done.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, Outcome, TaskInput, TaskPolicy, TaskResult,
};
use spindrift_model::{Map, Millis, Stage};
use spindrift_outbound::{Method, Response};

use super::line::{Call, Line, Unanswered, host};
use super::{answer, cancel, json_path, retry};
use crate::fields;

const ONE_HOUR: Millis = 60 * 60 * 1_000;
/// How long the status is asked for often.
const EAGER: Millis = 60 * 1_000;
const OFTEN: Millis = 1_000;
const SELDOM: Millis = 15_000;

/// Asks for the status, each performance once.
pub(super) struct MonitorWebhook {
    pub(super) line: Arc<Line>,
}

/// How a look at the status ended.
enum Look {
    /// With this outcome.
    Ends(Outcome),
    /// With something that no later look can mend.
    Fails(String),
    /// With nothing yet: look again after that time.
    Again(Millis),
}

impl EffectTask for MonitorWebhook {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            self.monitor(&input)
                .await
                .unwrap_or_else(TaskResult::terminal)
        })
    }

    fn cancel(self: Arc<Self>, input: TaskInput) -> Option<BoxFuture<TaskResult>> {
        cancel::cancel(&self.line, input)
    }

    fn has_cancel(&self, stage: &Stage) -> bool {
        cancel::is_wanted(stage)
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(ONE_HOUR),
            overridable: true,
            backoff: SELDOM,
        }
    }
}

impl MonitorWebhook {
    async fn monitor(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        self.line.authorize(input).await?;
        let context = &input.stage.context;
        let url = endpoint(context)?;
        let mut webhook = context
            .get("webhook")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut monitor = Map::new();
        let past = webhook
            .get("monitor")
            .and_then(|old| old.get("pastStatusCodes"));
        if let Some(past) = past {
            monitor.insert("pastStatusCodes".to_owned(), past.clone());
        }
        let usual = match input.now - input.task_start < EAGER {
            true => OFTEN,
            false => SELDOM,
        };
        let call = Call {
            url,
            method: Method::GET,
            payload: None,
            purpose: "",
        };
        let look = match self.line.call(input, call).await {
            Ok(response) if (200..400).contains(&response.status) => {
                monitor.extend(answer::describe(&response));
                read_status(context, &response, usual, &mut monitor)
            }
            Ok(response) => self.refused(context, url, &response, usual, &mut monitor),
            Err(Unanswered::Invalid(failure)) => Look::Fails(failure.errors.join("; ")),
            // Asking again can do no harm, and a broken connection says nothing of what is asked for.
            Err(Unanswered::Failed(error)) if error.is_transient() => {
                monitor.insert("error".to_owned(), format!("{error}, will retry").into());
                Look::Again(usual)
            }
            Err(Unanswered::Failed(error)) => Look::Fails(error.to_string()),
        };
        let outcome = match look {
            Look::Ends(outcome) => outcome,
            Look::Fails(error) => {
                let outcome = answer::failed(&error);
                monitor.insert("error".to_owned(), error.into());
                outcome
            }
            Look::Again(wait) => TaskResult::again_in(wait).outcome,
        };
        webhook.insert("monitor".to_owned(), Value::Object(monitor));
        let badly = matches!(outcome, Outcome::Terminal(_) | Outcome::Canceled(_));
        if badly && cancel::is_wanted(&input.stage) {
            let canceled = cancel::call(&self.line, input).await;
            webhook.insert("cancel".to_owned(), Value::Object(canceled));
        }
        Ok(answer::result(outcome, webhook))
    }

    /// An answer that says no. A code with a limit of its own is counted over the whole life of the task.
    fn refused(
        &self,
        context: &Map,
        url: &str,
        response: &Response,
        usual: Millis,
        monitor: &mut Map,
    ) -> Look {
        let code = response.status;
        let past = monitor
            .entry("pastStatusCodes")
            .or_insert_with(|| json!([]));
        let before = past.as_array().map_or(0, |past| {
            let same = |known: &&Value| known.as_u64() == Some(u64::from(code));
            past.iter().filter(same).count()
        });
        let limit = context
            .get("retries")
            .and_then(|retries| retries.get(code.to_string()));
        let again = match limit {
            Some(limit) => {
                let most = limit.get("maxAttempts").and_then(fields::integer);
                i64::try_from(before).unwrap_or(i64::MAX) < most.unwrap_or(0)
            }
            None => {
                (500..600).contains(&code)
                    || self.line.settings.retry_status_codes.contains(&code)
                    || retry::is_listed(context, "retryStatusCodes", code)
            }
        };
        if again {
            if let Value::Array(past) = past {
                past.push(code.into());
            }
            return Look::Again(retry::wait(usual, response));
        }
        if before == 0 {
            monitor.remove("pastStatusCodes");
        }
        monitor.extend(answer::describe(response));
        Look::Fails(format!(
            "{} answered {} when asked for the status",
            host(url).unwrap_or_default(),
            answer::shown_status(code)
        ))
    }
}

fn endpoint(context: &Map) -> Result<&str, Failure> {
    if let Some(endpoint) = fields::text(context, "statusEndpoint") {
        return Ok(endpoint);
    }
    let alone = fields::flag(context.get("monitorOnly"));
    match fields::text(context, "url").filter(|_| alone) {
        Some(url) => Ok(url),
        None => Err(fields::invalid(
            "the webhook has no statusEndpoint to ask for its status",
        )),
    }
}

/// What the body says; without a path to look at, that there is an answer at all.
fn read_status(context: &Map, response: &Response, usual: Millis, monitor: &mut Map) -> Look {
    let Some(path) = fields::text(context, "statusJsonPath") else {
        return Look::Ends(Outcome::Succeeded);
    };
    let body = answer::body(response).unwrap_or(Value::Null);
    let value = match json_path::read(&body, path) {
        Ok(value) => single(value),
        Err(error) => return Look::Fails(format!("status: {error}")),
    };
    let said = match &value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => fields::scalar(&value),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let Some(said) = said else {
        monitor.insert("resolvedValue".to_owned(), value);
        return Look::Fails(format!("the JSON path {path:?} leads to no single value"));
    };
    if let Err(error) = read_progress(context, &body, monitor) {
        return Look::Fails(error);
    }
    if value.is_number() {
        let done = value.as_f64() == Some(100.0);
        monitor.insert("percentComplete".to_owned(), value);
        return match done {
            true => Look::Ends(Outcome::Succeeded),
            false => Look::Again(usual),
        };
    }
    monitor.insert("resolvedValue".to_owned(), value);
    judge(context, &said, usual)
}

/// The only element of a list with one: what a path with a filter leads to.
fn single(value: Value) -> Value {
    match value {
        Value::Array(mut list) if list.len() == 1 => list.remove(0),
        other => other,
    }
}

fn read_progress(context: &Map, body: &Value, monitor: &mut Map) -> Result<(), String> {
    let Some(path) = fields::text(context, "progressJsonPath") else {
        return Ok(());
    };
    match json_path::read(body, path).map(single) {
        Ok(Value::String(progress)) => {
            monitor.insert("progressMessage".to_owned(), progress.into());
            Ok(())
        }
        Ok(other) => {
            monitor.insert("resolvedValue".to_owned(), other);
            Err(format!("the JSON path {path:?} leads to no text"))
        }
        Err(error) => Err(format!("progress: {error}")),
    }
}

/// Looks a status up in the author's lists. The worst list that has it wins.
fn judge(context: &Map, said: &str, usual: Millis) -> Look {
    let has = |key: &str| {
        let list = fields::texts(context.get(key));
        list.iter()
            .any(|status| status.to_uppercase() == said.trim().to_uppercase())
    };
    if fields::texts(context.get("successStatuses")).is_empty() {
        return Look::Fails(
            "successStatuses is empty: with statusJsonPath the stage needs to know what success is"
                .to_owned(),
        );
    }
    if has("terminalStatuses") {
        Look::Ends(answer::failed(&format!(
            "the webhook reports {:?}",
            fields::shorten(said)
        )))
    } else if has("canceledStatuses") {
        Look::Ends(Outcome::Canceled(Some(Failure::new(
            "WebhookCanceled",
            format!("the webhook reports {:?}", fields::shorten(said)),
        ))))
    } else if has("successStatuses") {
        Look::Ends(Outcome::Succeeded)
    } else {
        Look::Again(usual)
    }
}
