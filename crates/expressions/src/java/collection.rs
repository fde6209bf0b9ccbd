//! Methods of collections, lists, maps and arrays.

use super::method::{Arguments, INT, Method, OBJECT, method, null_pointer};
use crate::error::{Eval, INDEX_BOUNDS, Thrown};
use crate::eval::Machine;
use crate::eval::assign::unsupported;
use crate::value::equality::equals;
use crate::value::{Class, Key, List, ListKind, Map, MapKind, Type, Value};

fn list<'v, 'a>(this: &'v Value<'a>) -> Eval<&'v List<'a>> {
    match this {
        Value::List(list) => Ok(list),
        _ => Err(null_pointer()),
    }
}

fn map<'v, 'a>(this: &'v Value<'a>) -> Eval<&'v Map<'a>> {
    match this {
        Value::Map(map) => Ok(map),
        _ => Err(null_pointer()),
    }
}

fn elements<'a>(machine: &mut Machine<'a>, value: &Value<'a>) -> Eval<Vec<Value<'a>>> {
    let items = match value {
        Value::List(list) => list.to_vec(),
        Value::Array(array) => array.items.borrow().clone(),
        _ => return Err(null_pointer()),
    };
    machine.spend(items.len() / 16)?;
    Ok(items)
}

fn position(items: &[Value<'_>], wanted: &Value<'_>) -> i32 {
    items
        .iter()
        .position(|item| equals(item, wanted))
        .map_or(-1, |index| index as i32)
}

/// Changes the items of a list in place, where that kind of list allows it.
fn change<'a, R>(
    machine: &mut Machine<'a>,
    this: &Value<'a>,
    allowed: fn(ListKind) -> bool,
    action: impl FnOnce(&mut Vec<Value<'a>>) -> R,
) -> Eval<R> {
    let target = machine.changeable(list(this)?);
    let List::Owned(cell) = &target else {
        return Err(unsupported());
    };
    if !allowed(cell.kind) {
        return Err(unsupported());
    }
    let result = action(&mut cell.items.borrow_mut());
    Ok(result)
}

fn bounds(index: i32, size: usize) -> Thrown {
    Thrown::java(INDEX_BOUNDS, format!("Index: {index}, Size: {size}"))
}

/// Collections of every kind.
pub(crate) static COLLECTION: &[Method] = &[
    method("size", &[], |_, this, _| {
        Ok(Value::Int(list(this)?.len() as i32))
    }),
    method("isEmpty", &[], |_, this, _| {
        Ok(Value::Bool(list(this)?.len() == 0))
    }),
    method("contains", &[OBJECT], |machine, this, args| {
        let items = elements(machine, this)?;
        Ok(Value::Bool(position(&items, &args[0]) >= 0))
    }),
    method("containsAll", &[COLLECTION_TYPE], |machine, this, args| {
        let (items, wanted) = (elements(machine, this)?, elements(machine, &args[0])?);
        machine.spend(items.len().saturating_mul(wanted.len()) / 64)?;
        let all = wanted.iter().all(|item| position(&items, item) >= 0);
        Ok(Value::Bool(all))
    }),
    method("add", &[OBJECT], |machine, this, args| {
        let item = args[0].clone();
        change(machine, this, ListKind::can_add, |items| items.push(item))?;
        Ok(Value::Bool(true))
    }),
    method("addAll", &[COLLECTION_TYPE], |machine, this, args| {
        let more = elements(machine, &args[0])?;
        let changed = !more.is_empty();
        // The views of a map refuse elements one by one; a fixed list refuses at once.
        if !changed && !list(this)?.kind().is_list() {
            return Ok(Value::Bool(false));
        }
        change(machine, this, ListKind::can_add, |items| items.extend(more))?;
        Ok(Value::Bool(changed))
    }),
    method("remove", &[OBJECT], |machine, this, args| {
        let wanted = args[0].clone();
        let removed = change(machine, this, ListKind::can_remove, |items| {
            let found = items.iter().position(|item| equals(item, &wanted));
            if let Some(index) = found {
                items.remove(index);
            }
            found.is_some()
        })?;
        Ok(Value::Bool(removed))
    }),
    method("removeAll", &[COLLECTION_TYPE], |machine, this, args| {
        let gone = elements(machine, &args[0])?;
        machine.spend(list(this)?.len().saturating_mul(gone.len()) / 64)?;
        let changed = change(machine, this, ListKind::can_remove, |items| {
            let before = items.len();
            items.retain(|item| position(&gone, item) < 0);
            items.len() != before
        })?;
        Ok(Value::Bool(changed))
    }),
    method("retainAll", &[COLLECTION_TYPE], |machine, this, args| {
        let kept = elements(machine, &args[0])?;
        machine.spend(list(this)?.len().saturating_mul(kept.len()) / 64)?;
        let changed = change(machine, this, ListKind::can_remove, |items| {
            let before = items.len();
            items.retain(|item| position(&kept, item) >= 0);
            items.len() != before
        })?;
        Ok(Value::Bool(changed))
    }),
    method("clear", &[], |machine, this, _| {
        change(machine, this, ListKind::can_remove, Vec::clear)?;
        Ok(Value::Null)
    }),
];

/// What only lists have.
pub(crate) static LIST: &[Method] = &[
    method("indexOf", &[OBJECT], |machine, this, args| {
        let items = elements(machine, this)?;
        Ok(Value::Int(position(&items, &args[0])))
    }),
    method("lastIndexOf", &[OBJECT], |machine, this, args| {
        let items = elements(machine, this)?;
        let found = items.iter().rposition(|item| equals(item, &args[0]));
        Ok(Value::Int(found.map_or(-1, |index| index as i32)))
    }),
    method("subList", &[INT, INT], |machine, this, args| {
        let items = elements(machine, this)?;
        let (from, to) = (args.int(0), args.int(1));
        if from < 0 {
            return Err(Thrown::java(INDEX_BOUNDS, format!("fromIndex = {from}")));
        }
        if to as i64 > items.len() as i64 {
            return Err(Thrown::java(INDEX_BOUNDS, format!("toIndex = {to}")));
        }
        if from > to {
            return Err(Thrown::java(
                crate::error::ILLEGAL_ARGUMENT,
                format!("fromIndex({from}) > toIndex({to})"),
            ));
        }
        let part = items[from as usize..to as usize].to_vec();
        let kind = match list(this)?.kind() {
            ListKind::Unmodifiable => ListKind::Unmodifiable,
            _ => ListKind::SubList,
        };
        Ok(Value::list(kind, part))
    }),
    method("add", &[INT, OBJECT], |machine, this, args| {
        let (index, item) = (args.int(0), args[1].clone());
        change(machine, this, ListKind::can_add, |items| {
            if index < 0 || index as usize > items.len() {
                return Err(bounds(index, items.len()));
            }
            items.insert(index as usize, item);
            Ok(())
        })??;
        Ok(Value::Null)
    }),
    method("addAll", &[INT, COLLECTION_TYPE], |machine, this, args| {
        let (index, more) = (args.int(0), elements(machine, &args[1])?);
        let changed = !more.is_empty();
        change(machine, this, ListKind::can_add, |items| {
            if index < 0 || index as usize > items.len() {
                return Err(bounds(index, items.len()));
            }
            items.splice(index as usize..index as usize, more);
            Ok(())
        })??;
        Ok(Value::Bool(changed))
    }),
    method("ensureCapacity", &[INT], |_, _, _| Ok(Value::Null)),
    method("trimToSize", &[], |_, _, _| Ok(Value::Null)),
];

const COLLECTION_TYPE: Type = super::method::COLLECTION;

fn clear_map<'a>(machine: &mut Machine<'a>, map: &Map<'a>) -> Eval<()> {
    match map {
        Map::Owned(cell) if cell.kind != MapKind::Unmodifiable => {
            cell.entries.borrow_mut().clear();
            Ok(())
        }
        Map::Owned(_) | Map::Root(_) => Err(unsupported()),
        Map::Json(inner) | Map::Context(inner, ..) => {
            if let Value::Map(Map::Owned(cell)) = machine.changeable_map(inner) {
                cell.entries.borrow_mut().clear();
            }
            Ok(())
        }
    }
}

/// Maps.
pub(crate) static MAP: &[Method] = &[
    method("size", &[], |_, this, _| {
        Ok(Value::Int(map(this)?.len() as i32))
    }),
    method("isEmpty", &[], |_, this, _| {
        Ok(Value::Bool(map(this)?.len() == 0))
    }),
    method("containsKey", &[OBJECT], |_, this, args| {
        Ok(Value::Bool(map(this)?.contains_key(&args[0])))
    }),
    method("containsValue", &[OBJECT], |machine, this, args| {
        let map = map(this)?;
        machine.spend(map.len() / 16)?;
        let found = map
            .entries()
            .iter()
            .any(|(_, value)| equals(value, &args[0]));
        Ok(Value::Bool(found))
    }),
    method("keySet", &[], |machine, this, _| {
        let map = map(this)?;
        machine.spend(map.len() / 16)?;
        let keys = map.entries().into_iter().map(|(key, _)| key).collect();
        Ok(Value::list(ListKind::KeySet, keys))
    }),
    method("values", &[], |machine, this, _| {
        let map = map(this)?;
        machine.spend(map.len() / 16)?;
        let values = map.entries().into_iter().map(|(_, value)| value).collect();
        Ok(Value::list(ListKind::Values, values))
    }),
    method("entrySet", &[], |machine, this, _| {
        let map = map(this)?;
        machine.spend(map.len() / 16)?;
        let entries = map
            .entries()
            .into_iter()
            .map(|entry| Value::Entry(std::rc::Rc::new(entry)))
            .collect();
        Ok(Value::list(ListKind::EntrySet, entries))
    }),
    method("clear", &[], |machine, this, _| {
        clear_map(machine, map(this)?)?;
        Ok(Value::Null)
    }),
    method("putAll", &[Type::of(Class::Map)], |machine, this, args| {
        let more = map(&args[0])?.entries();
        machine.spend(more.len() / 16)?;
        for (key, value) in more {
            machine.put(map(this)?, key, value)?;
        }
        Ok(Value::Null)
    }),
    method("remove", &[OBJECT, OBJECT], |machine, this, args| {
        let target = map(this)?;
        let present = target
            .get(&args[0])
            .is_some_and(|value| equals(&value, &args[1]));
        if !present {
            return Ok(Value::Bool(false));
        }
        let owned = match target {
            Map::Json(inner) | Map::Context(inner, ..) => machine.changeable_map(inner),
            _ => this.clone(),
        };
        if let Value::Map(Map::Owned(cell)) = owned {
            if cell.kind == MapKind::Unmodifiable {
                return Err(unsupported());
            }
            cell.entries
                .borrow_mut()
                .shift_remove(&Key(args[0].clone()));
        }
        Ok(Value::Bool(true))
    }),
    method(
        "replace",
        &[OBJECT, OBJECT, OBJECT],
        |machine, this, args| {
            let target = map(this)?;
            let present = target
                .get(&args[0])
                .is_some_and(|value| equals(&value, &args[1]));
            if present {
                machine.put(target, args[0].clone(), args[2].clone())?;
            }
            Ok(Value::Bool(present))
        },
    ),
];

/// Arrays have nothing of their own but their length, which is a property.
pub(crate) static ARRAY: &[Method] = &[];
