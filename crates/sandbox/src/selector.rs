//! Label and field selectors, from query text and from `LabelSelector` documents.

use serde_json::Value;

use crate::json::Json;
use crate::status::Status;

/// A conjunction of requirements on labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Greater(i64),
    Less(i64),
}

impl LabelSelector {
    /// Reads query text such as `a=b,c in (d,e),!f`.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut requirements = Vec::new();
        for part in split_outside_parens(text) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            requirements.push(requirement(part).ok_or_else(|| {
                Status::bad_request(format!("unable to parse requirement: couldn't parse the selector string \"{text}\": found '{part}'"))
            })?);
        }
        Ok(Self { requirements })
    }

    /// Reads a `LabelSelector` document; an absent one selects nothing, an empty one everything.
    pub fn from_value(selector: Option<&Value>) -> Option<Self> {
        let selector = selector.filter(|selector| selector.is_object())?;
        let mut requirements = equalities(selector.get("matchLabels"));
        for expression in selector.items(&["matchExpressions"]) {
            let values = || {
                expression
                    .items(&["values"])
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let test = match expression.text(&["operator"]) {
                "In" => Test::In(values()),
                "NotIn" => Test::NotIn(values()),
                "Exists" => Test::Exists,
                _ => Test::Absent,
            };
            requirements.push(Requirement {
                key: expression.text(&["key"]).to_owned(),
                test,
            });
        }
        Some(Self { requirements })
    }

    /// Reads the plain map of a Service's selector; an absent or empty one selects nothing.
    pub fn from_map(map: Option<&Value>) -> Option<Self> {
        let requirements = equalities(map);
        (!requirements.is_empty()).then_some(Self { requirements })
    }

    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    pub fn matches(&self, object: &Value) -> bool {
        let labels = object.at(&["metadata", "labels"]);
        self.matches_labels(labels)
    }

    pub fn matches_labels(&self, labels: Option<&Value>) -> bool {
        let find = |key: &str| {
            labels
                .and_then(|labels| labels.get(key))
                .and_then(Value::as_str)
        };
        self.requirements.iter().all(|requirement| {
            let value = find(&requirement.key);
            match &requirement.test {
                Test::In(values) => {
                    value.is_some_and(|value| values.iter().any(|one| one == value))
                }
                Test::NotIn(values) => {
                    value.is_none_or(|value| !values.iter().any(|one| one == value))
                }
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::Greater(bound) => value
                    .and_then(|value| value.parse::<i64>().ok())
                    .is_some_and(|value| value > *bound),
                Test::Less(bound) => value
                    .and_then(|value| value.parse::<i64>().ok())
                    .is_some_and(|value| value < *bound),
            }
        })
    }

    /// The selector as query text, as `status.selector` of a scale shows it.
    pub fn to_text(&self) -> String {
        let parts = self.requirements.iter().map(|requirement| {
            let key = &requirement.key;
            match &requirement.test {
                Test::In(values) if values.len() == 1 => format!("{key}={}", values[0]),
                Test::In(values) => format!("{key} in ({})", values.join(",")),
                Test::NotIn(values) => format!("{key} notin ({})", values.join(",")),
                Test::Exists => key.clone(),
                Test::Absent => format!("!{key}"),
                Test::Greater(bound) => format!("{key}>{bound}"),
                Test::Less(bound) => format!("{key}<{bound}"),
            }
        });
        parts.collect::<Vec<_>>().join(",")
    }
}

fn equalities(map: Option<&Value>) -> Vec<Requirement> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(key, value)| {
            Some(Requirement {
                key: key.clone(),
                test: Test::In(vec![value.as_str()?.to_owned()]),
            })
        })
        .collect()
}

fn split_outside_parens(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (index, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn requirement(part: &str) -> Option<Requirement> {
    let make = |key: &str, test| {
        let key = key.trim();
        let legal = !key.is_empty()
            && key
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter));
        legal.then(|| Requirement {
            key: key.to_owned(),
            test,
        })
    };
    if let Some(key) = part.strip_prefix('!') {
        return make(key, Test::Absent);
    }
    if let Some(body) = part.strip_suffix(')') {
        let (head, values) = body.split_once('(')?;
        let values: Vec<_> = values
            .split(',')
            .map(|value| value.trim().to_owned())
            .collect();
        let (key, word) = head.trim().rsplit_once(char::is_whitespace)?;
        return match word {
            "in" => make(key, Test::In(values)),
            "notin" => make(key, Test::NotIn(values)),
            _ => None,
        };
    }
    for (operator, negated) in [("!=", true), ("==", false), ("=", false)] {
        if let Some((key, value)) = part.split_once(operator) {
            let values = vec![value.trim().to_owned()];
            return make(
                key,
                if negated {
                    Test::NotIn(values)
                } else {
                    Test::In(values)
                },
            );
        }
    }
    if let Some((key, bound)) = part.split_once('>') {
        return make(key, Test::Greater(bound.trim().parse().ok()?));
    }
    if let Some((key, bound)) = part.split_once('<') {
        return make(key, Test::Less(bound.trim().parse().ok()?));
    }
    make(part, Test::Exists)
}

/// A conjunction of equalities on a few fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector {
    terms: Vec<FieldTerm>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldTerm {
    path: String,
    value: String,
    equal: bool,
}

/// Fields other than name and namespace that may be selected, by resource.
fn selectable(resource: &str) -> &'static [&'static str] {
    match resource {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "events" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "namespaces" => &["status.phase"],
        "secrets" => &["type"],
        "nodes" => &["spec.unschedulable"],
        "services" => &["spec.clusterIP", "spec.type"],
        "replicasets.apps" => &["status.replicas"],
        "jobs.batch" => &["status.successful"],
        _ => &[],
    }
}

impl FieldSelector {
    pub fn parse(text: &str, resource: &str) -> Result<Self, Status> {
        let mut terms = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (path, value, equal) = [("!=", false), ("==", true), ("=", true)]
                .into_iter()
                .find_map(|(operator, equal)| {
                    part.split_once(operator)
                        .map(|(path, value)| (path.trim(), value.trim(), equal))
                })
                .ok_or_else(|| {
                    Status::bad_request(format!(
                        "invalid selector: '{text}'; can't understand '{part}'"
                    ))
                })?;
            if !matches!(path, "metadata.name" | "metadata.namespace")
                && !selectable(resource).contains(&path)
            {
                return Err(Status::bad_request(format!(
                    "field label not supported: {path}"
                )));
            }
            terms.push(FieldTerm {
                path: path.to_owned(),
                value: value.to_owned(),
                equal,
            });
        }
        Ok(Self { terms })
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub fn matches(&self, object: &Value) -> bool {
        self.terms.iter().all(|term| {
            let path: Vec<_> = match term.path.as_str() {
                "source" => vec!["source", "component"],
                "status.successful" => vec!["status", "succeeded"],
                path => path.split('.').collect(),
            };
            let found = match object.at(&path) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => String::new(),
                Some(other) => other.to_string(),
            };
            (found == term.value) == term.equal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_selectors_select_as_kubernetes_documents() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "front", "n": "7"}}});
        for (text, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier!=back", true),
            ("app in (api, web)", true),
            ("app notin (api,web)", false),
            ("other notin (x)", true),
            ("other!=x", true),
            ("tier", true),
            ("!tier", false),
            ("n>6,n<8", true),
            ("n>7", false),
        ] {
            assert_eq!(
                LabelSelector::parse(text).unwrap().matches(&object),
                expected,
                "{text}"
            );
        }
        assert_eq!(LabelSelector::parse("a b").unwrap_err().code, 400);
    }

    #[test]
    fn field_selectors_know_their_fields() {
        let pod = json!({"metadata": {"name": "a"}, "status": {"phase": "Running"}});
        assert!(
            FieldSelector::parse("status.phase=Running,metadata.name!=b", "pods")
                .unwrap()
                .matches(&pod)
        );
        let refusal = FieldSelector::parse("spec.image=x", "pods").unwrap_err();
        assert_eq!(refusal.message, "field label not supported: spec.image");
    }
}
