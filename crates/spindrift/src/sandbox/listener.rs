//! The cluster's API on a port of this machine, for `kubectl`.
//!
//! Whoever reaches it may do everything in the cluster, so it listens on the loopback interface only, and does not answer web pages.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Embedded;

/// The API on a port, until it is stopped.
pub struct Listening {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Serves the cluster's API. Errors: the address is taken, or other machines could reach it.
pub async fn listen(sandbox: &Arc<Embedded>, address: SocketAddr) -> anyhow::Result<Listening> {
    if !address.ip().to_canonical().is_loopback() {
        bail!(
            "whoever reaches the sandbox may do everything in it, so it listens on 127.0.0.1 or [::1] only, not on {address}"
        );
    }
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("the sandbox cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let router = sandbox.router().layer(from_fn(guard));
    let (stopped, streams) = (stop.clone(), Arc::clone(sandbox));
    let task = tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(async move {
            stopped.cancelled().await;
            streams.close_streams();
        });
        if let Err(error) = served.await {
            tracing::error!(%error, "the sandbox's API has ended");
        }
    });
    Ok(Listening {
        address,
        stop,
        task,
    })
}

impl Listening {
    /// Ends when the answers under way are given.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the sandbox's API ended badly");
        }
    }
}

/// Turns away what a web page in a browser of this machine sent, directly or under a name of its own.
async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let from_page = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    if from_page || !is_local(headers) {
        return (
            StatusCode::FORBIDDEN,
            "the sandbox does not answer web pages",
        )
            .into_response();
    }
    next.run(request).await
}

fn is_local(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(host) = host else { return false };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let literal = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || literal.is_ok_and(|address| address.is_loopback())
}
