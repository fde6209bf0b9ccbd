//! Selection and projection.

use super::Machine;
use crate::error::{Eval, Thrown};
use crate::syntax::ast::{Node, Which};
use crate::value::{Class, Key, MapKind, Type, Value};

impl<'a> Machine<'a> {
    fn criterion(&mut self, body: &Node, element: &Value<'a>) -> Eval<bool> {
        self.tick()?;
        match self.eval(body, element, element)? {
            Value::Bool(keep) => Ok(keep),
            _ => {
                Err(Thrown::el(1016, "Result of selection criteria is not boolean").at(body.start))
            }
        }
    }

    pub(crate) fn select(
        &mut self,
        here: &Value<'a>,
        which: Which,
        body: &Node,
    ) -> Eval<Value<'a>> {
        let items = match here {
            Value::Map(map) => return self.select_entries(map.entries(), which, body),
            Value::List(list) => list.to_vec(),
            Value::Array(array) => array.items.borrow().clone(),
            other => {
                return Err(Thrown::el(
                    1015,
                    format!(
                        "Cannot perform selection on input data of type '{}'",
                        other.class_name()
                    ),
                ));
            }
        };
        let mut kept = Vec::new();
        for item in items {
            if self.criterion(body, &item)? {
                match which {
                    Which::First => return Ok(item),
                    Which::Last => kept = vec![item],
                    Which::All => kept.push(item),
                }
            }
        }
        Ok(match (which, here) {
            (Which::First | Which::Last, _) => kept.pop().unwrap_or(Value::Null),
            (Which::All, Value::Array(array)) => Value::array(array.element.boxed(), kept),
            (Which::All, _) => Value::array_list(kept),
        })
    }

    fn select_entries(
        &mut self,
        entries: Vec<(Value<'a>, Value<'a>)>,
        which: Which,
        body: &Node,
    ) -> Eval<Value<'a>> {
        let mut kept = indexmap::IndexMap::new();
        for (key, value) in entries {
            let entry = Value::Entry(std::rc::Rc::new((key.clone(), value.clone())));
            if self.criterion(body, &entry)? {
                if which == Which::Last {
                    kept.clear();
                }
                kept.insert(Key(key), value);
                if which == Which::First {
                    break;
                }
            }
        }
        if kept.is_empty() && which != Which::All {
            return Ok(Value::Null);
        }
        Ok(Value::map(MapKind::HashMap, kept))
    }

    pub(crate) fn project(&mut self, here: &Value<'a>, body: &Node) -> Eval<Value<'a>> {
        let items = match here {
            Value::Map(map) => map
                .entries()
                .into_iter()
                .map(|entry| Value::Entry(std::rc::Rc::new(entry)))
                .collect(),
            Value::List(list) => list.to_vec(),
            Value::Array(array) => array.items.borrow().clone(),
            other => {
                return Err(Thrown::el(
                    1019,
                    format!(
                        "Projection is not supported on the type '{}'",
                        other.class_name()
                    ),
                ));
            }
        };
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            self.tick()?;
            results.push(self.eval(body, &item, &item)?);
        }
        if !matches!(here, Value::Array(_)) {
            return Ok(Value::array_list(results));
        }
        let element = common_type(&results);
        Ok(Value::array(element, results))
    }
}

/// The type all elements share.
fn common_type(items: &[Value<'_>]) -> Type {
    let mut found: Option<Type> = None;
    for class in items.iter().filter_map(Value::class) {
        found = Some(match found {
            None => class,
            Some(known) if known.accepts(class) => known,
            Some(known) if class.accepts(known) => class,
            Some(known) if known.class.is_number() && class.class.is_number() => {
                Type::of(Class::Number)
            }
            Some(_) => Type::of(Class::Object),
        });
    }
    found.unwrap_or(Type::of(Class::Object))
}
