//! Webhook stages a second to a server on loopback.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use axum::Router;
use axum::routing::post;
use serde_json::json;

use super::sample::rate;
use super::{Scratch, rig};
use crate::cli::BenchArgs;
use crate::config::Config;
use crate::{say, wiring};

/// Runs chains of webhook stages against a server that answers at once.
pub async fn measure(arguments: &BenchArgs, scratch: &Scratch) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = Router::new().route("/", post(|| async { "{}" }));
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut config = Config::default();
    config.outbound.allow = vec![format!("127.0.0.1:{}", address.port()).parse()?];
    let store = Arc::new(wiring::open_store(&scratch.path("webhooks"), &config)?);
    let engine = wiring::engine(store, rig::stages(&config)?, &config);
    let context =
        json!({"url": format!("http://{address}/"), "method": "POST", "payload": {"n": 1}});
    let context = context.as_object().context("the context is an object")?;
    let stages = arguments.stages.min(20);
    let runs = arguments.runs.min(500);
    let pipeline = rig::chain("webhook", stages, context)?;
    let begin = Instant::now();
    rig::run_all(&engine, &pipeline, runs).await?;
    let took = begin.elapsed();
    engine.stop().await;
    server.abort();
    say!(
        "webhooks: {:.0} stages/s, {runs} runs of {stages} stages in {:.2} s (client and server share the cores)",
        rate(runs * stages, took),
        took.as_secs_f64()
    );
    Ok(())
}
