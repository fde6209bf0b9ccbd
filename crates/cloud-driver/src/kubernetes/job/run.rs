//! Making a Job exactly once: a deploy of one manifest that is made anew.
//!
//! The Job carries the key of its request, by which a repetition finds it, so that a Job is not run twice when the process dies between making it and noting that; and
//! by which it is found again when it is not wanted any more.

use serde_json::Value;

use crate::error::CloudError;
use crate::kubernetes::account::Kubernetes;
use crate::kubernetes::annotations;
use crate::kubernetes::delete::DeleteOptions;
use crate::kubernetes::deploy::{DeployRequest, Deployed};
use crate::kubernetes::kind::Kind;
use crate::kubernetes::manifest::read_documents;
use crate::kubernetes::object::ObjectId;
use crate::kubernetes::retry::retry;
use crate::kubernetes::strategy::has_generated_name;

/// What a manifest says of how it is deployed; a Job is always made anew.
const STRATEGY: &str = "strategy.spinnaker.io/";
const RECREATE: &str = "strategy.spinnaker.io/recreate";

impl Kubernetes {
    /// Makes the Job of a request. One of the same name is deleted first, unless this request made it; with `generateName` a new one is made.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when there is not exactly one manifest, or when it is no Job; those of [`Kubernetes::deploy`].
    pub async fn run_job(&self, request: &DeployRequest) -> Result<Deployed, CloudError> {
        let mut documents = read_documents(&request.manifests)?;
        let (Some(document), true) = (documents.pop(), documents.is_empty()) else {
            return Err(CloudError::invalid(
                "Run Job only supports manifests with a single Job.",
            ));
        };
        let mut manifest = document.manifest;
        let text = |key: &str| {
            manifest
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        if !Kind::of(text("kind"), text("apiVersion")).is("job") {
            return Err(CloudError::invalid(
                "Only kind of Job is accepted for the Run Job operation.",
            ));
        }
        if let Some(present) = manifest
            .pointer_mut("/metadata/annotations")
            .and_then(Value::as_object_mut)
        {
            present.retain(|key, _| !key.starts_with(STRATEGY));
        }
        if !has_generated_name(&manifest) {
            annotations::annotate(&mut manifest, RECREATE, "true");
        }
        let request = DeployRequest {
            manifests: vec![manifest],
            versioned: Some(false),
            ..request.clone()
        };
        self.deploy(&request).await
    }

    /// Deletes the Job that a request has made, and its pods, when it is there.
    pub async fn cancel_job(&self, namespace: &str, key: &str) -> Result<(), CloudError> {
        let kind = Kind::of("Job", "batch/v1");
        let jobs = retry(|| self.list(&kind, namespace, "")).await?;
        let own = jobs.iter().filter(|job| {
            let noted = annotations::raw(job, annotations::DEPLOY_KEY)
                .and_then(|noted| noted.split('#').next());
            noted == Some(key)
        });
        for id in own.filter_map(ObjectId::of) {
            self.delete(&id, &DeleteOptions::default()).await?;
        }
        Ok(())
    }
}
