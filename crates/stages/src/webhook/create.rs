//! The task `createWebhook`: makes the call.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, Outcome, TaskInput, TaskPolicy, TaskResult,
};
use spindrift_model::{Map, Millis, Stage};
use spindrift_outbound::{Error, Method, Phase, Response};

use super::line::{Call, Line, Unanswered, host, method};
use super::{answer, cancel, json_path, retry, status_url};
use crate::{artifacts, fields};

const RETRY: Millis = 10_000;
const FIVE_MINUTES: Millis = 5 * 60 * 1_000;

/// Makes the call, until a server has taken it or it cannot be made.
pub(super) struct CreateWebhook {
    pub(super) line: Arc<Line>,
}

impl EffectTask for CreateWebhook {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            self.create(&input)
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
            timeout: Some(FIVE_MINUTES),
            overridable: true,
            backoff: RETRY,
        }
    }
}

impl CreateWebhook {
    async fn create(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        self.line.authorize(input).await?;
        let context = &input.stage.context;
        let url = fields::text(context, "url")
            .ok_or_else(|| fields::invalid("the webhook has no url"))?;
        let method = method(context, "method")?;
        let call = Call {
            url,
            method: method.clone(),
            payload: context.get("payload"),
            purpose: "",
        };
        match self.line.call(input, call).await {
            Ok(response) if (200..400).contains(&response.status) => {
                Ok(accepted(context, url, &response))
            }
            Ok(response) => Ok(self.refused(context, url, &response)),
            Err(Unanswered::Invalid(failure)) => Err(failure),
            Err(Unanswered::Failed(error)) => Ok(self.unanswered(url, &method, &error)),
        }
    }

    /// An answer that says no: for now, or for good.
    fn refused(&self, context: &Map, url: &str, response: &Response) -> TaskResult {
        let mut webhook = answer::describe(response);
        let code = response.status;
        let said = format!(
            "the webhook at {} answered {}",
            host(url).unwrap_or_default(),
            answer::shown_status(code)
        );
        let again = (500..600).contains(&code)
            || self.line.settings.retry_status_codes.contains(&code)
            || retry::is_listed(context, "webhookRetryStatusCodes", code);
        let (error, outcome) = if fails_fast(context, code) {
            let error = format!("{said}, which is configured to fail fast");
            (error.clone(), answer::failed(&error))
        } else if again {
            let wait = retry::wait(RETRY, response);
            (
                format!("{said}, will retry"),
                TaskResult::again_in(wait).outcome,
            )
        } else {
            (said.clone(), answer::failed(&said))
        };
        webhook.insert("error".to_owned(), error.into());
        answer::result(outcome, webhook)
    }

    /// No answer. A call that no server has seen is made again; one that may have been seen only where a repeat is harmless.
    fn unanswered(&self, url: &str, method: &Method, error: &Error) -> TaskResult {
        let harmless = || {
            let host = host(url);
            let safe = &self.line.settings.safe_to_retry_hosts;
            *method == Method::GET || safe.iter().any(|safe| host.as_deref() == Some(safe))
        };
        let again = match error {
            Error::UnknownHost { .. } => true,
            Error::Timeout { phase, .. } => match phase {
                Phase::Queue | Phase::Connect => true,
                Phase::Answer | Phase::Body => harmless(),
            },
            _ => false,
        };
        let (said, outcome) = match again {
            true => (
                format!("{error}, will retry"),
                TaskResult::again_in(RETRY).outcome,
            ),
            false => (error.to_string(), answer::failed(&error.to_string())),
        };
        let mut webhook = Map::new();
        webhook.insert("error".to_owned(), said.into());
        answer::result(outcome, webhook)
    }
}

/// An answer that says yes: what is there to wait for, and which artifacts it brings.
fn accepted(context: &Map, url: &str, response: &Response) -> TaskResult {
    let mut webhook = answer::describe(response);
    let fail = |mut webhook: Map, error: String| {
        let outcome = answer::failed(&error);
        webhook.insert("error".to_owned(), error.into());
        answer::result(outcome, webhook)
    };
    if fields::flag(context.get("waitForCompletion")) {
        return match status_url::resolve(context, url, response) {
            Ok(endpoint) => {
                webhook.insert("statusEndpoint".to_owned(), endpoint.clone().into());
                answer::result(Outcome::Succeeded, webhook).with_context("statusEndpoint", endpoint)
            }
            Err(error) => fail(webhook, error),
        };
    }
    if !artifacts::expects_any(context) {
        return answer::result(Outcome::Succeeded, webhook);
    }
    let body = answer::body(response).unwrap_or(Value::Null);
    match json_path::read(&body, "$.artifacts") {
        Ok(found) if found.is_array() => {
            answer::result(Outcome::Succeeded, webhook).with_context("artifacts", found)
        }
        Ok(_) => fail(
            webhook,
            "the artifacts in the answer are not a list".to_owned(),
        ),
        Err(error) => fail(webhook, format!("the stage expects artifacts, but {error}")),
    }
}

/// Whether this status ends the stage at once; without a list only a gateway that ran out of time does, since what it
/// passed on may be under way.
fn fails_fast(context: &Map, code: u16) -> bool {
    match context.get("failFastStatusCodes") {
        None | Some(Value::Null) => code == 504,
        Some(_) => retry::is_listed(context, "failFastStatusCodes", code),
    }
}
