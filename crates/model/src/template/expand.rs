//! The pipeline that a template and a templated pipeline make together (Orca's `V2SchemaExecutionGenerator`).

use serde_json::json;

use super::inject;
use super::{Template, TemplateReference, variables, wrong};
use crate::json::{Map, Value};
use crate::problem::{Pointer, Problem};

/// A pipeline made of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Expanded {
    /// The document of the pipeline that runs, with `templateVariables`.
    pub document: Map,
    /// What its author should look at.
    pub warnings: Vec<Problem>,
}

/// Members of the templated pipeline that hold whatever the template says.
const OWN: [&str; 9] = [
    "id",
    "application",
    "name",
    "disabled",
    "description",
    "roles",
    "serviceAccount",
    "executionId",
    "trigger",
];

/// Members that the templated pipeline decides where the template leaves them out.
const FALLBACKS: [&str; 6] = [
    "limitConcurrent",
    "maxConcurrentExecutions",
    "keepWaitingPipelines",
    "spelEvaluator",
    "timeZone",
    "respectQuietPeriod",
];

/// Makes the pipeline that runs.
///
/// Errors: a variable has no value or one of the wrong type, the template does not let its stages be altered, or a stage cannot
/// be put where the pipeline wants it.
pub fn expand(template: &Template, pipeline: &Map) -> Result<Expanded, Vec<Problem>> {
    let mut problems = Vec::new();
    let empty = Map::new();
    let given = match pipeline.get("variables") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(given)) => given,
        Some(_) => {
            let message = "variables is an object of names and values";
            problems.push(wrong(
                Pointer::root().key("variables"),
                "variables",
                message,
            ));
            &empty
        }
    };
    let values = variables::values(&template.variables, given, &mut problems);
    let mut document = template.pipeline.clone();
    for key in OWN {
        if let Some(value) = pipeline.get(key).filter(|value| !value.is_null()) {
            document.insert(key.to_owned(), value.clone());
        }
    }
    for key in FALLBACKS {
        let own = document.get(key).is_some_and(|value| !value.is_null());
        if let Some(value) = pipeline.get(key).filter(|_| !own) {
            document.insert(key.to_owned(), value.clone());
        }
    }
    for collection in COLLECTIONS {
        let merged = collection.merge(&template.pipeline, pipeline);
        document.insert(collection.key.to_owned(), merged.into());
    }
    document.insert(
        "stages".to_owned(),
        stages(template, pipeline, &mut problems).into(),
    );
    document.insert("templateVariables".to_owned(), Value::Object(values));
    let reference = TemplateReference::of_pipeline(pipeline);
    let reference =
        reference.map_or_else(|_| template.id.clone(), |reference| reference.to_string());
    document.insert(
        "source".to_owned(),
        json!({"id": reference, "type": "templatedPipeline", "version": "v2"}),
    );
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    Ok(Expanded {
        document,
        warnings: problems,
    })
}

fn stages(template: &Template, pipeline: &Map, problems: &mut Vec<Problem>) -> Vec<Value> {
    let list = |map: &Map| match map.get("stages") {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    };
    let own = list(pipeline);
    let place = Pointer::root().key("stages");
    if template.protect && !own.is_empty() {
        problems.push(wrong(
            place,
            "protected",
            "Modification of the stage graph (adding, removing, editing) is disallowed: the template has marked itself as protected",
        ));
        return Vec::new();
    }
    match inject::combine(list(&template.pipeline), own) {
        Ok(stages) => stages,
        Err(message) => {
            problems.push(wrong(place, "stages", message));
            Vec::new()
        }
    }
}

/// A list that a pipeline inherits from its template.
struct Collection {
    /// The member of the pipeline that runs, and of the template.
    key: &'static str,
    /// What `exclude` calls it, and templated pipelines besides the key.
    alias: &'static str,
    /// The member by which an entry of the pipeline replaces one of the template.
    identity: Option<&'static str>,
}

const COLLECTIONS: [Collection; 4] = [
    Collection {
        key: "notifications",
        alias: "notifications",
        identity: None,
    },
    Collection {
        key: "parameterConfig",
        alias: "parameters",
        identity: Some("name"),
    },
    Collection {
        key: "triggers",
        alias: "triggers",
        identity: None,
    },
    Collection {
        key: "expectedArtifacts",
        alias: "expectedArtifacts",
        identity: Some("id"),
    },
];

impl Collection {
    fn merge(&self, template: &Map, pipeline: &Map) -> Vec<Value> {
        let mut own = Vec::new();
        let mut keys = vec![self.key];
        if self.alias != self.key {
            keys.push(self.alias);
        }
        for key in keys {
            if let Some(Value::Array(list)) = pipeline.get(key) {
                own.extend(list.iter().cloned());
            }
        }
        let mut merged = Vec::new();
        if self.is_inherited(pipeline)
            && let Some(Value::Array(list)) = template.get(self.key)
        {
            for item in list {
                if !own.iter().any(|mine| self.is_same(mine, item)) {
                    merged.push(inherited(item));
                }
            }
        }
        for item in own {
            if !merged.contains(&item) {
                merged.push(item);
            }
        }
        merged
    }

    fn is_same(&self, mine: &Value, theirs: &Value) -> bool {
        match self.identity.map(|key| (mine.get(key), theirs.get(key))) {
            Some((Some(mine), Some(theirs))) => mine == theirs,
            _ => mine == theirs,
        }
    }

    /// `exclude` names what is not inherited; a pipeline that has `inherit` instead names what is.
    fn is_inherited(&self, pipeline: &Map) -> bool {
        let names = |key: &str| {
            let list = pipeline.get(key)?.as_array()?;
            let mut names = list.iter().filter_map(Value::as_str);
            Some(names.any(|name| name == self.alias || name == self.key))
        };
        match (names("exclude"), names("inherit")) {
            (Some(true), _) => false,
            (None, Some(inherits)) => inherits,
            (Some(false), _) | (None, None) => true,
        }
    }
}

fn inherited(item: &Value) -> Value {
    let mut item = item.clone();
    if let Value::Object(map) = &mut item {
        map.insert("inherited".to_owned(), true.into());
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(value: Value) -> Template {
        let mut document = value.as_object().cloned().unwrap();
        document.insert("id".into(), "web".into());
        document.insert("schema".into(), "v2".into());
        document.insert(
            "metadata".into(),
            json!({"name": "Web", "description": "x", "scopes": ["global"]}),
        );
        Template::parse(document).unwrap()
    }

    fn pipeline(value: Value) -> Map {
        let mut document = json!({
            "type": "templatedPipeline", "schema": "v2", "id": "p1", "application": "shop", "name": "release",
            "template": {"reference": "spinnaker://web:stable"}, "keepWaitingPipelines": true, "limitConcurrent": false,
        });
        let document = document.as_object_mut().unwrap();
        document.extend(value.as_object().cloned().unwrap());
        document.clone()
    }

    fn full() -> Template {
        template(json!({
            "variables": [{"name": "wait", "type": "int", "defaultValue": 5}],
            "pipeline": {
                "limitConcurrent": true, "name": "theirs", "application": "theirs",
                "notifications": [{"type": "slack", "address": "#a"}],
                "parameterConfig": [{"name": "version", "default": "1"}, {"name": "zone"}],
                "triggers": [{"type": "cron", "cronExpression": "0 0 10 ? * *"}],
                "stages": [{"refId": "1", "type": "wait", "waitTime": "${templateVariables.wait}"}],
            },
        }))
    }

    #[test]
    fn a_pipeline_inherits_what_it_does_not_say() {
        let own = json!({
            "parameters": [{"name": "version", "default": "2"}],
            "triggers": [{"type": "webhook", "source": "ci"}], "variables": {"wait": 7},
        });
        let expanded = expand(&full(), &pipeline(own)).unwrap();
        insta::assert_json_snapshot!(expanded.document);
        assert_eq!(expanded.warnings, []);
    }

    #[test]
    fn what_is_excluded_is_not_inherited() {
        let table = [
            (
                json!({"exclude": ["triggers", "parameters", "notifications"]}),
                [0, 0, 0],
            ),
            (json!({"exclude": ["triggers"]}), [1, 2, 0]),
            (json!({"exclude": []}), [1, 2, 1]),
            (json!({"inherit": ["triggers"]}), [0, 0, 1]),
            (json!({"exclude": [], "inherit": []}), [1, 2, 1]),
            (json!({}), [1, 2, 1]),
        ];
        for (own, expected) in table {
            let document = expand(&full(), &pipeline(own.clone())).unwrap().document;
            let count = |key: &str| document[key].as_array().unwrap().len();
            let found = [
                count("notifications"),
                count("parameterConfig"),
                count("triggers"),
            ];
            assert_eq!(found, expected, "{own}");
        }
    }

    #[test]
    fn a_protected_template_keeps_its_stages() {
        let mut template = full();
        template.protect = true;
        assert!(expand(&template, &pipeline(json!({"stages": []}))).is_ok());
        let own =
            json!({"stages": [{"refId": "2", "type": "wait", "requisiteStageRefIds": ["1"]}]});
        let problems = expand(&template, &pipeline(own)).unwrap_err();
        assert_eq!(problems[0].code, "template.protected");
    }
}
