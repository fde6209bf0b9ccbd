//! Field types, list keys and merge keys of the kinds.
//!
//! The built-in table (`schema/kubernetes.schema`) is read once, on first use, into a few hundred kilobytes. [`Shape`] is the view
//! that decoding, strategic merge and server-side apply share; it covers built-in types, custom resource schemas, and fields
//! of which nothing is known.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::json::Json;
use crate::kinds::{Kind, Schema};

const TABLE: &str = include_str!("../schema/kubernetes.schema");

static TYPES: LazyLock<HashMap<&'static str, Struct>> = LazyLock::new(|| read(TABLE));

/// The type of a built-in field.
#[derive(Debug)]
pub(crate) enum Type {
    Text,
    Number,
    Bool,
    /// RFC 3339 text; on the wire seconds and nanoseconds.
    Time,
    Quantity,
    IntOrString,
    /// Base64 text; on the wire bytes.
    Bytes,
    Any,
    Named {
        name: &'static str,
        atomic: bool,
    },
    Map {
        item: Box<Type>,
        atomic: bool,
    },
    List {
        item: Box<Type>,
        kind: ListKind,
    },
}

/// How server-side apply treats the items of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListKind {
    Atomic,
    Set,
    Keyed(Vec<String>),
}

/// How strategic merge treats a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Merge {
    pub list: MergeList,
    pub retain_keys: bool,
}

/// How strategic merge treats a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum MergeList {
    #[default]
    Replace,
    Set,
    Keyed(&'static str),
}

#[derive(Debug)]
pub(crate) struct Field {
    pub name: &'static str,
    pub kind: Type,
    pub merge: Merge,
    pub wire: Option<Wire>,
}

/// A field's place in protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wire {
    /// The message around the field that JSON does not show, if there is one.
    pub inside: Option<u32>,
    pub number: u32,
    /// Zero and absence differ.
    pub nullable: bool,
}

#[derive(Debug)]
pub(crate) struct Struct {
    pub atomic: bool,
    pub fields: Vec<Field>,
}

/// A built-in type by its short name, such as `core.v1.PodSpec`.
pub(crate) fn built_in(name: &str) -> Option<&'static Struct> {
    TYPES.get(name)
}

fn read(table: &'static str) -> HashMap<&'static str, Struct> {
    let mut types = HashMap::new();
    let mut current = "";
    for line in table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        if let Some(field) = line.strip_prefix(' ') {
            if let Some(field) = read_field(field) {
                types
                    .entry(current)
                    .or_insert_with(|| Struct {
                        atomic: false,
                        fields: Vec::new(),
                    })
                    .fields
                    .push(field);
            }
        } else {
            current = line.trim_end_matches('!');
            types.insert(
                current,
                Struct {
                    atomic: line.ends_with('!'),
                    fields: Vec::new(),
                },
            );
        }
    }
    types
}

fn read_field(line: &'static str) -> Option<Field> {
    let mut words = line.split(' ');
    let (name, kind) = (words.next()?, words.next()?);
    let (mut merge, mut wire) = (Merge::default(), None);
    for word in words {
        match (word.strip_prefix('#'), word.split_once('=')) {
            (Some(number), _) => wire = read_wire(number),
            (None, Some((_, key))) => merge.list = MergeList::Keyed(key),
            (None, None) if word == "m" => merge.list = MergeList::Set,
            (None, None) => merge.retain_keys = true,
        }
    }
    Some(Field {
        name,
        kind: read_type(kind),
        merge,
        wire,
    })
}

fn read_wire(text: &str) -> Option<Wire> {
    let (bare, nullable) = (text.trim_end_matches('*'), text.ends_with('*'));
    Some(match bare.split_once('.') {
        Some((inside, number)) => Wire {
            inside: Some(inside.parse().ok()?),
            number: number.parse().ok()?,
            nullable,
        },
        None => Wire {
            inside: None,
            number: bare.parse().ok()?,
            nullable,
        },
    })
}

fn read_type(text: &'static str) -> Type {
    let atomic = text.ends_with('!');
    let bare = text.trim_end_matches('!');
    if let Some(item) = bare.strip_prefix("{}") {
        return Type::Map {
            item: Box::new(read_type(item)),
            atomic,
        };
    }
    if let Some((keys, item)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let kind = match keys {
            "" => ListKind::Atomic,
            "=" => ListKind::Set,
            keys => ListKind::Keyed(keys.split(',').map(str::to_owned).collect()),
        };
        return Type::List {
            item: Box::new(read_type(item)),
            kind,
        };
    }
    match (bare, bare.strip_prefix('@')) {
        (_, Some(name)) => Type::Named { name, atomic },
        ("s", _) => Type::Text,
        ("i", _) => Type::Number,
        ("b", _) => Type::Bool,
        ("t", _) => Type::Time,
        ("q", _) => Type::Quantity,
        ("x", _) => Type::IntOrString,
        ("y", _) => Type::Bytes,
        _ => Type::Any,
    }
}

/// What is known of one place in a document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    BuiltIn(&'static Type, Merge),
    Struct(&'static str),
    /// A schema of a custom resource definition; `root` marks the whole object, whose metadata is the built-in type.
    Custom {
        schema: &'a Value,
        root: bool,
    },
    Unknown,
}

impl<'a> Shape<'a> {
    pub fn of(kind: &'a Kind) -> Self {
        match &kind.schema {
            Schema::BuiltIn(name) => TYPES
                .get_key_value(name.as_str())
                .map_or(Self::Unknown, |(name, _)| Self::Struct(name)),
            Schema::Custom(schema) => Self::Custom { schema, root: true },
        }
    }

    fn structure(self) -> Option<(&'static Struct, bool)> {
        match self {
            Self::Struct(name) => TYPES.get(name).map(|found| (found, found.atomic)),
            Self::BuiltIn(Type::Named { name, atomic }, _) => TYPES
                .get(name)
                .map(|found| (found, *atomic || found.atomic)),
            Self::BuiltIn(..) | Self::Custom { .. } | Self::Unknown => None,
        }
    }

    /// The shape of a map's entry, or `None` if a struct has no such field.
    pub fn field(self, key: &str) -> Option<Shape<'a>> {
        if let Some((structure, _)) = self.structure() {
            let field = structure.fields.iter().find(|field| field.name == key)?;
            return Some(Shape::BuiltIn(&field.kind, field.merge));
        }
        match self {
            Self::BuiltIn(Type::Map { item, .. }, _) => {
                Some(Shape::BuiltIn(item, Merge::default()))
            }
            Self::Custom { root: true, .. } if key == "metadata" => {
                Some(Shape::Struct("meta.v1.ObjectMeta"))
            }
            Self::Custom { root: true, .. } if key == "apiVersion" || key == "kind" => {
                Some(Shape::Unknown)
            }
            Self::Custom { schema, .. } => Self::custom_field(schema, key),
            Self::BuiltIn(..) | Self::Struct(_) | Self::Unknown => Some(Shape::Unknown),
        }
    }

    fn custom_field(schema: &'a Value, key: &str) -> Option<Shape<'a>> {
        if let Some(schema) = schema.at(&["properties", key]) {
            return Some(Shape::Custom {
                schema,
                root: false,
            });
        }
        match schema.get("additionalProperties") {
            Some(extra) if extra.is_object() => {
                return Some(Shape::Custom {
                    schema: extra,
                    root: false,
                });
            }
            Some(Value::Bool(true)) => return Some(Shape::Unknown),
            _ => {}
        }
        let open = schema.is_null()
            || schema.flag(&["x-kubernetes-preserve-unknown-fields"])
            || schema.flag(&["x-kubernetes-embedded-resource"]);
        (open || (schema.get("properties").is_none() && schema.get("type").is_none()))
            .then_some(Shape::Unknown)
    }

    pub fn item(self) -> Shape<'a> {
        match self {
            Self::BuiltIn(Type::List { item, .. }, _) => Shape::BuiltIn(item, Merge::default()),
            Self::Custom { schema, .. } => {
                schema
                    .get("items")
                    .map_or(Shape::Unknown, |schema| Shape::Custom {
                        schema,
                        root: false,
                    })
            }
            Self::BuiltIn(..) | Self::Struct(_) | Self::Unknown => Shape::Unknown,
        }
    }

    /// How apply treats this list.
    pub fn list(self) -> ListKind {
        match self {
            Self::BuiltIn(Type::List { kind, .. }, _) => kind.clone(),
            Self::Custom { schema, .. } => match schema.text(&["x-kubernetes-list-type"]) {
                "set" => ListKind::Set,
                "map" => {
                    let keys = schema.items(&["x-kubernetes-list-map-keys"]);
                    ListKind::Keyed(
                        keys.iter()
                            .filter_map(Value::as_str)
                            .map(str::to_owned)
                            .collect(),
                    )
                }
                _ => ListKind::Atomic,
            },
            Self::BuiltIn(..) | Self::Struct(_) | Self::Unknown => ListKind::Atomic,
        }
    }

    /// Whether apply owns this map only as a whole.
    pub fn is_atomic_map(self) -> bool {
        if let Some((_, atomic)) = self.structure() {
            return atomic;
        }
        match self {
            Self::BuiltIn(Type::Map { atomic, .. }, _) => *atomic,
            Self::Custom { schema, .. } => schema.text(&["x-kubernetes-map-type"]) == "atomic",
            Self::BuiltIn(..) | Self::Struct(_) | Self::Unknown => false,
        }
    }

    pub fn merge(self) -> Merge {
        match self {
            Self::BuiltIn(_, merge) => merge,
            Self::Struct(_) | Self::Custom { .. } | Self::Unknown => Merge::default(),
        }
    }
}

/// Checks field types of a built-in object and removes unknown fields and nulls, as decoding into Go structs does.
///
/// Paths of removed fields go to `unknown`; a value of the wrong type is an error in the decoder's words.
pub(crate) fn decode(
    kind: &Kind,
    value: &mut Value,
    unknown: &mut Vec<String>,
) -> Result<(), String> {
    let Schema::BuiltIn(name) = &kind.schema else {
        return Ok(());
    };
    let Some(structure) = built_in(name) else {
        return Ok(());
    };
    let root = name.rsplit('.').next().unwrap_or(name);
    decode_struct(structure, root, value, "", unknown)
}

fn decode_struct(
    structure: &'static Struct,
    owner: &str,
    value: &mut Value,
    path: &str,
    unknown: &mut Vec<String>,
) -> Result<(), String> {
    let Value::Object(map) = value else {
        return Err(mismatch(value, owner, path, owner));
    };
    map.retain(|key, value| {
        let known = structure.fields.iter().any(|field| field.name == key);
        if !known {
            unknown.push(join(path, key));
        }
        known && !value.is_null()
    });
    for field in &structure.fields {
        if let Some(value) = map.get_mut(field.name) {
            decode_value(&field.kind, owner, value, &join(path, field.name), unknown)?;
        }
    }
    Ok(())
}

fn decode_value(
    kind: &'static Type,
    owner: &str,
    value: &mut Value,
    path: &str,
    unknown: &mut Vec<String>,
) -> Result<(), String> {
    match kind {
        Type::Any | Type::Quantity | Type::IntOrString => Ok(()),
        Type::Text | Type::Time | Type::Bytes if value.is_string() => Ok(()),
        Type::Bool if value.is_boolean() => Ok(()),
        Type::Number if value.is_number() => {
            // Clients written over floating-point JSON send 3.0 for 3.
            if let Some(float) = value
                .as_f64()
                .filter(|float| !value.is_i64() && float.fract() == 0.0)
            {
                *value = Value::from(float as i64);
            }
            Ok(())
        }
        Type::Text | Type::Time | Type::Bytes => Err(mismatch(value, owner, path, "string")),
        Type::Bool => Err(mismatch(value, owner, path, "bool")),
        Type::Number => Err(mismatch(value, owner, path, "int32")),
        Type::Named { name, .. } => match built_in(name) {
            Some(structure) => decode_struct(
                structure,
                name.rsplit('.').next().unwrap_or(name),
                value,
                path,
                unknown,
            ),
            None => Ok(()),
        },
        Type::Map { item, .. } => {
            let Value::Object(map) = value else {
                return Err(mismatch(value, owner, path, "map[string]string"));
            };
            map.retain(|_, value| !value.is_null());
            for (key, value) in map.iter_mut() {
                decode_value(item, owner, value, &join(path, key), unknown)?;
            }
            Ok(())
        }
        Type::List { item, .. } => {
            let Value::Array(items) = value else {
                return Err(mismatch(value, owner, path, "[]"));
            };
            for (index, value) in items.iter_mut().enumerate() {
                decode_value(item, owner, value, &format!("{path}[{index}]"), unknown)?;
            }
            Ok(())
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn mismatch(value: &Value, owner: &str, path: &str, wanted: &str) -> String {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if path.is_empty() {
        return format!("json: cannot unmarshal {got} into Go value of type {wanted}");
    }
    // Go names the path without list indexes.
    let bare: String = path
        .split('.')
        .map(|part| part.split('[').next().unwrap_or(part))
        .collect::<Vec<_>>()
        .join(".");
    format!("json: cannot unmarshal {got} into Go struct field {owner}.{bare} of type {wanted}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Registry;
    use serde_json::json;

    fn decoded(mut value: Value) -> (Result<(), String>, Value, Vec<String>) {
        let registry = Registry::default();
        let kind = registry.find_kind("apps/v1", "Deployment").unwrap();
        let mut unknown = Vec::new();
        let result = decode(kind, &mut value, &mut unknown);
        (result, value, unknown)
    }

    #[test]
    fn unknown_fields_and_nulls_are_dropped_and_named() {
        let (result, value, unknown) =
            decoded(json!({"spec": {"replicas": 3.0, "paused": null, "nope": 1,
            "template": {"spec": {"containers": [{"name": "a", "imag": "x"}]}}}}));
        assert_eq!(result, Ok(()));
        assert_eq!(
            value,
            json!({"spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "a"}]}}}})
        );
        assert_eq!(
            unknown,
            ["spec.nope", "spec.template.spec.containers[0].imag"]
        );
    }

    #[test]
    fn a_wrong_type_is_named_as_the_go_decoder_names_it() {
        let (result, ..) = decoded(json!({"spec": {"replicas": "3"}}));
        let text = "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32";
        assert_eq!(result, Err(text.to_owned()));
    }

    #[test]
    fn list_keys_and_merge_keys_are_found_by_path() {
        let registry = Registry::default();
        let kind = registry.find_kind("v1", "Pod").unwrap();
        let containers = Shape::of(kind)
            .field("spec")
            .and_then(|spec| spec.field("containers"))
            .unwrap();
        assert_eq!(containers.list(), ListKind::Keyed(vec!["name".into()]));
        assert_eq!(containers.merge().list, MergeList::Keyed("name"));
        let ports = containers.item().field("ports").unwrap();
        assert_eq!(
            ports.list(),
            ListKind::Keyed(vec!["containerPort".into(), "protocol".into()])
        );
        assert_eq!(ports.merge().list, MergeList::Keyed("containerPort"));
    }
}
