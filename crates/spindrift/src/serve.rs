//! `spindrift serve`: the engine and its HTTP API, until a signal comes.

mod demo;

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use spindrift_api::{ApiOptions, ApiState, check_address, install_metrics};
use spindrift_catalog::{Catalog, CatalogOptions, CloudDependencies, LateJobs};
use spindrift_cloud_driver::Accounts;
use spindrift_model::Value;
use spindrift_runtime::SaveRequest;
use spindrift_triggers::Triggers;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::cli::ServeArgs;
use crate::config::{Config, LogFormat};
use crate::exit::Exit;
use crate::sandbox::{self, Embedded};
use crate::signals::StopSignals;
use crate::{accounts, check, say, wiring};

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
    check_address(config.listen, !config.tokens.is_empty()).map_err(anyhow::Error::msg)?;
    let mut options = api_options(&config, arguments.demo)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    if arguments.demo {
        demo::prepare(&mut config, address)?;
    }
    if arguments.no_sandbox {
        config.sandbox.enabled = false;
    }
    config.sandbox.listen = arguments.sandbox_listen.or(config.sandbox.listen);
    let store = Arc::new(wiring::open_store(&config.data, &config)?);
    let jobs = LateJobs::default();
    let traffic = wiring::traffic(Arc::clone(&store) as _);
    let vault = wiring::vault(&config.data)?;
    let embedded = Embedded::new(Some(&config.data));
    let sandbox = config.sandbox.enabled.then_some(&embedded);
    let kept = Arc::clone(&store) as _;
    let registry = accounts::open(kept, Arc::clone(&vault), sandbox, &config).await?;
    let cloud: Arc<dyn Accounts> = Arc::new(registry.clone());
    let dependencies = Arc::new(CloudDependencies::new(Arc::clone(&cloud)));
    let stages = wiring::stages_with(&config, cloud, Some(Arc::new(jobs.clone())), traffic)?;
    let engine = wiring::engine(Arc::clone(&store) as _, stages, &config);
    let triggers = wiring::triggers(&engine, Arc::clone(&store) as _, &vault, &config)?;
    let known = CatalogOptions {
        dependencies: Some(dependencies),
        users: wiring::users(&config),
    };
    let catalog = Catalog::new(engine.clone(), triggers.clone(), known);
    jobs.set(&catalog);
    for file in &arguments.pipelines {
        save(&triggers, file).await?;
    }
    engine.keep_clean(config.retention());
    let listening = match (sandbox, config.sandbox.listen) {
        (Some(sandbox), Some(address)) => Some(sandbox::listen(sandbox, address).await?),
        _ => None,
    };
    let verifying = registry.clone();
    tokio::spawn(async move { verifying.verify_all().await });
    options.accounts = Some(registry);
    let state = ApiState::new(engine.clone(), triggers.clone(), catalog, options);
    let mut signals = StopSignals::new().context("signals cannot be waited for")?;
    say!(
        "spindrift {} listens on http://{address} (data in {})",
        env!("CARGO_PKG_VERSION"),
        config.data.display()
    );
    if let Some(listening) = &listening {
        say!(
            "the sandbox listens on http://{0} (`spindrift sandbox kubeconfig --address {0}`)",
            listening.address
        );
    }
    if arguments.demo {
        tokio::spawn(demo::run(engine.clone(), triggers.clone(), address));
    }
    spindrift_api::serve(listener, state, signals.next()).await?;
    triggers.stop().await;
    engine.stop().await;
    if let Some(listening) = listening {
        listening.stop().await;
    }
    embedded.stop().await;
    store.close()?;
    Ok(Exit::Success)
}

fn api_options(config: &Config, echo: bool) -> anyhow::Result<ApiOptions> {
    Ok(ApiOptions {
        tokens: config.api_tokens()?,
        local_roles: config.local_roles.clone(),
        limits: config.api_limits(),
        echo,
        artifacts: Some(wiring::artifacts(config)?),
        metrics: Some(install_metrics().context("figures cannot be collected")?),
        ..ApiOptions::default()
    })
}

fn start_log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log.filter)
        .with_context(|| format!("log.filter {:?} cannot be read", config.log.filter))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = match config.log.format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|error| anyhow!("the log cannot be started: {error}"))
}

async fn save(triggers: &Triggers, file: &Path) -> anyhow::Result<()> {
    let name = file.display().to_string();
    let pipelines = match check::document(file)? {
        Value::Array(pipelines) => pipelines,
        pipeline => vec![pipeline],
    };
    for document in pipelines {
        save_document(triggers, document)
            .await
            .with_context(|| name.clone())?;
    }
    Ok(())
}

/// Saves a pipeline under the id that its name already has.
async fn save_document(triggers: &Triggers, mut document: Value) -> anyhow::Result<()> {
    let text = |key: &str| {
        document
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    if let Some(stored) = triggers
        .engine()
        .store()
        .pipeline_named(&text("application"), &text("name"))?
        && let Some(document) = document.as_object_mut()
    {
        document.insert("id".into(), stored.id.as_str().into());
    }
    triggers
        .save_pipeline(SaveRequest {
            document,
            by: "spindrift".to_owned(),
            stale_check: false,
        })
        .await?;
    Ok(())
}
