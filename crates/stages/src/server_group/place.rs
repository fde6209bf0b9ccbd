//! Where a stage works: account, application, cluster and locations, as its context names them.

use serde_json::Value;
use spindrift_cloud_driver::target::Target;
use spindrift_engine::Failure;
use spindrift_model::{Map, Pointer, Problem, StageConfig};

use crate::fields;

/// The member that names the server groups an operation works on, by location (`deploy.server.groups`).
pub(super) const DEPLOYED: &str = "deploy.server.groups";

/// The members that name locations, in the order in which they are looked for.
const LOCATIONS: [&str; 6] = [
    "namespaces",
    "regions",
    "zones",
    "namespace",
    "region",
    "location",
];

/// The account: `account.name`, else `account`, else `credentials` (Orca's `CloudProviderAware`).
pub(super) fn account(context: &Map) -> Result<&str, Failure> {
    let nested = match context.get("account") {
        Some(Value::Object(account)) => fields::text(account, "name"),
        _ => None,
    };
    nested
        .or_else(|| fields::text(context, "account.name"))
        .or_else(|| fields::text(context, "account"))
        .or_else(|| fields::text(context, "credentials"))
        .ok_or_else(|| {
            fields::invalid("the stage names no account; set credentials to the account's name")
        })
}

/// The regions, or namespaces; `regions`, `namespaces` and their singulars mean the same.
pub(super) fn locations(context: &Map) -> Result<Vec<String>, Failure> {
    let mut found = LOCATIONS
        .iter()
        .map(|key| fields::texts(context.get(*key)))
        .find(|list| !list.is_empty())
        .ok_or_else(|| {
            fields::invalid(
                "the stage names no location; set regions or namespaces to where it works",
            )
        })?;
    let mut seen = Vec::new();
    found.retain(|location| {
        let new = !seen.contains(location);
        seen.push(location.clone());
        new
    });
    Ok(found)
}

/// The one location of a stage for one server group.
pub(super) fn location(context: &Map) -> Result<String, Failure> {
    let mut all = locations(context)?;
    match all.len() {
        1 => Ok(all.remove(0)),
        _ => Err(fields::invalid(format!(
            "the stage works on one server group, and names several locations: {}",
            all.join(", ")
        ))),
    }
}

/// A member of the stage's moniker.
fn moniker<'m>(context: &'m Map, key: &str) -> Option<&'m str> {
    context
        .get("moniker")
        .and_then(|moniker| moniker.get(key))
        .and_then(fields::as_text)
}

/// The cluster: `cluster`, else that of the moniker.
pub(super) fn cluster(context: &Map) -> Result<&str, Failure> {
    fields::text(context, "cluster")
        .or_else(|| moniker(context, "cluster"))
        .ok_or_else(|| fields::invalid("the stage names no cluster, such as \"replicaSet web\""))
}

/// The application: that of the moniker, else that of the execution.
pub(super) fn application<'m>(context: &'m Map, execution: &'m str) -> &'m str {
    moniker(context, "app").unwrap_or(execution)
}

/// The full name of the server group, when the context has one.
pub(super) fn group_name(context: &Map) -> Option<&str> {
    fields::text(context, "serverGroupName").or_else(|| fields::text(context, "asgName"))
}

/// Which server group is meant: the one that is named, else what `target` says.
pub(super) fn target(context: &Map) -> Result<Target, Failure> {
    if let Some(name) = group_name(context) {
        return Ok(Target::Named(name.to_owned()));
    }
    let text = fields::text(context, "target").ok_or_else(|| {
        fields::invalid(
            "the stage names no server group; set serverGroupName, or cluster and target",
        )
    })?;
    Target::parse(text).ok_or_else(|| {
        fields::invalid(format!(
            "target must be current_asg_dynamic, ancestor_asg_dynamic or oldest_asg_dynamic, not {:?}",
            fields::shorten(text)
        ))
    })
}

/// The context of a stage inside, without what belongs to the stage around it alone.
pub(super) fn inner(context: &Map) -> Map {
    let mut inner = context.clone();
    for key in LOCATIONS.iter().chain(&[
        "stageEnabled",
        "notifications",
        "sendNotifications",
        "expectedArtifacts",
        "comments",
        DEPLOYED,
        "deploy.account.name",
    ]) {
        inner.shift_remove(*key);
    }
    inner
}

/// The context of a stage inside that works on that server group.
pub(super) fn for_group(context: &Map, location: &str, name: &str) -> Map {
    let mut inner = inner(context);
    inner.insert("region".to_owned(), location.into());
    inner.insert("serverGroupName".to_owned(), name.into());
    inner.insert("asgName".to_owned(), name.into());
    inner.shift_remove("target");
    inner
}

/// What is missing in a stage as it is saved: account and location, and what `and` asks for.
pub(super) fn check(
    stage: &StageConfig,
    at: &Pointer,
    and: impl Fn(&Map) -> Result<(), Failure>,
) -> Vec<Problem> {
    let context = &stage.context;
    let account = account(context).map(|_| ());
    let place = locations(context).map(|_| ());
    [
        ("credentials", account),
        ("regions", place),
        ("cluster", and(context)),
    ]
    .into_iter()
    .filter_map(|(key, checked)| {
        let text = checked.err()?.errors.join("; ");
        let code = format!("stage.{}.{key}", stage.kind);
        Some(Problem::warning(at.key(key), &code, text))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use serde_json::json;

    #[test]
    fn accounts_are_named_in_three_ways() {
        let table = [
            (json!({"credentials": "prod"}), Some("prod")),
            (
                json!({"account": "prod", "credentials": "other"}),
                Some("prod"),
            ),
            (json!({"account": {"name": "prod"}}), Some("prod")),
            (
                json!({"account.name": "prod", "account": "other"}),
                Some("prod"),
            ),
            (json!({"account": " "}), None),
            (json!({}), None),
        ];
        for (context, expected) in table {
            assert_eq!(account(&map(context.clone())).ok(), expected, "{context}");
        }
    }

    #[test]
    fn locations_have_many_names() {
        let table = [
            (json!({"regions": ["a", "b", "a"]}), Ok(vec!["a", "b"])),
            (json!({"namespaces": "a", "regions": ["b"]}), Ok(vec!["a"])),
            (json!({"regions": [], "namespace": "a"}), Ok(vec!["a"])),
            (json!({"region": "a"}), Ok(vec!["a"])),
            (json!({"location": "a"}), Ok(vec!["a"])),
            (json!({}), Err(())),
        ];
        for (context, expected) in table {
            let found = locations(&map(context.clone())).map_err(drop);
            let expected =
                expected.map(|list| list.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(found, expected, "{context}");
        }
        assert!(location(&map(json!({"regions": ["a", "b"]}))).is_err());
    }

    #[test]
    fn a_named_server_group_comes_before_a_target() {
        let table = [
            (
                json!({"serverGroupName": "replicaSet web-v001", "target": "current_asg_dynamic"}),
                Ok(Target::Named("replicaSet web-v001".to_owned())),
            ),
            (
                json!({"asgName": "web-v001"}),
                Ok(Target::Named("web-v001".to_owned())),
            ),
            (json!({"target": "oldest_asg_dynamic"}), Ok(Target::Oldest)),
            (json!({"target": "loudest"}), Err(())),
            (json!({}), Err(())),
        ];
        for (context, expected) in table {
            assert_eq!(
                target(&map(context.clone())).map_err(drop),
                expected,
                "{context}"
            );
        }
    }
}
