//! The cluster inside this process: started when somebody first asks it for something, and kept across restarts.

mod keeper;
mod listener;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use kube::Client;
use spindrift_sandbox::{Controllers, Sandbox, SandboxOptions};
use tokio::runtime::Handle;
use tower::{ServiceExt, service_fn};

use crate::cli::{SandboxAction, SandboxArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::say;
use keeper::Keeper;

pub use listener::listen;

/// The file in the data directory that holds what the cluster holds.
const FILE: &str = "sandbox.json";

/// The cluster inside this process. It costs nothing until it is asked for something.
pub struct Embedded {
    file: Option<PathBuf>,
    running: OnceLock<Running>,
}

struct Running {
    sandbox: Sandbox,
    router: Router,
    controllers: Mutex<Option<Controllers>>,
    keeper: Option<Keeper>,
}

impl Embedded {
    /// A cluster that is kept in a directory, or for as long as the process lives.
    pub fn new(directory: Option<&Path>) -> Arc<Self> {
        Arc::new(Self {
            file: directory.map(|directory| directory.join(FILE)),
            running: OnceLock::new(),
        })
    }

    /// A client of its API. The first request starts it.
    pub fn client(self: &Arc<Self>) -> Client {
        let embedded = Arc::clone(self);
        let service = service_fn(move |request: axum::http::Request<kube::client::Body>| {
            let router = embedded.running().router.clone();
            async move { router.oneshot(request).await }
        });
        Client::new(service, "default")
    }

    /// Its API.
    pub fn router(&self) -> Router {
        self.running().router.clone()
    }

    /// Stops its controllers, ends its watches, and keeps what it holds.
    pub async fn stop(&self) {
        let Some(running) = self.running.get() else {
            return;
        };
        let controllers = running.controllers.lock();
        let controllers = controllers.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(controllers) = controllers {
            controllers.shutdown().await;
        }
        if let Some(keeper) = &running.keeper {
            keeper.stop().await;
        }
    }

    /// Ends its watches and followed logs, so that who serves them can end.
    pub fn close_streams(&self) {
        if let Some(running) = self.running.get() {
            running.sandbox.close_streams();
        }
    }

    fn running(&self) -> &Running {
        self.running.get_or_init(|| self.start())
    }

    fn start(&self) -> Running {
        let sandbox = Sandbox::new(SandboxOptions::default());
        let keeper = self.file.as_ref().map(|file| {
            keeper::restore(&sandbox, file);
            Keeper::start(sandbox.clone(), file.clone())
        });
        let controllers = sandbox.start(&Handle::current());
        Running {
            router: sandbox.router(),
            controllers: Mutex::new(Some(controllers)),
            keeper,
            sandbox,
        }
    }
}

/// `spindrift sandbox`
pub fn sandbox(arguments: &SandboxArgs) -> anyhow::Result<Exit> {
    match &arguments.action {
        SandboxAction::Kubeconfig { address, config } => {
            let config = Config::load(config.as_deref())?;
            let address = address.or(config.sandbox.listen);
            let Some(address) = address else {
                anyhow::bail!(
                    "say where the sandbox listens: --address, or sandbox.listen in the configuration; `spindrift serve --sandbox-listen ADDR` lets it"
                );
            };
            let sandbox = Sandbox::new(SandboxOptions::default());
            say!("{}", sandbox.kubeconfig(address).trim_end());
            Ok(Exit::Success)
        }
    }
}
