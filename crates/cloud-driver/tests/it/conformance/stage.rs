//! Where a case is played: a cluster, an account of it, and namespaces of its own.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use spindrift_cloud_driver::CloudError;
use spindrift_cloud_driver::kubernetes::{Deployed, Kind, Kubernetes, KubernetesOptions, ObjectId};
use spindrift_sandbox::{Controllers, RecordedRequest, Sandbox, SandboxOptions};

use super::case::{Case, Step};
use super::expect::{is_named, missing};

pub struct Stage {
    account: Kubernetes,
    /// Sees everything, whatever the account may.
    everything: Kubernetes,
    sandbox: Option<(Sandbox, Controllers)>,
    /// Names of namespaces in cases, and what they are called in the cluster.
    namespaces: BTreeMap<String, String>,
}

const NAMESPACES: [&str; 2] = ["n", "other"];

impl Stage {
    pub async fn sandbox(case: &Case) -> Self {
        let sandbox = Sandbox::new(SandboxOptions::immediate());
        let controllers = sandbox.start(&tokio::runtime::Handle::current());
        let client = Client::new(sandbox.router(), "default");
        let names = NAMESPACES.map(|name| (name.to_owned(), name.to_owned()));
        Self::new(case, client, names.into(), Some((sandbox, controllers))).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a real cluster keeps what earlier runs have left"
    )]
    pub async fn cluster(case: &Case, number: usize) -> Self {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        let run = since.as_millis() % 1_000_000_000;
        let mut names: BTreeMap<String, String> = NAMESPACES
            .map(|name| (name.to_owned(), format!("spindrift-{run}-{number}-{name}")))
            .into();
        names.insert("default".to_owned(), names["n"].clone());
        let mut config = kube::Config::infer().await.unwrap();
        config.default_namespace = names["n"].clone();
        Self::new(case, Client::try_from(config).unwrap(), names, None).await
    }

    async fn new(
        case: &Case,
        client: Client,
        namespaces: BTreeMap<String, String>,
        sandbox: Option<(Sandbox, Controllers)>,
    ) -> Self {
        let everything = Kubernetes::new("test", client.clone(), KubernetesOptions::default());
        let mut options = case.account.clone();
        for list in [&mut options.namespaces, &mut options.omit_namespaces] {
            for name in list {
                *name = namespaces[name.as_str()].clone();
            }
        }
        let stage = Self {
            account: Kubernetes::new("test", client, options),
            everything,
            sandbox,
            namespaces,
        };
        for name in NAMESPACES {
            let name = &stage.namespaces[name];
            stage
                .create(
                    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
                )
                .await;
        }
        for object in &case.given {
            stage.create(stage.renamed(object)).await;
        }
        stage
    }

    pub async fn remove(&self) {
        for name in NAMESPACES {
            let api = self
                .api(&self.id(&format!("namespace {}", self.namespaces[name])))
                .await;
            api.delete(&self.namespaces[name], &DeleteParams::background())
                .await
                .unwrap();
        }
    }

    /// The same with the names that namespaces have here.
    fn renamed(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| {
                    let here = value
                        .as_str()
                        .filter(|_| {
                            matches!(
                                key.as_str(),
                                "namespace" | "location" | "artifact.spinnaker.io/location"
                            )
                        })
                        .and_then(|name| self.namespaces.get(name));
                    let value = match here {
                        Some(here) => Value::from(here.as_str()),
                        None => self.renamed(value),
                    };
                    (key.clone(), value)
                })
                .collect(),
            Value::Array(items) => items.iter().map(|item| self.renamed(item)).collect(),
            other => other.clone(),
        }
    }

    fn here(&self, namespace: &str) -> String {
        self.namespaces
            .get(namespace)
            .map_or(namespace, String::as_str)
            .to_owned()
    }

    /// An object of the first namespace.
    fn id(&self, full_name: &str) -> ObjectId {
        ObjectId::parse(full_name, &self.here("n")).unwrap()
    }

    async fn api(&self, id: &ObjectId) -> Api<DynamicObject> {
        let resource = self.everything.resource(&id.kind, None).await.unwrap();
        self.everything.api(&resource, &id.namespace)
    }

    async fn create(&self, object: Value) {
        let text = |key: &str| object[key].as_str().unwrap();
        let id = ObjectId {
            kind: Kind::of(text("kind"), text("apiVersion")),
            namespace: object["metadata"]["namespace"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            name: object["metadata"]["name"].as_str().unwrap().to_owned(),
        };
        let api = self.api(&id).await;
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap();
        if id.kind.is("customResourceDefinition") {
            self.until(&id, |object| object.pointer("/status/conditions").is_some())
                .await;
            self.everything.forget_resources().await;
        }
    }

    /// Waits, by a watch, for what a controller does.
    async fn until(&self, id: &ObjectId, wanted: impl Fn(&Value) -> bool) {
        let condition = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| wanted(&serde_json::to_value(object).unwrap()))
        };
        let waiting = kube::runtime::wait::await_condition(self.api(id).await, &id.name, condition);
        tokio::time::timeout(Duration::from_secs(60), waiting)
            .await
            .unwrap()
            .unwrap();
    }

    fn asked(&self) -> Vec<RecordedRequest> {
        let Some((sandbox, _)) = &self.sandbox else {
            return Vec::new();
        };
        sandbox.requests()
    }

    pub async fn play(&self, case: &Case) -> Result<(), String> {
        for (position, step) in case.steps.iter().enumerate() {
            if let Some((sandbox, _)) = &self.sandbox {
                sandbox.forget_requests();
            }
            self.step(step)
                .await
                .map_err(|problem| format!("step {}: {problem}", position + 1))?;
        }
        Ok(())
    }

    async fn step(&self, step: &Step) -> Result<(), String> {
        for (name, change) in step.change.iter().flatten() {
            let id = self.id(name);
            let api = self.api(&id).await;
            api.patch(&id.name, &PatchParams::default(), &Patch::Merge(change))
                .await
                .unwrap();
        }
        if let Some(deploy) = &step.deploy {
            let mut request = deploy.request();
            request.manifests = request
                .manifests
                .iter()
                .map(|manifest| self.renamed(manifest))
                .collect();
            request.namespace_override = request.namespace_override.map(|name| self.here(&name));
            for artifact in request
                .required_artifacts
                .iter_mut()
                .chain(&mut request.optional_artifacts)
            {
                artifact.location = artifact.location.as_deref().map(|name| self.here(name));
            }
            let outcome = self.account.deploy(&request).await;
            self.check_outcome(step, outcome)?;
        }
        self.check_requests(step)?;
        self.check_objects(step).await
    }

    fn check_outcome(
        &self,
        step: &Step,
        outcome: Result<Deployed, CloudError>,
    ) -> Result<(), String> {
        let deployed = match (outcome, &step.fails) {
            (Ok(deployed), None) => deployed,
            (Ok(_), Some(text)) => return Err(format!("it did not fail with {text:?}")),
            (Err(error), None) => return Err(format!("it failed: {error}")),
            (Err(error), Some(text)) if error.message.contains(text) => return Ok(()),
            (Err(error), Some(text)) => {
                return Err(format!("it failed with {error:?}, not with {text:?}"));
            }
        };
        if let Some(wanted) = &step.deployed {
            let wanted: BTreeMap<String, Vec<String>> = wanted
                .iter()
                .map(|(namespace, names)| (self.here(namespace), names.clone()))
                .collect();
            let found = deployed.names_by_namespace();
            let same = wanted.len() == found.len()
                && wanted
                    .iter()
                    .zip(&found)
                    .all(|((one, wanted), (other, found))| {
                        one == other
                            && wanted.len() == found.len()
                            && wanted
                                .iter()
                                .all(|wanted| found.iter().any(|found| is_named(wanted, found)))
                    });
            if !same {
                return Err(format!("{found:?} was deployed, not {wanted:?}"));
            }
        }
        let references = |list: &[spindrift_model::Artifact]| -> Vec<String> {
            list.iter()
                .map(|artifact| artifact.reference.clone().unwrap_or_default())
                .collect()
        };
        for (what, wanted, found) in [
            ("bound", &step.bound, references(&deployed.bound)),
            ("created", &step.created, references(&deployed.created)),
        ] {
            if wanted.as_ref().is_some_and(|wanted| *wanted != found) {
                return Err(format!("{what}: {found:?}"));
            }
        }
        for (name, wanted) in &step.tells {
            let told = deployed
                .manifests
                .iter()
                .find(|object| ObjectId::of(object).is_some_and(|id| id.to_string() == *name));
            let told = told.ok_or_else(|| format!("{name} is not told"))?;
            if let Some(problem) = missing(wanted, told) {
                return Err(format!("{name} as it is told: {problem}"));
            }
        }
        let all = format!("{deployed:?}");
        match step
            .keeps_quiet
            .iter()
            .find(|secret| all.contains(secret.as_str()))
        {
            Some(secret) => Err(format!("{secret:?} is told")),
            None => Ok(()),
        }
    }

    fn check_requests(&self, step: &Step) -> Result<(), String> {
        if self.sandbox.is_none() {
            return Ok(());
        }
        let writes: Vec<String> = self
            .asked()
            .iter()
            .filter(|request| request.is_write())
            .map(|request| request.verb.clone())
            .collect();
        match step.written.as_deref() {
            Some("nothing") if !writes.is_empty() => return Err(format!("{writes:?} was sent")),
            Some("nothing") | None => {}
            Some(other) => return Err(format!("written: {other} means nothing")),
        }
        match &step.requests {
            Some(wanted) if *wanted != writes => {
                Err(format!("{writes:?} was sent, not {wanted:?}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn check_objects(&self, step: &Step) -> Result<(), String> {
        for (name, wanted) in &step.live {
            let found = self.look(name).await?;
            if let Some(problem) = missing(&self.renamed(wanted), &found) {
                return Err(format!("{name}: {problem}"));
            }
        }
        for (name, pointers) in &step.lacks {
            let found = self.look(name).await?;
            if let Some(pointer) = pointers
                .iter()
                .find(|pointer| found.pointer(pointer).is_some())
            {
                return Err(format!("{name} has {pointer}"));
            }
        }
        Ok(())
    }

    async fn look(&self, name: &str) -> Result<Value, String> {
        let found = self.everything.get(&self.id(name)).await;
        let found = found.map_err(|error| error.to_string())?;
        found.ok_or_else(|| format!("{name} does not exist"))
    }
}
