//! Applications as people describe them (Front50's `Application`).
//!
//! An application is a document of attributes; what the engine reads in it is read into typed fields once. Names are shown in
//! lower case and compared without regard to case.

use crate::json::{Map, Value};
use crate::problem::{Pointer, Problem};

/// A rule that keeps somebody from taking away what serves traffic (Front50's `TrafficGuard`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficGuard {
    /// The account it is about; `*`: any.
    pub account: String,
    /// The region or namespace it is about; `*`: any.
    pub location: String,
    /// The stack it is about; `*`: any, empty: none.
    pub stack: String,
    /// The detail it is about; `*`: any, empty: none.
    pub detail: String,
    /// Whether it is in force.
    pub enabled: bool,
}

/// An application.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// Its name, in lower case.
    pub name: String,
    /// Its attributes, every one of them.
    pub attributes: Map,
    /// Where it is deployed to.
    pub cloud_providers: Vec<String>,
    /// What may not be taken away.
    pub traffic_guards: Vec<TrafficGuard>,
}

/// What the name of an application may be where a provider makes something of it.
struct NameRule {
    provider: &'static str,
    longest: usize,
    /// Characters besides ASCII letters and digits.
    more: &'static str,
    letter_first: bool,
}

/// Orca's `ApplicationNameValidator`.
const NAME_RULES: [NameRule; 8] = [
    rule("kubernetes", 63, "-", true),
    rule("gce", 63, "", true),
    rule("appengine", 58, "", false),
    rule("dcos", 127, "", false),
    rule("aws", 250, "_.", false),
    rule("ecs", 250, "_.", false),
    rule("titus", 250, "_.", false),
    rule("tencentcloud", 50, "_.-", false),
];

const fn rule(
    provider: &'static str,
    longest: usize,
    more: &'static str,
    letter_first: bool,
) -> NameRule {
    NameRule {
        provider,
        longest,
        more,
        letter_first,
    }
}

impl NameRule {
    fn accepts(&self, name: &str) -> bool {
        let first = name.chars().next();
        name.chars().count() <= self.longest
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || self.more.contains(c))
            && (!self.letter_first || first.is_some_and(|c| c.is_ascii_alphabetic()))
    }

    fn describe(&self) -> String {
        let mut text = "letters and digits".to_owned();
        for extra in self.more.chars() {
            text.push_str(&format!(" and '{extra}'"));
        }
        if self.letter_first {
            text.push_str(", a letter first");
        }
        format!("{text}, at most {} characters", self.longest)
    }
}

/// The longest name where no provider says otherwise.
const LONGEST_NAME: usize = 250;

impl Application {
    /// Reads an application and says everything that is wrong with it.
    ///
    /// Errors: it has no name or e-mail address, one of its providers cannot take its name, or a member has the wrong shape.
    pub fn parse(mut attributes: Map) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let name = text(&attributes, "name").unwrap_or_default();
        let cloud_providers = providers(&attributes, &mut problems);
        check_name(&name, &cloud_providers, &mut problems);
        if text(&attributes, "email").is_none() {
            problems.push(wrong(
                "email",
                "empty",
                "Application must have a non-empty email",
            ));
        }
        check_permissions(&attributes, &mut problems);
        let traffic_guards = traffic_guards(&attributes, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let name = name.to_lowercase();
        attributes.insert("name".to_owned(), name.clone().into());
        if attributes.contains_key("cloudProviders") {
            // Deck sends a list, and reads a text.
            attributes.insert(
                "cloudProviders".to_owned(),
                cloud_providers.join(",").into(),
            );
        }
        Ok(Self {
            name,
            attributes,
            cloud_providers,
            traffic_guards,
        })
    }

    /// What the attributes are after a change: those that the change leaves out stay, and one that it sets to null goes, except
    /// that name, e-mail address, providers and description stay (Front50's `ApplicationService`).
    pub fn merged(current: Option<&Map>, change: Map) -> Map {
        const KEPT: [&str; 4] = ["name", "email", "cloudProviders", "description"];
        let mut merged = current.cloned().unwrap_or_default();
        for (key, value) in change {
            if !value.is_null() {
                merged.insert(key, value);
            } else if !KEPT.contains(&key.as_str()) {
                merged.shift_remove(&key);
            }
        }
        merged
    }

    /// The name of an application in a document, trimmed; `None` when it has none.
    pub fn name_in(attributes: &Map) -> Option<String> {
        text(attributes, "name")
    }
}

fn wrong(key: &str, code: &str, message: impl Into<String>) -> Problem {
    let code = format!("application.{key}.{code}");
    Problem::error(Pointer::root().key(key), &code, message)
}

fn text(map: &Map, key: &str) -> Option<String> {
    let text = map.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn check_name(name: &str, providers: &[String], problems: &mut Vec<Problem>) {
    if name.is_empty() {
        let message = "Application must have a non-empty name";
        problems.push(wrong("name", "empty", message));
        return;
    }
    if name.chars().count() > LONGEST_NAME || name.chars().any(|c| c.is_control() || c == '/') {
        problems.push(wrong(
            "name",
            "invalid",
            format!(
                "the application name {name:?} cannot be used: at most {LONGEST_NAME} characters, no '/' and no control character"
            ),
        ));
        return;
    }
    for provider in providers {
        let rule = NAME_RULES.iter().find(|rule| rule.provider == provider);
        if let Some(rule) = rule.filter(|rule| !rule.accepts(name)) {
            problems.push(wrong(
                "name",
                "invalid",
                format!(
                    "the application name {name:?} cannot be used with {provider}: {}",
                    rule.describe()
                ),
            ));
        }
    }
}

fn providers(attributes: &Map, problems: &mut Vec<Problem>) -> Vec<String> {
    let list: Vec<&str> = match attributes.get("cloudProviders") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).collect()
        }
        Some(_) => {
            problems.push(wrong(
                "cloudProviders",
                "shape",
                "cloudProviders is a text such as \"kubernetes\", with commas between several",
            ));
            Vec::new()
        }
    };
    let trimmed = list.into_iter().map(str::trim);
    trimmed
        .filter(|provider| !provider.is_empty())
        .map(str::to_owned)
        .collect()
}

fn check_permissions(attributes: &Map, problems: &mut Vec<Problem>) {
    const KINDS: [&str; 4] = ["READ", "WRITE", "EXECUTE", "CREATE"];
    let mut refuse = |message: String| problems.push(wrong("permissions", "shape", message));
    let permissions = match attributes.get("permissions") {
        None | Some(Value::Null) => return,
        Some(Value::Object(permissions)) => permissions,
        Some(_) => {
            return refuse("permissions is an object of lists of roles".to_owned());
        }
    };
    for (kind, roles) in permissions {
        if !KINDS.contains(&kind.as_str()) {
            refuse(format!(
                "there is no permission {kind:?}; there are {}",
                KINDS.join(", ")
            ));
        }
        let is_list = roles
            .as_array()
            .is_some_and(|roles| roles.iter().all(Value::is_string));
        if !is_list && !roles.is_null() {
            refuse(format!("the permission {kind} is a list of roles"));
        }
    }
}

fn traffic_guards(attributes: &Map, problems: &mut Vec<Problem>) -> Vec<TrafficGuard> {
    let list = match attributes.get("trafficGuards") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(_) => {
            problems.push(wrong(
                "trafficGuards",
                "shape",
                "trafficGuards is a list of guards",
            ));
            return Vec::new();
        }
    };
    let pointer = Pointer::root().key("trafficGuards");
    let mut guards = Vec::new();
    for (position, guard) in list.iter().enumerate() {
        let place = pointer.index(position);
        let Some(guard) = guard.as_object() else {
            problems.push(Problem::error(
                place,
                "application.trafficGuards.shape",
                "a traffic guard is an object with account and location",
            ));
            continue;
        };
        for key in ["account", "location"] {
            if text(guard, key).is_none() {
                problems.push(Problem::error(
                    place.key(key),
                    "application.trafficGuards.incomplete",
                    format!("a traffic guard needs {key}; \"*\" means any"),
                ));
            }
        }
        guards.push(TrafficGuard {
            account: text(guard, "account").unwrap_or_default(),
            location: text(guard, "location").unwrap_or_default(),
            stack: text(guard, "stack").unwrap_or_default(),
            detail: text(guard, "detail").unwrap_or_default(),
            // One that does not say is in force, as Spinnaker's are.
            enabled: guard
                .get("enabled")
                .and_then(Value::as_bool)
                .unwrap_or(true),
        });
    }
    guards
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map {
        value.as_object().cloned().unwrap()
    }

    fn problems(value: Value) -> Vec<String> {
        match Application::parse(map(value)) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn names_follow_the_rules_of_each_provider() {
        let long = "a".repeat(64);
        let table = [
            ("shop", "kubernetes", true),
            ("Shop-2", "kubernetes", true),
            ("2shop", "kubernetes", false),
            ("my_shop", "kubernetes", false),
            (long.as_str(), "kubernetes", false),
            ("my-shop", "gce", false),
            ("my_shop.eu", "aws", true),
            ("my-shop", "aws", false),
            ("my_shop", "", true),
            ("my shop", "somewhere", true),
            ("my_shop", "aws, kubernetes", false),
            ("a/b", "", false),
        ];
        for (name, providers, accepted) in table {
            let found =
                problems(json!({"name": name, "email": "a@b", "cloudProviders": providers}));
            assert_eq!(found.is_empty(), accepted, "{name} {providers}: {found:?}");
        }
        insta::assert_snapshot!(
            problems(json!({"name": "my_shop", "email": "a@b", "cloudProviders": ["kubernetes"]})).join("\n"),
            @r#"/name: the application name "my_shop" cannot be used with kubernetes: letters and digits and '-', a letter first, at most 63 characters"#
        );
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        insta::assert_snapshot!(problems(json!({
            "name": " ", "cloudProviders": 3, "permissions": {"READ": "all", "GRANT": []},
            "trafficGuards": [1, {"account": "a"}],
        })).join("\n"), @r#"
        /cloudProviders: cloudProviders is a text such as "kubernetes", with commas between several
        /name: Application must have a non-empty name
        /email: Application must have a non-empty email
        /permissions: the permission READ is a list of roles
        /permissions: there is no permission "GRANT"; there are READ, WRITE, EXECUTE, CREATE
        /trafficGuards/0: a traffic guard is an object with account and location
        /trafficGuards/1/location: a traffic guard needs location; "*" means any
        "#);
    }

    #[test]
    fn a_change_keeps_what_it_leaves_out() {
        let current =
            map(json!({"name": "shop", "email": "a@b", "instancePort": 80, "owner": "ann"}));
        let change = map(json!({"name": "shop", "email": null, "instancePort": null, "port": 1}));
        assert_eq!(
            Value::Object(Application::merged(Some(&current), change)),
            json!({"name": "shop", "email": "a@b", "owner": "ann", "port": 1})
        );
    }

    #[test]
    fn guards_are_read() {
        let application = Application::parse(map(json!({
            "name": "Shop", "email": "a@b", "cloudProviders": ["kubernetes", "aws"],
            "trafficGuards": [{"account": "prod", "location": "*", "stack": "main", "enabled": false}],
        })))
        .unwrap();
        assert_eq!(application.name, "shop");
        assert_eq!(application.attributes["cloudProviders"], "kubernetes,aws");
        let guard = &application.traffic_guards[0];
        assert_eq!(
            (guard.stack.as_str(), guard.detail.as_str(), guard.enabled),
            ("main", "", false)
        );
    }
}
