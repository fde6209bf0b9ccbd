//! Requests per second to a server in the same process, with the policy and without.
//!
//! `cargo run --release -p spindrift-outbound --example throughput -- [seconds] [concurrency]`

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use spindrift_outbound::{Outbound, Policy, Request};

const PAYLOAD: &str = r#"{"application":"throughput","stage":"webhook","status":"RUNNING"}"#;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let concurrency = arguments.next().map_or(Ok(64), |text| text.parse())?;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let router = Router::new().route("/hook", post(|| async { r#"{"status":"SUCCEEDED"}"# }));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let duration = Duration::from_secs(seconds);
    spindrift_outbound::install_crypto_provider();
    let bare = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()?;
    let url = format!("http://127.0.0.1:{port}/hook");
    let figure = measure(duration, concurrency, || {
        let request = bare
            .post(&url)
            .header("content-type", "application/json")
            .body(PAYLOAD);
        async move { request.send().await?.bytes().await.map(|_| ()) }
    })
    .await;
    println!("reqwest alone:      {figure}");

    let allow = vec!["127.0.0.0/8".parse()?, "localhost".parse()?];
    let outbound = Outbound::new(Policy {
        allow,
        ..Policy::default()
    })?;
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{port}/hook");
        let figure = measure(duration, concurrency, || {
            let request = Request::post(&url, PAYLOAD).header("content-type", "application/json");
            let outbound = outbound.clone();
            async move { outbound.send(request).await.map(|_| ()) }
        })
        .await;
        println!("outbound {host:>10}: {figure}");
    }
    Ok(())
}

async fn measure<F, E>(duration: Duration, concurrency: usize, send: impl Fn() -> F) -> String
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    let (done, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let started = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    while started.elapsed() < duration || !running.is_empty() {
        while started.elapsed() < duration && running.len() < concurrency {
            let (request, done, failed) = (send(), done.clone(), failed.clone());
            running.spawn(async move {
                let counter = if request.await.is_ok() {
                    &done
                } else {
                    &failed
                };
                counter.fetch_add(1, Ordering::Relaxed);
            });
        }
        running.join_next().await;
    }
    let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    format!(
        "{rate:.0} requests/s, {} failed",
        failed.load(Ordering::Relaxed)
    )
}
