//! Templates in documents: every string of a JSON value, keys included.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::{Eval, ParseFailure, Signal, Thrown};
use crate::eval::Machine;
use crate::java::convert;
use crate::scope::{Fetch, Scope};
use crate::summary::Summary;
use crate::syntax::template::{Part, Template, has_expression, unparsed_key};
use crate::value::json::{Writer, to_json};
use crate::value::text::{MAX_TEXT, to_text};
use crate::value::{Json, JsonMap, Object, Value};

/// How deep documents are followed; deeper parts stay as they are.
const MAX_DEPTH: usize = 200;

/// One pass over a document.
pub(crate) struct Pass<'a> {
    pub(crate) machine: Machine<'a>,
    pub(crate) summary: Summary,
    pub(crate) needs: Vec<Fetch>,
    now: i64,
}

enum Outcome<'a> {
    /// The value of a lone expression.
    Value(Value<'a>),
    /// The text of a composite, and whether one of its parts was null.
    Text(String, bool),
}

impl<'a> Pass<'a> {
    pub(crate) fn new(scope: Scope<'a>) -> Self {
        Self {
            now: scope.environment.now_ms(),
            machine: Machine::new(scope),
            summary: Summary::default(),
            needs: Vec::new(),
        }
    }

    /// Any JSON value; `around` is the nearest map, for the texts of the summary.
    pub(crate) fn value<'j>(
        &mut self,
        value: &'j Json,
        around: Option<&JsonMap>,
        depth: usize,
    ) -> Cow<'j, Json> {
        if depth > MAX_DEPTH {
            return Cow::Borrowed(value);
        }
        match value {
            Json::String(text) if has_expression(text) => match self.string(text, around) {
                Some(result) => Cow::Owned(result),
                None => Cow::Borrowed(value),
            },
            Json::Array(items) => {
                let mut changed: Option<Vec<Json>> = None;
                for (index, item) in items.iter().enumerate() {
                    match (self.value(item, around, depth + 1), &mut changed) {
                        (Cow::Borrowed(_), None) => {}
                        (item, Some(list)) => list.push(item.into_owned()),
                        (Cow::Owned(item), changed) => {
                            let mut list = items[..index].to_vec();
                            list.push(item);
                            *changed = Some(list);
                        }
                    }
                }
                changed.map_or(Cow::Borrowed(value), |list| Cow::Owned(Json::Array(list)))
            }
            Json::Object(map) => match self.map(map, depth + 1) {
                Some(map) => Cow::Owned(Json::Object(map)),
                None => Cow::Borrowed(value),
            },
            _ => Cow::Borrowed(value),
        }
    }

    /// A map; `None` where nothing in it changed.
    pub(crate) fn map(&mut self, map: &JsonMap, depth: usize) -> Option<JsonMap> {
        let mut changed: Option<JsonMap> = None;
        for (index, (key, value)) in map.iter().enumerate() {
            let (new_key, new_value) = self.entry(key, value, map, depth);
            let same = matches!(new_value, Cow::Borrowed(_))
                && new_key.as_ref().is_none_or(|new_key| new_key == key);
            if same && changed.is_none() {
                continue;
            }
            let result = changed.get_or_insert_with(|| {
                map.iter()
                    .take(index)
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            });
            result.insert(
                new_key.unwrap_or_else(|| key.clone()),
                new_value.into_owned(),
            );
        }
        changed
    }

    /// An entry of a map: its new key where the key is an expression, and its value.
    pub(crate) fn entry<'j>(
        &mut self,
        key: &str,
        value: &'j Json,
        around: &JsonMap,
        depth: usize,
    ) -> (Option<String>, Cow<'j, Json>) {
        let new_key = has_expression(key).then(|| self.key(key, around));
        (new_key, self.value(value, Some(around), depth))
    }

    fn key(&mut self, key: &str, around: &JsonMap) -> String {
        match self.raw(key, Some(around)) {
            Some(Outcome::Text(text, _)) => text,
            Some(Outcome::Value(value)) => to_text(&value).unwrap_or_else(|| key.to_owned()),
            None => key.to_owned(),
        }
    }

    /// A string with an expression; `None` where it stays as it is.
    pub(crate) fn string(&mut self, text: &str, around: Option<&JsonMap>) -> Option<Json> {
        match self.raw(text, around)? {
            Outcome::Text(text, _) => Some(Json::String(text)),
            Outcome::Value(value) => self.json(&value, text, around),
        }
    }

    fn json(&mut self, value: &Value<'a>, text: &str, around: Option<&JsonMap>) -> Option<Json> {
        let root = std::rc::Rc::clone(&self.machine.root);
        let converted = match value {
            Value::Object(Object::Status(status)) => Ok(Json::String(status.as_str().to_owned())),
            other => to_json(other, Some(&root), Writer::Context),
        };
        match converted.ok().filter(|json| fits(json, MAX_TEXT)) {
            Some(json) => Some(json),
            None => {
                let key = unparsed_key(text);
                let fields = fields(text, around, text);
                self.summary
                    .failed(&key, &fields, &convert::too_large(), self.now);
                None
            }
        }
    }

    fn parsed(&self, text: &str) -> Arc<Result<Template, ParseFailure>> {
        match self.machine.scope.cache {
            Some(cache) => cache.get(text),
            None => Arc::new(Template::parse(text)),
        }
    }

    /// The value of a string; failures go to the summary.
    fn raw(&mut self, text: &str, around: Option<&JsonMap>) -> Option<Outcome<'a>> {
        let parsed = self.parsed(text);
        let template = match &*parsed {
            Ok(template) => template,
            Err(failure) => {
                let key = unparsed_key(text);
                let preprocessed = crate::syntax::preprocess::preprocess(text);
                let fields = fields(text, around, &preprocessed);
                self.summary.unparsed(&key, &fields, failure, self.now);
                self.summary.attempt(key.into());
                return None;
            }
        };
        let result = self.evaluate(template);
        self.summary.attempt(Arc::clone(&template.key));
        match result {
            Ok(outcome) => {
                let unresolved = match &outcome {
                    Outcome::Value(value) => value.is_null(),
                    Outcome::Text(_, unresolved) => *unresolved,
                };
                if unresolved {
                    let fields = fields(text, around, &template.preprocessed);
                    self.summary.not_found(&template.key, &fields, self.now);
                    if matches!(outcome, Outcome::Value(_)) {
                        return None;
                    }
                }
                Some(outcome)
            }
            Err(error) => {
                if let Signal::Needs(fetch) = &error.signal
                    && !self.needs.contains(fetch)
                {
                    self.needs.push((**fetch).clone());
                }
                let fields = fields(text, around, &template.preprocessed);
                self.summary
                    .failed(&template.key, &fields, &error, self.now);
                None
            }
        }
    }

    fn evaluate(&mut self, template: &Template) -> Eval<Outcome<'a>> {
        if let [Part::Expression { node, .. }] = &template.parts[..] {
            return self.machine.run(node).map(Outcome::Value);
        }
        let mut out = String::new();
        let mut unresolved = false;
        for part in &*template.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Expression { node, text } => {
                    let value = self.machine.run(node)?;
                    match convert::to_composite(&value)? {
                        Some(shown) => out.push_str(&shown),
                        None => {
                            unresolved = true;
                            out.push_str("${");
                            out.push_str(text);
                            out.push('}');
                        }
                    }
                }
            }
            if out.len() > MAX_TEXT + template.preprocessed.len() {
                return Err(convert::too_large());
            }
        }
        Ok(Outcome::Text(out, unresolved))
    }

    /// The value of a wrapped condition: its text form. A failure is noted under what was `written`, of the member `name`.
    pub(crate) fn condition(
        &mut self,
        wrapped: &str,
        written: &str,
        name: &str,
    ) -> Result<String, Thrown> {
        let result = match &*self.parsed(wrapped) {
            Err(failure) => Err(Thrown::from_parse(failure)),
            Ok(template) => self.evaluate(template).and_then(|outcome| match outcome {
                Outcome::Text(text, _) => Ok(text),
                Outcome::Value(Value::Null) => Ok(wrapped.to_owned()),
                Outcome::Value(value) => to_text(&value).ok_or_else(convert::too_large),
            }),
        };
        if let Err(error) = &result
            && matches!(error.signal, Signal::Ordinary)
            && self.summary.is_empty()
        {
            self.summary
                .failed(written, &format!("[{name}]"), error, self.now);
        }
        result
    }
}

/// `[keys]`: the keys of the nearest map whose value holds the string, else the expression itself.
fn fields(text: &str, around: Option<&JsonMap>, preprocessed: &str) -> String {
    let keys: Vec<&str> = around
        .into_iter()
        .flatten()
        .filter(|(_, value)| holds(value, text, 0))
        .map(|(key, _)| key.as_str())
        .collect();
    if keys.is_empty() {
        preprocessed.to_owned()
    } else {
        format!("[{}]", keys.join(", "))
    }
}

/// True where a string is the value, or a key or value of maps in it; lists are not looked into.
fn holds(value: &Json, text: &str, depth: usize) -> bool {
    match value {
        Json::String(own) => own == text,
        Json::Object(map) if depth < 20 => map
            .iter()
            .any(|(key, value)| key == text || holds(value, text, depth + 1)),
        _ => false,
    }
}

/// True where the JSON has about that many bytes or fewer.
fn fits(json: &Json, limit: usize) -> bool {
    fn measure(json: &Json, left: &mut usize) -> bool {
        let own = match json {
            Json::String(text) => text.len() + 2,
            Json::Object(map) => 2 + map.keys().map(|key| key.len() + 4).sum::<usize>(),
            Json::Array(items) => 2 + items.len(),
            _ => 4,
        };
        if own > *left {
            return false;
        }
        *left -= own;
        match json {
            Json::Array(items) => items.iter().all(|item| measure(item, left)),
            Json::Object(map) => map.values().all(|value| measure(value, left)),
            _ => true,
        }
    }
    let mut left = limit;
    measure(json, &mut left)
}
