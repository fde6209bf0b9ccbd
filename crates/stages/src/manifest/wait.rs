//! The task `waitForManifestToStabilize`: until every object that was deployed or changed is as it should be.
//!
//! Every object is watched until it settles. All are waited for, also after one has failed; what has settled is noted in the context and not looked at again.
//! What is still missing is noted whenever it changes, but not more often than every two seconds, and more seldom when many are waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{
    EarlyFailure, Kubernetes, ObjectId, StabilityOptions, Status, is_always_stable,
};
use spindrift_cloud_driver::{Accounts, CloudError, Provider};
use spindrift_engine::{BoxFuture, EffectTask, Failure, TaskInput, TaskPolicy, TaskResult};
use spindrift_model::{Map, Millis};
use tokio::sync::Notify;

use super::account;
use crate::fields;

/// The name of the task.
pub(crate) const WAIT: &str = "waitForManifestToStabilize";

const HALF_AN_HOUR: Millis = 30 * 60 * 1_000;
/// How long news of progress are collected before they are noted.
const NEWS: Duration = Duration::from_secs(2);
/// The same for each object that is waited for: to note something is to begin all of their watches again.
const NEWS_OF_EACH: Duration = Duration::from_millis(20);
/// The member that lists what is waited for, by namespace.
pub(crate) const NAMES: &str = "outputs.manifestNamesByNamespace";

/// The task.
pub(crate) struct WaitForStable {
    pub(crate) accounts: Arc<dyn Accounts>,
}

impl EffectTask for WaitForStable {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            match Waiting::begin(&*self.accounts, &input) {
                Ok((provider, waiting)) => waiting.go_on(&*provider).await,
                Err(failure) => TaskResult::terminal(failure),
            }
        })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: None,
            overridable: false,
            backoff: 5_000,
        }
    }
}

struct Waiting {
    account: String,
    options: StabilityOptions,
    open: Vec<ObjectId>,
    known: Vec<Value>,
    stable: Vec<Value>,
    failed: Vec<Value>,
    messages: Vec<Value>,
    events: Vec<Value>,
    left: Duration,
    limit: Millis,
}

impl Waiting {
    fn begin(
        accounts: &dyn Accounts,
        input: &TaskInput,
    ) -> Result<(Arc<dyn Provider>, Self), Failure> {
        let context = &input.stage.context;
        let provider = account::kubernetes(accounts, context)?;
        let limit = limit(context)?;
        let list = |key: &str| -> Vec<Value> {
            let list = context.get(key).and_then(Value::as_array);
            list.cloned().unwrap_or_default()
        };
        let (stable, failed) = (list("stableManifests"), list("failedManifests"));
        let open = objects(context)?
            .into_iter()
            .filter(|id| {
                let noted = noted(id);
                !stable.contains(&noted) && !failed.contains(&noted)
            })
            .collect();
        let passed = input.now.saturating_sub(input.task_start);
        let left = u64::try_from(limit.saturating_sub(passed)).unwrap_or(0);
        let waiting = Self {
            account: provider.account().to_owned(),
            options: options(context)?,
            open,
            known: list("unstableManifests"),
            stable,
            failed,
            messages: list("messages"),
            events: list("events"),
            left: Duration::from_millis(left),
            limit,
        };
        Ok((provider, waiting))
    }

    async fn go_on(mut self, provider: &dyn Provider) -> TaskResult {
        let Some(kubernetes) = provider.kubernetes() else {
            return TaskResult::terminal(fields::invalid("account: it is none of Kubernetes"));
        };
        let news = News {
            known: std::mem::take(&mut self.known),
            ..News::default()
        };
        let options = self.options;
        let open = std::mem::take(&mut self.open);
        let mut settling: FuturesUnordered<_> = open
            .iter()
            .map(|id| settle(kubernetes, id, &options, &news))
            .collect();
        let out_of_time = tokio::time::sleep(self.left);
        let due = news.are_due(open.len());
        tokio::pin!(out_of_time, due);
        loop {
            tokio::select! {
                biased;
                settled = settling.next() => match settled {
                    Some((id, outcome)) => {
                        news.forget(id);
                        self.note(id, outcome);
                    }
                    None => return self.end(),
                },
                () = &mut due => return self.pause(&news),
                () = &mut out_of_time => return self.give_up(&news),
            }
        }
    }

    fn note(&mut self, id: &ObjectId, outcome: Result<Value, CloudError>) {
        match outcome {
            Ok(_) => self.stable.push(noted(id)),
            Err(error) => {
                let message = format!(
                    "'{id}' in '{}' for account {}: {}",
                    id.namespace, self.account, error.message
                );
                self.messages.push(message.into());
                self.failed.push(noted(id));
                let events = error.details.get("events").and_then(Value::as_array);
                self.events.extend(events.into_iter().flatten().cloned());
            }
        }
    }

    fn context(&self, mut result: TaskResult) -> TaskResult {
        let members = [
            ("stableManifests", &self.stable),
            ("failedManifests", &self.failed),
            ("messages", &self.messages),
            ("events", &self.events),
        ];
        for (key, list) in members {
            result = result.with_context(key, list.clone());
        }
        result
    }

    /// Notes how it goes, and goes on at once.
    fn pause(self, news: &News) -> TaskResult {
        self.context(TaskResult::again_in(1))
            .with_context("unstableManifests", news.list())
    }

    fn end(self) -> TaskResult {
        let mut result = if self.failed.is_empty() {
            TaskResult::succeeded()
        } else {
            TaskResult::terminal(self.failure("ManifestNotStable", Vec::new()))
        };
        result.unset.push("unstableManifests".to_owned());
        self.context(result)
    }

    fn give_up(self, news: &News) -> TaskResult {
        let minutes = self.limit as f64 / 60_000.0;
        let late: Vec<String> = news
            .texts()
            .into_iter()
            .map(|(id, message)| {
                format!(
                    "'{id}' in '{}' for account {}: not stable after {minutes} minutes: {message}",
                    id.namespace, self.account
                )
            })
            .collect();
        let failure = self.failure("TaskTimeoutException", late);
        self.context(TaskResult::terminal(failure))
            .with_context("unstableManifests", news.list())
    }

    fn failure(&self, kind: &str, more: Vec<String>) -> Failure {
        let told = self.messages.iter().filter_map(Value::as_str);
        let errors: Vec<String> = told.map(str::to_owned).chain(more).collect();
        let mut details = Map::new();
        if !self.events.is_empty() {
            details.insert("events".to_owned(), self.events.clone().into());
        }
        Failure {
            errors,
            details,
            ..Failure::new(kind, "")
        }
    }
}

/// What is still missing of each object.
#[derive(Default)]
struct News {
    /// What is noted already, and therefore no news.
    known: Vec<Value>,
    missing: Mutex<BTreeMap<String, (ObjectId, String)>>,
    came: Notify,
}

impl News {
    fn tell(&self, id: &ObjectId, message: String) {
        let key = format!("{}/{id}", id.namespace);
        let is_known = self.known.contains(&with_message(id, &message));
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.insert(key, (id.clone(), message));
        if !is_known {
            self.came.notify_one();
        }
    }

    fn forget(&self, id: &ObjectId) {
        let key = format!("{}/{id}", id.namespace);
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.remove(&key);
    }

    /// Ends when something was told and what else is told soon has been told, too.
    async fn are_due(&self, open: usize) {
        self.came.notified().await;
        let each = NEWS_OF_EACH.saturating_mul(u32::try_from(open).unwrap_or(u32::MAX));
        tokio::time::sleep(NEWS.max(each)).await;
    }

    fn texts(&self) -> Vec<(ObjectId, String)> {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.values().cloned().collect()
    }

    fn list(&self) -> Vec<Value> {
        self.texts()
            .into_iter()
            .map(|(id, message)| with_message(&id, &message))
            .collect()
    }
}

async fn settle<'a>(
    kubernetes: &Kubernetes,
    id: &'a ObjectId,
    options: &StabilityOptions,
    news: &News,
) -> (&'a ObjectId, Result<Value, CloudError>) {
    if is_always_stable(&id.kind) && !options.readiness {
        return (id, Ok(Value::Null));
    }
    let progress = |status: &Status| news.tell(id, status.waiting_for());
    (id, kubernetes.await_stable(id, options, &progress).await)
}

/// How an object is named in the lists of a context.
fn noted(id: &ObjectId) -> Value {
    json!({"manifestName": id.to_string(), "location": id.namespace})
}

fn with_message(id: &ObjectId, message: &str) -> Value {
    let mut noted = noted(id);
    noted["message"] = message.into();
    noted
}

/// What is waited for.
pub(crate) fn objects(context: &Map) -> Result<Vec<ObjectId>, Failure> {
    let names = context.get(NAMES).and_then(Value::as_object);
    let mut found = Vec::new();
    for (namespace, list) in names.into_iter().flatten() {
        for name in list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let id = ObjectId::parse(name, namespace)
                .map_err(|error| fields::invalid(format!("{NAMES}: {}", error.message)))?;
            found.push(id);
        }
    }
    Ok(found)
}

pub(crate) fn options(context: &Map) -> Result<StabilityOptions, Failure> {
    let early_failure = match fields::text(context, "earlyFailure") {
        None | Some("patient") => EarlyFailure::Patient,
        Some("never") => EarlyFailure::Never,
        Some("atOnce") => EarlyFailure::AtOnce,
        Some(other) => {
            return Err(fields::invalid(format!(
                "earlyFailure: {other:?} is unknown; write never, patient or atOnce"
            )));
        }
    };
    Ok(StabilityOptions {
        readiness: fields::flag(context.get("waitForReadiness")),
        early_failure,
    })
}

/// How long is waited at most.
fn limit(context: &Map) -> Result<Millis, Failure> {
    let minutes = match context.get("stableManifestTimeoutMinutes") {
        None | Some(Value::Null) => None,
        Some(value) => Some(
            fields::number(value)
                .filter(|minutes| *minutes > 0.0)
                .ok_or_else(|| {
                    fields::invalid("stableManifestTimeoutMinutes: it must be a number of minutes")
                })?,
        ),
    };
    let milliseconds = context.get("stageTimeoutMs").and_then(fields::integer);
    Ok(match (minutes, milliseconds) {
        // A conversion of a float saturates: the longest time there is.
        (Some(minutes), _) => (minutes * 60_000.0) as Millis,
        (None, Some(milliseconds)) if milliseconds > 0 => milliseconds,
        (None, _) => HALF_AN_HOUR,
    })
}
