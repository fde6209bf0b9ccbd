//! Calls of methods, on values and on classes.

use super::Machine;
use crate::error::{Eval, Thrown};
use crate::java::method::{self, Method};
use crate::java::registry;
use crate::suggest;
use crate::value::{Type, Value};

impl<'a> Machine<'a> {
    /// Calls a method. Which of the overloads is meant follows Spring's rules.
    pub(crate) fn invoke(
        &mut self,
        here: &Value<'a>,
        name: &str,
        args: Vec<Value<'a>>,
    ) -> Eval<Value<'a>> {
        let types: Vec<Option<Type>> = args.iter().map(Value::class).collect();
        let Some(class) = here.class() else {
            return Err(Thrown::el(
                1011,
                format!(
                    "Method call: Attempted to call method {} on null context object",
                    method::signature(name, &types)
                ),
            ));
        };
        let found = match here {
            Value::Class(of) => method::resolve(
                registry::statics(*of).filter(|method| method.is_static && method.name == name),
                &types,
            ),
            _ => method::resolve(
                registry::methods(class).filter(|method| method.name == name),
                &types,
            ),
        };
        match found {
            Ok(Some(found)) => {
                let this = if found.is_static { &Value::Null } else { here };
                self.execute(found, this, name, args, class)
            }
            Ok(None) => {
                if let (Value::Object(object), true) = (here, types.is_empty())
                    && let Some(found) = crate::objects::call(self, object, name)
                {
                    return found.map_err(|_| self.unknown_method(here, name, &types));
                }
                Err(self.unknown_method(here, name, &types))
            }
            Err(()) => Err(Thrown::el(
                1031,
                format!(
                    "Problem locating method {} on type {}",
                    method::signature(name, &types),
                    shown_class(here, class)
                ),
            )
            .because(method::ambiguous(name))),
        }
    }

    fn execute(
        &mut self,
        method: &Method,
        this: &Value<'a>,
        name: &str,
        args: Vec<Value<'a>>,
        class: Type,
    ) -> Eval<Value<'a>> {
        let args = method::arguments(method.params, method.varargs, args).map_err(|cause| {
            Thrown::el(
                1029,
                format!(
                    "A problem occurred when trying to execute method '{name}' on object of type '{}': 'Problem invoking method: {name}'",
                    class.binary_name()
                ),
            )
            .because(cause)
        })?;
        (method.body)(self, this, &args)
    }

    fn unknown_method(&self, here: &Value<'a>, name: &str, types: &[Option<Type>]) -> Thrown {
        let class = here
            .class()
            .unwrap_or(Type::of(crate::value::Class::Object));
        let known: Vec<&str> = match here {
            Value::Class(of) => registry::statics(*of)
                .filter(|method| method.is_static)
                .map(|method| method.name)
                .collect(),
            Value::Map(crate::value::Map::Root(_)) => {
                // A call without `#` of something that is a helper is the most common slip.
                crate::functions::names().collect()
            }
            _ => registry::methods(class).map(|method| method.name).collect(),
        };
        let own_function = crate::functions::exists(name).then(|| name.to_owned());
        let suggestion = own_function
            .or_else(|| suggest::nearest(name, known.into_iter()))
            .map(|found| {
                if crate::functions::exists(&found) {
                    format!("#{found}")
                } else {
                    found
                }
            });
        Thrown::el(
            1004,
            format!(
                "Method call: Method {} cannot be found on type {}",
                method::signature(name, types),
                shown_class(here, class)
            ),
        )
        .suggest(suggestion)
    }
}

fn shown_class(here: &Value<'_>, class: Type) -> String {
    match here {
        Value::Class(of) => of.name(),
        _ => class.name(),
    }
}
