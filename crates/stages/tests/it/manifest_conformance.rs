//! The cases of `engine-spec/conformance/manifests`, each a whole pipeline in a sandbox of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kube::api::{DynamicObject, PostParams};
use serde::Deserialize;
use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{Kind, ObjectId, is_always_stable};
use spindrift_model::Stage;
use spindrift_sandbox::{Fault, Requests};

use crate::manifest_world::{World, errors, world};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    #[serde(default)]
    rows: Vec<u32>,
    says: String,
    #[serde(default)]
    given: Vec<Value>,
    #[serde(default)]
    faults: Vec<Rule>,
    stages: Vec<Value>,
    #[serde(default = "succeeded")]
    status: String,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    outputs: Value,
    #[serde(default)]
    context: Value,
    #[serde(default)]
    live: BTreeMap<String, Value>,
    #[serde(default)]
    lacks: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    gone: Vec<String>,
    #[serde(default)]
    pods: BTreeMap<String, usize>,
    #[serde(default)]
    pods_lack: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    addresses: BTreeMap<String, usize>,
}

fn succeeded() -> String {
    "SUCCEEDED".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    resource: String,
    verbs: Vec<String>,
    fault: Kindness,
    times: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kindness {
    Unavailable,
}

impl Rule {
    fn apply(&self, world: &World) {
        let requests =
            Requests::on(self.resource.as_str()).verbs(self.verbs.iter().map(String::as_str));
        let fault = match self.fault {
            Kindness::Unavailable => Fault::Unavailable,
        };
        world.sandbox.faults().next(self.times, requests, fault);
    }
}

fn cases() -> Vec<Case> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../engine-spec/conformance/manifests");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |file: &PathBuf| -> Vec<Case> {
        let options = serde_saphyr::options! { strict_booleans: true };
        let text = std::fs::read_to_string(file).unwrap();
        serde_saphyr::from_str_with_options(&text, options)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.iter().flat_map(read).collect()
}

/// Makes an object, and waits until it is well and a second older than the next.
async fn make(world: &World, object: &Value) {
    let api_version = object["apiVersion"].as_str().unwrap();
    let kind = Kind::of(object["kind"].as_str().unwrap(), api_version);
    let resource = world
        .kubernetes
        .resource(&kind, Some(api_version))
        .await
        .unwrap();
    let body: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    world
        .kubernetes
        .api(&resource, "default")
        .create(&PostParams::default(), &body)
        .await
        .unwrap();
    if !is_always_stable(&kind) {
        world
            .stable(&format!(
                "{kind} {}",
                object["metadata"]["name"].as_str().unwrap()
            ))
            .await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
}

/// Where `found` does not have what `wanted` says; lists have as many elements.
fn missing(wanted: &Value, found: Option<&Value>) -> Option<String> {
    let Some(found) = found else {
        return Some(format!("{wanted} is not there"));
    };
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => wanted
            .iter()
            .find_map(|(key, wanted)| Some(format!("{key}: {}", missing(wanted, found.get(key))?))),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => wanted
            .iter()
            .zip(found)
            .find_map(|(wanted, found)| missing(wanted, Some(found))),
        (wanted, found) if wanted == found => None,
        (wanted, found) => Some(format!("{found} is not {wanted}")),
    }
}

async fn play(case: &Case) -> Result<(), String> {
    let world = world();
    for object in &case.given {
        make(&world, object).await;
    }
    case.faults.iter().for_each(|rule| rule.apply(&world));
    let run = world.run(&case.stages).await;
    let last = run
        .stages
        .iter()
        .rfind(|stage| stage.parent.is_none())
        .ok_or("no stage has run")?;
    told(case, last)?;
    if json!(run.status) != case.status {
        return Err(format!("it is {}: {:?}", json!(run.status), errors(last)));
    }
    for (name, wanted) in &case.live {
        if let Some(why) = missing(wanted, get(&world, name).await.as_ref()) {
            return Err(format!("{name}: {why}"));
        }
    }
    for (name, pointers) in &case.lacks {
        let found = get(&world, name)
            .await
            .ok_or(format!("{name} is not there"))?;
        if let Some(pointer) = pointers
            .iter()
            .find(|pointer| found.pointer(pointer).is_some())
        {
            return Err(format!("{name} has {pointer}"));
        }
    }
    for name in &case.gone {
        if get(&world, name).await.is_some() {
            return Err(format!("{name} is still there"));
        }
    }
    around(case, &world).await
}

fn told(case: &Case, stage: &Stage) -> Result<(), String> {
    let errors = errors(stage);
    let same = errors.len() == case.errors.len()
        && errors
            .iter()
            .zip(&case.errors)
            .all(|(found, wanted)| found.contains(wanted));
    if !same {
        return Err(format!("it says {errors:?}"));
    }
    for (wanted, found) in [
        (&case.outputs, &stage.outputs),
        (&case.context, &stage.context),
    ] {
        if let Some(why) =
            missing(wanted, Some(&Value::Object(found.clone()))).filter(|_| !wanted.is_null())
        {
            return Err(why);
        }
    }
    Ok(())
}

/// What belongs to the objects: pods by their labels, and addresses behind Services.
async fn around(case: &Case, world: &World) -> Result<(), String> {
    let list = async |kind: Kind, labels: &str| {
        world
            .kubernetes
            .list(&kind, "default", labels)
            .await
            .unwrap()
    };
    for (labels, count) in &case.pods {
        let found = list(Kind::of("Pod", "v1"), labels).await.len();
        if found != *count {
            return Err(format!("{found} pods have {labels}"));
        }
    }
    for (labels, pointers) in &case.pods_lack {
        for pod in list(Kind::of("Pod", "v1"), labels).await {
            if let Some(pointer) = pointers
                .iter()
                .find(|pointer| pod.pointer(pointer).is_some())
            {
                return Err(format!("a pod with {labels} has {pointer}"));
            }
        }
    }
    for (service, count) in &case.addresses {
        let slices = list(
            Kind::of("EndpointSlice", "discovery.k8s.io/v1"),
            &format!("kubernetes.io/service-name={service}"),
        )
        .await;
        let endpoints = slices
            .iter()
            .flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
        let found = endpoints
            .filter(|endpoint| endpoint["conditions"]["ready"] == true)
            .count();
        if found != *count {
            return Err(format!("{found} addresses are behind {service}"));
        }
    }
    Ok(())
}

async fn get(world: &World, name: &str) -> Option<Value> {
    world
        .kubernetes
        .get(&ObjectId::parse(name, "default").unwrap())
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_case_holds() {
    let mut failures = Vec::new();
    for case in cases() {
        if let Err(problem) = play(&case).await {
            failures.push(format!("{}: {problem}", case.says));
        }
    }
    assert!(
        failures.is_empty(),
        "{} cases do not hold:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn the_rows_of_the_table_are_there() {
    let rows: Vec<u32> = cases().iter().flat_map(|case| case.rows.clone()).collect();
    let missing: Vec<u32> = (38..=46).filter(|row| !rows.contains(row)).collect();
    assert_eq!(missing, Vec::<u32>::new());
}
