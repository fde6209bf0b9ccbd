//! The form of a case; `engine-spec/README.md` describes it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use spindrift_cloud_driver::kubernetes::{
    DeployRequest, DeploySettings, ImageMatch, KubernetesOptions, LabelSelector, TrafficStrategy,
};
use spindrift_cloud_driver::model::Moniker;
use spindrift_model::Artifact;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    #[serde(default)]
    pub rows: Vec<u32>,
    pub says: String,
    #[serde(default)]
    pub sandbox_only: bool,
    #[serde(default)]
    pub account: KubernetesOptions,
    #[serde(default)]
    pub given: Vec<Value>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Step {
    pub deploy: Option<Deploy>,
    pub change: Option<BTreeMap<String, Value>>,
    pub fails: Option<String>,
    pub deployed: Option<BTreeMap<String, Vec<String>>>,
    pub bound: Option<Vec<String>>,
    pub created: Option<Vec<String>>,
    pub written: Option<String>,
    pub requests: Option<Vec<String>>,
    pub live: BTreeMap<String, Value>,
    pub lacks: BTreeMap<String, Vec<String>>,
    pub tells: BTreeMap<String, Value>,
    pub keeps_quiet: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Deploy {
    pub manifests: Vec<Value>,
    pub key: String,
    pub namespace_override: Option<String>,
    pub versioned: Option<bool>,
    pub required_artifacts: Vec<Artifact>,
    pub optional_artifacts: Vec<Artifact>,
    pub enable_artifact_binding: Option<bool>,
    pub services: Vec<String>,
    pub enable_traffic: Option<bool>,
    pub strategy: Option<String>,
    pub label_selectors: Vec<LabelSelector>,
    pub allow_nothing_selected: bool,
    pub skip_spec_template_labels: bool,
    pub images: ImageMatch,
}

impl Deploy {
    pub fn request(&self) -> DeployRequest {
        DeployRequest {
            manifests: self.manifests.clone(),
            moniker: Moniker {
                app: Some("shop".to_owned()),
                ..Moniker::default()
            },
            namespace_override: self.namespace_override.clone(),
            versioned: self.versioned,
            required_artifacts: self.required_artifacts.clone(),
            optional_artifacts: self.optional_artifacts.clone(),
            bind_artifacts: self.enable_artifact_binding.unwrap_or(true),
            services: self.services.clone(),
            enable_traffic: self.enable_traffic.unwrap_or(true),
            strategy: match self.strategy.as_deref() {
                None => TrafficStrategy::None,
                Some("bluegreen" | "redblack") => TrafficStrategy::RedBlack,
                Some("highlander") => TrafficStrategy::Highlander,
                Some(other) => panic!("there is no strategy {other}"),
            },
            label_selectors: self.label_selectors.clone(),
            allow_nothing_selected: self.allow_nothing_selected,
            skip_spec_template_labels: self.skip_spec_template_labels,
            settings: DeploySettings {
                images: self.images,
                ..DeploySettings::default()
            },
            key: self.key.clone(),
        }
    }
}
