//! Requests to an API server as they are: JSON in, JSON out, repeated where that is harmless.
//!
//! A request is repeated only when that cannot do more than it alone: after 429, which says that nothing was done, and after broken connections and
//! 5xx when the request says the end state (everything but the creation of an object; see [`Kubernetes::call`]).

use std::time::Duration;

use http::header::RETRY_AFTER;
use kube::api::ListParams;
use kube::client::Body;
use kube::core::{Request, Resource as _, Status};
use serde_json::Value;

use super::account::Kubernetes;
use super::failure::{from_kube, from_status};
use super::resources::Resource;
use super::retry::retry_if;
use crate::error::{CloudError, ErrorKind};

/// Whether a request may be repeated when nobody knows whether it was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It says the end state: doing it twice is doing it once.
    Always,
    /// It makes something: it is repeated only when it was surely not carried out.
    IfRefused,
}

impl Kubernetes {
    /// The paths of a resource in a namespace; for a resource of the whole cluster the namespace is not looked at.
    pub(crate) fn requests(&self, resource: &Resource, namespace: &str) -> Request {
        let namespace = resource.namespaced.then_some(namespace);
        Request::new(kube::api::DynamicObject::url_path(&resource.api, namespace))
    }

    /// Makes a request, repeats it as far as that is harmless, and answers with the JSON that came back.
    ///
    /// Errors of the API server keep its text; a failure to reach it is [`ErrorKind::Unavailable`].
    pub(crate) async fn call(
        &self,
        repeat: Repeat,
        request: http::Request<Vec<u8>>,
    ) -> Result<Value, CloudError> {
        let harmless = |error: &CloudError| {
            let refused = error.details.get("code") == Some(&Value::from(429));
            error.kind == ErrorKind::Unavailable && (refused || repeat == Repeat::Always)
        };
        retry_if(harmless, || self.call_once(request.clone())).await
    }

    /// Every object of a resource in a namespace, page by page.
    pub(crate) async fn list_all(
        &self,
        resource: &Resource,
        namespace: &str,
    ) -> Result<Vec<Value>, CloudError> {
        const PAGE: u32 = 500;
        let mut objects = Vec::new();
        let mut parameters = ListParams::default().limit(PAGE);
        loop {
            let request = built(self.requests(resource, namespace).list(&parameters))?;
            let mut page = self.call(Repeat::Always, request).await?;
            let mut items = page.get_mut("items").map(Value::take);
            for mut object in items
                .as_mut()
                .and_then(Value::as_array_mut)
                .map(std::mem::take)
                .unwrap_or_default()
            {
                // Items of a list carry no type of their own.
                if let Some(object) = object.as_object_mut() {
                    object
                        .entry("apiVersion")
                        .or_insert_with(|| resource.api.api_version.clone().into());
                    object
                        .entry("kind")
                        .or_insert_with(|| resource.api.kind.clone().into());
                }
                objects.push(object);
            }
            match page.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => {
                    parameters = ListParams::default().limit(PAGE).continue_token(token);
                }
                Some(_) | None => return Ok(objects),
            }
        }
    }

    async fn call_once(&self, request: http::Request<Vec<u8>>) -> Result<Value, CloudError> {
        let answer = self
            .client()
            .send(request.map(Body::from))
            .await
            .map_err(from_kube)?;
        let code = answer.status();
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let bytes = answer.into_body().collect_bytes().await.map_err(|error| {
            CloudError::new(
                ErrorKind::Unavailable,
                format!("the answer of the API server broke off: {error}"),
            )
        })?;
        if code.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| {
                CloudError::new(
                    ErrorKind::Failed,
                    format!("the answer of the API server cannot be read: {error}"),
                )
            });
        }
        let status = serde_json::from_slice::<Status>(&bytes).unwrap_or_else(|_| {
            // A proxy in between, or the server's own guard against overload, answers in plain text.
            Status::failure(String::from_utf8_lossy(&bytes).trim(), "").with_code(code.as_u16())
        });
        let mut error = from_status(&status.with_code(code.as_u16()));
        error.retry_after = error.retry_after.or(retry_after);
        Err(error)
    }
}

/// A request that cannot be built is a mistake in what it is about, such as an empty name.
pub(crate) fn built(
    request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
) -> Result<http::Request<Vec<u8>>, CloudError> {
    request.map_err(|error| CloudError::invalid(error.to_string()))
}
