//! Waiting for the end of a Job, and why it failed.

use serde_json::Value;

use crate::error::{CloudError, ErrorKind};
use crate::kubernetes::account::Kubernetes;
use crate::kubernetes::kind::Kind;
use crate::kubernetes::logs::LogOptions;
use crate::kubernetes::object::ObjectId;
use crate::kubernetes::retry::retry;
use crate::kubernetes::rollout::is_controlled_by;
use crate::kubernetes::selector::selector_text;
use crate::kubernetes::stability::{StabilityOptions, Status};

/// A Job that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEnd {
    /// The Job.
    pub job: Value,
    /// Whether enough of its pods succeeded.
    pub succeeded: bool,
    /// The trouble with its pods that ended the wait while the Job itself goes on.
    pub trouble: Option<String>,
    /// Its pods, oldest first.
    pub pods: Vec<Value>,
}

impl JobEnd {
    /// Why it failed, in the words of Clouddriver: the Job's condition, and the first container that ended badly.
    pub fn failure(&self) -> String {
        let name = text(&self.job, "/metadata/name");
        let mut said = format!("Job: '{name}' failed.");
        if let Some(trouble) = &self.trouble {
            said.push_str(&format!(" Details: {trouble}."));
        }
        if let Some(failed) = failed_condition(&self.job) {
            let (reason, message) = (text(failed, "/reason"), text(failed, "/message"));
            said.push_str(&format!(" Reason: {reason}. Details: {message}."));
        }
        if let Some(detail) = self
            .pods
            .iter()
            .find_map(ended_badly)
            .or_else(|| self.pods.iter().find_map(waits))
        {
            said.push_str(&format!(" Additional Details: {detail}"));
        }
        said
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn failed_condition(job: &Value) -> Option<&Value> {
    list(job, "/status/conditions").find(|condition| {
        text(condition, "/type") == "Failed" && text(condition, "/status") == "True"
    })
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    lists.into_iter().flat_map(|pointer| list(pod, pointer))
}

fn ended_badly(pod: &Value) -> Option<String> {
    let code = |status: &Value| {
        status
            .pointer("/state/terminated/exitCode")
            .and_then(Value::as_i64)
    };
    let status = containers(pod).find(|status| code(status).is_some_and(|code| code != 0))?;
    let ended = status.pointer("/state/terminated")?;
    Some(format!(
        "Pod: '{}' had errors.\n Container: '{}' exited with code: {}.\n Status: {}.\n Logs: {}",
        text(pod, "/metadata/name"),
        text(status, "/name"),
        code(status)?,
        text(ended, "/reason"),
        text(ended, "/message"),
    ))
}

fn waits(pod: &Value) -> Option<String> {
    let status = containers(pod).find(|status| status.pointer("/state/waiting").is_some())?;
    Some(format!(
        "Pod: '{}' had errors.\n Container: '{}' is waiting.\n Status: {}.\n Logs: {}",
        text(pod, "/metadata/name"),
        text(status, "/name"),
        text(status, "/state/waiting/reason"),
        text(status, "/state/waiting/message"),
    ))
}

impl Kubernetes {
    /// Watches a Job until it has succeeded or failed, or until a trouble with its pods has lasted as long as the options say.
    ///
    /// # Errors
    /// A Job that does not exist or is deleted meanwhile; an API server that says no, or fails for minutes.
    pub async fn await_job(
        &self,
        namespace: &str,
        name: &str,
        options: &StabilityOptions,
        progress: &(dyn Fn(&Status) + Send + Sync),
    ) -> Result<JobEnd, CloudError> {
        let id = ObjectId {
            kind: Kind::of("Job", "batch/v1"),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        let (job, trouble) = match self.await_stable(&id, options, progress).await {
            Ok(job) => (Some(job), None),
            Err(error) if error.kind == ErrorKind::Failed => {
                (retry(|| self.get(&id)).await?, Some(error.message))
            }
            Err(error) => return Err(error),
        };
        let gone = || {
            CloudError::not_found(format!(
                "{id} in {namespace:?} was deleted while it was waited for"
            ))
        };
        let job = job.ok_or_else(gone)?;
        let pods = self.job_pods(&job).await?;
        Ok(JobEnd {
            succeeded: trouble.is_none(),
            trouble: trouble.filter(|_| failed_condition(&job).is_none()),
            job,
            pods,
        })
    }

    /// The pods of a Job, oldest first.
    async fn job_pods(&self, job: &Value) -> Result<Vec<Value>, CloudError> {
        let labels = selector_text(job.pointer("/spec/selector").unwrap_or(&Value::Null));
        let kind = Kind::of("Pod", "v1");
        let mut pods =
            retry(|| self.list_labels(&kind, text(job, "/metadata/namespace"), &labels)).await?;
        pods.retain(|pod| is_controlled_by(pod, job));
        pods.sort_by_key(|pod| text(pod, "/metadata/creationTimestamp").to_owned());
        Ok(pods)
    }

    /// What a container of a Job has written: in the pod that succeeded, else in the newest.
    pub async fn job_log(&self, end: &JobEnd, container: &str) -> Result<String, CloudError> {
        let succeeded = end
            .pods
            .iter()
            .find(|pod| text(pod, "/status/phase") == "Succeeded");
        let Some(pod) = succeeded.or(end.pods.last()) else {
            return Err(CloudError::not_found(format!(
                "the job {} has no pods any more",
                text(&end.job, "/metadata/name")
            )));
        };
        let options = LogOptions {
            container: Some(container.to_owned()),
            ..LogOptions::default()
        };
        self.logs(
            text(pod, "/metadata/namespace"),
            text(pod, "/metadata/name"),
            &options,
        )
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_failure_is_told_as_clouddriver_tells_it() {
        let job = json!({"metadata": {"name": "x"}, "status": {"conditions": [
            {"type": "Failed", "status": "True", "reason": "R", "message": "M"}]}});
        let pod = |state: Value| json!({"metadata": {"name": "p"}, "status": {"containerStatuses": [{"name": "c", "state": state}]}});
        let end = |pods: Vec<Value>| JobEnd {
            job: job.clone(),
            succeeded: false,
            trouble: None,
            pods,
        };
        let ended =
            pod(json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "boom"}}));
        let waits = pod(json!({"waiting": {"reason": "ImagePullBackOff", "message": "no"}}));
        let fine = pod(json!({"terminated": {"exitCode": 0}}));
        let table = [
            (vec![], "Job: 'x' failed. Reason: R. Details: M."),
            (
                vec![waits.clone(), ended, fine.clone()],
                "Job: 'x' failed. Reason: R. Details: M. Additional Details: Pod: 'p' had errors.\n Container: 'c' exited with code: 1.\n Status: Error.\n Logs: boom",
            ),
            (
                vec![fine, waits],
                "Job: 'x' failed. Reason: R. Details: M. Additional Details: Pod: 'p' had errors.\n Container: 'c' is waiting.\n Status: ImagePullBackOff.\n Logs: no",
            ),
        ];
        for (pods, expected) in table {
            assert_eq!(end(pods).failure(), expected);
        }
    }
}
