//! Everything a request handler or a controller needs, shared by all of them.

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::faults::Faults;
use crate::logs::Logs;
use crate::options::SandboxOptions;
use crate::recorder::Recorder;
use crate::store::{State, Store};

/// The shared parts of one sandbox.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub options: SandboxOptions,
    pub clock: Clock,
    pub store: Store,
    pub faults: Faults,
    pub logs: Logs,
    pub requests: Recorder,
    pub closing: tokio_util::sync::CancellationToken,
}

impl Cluster {
    pub fn new(options: SandboxOptions) -> Self {
        let start = options.start_time.unwrap_or_else(chrono::Utc::now);
        Self {
            clock: Clock::starting_at(start),
            store: Store::new(options.watch_history),
            faults: Faults::default(),
            logs: Logs::new(options.log_limit),
            requests: Recorder::new(options.recorded_requests),
            closing: tokio_util::sync::CancellationToken::new(),
            options,
        }
    }

    /// Writes an event about an object, or counts it up when the same thing happened before.
    pub fn event(
        &self,
        state: &mut State,
        about: &Value,
        kind: &str,
        reason: &str,
        message: &str,
        component: &str,
    ) {
        use crate::json::Json;
        let namespace = if about.namespace().is_empty() {
            "default"
        } else {
            about.namespace()
        };
        // A namespace that is going away takes no new events.
        if state
            .get("namespaces", "", namespace)
            .is_none_or(|found| found.is_deleting())
        {
            return;
        }
        let now = self.clock.stamp();
        let Some(events) = state.kinds.by_resource("events").cloned() else {
            return;
        };
        let hash = crate::ids::fnv(&format!(
            "{}/{kind}/{reason}/{message}/{component}",
            about.uid()
        ));
        let name = format!(
            "{}.{:08x}{:08x}",
            about.name(),
            crate::ids::fnv(about.uid()),
            hash
        );
        if let Some(seen) = state.get("events", namespace, &name) {
            let mut seen = Value::clone(seen);
            let count = seen.int(&["count"]).unwrap_or(1) + 1;
            seen.put(&["count"], count);
            seen.put(&["lastTimestamp"], now);
            state.put(&events, seen);
            return;
        }
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace, "uid": crate::ids::uid(), "creationTimestamp": now},
            "involvedObject": {"apiVersion": about.text(&["apiVersion"]), "kind": about.kind(), "name": about.name(), "namespace": about.namespace(),
                "uid": about.uid(), "resourceVersion": about.text(&["metadata", "resourceVersion"])},
            "reason": reason, "message": message, "type": kind, "count": 1, "firstTimestamp": now, "lastTimestamp": now,
            "source": {"component": component}, "reportingComponent": component, "reportingInstance": "", "eventTime": null,
        });
        state.put(&events, event);
        self.trim_events(state, namespace);
    }

    /// A real cluster forgets events after an hour; here the oldest go when a namespace has very many.
    fn trim_events(&self, state: &mut State, namespace: &str) {
        use crate::json::Json;
        const MOST: usize = 200;
        let mut events: Vec<(String, String)> = state
            .list("events", Some(namespace))
            .map(|event| {
                (
                    event.text(&["lastTimestamp"]).to_owned(),
                    event.name().to_owned(),
                )
            })
            .collect();
        if events.len() <= MOST {
            return;
        }
        events.sort();
        let resource = "events".into();
        for (_, name) in events.drain(..MOST / 4) {
            state.remove(&resource, namespace, &name);
        }
    }
}
