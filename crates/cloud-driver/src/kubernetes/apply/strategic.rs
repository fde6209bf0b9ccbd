//! The difference between what was applied, what is to be, and what is, as a strategic merge patch (`CreateThreeWayMergePatch` of apimachinery).

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::keys::{ListRule, rule};
use crate::kubernetes::kind::Kind;

/// The patch that makes `live` what `wanted` says; empty when it is. What `applied` had and `wanted` does not is removed, the rest of `live` stays.
pub(super) fn patch(
    kind: &Kind,
    applied: &Value,
    wanted: &Value,
    live: &Value,
) -> Map<String, Value> {
    let (applied, wanted, live) = (members(applied), members(wanted), members(live));
    Differ { kind }.objects(&mut Vec::new(), applied, wanted, live)
}

/// The members of an object; of anything else, none.
fn members(value: &Value) -> &Map<String, Value> {
    static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NOTHING)
}

struct Differ<'a> {
    kind: &'a Kind,
}

impl Differ<'_> {
    fn objects<'v>(
        &self,
        path: &mut Vec<&'v str>,
        applied: &'v Map<String, Value>,
        wanted: &'v Map<String, Value>,
        live: &'v Map<String, Value>,
    ) -> Map<String, Value> {
        let mut patch = Map::new();
        for (key, value) in wanted {
            path.push(key);
            self.member(
                path,
                key,
                applied.get(key),
                value,
                live.get(key),
                &mut patch,
            );
            path.pop();
        }
        for key in applied.keys() {
            if !wanted.contains_key(key) && live.contains_key(key) {
                patch.insert(key.clone(), Value::Null);
            }
        }
        patch
    }

    fn member<'v>(
        &self,
        path: &mut Vec<&'v str>,
        key: &str,
        applied: Option<&'v Value>,
        wanted: &'v Value,
        live: Option<&'v Value>,
        patch: &mut Map<String, Value>,
    ) {
        match (wanted, live) {
            (Value::Null, None) => {}
            (wanted, None) => {
                patch.insert(key.to_owned(), wanted.clone());
            }
            (Value::Object(wanted), Some(Value::Object(live))) => {
                let applied = members(applied.unwrap_or(&Value::Null));
                let mut inner = self.objects(path, applied, wanted, live);
                if inner.is_empty() {
                    return;
                }
                if rule(self.kind, path).retain_keys {
                    inner.insert("$retainKeys".to_owned(), keys(wanted));
                }
                patch.insert(key.to_owned(), Value::Object(inner));
            }
            (Value::Array(wanted), Some(Value::Array(live))) => {
                let applied = applied
                    .and_then(Value::as_array)
                    .map_or(&[][..], Vec::as_slice);
                match rule(self.kind, path).list {
                    ListRule::Atomic if wanted == live => {}
                    ListRule::Atomic => {
                        patch.insert(key.to_owned(), Value::Array(wanted.clone()));
                    }
                    ListRule::Set => set(key, applied, wanted, live, patch),
                    ListRule::ByKey(merge_key) => {
                        self.keyed(path, key, merge_key, applied, wanted, live, patch);
                    }
                }
            }
            (wanted, Some(live)) if wanted == live => {}
            (wanted, Some(_)) => {
                patch.insert(key.to_owned(), wanted.clone());
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "three sides, where they are, and where the result goes"
    )]
    fn keyed<'v>(
        &self,
        path: &mut Vec<&'v str>,
        key: &str,
        merge_key: &str,
        applied: &'v [Value],
        wanted: &'v [Value],
        live: &'v [Value],
        patch: &mut Map<String, Value>,
    ) {
        if !is_keyed(wanted, merge_key) || !is_keyed(live, merge_key) {
            // One port for two protocols is one key twice: such a list is sent as a whole.
            if wanted != live {
                let mut items = vec![json!({"$patch": "replace"})];
                items.extend(wanted.iter().cloned());
                patch.insert(key.to_owned(), Value::Array(items));
            }
            return;
        }
        let retains = rule(self.kind, path).retain_keys;
        let mut items = Vec::new();
        for element in wanted {
            let id = &element[merge_key];
            let Some(now) = find(live, merge_key, id) else {
                items.push(element.clone());
                continue;
            };
            let (Some(element), Some(now)) = (element.as_object(), now.as_object()) else {
                continue;
            };
            let before = members(find(applied, merge_key, id).unwrap_or(&Value::Null));
            let mut inner = self.objects(path, before, element, now);
            if !inner.is_empty() {
                inner.insert(merge_key.to_owned(), id.clone());
                if retains {
                    inner.insert("$retainKeys".to_owned(), keys(element));
                }
                items.push(Value::Object(inner));
            }
        }
        for element in applied {
            let Some(id) = element.get(merge_key) else {
                continue;
            };
            let gone = find(wanted, merge_key, id).is_none() && find(live, merge_key, id).is_some();
            if gone {
                items.push(json!({"$patch": "delete", merge_key: id}));
            }
        }
        let order = |list: &[Value]| -> Vec<Value> {
            list.iter()
                .map(|element| element[merge_key].clone())
                .collect()
        };
        let now: Vec<Value> = order(live)
            .into_iter()
            .filter(|id| find(wanted, merge_key, id).is_some())
            .collect();
        let wanted_order = order(wanted);
        if items.is_empty() && now == wanted_order {
            return;
        }
        let order: Vec<Value> = wanted_order
            .into_iter()
            .map(|id| json!({merge_key: id}))
            .collect();
        patch.insert(format!("$setElementOrder/{key}"), Value::Array(order));
        patch.insert(key.to_owned(), Value::Array(items));
    }
}

fn set(
    key: &str,
    applied: &[Value],
    wanted: &[Value],
    live: &[Value],
    patch: &mut Map<String, Value>,
) {
    let added: Vec<Value> = wanted
        .iter()
        .filter(|value| !live.contains(value))
        .cloned()
        .collect();
    let removed: Vec<Value> = applied
        .iter()
        .filter(|value| !wanted.contains(value) && live.contains(value))
        .cloned()
        .collect();
    if !added.is_empty() {
        patch.insert(key.to_owned(), Value::Array(added));
    }
    if !removed.is_empty() {
        patch.insert(
            format!("$deleteFromPrimitiveList/{key}"),
            Value::Array(removed),
        );
    }
}

fn keys(map: &Map<String, Value>) -> Value {
    map.keys().map(|key| Value::from(key.as_str())).collect()
}

fn find<'a>(list: &'a [Value], merge_key: &str, id: &Value) -> Option<&'a Value> {
    list.iter()
        .find(|element| element.get(merge_key) == Some(id))
}

/// Whether every element is an object with a key of its own.
fn is_keyed(list: &[Value], merge_key: &str) -> bool {
    list.iter().enumerate().all(|(position, element)| {
        element
            .get(merge_key)
            .is_some_and(|id| !id.is_null() && find(&list[..position], merge_key, id).is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(applied: Value, wanted: Value, live: Value) -> Value {
        Value::Object(patch(
            &Kind::of("Deployment", "apps/v1"),
            &applied,
            &wanted,
            &live,
        ))
    }

    fn with_pod(pod: Value) -> Value {
        json!({"spec": {"template": {"spec": pod}}})
    }

    #[test]
    fn only_differences_are_sent_and_what_others_set_stays() {
        let table = [
            // Equal, with defaults of the server.
            (
                json!({"spec": {"a": 1}}),
                json!({"spec": {"a": 1}}),
                json!({"spec": {"a": 1, "default": true}}),
                json!({}),
            ),
            // Changed.
            (
                json!({"spec": {"a": 1}}),
                json!({"spec": {"a": 2}}),
                json!({"spec": {"a": 1}}),
                json!({"spec": {"a": 2}}),
            ),
            // Removed from the manifest.
            (
                json!({"spec": {"a": 1, "b": 2}}),
                json!({"spec": {"a": 1}}),
                json!({"spec": {"a": 1, "b": 2}}),
                json!({"spec": {"b": null}}),
            ),
            // Removed, and gone already.
            (
                json!({"spec": {"a": 1, "b": 2}}),
                json!({"spec": {"a": 1}}),
                json!({"spec": {"a": 1}}),
                json!({}),
            ),
            // Set by somebody else.
            (
                json!({}),
                json!({"spec": {"a": 1}}),
                json!({"spec": {"a": 1, "replicas": 9}}),
                json!({}),
            ),
            // Drifted.
            (
                json!({"spec": {"a": 1}}),
                json!({"spec": {"a": 1}}),
                json!({"spec": {"a": 5}}),
                json!({"spec": {"a": 1}}),
            ),
            // A null asks for removal.
            (
                json!({}),
                json!({"spec": {"a": null, "b": null}}),
                json!({"spec": {"a": 5}}),
                json!({"spec": {"a": null}}),
            ),
            // A list without a rule is one value.
            (
                json!({}),
                json!({"spec": {"x": [1, 2]}}),
                json!({"spec": {"x": [2, 1]}}),
                json!({"spec": {"x": [1, 2]}}),
            ),
            // Other kinds of values.
            (
                json!({}),
                json!({"spec": {"x": {"y": 1}}}),
                json!({"spec": {"x": [2]}}),
                json!({"spec": {"x": {"y": 1}}}),
            ),
        ];
        for (applied, wanted, live, expected) in table {
            let found = deployment(applied, wanted.clone(), live.clone());
            assert_eq!(found, expected, "{wanted} on {live}");
        }
    }

    #[test]
    fn containers_are_merged_by_name() {
        let container = |name: &str, image: &str| json!({"name": name, "image": image});
        let pod = |containers: &[Value]| with_pod(json!({"containers": containers}));
        let web = |image| container("web", image);
        let sidecar = container("sidecar", "s:1");
        let injected = container("istio", "i:1");
        let found = deployment(
            pod(&[web("w:1"), sidecar.clone()]),
            pod(&[web("w:2"), container("new", "n:1")]),
            pod(&[web("w:1"), sidecar, injected]),
        );
        let expected = with_pod(json!({
            "$setElementOrder/containers": [{"name": "web"}, {"name": "new"}],
            "containers": [{"image": "w:2", "name": "web"}, {"name": "new", "image": "n:1"}, {"$patch": "delete", "name": "sidecar"}],
        }));
        assert_eq!(found, expected);
    }

    #[test]
    fn an_order_that_differs_is_sent_alone() {
        let env = |names: &[&str]| {
            let env: Vec<Value> = names
                .iter()
                .map(|name| json!({"name": name, "value": "1"}))
                .collect();
            with_pod(json!({"containers": [{"name": "web", "env": env}]}))
        };
        let found = deployment(json!({}), env(&["a", "b"]), env(&["b", "x", "a"]));
        let container = &found["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            container["$setElementOrder/env"],
            json!([{"name": "a"}, {"name": "b"}])
        );
        assert_eq!(container["env"], json!([]));
        assert_eq!(
            deployment(json!({}), env(&["a", "b"]), env(&["a", "x", "b"])),
            json!({})
        );
    }

    #[test]
    fn one_port_for_two_protocols_is_sent_as_a_whole() {
        let service = Kind::of("Service", "v1");
        let ports = |ports: Value| json!({"spec": {"ports": ports}});
        let dns = json!([{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]);
        let one = json!([{"port": 53, "protocol": "TCP"}]);
        let found = patch(&service, &json!({}), &ports(dns.clone()), &ports(one));
        assert_eq!(found["spec"]["ports"][0], json!({"$patch": "replace"}));
        assert_eq!(found["spec"]["ports"].as_array().unwrap().len(), 3);
        assert!(patch(&service, &json!({}), &ports(dns.clone()), &ports(dns)).is_empty());
    }

    #[test]
    fn a_volume_that_becomes_another_loses_what_it_was() {
        let volume = |source: Value| {
            let mut volume = json!({"name": "v"});
            volume
                .as_object_mut()
                .unwrap()
                .extend(source.as_object().unwrap().clone());
            with_pod(json!({"volumes": [volume]}))
        };
        let found = deployment(
            volume(json!({"emptyDir": {}})),
            volume(json!({"configMap": {"name": "c"}})),
            volume(json!({"emptyDir": {}})),
        );
        assert_eq!(
            found["spec"]["template"]["spec"]["volumes"][0],
            json!({"configMap": {"name": "c"}, "emptyDir": null, "name": "v", "$retainKeys": ["name", "configMap"]})
        );
    }

    #[test]
    fn finalizers_are_a_set() {
        let metadata = |list: Value| json!({"metadata": {"finalizers": list}});
        let found = deployment(
            metadata(json!(["a", "b"])),
            metadata(json!(["a", "c"])),
            metadata(json!(["a", "b", "other"])),
        );
        assert_eq!(
            found["metadata"],
            json!({"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["b"]})
        );
    }
}
