//! Payload constraints (Echo's `ArtifactMatcher`).

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use spindrift_model::{Map, Value};

use super::pattern::Pattern;
use super::rejection::Rejection;

/// Characters of a payload value that a pattern looks at.
const MAX_VALUE: usize = 64 * 1024;

/// One `key: pattern` of `payloadConstraints`.
#[derive(Debug, Clone)]
pub struct Constraint {
    key: String,
    path: Path,
    /// `None`: the key must be there, whatever it says.
    value: Option<Pattern>,
}

#[derive(Debug, Clone)]
enum Path {
    /// Member names only.
    Members(Vec<String>),
    /// Anything else that JSONPath knows; `list` says that it can find several values.
    Query { query: Box<JpQuery>, list: bool },
    /// Not a path: only a member of that very name can be meant.
    None,
}

/// Where a key is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// A member of the payload, else a JSONPath into it (webhooks).
    Nested,
    /// A member of the payload (message buses, builds).
    Top,
}

impl Constraint {
    /// Reads `payloadConstraints`. A list as a value is Java's text of it, which as a pattern is a class of characters.
    pub(super) fn parse_all(constraints: &Map) -> Vec<Self> {
        let parse = |(key, value): (&String, &Value)| Self {
            key: key.clone(),
            path: parse_path(key),
            value: java_text(value).map(|text| Pattern::part(&text)),
        };
        constraints.iter().map(parse).collect()
    }

    /// The member or path it is about.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The pattern, unless only presence is asked for.
    pub fn pattern(&self) -> Option<&Pattern> {
        self.value.as_ref()
    }

    pub(super) fn check(&self, payload: &Value, reach: Reach) -> Result<(), Rejection> {
        let missing = || Rejection::ConstraintMissing {
            key: self.key.clone(),
        };
        let member = payload.get(&self.key).filter(|value| !value.is_null());
        let Some(pattern) = &self.value else {
            return member.map(|_| ()).ok_or_else(missing);
        };
        let text = match (member, reach) {
            (Some(value), _) => java_text(value).ok_or_else(missing)?,
            (None, Reach::Top) => return Err(missing()),
            (None, Reach::Nested) => self.find(payload)?,
        };
        let text = match text.char_indices().nth(MAX_VALUE) {
            Some((end, _)) => &text[..end],
            None => &text,
        };
        match pattern.matches(text) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Rejection::ConstraintDiffers {
                key: self.key.clone(),
            }),
            Err(error) => Err(Rejection::BadPattern {
                field: format!("payloadConstraints.{}", self.key),
                error,
            }),
        }
    }

    /// The text of what the path finds: a text, a number, a boolean, or a list of texts.
    fn find(&self, payload: &Value) -> Result<String, Rejection> {
        let missing = || Rejection::ConstraintMissing {
            key: self.key.clone(),
        };
        let not_text = || Rejection::ConstraintNotText {
            key: self.key.clone(),
        };
        match &self.path {
            Path::None => Err(missing()),
            Path::Members(names) => {
                let found = names
                    .iter()
                    .try_fold(payload, |value, name| value.as_object()?.get(name));
                let value = found.filter(|value| !value.is_null()).ok_or_else(missing)?;
                simple_text(value).ok_or_else(not_text)
            }
            Path::Query { query, list } => {
                let found = js_path_process(query, payload).map_err(|_| missing())?;
                let values: Vec<Value> =
                    found.into_iter().map(|found| found.val().clone()).collect();
                match (values.as_slice(), list) {
                    ([], _) => Err(missing()),
                    ([value], false) => simple_text(value).ok_or_else(not_text),
                    _ => simple_text(&Value::Array(values)).ok_or_else(not_text),
                }
            }
        }
    }
}

fn parse_path(key: &str) -> Path {
    let rooted = match key.starts_with('$') {
        true => key.to_owned(),
        // Jayway, which Echo uses, takes "a.b" for "$.a.b".
        false => format!("$.{key}"),
    };
    let is_name = |name: &str| {
        let first_ok = !name.starts_with(|c: char| c.is_ascii_digit());
        first_ok
            && !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    if let Some(names) = rooted.strip_prefix("$.")
        && names.split('.').all(is_name)
    {
        return Path::Members(names.split('.').map(str::to_owned).collect());
    }
    let list = rooted.contains("..")
        || rooted.contains('*')
        || rooted.contains('?')
        || rooted.contains([',', ':']);
    match parse_json_path(&rooted) {
        Ok(query) => Path::Query {
            query: Box::new(query),
            list,
        },
        Err(_) => Path::None,
    }
}

fn simple_text(value: &Value) -> Option<String> {
    match value {
        Value::Array(list) if list.iter().all(Value::is_string) => java_text(value),
        Value::Array(_) | Value::Object(_) | Value::Null => None,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => java_text(value),
    }
}

/// Java's text of a value: lists are `[a, b]`, objects `{k=v}`.
pub(super) fn java_text(value: &Value) -> Option<String> {
    let part = |value: &Value| java_text(value).unwrap_or_else(|| "null".to_owned());
    match value {
        Value::Null => None,
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => {
            let parts: Vec<String> = list.iter().map(part).collect();
            Some(format!("[{}]", parts.join(", ")))
        }
        Value::Object(map) => {
            let parts: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}={}", part(value)))
                .collect();
            Some(format!("{{{}}}", parts.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_members_or_paths() {
        let payload = json!({
            "a": "text", "a.b": "dotted", "n": 3, "null": null, "list": ["x.yml", "y.md"], "obj": {"k": "v", "n": {"m": true}},
            "items": [{"name": "one"}, {"name": "two"}], "it's": "quoted"
        });
        let table = [
            ("a", json!("tex"), "ok"),
            ("a", json!("^tex$"), "differs"),
            ("a.b", json!("dotted"), "ok"),
            ("n", json!("3"), "ok"),
            ("n", json!(3), "ok"),
            ("null", json!(".*"), "missing"),
            ("null", Value::Null, "missing"),
            ("a", Value::Null, "ok"),
            ("obj", json!("k=v"), "ok"),
            ("$.obj", json!("k=v"), "not text"),
            ("obj.k", json!("v"), "ok"),
            ("$.obj.n.m", json!("true"), "ok"),
            ("$.items", json!("one"), "not text"),
            ("$.items[*].name", json!("two"), "ok"),
            ("$.items[1].name", json!("^two$"), "ok"),
            ("$.items[9].name", json!("two"), "missing"),
            ("$..name", json!("one, two"), "ok"),
            ("$.items[?(@.name == 'one')].name", json!("one"), "ok"),
            ("$['it\\'s']", json!("quoted"), "ok"),
            (
                "list",
                json!("[x.yml, y.md]".replace('[', "\\[").replace(']', "\\]")),
                "ok",
            ),
            ("changes[a].value", json!(".*"), "missing"),
            ("$.", json!(".*"), "missing"),
            ("a", json!("[broken"), "bad"),
        ];
        for (key, value, expected) in table {
            let map = Map::from_iter([(key.to_owned(), value)]);
            let outcome = Constraint::parse_all(&map)[0].check(&payload, Reach::Nested);
            let found = match outcome {
                Ok(()) => "ok",
                Err(Rejection::ConstraintMissing { .. }) => "missing",
                Err(Rejection::ConstraintDiffers { .. }) => "differs",
                Err(Rejection::ConstraintNotText { .. }) => "not text",
                Err(Rejection::BadPattern { .. }) => "bad",
                Err(other) => panic!("{key}: {other}"),
            };
            assert_eq!(found, expected, "{key}");
        }
    }
}
