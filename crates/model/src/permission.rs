//! Who may do what with an application (Fiat's rules).
//!
//! The attribute `permissions` lists roles under `READ`, `WRITE`, `EXECUTE` and `CREATE`; the older `requiredGroupMembership`
//! lists roles that have both `READ` and `WRITE`. An application that names no role at all is everybody's. Roles are compared
//! without regard to case and surrounding spaces.

use std::fmt;

use crate::json::{Map, Value};

/// What somebody wants to do with an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Look at it.
    Read,
    /// Change it and its pipelines.
    Write,
    /// Start its pipelines and decide about their runs. Where no role has it, those who may read have it (Fiat's
    /// `executeFallback`).
    Execute,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Permission {
    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Permission::Read => "READ",
            Permission::Write => "WRITE",
            Permission::Execute => "EXECUTE",
        }
    }

    /// The roles that have it with an application of these attributes, in lower case; `None`: everybody has it.
    pub fn roles_in(self, attributes: &Map) -> Option<Vec<String>> {
        let permissions = attributes.get("permissions").and_then(Value::as_object);
        let lists = permissions.into_iter().flat_map(Map::values);
        let members = roles(attributes.get("requiredGroupMembership"));
        if members.is_empty() && lists.map(Some).all(|list| roles(list).is_empty()) {
            return None;
        }
        let listed = |permission: Permission| {
            let list = permissions.and_then(|permissions| permissions.get(permission.name()));
            let mut listed = roles(list);
            if permission != Permission::Execute {
                listed.extend(members.iter().cloned());
            }
            listed
        };
        let own = listed(self);
        let falls_back = own.is_empty() && self == Permission::Execute;
        Some(if falls_back {
            listed(Permission::Read)
        } else {
            own
        })
    }
}

/// The roles of a list that say something.
fn roles(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    let names = list.filter_map(Value::as_str).map(normal_role);
    names.filter(|role| !role.is_empty()).collect()
}

/// A role as it is compared.
pub fn normal_role(role: &str) -> String {
    role.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn roles_have_what_the_attributes_say() {
        type Roles<'r> = Option<&'r [&'r str]>;
        let table: [(Value, [Roles<'_>; 3]); 9] = [
            (json!({}), [None, None, None]),
            (json!({"permissions": null}), [None, None, None]),
            (
                json!({"permissions": {"READ": [], "WRITE": null}}),
                [None, None, None],
            ),
            (json!({"permissions": {"READ": [" "]}}), [None, None, None]),
            (
                json!({"permissions": {"READ": ["Viewers "]}}),
                [Some(&["viewers"]), Some(&[]), Some(&["viewers"])],
            ),
            (
                json!({"permissions": {"WRITE": ["devs"]}}),
                [Some(&[]), Some(&["devs"]), Some(&[])],
            ),
            (
                json!({"permissions": {"READ": ["a"], "WRITE": ["b"], "EXECUTE": ["c"]}}),
                [Some(&["a"]), Some(&["b"]), Some(&["c"])],
            ),
            (
                json!({"permissions": {"CREATE": ["a"]}}),
                [Some(&[]), Some(&[]), Some(&[])],
            ),
            (
                json!({"requiredGroupMembership": ["a"], "permissions": {"EXECUTE": ["b"]}}),
                [Some(&["a"]), Some(&["a"]), Some(&["b"])],
            ),
        ];
        for (attributes, expected) in table {
            let map = attributes.as_object().unwrap();
            let found = [Permission::Read, Permission::Write, Permission::Execute]
                .map(|permission| permission.roles_in(map));
            let expected = expected.map(|roles| {
                roles.map(|roles| roles.iter().map(ToString::to_string).collect::<Vec<_>>())
            });
            assert_eq!(found, expected, "{attributes}");
        }
    }
}
