//! Properties: keys of maps, and getters of everything else.

use super::Machine;
use crate::error::{Eval, ILLEGAL_ARGUMENT, Thrown};
use crate::java::method::Method;
use crate::java::registry;
use crate::suggest;
use crate::value::{Text, Type, Value};

impl<'a> Machine<'a> {
    /// Reads a property.
    pub(crate) fn property(&mut self, here: &Value<'a>, name: &str) -> Eval<Value<'a>> {
        match here {
            Value::Null => Err(Thrown::el(
                1007,
                format!("Property or field '{name}' cannot be found on null"),
            )),
            Value::Map(map) => {
                if let Some(value) = self.map_property(map, name) {
                    return Ok(self.current(value));
                }
                if !self.root.is_strict() {
                    return Ok(Value::Null);
                }
                let known = map.entries();
                let suggestion = suggest::nearest(
                    name,
                    known.iter().filter_map(|(key, _)| key.char_sequence()),
                );
                self.getter(here, name).map_err(|e| e.suggest(suggestion))
            }
            Value::Array(array) if name == "length" => {
                Ok(Value::Int(array.items.borrow().len() as i32))
            }
            other => self.getter(other, name),
        }
    }

    fn map_property(&self, map: &crate::value::Map<'a>, name: &str) -> Option<Value<'a>> {
        use crate::value::Map;
        // The common maps are read without making a key.
        match map {
            Map::Json(map) => map.get(name).map(crate::value::json::from_json),
            Map::Root(root) => root.get(name),
            Map::Context(map, stage, root) => map
                .get(name)
                .or_else(|| root.ancestor_output(*stage, name))
                .map(crate::value::json::from_json),
            Map::Owned(_) => map.get(&Value::Text(Text::Shared(name.into()))),
        }
    }

    fn getter(&mut self, here: &Value<'a>, name: &str) -> Eval<Value<'a>> {
        let Some(class) = here.class() else {
            return Ok(Value::Null);
        };
        if let Value::Object(object) = here
            && let Some(found) = crate::objects::property(self, object, name)
        {
            return found.map_err(|cause| unreadable(name, cause));
        }
        // A class offers its static methods as properties.
        let (owner, wants_static) = match here {
            Value::Class(of) => (*of, true),
            _ => (class, false),
        };
        let shown = owner.binary_name();
        if let Some(method) = find_getter(registry::methods(owner), name, wants_static) {
            let this = if wants_static { &Value::Null } else { here };
            return (method.body)(self, this, &[]).map_err(|cause| unreadable_getter(name, cause));
        }
        let message = if name == "class" {
            "found getter for requested class but rejected due to return type class java.lang.Class"
                .to_owned()
        } else {
            format!(
                "requested getter {name} not found on type {}",
                class_text(&shown)
            )
        };
        let known = known_properties(here, class);
        Err(unreadable(name, Thrown::java(ILLEGAL_ARGUMENT, message))
            .suggest(suggest::nearest(name, known.iter().map(String::as_str))))
    }
}

fn class_text(name: &str) -> String {
    format!("class {name}")
}

fn unreadable(name: &str, cause: Thrown) -> Thrown {
    Thrown::el(
        1021,
        format!(
            "A problem occurred whilst attempting to access the property '{name}': '{}'",
            cause.text()
        ),
    )
    .because(cause)
}

fn unreadable_getter(name: &str, cause: Thrown) -> Thrown {
    Thrown::el(
        1021,
        format!(
            "A problem occurred whilst attempting to access the property '{name}': 'Unable to access property '{name}' through getter method'"
        ),
    )
    .because(cause)
}

/// `getName`, `isName` or `name` for a property; the first letter may be written either way.
pub(crate) fn getter_names(name: &str) -> Vec<String> {
    let mut units = name.chars();
    let (Some(first), second) = (units.next(), units.next()) else {
        return Vec::new();
    };
    let capital: String = first.to_uppercase().chain(name.chars().skip(1)).collect();
    if second.is_some_and(char::is_uppercase) && !first.is_uppercase() {
        vec![name.to_owned(), capital]
    } else {
        vec![capital]
    }
}

fn find_getter<'m>(
    methods: impl Iterator<Item = &'m Method>,
    name: &str,
    wants_static: bool,
) -> Option<&'m Method> {
    let candidates: Vec<&Method> = methods
        .filter(|method| method.params.is_empty() && (!wants_static || method.is_static))
        .collect();
    let named = |prefix: &str, suffix: &str| {
        candidates
            .iter()
            .copied()
            .find(|method| method.name.strip_prefix(prefix) == Some(suffix))
    };
    let names = getter_names(name);
    names
        .iter()
        .find_map(|suffix| named("get", suffix))
        .or_else(|| names.iter().find_map(|suffix| named("is", suffix)))
        .or_else(|| named("", name))
}

fn known_properties(here: &Value<'_>, class: Type) -> Vec<String> {
    let mut known: Vec<String> = match here {
        Value::Object(object) => crate::objects::names(object)
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        _ => Vec::new(),
    };
    if !matches!(here, Value::Class(_)) {
        known.extend(
            registry::methods(class)
                .filter(|method| method.params.is_empty() && !method.is_static)
                .map(|method| method.name.to_owned()),
        );
    }
    known
}
