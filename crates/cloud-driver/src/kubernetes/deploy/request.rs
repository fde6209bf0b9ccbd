//! What is asked of a deploy.

use serde_json::Value;
use spindrift_model::Artifact;

use crate::kubernetes::binding::ImageMatch;
use crate::kubernetes::selectors::LabelSelector;
use crate::model::Moniker;

/// A deploy of manifests (Clouddriver's `deployManifest` operation).
#[derive(Debug, Clone, PartialEq)]
pub struct DeployRequest {
    /// The manifests: objects, lists of them, and texts in YAML.
    pub manifests: Vec<Value>,
    /// The application, and what else the stage says of where the objects belong.
    pub moniker: Moniker,
    /// The namespace of everything that has one, whatever the manifests say.
    pub namespace_override: Option<String>,
    /// Whether names carry versions, unless a manifest says otherwise itself; `None`: as is usual for the kind.
    pub versioned: Option<bool>,
    /// What must be bound.
    pub required_artifacts: Vec<Artifact>,
    /// What may be bound, nearest first.
    pub optional_artifacts: Vec<Artifact>,
    /// Whether the artifacts above are bound at all; what the deploy makes itself always is.
    pub bind_artifacts: bool,
    /// The Services in front of the workloads, such as `service web`.
    pub services: Vec<String>,
    /// Whether the workloads take traffic at once.
    pub enable_traffic: bool,
    /// What becomes of the versions before.
    pub strategy: TrafficStrategy,
    /// Only manifests whose labels fit all of these are sent.
    pub label_selectors: Vec<LabelSelector>,
    /// Whether it is all right when no manifest fits.
    pub allow_nothing_selected: bool,
    /// Whether pod templates are left without our labels.
    pub skip_spec_template_labels: bool,
    /// What the process says for all deploys.
    pub settings: DeploySettings,
    /// The same for every repetition of this deploy; empty: it is never repeated.
    pub key: String,
}

/// What a process says for all of its deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploySettings {
    /// Whether objects get the labels `app.kubernetes.io/name` and `app.kubernetes.io/managed-by`.
    pub app_labels: bool,
    /// What stands after `spinnaker-` in the label `app.kubernetes.io/managed-by`; empty: nothing.
    pub managed_by_suffix: String,
    /// When an image artifact takes the place of an image.
    pub images: ImageMatch,
}

/// What becomes of the versions before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrafficStrategy {
    /// Nothing.
    #[default]
    None,
    /// They are taken out of traffic when the new one is stable.
    RedBlack,
    /// They are taken out of traffic and deleted when the new one is stable.
    Highlander,
    /// The new one grows and they shrink, step by step.
    RollingRedBlack {
        /// With how many percent of its replicas the new one starts.
        first_percent: u32,
    },
}

impl Default for DeployRequest {
    fn default() -> Self {
        Self {
            manifests: Vec::new(),
            moniker: Moniker::default(),
            namespace_override: None,
            versioned: None,
            required_artifacts: Vec::new(),
            optional_artifacts: Vec::new(),
            bind_artifacts: true,
            services: Vec::new(),
            enable_traffic: true,
            strategy: TrafficStrategy::None,
            label_selectors: Vec::new(),
            allow_nothing_selected: false,
            skip_spec_template_labels: false,
            settings: DeploySettings::default(),
            key: String::new(),
        }
    }
}

impl Default for DeploySettings {
    fn default() -> Self {
        Self {
            app_labels: true,
            managed_by_suffix: String::new(),
            images: ImageMatch::default(),
        }
    }
}
