//! Pipelines that people have published: what is said of their stages as they are saved is worth saying.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use spindrift_model::{Pipeline, Pointer};
use spindrift_stages::{check, registry};

use crate::support::services;

fn folder() -> Option<PathBuf> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real-inputs/pipelines");
    let found = folder.is_dir();
    if !found {
        println!("skipped: there is no {}", folder.display());
    }
    found.then_some(folder)
}

#[test]
fn real_stages_are_accepted_but_for_real_mistakes() {
    let Some(folder) = folder() else { return };
    let registry = registry(services());
    let mut checked = 0;
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let Ok((pipeline, _)) = Pipeline::parse(document) else {
            continue;
        };
        for stage in &pipeline.stages {
            if registry.get(&stage.kind).is_none() {
                continue;
            }
            checked += 1;
            for problem in check(&registry, stage, &Pointer::root()) {
                *said.entry(problem.to_string()).or_default() += 1;
            }
        }
    }
    assert!(checked > 150, "only {checked} stages were found");
    let said: Vec<String> = said
        .iter()
        .map(|(text, times)| format!("{times} × {text}"))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    5 × /account: the stage fails without an account
    1 × /manifest: Only kind of Job is accepted for the Run Job operation.
    4 × /manifest: it is missing: containers without a manifest were for the first Kubernetes provider, which is gone; write the manifest of a Job
    2 × /manifest: it is missing; write the manifest of a Job
    1 × /manifests: the stage fails without manifests
    54 × /type: server groups of Kubernetes are made from manifests; use a deployManifest stage, or cloneServerGroup to repeat one that is there
    1 × /url: localhost:9090 is a host name without a dot; allow it under outbound.allow in the configuration
    1 × /url: oes-gate:8084 is a host name without a dot; allow it under outbound.allow in the configuration
    1 × /url: spin-clouddriver-ro:7002 is a host name without a dot; allow it under outbound.allow in the configuration
    ");
}
