//! Values as expressions see them: Java's, over borrowed JSON.
//!
//! Nothing is copied from an execution until an expression builds something new: text, lists and maps of the
//! execution stay borrowed for as long as the evaluation (`'a`).

pub(crate) mod class;
pub(crate) mod equality;
pub(crate) mod json;
pub(crate) mod object;
mod shape;
pub(crate) mod text;

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use num_bigint::BigInt;

pub(crate) use class::{Class, Type};
pub(crate) use object::Object;

use crate::root::Root;

/// A JSON document.
pub(crate) type Json = serde_json::Value;
/// A JSON object.
pub(crate) type JsonMap = serde_json::Map<String, Json>;

/// A string: of the execution, or shared.
#[derive(Debug, Clone)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Shared(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

/// Any value.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// A UTF-16 unit.
    Char(u16),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Big(Rc<BigInt>),
    Text(Text<'a>),
    List(List<'a>),
    Map(Map<'a>),
    Array(Rc<Array<'a>>),
    Entry(Rc<(Value<'a>, Value<'a>)>),
    Class(Type),
    Object(Object<'a>),
}

/// Which collection a list is in Java. It decides what may be changed and what is a `java.util.List`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    ArrayList,
    /// An `ArrayList` of a getter that declares elements without a text form.
    Objects,
    Unmodifiable,
    SubList,
    KeySet,
    EntrySet,
    Values,
}

impl ListKind {
    pub(crate) fn is_list(self) -> bool {
        matches!(
            self,
            ListKind::ArrayList | ListKind::Objects | ListKind::Unmodifiable | ListKind::SubList
        )
    }

    pub(crate) fn can_add(self) -> bool {
        matches!(
            self,
            ListKind::ArrayList | ListKind::Objects | ListKind::SubList
        )
    }

    pub(crate) fn can_remove(self) -> bool {
        self != ListKind::Unmodifiable
    }
}

/// A list an expression made.
#[derive(Debug)]
pub(crate) struct ListCell<'a> {
    pub(crate) kind: ListKind,
    pub(crate) items: RefCell<Vec<Value<'a>>>,
}

/// A collection.
#[derive(Debug, Clone)]
pub(crate) enum List<'a> {
    Json(&'a Vec<Json>),
    Owned(Rc<ListCell<'a>>),
}

/// Which map a map is in Java. It decides the order and what may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapKind {
    HashMap,
    LinkedHashMap,
    Unmodifiable,
}

/// A map an expression made.
#[derive(Debug)]
pub(crate) struct MapCell<'a> {
    pub(crate) kind: MapKind,
    pub(crate) entries: RefCell<IndexMap<Key<'a>, Value<'a>>>,
}

/// A map.
#[derive(Debug, Clone)]
pub(crate) enum Map<'a> {
    Json(&'a JsonMap),
    Owned(Rc<MapCell<'a>>),
    /// The root of the evaluation.
    Root(Rc<Root<'a>>),
    /// The context of a stage, with the outputs of its ancestors behind it.
    Context(&'a JsonMap, usize, Rc<Root<'a>>),
}

/// A key of an owned map: a value compared as Java compares it.
#[derive(Debug, Clone)]
pub(crate) struct Key<'a>(pub(crate) Value<'a>);

/// A Java array. `element` is the type of its elements.
#[derive(Debug)]
pub(crate) struct Array<'a> {
    pub(crate) element: Type,
    pub(crate) items: RefCell<Vec<Value<'a>>>,
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: impl Into<Arc<str>>) -> Self {
        Value::Text(Text::Shared(text.into()))
    }

    pub(crate) fn borrowed(text: &'a str) -> Self {
        Value::Text(Text::Borrowed(text))
    }

    pub(crate) fn optional(text: Option<&'a str>) -> Self {
        text.map_or(Value::Null, Value::borrowed)
    }

    pub(crate) fn list(kind: ListKind, items: Vec<Value<'a>>) -> Self {
        Value::List(List::Owned(Rc::new(ListCell {
            kind,
            items: RefCell::new(items),
        })))
    }

    pub(crate) fn array_list(items: Vec<Value<'a>>) -> Self {
        Self::list(ListKind::ArrayList, items)
    }

    pub(crate) fn object_list(items: Vec<Value<'a>>) -> Self {
        Self::list(ListKind::Objects, items)
    }

    pub(crate) fn map(kind: MapKind, entries: IndexMap<Key<'a>, Value<'a>>) -> Self {
        Value::Map(Map::Owned(Rc::new(MapCell {
            kind,
            entries: RefCell::new(entries),
        })))
    }

    pub(crate) fn array(element: Type, items: Vec<Value<'a>>) -> Self {
        Value::Array(Rc::new(Array {
            element,
            items: RefCell::new(items),
        }))
    }

    pub(crate) fn texts(items: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        let items = items.into_iter().map(Value::text).collect();
        Self::array(Type::of(Class::String), items)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(
            self,
            Value::Byte(_)
                | Value::Short(_)
                | Value::Int(_)
                | Value::Long(_)
                | Value::Float(_)
                | Value::Double(_)
                | Value::Big(_)
        )
    }

    /// The text of a `CharSequence`: a string or a status.
    pub(crate) fn char_sequence(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Object(Object::Status(status)) => Some(status.as_str()),
            _ => None,
        }
    }
}

impl<'a> List<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            List::Json(items) => items.len(),
            List::Owned(cell) => cell.items.borrow().len(),
        }
    }

    pub(crate) fn kind(&self) -> ListKind {
        match self {
            List::Json(_) => ListKind::ArrayList,
            List::Owned(cell) => cell.kind,
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            List::Json(items) => items.get(index).map(json::from_json),
            List::Owned(cell) => cell.items.borrow().get(index).cloned(),
        }
    }

    pub(crate) fn to_vec(&self) -> Vec<Value<'a>> {
        match self {
            List::Json(items) => items.iter().map(json::from_json).collect(),
            List::Owned(cell) => cell.items.borrow().clone(),
        }
    }
}

impl<'a> Map<'a> {
    /// How many entries `size()` counts.
    pub(crate) fn len(&self) -> usize {
        match self {
            Map::Json(map) | Map::Context(map, ..) => map.len(),
            Map::Owned(cell) => cell.entries.borrow().len(),
            Map::Root(root) => root.keys().len(),
        }
    }

    /// The value of a key as `Map.get` gives it.
    pub(crate) fn get(&self, key: &Value<'a>) -> Option<Value<'a>> {
        match self {
            Map::Json(map) => match key {
                Value::Text(name) => map.get(&**name).map(json::from_json),
                _ => None,
            },
            Map::Owned(cell) => cell.entries.borrow().get(&Key(key.clone())).cloned(),
            Map::Root(root) => match key {
                Value::Text(name) => root.get(name),
                _ => None,
            },
            Map::Context(map, stage, root) => match key {
                Value::Text(name) => map
                    .get(&**name)
                    .or_else(|| root.ancestor_output(*stage, name))
                    .map(json::from_json),
                _ => None,
            },
        }
    }

    /// `containsKey`, which does not look at what ancestors put out.
    pub(crate) fn contains_key(&self, key: &Value<'a>) -> bool {
        match (self, key) {
            (Map::Json(map) | Map::Context(map, ..), Value::Text(name)) => {
                map.contains_key(&**name)
            }
            (Map::Root(root), Value::Text(name)) => root.own(name).is_some(),
            (Map::Owned(cell), key) => cell.entries.borrow().contains_key(&Key(key.clone())),
            _ => false,
        }
    }

    /// The entries in Java's order.
    pub(crate) fn entries(&self) -> Vec<(Value<'a>, Value<'a>)> {
        match self {
            Map::Json(map) | Map::Context(map, ..) => map
                .iter()
                .map(|(key, value)| (Value::borrowed(key), json::from_json(value)))
                .collect(),
            Map::Owned(cell) => {
                let mut entries: Vec<_> = cell
                    .entries
                    .borrow()
                    .iter()
                    .map(|(key, value)| (key.0.clone(), value.clone()))
                    .collect();
                if cell.kind == MapKind::HashMap {
                    equality::hash_order(&mut entries);
                }
                entries
            }
            Map::Root(root) => {
                let mut entries: Vec<_> = root
                    .keys()
                    .into_iter()
                    .map(|key| {
                        let value = root.get(&key).unwrap_or(Value::Null);
                        (Value::Text(key), value)
                    })
                    .collect();
                equality::hash_order(&mut entries);
                entries
            }
        }
    }
}

/// An owned map with text keys.
pub(crate) fn text_map<'a>(
    kind: MapKind,
    entries: impl IntoIterator<Item = (&'a str, Value<'a>)>,
) -> Value<'a> {
    Value::map(
        kind,
        entries
            .into_iter()
            .map(|(key, value)| (Key(Value::borrowed(key)), value))
            .collect(),
    )
}
