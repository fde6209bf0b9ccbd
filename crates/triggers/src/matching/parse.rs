//! Reading the triggers of a pipeline's document.

use std::collections::{HashMap, HashSet};

use spindrift_model::{ExpectedArtifact, Map, PipelineId, Pointer, Problem, Value};

use super::constraint::Constraint;
use super::cron_trigger::CronTrigger;
use super::hook::{HOOK_MEMBER, HookId};
use super::kind::{GitTrigger, ImageTrigger, TagRule, TriggerKind};
use super::pattern::Pattern;
use super::trigger::{Trigger, TriggerId};
use super::version::VersionRange;
use crate::artifacts::ArtifactPattern;
use crate::cron::DEFAULT_ZONE;
use crate::signature::{Secret, Secrets};

/// Members that hold secrets.
pub(crate) const SECRET_MEMBERS: [&str; 2] = ["secret", "previousSecret"];

/// A trigger without what only its sender may know: that is in no execution, in no message, and in no name.
fn public_part(entry: &Map) -> Map {
    let mut document = entry.clone();
    document.retain(|key, _| key != HOOK_MEMBER && !SECRET_MEMBERS.contains(&key.as_str()));
    document
}

/// Reads the triggers of a pipeline, and everything that is wrong with them, each with its place.
///
/// A trigger with something wrong stays in the list: it matches nothing and says why. Two equal triggers are one.
pub fn parse_triggers(document: &Map, pipeline: &PipelineId) -> (Vec<Trigger>, Vec<Problem>) {
    parse_triggers_in(document, pipeline, DEFAULT_ZONE)
}

/// The same, with the IANA zone of schedules that name none.
pub fn parse_triggers_in(
    document: &Map,
    pipeline: &PipelineId,
    zone: &str,
) -> (Vec<Trigger>, Vec<Problem>) {
    let mut problems = Vec::new();
    let place = Pointer::root().key("triggers");
    let entries = match document.get("triggers") {
        None | Some(Value::Null) => return (Vec::new(), problems),
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            let message = "triggers is a list of triggers";
            problems.push(Problem::error(place, "pipeline.triggers", message));
            return (Vec::new(), problems);
        }
    };
    let shared = Shared {
        pipeline,
        zone,
        disabled: document.get("disabled").is_some_and(is_true),
        expected: expected_artifacts(document, &mut problems),
    };
    let mut triggers: Vec<Trigger> = Vec::new();
    let mut ids = HashSet::new();
    for (position, entry) in entries.iter().enumerate() {
        let place = place.index(position);
        let Value::Object(entry) = entry else {
            problems.push(Problem::error(
                place,
                "trigger.type",
                "a trigger is a JSON object",
            ));
            continue;
        };
        if entries[..position]
            .iter()
            .any(|earlier| earlier.as_object() == Some(entry))
        {
            let message = "this trigger is there twice; it starts one run";
            problems.push(Problem::warning(place, "trigger.duplicate", message));
            continue;
        }
        let mut trigger = shared.read(entry, position, &place, &mut problems);
        if !ids.insert(trigger.id.clone()) {
            trigger.id = TriggerId::digest(&trigger.document);
            if !ids.insert(trigger.id.clone()) {
                trigger.id = TriggerId::new(&format!("{}-{position}", trigger.id));
                ids.insert(trigger.id.clone());
            }
        }
        triggers.push(trigger);
    }
    (triggers, problems)
}

struct Shared<'d> {
    pipeline: &'d PipelineId,
    zone: &'d str,
    disabled: bool,
    expected: HashMap<String, ArtifactPattern>,
}

impl Shared<'_> {
    fn read(
        &self,
        entry: &Map,
        position: usize,
        place: &Pointer,
        problems: &mut Vec<Problem>,
    ) -> Trigger {
        let document = public_part(entry);
        let id = match text(entry, "id") {
            Some(id) => TriggerId::new(id),
            None => TriggerId::digest(&document),
        };
        let mut expected = Vec::new();
        let expected_ids: Vec<String> = texts(entry, "expectedArtifactIds");
        for id in &expected_ids {
            match self.expected.get(id) {
                Some(pattern) => expected.push(pattern.clone()),
                None => {
                    let message =
                        format!("there is no expected artifact {id:?}; add it or remove it here");
                    let place = place.key("expectedArtifactIds");
                    problems.push(Problem::warning(place, "trigger.expectedArtifact", message));
                }
            }
        }
        let secret = |key| text(entry, key).and_then(Secret::new);
        let type_name = text(entry, "type").unwrap_or_default().to_owned();
        let before = problems.len();
        let kind = read_kind(entry, &type_name, (id.as_str(), self.zone), place, problems);
        let kind = kind.unwrap_or_else(|| {
            let reasons = problems[before..]
                .iter()
                .filter(|problem| problem.is_error());
            TriggerKind::Invalid(
                reasons
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; "),
            )
        });
        let hook = text(entry, HOOK_MEMBER).and_then(|id| match HookId::parse(id) {
            Ok(id) => Some(id),
            Err(error) => {
                let place = place.key(HOOK_MEMBER);
                problems.push(Problem::error(place, "trigger.hookId", error.to_string()));
                None
            }
        });
        Trigger {
            id,
            pipeline: self.pipeline.clone(),
            position,
            type_name,
            kind,
            enabled: entry.get("enabled").is_some_and(is_true),
            pipeline_disabled: self.disabled,
            hook,
            secrets: Secrets::new(secret("secret"), secret("previousSecret")),
            run_as: text(entry, "runAsUser").map(str::to_owned),
            expected_ids,
            expected,
            document,
        }
    }
}

fn expected_artifacts(
    document: &Map,
    problems: &mut Vec<Problem>,
) -> HashMap<String, ArtifactPattern> {
    let mut patterns = HashMap::new();
    let list = document.get("expectedArtifacts").and_then(Value::as_array);
    for (position, value) in list.into_iter().flatten().enumerate() {
        let place = Pointer::root().key("expectedArtifacts").index(position);
        match serde_json::from_value::<ExpectedArtifact>(value.clone()) {
            Err(error) => {
                let message = format!("this is no expected artifact: {error}");
                problems.push(Problem::error(place, "expectedArtifact.type", message));
            }
            Ok(expected) => {
                let Some(pattern) = ArtifactPattern::of(&expected) else {
                    continue;
                };
                for (source, error) in pattern.errors() {
                    let message = format!("the pattern {source:?} cannot be used: {error}");
                    let place = place.key("matchArtifact");
                    problems.push(Problem::warning(place, "expectedArtifact.pattern", message));
                }
                patterns.insert(expected.id, pattern);
            }
        }
    }
    patterns
}

/// What the trigger waits for; `None` when a problem of severity error was added.
fn read_kind(
    entry: &Map,
    type_name: &str,
    (id, zone): (&str, &str),
    place: &Pointer,
    problems: &mut Vec<Problem>,
) -> Option<TriggerKind> {
    let mut reader = Reader {
        entry,
        place,
        problems,
    };
    Some(match type_name.to_ascii_lowercase().as_str() {
        "docker" => TriggerKind::Image(reader.image(false)?),
        "helm/oci" => TriggerKind::Image(reader.image(true)?),
        "git" => TriggerKind::Git(reader.git()?),
        "webhook" => TriggerKind::Webhook {
            source: reader.source()?,
            constraints: reader.constraints("payloadConstraints"),
        },
        "cdevents" => TriggerKind::CdEvents {
            source: reader.source()?,
            constraints: reader.constraints("payloadConstraints"),
            attributes: reader.pairs("attributeConstraints"),
        },
        "pubsub" => {
            let (system, subscription) = (
                reader.needs("pubsubSystem"),
                reader.needs("subscriptionName"),
            );
            TriggerKind::Pubsub {
                system: system?,
                subscription: subscription?,
                constraints: reader.constraints("payloadConstraints"),
                attributes: reader.constraints("attributeConstraints"),
            }
        }
        "jenkins" | "travis" | "concourse" | "gitlab-ci" => {
            let (master, job) = (reader.needs("master"), reader.needs("job"));
            TriggerKind::Build {
                master: master?,
                job: job?,
                constraints: reader.constraints("payloadConstraints"),
            }
        }
        "artifactory" => TriggerKind::Artifactory {
            search: reader.needs("artifactorySearchName")?,
        },
        "nexus" => TriggerKind::Nexus {
            search: reader.needs("nexusSearchName")?,
        },
        "helm" => TriggerKind::Helm {
            account: reader.needs("account")?,
            version: text(entry, "version")
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(VersionRange::new),
        },
        "plugin" => TriggerKind::Plugin {
            event: text(entry, "pluginEventType")
                .unwrap_or("PUBLISHED")
                .to_owned(),
        },
        "cron" => match CronTrigger::parse(entry, id, zone, place) {
            Ok(cron) => TriggerKind::Cron(Box::new(cron)),
            Err(found) => {
                problems.extend(found);
                return None;
            }
        },
        "pipeline" => TriggerKind::Pipeline {
            parent: PipelineId::new(reader.needs("pipeline")?),
            statuses: texts(entry, "status"),
        },
        "manual" => TriggerKind::Manual,
        "" => {
            reader.needs("type");
            return None;
        }
        _ => {
            let message =
                format!("triggers of type {type_name:?} are kept, but nothing here starts them");
            problems.push(Problem::warning(
                place.key("type"),
                "trigger.unknown",
                message,
            ));
            TriggerKind::Unknown
        }
    })
}

struct Reader<'r> {
    entry: &'r Map,
    place: &'r Pointer,
    problems: &'r mut Vec<Problem>,
}

impl Reader<'_> {
    fn needs(&mut self, key: &str) -> Option<String> {
        let found = text(self.entry, key).map(str::to_owned);
        if found.is_none() {
            let message = format!("this trigger needs {key:?}; without it nothing starts it");
            self.problems.push(Problem::error(
                self.place.key(key),
                "trigger.missing",
                message,
            ));
        }
        found
    }

    /// The last part of the shared address; a trigger with an address of its own needs none.
    fn source(&mut self) -> Option<String> {
        match (text(self.entry, "source"), text(self.entry, HOOK_MEMBER)) {
            (None, Some(_)) => Some("hook".to_owned()),
            _ => self.needs("source"),
        }
    }

    fn pattern(&mut self, key: &str) -> Option<Pattern> {
        let source = text(self.entry, key)?;
        let source = if key == "tag" { source.trim() } else { source };
        let pattern = Some(source)
            .filter(|source| !source.is_empty())
            .map(Pattern::whole)?;
        if let Some(error) = pattern.error() {
            let message =
                format!("the pattern {source:?} cannot be used, so nothing matches it: {error}");
            self.problems.push(Problem::warning(
                self.place.key(key),
                "trigger.pattern",
                message,
            ));
        }
        Some(pattern)
    }

    fn image(&mut self, chart: bool) -> Option<ImageTrigger> {
        let (account, repository) = (self.needs("account"), self.needs("repository"));
        let tag = self.pattern("tag");
        Some(ImageTrigger {
            account: account?,
            registry: text(self.entry, "registry").map(str::to_owned),
            repository: repository?,
            tag: tag.map_or(TagRule::AnyButLatest, TagRule::Matching),
            chart,
        })
    }

    fn git(&mut self) -> Option<GitTrigger> {
        let (source, project, slug) = (
            self.needs("source"),
            self.needs("project"),
            self.needs("slug"),
        );
        let branch = self.pattern("branch");
        Some(GitTrigger {
            source: source?,
            project: project?,
            slug: slug?,
            branch,
            events: texts(self.entry, "events"),
        })
    }

    fn constraints(&mut self, key: &str) -> Vec<Constraint> {
        let Some(map) = self.entry.get(key).and_then(Value::as_object) else {
            return Vec::new();
        };
        let constraints = Constraint::parse_all(map);
        for constraint in &constraints {
            if let Some(error) = constraint.pattern().and_then(Pattern::error) {
                let message = format!("the pattern cannot be used, so nothing matches it: {error}");
                let place = self.place.key(key).key(constraint.key());
                self.problems
                    .push(Problem::warning(place, "trigger.pattern", message));
            }
        }
        constraints
    }

    fn pairs(&self, key: &str) -> Vec<(String, String)> {
        let map = self.entry.get(key).and_then(Value::as_object);
        let pair = |(key, value): (&String, &Value)| {
            Some((key.clone(), super::constraint::java_text(value)?))
        };
        map.into_iter().flatten().filter_map(pair).collect()
    }
}

fn text<'m>(map: &'m Map, key: &str) -> Option<&'m str> {
    map.get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn texts(map: &Map, key: &str) -> Vec<String> {
    let list = map.get(key).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| {
        value
            .as_str()
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    })
}
