//! Label selectors of objects (not of requests).

use serde_json::Value;

use super::record::Labels;

/// A selector of pods by their labels.
#[derive(Debug)]
pub(super) struct Selector {
    labels: Labels,
    expressions: Vec<Expression>,
}

#[derive(Debug)]
struct Expression {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    /// One that did not exist when this was written; it selects nothing.
    Unknown,
}

impl Selector {
    /// Reads a `LabelSelector`; an empty one selects everything.
    pub(super) fn of(value: &Value) -> Self {
        let texts = |value: &Value| {
            let list = value.as_array().into_iter().flatten();
            list.filter_map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        let pairs = value["matchLabels"].as_object().into_iter().flatten();
        let expressions = value["matchExpressions"].as_array().into_iter().flatten();
        Self {
            labels: pairs
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
            expressions: expressions
                .map(|expression| Expression {
                    key: expression["key"].as_str().unwrap_or_default().to_owned(),
                    operator: match expression["operator"].as_str() {
                        Some("In") => Operator::In,
                        Some("NotIn") => Operator::NotIn,
                        Some("Exists") => Operator::Exists,
                        Some("DoesNotExist") => Operator::DoesNotExist,
                        _ => Operator::Unknown,
                    },
                    values: texts(&expression["values"]),
                })
                .collect(),
        }
    }

    /// Whether it selects what has these labels.
    pub(super) fn selects(&self, labels: &Labels) -> bool {
        covers(labels, &self.labels)
            && self.expressions.iter().all(|expression| {
                let value = labels.get(&expression.key);
                let listed = value.is_some_and(|value| expression.values.contains(value));
                match expression.operator {
                    Operator::In => listed,
                    Operator::NotIn => !listed,
                    Operator::Exists => value.is_some(),
                    Operator::DoesNotExist => value.is_none(),
                    Operator::Unknown => false,
                }
            })
    }
}

/// Whether every wanted pair is there.
pub(super) fn covers(labels: &Labels, wanted: &Labels) -> bool {
    wanted
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_select_as_kubernetes_does() {
        let labels: Labels = [("app", "web"), ("tier", "front")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let expression = |key: &str, operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        let table = [
            (json!({}), true),
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "api"}}), false),
            (expression("app", "In", &["api", "web"]), true),
            (expression("app", "In", &["api"]), false),
            (expression("app", "NotIn", &["api"]), true),
            (expression("zone", "NotIn", &["a"]), true),
            (expression("zone", "Exists", &[]), false),
            (expression("zone", "DoesNotExist", &[]), true),
            (expression("app", "Near", &["web"]), false),
        ];
        for (selector, expected) in table {
            assert_eq!(
                Selector::of(&selector).selects(&labels),
                expected,
                "{selector}"
            );
        }
    }
}
