//! From a delivery to its events.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use spindrift_model::{JsonLimits, ParseError, Value, parse_json};

use super::delivery::{Delivery, Headers};
use super::event::{Detail, Event, FileRepositoryEvent, HelmEvent};
use super::git::{self, GitEvent, GitProvider};
use super::json::{at, filled};
use super::registry::{self, RegistryKind};
use super::{build, cdevents, pubsub};
use crate::artifacts::{Templates, extract};

/// The largest body that is read: GitHub's own limit.
const LIMITS: JsonLimits = JsonLimits {
    bytes: 25 * 1024 * 1024,
    depth: 100,
};

/// Why a request cannot be an event. The caller is told, and nothing is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Not JSON.
    #[error("the body is no JSON document: {0}")]
    NotJson(#[from] ParseError),
    /// A form without `payload`.
    #[error("the body is a form without the field \"payload\"; send application/json")]
    NoPayload,
    /// A list, a text, a number.
    #[error("the body is a JSON object, not {0}")]
    NotAnObject(&'static str),
    /// A type that may not come from outside, or none at all.
    #[error(
        "webhooks of type {0:?} are not accepted; use git, docker, webhook, cdevents, pubsub, build, helm, artifactory, nexus or plugin"
    )]
    UnknownKind(String),
    /// `/webhooks/git/x` for an x nobody knows.
    #[error(
        "git source {0:?} is not known; use github, gitlab, bitbucket, stash, coding, gitea or azuredevops"
    )]
    UnknownGitSource(String),
    /// The body lacks what events of its type must have.
    #[error("{kind} events need {needed}")]
    Incomplete {
        /// The type.
        kind: &'static str,
        /// What it lacks.
        needed: &'static str,
    },
}

/// Why a request is no event although nothing is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignored(pub &'static str);

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a delivery announces.
#[derive(Debug, Clone, PartialEq)]
pub struct Interpreted {
    /// The events; empty when it was ignored.
    pub events: Vec<Event>,
    /// Why it was ignored.
    pub ignored: Option<Ignored>,
}

impl Interpreted {
    fn ignored(reason: &'static str) -> Self {
        Self {
            events: Vec::new(),
            ignored: Some(Ignored(reason)),
        }
    }
}

/// Finds the events in a delivery, with their artifacts.
pub fn interpret(delivery: &Delivery, templates: &Templates) -> Result<Interpreted, DeliveryError> {
    let body = body_of(delivery)?;
    let details = match delivery.kind.to_ascii_lowercase().as_str() {
        "git" => match read_git(delivery, &body)? {
            Ok(events) => events.into_iter().map(Detail::Git).collect(),
            Err(reason) => return Ok(Interpreted::ignored(reason)),
        },
        kind @ ("docker" | "helm-oci") => match read_images(delivery, &body, kind == "helm-oci")? {
            Ok(images) => images.into_iter().map(Detail::Image).collect(),
            Err(reason) => return Ok(Interpreted::ignored(reason)),
        },
        "webhook" => vec![Detail::Webhook],
        "cdevents" => vec![Detail::CdEvent(need(
            cdevents::parse(&body, &delivery.headers),
            "cdevents",
            "\"context\" with a type and \"subject\" with an id",
        )?)],
        "pubsub" => vec![Detail::Pubsub(need(
            pubsub::parse(&body),
            "pubsub",
            "a Pub/Sub push request, an SNS notification, or pubsubSystem and subscriptionName",
        )?)],
        "build" => vec![Detail::Build(need(
            build::parse(&body),
            "build",
            "\"master\" and \"project\" with a name and a lastBuild",
        )?)],
        "helm" => vec![Detail::Helm(need(
            read_helm(&body),
            "helm",
            "account, chart, version and digest",
        )?)],
        "artifactory" => vec![Detail::Artifactory(need(
            read_search(&body, "artifactorySearchName"),
            "artifactory",
            "artifactorySearchName",
        )?)],
        "nexus" => vec![Detail::Nexus(need(
            read_search(&body, "nexusSearchName"),
            "nexus",
            "nexusSearchName",
        )?)],
        "plugin" => vec![Detail::Plugin],
        _ => return Err(DeliveryError::UnknownKind(delivery.kind.clone())),
    };
    let payload = Arc::new(body);
    let event = |detail: Detail| Event {
        artifacts: extract(&delivery.source, &detail, &payload, templates),
        source: delivery.source.clone(),
        detail,
        payload: Arc::clone(&payload),
    };
    Ok(Interpreted {
        events: details.into_iter().map(event).collect(),
        ignored: None,
    })
}

fn need<T>(found: Option<T>, kind: &'static str, needed: &'static str) -> Result<T, DeliveryError> {
    found.ok_or(DeliveryError::Incomplete { kind, needed })
}

fn body_of(delivery: &Delivery) -> Result<Value, DeliveryError> {
    let media_type = delivery.headers.get("content-type").unwrap_or_default();
    let bytes = match media_type.starts_with("application/x-www-form-urlencoded") {
        true => Cow::Owned(form_payload(&delivery.body).ok_or(DeliveryError::NoPayload)?),
        false => Cow::Borrowed(delivery.body.as_slice()),
    };
    let blank = bytes.iter().all(u8::is_ascii_whitespace);
    let body = match blank {
        true => Value::Object(spindrift_model::Map::new()),
        false => read_json(&bytes)?,
    };
    let found = match &body {
        Value::Object(_) => return Ok(body),
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
    };
    Err(DeliveryError::NotAnObject(found))
}

/// Other people's programs name members twice now and then; as everywhere, the last one counts.
fn read_json(bytes: &[u8]) -> Result<Value, ParseError> {
    match parse_json(bytes, LIMITS) {
        Err(error @ ParseError::Syntax { .. }) => serde_json::from_slice(bytes).map_err(|_| error),
        outcome => outcome,
    }
}

/// GitHub and CODING can send a form whose field `payload` is the document.
fn form_payload(body: &[u8]) -> Option<Vec<u8>> {
    let field = body
        .split(|byte| *byte == b'&')
        .find_map(|field| field.strip_prefix(b"payload="))?;
    let spaced: Vec<u8> = field
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    Some(percent_encoding::percent_decode(&spaced).collect())
}

type Outcome<T> = Result<Vec<T>, &'static str>;

fn read_git(delivery: &Delivery, body: &Value) -> Result<Outcome<GitEvent>, DeliveryError> {
    let provider = GitProvider::of_source(&delivery.source, &delivery.headers, body)
        .ok_or_else(|| DeliveryError::UnknownGitSource(delivery.source.clone()))?;
    Ok(provider.read(&delivery.headers, body))
}

fn read_images(
    delivery: &Delivery,
    body: &Value,
    chart: bool,
) -> Result<Outcome<registry::ImageEvent>, DeliveryError> {
    let registry =
        RegistryKind::of_source(&delivery.source, body).or_else(|| registry::recognise(body));
    let mut outcome = match registry {
        Some(registry) => registry.read(body),
        None => {
            let needed = "a notification of a known registry, or \"repository\" and \"tag\"";
            Ok(vec![need(
                registry::read_plain(body, chart),
                "docker",
                needed,
            )?])
        }
    };
    if let (Ok(images), Some(account)) = (&mut outcome, &delivery.account) {
        for image in images {
            image.account = Some(account.clone());
        }
    }
    Ok(outcome)
}

fn read_helm(body: &Value) -> Option<HelmEvent> {
    let content = at(body, &["content"]).unwrap_or(body);
    Some(HelmEvent {
        account: filled(content, &["account"])?,
        chart: filled(content, &["chart"])?,
        version: filled(content, &["version"])?,
        digest: filled(content, &["digest"])?,
    })
}

fn read_search(body: &Value, key: &str) -> Option<FileRepositoryEvent> {
    let content = at(body, &["content"]).unwrap_or(body);
    let name = filled(content, &[key]).or_else(|| filled(content, &["name"]))?;
    Some(FileRepositoryEvent { search: name })
}

/// What sends a body of some shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// A Git host.
    Git(GitProvider),
    /// A registry.
    Registry(RegistryKind),
    /// A message bus.
    Pubsub,
    /// A CDEvent.
    CdEvent,
    /// Nothing known: any webhook.
    Webhook,
}

impl Recognised {
    /// The route such a request belongs to.
    pub fn route(self) -> (&'static str, String) {
        match self {
            Recognised::Git(provider) => ("git", provider.to_string()),
            Recognised::Registry(registry) => ("docker", registry.to_string()),
            Recognised::Pubsub => ("pubsub", "pubsub".to_owned()),
            Recognised::CdEvent => ("cdevents", "cdevents".to_owned()),
            Recognised::Webhook => ("webhook", "webhook".to_owned()),
        }
    }
}

/// Says what sends a body of this shape, to help people who have posted it to the wrong address.
pub fn recognise(headers: &Headers, body: &Value) -> Recognised {
    if let Some(registry) = registry::recognise(body) {
        Recognised::Registry(registry)
    } else if cdevents::parse(body, headers).is_some() {
        Recognised::CdEvent
    } else if let Some(provider) = git::recognise(headers, body) {
        Recognised::Git(provider)
    } else if pubsub::parse(body).is_some() {
        Recognised::Pubsub
    } else {
        Recognised::Webhook
    }
}

/// Whether a body is the notification of a registry, which names what it is about by a digest or a time.
pub(crate) fn recognise_body(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|body: Value| registry::recognise(&body).is_some())
}
