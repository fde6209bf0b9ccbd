//! Assignment, `++` and `--`. They change the root, variables and collections of this pass only.

use std::sync::Arc;

use super::Machine;
use crate::error::{Eval, Thrown};
use crate::java::convert;
use crate::syntax::ast::{Kind, Node};
use crate::syntax::print;
use crate::value::{Class, Key, List, Map, MapKind, Type, Value};

impl<'a> Machine<'a> {
    pub(crate) fn assign(
        &mut self,
        target: &Node,
        value: &Node,
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        self.tick()?;
        let value = self.eval(value, here, frame)?;
        self.write(target, value.clone(), here, frame)
            .map_err(|e| e.at(target.start))?;
        Ok(value)
    }

    fn write(
        &mut self,
        target: &Node,
        value: Value<'a>,
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<()> {
        match &target.kind {
            Kind::Variable(name) => {
                if matches!(&**name, "this" | "root") {
                    return Err(not_assignable(target));
                }
                self.variables.insert(Arc::clone(name), value);
                Ok(())
            }
            Kind::Property { name, safe } => {
                if here.is_null() {
                    if *safe {
                        return Ok(());
                    }
                    return Err(Thrown::el(
                        1009,
                        format!("Property or field '{name}' cannot be set on null"),
                    ));
                }
                match here {
                    Value::Map(map) => self.put(map, Value::text(Arc::clone(name)), value),
                    other => Err(Thrown::el(
                        1010,
                        format!(
                            "Property or field '{name}' cannot be set on object of type '{}' - maybe not public or not writable?",
                            other.type_name()
                        ),
                    )),
                }
            }
            Kind::Index { index, safe } => {
                if here.is_null() {
                    return Err(if *safe {
                        Thrown::el(1068, "The expression component 'null' is not assignable")
                    } else {
                        Thrown::el(1012, "Cannot index into a null value")
                    });
                }
                let key = self.index_value(here, index, frame)?;
                self.write_index(here, key, value)
            }
            Kind::Compound(steps) => {
                let (last, before) = match steps.split_last() {
                    Some(found) => found,
                    None => return Err(not_assignable(target)),
                };
                let mut owner = here.clone();
                for (position, step) in before.iter().enumerate() {
                    owner = if position == 0 {
                        self.eval(step, here, frame)?
                    } else {
                        self.step(step, &owner, frame)?
                    };
                }
                self.write(last, value, &owner, frame)
            }
            Kind::Project { .. } | Kind::Select { .. } => Err(not_assignable(target)),
            _ => Err(Thrown::el(
                1032,
                format!(
                    "setValue(ExpressionState, Object) not supported for '{}'",
                    print::print(target)
                ),
            )),
        }
    }

    fn write_index(&mut self, owner: &Value<'a>, key: Value<'a>, value: Value<'a>) -> Eval<()> {
        match owner {
            Value::Map(map) => self.put(map, key, value),
            Value::List(list) if list.kind().is_list() => {
                let index = index_number(&key)?;
                let changed = self.changeable(list);
                let List::Owned(cell) = &changed else {
                    return Ok(());
                };
                let size = cell.items.borrow().len();
                if index >= size as i32 {
                    return Err(super::navigate::collection_bounds(size, index));
                }
                if !cell.kind.can_remove() {
                    return Err(unsupported());
                }
                match cell.items.borrow_mut().get_mut(index as usize) {
                    Some(slot) => *slot = value,
                    None => return Err(super::navigate::java_bounds(index, size)),
                }
                Ok(())
            }
            Value::Array(array) => {
                let index = index_number(&key)?;
                let value = convert::convert(&value, array.element)?;
                let size = array.items.borrow().len();
                match array.items.borrow_mut().get_mut(index as usize) {
                    Some(slot) => *slot = value,
                    None => return Err(super::navigate::array_bounds(size, index)),
                }
                Ok(())
            }
            other => Err(Thrown::el(
                1027,
                format!(
                    "Indexing into type '{}' is not supported",
                    other.type_name()
                ),
            )),
        }
    }

    /// `Map.put`.
    pub(crate) fn put(&mut self, map: &Map<'a>, key: Value<'a>, value: Value<'a>) -> Eval<()> {
        match map {
            Map::Root(root) => {
                if let Value::Text(name) = &key {
                    root.assign(name, value);
                }
                Ok(())
            }
            Map::Owned(cell) => {
                if cell.kind == MapKind::Unmodifiable {
                    return Err(unsupported());
                }
                cell.entries.borrow_mut().insert(Key(key), value);
                Ok(())
            }
            Map::Json(inner) | Map::Context(inner, ..) => {
                if let Value::Map(Map::Owned(cell)) = self.changeable_map(inner) {
                    cell.entries.borrow_mut().insert(Key(key), value);
                }
                Ok(())
            }
        }
    }

    pub(crate) fn increment(
        &mut self,
        by: i32,
        prefix: bool,
        target: &Node,
        start: u32,
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        self.tick()?;
        let refused = || {
            let (code, what) = if by > 0 {
                (1066, "increment")
            } else {
                (1067, "decrement")
            };
            Thrown::el(
                code,
                format!(
                    "The expression component '{}' does not support {what}",
                    print::print(target)
                ),
            )
            .at(start)
        };
        let assignable = matches!(
            target.kind,
            Kind::Property { .. } | Kind::Variable(_) | Kind::Index { .. } | Kind::Compound(_)
        );
        if !assignable {
            return Err(Thrown::el(
                1068,
                format!(
                    "The expression component '{}' is not assignable",
                    print::print(target)
                ),
            )
            .at(start));
        }
        let old = self.eval(target, here, frame)?;
        let new = match &old {
            Value::Byte(value) => Value::Int(i32::from(*value) + by),
            Value::Short(value) => Value::Int(i32::from(*value) + by),
            Value::Int(value) => Value::Int(value.wrapping_add(by)),
            Value::Long(value) => Value::Long(value.wrapping_add(i64::from(by))),
            Value::Float(value) => Value::Float(value + by as f32),
            Value::Double(value) => Value::Double(value + f64::from(by)),
            Value::Big(value) => Value::Big(std::rc::Rc::new(&**value + by)),
            _ => return Err(refused()),
        };
        self.write(target, new.clone(), here, frame)?;
        Ok(if prefix { new } else { old })
    }
}

/// An index as `int`.
pub(crate) fn index_number(key: &Value<'_>) -> Eval<i32> {
    match convert::convert(key, Type::of(Class::Integer))? {
        Value::Int(index) => Ok(index),
        _ => Err(no_result(key)),
    }
}

/// The error for a value that converts to nothing where a number is needed.
pub(crate) fn no_result(value: &Value<'_>) -> Thrown {
    Thrown::java(
        crate::error::ILLEGAL_STATE,
        format!(
            "Null conversion result for value [{}]",
            crate::value::text::to_text(value).unwrap_or_default()
        ),
    )
}

fn not_assignable(target: &Node) -> Thrown {
    Thrown::el(
        1068,
        format!(
            "The expression component '{}' is not assignable",
            print::print(target)
        ),
    )
}

/// `UnsupportedOperationException` of immutable collections.
pub(crate) fn unsupported() -> Thrown {
    Thrown::silent(crate::error::UNSUPPORTED)
}
