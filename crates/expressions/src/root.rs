//! The root of an evaluation: where bare names are looked up.
//!
//! The stage's own context is overlaid by `execution`, `trigger`, `parameters`, `scmInfo` and `templateVariables`.
//! Names that are in none of them are looked up in the outputs of the stage and its ancestors, nearest first.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;
use spindrift_model::{Execution, Stage, SyntheticOwner};

use crate::scope::{Mode, Scope, Version};
use crate::value::json::from_json;
use crate::value::{Json, JsonMap, List, Map, Object, Text, Value};

static EMPTY: LazyLock<JsonMap> = LazyLock::new(JsonMap::new);

/// Stages by the names they refer to each other with, in execution order.
struct Index<'a> {
    by_ref: HashMap<&'a str, Vec<usize>>,
    by_id: HashMap<&'a str, usize>,
    children: HashMap<&'a str, Vec<usize>>,
}

/// The root. Shared by everything one pass evaluates.
pub(crate) struct Root<'a> {
    execution: Option<&'a Execution>,
    stage: Option<usize>,
    context: &'a JsonMap,
    trigger: Option<&'a JsonMap>,
    template_variables: Option<&'a JsonMap>,
    strict_map: bool,
    assigned: RefCell<IndexMap<Arc<str>, Value<'a>>>,
    index: OnceCell<Index<'a>>,
    ancestors: RefCell<HashMap<usize, Rc<[usize]>>>,
}

impl std::fmt::Debug for Root<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl<'a> Root<'a> {
    pub(crate) fn new(scope: &Scope<'a>) -> Self {
        let stage = scope
            .execution
            .zip(scope.stage)
            .and_then(|(execution, stage)| execution.stages.get(stage));
        let context = scope
            .context
            .or_else(|| stage.map(|stage| &stage.context))
            .unwrap_or(&EMPTY);
        let template_variables = match scope.execution {
            None => scope.template_variables,
            Some(execution) => {
                let version = Version::parse(execution.spel_evaluator.as_deref());
                (scope.stage.is_some() && version == Version::V4)
                    .then_some(execution.template_variables.as_ref())
                    .flatten()
                    .filter(|variables| !variables.is_empty())
            }
        };
        Self {
            execution: scope.execution,
            stage: scope.stage,
            context,
            trigger: scope.trigger,
            template_variables,
            strict_map: scope.mode == Mode::Strict,
            assigned: RefCell::default(),
            index: OnceCell::new(),
            ancestors: RefCell::default(),
        }
    }

    pub(crate) fn execution(&self) -> Option<&'a Execution> {
        self.execution
    }

    pub(crate) fn stage(&self) -> Option<usize> {
        self.stage
    }

    pub(crate) fn stage_at(&self, index: usize) -> Option<&'a Stage> {
        self.execution?.stages.get(index)
    }

    pub(crate) fn trigger(&self) -> Option<&'a JsonMap> {
        self.trigger
    }

    /// The context map of a stage as an expression sees it.
    pub(crate) fn stage_context(self: &Rc<Self>, index: usize) -> Value<'a> {
        match self.stage_at(index) {
            Some(stage) => Value::Map(Map::Context(&stage.context, index, Rc::clone(self))),
            None => Value::Null,
        }
    }

    /// What the root map itself holds under a name; `Some(Null)` is a present null.
    pub(crate) fn own(&self, name: &str) -> Option<Value<'a>> {
        let assigned = self.assigned.borrow();
        if !assigned.is_empty()
            && let Some(value) = assigned.get(name)
        {
            return Some(value.clone());
        }
        match name {
            "execution" if self.execution.is_some() => Some(Value::Object(Object::Execution)),
            "trigger" if self.trigger.is_some() => {
                self.trigger.map(|trigger| Value::Map(Map::Json(trigger)))
            }
            "parameters" => Some(self.parameters()),
            "scmInfo" => Some(self.scm_info()),
            "templateVariables" if self.template_variables.is_some() => self
                .template_variables
                .map(|variables| Value::Map(Map::Json(variables))),
            _ => self.context.get(name).map(from_json),
        }
    }

    /// What a name means.
    pub(crate) fn get(&self, name: &str) -> Option<Value<'a>> {
        if let Some(value) = self.own(name) {
            return Some(value);
        }
        self.ancestor_output(self.stage?, name).map(from_json)
    }

    /// Sets a name for the rest of the pass.
    pub(crate) fn assign(&self, name: &str, value: Value<'a>) {
        self.assigned.borrow_mut().insert(name.into(), value);
    }

    fn parameters(&self) -> Value<'a> {
        let of_trigger = self
            .trigger
            .and_then(|trigger| trigger.get("parameters"))
            .and_then(Json::as_object)
            .filter(|map| !map.is_empty());
        match of_trigger {
            Some(map) => Value::Map(Map::Json(map)),
            None => match self.context.get("parameters") {
                Some(own) => from_json(own),
                None => Value::Map(Map::Json(&EMPTY)),
            },
        }
    }

    fn scm_info(&self) -> Value<'a> {
        let own = self
            .context
            .get("scmInfo")
            .or_else(|| self.ancestor_output(self.stage?, "scmInfo"));
        let (list, typed) = match own {
            Some(Json::Array(items)) => (items, false),
            Some(Json::Null) | None => match self.trigger.and_then(build_scm) {
                Some(items) => (items, true),
                None => return Value::Null,
            },
            Some(other) => return from_json(other),
        };
        let chosen = match list.as_slice() {
            [] => return Value::Null,
            [one] => one,
            [first, ..] => list
                .iter()
                .find(|item| {
                    let branch = item.get("branch").and_then(Json::as_str);
                    branch != Some("master") && branch != Some("develop")
                })
                .unwrap_or(first),
        };
        match chosen {
            Json::Object(map) if typed => Value::Object(Object::SourceControl(map)),
            other => from_json(other),
        }
    }

    /// The names the root map holds, those of the context first.
    pub(crate) fn keys(&self) -> Vec<Text<'a>> {
        let mut keys: Vec<Text<'a>> = self
            .context
            .keys()
            .map(|key| Text::Borrowed(key.as_str()))
            .collect();
        let mut add = |name: &'static str, present: bool| {
            if present && !self.context.contains_key(name) {
                keys.push(Text::Borrowed(name));
            }
        };
        add("execution", self.execution.is_some());
        add("trigger", self.trigger.is_some());
        add("templateVariables", self.template_variables.is_some());
        add("parameters", true);
        add("scmInfo", true);
        for name in self.assigned.borrow().keys() {
            if !keys.iter().any(|key| **key == **name) {
                keys.push(Text::Shared(Arc::clone(name)));
            }
        }
        keys
    }

    fn index(&self) -> Option<&Index<'a>> {
        let execution = self.execution?;
        Some(self.index.get_or_init(|| {
            let mut index = Index {
                by_ref: HashMap::new(),
                by_id: HashMap::new(),
                children: HashMap::new(),
            };
            for (position, stage) in execution.stages.iter().enumerate() {
                index
                    .by_ref
                    .entry(stage.ref_id.as_str())
                    .or_default()
                    .push(position);
                index.by_id.entry(stage.id.as_str()).or_insert(position);
                if let Some(parent) = &stage.parent_stage_id {
                    index
                        .children
                        .entry(parent.as_str())
                        .or_default()
                        .push(position);
                }
            }
            index
        }))
    }

    /// The stage itself and its ancestors, nearest first.
    pub(crate) fn ancestors(&self, stage: usize) -> Rc<[usize]> {
        if let Some(known) = self.ancestors.borrow().get(&stage) {
            return Rc::clone(known);
        }
        let found: Rc<[usize]> = self.find_ancestors(stage).into();
        self.ancestors.borrow_mut().insert(stage, Rc::clone(&found));
        found
    }

    fn find_ancestors(&self, stage: usize) -> Vec<usize> {
        let (Some(execution), Some(index)) = (self.execution, self.index()) else {
            return vec![stage];
        };
        let stages = &execution.stages;
        let mut found = vec![stage];
        let mut visited: HashSet<&str> = HashSet::new();
        // Each level holds the stages still to be followed; an explicit stack, because chains can be long.
        let mut levels = vec![vec![stage].into_iter()];
        while let Some(level) = levels.last_mut() {
            let Some(current) = level.next() else {
                levels.pop();
                continue;
            };
            let stage = &stages[current];
            visited.insert(stage.ref_id.as_str());
            if !stage.requisite_stage_ref_ids.is_empty() {
                let mut previous: Vec<usize> = stage
                    .requisite_stage_ref_ids
                    .iter()
                    .filter(|required| !visited.contains(required.as_str()))
                    .filter_map(|required| index.by_ref.get(required.as_str()))
                    .flatten()
                    .copied()
                    .collect();
                previous.sort_unstable();
                previous.dedup();
                let mut synthetic: Vec<usize> = previous
                    .iter()
                    .filter_map(|position| index.children.get(stages[*position].id.as_str()))
                    .flatten()
                    .copied()
                    .filter(|position| stages[*position].is_synthetic())
                    .collect();
                synthetic.sort_unstable();
                found.extend(&previous);
                found.extend(synthetic);
                levels.push(previous.into_iter());
            } else if let Some(parent) = &stage.parent_stage_id
                && !visited.contains(parent.as_str())
            {
                if stage.synthetic_stage_owner == Some(SyntheticOwner::StageAfter) {
                    let siblings = index.children.get(parent.as_str()).into_iter().flatten();
                    found.extend(siblings.filter(|position| stages[**position].is_before()));
                }
                if let Some(position) = index.by_id.get(parent.as_str()) {
                    found.push(*position);
                    // A stage that is its own ancestor would be followed for ever.
                    if found.len() <= 4 * stages.len() {
                        levels.push(vec![*position].into_iter());
                    }
                }
            }
        }
        found
    }

    /// The nearest output of a name, from the stage's own outward.
    pub(crate) fn ancestor_output(&self, stage: usize, name: &str) -> Option<&'a Json> {
        let execution = self.execution?;
        let own = execution.stages.get(stage)?;
        if let Some(value) = own.outputs.get(name) {
            return Some(value);
        }
        self.ancestors(stage)
            .iter()
            .find_map(|position| execution.stages[*position].outputs.get(name))
    }

    /// All outputs of the execution: later stages win, collections are joined.
    pub(crate) fn merged_outputs(&self) -> Result<Vec<(&'a str, Value<'a>)>, String> {
        let Some(execution) = self.execution else {
            return Ok(Vec::new());
        };
        let mut merged: IndexMap<&'a str, Value<'a>> = IndexMap::new();
        for position in topological(execution)? {
            for (key, value) in &execution.stages[position].outputs {
                let value = from_json(value);
                let joined = match (merged.get(key.as_str()), &value) {
                    (Some(Value::List(old)), Value::List(new)) => Some(join(old, new)),
                    _ => None,
                };
                merged.insert(key, joined.unwrap_or(value));
            }
        }
        Ok(merged.into_iter().collect())
    }

    /// True for a plain map root, whose missing keys are errors.
    pub(crate) fn is_strict(&self) -> bool {
        self.strict_map
    }
}

fn join<'a>(old: &List<'a>, new: &List<'a>) -> Value<'a> {
    let mut items: Vec<Value<'a>> = Vec::new();
    for item in old.to_vec().into_iter().chain(new.to_vec()) {
        if !items
            .iter()
            .any(|known| crate::value::equality::equals(known, &item))
        {
            items.push(item);
        }
    }
    Value::array_list(items)
}

/// The stages without a parent, each after those it requires.
fn topological(execution: &Execution) -> Result<Vec<usize>, String> {
    let stages = &execution.stages;
    let mut waiting: Vec<usize> = (0..stages.len())
        .filter(|position| stages[*position].parent_stage_id.is_none())
        .collect();
    let mut known: HashSet<&str> = HashSet::new();
    let mut sorted = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let (ready, rest): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|position| {
            stages[**position]
                .requisite_stage_ref_ids
                .iter()
                .all(|required| known.contains(required.as_str()))
        });
        if ready.is_empty() {
            let shown: Vec<String> = stages
                .iter()
                .map(|stage| {
                    let required: Vec<&str> = stage
                        .requisite_stage_ref_ids
                        .iter()
                        .map(|id| id.as_str())
                        .collect();
                    format!("[{}]->{}", required.join(", "), stage.ref_id)
                })
                .collect();
            return Err(format!(
                "Invalid stage relationships found {}",
                shown.join(", ")
            ));
        }
        known.extend(
            ready
                .iter()
                .map(|position| stages[*position].ref_id.as_str()),
        );
        sorted.extend(ready);
        waiting = rest;
    }
    Ok(sorted)
}

/// The source control list of a CI trigger.
fn build_scm(trigger: &JsonMap) -> Option<&Vec<Json>> {
    let present = |key: &str| trigger.get(key).is_some_and(|value| !value.is_null());
    let docker = present("account") && present("repository") && present("tag");
    let concourse = trigger.get("type").and_then(Json::as_str) == Some("concourse");
    let jenkins = present("master") && present("job") && present("buildNumber");
    if docker || !(concourse || jenkins) {
        return None;
    }
    trigger.get("buildInfo")?.get("scm")?.as_array()
}
