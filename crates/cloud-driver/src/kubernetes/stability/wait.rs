//! Waiting until an object is stable.

use std::future::pending;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::early::{EarlyFailure, Timers};
use super::status::Status;
use super::surroundings::Surroundings;
use super::{status, strict_status, text};
use crate::error::{CloudError, ErrorKind};
use crate::kubernetes::account::Kubernetes;
use crate::kubernetes::causes::{self, Trouble};
use crate::kubernetes::kind::Kind;
use crate::kubernetes::object::ObjectId;
use crate::kubernetes::retry::retry;

/// What a stage asks of a wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StabilityOptions {
    /// Whether kinds that Clouddriver calls stable at once are waited for until they are ready for use.
    pub readiness: bool,
    /// Whether troubles with the pods end the wait.
    pub early_failure: EarlyFailure,
}

/// How many events a failure brings along.
const EVENTS: usize = 20;

impl Kubernetes {
    /// Watches an object until it is stable, and answers it.
    ///
    /// `progress` is told how the object is, at first and whenever that changes.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] when it will not become stable; `details` then has `events` (what the cluster recorded of the object and of what troubles it) and
    /// `trouble`. [`ErrorKind::NotFound`] when it does not exist or is deleted meanwhile. Failures of the API server that last for minutes.
    pub async fn await_stable(
        &self,
        id: &ObjectId,
        options: &StabilityOptions,
        progress: &(dyn Fn(&Status) + Send + Sync),
    ) -> Result<Value, CloudError> {
        let resource = retry(|| self.resource(&id.kind, None)).await?;
        self.permit(&id.kind, resource.namespaced, &id.namespace)?;
        let mut watch = self.watch_one(&resource, id);
        let mut wait = Wait::new(self, id, *options);
        let mut seen = false;
        loop {
            tokio::select! {
                changed = watch.changed() => changed.map_err(|error| error.prefixed(&format!("cannot watch {id} in {:?}: ", id.namespace)))?,
                () = wait.something() => {}
            }
            let Some(object) = watch.object() else {
                return Err(absent(id, seen));
            };
            seen = true;
            match wait.judge(object).await {
                Verdict::Stable => return Ok(object.clone()),
                Verdict::Waits(status) => progress(&status),
                Verdict::Same => {}
                Verdict::Fails(error) => return Err(error),
            }
        }
    }
}

fn absent(id: &ObjectId, seen: bool) -> CloudError {
    let namespace = &id.namespace;
    CloudError::not_found(match seen {
        true => format!("{id} in {namespace:?} was deleted while it was waited for"),
        false => format!("there is no {id} in {namespace:?} to wait for"),
    })
}

enum Verdict {
    Stable,
    Waits(Status),
    Same,
    Fails(CloudError),
}

/// What is known besides the object itself.
struct Wait<'a> {
    kubernetes: &'a Kubernetes,
    id: &'a ObjectId,
    options: StabilityOptions,
    surroundings: Option<Surroundings>,
    timers: Timers,
    told: Option<Status>,
    waits_for_consumer: Option<bool>,
}

impl<'a> Wait<'a> {
    fn new(kubernetes: &'a Kubernetes, id: &'a ObjectId, options: StabilityOptions) -> Self {
        Self {
            kubernetes,
            id,
            options,
            surroundings: None,
            timers: Timers::default(),
            told: None,
            waits_for_consumer: None,
        }
    }

    /// Ends when anything but the object has changed, or a trouble has lasted long enough.
    async fn something(&mut self) {
        let due = self
            .timers
            .next(self.options.early_failure)
            .map(|(due, _)| due);
        let surroundings = async {
            match &mut self.surroundings {
                Some(surroundings) => surroundings.changed().await,
                None => pending().await,
            }
        };
        let patience = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = surroundings => {}
            () = patience => {}
        }
    }

    async fn judge(&mut self, object: &Value) -> Verdict {
        let mut status = match self.options.readiness {
            true => strict_status(object),
            false => status(object),
        };
        if status.stable.state && !status.failed.state {
            return Verdict::Stable;
        }
        if self.options.readiness && self.waits_for_consumer(object).await {
            return Verdict::Stable;
        }
        if self.surroundings.is_none() {
            self.surroundings = Surroundings::of(self.kubernetes, self.id, object).await;
        }
        let troubles = self.troubles(object);
        status.trouble = troubles.first().cloned();
        if status.failed.state {
            let message = status.failed.message.clone().unwrap_or_default();
            return Verdict::Fails(self.failure(message, object, status.trouble).await);
        }
        let now = Instant::now();
        let uid = text(object, "/metadata/uid");
        if self.told.is_none() {
            self.timers = self.kubernetes.troubles().recall(uid, now);
        }
        self.timers.note(&troubles, now);
        self.kubernetes.troubles().keep(uid, &self.timers, now);
        if let Some((_, kind)) = self
            .timers
            .next(self.options.early_failure)
            .filter(|(due, _)| *due <= now)
        {
            let trouble = troubles.into_iter().find(|trouble| trouble.kind == kind);
            return Verdict::Fails(self.failure(String::new(), object, trouble).await);
        }
        if self.told.as_ref() == Some(&status) {
            return Verdict::Same;
        }
        self.told = Some(status.clone());
        Verdict::Waits(status)
    }

    fn troubles(&self, object: &Value) -> Vec<Trouble> {
        match &self.surroundings {
            Some(surroundings) => surroundings.troubles(self.id, object),
            None if self.id.kind.is("pod") => causes::of_pod(object).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The failure with its cause, and with what the cluster recorded of it.
    ///
    /// Exclusive, because watches cannot be shared between threads: the whole wait must be one that may move.
    async fn failure(
        &mut self,
        message: String,
        object: &Value,
        trouble: Option<Trouble>,
    ) -> CloudError {
        let cause = trouble.as_ref().map(|trouble| trouble.message.clone());
        let message = [Some(message).filter(|message| !message.is_empty()), cause];
        let message: Vec<String> = message.into_iter().flatten().collect();
        let mut error = CloudError::new(ErrorKind::Failed, message.join(": "));
        let mut events = self
            .kubernetes
            .events_about(object)
            .await
            .unwrap_or_default();
        if let Some(trouble) = trouble {
            let troubled = serde_json::json!({"metadata": {"uid": trouble.uid, "namespace": text(object, "/metadata/namespace")}});
            if trouble.uid != text(object, "/metadata/uid") {
                events.extend(
                    self.kubernetes
                        .events_about(&troubled)
                        .await
                        .unwrap_or_default(),
                );
            }
            error = error.with_detail(
                "trouble",
                serde_json::to_value(&trouble).unwrap_or_default(),
            );
        }
        let surplus = events.len().saturating_sub(EVENTS);
        error.with_detail("events", events.split_off(surplus))
    }

    /// Whether the object is a claim that is bound only when a pod uses it.
    async fn waits_for_consumer(&mut self, object: &Value) -> bool {
        if !self.id.kind.is("persistentVolumeClaim") {
            return false;
        }
        if let Some(known) = self.waits_for_consumer {
            return known;
        }
        let class = ObjectId {
            kind: Kind::of("StorageClass", "storage.k8s.io/v1"),
            namespace: String::new(),
            name: text(object, "/spec/storageClassName").to_owned(),
        };
        let class = retry(|| self.kubernetes.get(&class)).await;
        let waits = class.is_ok_and(|class| {
            class.is_some_and(|class| text(&class, "/volumeBindingMode") == "WaitForFirstConsumer")
        });
        self.waits_for_consumer = Some(waits);
        waits
    }
}
