//! The templates that every server has.

use std::sync::OnceLock;

use spindrift_model::{Map, Value};

use super::digest::digest;

const TEXTS: [&str; 4] = [
    include_str!("../../templates/helm-chart.json"),
    include_str!("../../templates/deployment-then-service.json"),
    include_str!("../../templates/deployment-and-service.json"),
    include_str!("../../templates/judgment-then-deployment.json"),
];

/// A built-in template.
pub(super) struct BuiltIn {
    pub(super) id: String,
    pub(super) digest: String,
    pub(super) document: Map,
}

/// Every one of them.
pub(super) fn all() -> &'static [BuiltIn] {
    static ALL: OnceLock<Vec<BuiltIn>> = OnceLock::new();
    ALL.get_or_init(|| TEXTS.into_iter().filter_map(read).collect())
}

/// The one of that id.
pub(super) fn get(id: &str) -> Option<&'static BuiltIn> {
    all().iter().find(|template| template.id == id)
}

fn read(text: &str) -> Option<BuiltIn> {
    let Ok(Value::Object(document)) = serde_json::from_str(text) else {
        return None;
    };
    Some(BuiltIn {
        id: document.get("id")?.as_str()?.to_owned(),
        digest: digest(&document),
        document,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use spindrift_model::{Pipeline, Template, expand};

    #[test]
    fn every_one_can_be_read_and_makes_a_pipeline() {
        assert_eq!(all().len(), TEXTS.len());
        for built_in in all() {
            let template = Template::parse(built_in.document.clone()).unwrap();
            let needed = template
                .variables
                .iter()
                .filter(|variable| variable.default.is_none());
            let values: Map = needed
                .map(|variable| (variable.name.clone(), json!("x")))
                .collect();
            let pipeline = json!({"application": "shop", "name": "release", "variables": values});
            let expanded = expand(&template, pipeline.as_object().unwrap()).unwrap();
            let (pipeline, warnings) = Pipeline::parse(Value::Object(expanded.document)).unwrap();
            assert_eq!(warnings, [], "{}", built_in.id);
            assert!(!pipeline.stages.is_empty(), "{}", built_in.id);
            // Every variable that is declared is read, and every one that is read is declared.
            let text = serde_json::to_string(&template.pipeline).unwrap();
            let mut read: Vec<&str> = text
                .split("templateVariables.")
                .skip(1)
                .map(|rest| {
                    rest.split(|c: char| !c.is_ascii_alphanumeric())
                        .next()
                        .unwrap()
                })
                .collect();
            read.sort_unstable();
            read.dedup();
            let mut declared: Vec<&str> = template
                .variables
                .iter()
                .map(|one| one.name.as_str())
                .collect();
            declared.sort_unstable();
            assert_eq!(read, declared, "{}", built_in.id);
        }
    }
}
