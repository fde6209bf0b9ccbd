//! Failures of a cloud as those of a task.

use serde_json::Value;
use spindrift_cloud_driver::{CloudError, ErrorKind};
use spindrift_engine::{Failure, TaskInput, TaskResult};
use spindrift_model::Millis;

/// For how long a task goes on trying while a cloud cannot be reached.
const PATIENCE: Millis = 10 * 60 * 1_000;

/// The failure of a task, with everything the cloud said.
pub(crate) fn of(error: &CloudError) -> Failure {
    let kind = match error.kind {
        ErrorKind::Invalid => "DescriptionValidationException",
        ErrorKind::Denied => "AccessDeniedException",
        ErrorKind::NotFound => "NotFoundException",
        ErrorKind::Conflict
        | ErrorKind::Refused
        | ErrorKind::Unavailable
        | ErrorKind::Failed
        | ErrorKind::Unsupported => "CloudOperationException",
    };
    let errors = match error.details.get("errors").and_then(Value::as_array) {
        Some(errors) => errors
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        None => vec![error.message.clone()],
    };
    let mut details = error.details.clone();
    details.shift_remove("errors");
    Failure {
        errors,
        details,
        ..Failure::new(kind, "")
    }
}

/// How a task ends that a cloud has failed: it is tried again for a while when the cloud could not be reached.
///
/// That is harmless only for tasks that may be repeated.
pub(crate) fn result(error: &CloudError, input: &TaskInput) -> TaskResult {
    let failure = of(error);
    let waits = error.kind == ErrorKind::Unavailable && input.now - input.task_start < PATIENCE;
    TaskResult::terminal(if waits { failure.retryable() } else { failure })
}
