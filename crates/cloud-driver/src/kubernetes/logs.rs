//! The logs of pods, as they are and as they come.

use futures::AsyncBufReadExt;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use super::account::Kubernetes;
use super::failure::from_kube;
use super::kind::Kind;
use super::retry::retry;
use crate::error::{CloudError, ErrorKind};

/// Which part of a log is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// The container; absent: the only one.
    pub container: Option<String>,
    /// That many of the last lines; absent: all.
    pub tail_lines: Option<u32>,
    /// The log of the container's life before the present one.
    pub previous: bool,
    /// Whether each line begins with its time.
    pub timestamps: bool,
}

impl Kubernetes {
    /// The log of a pod as it is now.
    pub async fn logs(
        &self,
        namespace: &str,
        pod: &str,
        options: &LogOptions,
    ) -> Result<String, CloudError> {
        let api = self.pods(namespace)?;
        let parameters = parameters(options, false);
        retry(|| async { api.logs(pod, &parameters).await.map_err(from_kube) }).await
    }

    /// The lines of a pod's log, those to come too; it ends with the container.
    pub async fn follow_logs(
        &self,
        namespace: &str,
        pod: &str,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<String, CloudError>>, CloudError> {
        let api = self.pods(namespace)?;
        let parameters = parameters(options, true);
        let reader =
            retry(|| async { api.log_stream(pod, &parameters).await.map_err(from_kube) }).await?;
        let broken = |error: std::io::Error| {
            CloudError::new(
                ErrorKind::Unavailable,
                format!("the log broke off: {error}"),
            )
        };
        Ok(reader.lines().map_err(broken).boxed())
    }

    fn pods(&self, namespace: &str) -> Result<Api<Pod>, CloudError> {
        self.permit(&Kind::of("Pod", "v1"), true, namespace)?;
        Ok(Api::namespaced(
            self.client().clone(),
            self.namespace_or_default(namespace),
        ))
    }
}

fn parameters(options: &LogOptions, follow: bool) -> LogParams {
    LogParams {
        container: options.container.clone(),
        follow,
        previous: options.previous,
        tail_lines: options.tail_lines.map(i64::from),
        timestamps: options.timestamps,
        ..LogParams::default()
    }
}
