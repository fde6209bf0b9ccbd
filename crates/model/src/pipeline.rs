//! Pipelines as people write them.
//!
//! The document is kept whole; what the engine needs of it is read into typed fields once, and everything that is
//! wrong with it is reported at once, each with its place.

use crate::Millis;
use crate::id::{PipelineId, RefId};
use crate::json::{Map, Value};
use crate::problem::{Pointer, Problem};

/// A pipeline's stage as its author wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct StageConfig {
    /// Its name within the pipeline.
    pub ref_id: RefId,
    /// Its type.
    pub kind: String,
    /// What people call it.
    pub name: Option<String>,
    /// The stages that must end before it starts.
    pub requisites: Vec<RefId>,
    /// After this it is skipped.
    pub start_time_expiry: Option<Millis>,
    /// Everything else: the context it starts with.
    pub context: Map,
}

/// A parameter that a person gives when starting a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name in `parameters`.
    pub name: String,
    /// What it is when the caller gives none.
    pub default: Option<Value>,
    /// Whether the caller must give it when there is no default.
    pub required: bool,
    /// The only values allowed; empty allows any.
    pub options: Vec<Value>,
}

/// A pipeline: the document, and what the engine reads in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// The document, every member of it.
    pub document: Map,
    /// Its id, when it has one.
    pub id: Option<PipelineId>,
    /// Its name.
    pub name: String,
    /// The application it belongs to.
    pub application: String,
    /// Its stages.
    pub stages: Vec<StageConfig>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Whether it may not be started.
    pub disabled: bool,
    /// Whether only one run of it may run.
    pub limit_concurrent: bool,
    /// How many runs of it may run; 0 is no limit.
    pub max_concurrent_executions: u32,
    /// Whether waiting runs are kept when a newer one waits.
    pub keep_waiting: bool,
    /// Which rules its expressions follow.
    pub spel_evaluator: Option<String>,
    /// The IANA zone of its time windows.
    pub time_zone: Option<String>,
}

impl Pipeline {
    /// Reads a pipeline and everything that is wrong with it.
    ///
    /// The second part holds the warnings. Errors: at least one problem of severity error, with all the others.
    /// The graph is not looked at here: that is the engine's part.
    pub fn parse(document: Value) -> Result<(Pipeline, Vec<Problem>), Vec<Problem>> {
        let Value::Object(document) = document else {
            return Err(vec![Problem::error(
                Pointer::root(),
                "pipeline.type",
                format!("a pipeline is a JSON object, not {}", describe(&document)),
            )]);
        };
        let mut reader = Reader {
            problems: Vec::new(),
        };
        let root = Pointer::root();
        let id = reader.id(&document, &root);
        let name = reader.required_text(&document, "name", "pipeline.name");
        let application = reader.required_text(&document, "application", "pipeline.application");
        let stages = reader.stages(&document);
        let parameters = reader.parameters(&document);
        let pipeline = Pipeline {
            id,
            name: name.trim().to_owned(),
            application: application.trim().to_owned(),
            stages,
            parameters,
            disabled: reader.flag(&document, "disabled"),
            limit_concurrent: reader.flag(&document, "limitConcurrent"),
            max_concurrent_executions: reader.count(&document, "maxConcurrentExecutions"),
            keep_waiting: reader.flag(&document, "keepWaitingPipelines"),
            spel_evaluator: reader.text(&document, "spelEvaluator"),
            time_zone: reader.text(&document, "timeZone"),
            document,
        };
        if reader.problems.iter().any(Problem::is_error) {
            return Err(reader.problems);
        }
        Ok((pipeline, reader.problems))
    }
}

struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn error(&mut self, pointer: Pointer, code: &str, message: String) {
        self.problems.push(Problem::error(pointer, code, message));
    }

    fn id(&mut self, document: &Map, root: &Pointer) -> Option<PipelineId> {
        match document.get("id") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => match PipelineId::parse(text) {
                Ok(id) => Some(id),
                Err(error) => {
                    self.error(root.key("id"), "pipeline.id", error.to_string());
                    None
                }
            },
            Some(other) => {
                let message = format!("the id is a text, not {}", describe(other));
                self.error(root.key("id"), "pipeline.id", message);
                None
            }
        }
    }

    fn required_text(&mut self, document: &Map, key: &str, code: &str) -> String {
        match document.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => {
                if text.chars().any(char::is_control) {
                    let message = format!("the {key} has a control character; remove it");
                    self.error(Pointer::root().key(key), code, message);
                } else if text.len() > 255 {
                    let message = format!(
                        "the {key} has {} bytes; at most 255 are allowed",
                        text.len()
                    );
                    self.error(Pointer::root().key(key), code, message);
                }
                text.clone()
            }
            None | Some(Value::Null | Value::String(_)) => {
                let message = format!("a pipeline needs {} {key}; add \"{key}\"", article(key));
                self.error(Pointer::root().key(key), code, message);
                String::new()
            }
            Some(other) => {
                let message = format!("the {key} is a text, not {}", describe(other));
                self.error(Pointer::root().key(key), code, message);
                String::new()
            }
        }
    }

    fn text(&mut self, document: &Map, key: &str) -> Option<String> {
        match document.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
            Some(other) => {
                let message = format!("{key} is a text, not {}; it is ignored", describe(other));
                self.problems.push(Problem::warning(
                    Pointer::root().key(key),
                    "pipeline.field",
                    message,
                ));
                None
            }
        }
    }

    fn flag(&mut self, document: &Map, key: &str) -> bool {
        match document.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => true,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") || text.is_empty() => {
                false
            }
            Some(other) => {
                let message = format!("{key} is true or false, not {}", describe(other));
                self.error(Pointer::root().key(key), "pipeline.flag", message);
                false
            }
        }
    }

    fn count(&mut self, document: &Map, key: &str) -> u32 {
        let value = match document.get(key) {
            None | Some(Value::Null) => return 0,
            Some(Value::String(text)) if text.is_empty() => return 0,
            Some(value) => value,
        };
        let number = value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        match number.and_then(|number| u32::try_from(number).ok()) {
            Some(number) => number,
            None => {
                let message = format!("{key} is a whole number from 0, not {}", describe(value));
                self.error(Pointer::root().key(key), "pipeline.count", message);
                0
            }
        }
    }

    fn stages(&mut self, document: &Map) -> Vec<StageConfig> {
        let pointer = Pointer::root().key("stages");
        let list = match document.get("stages") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(other) => {
                let message = format!("stages is a list of stages, not {}", describe(other));
                self.error(pointer, "pipeline.stages", message);
                return Vec::new();
            }
        };
        if list.len() > MAX_STAGES {
            let message = format!(
                "a pipeline has at most {MAX_STAGES} stages, not {}",
                list.len()
            );
            self.error(pointer, "pipeline.stages", message);
            return Vec::new();
        }
        // Only when no stage at all is named do they form a chain (Orca's `OperationsController`).
        let chained = list.iter().all(|stage| {
            matches!(stage.get("refId"), None | Some(Value::Null)) && stage.is_object()
        });
        let mut stages = Vec::with_capacity(list.len());
        for (position, stage) in list.iter().enumerate() {
            let pointer = pointer.index(position);
            match stage {
                Value::Object(stage) => {
                    if let Some(stage) = self.stage(stage, &pointer, position, chained) {
                        stages.push(stage);
                    }
                }
                other => {
                    let message = format!("a stage is a JSON object, not {}", describe(other));
                    self.error(pointer, "stage.type", message);
                }
            }
        }
        stages
    }

    fn stage(
        &mut self,
        stage: &Map,
        pointer: &Pointer,
        position: usize,
        chained: bool,
    ) -> Option<StageConfig> {
        let ref_id = if chained {
            Some(RefId::from(position.to_string()))
        } else {
            self.ref_id(stage.get("refId"), &pointer.key("refId"))
        };
        let kind = match stage.get("type") {
            Some(Value::String(kind)) if !kind.trim().is_empty() => Some(kind.clone()),
            None | Some(Value::Null | Value::String(_)) => {
                let message = "a stage needs a type, such as \"wait\"; add \"type\"".to_owned();
                self.error(pointer.key("type"), "stage.type", message);
                None
            }
            Some(other) => {
                let message = format!("the type of a stage is a text, not {}", describe(other));
                self.error(pointer.key("type"), "stage.type", message);
                None
            }
        };
        let requisites = if chained {
            position
                .checked_sub(1)
                .map(|before| RefId::from(before.to_string()))
                .into_iter()
                .collect()
        } else {
            self.requisites(
                stage.get("requisiteStageRefIds"),
                &pointer.key("requisiteStageRefIds"),
            )
        };
        let mut context = stage.clone();
        for key in [
            "refId",
            "requisiteStageRefIds",
            "startTimeExpiry",
            "type",
            "name",
        ] {
            context.shift_remove(key);
        }
        Some(StageConfig {
            ref_id: ref_id?,
            kind: kind?,
            name: stage.get("name").and_then(Value::as_str).map(str::to_owned),
            requisites,
            start_time_expiry: stage.get("startTimeExpiry").and_then(millis),
            context,
        })
    }

    fn ref_id(&mut self, value: Option<&Value>, pointer: &Pointer) -> Option<RefId> {
        match value {
            Some(Value::String(text)) if !text.is_empty() => Some(RefId::from(text.as_str())),
            Some(Value::Number(number)) => Some(RefId::from(number.to_string())),
            None | Some(Value::Null | Value::String(_)) => {
                let message = "this stage has no refId, but others have; add \"refId\"".to_owned();
                self.error(pointer.clone(), "stage.refId.missing", message);
                None
            }
            Some(other) => {
                let message = format!("a refId is a text or a number, not {}", describe(other));
                self.error(pointer.clone(), "stage.refId", message);
                None
            }
        }
    }

    fn requisites(&mut self, value: Option<&Value>, pointer: &Pointer) -> Vec<RefId> {
        match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) => list
                .iter()
                .enumerate()
                .filter_map(|(index, value)| self.ref_id(Some(value), &pointer.index(index)))
                .collect(),
            Some(other) => {
                let message = format!(
                    "requisiteStageRefIds is a list of refIds, not {}",
                    describe(other)
                );
                self.error(pointer.clone(), "stage.requisites", message);
                Vec::new()
            }
        }
    }

    fn parameters(&mut self, document: &Map) -> Vec<Parameter> {
        let pointer = Pointer::root().key("parameterConfig");
        let list = match document.get("parameterConfig") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(other) => {
                let message = format!("parameterConfig is a list, not {}", describe(other));
                self.error(pointer, "pipeline.parameterConfig", message);
                return Vec::new();
            }
        };
        let mut parameters = Vec::new();
        for (position, value) in list.iter().enumerate() {
            let Some(name) = value
                .get("name")
                .and_then(Value::as_str)
                .filter(|name| !name.is_empty())
            else {
                let message = "a parameter needs a name; add \"name\"".to_owned();
                self.error(
                    pointer.index(position).key("name"),
                    "parameter.name",
                    message,
                );
                continue;
            };
            let has_options = value
                .get("hasOptions")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            let options = value
                .get("options")
                .and_then(Value::as_array)
                .filter(|_| has_options)
                .map(|options| {
                    options
                        .iter()
                        .filter_map(|option| option.get("value").cloned())
                        .collect()
                })
                .unwrap_or_default();
            parameters.push(Parameter {
                name: name.to_owned(),
                default: value
                    .get("default")
                    .filter(|default| !default.is_null())
                    .cloned(),
                required: value
                    .get("required")
                    .and_then(Value::as_bool)
                    .unwrap_or(false),
                options,
            });
        }
        parameters
    }
}

/// More stages than anybody draws, and few enough to plan in milliseconds.
const MAX_STAGES: usize = 20_000;

fn millis(value: &Value) -> Option<Millis> {
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(document: Value) -> Vec<String> {
        match Pipeline::parse(document) {
            Ok((_, warnings)) => warnings
                .iter()
                .map(|problem| format!("warning {problem}"))
                .collect(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        insta::assert_snapshot!(problems(json!({
            "id": "a/b", "name": " ", "limitConcurrent": 3, "maxConcurrentExecutions": -1, "timeZone": 4,
            "parameterConfig": [{"label": "x"}],
            "stages": [null, {"refId": "1"}, {"refId": {}, "type": "wait"}, {"type": "wait", "requisiteStageRefIds": "1"}]
        })).join("\n"), @r#"
        /id: the id has the character '/'; letters, digits, '-', '_', '.', ':' and '@' are allowed
        /name: a pipeline needs a name; add "name"
        /application: a pipeline needs an application; add "application"
        /stages/0: a stage is a JSON object, not null
        /stages/1/type: a stage needs a type, such as "wait"; add "type"
        /stages/2/refId: a refId is a text or a number, not an object
        /stages/3/refId: this stage has no refId, but others have; add "refId"
        /stages/3/requisiteStageRefIds: requisiteStageRefIds is a list of refIds, not a text
        /parameterConfig/0/name: a parameter needs a name; add "name"
        /limitConcurrent: limitConcurrent is true or false, not a number
        /maxConcurrentExecutions: maxConcurrentExecutions is a whole number from 0, not a number
        /timeZone: timeZone is a text, not a number; it is ignored
        "#);
    }

    #[test]
    fn stages_without_any_ref_id_form_a_chain() {
        let (pipeline, _) = Pipeline::parse(json!({
            "name": "p", "application": "a", "stages": [{"type": "wait", "waitTime": 1}, {"type": "wait"}]
        }))
        .unwrap();
        assert!(pipeline.stages[0].requisites.is_empty());
        assert_eq!(pipeline.stages[1].requisites, [RefId::from("0")]);
        assert_eq!(
            pipeline.stages[0].context,
            *json!({"waitTime": 1}).as_object().unwrap()
        );
    }
}
