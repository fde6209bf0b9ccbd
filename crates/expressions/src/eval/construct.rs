//! Inline lists and maps, types, constructors and arrays.

use indexmap::IndexMap;

use super::Machine;
use crate::error::{Eval, ILLEGAL_ARGUMENT, Thrown};
use crate::java::{convert, method, registry};
use crate::suggest;
use crate::syntax::ast::{Kind, Node};
use crate::value::{Class, Key, ListKind, MapKind, Type, Value};

/// Arrays must have fewer elements.
const MAX_ELEMENTS: i64 = 256 * 1024;

impl<'a> Machine<'a> {
    pub(crate) fn list(
        &mut self,
        items: &[Node],
        constant: bool,
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        self.spend(1 + items.len())?;
        let items = self.arguments(items, here, frame)?;
        let kind = if constant {
            ListKind::Unmodifiable
        } else {
            ListKind::ArrayList
        };
        Ok(Value::list(kind, items))
    }

    pub(crate) fn map(
        &mut self,
        entries: &[(Node, Node)],
        constant: bool,
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        self.spend(1 + entries.len())?;
        let mut map = IndexMap::with_capacity(entries.len());
        for (key, value) in entries {
            let key = match &key.kind {
                Kind::Property { name, .. } => Value::text(std::sync::Arc::clone(name)),
                _ => self.eval(key, here, frame)?,
            };
            let value = self.eval(value, here, frame)?;
            map.insert(Key(key), value);
        }
        let kind = if constant {
            MapKind::Unmodifiable
        } else {
            MapKind::LinkedHashMap
        };
        Ok(Value::map(kind, map))
    }

    pub(crate) fn type_reference(&mut self, name: &str, dimensions: usize) -> Eval<Value<'a>> {
        let lower = !name.contains('.') && name.chars().next().is_some_and(char::is_lowercase);
        let class = match (lower, registry::primitive(name)) {
            (true, Some(class)) => class,
            (true, None) if !name.eq_ignore_ascii_case("object") => {
                return Err(Thrown::java(
                    ILLEGAL_ARGUMENT,
                    format!(
                        "No enum constant org.springframework.expression.spel.ast.TypeCode.{}",
                        name.to_uppercase()
                    ),
                ));
            }
            _ => find_type(name)?,
        };
        Ok(Value::Class(Type {
            class,
            dimensions: dimensions.min(255) as u8,
        }))
    }

    pub(crate) fn construct(
        &mut self,
        name: &str,
        args: &[Node],
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        let args = self.arguments(args, here, frame)?;
        self.tick()?;
        let types: Vec<Option<Type>> = args.iter().map(Value::class).collect();
        let shown = method::signature("", &types);
        let problem = |cause: Thrown| {
            Thrown::el(
                1003,
                format!(
                    "A problem occurred whilst attempting to construct an object of type '{name}' using arguments '{shown}'"
                ),
            )
            .because(cause)
        };
        let class = find_type(name).map_err(|cause| {
            let suggestion = cause.suggestion.clone();
            problem(cause).suggest(suggestion)
        })?;
        let Some(constructor) = method::resolve_constructor(registry::constructors(class), &types)
        else {
            return Err(Thrown::el(
                1002,
                format!(
                    "Constructor call: No suitable constructor found on type {name} for arguments {shown}"
                ),
            ));
        };
        let args = method::arguments(constructor.params, false, args).map_err(problem)?;
        (constructor.body)(self, &Value::Null, &args).map_err(problem)
    }

    pub(crate) fn array(
        &mut self,
        name: &str,
        dimensions: &[Option<Node>],
        items: Option<&[Node]>,
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        self.tick()?;
        let class = match registry::primitive(&name.to_lowercase()) {
            Some(class) => class,
            None => find_type(name)?,
        };
        let element = Type::of(class);
        if let Some(items) = items {
            return self.filled_array(element, dimensions, items, here, frame);
        }
        let mut sizes = Vec::with_capacity(dimensions.len());
        for dimension in dimensions {
            let Some(dimension) = dimension else {
                return Err(Thrown::el(
                    1063,
                    "A required array dimension has not been specified",
                ));
            };
            sizes.push(self.size(dimension, here, frame)?);
        }
        let mut total = 1_i64;
        for size in &sizes {
            total = total.saturating_mul(i64::from(*size));
            if total >= MAX_ELEMENTS {
                return Err(Thrown::el(
                    1075,
                    "Array declares too many elements, exceeding the threshold of '262,144'",
                ));
            }
        }
        if let Some(negative) = sizes.iter().find(|size| **size < 0) {
            return Err(Thrown::java(
                "java.lang.NegativeArraySizeException",
                negative.to_string(),
            ));
        }
        // An array is memory, not work: a small part of its elements counts as operations.
        self.spend((total / 64) as usize)?;
        Ok(blank_array(element, &sizes))
    }

    fn size(&mut self, node: &Node, here: &Value<'a>, frame: &Value<'a>) -> Eval<i32> {
        let value = self.eval(node, here, frame)?;
        match convert::convert(&value, Type::of(Class::Integer))? {
            Value::Int(size) => Ok(size),
            _ => Err(super::assign::no_result(&value)),
        }
    }

    fn filled_array(
        &mut self,
        element: Type,
        dimensions: &[Option<Node>],
        items: &[Node],
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        if dimensions.len() > 1 {
            return Err(Thrown::el(
                1062,
                "Using an initializer to build a multi-dimensional array is not currently supported",
            ));
        }
        if let Some(Some(dimension)) = dimensions.first()
            && self.size(dimension, here, frame)? != items.len() as i32
        {
            return Err(Thrown::el(
                1064,
                "Array initializer size does not match array dimensions",
            ));
        }
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let value = self.eval(item, here, frame)?;
            let converted = convert::convert(&value, element.boxed())?;
            if converted.is_null() && element.is_primitive() {
                return Err(super::assign::no_result(&value));
            }
            values.push(converted);
        }
        Ok(Value::array(element, values))
    }
}

fn blank_array<'a>(element: Type, sizes: &[i32]) -> Value<'a> {
    let Some((size, rest)) = sizes.split_first() else {
        return Value::array(element, Vec::new());
    };
    let inner = Type {
        class: element.class,
        dimensions: element.dimensions + rest.len() as u8,
    };
    let items = (0..*size)
        .map(|_| {
            if rest.is_empty() {
                blank(element)
            } else {
                blank_array(element, rest)
            }
        })
        .collect();
    Value::array(inner, items)
}

fn blank<'a>(element: Type) -> Value<'a> {
    match element.class {
        Class::BoolPrimitive => Value::Bool(false),
        Class::BytePrimitive => Value::Byte(0),
        Class::ShortPrimitive => Value::Short(0),
        Class::CharPrimitive => Value::Char(0),
        Class::IntPrimitive => Value::Int(0),
        Class::LongPrimitive => Value::Long(0),
        Class::FloatPrimitive => Value::Float(0.0),
        Class::DoublePrimitive => Value::Double(0.0),
        _ => Value::Null,
    }
}

/// A type by name. Names without package are looked up in `java.lang`.
pub(crate) fn find_type(name: &str) -> Eval<Class> {
    if let Some(class) = registry::allowed_type(name) {
        return Ok(class);
    }
    let suggestion = suggest::type_name(name);
    // Which other classes exist is not told apart: none of them may be used.
    let error = if registry::is_known_java_type(name) {
        Thrown::el(
            1021,
            format!(
                "A problem occurred whilst attempting to access the property '{name}': '{{1}}'"
            ),
        )
    } else {
        Thrown::el(1005, format!("Type cannot be found '{name}'"))
    };
    Err(error.suggest(suggestion))
}
