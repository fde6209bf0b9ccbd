//! `#deployedServerGroups`: what the deploy stages of a run deployed.

use indexmap::IndexMap;
use spindrift_model::{Stage, Status};

use super::EXECUTION;
use super::stages::execution;
use crate::eval::Machine;
use crate::java::method::{Method, function};
use crate::value::json::from_json;
use crate::value::{Class, Json, Key, MapKind, Type, Value};

const DEPLOYING: [&str; 4] = [
    "deploy",
    "createServerGroup",
    "cloneServerGroup",
    "rollingPush",
];

fn details<'a>(machine: &Machine<'a>, index: usize, stage: &'a Stage) -> Option<Value<'a>> {
    let get = |key: &str| -> Option<&'a Json> {
        stage
            .context
            .get(key)
            .or_else(|| machine.root.ancestor_output(index, key))
            .filter(|value| !value.is_null())
    };
    let region = get("region").and_then(Json::as_str).or_else(|| {
        let zones = get("availabilityZones")?.as_object()?;
        zones.keys().next().map(String::as_str)
    })?;
    let mut found: IndexMap<Key<'a>, Value<'a>> = IndexMap::new();
    let mut put = |key: &'a str, value: Value<'a>| {
        found.insert(Key(Value::borrowed(key)), value);
    };
    for key in ["account", "capacity", "parentStage"] {
        put(key, get(key).map_or(Value::Null, from_json));
    }
    put("region", Value::borrowed(region));
    let existing = get("deploymentDetails").and_then(Json::as_array);
    for detail in existing.into_iter().flatten().filter_map(Json::as_object) {
        if detail.get("region").and_then(Json::as_str) == Some(region) {
            for (key, value) in detail {
                put(key, from_json(value));
            }
        }
    }
    let groups = stage
        .context
        .get("deploy.server.groups")
        .and_then(|groups| groups.get(region))
        .and_then(Json::as_array);
    if let Some(first) = groups.and_then(|groups| groups.first()) {
        put("serverGroup", from_json(first));
    }
    let deployments = get("kato.tasks")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|task| task.get("resultObjects").and_then(Json::as_array))
        .flatten()
        .filter_map(|result| result.get("deployments").and_then(Json::as_array))
        .flatten()
        .map(from_json)
        .collect();
    put("deployments", Value::array_list(deployments));
    Some(Value::map(MapKind::HashMap, found))
}

/// The function.
pub(super) static FUNCTIONS: &[Method] = &[function(
    "deployedServerGroups",
    &[EXECUTION, Type::array_of(Class::String)],
    |machine, _, args| {
        let execution = execution(machine, &args[0])?;
        let wanted: Vec<Value<'_>> = match &args[1] {
            Value::Array(names) => names.items.borrow().clone(),
            _ => Vec::new(),
        };
        machine.spend(execution.stages.len() / 64)?;
        let mut found = Vec::new();
        for (index, stage) in execution.stages.iter().enumerate() {
            let named = wanted.is_empty()
                || wanted
                    .iter()
                    .filter_map(Value::char_sequence)
                    .any(|name| stage.display_name() == name || stage.id == *name);
            if named
                && DEPLOYING.contains(&stage.kind.as_str())
                && stage.status == Status::Succeeded
                && stage.context.contains_key("deploy.server.groups")
            {
                found.extend(details(machine, index, stage));
            }
        }
        Ok(Value::object_list(found))
    },
)
.variable()];
