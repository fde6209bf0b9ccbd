//! The entrance: evaluating documents, contexts, conditions, variables and pipelines.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::error::Signal;
use crate::scope::{Environment, Fetch, Mode, Scope, Version};
use crate::summary::{SUMMARY_KEY, Summary};
use crate::syntax::cache::TemplateCache;
use crate::syntax::template::has_expression;
use crate::transform::Pass;

/// The result of evaluating a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// The document with its expressions replaced; failed ones stay as they were.
    pub value: Value,
    /// What failed.
    pub summary: Summary,
    /// Responses the expressions asked for and did not get. Evaluate again once they are there.
    pub needs: Vec<Fetch>,
}

/// Evaluates every string of a document.
#[must_use]
pub fn evaluate(value: &Value, scope: &Scope<'_>) -> Evaluated {
    let mut pass = Pass::new(*scope);
    let value = pass.value(value, None, 0).into_owned();
    Evaluated {
        value,
        summary: pass.summary,
        needs: pass.needs,
    }
}

/// What becomes of the summary in a context.
#[derive(Debug, Clone, PartialEq)]
pub enum SummaryChange {
    /// It stays, or there still is none.
    Unchanged,
    /// It is this now.
    Set(Value),
    /// The last failure was repaired: the key goes.
    Removed,
}

/// The result of evaluating a stage context.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextEvaluated {
    /// The top-level keys whose value changed, with the new values.
    pub changed: Map<String, Value>,
    /// Keys that are gone, because they were expressions and have another name now.
    pub removed: Vec<String>,
    /// What becomes of [`SUMMARY_KEY`].
    pub summary_change: SummaryChange,
    /// What failed in this pass.
    pub summary: Summary,
    /// Responses the expressions asked for and did not get.
    pub needs: Vec<Fetch>,
}

fn any_expression(value: &Value, depth: usize) -> bool {
    match value {
        Value::String(text) => has_expression(text),
        Value::Array(items) => {
            depth < 200 && items.iter().any(|item| any_expression(item, depth + 1))
        }
        Value::Object(map) => {
            depth < 200
                && map
                    .iter()
                    .any(|(key, value)| has_expression(key) || any_expression(value, depth + 1))
        }
        _ => false,
    }
}

/// Evaluates the context of a stage, except the given keys. Costs one walk where no string holds an expression.
#[must_use]
pub fn evaluate_context(
    context: &Map<String, Value>,
    scope: &Scope<'_>,
    except: &[&str],
) -> ContextEvaluated {
    let mut result = ContextEvaluated {
        changed: Map::new(),
        removed: Vec::new(),
        summary_change: SummaryChange::Unchanged,
        summary: Summary::default(),
        needs: Vec::new(),
    };
    let affected = |key: &str, value: &Value| {
        !except.contains(&key)
            && key != SUMMARY_KEY
            && (has_expression(key) || any_expression(value, 0))
    };
    if !context.iter().any(|(key, value)| affected(key, value)) {
        return result;
    }
    let mut pass = Pass::new(*scope);
    for (key, value) in context.iter().filter(|(key, value)| affected(key, value)) {
        let (new_key, new_value) = pass.entry(key, value, context, 0);
        match (new_key, new_value) {
            (Some(new_key), new_value) if new_key != *key => {
                result.removed.push(key.clone());
                result.changed.insert(new_key, new_value.into_owned());
            }
            (_, Cow::Owned(new_value)) if new_value != *value => {
                result.changed.insert(key.clone(), new_value);
            }
            _ => {}
        }
    }
    result.summary_change = next_summary(context.get(SUMMARY_KEY), &pass.summary);
    result.summary = pass.summary;
    result.needs = pass.needs;
    result
}

/// Failures replace the old summary; without failures, entries that were attempted again are dropped.
fn next_summary(old: Option<&Value>, summary: &Summary) -> SummaryChange {
    if !summary.is_empty() {
        let new = summary.to_json();
        return if old == Some(&new) {
            SummaryChange::Unchanged
        } else {
            SummaryChange::Set(new)
        };
    }
    let Some(Value::Object(entries)) = old else {
        return SummaryChange::Unchanged;
    };
    let kept: Map<String, Value> = entries
        .iter()
        .filter(|(key, _)| !summary.was_attempted(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if kept.len() == entries.len() {
        SummaryChange::Unchanged
    } else if kept.is_empty() {
        SummaryChange::Removed
    } else {
        SummaryChange::Set(Value::Object(kept))
    }
}

/// Why a condition has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The text is neither `true` nor `false` after evaluation; it carries what it was.
    #[error("the condition gave '{0}', which is neither true nor false")]
    NotBoolean(String),
    /// Evaluating failed.
    #[error("the condition failed: {0}")]
    Failed(String),
    /// Responses have to be fetched first.
    #[error("the condition needs the response of a URL")]
    Needs,
}

/// The result of evaluating a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionEvaluated {
    /// Whether it holds.
    pub result: Result<bool, ConditionError>,
    /// Why it has no answer.
    pub summary: Summary,
    /// Responses it asked for and did not get. Evaluate again once they are there.
    pub needs: Vec<Fetch>,
}

/// Evaluates a condition (`stageEnabled`, `checkPreconditions`). First its `${…}` parts, as a context pass does; then the
/// text is wrapped in `${…}`, so both `a == b` and the `true` that was made of `${a == b}` are understood. It has no answer
/// where the result is not `true` or `false` in any case. `name` is what the summary calls it.
#[must_use]
pub fn evaluate_condition(text: &str, name: &str, scope: &Scope<'_>) -> ConditionEvaluated {
    let written = Value::String(text.to_owned());
    let around = Map::from_iter([(name.to_owned(), written.clone())]);
    let mut pass = Pass::new(*scope);
    let first = pass.value(&written, Some(&around), 0).into_owned();
    let result = match &first {
        _ if !pass.needs.is_empty() => Err(ConditionError::Needs),
        Value::Bool(holds) => Ok(*holds),
        Value::String(text) => wrapped_condition(&mut pass, text, name),
        other => Err(ConditionError::NotBoolean(other.to_string())),
    };
    if let Err(error) = &result
        && pass.summary.is_empty()
        && pass.needs.is_empty()
    {
        pass.summary
            .undecided(text, name, error, scope.environment.now_ms());
    }
    ConditionEvaluated {
        result,
        summary: pass.summary,
        needs: pass.needs,
    }
}

fn wrapped_condition(pass: &mut Pass<'_>, text: &str, name: &str) -> Result<bool, ConditionError> {
    let wrapped = format!("${{{text}}}");
    match pass.condition(&wrapped, text, name) {
        Ok(shown) if shown.eq_ignore_ascii_case("true") => Ok(true),
        Ok(shown) if shown.eq_ignore_ascii_case("false") => Ok(false),
        Ok(shown) => Err(ConditionError::NotBoolean(shown)),
        Err(error) => Err(match &error.signal {
            Signal::Needs(fetch) => {
                pass.needs.push((**fetch).clone());
                ConditionError::Needs
            }
            Signal::Ordinary => ConditionError::Failed(error.text().to_owned()),
        }),
    }
}

/// One evaluated variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its name.
    pub key: String,
    /// Its value; the raw text where evaluating failed.
    pub value: Value,
    /// Its description, evaluated.
    pub description: Option<Value>,
    /// The raw text with `${` shown as `{`, so that it is not evaluated again.
    pub source_value: Option<Value>,
}

/// The result of evaluating variables.
#[derive(Debug, Clone, PartialEq)]
pub struct VariablesEvaluated {
    /// In the order given.
    pub variables: Vec<Variable>,
    /// What failed.
    pub summary: Summary,
    /// Responses the expressions asked for and did not get.
    pub needs: Vec<Fetch>,
}

fn source_of(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("${", "{")),
        other => other.clone(),
    }
}

/// Evaluates `{key, value, description}` entries. In version 4 each sees the values of those before it; in version 3
/// all see the same context.
#[must_use]
pub fn evaluate_variables(
    list: &[Value],
    scope: &Scope<'_>,
    version: Version,
) -> VariablesEvaluated {
    let mut result = VariablesEvaluated {
        variables: Vec::new(),
        summary: Summary::default(),
        needs: Vec::new(),
    };
    let own = scope
        .context
        .cloned()
        .or_else(|| {
            let stage = scope.execution?.stages.get(scope.stage?)?;
            Some(stage.context.clone())
        })
        .unwrap_or_default();
    let mut context = own;
    for entry in list {
        let Some(entry) = entry.as_object() else {
            continue;
        };
        let key = match entry.get("key") {
            Some(Value::String(key)) => key.clone(),
            Some(other) if !other.is_null() => other.to_string(),
            _ => continue,
        };
        let raw = entry.get("value").cloned().unwrap_or(Value::Null);
        let mut pass = Pass::new(scope.with_context(&context));
        let value = match &raw {
            Value::String(text) if has_expression(text) => pass.string(text, Some(entry)),
            Value::String(_) | Value::Null => None,
            other if version == Version::V3 => Some(pass.value(other, Some(entry), 0).into_owned()),
            _ => None,
        };
        let description = entry
            .get("description")
            .map(|text| pass.value(text, Some(entry), 0).into_owned());
        let failed = value.is_none() && any_expression(&raw, 0);
        result.summary.merge(pass.summary);
        result.needs.extend(pass.needs);
        let value = value.unwrap_or_else(|| raw.clone());
        if version == Version::V4 && !failed {
            context.insert(key.clone(), value.clone());
        }
        result.variables.push(Variable {
            key,
            value,
            description,
            source_value: (version == Version::V4).then(|| source_of(&raw)),
        });
    }
    result
}

/// Evaluates a pipeline at submission: strict, without an execution. Version 4 leaves the stages alone.
#[must_use]
pub fn evaluate_pipeline(
    pipeline: &Value,
    trigger: &Map<String, Value>,
    template_variables: Option<&Map<String, Value>>,
    version: Version,
    environment: &dyn Environment,
    cache: Option<&TemplateCache>,
) -> Evaluated {
    let mut scope =
        Scope::of_submission(trigger, template_variables, environment).with_mode(Mode::Strict);
    if let Some(cache) = cache {
        scope = scope.with_cache(cache);
    }
    let Value::Object(document) = pipeline else {
        return evaluate(pipeline, &scope);
    };
    let mut document = document.clone();
    let stages = match version {
        Version::V4 => document.shift_remove("stages"),
        Version::V3 => None,
    };
    let mut pass = Pass::new(scope);
    let mut processed = pass.map(&document, 0).unwrap_or(document);
    if let Some(stages) = stages {
        processed.insert("stages".into(), stages);
    }
    Evaluated {
        value: Value::Object(processed),
        summary: pass.summary,
        needs: pass.needs,
    }
}

/// What an expression compared and computed, with the values it found: `3 > 2 && "prod" == "prod"`. `None` where the
/// text is no lone expression or fails.
#[must_use]
pub fn explain(text: &str, scope: &Scope<'_>) -> Option<String> {
    use crate::syntax::template::{Part, Template};
    let wrapped = if has_expression(text) {
        text.to_owned()
    } else {
        format!("${{{text}}}")
    };
    let template = Template::parse(&wrapped).ok()?;
    let [Part::Expression { node, .. }] = &template.parts[..] else {
        return None;
    };
    let mut pass = Pass::new(*scope);
    pass.machine.explain(node).ok().map(|(_, shown)| shown)
}
