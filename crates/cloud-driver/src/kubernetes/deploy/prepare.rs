//! Everything that is decided of a deploy before its first request that changes something.

use std::collections::HashMap;

use serde_json::Value;
use spindrift_model::Artifact;

use super::request::{DeployRequest, TrafficStrategy};
use crate::error::CloudError;
use crate::kubernetes::account::Kubernetes;
use crate::kubernetes::apply::{self, Mode, Step};
use crate::kubernetes::binding::{self, Artifacts, Bound};
use crate::kubernetes::kind::Kind;
use crate::kubernetes::manifest::{self, Judged};
use crate::kubernetes::strategy::{MAX_VERSION_HISTORY, Strategy, Submission};
use crate::kubernetes::version::{self, Version};
use crate::kubernetes::{annotations, attach, order};
use crate::naming;

/// A manifest as it will be sent.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// What was judged; its manifest is the one that is sent.
    pub(crate) judged: Judged,
    /// The name with its version; empty when the API server chooses it.
    pub(crate) name: String,
    /// How it is sent.
    pub(crate) submission: Submission,
    /// The artifact that it is.
    pub(crate) artifact: Artifact,
    /// Whether there is surely no object of that name yet.
    pub(crate) is_new: bool,
    /// The newest version before this one.
    pub(crate) previous: Option<Value>,
    /// How many replicas it is to have in the end, when it starts with fewer.
    pub(crate) full_size: Option<u64>,
}

impl Prepared {
    /// The manifest on its way.
    pub(crate) fn step(&self, mode: Mode) -> Step<'_> {
        Step {
            manifest: &self.judged.manifest,
            kind: &self.judged.kind,
            resource: &self.judged.resource,
            namespace: &self.judged.namespace,
            name: &self.name,
            submission: self.submission,
            is_new: self.is_new,
            mode,
        }
    }
}

/// Everything that was decided.
#[derive(Debug)]
pub(crate) struct Preparation {
    /// What is sent, in order.
    pub(crate) manifests: Vec<Prepared>,
    /// What was bound.
    pub(crate) bound: Vec<Artifact>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
}

impl Kubernetes {
    /// Judges, binds, versions and annotates the manifests of a request. The cluster is only read.
    pub(crate) async fn prepare(&self, request: &DeployRequest) -> Result<Preparation, CloudError> {
        let documents = manifest::read_documents(&request.manifests)?;
        if documents.is_empty() {
            return Err(CloudError::invalid(
                "there is nothing to deploy: no document holds a manifest",
            ));
        }
        let namespace = request
            .namespace_override
            .as_deref()
            .filter(|name| !name.is_empty());
        let mut judged = manifest::judge(self, documents, namespace).await?;
        judged.sort_by_key(|judged| order::treatment(&judged.kind).priority);
        let (required, optional): (&[Artifact], &[Artifact]) = if request.bind_artifacts {
            (&request.required_artifacts, &request.optional_artifacts)
        } else {
            (&[], &[])
        };
        let mut preparer = Preparer {
            account: self,
            request,
            services: services_of(&judged),
            artifacts: Artifacts::new(required, optional),
            bound: Bound::default(),
            listed: HashMap::new(),
            warnings: Vec::new(),
        };
        let mut manifests = Vec::with_capacity(judged.len());
        for (position, judged) in judged.into_iter().enumerate() {
            let place = judged.place.clone();
            let prepared = preparer.prepare(judged, position).await;
            manifests.push(prepared.map_err(|error| error.with_detail("manifest", place))?);
        }
        preparer.bound.require(required)?;
        let manifests = preparer.select(manifests)?;
        Ok(Preparation {
            manifests,
            bound: preparer.bound.into_list(),
            warnings: preparer.warnings,
        })
    }
}

/// The Services of a request, by namespace and name.
fn services_of(judged: &[Judged]) -> HashMap<(String, String), Value> {
    judged
        .iter()
        .filter(|judged| judged.kind.is("service"))
        .map(|judged| {
            let key = (judged.namespace.clone(), judged.name.clone());
            (key, judged.manifest.clone())
        })
        .collect()
}

struct Preparer<'a> {
    account: &'a Kubernetes,
    request: &'a DeployRequest,
    services: HashMap<(String, String), Value>,
    artifacts: Artifacts,
    bound: Bound,
    /// The versions there are, by kind and namespace, and by name: a deploy of many objects looks at each only once.
    listed: HashMap<(Kind, String), HashMap<String, Vec<Value>>>,
    warnings: Vec<String>,
}

impl Preparer<'_> {
    async fn prepare(
        &mut self,
        mut judged: Judged,
        position: usize,
    ) -> Result<Prepared, CloudError> {
        let strategy = Strategy::of(&judged.manifest);
        self.check_history(&strategy)?;
        self.bind(&mut judged);
        let version = self.version(&judged, &strategy).await?;
        let artifact = self.artifact(&judged, version.as_ref());
        if let Some(name) = &artifact.reference
            && !name.is_empty()
        {
            self.artifacts.add_made(artifact.clone());
        }
        self.warn_of_copies(&judged, &artifact);
        annotate_artifact(&mut judged.manifest, &artifact);
        let previous = self.previous(&judged, version.as_ref());
        let source = if strategy.use_source_capacity {
            self.source_capacity(&judged, version.as_ref(), previous)
                .await?
        } else {
            None
        };
        if let Some(replicas) = source {
            judged.manifest["spec"]["replicas"] = replicas;
        }
        let previous = previous.cloned();
        let full_size = self.start_small(&mut judged, previous.is_some());
        self.route(&mut judged).await?;
        self.annotate_moniker(&mut judged, version.as_ref());
        self.label(&mut judged.manifest, version.as_ref());
        let name = artifact.reference.clone().unwrap_or_default();
        if !name.is_empty() {
            judged.manifest["metadata"]["name"] = Value::from(name.clone());
        }
        self.mark(&mut judged.manifest, &strategy, version.as_ref(), position);
        let submission = strategy.submission;
        if matches!(submission, Submission::Apply | Submission::Recreate) {
            apply::check_size(&judged.manifest)
                .map_err(|error| error.prefixed(&format!("{}: ", judged.place)))?;
        }
        Ok(Prepared {
            name,
            submission,
            artifact,
            is_new: version.is_some_and(|version| version.existing.is_none()),
            previous,
            full_size,
            judged,
        })
    }

    /// Versions that are disabled must not be cleaned up before they are.
    fn check_history(&self, strategy: &Strategy) -> Result<(), CloudError> {
        let keeps_old = matches!(
            self.request.strategy,
            TrafficStrategy::RedBlack | TrafficStrategy::RollingRedBlack { .. }
        );
        match strategy.max_version_history {
            Some(versions) if keeps_old && versions < 2 => Err(CloudError::invalid(format!(
                "The max version history specified in your manifest conflicts with the behavior of the Red/Black rollout strategy. Please update your \
                 manifest annotation {MAX_VERSION_HISTORY} to a value greater than or equal to 2."
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn bind(&mut self, judged: &mut Judged) {
        let namespace = binding::Namespace {
            account: self.account.account_name(),
            name: &judged.namespace,
            default: self.account.default_namespace(),
        };
        binding::bind(
            &judged.kind,
            &mut judged.manifest,
            &namespace,
            self.request.settings.images,
            &self.artifacts,
            &mut self.bound,
        );
    }

    async fn version(
        &mut self,
        judged: &Judged,
        strategy: &Strategy,
    ) -> Result<Option<Version>, CloudError> {
        let usual = order::treatment(&judged.kind).versioned;
        let versioned = strategy
            .versioned
            .or(self.request.versioned)
            .unwrap_or(usual);
        // A name that the API server chooses cannot carry a version of ours.
        if !versioned || judged.name.is_empty() {
            return Ok(None);
        }
        let key = self.request.key.clone();
        let live = self.listed(judged).await?;
        Ok(Some(version::choose(
            &judged.kind,
            &judged.manifest,
            &judged.name,
            live,
            &key,
        )))
    }

    /// The versions there are of what a manifest names.
    async fn listed(&mut self, judged: &Judged) -> Result<&[Value], CloudError> {
        let key = (judged.kind.clone(), judged.namespace.clone());
        if !self.listed.contains_key(&key) {
            // There can be no objects of a kind that does not exist yet.
            let objects = if judged.defined_here {
                Vec::new()
            } else {
                let (kind, namespace) = (&judged.kind, &judged.namespace);
                let listed = self.account.list_all(&judged.resource, namespace).await;
                listed.map_err(|error| {
                    error.prefixed(&format!(
                        "the versions of {kind} in {namespace:?} cannot be listed: "
                    ))
                })?
            };
            let mut by_name: HashMap<String, Vec<Value>> = HashMap::new();
            for object in objects {
                if let Some(name) = annotations::text(&object, annotations::ARTIFACT_NAME) {
                    by_name.entry(name).or_default().push(object);
                }
            }
            self.listed.insert(key.clone(), by_name);
        }
        let versions = self.listed.get(&key);
        let versions = versions.and_then(|by_name| by_name.get(&judged.name));
        Ok(versions.map_or(&[][..], Vec::as_slice))
    }

    fn artifact(&self, judged: &Judged, version: Option<&Version>) -> Artifact {
        let version = version.map(|version| naming::version(version.number));
        let reference = match &version {
            Some(version) => format!("{}-{version}", judged.name),
            None => judged.name.clone(),
        };
        let mut artifact = Artifact {
            kind: Some(format!("kubernetes/{}", judged.kind)),
            name: Some(judged.name.clone()),
            version: Some(version.unwrap_or_default()),
            location: Some(judged.namespace.clone()),
            reference: Some(reference),
            ..Artifact::default()
        };
        artifact.rest.insert(
            "metadata".to_owned(),
            serde_json::json!({"account": self.account.account_name()}),
        );
        artifact
    }

    /// Annotations that a copy from a cluster brought along are not replaced, so that they then say something else than the name.
    fn warn_of_copies(&mut self, judged: &Judged, artifact: &Artifact) {
        let written = annotations::text(&judged.manifest, annotations::ARTIFACT_VERSION);
        if written.is_some() && written != artifact.version {
            self.warnings.push(format!(
                "{} carries the annotation {} of another deploy ({:?}), which stays; remove it from the manifest",
                judged.place,
                annotations::ARTIFACT_VERSION,
                written.unwrap_or_default()
            ));
        }
    }

    /// The newest version besides the one that is deployed, and besides what this deploy has made itself.
    fn previous(&self, judged: &Judged, version: Option<&Version>) -> Option<&Value> {
        let number = version?.number;
        let live = self
            .listed
            .get(&(judged.kind.clone(), judged.namespace.clone()))?
            .get(&judged.name)?;
        version::versions_of(&judged.name, live)
            .into_iter()
            .filter_map(|object| Some((version::number_of(object)?, object)))
            .filter(|(other, _)| *other != number)
            .max_by_key(|(other, _)| *other)
            .map(|(_, object)| object)
    }

    async fn source_capacity(
        &self,
        judged: &Judged,
        version: Option<&Version>,
        previous: Option<&Value>,
    ) -> Result<Option<Value>, CloudError> {
        if !order::scales(&judged.kind) || judged.name.is_empty() {
            return Ok(None);
        }
        let replicas = |object: &Value| {
            object
                .pointer("/spec/replicas")
                .filter(|value| value.is_u64())
                .cloned()
        };
        if version.is_some() {
            return Ok(previous.and_then(replicas));
        }
        let id = crate::kubernetes::ObjectId {
            kind: judged.kind.clone(),
            namespace: judged.namespace.clone(),
            name: judged.name.clone(),
        };
        Ok(self.account.get(&id).await?.as_ref().and_then(replicas))
    }

    /// With rolling red/black a new version starts with a part of its replicas; without one before it there is nothing to roll from.
    fn start_small(&self, judged: &mut Judged, has_previous: bool) -> Option<u64> {
        let TrafficStrategy::RollingRedBlack { first_percent } = self.request.strategy else {
            return None;
        };
        if !has_previous || !judged.kind.is("replicaSet") {
            return None;
        }
        let full = judged
            .manifest
            .pointer("/spec/replicas")
            .and_then(Value::as_u64)
            .unwrap_or(1);
        let first = (full * u64::from(first_percent.min(100))).div_ceil(100);
        judged.manifest["spec"]["replicas"] = Value::from(first);
        Some(full)
    }

    async fn route(&self, judged: &mut Judged) -> Result<(), CloudError> {
        if !order::takes_traffic(&judged.kind) {
            return Ok(());
        }
        let in_manifest = |error: CloudError| error.prefixed(&format!("{}: ", judged.place));
        attach::note(&mut judged.manifest, &self.request.services).map_err(in_manifest)?;
        if !self.request.enable_traffic {
            return Ok(());
        }
        for entry in annotations::load_balancers(&judged.manifest) {
            let id = attach::service(&entry, &judged.namespace)
                .map_err(|error| error.prefixed(&format!("{}: ", judged.place)))?;
            let here = self.services.get(&(id.namespace.clone(), id.name.clone()));
            let service = match here {
                Some(service) => service.clone(),
                None => self.account.get(&id).await?.ok_or_else(|| {
                    CloudError::invalid(format!(
                        "{}: Load balancer {id} does not exist",
                        judged.place
                    ))
                })?,
            };
            attach::attach(&mut judged.manifest, &service)
                .map_err(|error| error.prefixed(&format!("{}: ", judged.place)))?;
        }
        Ok(())
    }

    fn annotate_moniker(&self, judged: &mut Judged, version: Option<&Version>) {
        let moniker = &self.request.moniker;
        let mut list: Vec<(&str, String)> = Vec::new();
        let mut add = |key, value: Option<String>| {
            if let Some(value) = value {
                list.push((key, value));
            }
        };
        let cluster = if judged.name.is_empty() {
            None
        } else {
            Some(format!("{} {}", judged.kind, judged.name))
        };
        add(annotations::APPLICATION, moniker.app.clone());
        add(annotations::CLUSTER, moniker.cluster.clone().or(cluster));
        add(annotations::STACK, moniker.stack.clone());
        add(annotations::DETAIL, moniker.detail.clone());
        add(
            annotations::SEQUENCE,
            self.sequence(version).map(|number| number.to_string()),
        );
        annotations::annotate_with_template(&mut judged.manifest, &list);
    }

    fn sequence(&self, version: Option<&Version>) -> Option<u64> {
        version
            .map(|version| version.number)
            .or(self.request.moniker.sequence)
    }

    fn label(&self, manifest: &mut Value, version: Option<&Version>) {
        let settings = &self.request.settings;
        let only_object = self.request.skip_spec_template_labels;
        if settings.app_labels {
            if let Some(app) = &self.request.moniker.app {
                annotations::label(manifest, "app.kubernetes.io/name", app, false, only_object);
            }
            let manager = match settings.managed_by_suffix.as_str() {
                "" => "spinnaker".to_owned(),
                suffix => format!("spinnaker-{suffix}"),
            };
            annotations::label(
                manifest,
                "app.kubernetes.io/managed-by",
                &manager,
                true,
                only_object,
            );
        }
        if let Some(number) = self.sequence(version) {
            let number = number.to_string();
            annotations::label(manifest, annotations::SEQUENCE, &number, true, only_object);
        }
    }

    /// Marks what must be found again: by a repetition of this deploy, and by a later one with equal content.
    fn mark(
        &self,
        manifest: &mut Value,
        strategy: &Strategy,
        version: Option<&Version>,
        position: usize,
    ) {
        for key in [annotations::DEPLOY_KEY, annotations::CONTENT] {
            annotations::remove(manifest, key);
        }
        let key = &self.request.key;
        let own = match (version, strategy.submission) {
            (Some(version), _) => match &version.existing {
                // Whose version it is stays as it is.
                Some(existing) => existing.key.clone(),
                None => Some(key.clone()),
            },
            // Two manifests of one request may ask for names with the same beginning.
            (None, Submission::Create) => Some(format!("{key}#{position}")),
            (None, Submission::Recreate) => Some(key.clone()),
            (None, Submission::Apply | Submission::Replace | Submission::ServerSide { .. }) => None,
        };
        if let Some(own) = own.filter(|own| !key.is_empty() && !own.is_empty()) {
            annotations::annotate(manifest, annotations::DEPLOY_KEY, &own);
        }
        if version.is_some() {
            let content = version::digest(manifest);
            annotations::annotate(manifest, annotations::CONTENT, &content);
        }
    }

    /// Leaves what the stage's label selectors do not pick.
    fn select(&self, mut manifests: Vec<Prepared>) -> Result<Vec<Prepared>, CloudError> {
        let selectors = &self.request.label_selectors;
        if selectors.is_empty() {
            return Ok(manifests);
        }
        if let Some(replaced) = manifests
            .iter()
            .find(|prepared| prepared.submission == Submission::Replace)
        {
            return Err(CloudError::invalid(format!(
                "{}: label selectors not supported with replace strategy",
                replaced.judged.place
            )));
        }
        manifests.retain(|prepared| {
            selectors
                .iter()
                .all(|selector| selector.fits(&prepared.judged.manifest))
        });
        if manifests.is_empty() && !self.request.allow_nothing_selected {
            let list: Vec<String> = selectors.iter().map(ToString::to_string).collect();
            return Err(CloudError::invalid(format!(
                "no manifest has labels that fit the stage's selectors ({}); set allowNothingSelected if that is all right",
                list.join(", ")
            )));
        }
        Ok(manifests)
    }
}

fn annotate_artifact(manifest: &mut Value, artifact: &Artifact) {
    let list: Vec<(&str, String)> = [
        (annotations::ARTIFACT_TYPE, &artifact.kind),
        (annotations::ARTIFACT_NAME, &artifact.name),
        (annotations::ARTIFACT_LOCATION, &artifact.location),
        (annotations::ARTIFACT_VERSION, &artifact.version),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value.clone()?)))
    .filter(|(key, value)| *key != annotations::ARTIFACT_NAME || !value.is_empty())
    .collect();
    annotations::annotate_with_template(manifest, &list);
}
