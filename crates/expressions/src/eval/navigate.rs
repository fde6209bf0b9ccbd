//! The indexer: `[…]` on lists, arrays, maps, text and objects.

use super::Machine;
use super::assign::index_number;
use crate::error::{ARRAY_BOUNDS, Eval, ILLEGAL_STATE, INDEX_BOUNDS, STRING_BOUNDS, Thrown};
use crate::syntax::ast::{Kind, Node};
use crate::value::{Text, Value};

impl<'a> Machine<'a> {
    /// The value of an index expression. A bare word on a map is the key itself; anything else sees the root.
    pub(crate) fn index_value(
        &mut self,
        here: &Value<'a>,
        index: &Node,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        if let (Value::Map(_), Kind::Property { name, .. }) = (here, &index.kind) {
            return Ok(Value::text(std::sync::Arc::clone(name)));
        }
        let root = self.root_value();
        let value = self.eval(index, &root, frame)?;
        if value.is_null() {
            return Err(Thrown::java(ILLEGAL_STATE, "No index"));
        }
        Ok(value)
    }

    pub(crate) fn index(
        &mut self,
        here: &Value<'a>,
        index: &Node,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        if here.is_null() {
            return Err(Thrown::el(1012, "Cannot index into a null value"));
        }
        // A literal key needs no evaluation.
        if let (Value::Map(map), Kind::Text(key)) = (here, &index.kind) {
            let key = Value::Text(Text::Shared(std::sync::Arc::clone(key)));
            return Ok(self.current(map.get(&key).unwrap_or(Value::Null)));
        }
        let key = self.index_value(here, index, frame)?;
        match here {
            Value::Map(map) => Ok(self.current(map.get(&key).unwrap_or(Value::Null))),
            Value::Array(array) => {
                let index = index_number(&key)?;
                let items = array.items.borrow();
                if index >= items.len() as i32 {
                    return Err(array_bounds(items.len(), index));
                }
                items.get(index as usize).cloned().ok_or_else(|| {
                    Thrown::java(
                        ARRAY_BOUNDS,
                        format!("Index {index} out of bounds for length {}", items.len()),
                    )
                })
            }
            Value::List(list) => {
                let index = index_number(&key)?;
                if index >= list.len() as i32 {
                    return Err(collection_bounds(list.len(), index));
                }
                if index < 0 && !list.kind().is_list() {
                    return Err(collection_bounds(list.len(), index));
                }
                let found = list
                    .get(index as usize)
                    .ok_or_else(|| java_bounds(index, list.len()))?;
                Ok(self.current(found))
            }
            Value::Text(text) => {
                let index = index_number(&key)?;
                let units = text.encode_utf16().count();
                if index >= units as i32 {
                    return Err(Thrown::el(
                        1026,
                        format!("The string has '{units}' characters, index '{index}' is invalid"),
                    ));
                }
                let unit = usize::try_from(index)
                    .ok()
                    .and_then(|index| text.encode_utf16().nth(index))
                    .ok_or_else(|| {
                        Thrown::java(STRING_BOUNDS, format!("index {index}, length {units}"))
                    })?;
                Ok(Value::text(crate::value::text::char_of(unit).to_string()))
            }
            other => match &key {
                Value::Text(name) => self.property(other, name),
                _ => Err(Thrown::el(
                    1027,
                    format!(
                        "Indexing into type '{}' is not supported",
                        other.type_name()
                    ),
                )),
            },
        }
    }
}

/// EL1024E.
pub(crate) fn array_bounds(size: usize, index: i32) -> Thrown {
    if index < 0 {
        return Thrown::java(
            ARRAY_BOUNDS,
            format!("Index {index} out of bounds for length {size}"),
        );
    }
    Thrown::el(
        1024,
        format!("The array has '{size}' elements, index '{index}' is invalid"),
    )
}

/// EL1025E.
pub(crate) fn collection_bounds(size: usize, index: i32) -> Thrown {
    Thrown::el(
        1025,
        format!("The collection has '{size}' elements, index '{index}' is invalid"),
    )
}

/// What a list of Java throws itself.
pub(crate) fn java_bounds(index: i32, size: usize) -> Thrown {
    Thrown::java(
        INDEX_BOUNDS,
        format!("Index {index} out of bounds for length {size}"),
    )
}
