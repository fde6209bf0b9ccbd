//! Projects: applications that belong together (Front50's `Project`).

use crate::json::{Map, Value};
use crate::problem::{Pointer, Problem};

/// A pipeline that a project shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectPipeline {
    /// Its application.
    pub application: String,
    /// Its id.
    pub pipeline: String,
}

/// A project.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its id, when it has one.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its applications.
    pub applications: Vec<String>,
    /// The pipelines it shows.
    pub pipelines: Vec<ProjectPipeline>,
    /// The document, every member of it.
    pub document: Map,
}

impl Project {
    /// Reads a project and says everything that is wrong with it.
    pub fn parse(document: Map) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let name = text(&document, "name").unwrap_or_default();
        if name.is_empty() {
            problems.push(Problem::error(
                Pointer::root().key("name"),
                "project.name",
                "a project needs a name; add \"name\"",
            ));
        } else if name.len() > 255 || name.chars().any(|c| c.is_control() || c == '/') {
            problems.push(Problem::error(
                Pointer::root().key("name"),
                "project.name",
                "the name of a project has at most 255 bytes, no '/' and no control character",
            ));
        }
        let empty = Map::new();
        let place = Pointer::root().key("config");
        let config = match document.get("config") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(config)) => config,
            Some(_) => {
                problems.push(Problem::error(
                    place.clone(),
                    "project.config",
                    "config is an object with applications, clusters and pipelineConfigs",
                ));
                &empty
            }
        };
        let applications = list(config, "applications", &place, &mut problems);
        let applications = applications.iter().filter_map(Value::as_str);
        let applications = applications.map(str::to_owned).collect();
        let pipelines = list(config, "pipelineConfigs", &place, &mut problems);
        let pipelines = pipelines.iter().filter_map(Value::as_object);
        let pipelines = pipelines
            .filter_map(|entry| {
                Some(ProjectPipeline {
                    application: text(entry, "application").unwrap_or_default(),
                    pipeline: text(entry, "pipelineConfigId")?,
                })
            })
            .collect();
        list(config, "clusters", &place, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            id: text(&document, "id"),
            name,
            applications,
            pipelines,
            document,
        })
    }

    /// The project without an application; `None` when it has no other.
    pub fn without(mut self, application: &str) -> Option<Self> {
        let is_it = |name: &str| name.eq_ignore_ascii_case(application);
        self.applications.retain(|name| !is_it(name));
        if self.applications.is_empty() {
            return None;
        }
        self.pipelines.retain(|entry| !is_it(&entry.application));
        let config = self
            .document
            .get_mut("config")
            .and_then(Value::as_object_mut);
        let Some(config) = config else {
            return Some(self);
        };
        let forget = |list: &mut Value| {
            if let Some(list) = list.as_array_mut() {
                list.retain(|name| !name.as_str().is_some_and(is_it));
            }
        };
        if let Some(applications) = config.get_mut("applications") {
            forget(applications);
        }
        for cluster in config
            .get_mut("clusters")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(applications) = cluster.get_mut("applications") {
                forget(applications);
            }
        }
        if let Some(pipelines) = config
            .get_mut("pipelineConfigs")
            .and_then(Value::as_array_mut)
        {
            pipelines.retain(|entry| {
                !entry
                    .get("application")
                    .and_then(Value::as_str)
                    .is_some_and(is_it)
            });
        }
        Some(self)
    }
}

fn text(map: &Map, key: &str) -> Option<String> {
    let text = map.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn list<'m>(
    config: &'m Map,
    key: &str,
    place: &Pointer,
    problems: &mut Vec<Problem>,
) -> &'m [Value] {
    match config.get(key) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(list)) => list,
        Some(_) => {
            problems.push(Problem::error(
                place.key(key),
                "project.config",
                format!("{key} is a list"),
            ));
            &[]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: Value) -> Result<Project, Vec<Problem>> {
        Project::parse(value.as_object().cloned().unwrap())
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let problems = parse(json!({"config": {"applications": "a", "clusters": 1}})).unwrap_err();
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        /name: a project needs a name; add "name"
        /config/applications: applications is a list
        /config/clusters: clusters is a list
        "#);
        assert!(parse(json!({"name": "a/b"})).is_err());
        assert!(parse(json!({"name": "p", "config": []})).is_err());
    }

    #[test]
    fn a_deleted_application_leaves_its_projects() {
        let project = parse(json!({"name": "p", "config": {
            "applications": ["Shop", "web"],
            "clusters": [{"account": "k", "applications": ["shop", "web"]}, {"account": "l", "applications": null}],
            "pipelineConfigs": [{"application": "shop", "pipelineConfigId": "1"}, {"application": "web", "pipelineConfigId": "2"}],
        }}))
        .unwrap();
        let project = project.without("shop").unwrap();
        insta::assert_json_snapshot!(project.document["config"], @r#"
        {
          "applications": [
            "web"
          ],
          "clusters": [
            {
              "account": "k",
              "applications": [
                "web"
              ]
            },
            {
              "account": "l",
              "applications": null
            }
          ],
          "pipelineConfigs": [
            {
              "application": "web",
              "pipelineConfigId": "2"
            }
          ]
        }
        "#);
        assert_eq!(project.pipelines.len(), 1);
        assert_eq!(project.without("WEB"), None);
    }
}
