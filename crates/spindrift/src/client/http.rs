//! The connection of the command line to a server.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::cli::ServerArgs;
use crate::local::login_name;

/// The longest time to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// A server that works says something within that time, also on a stream without news.
const SILENCE: Duration = Duration::from_secs(60);

/// A server.
pub struct Server {
    client: reqwest::Client,
    arguments: ServerArgs,
}

impl Server {
    /// Prepares to talk to a server; nothing is sent yet.
    pub fn new(arguments: ServerArgs) -> anyhow::Result<Self> {
        spindrift_outbound::install_crypto_provider();
        // The address is the caller's own choice, so the policy for pipelines' URLs does not apply; a redirect would carry
        // the token elsewhere.
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .build()
            .context("the HTTP client cannot be set up")?;
        Ok(Self { client, arguments })
    }

    /// Sends a request and reads the answer; an empty one is null.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let response = self.send(method, path, body).await?;
        let text = response
            .text()
            .await
            .context("the server's answer broke off")?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).context("the server's answer is not JSON; is it Spindrift?")
    }

    /// Sends a request; the answer's body is still to be read.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<reqwest::Response> {
        let server = self.arguments.server.trim_end_matches('/');
        let mut request = self.client.request(method, format!("{server}{path}"));
        match &self.arguments.token {
            Some(token) => request = request.bearer_auth(token),
            None => {
                let user = self.arguments.user.clone().unwrap_or_else(login_name);
                request = request.header("X-SPINNAKER-USER", user);
            }
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .map_err(|error| anyhow!(error.without_url()))
            .with_context(|| format!("the server {server} cannot be reached; is it running?"))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        bail!(
            "{}",
            complaint(status, &response.text().await.unwrap_or_default())
        )
    }
}

fn complaint(status: StatusCode, body: &str) -> String {
    let message = serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|problem| problem.get("message")?.as_str().map(str::to_owned));
    message.unwrap_or_else(|| format!("the server answered {status}"))
}
