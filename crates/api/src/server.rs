//! The server: connections, and their orderly end.
//!
//! HTTP/1.1 only: Spinnaker's command line shows nothing of a refusal but the status line, and HTTP/2 has none.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;
use crate::routes::router;
use crate::state::ApiState;

/// The longest head of a request, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// After an accept failed for want of descriptors, another attempt at once would fail too.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Whether the server may listen there: without tokens on the loopback interface only. Errors: what to do about it.
pub fn check_address(address: SocketAddr, has_tokens: bool) -> Result<(), String> {
    if has_tokens || address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(format!(
        "without tokens anybody who reaches {address} could run anything; configure tokens, or listen on 127.0.0.1"
    ))
}

/// Serves the API until `shutdown` resolves, and then until the answers under way are given.
///
/// Errors: without tokens, the listener is reachable from other machines.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let has_tokens = !state.options().tokens.is_empty();
    check_address(listener.local_addr()?, has_tokens).map_err(io::Error::other)?;
    let limits = *state.limits();
    let router = router(state.clone());
    let slots = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, slot)) => answer(stream, slot, router.clone(), &limits, &graceful),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    state.closing().cancel();
    if tokio::time::timeout(limits.farewell_time, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some connections did not end in time; they are cut off");
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Only the latency of small answers depends on it.
    let _ = stream.set_nodelay(true);
    Ok((stream, slot))
}

fn answer(
    stream: TcpStream,
    slot: OwnedSemaphorePermit,
    router: Router,
    limits: &Limits,
    graceful: &GracefulShutdown,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        let _slot = slot;
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tokens_only_this_machine_is_served() {
        let table = [
            ("127.0.0.1:8084", false, true),
            ("[::1]:8084", false, true),
            ("[::ffff:127.0.0.1]:8084", false, true),
            ("0.0.0.0:8084", false, false),
            ("[::]:8084", false, false),
            ("192.168.1.5:8084", false, false),
            ("0.0.0.0:8084", true, true),
        ];
        for (address, tokens, allowed) in table {
            let address = address.parse().unwrap();
            assert_eq!(check_address(address, tokens).is_ok(), allowed, "{address}");
        }
    }
}
