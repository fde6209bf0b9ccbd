//! One trigger against one event.

use spindrift_model::Value;

use super::constraint::{Constraint, Reach};
use super::kind::{GitTrigger, ImageTrigger, TagRule, TriggerKind};
use super::pattern::Pattern;
use super::rejection::Rejection;
use super::trigger::Trigger;
use crate::events::git::GitEvent;
use crate::events::registry::{ImageEvent, same_registry};
use crate::events::{BuildResult, Detail, Event, Headers, PubsubEvent};

type Check = Result<(), Rejection>;

/// Everything but the signature; the order is that of the questions a person would ask.
pub(super) fn check(trigger: &Trigger, event: &Event) -> Check {
    if trigger.pipeline_disabled {
        return Err(Rejection::PipelineDisabled);
    }
    if !trigger.enabled {
        return Err(Rejection::Disabled);
    }
    check_kind(trigger, event)
}

/// Whether one of the event's artifacts is one the trigger expects; a trigger that expects none takes all.
pub(super) fn check_artifacts(trigger: &Trigger, event: &Event) -> Check {
    if trigger.expected_ids.is_empty() {
        return Ok(());
    }
    let fits = |artifact| {
        trigger
            .expected
            .iter()
            .any(|pattern| pattern.matches(artifact))
    };
    match event.artifacts.iter().any(fits) {
        true => Ok(()),
        false => Err(Rejection::NoArtifact {
            count: event.artifacts.len(),
        }),
    }
}

fn check_kind(trigger: &Trigger, event: &Event) -> Check {
    match (&trigger.kind, &event.detail) {
        (TriggerKind::Invalid(reason), _) => Err(Rejection::Invalid(reason.clone())),
        (TriggerKind::Image(wanted), Detail::Image(image)) if wanted.chart == image.chart => {
            check_image(wanted, image, &event.source)
        }
        (TriggerKind::Git(wanted), Detail::Git(git)) => check_git(wanted, git, &event.source),
        (
            TriggerKind::Webhook {
                source,
                constraints,
            },
            Detail::Webhook,
        ) => {
            same("source", source, &event.source)?;
            check_constraints(constraints, &event.payload, Reach::Nested)
        }
        (
            TriggerKind::CdEvents {
                source,
                constraints,
                attributes,
            },
            Detail::CdEvent(found),
        ) => {
            same("source", source, &event.source)?;
            check_headers(attributes, &found.headers)?;
            check_constraints(constraints, &event.payload, Reach::Nested)
        }
        (
            TriggerKind::Pubsub {
                system,
                subscription,
                constraints,
                attributes,
            },
            Detail::Pubsub(message),
        ) => {
            same_word("pubsubSystem", system, &message.system)?;
            same_word("subscriptionName", subscription, &message.subscription)?;
            check_message(constraints, attributes, message)
        }
        (
            TriggerKind::Build {
                master,
                job,
                constraints,
            },
            Detail::Build(build),
        ) => {
            same("master", master, &build.master)?;
            same("job", job, &build.job)?;
            if build.result != BuildResult::Success {
                return Err(Rejection::BuildNotSucceeded);
            }
            check_constraints(
                constraints,
                &Value::Object(build.properties.clone()),
                Reach::Top,
            )
        }
        (TriggerKind::Artifactory { search }, Detail::Artifactory(file)) => {
            same("artifactorySearchName", search, &file.search)
        }
        (TriggerKind::Nexus { search }, Detail::Nexus(file)) => {
            same("nexusSearchName", search, &file.search)
        }
        (TriggerKind::Helm { account, version }, Detail::Helm(chart)) => {
            same("account", account, &chart.account)?;
            match version {
                None => Ok(()),
                Some(range) if !range.is_readable() => Err(Rejection::BadRange {
                    range: range.source().to_owned(),
                }),
                Some(range) if range.contains(&chart.version) => Ok(()),
                Some(range) => Err(Rejection::Version {
                    range: range.source().to_owned(),
                    found: chart.version.clone(),
                }),
            }
        }
        (TriggerKind::Plugin { event: wanted }, Detail::Plugin) => {
            let found = event.payload.get("pluginEventType").and_then(Value::as_str);
            same_word("pluginEventType", wanted, found.unwrap_or_default())
        }
        _ => Err(Rejection::OtherKind {
            trigger: trigger.type_name.clone(),
        }),
    }
}

fn same(field: &'static str, wanted: &str, found: &str) -> Check {
    match wanted == found {
        true => Ok(()),
        false => Err(differs(field, wanted, found)),
    }
}

fn same_word(field: &'static str, wanted: &str, found: &str) -> Check {
    match is_same_word(wanted, found) {
        true => Ok(()),
        false => Err(differs(field, wanted, found)),
    }
}

/// Java's `equalsIgnoreCase`, near enough for names.
fn is_same_word(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || !one.is_ascii() && one.to_lowercase() == other.to_lowercase()
}

fn differs(field: &'static str, wanted: &str, found: &str) -> Rejection {
    Rejection::Differs {
        field,
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    }
}

fn check_pattern(field: &'static str, pattern: &Pattern, found: &str) -> Check {
    match pattern.matches(found) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Rejection::NoMatch {
            field,
            pattern: pattern.source().to_owned(),
            found: found.to_owned(),
        }),
        Err(error) => Err(Rejection::BadPattern {
            field: field.to_owned(),
            error,
        }),
    }
}

fn check_image(wanted: &ImageTrigger, image: &ImageEvent, source: &str) -> Check {
    let tag = image
        .tag
        .as_deref()
        .filter(|tag| !tag.is_empty())
        .ok_or(Rejection::NoTag)?;
    check_registry(wanted, image, source)?;
    same("repository", &wanted.repository, &image.repository)?;
    match &wanted.tag {
        TagRule::AnyButLatest if tag == "latest" => Err(Rejection::Latest),
        TagRule::AnyButLatest => Ok(()),
        TagRule::Matching(pattern) => check_pattern("tag", pattern, tag),
    }
}

/// An event that names its account is compared by it, as in Echo. A notification of a registry knows no accounts: there
/// the registry's host decides, or the route, when its last part is the account.
fn check_registry(wanted: &ImageTrigger, image: &ImageEvent, source: &str) -> Check {
    if let Some(account) = &image.account {
        return same("account", &wanted.account, account);
    }
    if wanted.account == source {
        return Ok(());
    }
    match (&wanted.registry, &image.registry) {
        (Some(registry), Some(found)) if same_registry(registry, found) => Ok(()),
        (Some(registry), Some(found)) => Err(differs("registry", registry, found)),
        _ => Err(Rejection::UnknownRegistry {
            account: wanted.account.clone(),
        }),
    }
}

fn check_git(wanted: &GitTrigger, git: &GitEvent, source: &str) -> Check {
    same_word("source", &wanted.source, source)?;
    let fits = |name: &&crate::events::git::RepositoryName| {
        is_same_word(&wanted.project, &name.project) && is_same_word(&wanted.slug, &name.slug)
    };
    if !git.names.iter().any(|name| fits(&name)) {
        let found = git.names.first();
        let slug_fits = git
            .names
            .iter()
            .any(|name| is_same_word(&wanted.slug, &name.slug));
        return Err(match slug_fits {
            true => differs(
                "project",
                &wanted.project,
                found.map_or("", |name| &name.project),
            ),
            false => differs("slug", &wanted.slug, found.map_or("", |name| &name.slug)),
        });
    }
    if let Some(pattern) = &wanted.branch {
        check_branch(pattern, git)?;
    }
    // A new or deleted ref also arrives as a push: without being asked for it would start a second run.
    let must_be_asked_for = git.action.starts_with("branch:") || git.action.starts_with("tag:");
    match wanted.events.is_empty() {
        true if !must_be_asked_for => Ok(()),
        false if wanted.events.contains(&git.action) => Ok(()),
        _ => Err(Rejection::Action {
            found: git.action.clone(),
        }),
    }
}

/// A tag is `refs/tags/v1` to Echo; people who write `v1.*` for a tag mean its name.
fn check_branch(pattern: &Pattern, git: &GitEvent) -> Check {
    let outcome = check_pattern("branch", pattern, &git.branch);
    match (&outcome, git.branch.strip_prefix("refs/tags/")) {
        (Err(Rejection::NoMatch { .. }), Some(tag)) if pattern.matches(tag) == Ok(true) => Ok(()),
        _ => outcome,
    }
}

fn check_constraints(constraints: &[Constraint], payload: &Value, reach: Reach) -> Check {
    constraints
        .iter()
        .try_for_each(|constraint| constraint.check(payload, reach))
}

fn check_headers(wanted: &[(String, String)], headers: &Headers) -> Check {
    wanted.iter().try_for_each(|(name, value)| {
        match headers.all(name).any(|found| found == value) {
            true => Ok(()),
            false => Err(Rejection::Attribute { key: name.clone() }),
        }
    })
}

fn check_message(
    constraints: &[Constraint],
    attributes: &[Constraint],
    message: &PubsubEvent,
) -> Check {
    let named = Value::Object(message.attributes.clone());
    for constraint in attributes {
        constraint
            .check(&named, Reach::Top)
            .map_err(|error| match error {
                Rejection::BadPattern { .. } => error,
                _ => Rejection::Attribute {
                    key: constraint.key().to_owned(),
                },
            })?;
    }
    check_constraints(constraints, &message.payload, Reach::Top)
}
