//! Label selectors of a stage: which of the manifests being deployed are sent (`kubectl apply -l`).

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// One condition on the labels of an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// How the label is compared.
    pub kind: SelectorKind,
    /// The label.
    pub key: String,
    /// The values it is compared with.
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SelectorKind {
    /// Everything fits.
    #[default]
    Any,
    /// It is that value.
    Equals,
    /// It is not that value, or is not there.
    NotEquals,
    /// It is one of the values.
    Contains,
    /// It is none of the values, or is not there.
    NotContains,
    /// It is there.
    Exists,
    /// It is not there.
    NotExists,
}

impl Default for LabelSelector {
    fn default() -> Self {
        Self {
            kind: SelectorKind::Any,
            key: String::new(),
            values: Vec::new(),
        }
    }
}

impl LabelSelector {
    /// Whether the labels of an object fit.
    pub fn fits(&self, object: &Value) -> bool {
        let labels = object
            .get("metadata")
            .and_then(|metadata| metadata.get("labels"));
        let label = labels
            .and_then(|labels| labels.get(&self.key))
            .and_then(Value::as_str);
        let listed = || label.is_some_and(|label| self.values.iter().any(|value| value == label));
        match self.kind {
            SelectorKind::Any => true,
            SelectorKind::Equals => listed(),
            SelectorKind::NotEquals => !listed(),
            SelectorKind::Contains => listed(),
            SelectorKind::NotContains => !listed(),
            SelectorKind::Exists => label.is_some(),
            SelectorKind::NotExists => label.is_none(),
        }
    }
}

/// As `kubectl` and the API write it.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, key, values } = self;
        let first = values.first().map_or("", String::as_str);
        let list = values.join(", ");
        match kind {
            SelectorKind::Any => Ok(()),
            SelectorKind::Equals => write!(f, "{key} = {first}"),
            SelectorKind::NotEquals => write!(f, "{key} != {first}"),
            SelectorKind::Contains => write!(f, "{key} in ({list})"),
            SelectorKind::NotContains => write!(f, "{key} notin ({list})"),
            SelectorKind::Exists => write!(f, "{key}"),
            SelectorKind::NotExists => write!(f, "!{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_are_compared() {
        let object = json!({"metadata": {"labels": {"app": "web"}}});
        let table = [
            ("ANY", "x", vec![], true, ""),
            ("EQUALS", "app", vec!["web"], true, "app = web"),
            ("EQUALS", "tier", vec!["web"], false, "tier = web"),
            ("NOT_EQUALS", "app", vec!["web"], false, "app != web"),
            ("NOT_EQUALS", "tier", vec!["web"], true, "tier != web"),
            ("CONTAINS", "app", vec!["a", "web"], true, "app in (a, web)"),
            ("NOT_CONTAINS", "app", vec!["a"], true, "app notin (a)"),
            ("EXISTS", "app", vec![], true, "app"),
            ("EXISTS", "tier", vec![], false, "tier"),
            ("NOT_EXISTS", "tier", vec![], true, "!tier"),
        ];
        for (kind, key, values, expected, shown) in table {
            let selector: LabelSelector =
                serde_json::from_value(json!({"kind": kind, "key": key, "values": values}))
                    .unwrap();
            assert_eq!(selector.fits(&object), expected, "{selector:?}");
            assert_eq!(selector.to_string(), shown);
        }
    }
}
