//! `spindrift serve`: the engine and its HTTP API, until a signal comes.

mod demo;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use spindrift_api::{ApiOptions, ApiState};
use spindrift_model::Value;
use spindrift_runtime::{Engine, SaveRequest};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::cli::ServeArgs;
use crate::config::{Config, LogFormat};
use crate::exit::Exit;
use crate::{check, say, wiring};

/// Serves until the process is told to stop.
pub async fn serve(arguments: ServeArgs) -> anyhow::Result<Exit> {
    let mut config = Config::load(arguments.config.as_deref())?;
    if let Some(listen) = arguments.listen {
        config.listen = listen;
    }
    if let Some(data) = &arguments.data {
        config.data.clone_from(data);
    }
    start_log(&config)?;
    check_exposure(&config)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    if arguments.demo {
        demo::prepare(&mut config, address)?;
    }
    let store = Arc::new(wiring::open_store(&config.data, &config)?);
    let engine = wiring::engine(Arc::clone(&store) as _, wiring::stages(&config)?, &config);
    for file in &arguments.pipelines {
        save(&engine, file).await?;
    }
    let state = ApiState::new(engine.clone(), api_options(&config, address, arguments.demo));
    say!("spindrift {} listens on http://{address} (data in {})", env!("CARGO_PKG_VERSION"), config.data.display());
    if arguments.demo {
        tokio::spawn(demo::run(engine.clone(), address));
    }
    spindrift_api::serve(listener, state, stop_signal()).await?;
    engine.stop().await;
    store.close();
    Ok(Exit::Success)
}

fn api_options(config: &Config, address: SocketAddr, echo: bool) -> ApiOptions {
    ApiOptions {
        tokens: config.tokens.clone(),
        listen: address,
        body_bytes: config.limits.body_bytes,
        depth: config.limits.depth,
        timeout: std::time::Duration::from_secs(config.limits.timeout_s),
        echo,
        ..ApiOptions::default()
    }
}

/// Without tokens everybody who can connect is believed, so only this machine may.
fn check_exposure(config: &Config) -> anyhow::Result<()> {
    if config.tokens.is_empty() && !config.listen.ip().is_loopback() {
        bail!(
            "{} is not a loopback address, and no tokens are configured, so anybody could call; \
             add [[tokens]] (see `spindrift token --help`) or listen on 127.0.0.1",
            config.listen
        );
    }
    Ok(())
}

fn start_log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log.filter)
        .with_context(|| format!("log.filter {:?} cannot be read", config.log.filter))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.log.format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|error| anyhow!("the log cannot be started: {error}"))
}

async fn save(engine: &Engine, file: &Path) -> anyhow::Result<()> {
    let name = file.display().to_string();
    let document = check::read(file).map_err(|problem| anyhow!(problem.message)).context(name.clone())?;
    let pipelines = match document {
        Value::Array(pipelines) => pipelines,
        pipeline => vec![pipeline],
    };
    for document in pipelines {
        save_document(engine, document).await.with_context(|| name.clone())?;
    }
    Ok(())
}

/// Saves a pipeline under the id that its name already has.
async fn save_document(engine: &Engine, mut document: Value) -> anyhow::Result<()> {
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(stored) = engine.store().pipeline_named(&text("application"), &text("name"))?
        && let Some(document) = document.as_object_mut()
    {
        document.insert("id".into(), stored.id.as_str().into());
    }
    engine
        .save_pipeline(SaveRequest { document, by: "spindrift".to_owned(), stale_check: false })
        .await?;
    Ok(())
}

async fn stop_signal() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => {
                tokio::select! {
                    _ = interrupted => {}
                    _ = terminated.recv() => {}
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "the signal SIGTERM cannot be waited for"),
        }
    }
    #[cfg(not(unix))]
    let _ = interrupted.await;
}
