//! The evaluator: walks a syntax tree over a root.
//!
//! Invariants: a part never does more than [`MAX_OPERATIONS`] operations; every loop over data counts; nothing is read
//! but the scope and its environment; nothing outside the pass is changed.

pub(crate) mod assign;
pub(crate) mod construct;
pub(crate) mod control;
pub(crate) mod explain;
pub(crate) mod invoke;
mod kernel;
pub(crate) mod lower;
pub(crate) mod navigate;
pub(crate) mod order;
pub(crate) mod property;
pub(crate) mod select;
mod show;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::error::{Eval, Thrown};
use crate::root::Root;
use crate::scope::Scope;
use crate::syntax::ast::{Kind, Node};
use crate::value::json::from_json;
use crate::value::{List, Map, Value};

/// How many operations one part may do.
pub(crate) const MAX_OPERATIONS: u32 = 10_000;

/// How many bytes of text the parts of one string may make altogether.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// The state of one pass: everything evaluated with the same root.
pub(crate) struct Machine<'a> {
    pub(crate) scope: Scope<'a>,
    pub(crate) root: Rc<Root<'a>>,
    operations: u32,
    bytes: usize,
    variables: HashMap<Arc<str>, Value<'a>>,
    /// Collections of the execution that methods changed in this pass, by address.
    changed: HashMap<usize, Value<'a>>,
    pub(crate) patterns: crate::java::regex::Patterns,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(scope: Scope<'a>) -> Self {
        Self {
            root: Rc::new(Root::new(&scope)),
            scope,
            operations: 0,
            bytes: 0,
            variables: HashMap::new(),
            changed: HashMap::new(),
            patterns: crate::java::regex::Patterns::default(),
        }
    }

    /// Starts another part with a fresh budget.
    pub(crate) fn begin(&mut self) {
        self.operations = 0;
        self.bytes = 0;
        self.patterns.begin();
    }

    /// Evaluates the tree of a part.
    pub(crate) fn run(&mut self, node: &Node) -> Eval<Value<'a>> {
        self.begin();
        let root = self.root_value();
        self.eval(node, &root, &root)
    }

    pub(crate) fn root_value(&self) -> Value<'a> {
        Value::Map(Map::Root(Rc::clone(&self.root)))
    }

    /// Counts an operation.
    pub(crate) fn tick(&mut self) -> Eval<()> {
        self.spend(1)
    }

    /// Counts several operations at once.
    pub(crate) fn spend(&mut self, operations: usize) -> Eval<()> {
        let operations = u32::try_from(operations).unwrap_or(MAX_OPERATIONS);
        self.operations = self.operations.saturating_add(operations);
        if self.operations >= MAX_OPERATIONS {
            return Err(Thrown::el(
                1085,
                "SpEL expression evaluation exceeded the threshold of '10,000' operations",
            ));
        }
        Ok(())
    }

    /// Counts the bytes of a text or collection a method makes, and what it costs to make it.
    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Eval<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if bytes > crate::value::text::MAX_TEXT || self.bytes > MAX_BYTES {
            return Err(crate::java::convert::too_large());
        }
        Ok(())
    }

    /// The value itself, or what this pass made of that collection of the execution.
    pub(crate) fn current(&self, value: Value<'a>) -> Value<'a> {
        if self.changed.is_empty() {
            return value;
        }
        let address = match &value {
            Value::List(List::Json(items)) => std::ptr::from_ref(*items).addr(),
            Value::Map(Map::Json(map) | Map::Context(map, ..)) => std::ptr::from_ref(*map).addr(),
            _ => return value,
        };
        self.changed.get(&address).cloned().unwrap_or(value)
    }

    /// A list that can be changed; for one of the execution a copy that takes its place in this pass.
    pub(crate) fn changeable(&mut self, list: &List<'a>) -> List<'a> {
        match list {
            List::Owned(_) => list.clone(),
            List::Json(items) => {
                let address = std::ptr::from_ref(*items).addr();
                let value = self
                    .changed
                    .entry(address)
                    .or_insert_with(|| Value::array_list(list.to_vec()));
                match value {
                    Value::List(list) => list.clone(),
                    _ => list.clone(),
                }
            }
        }
    }

    /// A map that can be changed, as [`Machine::changeable`].
    pub(crate) fn changeable_map(&mut self, map: &'a crate::value::JsonMap) -> Value<'a> {
        let address = std::ptr::from_ref(map).addr();
        self.changed
            .entry(address)
            .or_insert_with(|| {
                crate::value::text_map(
                    crate::value::MapKind::LinkedHashMap,
                    map.iter()
                        .map(|(key, value)| (key.as_str(), from_json(value))),
                )
            })
            .clone()
    }

    /// Evaluates a node. `here` is what bare names are looked up in, `frame` the innermost element of a selection or
    /// projection (or the root), which method arguments see.
    pub(crate) fn eval(
        &mut self,
        node: &Node,
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Value<'a>> {
        match &node.kind {
            Kind::Null => Ok(Value::Null),
            Kind::Bool(value) => Ok(Value::Bool(*value)),
            Kind::Int(value) => Ok(Value::Int(*value)),
            Kind::Long(value) => Ok(Value::Long(*value)),
            Kind::Float(value) => Ok(Value::Float(*value)),
            Kind::Double(value) => Ok(Value::Double(*value)),
            Kind::Text(text) => Ok(Value::text(Arc::clone(text))),
            Kind::Property { .. }
            | Kind::Method { .. }
            | Kind::Index { .. }
            | Kind::Project { .. }
            | Kind::Select { .. }
            | Kind::Variable(_)
            | Kind::Function { .. } => self.step(node, here, frame).map_err(|e| e.at(node.start)),
            Kind::Compound(steps) => self.compound(steps, here, frame),
            Kind::List { items, constant } => self.list(items, *constant, here, frame),
            Kind::Map { entries, constant } => self.map(entries, *constant, here, frame),
            Kind::Type { name, dimensions } => self
                .type_reference(name, *dimensions)
                .map_err(|e| e.at(node.start)),
            Kind::New { name, args } => self
                .construct(name, args, here, frame)
                .map_err(|e| e.at(node.start)),
            Kind::NewArray {
                name,
                dimensions,
                items,
            } => self
                .array(name, dimensions, items.as_deref(), here, frame)
                .map_err(|e| e.at(node.start)),
            Kind::Bean(name) => Err(Thrown::el(
                1057,
                format!(
                    "No bean resolver registered in the context to resolve access to bean '{name}'"
                ),
            )
            .at(node.start)),
            Kind::Unary { .. } | Kind::Chain { .. } => lower::island(self, node, here, frame),
            Kind::Relation { op, left, right } => self.relation(*op, left, right, here, frame),
            Kind::And(items) => self.logic(items, false, here, frame),
            Kind::Or(items) => self.logic(items, true, here, frame),
            Kind::Elvis(left, right) => {
                self.tick()?;
                let value = self.eval(left, here, frame)?;
                let empty = matches!(&value, Value::Null)
                    || matches!(&value, Value::Text(text) if text.is_empty());
                if empty {
                    self.eval(right, here, frame)
                } else {
                    Ok(value)
                }
            }
            Kind::Ternary(condition, then, otherwise) => {
                self.tick()?;
                let chosen = if self.condition(condition, here, frame)? {
                    then
                } else {
                    otherwise
                };
                self.eval(chosen, here, frame)
            }
            Kind::Assign(target, value) => self.assign(target, value, here, frame),
            Kind::Step { by, prefix, target } => {
                self.increment(*by, *prefix, target, node.start, here, frame)
            }
        }
    }

    fn compound(&mut self, steps: &[Node], here: &Value<'a>, frame: &Value<'a>) -> Eval<Value<'a>> {
        let mut steps = steps.iter();
        let Some(first) = steps.next() else {
            return Ok(Value::Null);
        };
        let mut value = self.eval(first, here, frame)?;
        for step in steps {
            value = self
                .step(step, &value, frame)
                .map_err(|e| e.at(step.start))?;
        }
        Ok(value)
    }

    /// One step of navigation from `here`.
    fn step(&mut self, node: &Node, here: &Value<'a>, frame: &Value<'a>) -> Eval<Value<'a>> {
        match &node.kind {
            Kind::Property { name, safe } => {
                if *safe && here.is_null() {
                    return Ok(Value::Null);
                }
                self.tick()?;
                self.property(here, name)
            }
            Kind::Method { name, args, safe } => {
                let args = self.arguments(args, frame, frame)?;
                if *safe && here.is_null() {
                    return Ok(Value::Null);
                }
                self.tick()?;
                self.invoke(here, name, args)
            }
            Kind::Index { index, safe } => {
                if *safe && here.is_null() {
                    return Ok(Value::Null);
                }
                self.tick()?;
                self.index(here, index, frame)
            }
            Kind::Project { body, safe } => {
                if *safe && here.is_null() {
                    return Ok(Value::Null);
                }
                self.project(here, body)
            }
            Kind::Select { which, body, safe } => {
                if *safe && here.is_null() {
                    return Ok(Value::Null);
                }
                self.select(here, *which, body)
            }
            Kind::Variable(name) => {
                self.tick()?;
                Ok(match &**name {
                    "this" => here.clone(),
                    "root" => self.root_value(),
                    _ => match self.variables.get(name) {
                        Some(value) => value.clone(),
                        None if crate::functions::exists(name) => {
                            return Err(crate::functions::not_called(name));
                        }
                        None => Value::Null,
                    },
                })
            }
            Kind::Function { name, args } => {
                if !crate::functions::exists(name) {
                    return Err(crate::functions::unknown(name));
                }
                let args = self.arguments(args, here, frame)?;
                self.tick()?;
                crate::functions::call(self, name, args)
            }
            _ => self.eval(node, here, frame),
        }
    }

    /// Evaluates arguments one after the other.
    pub(crate) fn arguments(
        &mut self,
        args: &[Node],
        here: &Value<'a>,
        frame: &Value<'a>,
    ) -> Eval<Vec<Value<'a>>> {
        args.iter()
            .map(|argument| self.eval(argument, here, frame))
            .collect()
    }
}
