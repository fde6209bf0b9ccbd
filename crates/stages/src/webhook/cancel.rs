//! The call that ends what a webhook has begun. Whether there is one depends on `cancelEndpoint` alone.

use std::sync::Arc;

use serde_json::json;
use spindrift_engine::{BoxFuture, TaskInput, TaskResult};
use spindrift_model::{Map, Stage, Value};

use super::line::{Call, Line, Unanswered, method};
use super::status_name::status_name;
use crate::fields;

/// Whether the stage says how to end what it has begun.
pub(super) fn is_wanted(stage: &Stage) -> bool {
    fields::text(&stage.context, "cancelEndpoint").is_some()
}

/// Makes the call after the engine has ended a task of the stage.
pub(super) fn cancel(line: &Arc<Line>, input: TaskInput) -> Option<BoxFuture<TaskResult>> {
    if !is_wanted(&input.stage) {
        return None;
    }
    let line = Arc::clone(line);
    Some(Box::pin(async move {
        let webhook = input
            .stage
            .context
            .get("webhook")
            .and_then(Value::as_object);
        let mut webhook = webhook.cloned().unwrap_or_default();
        webhook.insert(
            "cancel".to_owned(),
            Value::Object(call(&line, &input).await),
        );
        TaskResult::succeeded().with_context("webhook", webhook)
    }))
}

/// Makes the call, and says what came of it.
pub(super) async fn call(line: &Line, input: &TaskInput) -> Map {
    let context = &input.stage.context;
    let error = |text: String| Map::from_iter([("error".to_owned(), text.into())]);
    let Some(url) = fields::text(context, "cancelEndpoint") else {
        return Map::new();
    };
    let method = match method(context, "cancelMethod") {
        Ok(method) => method,
        Err(failure) => return error(failure.errors.join("; ")),
    };
    let call = Call {
        url,
        method,
        payload: context.get("cancelPayload"),
        purpose: "-cancel",
    };
    match line.call(input, call).await {
        Ok(response) => Map::from_iter([
            (
                "statusCode".to_owned(),
                json!(status_name(response.status).unwrap_or("UNKNOWN")),
            ),
            ("statusCodeValue".to_owned(), response.status.into()),
        ]),
        Err(Unanswered::Invalid(failure)) => error(failure.errors.join("; ")),
        Err(Unanswered::Failed(failure)) => error(failure.to_string()),
    }
}
