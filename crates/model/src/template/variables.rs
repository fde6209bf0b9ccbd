//! The variables of a template: their types, their defaults, and what a pipeline gives them.

use super::wrong;
use crate::json::{Map, Value};
use crate::problem::{Pointer, Problem};

/// What a variable may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableKind {
    /// A text.
    String,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// A list.
    List,
    /// Anything.
    Object,
}

impl VariableKind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_lowercase().as_str() {
            "string" => Self::String,
            "int" | "integer" => Self::Int,
            "float" | "double" => Self::Float,
            "bool" | "boolean" => Self::Boolean,
            "list" => Self::List,
            "object" => Self::Object,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Object => "object",
        }
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Int => {
                value.is_i64()
                    || value.is_u64()
                    || value.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            Self::Float => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => true,
        }
    }
}

/// A variable of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateVariable {
    /// Its name: letters, digits and underscores.
    pub name: String,
    /// What it may be.
    pub kind: VariableKind,
    /// What it is when a pipeline does not say.
    pub default: Option<Value>,
    /// Whether it may be null or left out.
    pub nullable: bool,
}

/// Reads the variables of a template and everything that is wrong with them.
pub(super) fn read(document: &Map, problems: &mut Vec<Problem>) -> Vec<TemplateVariable> {
    let place = Pointer::root().key("variables");
    let list = match document.get("variables") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(_) => {
            problems.push(wrong(
                place,
                "variables",
                "variables is a list of variables",
            ));
            return Vec::new();
        }
    };
    let mut variables: Vec<TemplateVariable> = Vec::new();
    for (position, written) in list.iter().enumerate() {
        let place = place.index(position);
        match one(written, &place) {
            Ok(variable) if variables.iter().any(|other| other.name == variable.name) => {
                let message = format!("there are two variables {:?}", variable.name);
                problems.push(wrong(place.key("name"), "variables", message));
            }
            Ok(variable) => variables.push(variable),
            Err(problem) => problems.push(problem),
        }
    }
    variables
}

fn one(written: &Value, place: &Pointer) -> Result<TemplateVariable, Problem> {
    let name = written
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_word) {
        let message = format!(
            "the variable name {name:?} is none: letters, digits and underscores are allowed"
        );
        return Err(wrong(place.key("name"), "variables", message));
    }
    let kind = match written.get("type") {
        None | Some(Value::Null) => VariableKind::Object,
        Some(kind) => kind.as_str().and_then(VariableKind::parse).ok_or_else(|| {
            wrong(
                place.key("type"),
                "variables",
                format!(
                    "variable {name:?} has the type {kind}; there are string, int, float, boolean, list and object"
                ),
            )
        })?,
    };
    let default = written.get("defaultValue").filter(|value| !value.is_null());
    if let Some(default) = default.filter(|default| !kind.accepts(default)) {
        return Err(wrong(
            place.key("defaultValue"),
            "variables",
            format!(
                "the default of variable {name:?}: {}",
                expected(kind, default)
            ),
        ));
    }
    Ok(TemplateVariable {
        name: name.to_owned(),
        kind,
        default: default.map(|value| whole(kind, value)),
        nullable: written
            .get("nullable")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    })
}

/// The values of the variables in a pipeline. What the template does not declare is left out, with a warning.
pub(super) fn values(
    variables: &[TemplateVariable],
    given: &Map,
    problems: &mut Vec<Problem>,
) -> Map {
    let place = Pointer::root().key("variables");
    let mut values = Map::new();
    let mut missing = Vec::new();
    for variable in variables {
        let name = &variable.name;
        match (given.get(name), &variable.default) {
            (Some(Value::Null) | None, Some(default)) => {
                values.insert(name.clone(), default.clone());
            }
            (Some(Value::Null) | None, None) if variable.nullable => {
                values.insert(name.clone(), Value::Null);
            }
            (Some(Value::Null) | None, None) => missing.push(name.as_str()),
            (Some(value), _) if variable.kind.accepts(value) => {
                values.insert(name.clone(), whole(variable.kind, value));
            }
            (Some(value), _) => problems.push(wrong(
                place.key(name),
                "variable.type",
                format!(
                    "Incorrectly defined variable(s): {name} ({})",
                    expected(variable.kind, value)
                ),
            )),
        }
    }
    if !missing.is_empty() {
        problems.push(wrong(
            place.clone(),
            "variable.missing",
            format!("Missing variable values for: {}", missing.join(", ")),
        ));
    }
    for name in given.keys() {
        if !variables.iter().any(|variable| variable.name == *name) {
            problems.push(Problem::warning(
                place.key(name),
                "template.variable.unknown",
                format!("the template has no variable {name:?}; the value is not used"),
            ));
        }
    }
    values
}

fn expected(kind: VariableKind, found: &Value) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    format!("expected type '{}' found type '{found}'", kind.name())
}

/// A whole number that came as 5.0 is 5.
fn whole(kind: VariableKind, value: &Value) -> Value {
    match (kind, value.as_f64()) {
        // Every whole number of this size is exact in both types.
        (VariableKind::Int, Some(number)) if !value.is_i64() && number.abs() < 9e15 => {
            (number as i64).into()
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn variables() -> Vec<TemplateVariable> {
        let mut problems = Vec::new();
        let document = json!({"variables": [
            {"name": "image", "type": "string"},
            {"name": "replicas", "type": "int", "defaultValue": 2},
            {"name": "ratio", "type": "float", "nullable": true},
            {"name": "canary", "type": "boolean", "defaultValue": false},
            {"name": "zones", "type": "list", "defaultValue": ["a"]},
            {"name": "labels"},
        ]});
        let read = read(document.as_object().unwrap(), &mut problems);
        assert_eq!(problems, []);
        read
    }

    fn given(value: Value) -> (Value, Vec<String>) {
        let mut problems = Vec::new();
        let values = values(&variables(), value.as_object().unwrap(), &mut problems);
        let lines = problems.iter().map(ToString::to_string).collect();
        (Value::Object(values), lines)
    }

    #[test]
    fn values_defaults_and_nulls() {
        let (values, problems) =
            given(json!({"image": "web:1", "labels": {"a": 1}, "replicas": 3.0}));
        assert_eq!(problems, [""; 0]);
        assert_eq!(
            values,
            json!({"image": "web:1", "replicas": 3, "ratio": null, "canary": false, "zones": ["a"], "labels": {"a": 1}})
        );
    }

    #[test]
    fn wrong_values_are_named_together() {
        let (_, problems) = given(json!({
            "image": 5, "replicas": "two", "ratio": true, "canary": "yes", "zones": "a", "more": 1
        }));
        insta::assert_snapshot!(problems.join("\n"), @r#"
        /variables/image: Incorrectly defined variable(s): image (expected type 'string' found type 'int')
        /variables/replicas: Incorrectly defined variable(s): replicas (expected type 'int' found type 'string')
        /variables/ratio: Incorrectly defined variable(s): ratio (expected type 'float' found type 'boolean')
        /variables/canary: Incorrectly defined variable(s): canary (expected type 'boolean' found type 'string')
        /variables/zones: Incorrectly defined variable(s): zones (expected type 'list' found type 'string')
        /variables: Missing variable values for: labels
        /variables/more: the template has no variable "more"; the value is not used
        "#);
    }

    #[test]
    fn declarations_are_checked() {
        let mut problems = Vec::new();
        let document = json!({"variables": [
            {"name": "a-b"}, {"name": "a", "type": "text"}, {"name": "b", "type": "int", "defaultValue": 1.5}, {"name": "c"}, {"name": "c"}, 4
        ]});
        read(document.as_object().unwrap(), &mut problems);
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        /variables/0/name: the variable name "a-b" is none: letters, digits and underscores are allowed
        /variables/1/type: variable "a" has the type "text"; there are string, int, float, boolean, list and object
        /variables/2/defaultValue: the default of variable "b": expected type 'int' found type 'float'
        /variables/4/name: there are two variables "c"
        /variables/5/name: the variable name "" is none: letters, digits and underscores are allowed
        "#);
    }
}
