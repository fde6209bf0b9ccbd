//! The helper functions, `#name(…)`. There are no others.

mod artifacts;
pub(crate) mod base64;
pub(crate) mod json;
mod pipelines;
mod properties;
mod server_groups;
mod stages;
mod text;
mod url;
mod yaml;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::error::{Eval, Thrown};
use crate::eval::Machine;
use crate::java::method::{self, Method};
use crate::suggest;
use crate::value::{Class, Type, Value};

/// The type of the first parameter of execution-aware functions.
pub(crate) const EXECUTION: Type = Type::of(Class::Execution);

fn tables() -> impl Iterator<Item = &'static Method> {
    text::FUNCTIONS
        .iter()
        .chain(json::FUNCTIONS)
        .chain(yaml::FUNCTIONS)
        .chain(url::FUNCTIONS)
        .chain(stages::FUNCTIONS)
        .chain(artifacts::FUNCTIONS)
        .chain(server_groups::FUNCTIONS)
        .chain(pipelines::FUNCTIONS)
}

/// The names of all helper functions, without `#`.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    names()
}

/// The names of all functions.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    tables().map(|function| function.name)
}

static BY_NAME: LazyLock<HashMap<&'static str, &'static Method>> =
    LazyLock::new(|| tables().map(|function| (function.name, function)).collect());

/// True where a function of that name exists.
pub(crate) fn exists(name: &str) -> bool {
    BY_NAME.contains_key(name)
}

/// The error for a name that is no function.
pub(crate) fn unknown(name: &str) -> Thrown {
    Thrown::el(1006, format!("Function '{name}' could not be found"))
        .suggest(suggest::nearest(name, names()).map(|found| format!("#{found}")))
}

/// The error for a function that is named but not called: it is no value that could be shown.
pub(crate) fn not_called(name: &str) -> Thrown {
    Thrown::el(
        1001,
        "Type conversion problem, cannot convert from java.lang.reflect.Method to java.lang.String",
    )
    .because(Thrown::java(
        crate::error::NO_CONVERTER,
        "No converter found capable of converting from type [java.lang.reflect.Method] to type [java.lang.String]",
    ))
    .suggest(Some(format!("#{name}()")))
}

/// Calls a function with evaluated arguments.
pub(crate) fn call<'a>(
    machine: &mut Machine<'a>,
    name: &str,
    args: Vec<Value<'a>>,
) -> Eval<Value<'a>> {
    let Some(function) = BY_NAME.get(name).copied() else {
        return Err(unknown(name));
    };
    let expected = function.params.len();
    if !function.varargs && args.len() != expected {
        return Err(Thrown::el(
            1014,
            format!(
                "Incorrect number of arguments for function '{name}': {} supplied but function takes {expected}",
                args.len()
            ),
        ));
    }
    if function.varargs && args.len() + 1 < expected {
        return Err(Thrown::java(
            crate::error::INDEX_BOUNDS,
            format!(
                "Index {} out of bounds for length {}",
                args.len(),
                args.len()
            ),
        ));
    }
    let args = method::arguments(function.params, function.varargs, args)?;
    let args = resolve_references(machine, function, args)?;
    (function.body)(machine, &Value::Null, &args).map_err(|cause| {
        let suggestion = cause.suggestion.clone();
        Thrown::el(
            1023,
            format!(
                "A problem occurred whilst attempting to invoke the function '{name}': '{}'",
                cause.text()
            ),
        )
        .because(cause)
        .suggest(suggestion)
    })
}

/// With an artifact store, text arguments that are references are replaced by what they refer to.
fn resolve_references<'a>(
    machine: &Machine<'a>,
    function: &Method,
    mut args: Vec<Value<'a>>,
) -> Eval<Vec<Value<'a>>> {
    if function.name == "fetchReference" {
        return Ok(args);
    }
    for (argument, param) in args.iter_mut().zip(function.params) {
        if *param == method::STRING
            && let Value::Text(text) = argument
            && text.starts_with("ref://")
            && let Some(stored) = machine.scope.environment.stored_artifact(text)
        {
            *argument = Value::text(stored);
        }
    }
    Ok(args)
}
