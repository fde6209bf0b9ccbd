//! Scripted failures of the API: rules that match requests and change what happens to them.
//!
//! Rules are tried in the order they were added; the first that matches and is not used up acts, except that delays add up with
//! what follows them. Failures of workloads are scripted on the objects themselves, see [`crate::scripts`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::status::Status;

/// Names one rule, to take it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

/// Which requests a rule is about. An empty field matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    verbs: Vec<String>,
    resource: Option<String>,
    subresource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

impl Requests {
    /// Every request.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Requests on a resource such as `pods` or `deployments.apps`.
    #[must_use]
    pub fn on(resource: impl Into<String>) -> Self {
        Self {
            resource: Some(resource.into()),
            ..Self::default()
        }
    }

    /// Requests that change something.
    #[must_use]
    pub fn writes() -> Self {
        Self::default().verbs(["create", "update", "patch", "delete", "deletecollection"])
    }

    /// Limits the rule to these verbs: get, list, watch, create, update, patch, delete, deletecollection.
    #[must_use]
    pub fn verbs<'a>(mut self, verbs: impl IntoIterator<Item = &'a str>) -> Self {
        self.verbs = verbs.into_iter().map(str::to_owned).collect();
        self
    }

    /// Limits the rule to a subresource such as `status`, `scale` or `log`.
    #[must_use]
    pub fn subresource(mut self, subresource: impl Into<String>) -> Self {
        self.subresource = Some(subresource.into());
        self
    }

    /// Limits the rule to one namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Limits the rule to one object.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    fn matches(&self, request: &Seen<'_>) -> bool {
        let same = |wanted: &Option<String>, got: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == got)
        };
        (self.verbs.is_empty() || self.verbs.iter().any(|verb| verb == request.verb))
            && same(&self.resource, request.resource)
            && same(&self.subresource, request.subresource)
            && same(&self.namespace, request.namespace)
            && same(&self.name, request.name)
    }
}

/// A request as rules see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub verb: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
}

/// What a rule does to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The request waits, then goes on.
    Delay(Duration),
    /// `429 TooManyRequests` with `Retry-After` in seconds.
    TooManyRequests {
        /// Seconds to wait.
        retry_after: u32,
    },
    /// `500 InternalError`.
    InternalError,
    /// `503 ServiceUnavailable`.
    Unavailable,
    /// `504 Timeout`.
    Timeout,
    /// `409 Conflict`, as if another writer had come between.
    Conflict,
    /// `403 Forbidden`; access reviews answer "denied" for matching requests too.
    Forbidden,
    /// Denied by an admission webhook of this name, in the words a real API server uses.
    Denied {
        /// Name of the webhook.
        webhook: String,
        /// The webhook's message.
        message: String,
    },
    /// Any refusal: HTTP code, reason, message.
    Status {
        /// HTTP status code.
        code: u16,
        /// `reason` of the Status object.
        reason: String,
        /// `message` of the Status object.
        message: String,
    },
    /// Nothing is done, and the connection breaks before the first byte of the answer's content.
    Reset,
    /// The request is carried out, then the connection breaks in the middle of the answer.
    CutAnswer,
    /// A watch ends without an error after this many events.
    DropWatch {
        /// Events that still get through.
        after: usize,
    },
    /// A watch gets a `410 Gone` error event after this many events.
    ExpireWatch {
        /// Events that still get through.
        after: usize,
    },
}

impl Fault {
    /// The refusal this fault answers with, if it is a refusal.
    pub(crate) fn refusal(&self, request: &Seen<'_>) -> Option<Status> {
        let Seen {
            verb,
            resource,
            name,
            ..
        } = *request;
        Some(match self {
            Self::TooManyRequests { retry_after } => {
                let mut status = Status::new(429, "TooManyRequests", "the server has received too many requests and has asked us to try again later");
                status.retry_after_seconds = Some(*retry_after);
                status
            }
            Self::InternalError => Status::new(500, "InternalError", "Internal error occurred: scripted fault"),
            Self::Unavailable => Status::new(503, "ServiceUnavailable", "the server is currently unable to handle the request"),
            Self::Timeout => Status::new(504, "Timeout", "Timeout: request did not complete within the allotted timeout"),
            Self::Conflict => {
                let why = "the object has been modified; please apply your changes to the latest version and try again";
                Status::new(409, "Conflict", format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}"))
            }
            Self::Forbidden => forbidden(request),
            Self::Denied { webhook, message } => denied(webhook, message),
            Self::Status { code, reason, message } => Status::new(*code, reason, message.clone()),
            Self::Delay(_) | Self::Reset | Self::CutAnswer | Self::DropWatch { .. } | Self::ExpireWatch { .. } => return None,
        })
        .inspect(|status| tracing::debug!(sandbox.verb = verb, sandbox.resource = resource, code = status.code, "scripted refusal"))
    }

    fn is_for_watches(&self) -> bool {
        matches!(self, Self::DropWatch { .. } | Self::ExpireWatch { .. })
    }
}

fn forbidden(request: &Seen<'_>) -> Status {
    let Seen {
        verb,
        resource,
        namespace,
        name,
        ..
    } = *request;
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let subject = if name.is_empty() {
        resource.to_owned()
    } else {
        format!("{resource} \"{name}\"")
    };
    let scope = if namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace \"{namespace}\"")
    };
    let message = format!(
        "{subject} is forbidden: User \"sandbox\" cannot {verb} resource \"{plural}\" in API group \"{group}\" {scope}"
    );
    let mut status = Status::new(403, "Forbidden", message);
    (status.name, status.kind, status.group) =
        (name.to_owned(), plural.to_owned(), group.to_owned());
    status
}

/// The refusal of an admission webhook.
pub(crate) fn denied(webhook: &str, message: &str) -> Status {
    Status::new(
        403,
        "Forbidden",
        format!("admission webhook \"{webhook}\" denied the request: {message}"),
    )
}

#[derive(Debug)]
struct Rule {
    id: FaultId,
    requests: Requests,
    fault: Fault,
    remaining: Option<u32>,
}

/// The rules in force.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<(u64, Vec<Rule>)>,
}

impl Faults {
    /// Adds a rule that acts on every matching request until it is removed.
    pub fn always(&self, requests: Requests, fault: Fault) -> FaultId {
        self.add(requests, fault, None)
    }

    /// Adds a rule that acts on the next `times` matching requests.
    pub fn next(&self, times: u32, requests: Requests, fault: Fault) -> FaultId {
        self.add(requests, fault, Some(times))
    }

    fn add(&self, requests: Requests, fault: Fault, remaining: Option<u32>) -> FaultId {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.0 += 1;
        let id = FaultId(rules.0);
        rules.1.push(Rule {
            id,
            requests,
            fault,
            remaining,
        });
        id
    }

    /// Removes a rule; returns whether it was still there.
    pub fn remove(&self, id: FaultId) -> bool {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let before = rules.1.len();
        rules.1.retain(|rule| rule.id != id);
        rules.1.len() < before
    }

    /// Removes every rule.
    pub fn clear(&self) {
        self.rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .clear();
    }

    /// What happens to this request: delays first, then at most one other fault. Uses up one turn of each rule that acts.
    pub(crate) fn strike(&self, request: &Seen<'_>) -> Vec<Fault> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let mut faults = Vec::new();
        for rule in &mut rules.1 {
            let suits = request.verb == "watch" || !rule.fault.is_for_watches();
            if !suits || rule.remaining == Some(0) || !rule.requests.matches(request) {
                continue;
            }
            rule.remaining = rule.remaining.map(|left| left - 1);
            let goes_on = matches!(rule.fault, Fault::Delay(_));
            faults.push(rule.fault.clone());
            if !goes_on {
                break;
            }
        }
        rules.1.retain(|rule| rule.remaining != Some(0));
        faults
    }

    /// Whether a standing rule forbids this request.
    pub(crate) fn forbids(&self, request: &Seen<'_>) -> bool {
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules
            .1
            .iter()
            .any(|rule| rule.fault == Fault::Forbidden && rule.requests.matches(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: Seen<'static> = Seen {
        verb: "get",
        resource: "pods",
        subresource: "",
        namespace: "n",
        name: "p",
    };

    #[test]
    fn a_counted_rule_is_used_up_and_delays_go_on_to_the_next_rule() {
        let faults = Faults::default();
        faults.always(Requests::all(), Fault::Delay(Duration::from_secs(1)));
        faults.next(1, Requests::on("pods").verbs(["get"]), Fault::Unavailable);
        assert_eq!(
            faults.strike(&POD),
            [Fault::Delay(Duration::from_secs(1)), Fault::Unavailable]
        );
        assert_eq!(faults.strike(&POD), [Fault::Delay(Duration::from_secs(1))]);
        faults.clear();
        assert!(faults.strike(&POD).is_empty());
    }

    #[test]
    fn matching_is_by_every_named_part() {
        for (requests, expected) in [
            (Requests::all(), true),
            (Requests::on("pods").namespace("n").name("p"), true),
            (Requests::on("pods").namespace("other"), false),
            (Requests::on("services"), false),
            (Requests::writes(), false),
            (Requests::on("pods").subresource("log"), false),
        ] {
            assert_eq!(requests.matches(&POD), expected, "{requests:?}");
        }
    }
}
