//! Methods, and which of several one call means.

use super::convert;
use crate::error::{Eval, Thrown};
use crate::eval::Machine;
use crate::value::{Class, Type, Value};

/// The body of a method. The receiver is null for static methods; arguments have the declared types.
pub(crate) type Body = for<'a> fn(&mut Machine<'a>, &Value<'a>, &[Value<'a>]) -> Eval<Value<'a>>;

/// A method that expressions may call. Methods whose return type is not allowed are not listed at all.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [Type],
    pub(crate) is_static: bool,
    pub(crate) varargs: bool,
    pub(crate) body: Body,
}

/// An instance method.
pub(crate) const fn method(name: &'static str, params: &'static [Type], body: Body) -> Method {
    Method {
        name,
        params,
        is_static: false,
        varargs: false,
        body,
    }
}

/// A static method.
pub(crate) const fn function(name: &'static str, params: &'static [Type], body: Body) -> Method {
    Method {
        name,
        params,
        is_static: true,
        varargs: false,
        body,
    }
}

impl Method {
    /// Marks the last parameter as `…`.
    pub(crate) const fn variable(mut self) -> Self {
        self.varargs = true;
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Exact,
    Close,
    Conversion,
}

fn compare_one(param: Type, argument: Option<Type>, so_far: Match) -> Option<Match> {
    let Some(argument) = argument else {
        return (!param.is_primitive()).then_some(so_far);
    };
    if param == argument {
        return Some(so_far);
    }
    if param.accepts(argument) {
        return Some(if so_far == Match::Conversion {
            so_far
        } else {
            Match::Close
        });
    }
    convert::can_convert(Some(argument), param).then_some(Match::Conversion)
}

fn compare_rest(element: Type, argument: Option<Type>, found: Option<Match>) -> Option<Match> {
    let Some(argument) = argument else {
        return found.filter(|_| !element.is_primitive());
    };
    if element == argument {
        found
    } else if element.accepts(argument) {
        Some(match found {
            Some(Match::Conversion) => Match::Conversion,
            _ => Match::Close,
        })
    } else if convert::can_convert(Some(argument), element) {
        Some(Match::Conversion)
    } else {
        None
    }
}

fn compare(method: &Method, arguments: &[Option<Type>]) -> Option<Match> {
    let mut found = Match::Exact;
    if !method.varargs {
        if method.params.len() != arguments.len() {
            return None;
        }
        for (param, argument) in method.params.iter().zip(arguments) {
            found = compare_one(*param, *argument, found)?;
        }
        return Some(found);
    }
    let (last, fixed) = method.params.split_last()?;
    if arguments.len() < fixed.len() {
        return None;
    }
    for (param, argument) in fixed.iter().zip(arguments) {
        found = compare_one(*param, *argument, found)?;
    }
    let rest = &arguments[fixed.len()..];
    if rest.len() == 1 && rest[0] == Some(*last) {
        return Some(found);
    }
    // Spring goes on after an argument that does not fit, so a later one that fits revives the method.
    let mut result = Some(found);
    for argument in rest {
        result = compare_rest(last.element(), *argument, result);
    }
    result
}

fn distance(method: &Method, arguments: &[Option<Type>]) -> u32 {
    let mut result = 0;
    for (index, param) in method.params.iter().enumerate() {
        match arguments.get(index).copied().flatten() {
            None if param.is_primitive() => return u32::MAX,
            None => {}
            Some(argument) if !param.accepts(argument) => return u32::MAX,
            Some(argument) => result += param.distance(argument),
        }
    }
    result
}

/// The method a call means. `None` where nothing fits, an error where several need conversions.
pub(crate) fn resolve<'m>(
    methods: impl Iterator<Item = &'m Method>,
    arguments: &[Option<Type>],
) -> Result<Option<&'m Method>, ()> {
    let mut candidates: Vec<&Method> = methods.collect();
    candidates.sort_by_key(|method| (method.params.len(), method.varargs));
    let mut close: Option<(&Method, u32)> = None;
    let mut conversion: Option<&Method> = None;
    let mut several = false;
    for method in candidates {
        match compare(method, arguments) {
            None => {}
            Some(Match::Exact) => return Ok(Some(method)),
            Some(Match::Close) => {
                let distance = distance(method, arguments);
                if close.is_none_or(|(_, best)| distance < best) {
                    close = Some((method, distance));
                }
            }
            Some(Match::Conversion) => {
                several |= conversion.is_some();
                conversion = Some(method);
            }
        }
    }
    if let Some((method, _)) = close {
        return Ok(Some(method));
    }
    if several {
        return Err(());
    }
    Ok(conversion)
}

/// The constructor a call means; of several that need conversions the last one, as Spring does.
pub(crate) fn resolve_constructor<'m>(
    constructors: &'m [Method],
    arguments: &[Option<Type>],
) -> Option<&'m Method> {
    let mut candidates: Vec<&Method> = constructors.iter().collect();
    candidates.sort_by_key(|method| method.params.len());
    let mut close = None;
    let mut conversion = None;
    for method in candidates {
        match compare(method, arguments) {
            None => {}
            Some(Match::Exact) => return Some(method),
            Some(Match::Close) => close = Some(method),
            Some(Match::Conversion) => conversion = Some(method),
        }
    }
    close.or(conversion)
}

/// Converts arguments to what the method declares; the arguments of `…` become one array.
pub(crate) fn arguments<'a>(
    params: &[Type],
    varargs: bool,
    mut given: Vec<Value<'a>>,
) -> Eval<Vec<Value<'a>>> {
    let fixed = if varargs {
        params.len() - 1
    } else {
        params.len()
    };
    for (param, argument) in params[..fixed].iter().zip(given.iter_mut()) {
        *argument = convert::convert(argument, *param)?;
    }
    if !varargs {
        return Ok(given);
    }
    let array = params[fixed];
    let element = array.element();
    let mut rest = given.split_off(fixed.min(given.len()));
    if rest.len() == 1 {
        let only = &rest[0];
        let class = only.class();
        let is_list = matches!(only, Value::List(list) if list.kind().is_list());
        if let Some(class) = class {
            let fits = element.accepts(class);
            let foreign_array = class.is_array() && !array.accepts(class);
            if !fits || foreign_array || is_list {
                let whole = class.is_array() || is_list || convert::can_convert(Some(class), array);
                let target = if whole { array } else { element };
                rest[0] = convert::convert(only, target)?;
            }
        }
        if let Value::Array(given_array) = &rest[0]
            && array.accepts(given_array.class())
        {
            let ready = rest.remove(0);
            given.push(ready);
            return Ok(given);
        }
    } else {
        for argument in &mut rest {
            *argument = convert::convert(argument, element)?;
        }
    }
    given.push(Value::array(element, rest));
    Ok(given)
}

/// `name(java.lang.String,null)`, as Spring's messages show a call.
pub(crate) fn signature(name: &str, arguments: &[Option<Type>]) -> String {
    let types: Vec<String> = arguments
        .iter()
        .map(|argument| argument.map_or_else(|| "null".to_owned(), Type::name))
        .collect();
    format!("{name}({})", types.join(","))
}

/// The error for an ambiguous call.
pub(crate) fn ambiguous(name: &str) -> Thrown {
    Thrown::el(
        1033,
        format!(
            "Method call of '{name}' is ambiguous, supported type conversions allow multiple variants to match"
        ),
    )
}

pub(crate) const OBJECT: Type = Type::of(Class::Object);
pub(crate) const STRING: Type = Type::of(Class::String);
pub(crate) const CHARS: Type = Type::of(Class::CharSequence);
pub(crate) const INT: Type = Type::of(Class::IntPrimitive);
pub(crate) const LONG: Type = Type::of(Class::LongPrimitive);
pub(crate) const FLOAT: Type = Type::of(Class::FloatPrimitive);
pub(crate) const DOUBLE: Type = Type::of(Class::DoublePrimitive);
pub(crate) const BOOL: Type = Type::of(Class::BoolPrimitive);
pub(crate) const CHAR: Type = Type::of(Class::CharPrimitive);
pub(crate) const BYTE: Type = Type::of(Class::BytePrimitive);
pub(crate) const COLLECTION: Type = Type::of(Class::Collection);
pub(crate) const BYTES: Type = Type::array_of(Class::BytePrimitive);
pub(crate) const CHAR_ARRAY: Type = Type::array_of(Class::CharPrimitive);
pub(crate) const OBJECTS: Type = Type::array_of(Class::Object);

/// Access to converted arguments.
pub(crate) trait Arguments<'a> {
    fn int(&self, index: usize) -> i32;
    fn long(&self, index: usize) -> i64;
    fn double(&self, index: usize) -> f64;
    fn float(&self, index: usize) -> f32;
    fn flag(&self, index: usize) -> bool;
    /// The text of a `CharSequence`; a null one is the error Java throws.
    fn text(&self, index: usize) -> Eval<&str>;
    fn unit(&self, index: usize) -> u16;
}

impl<'a> Arguments<'a> for [Value<'a>] {
    fn int(&self, index: usize) -> i32 {
        self.get(index)
            .map_or(0, |value| convert::as_i64(value) as i32)
    }

    fn long(&self, index: usize) -> i64 {
        self.get(index).map_or(0, convert::as_i64)
    }

    fn double(&self, index: usize) -> f64 {
        self.get(index).map_or(0.0, convert::as_f64)
    }

    fn float(&self, index: usize) -> f32 {
        self.get(index).map_or(0.0, convert::as_f32)
    }

    fn flag(&self, index: usize) -> bool {
        matches!(self.get(index), Some(Value::Bool(true)))
    }

    fn text(&self, index: usize) -> Eval<&str> {
        self.get(index)
            .and_then(Value::char_sequence)
            .ok_or_else(null_pointer)
    }

    fn unit(&self, index: usize) -> u16 {
        match self.get(index) {
            Some(Value::Char(unit)) => *unit,
            _ => 0,
        }
    }
}

/// `NullPointerException` without text.
pub(crate) fn null_pointer() -> Thrown {
    Thrown::silent(crate::error::NULL_POINTER)
}
