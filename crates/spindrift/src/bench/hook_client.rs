//! A server with triggers in this process, and senders of hooks that hold their connections open.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use spindrift_api::{ApiOptions, ApiState};
use spindrift_catalog::{Catalog, CatalogOptions};
use spindrift_engine::Registry;
use spindrift_runtime::{Engine, SaveRequest, SystemEntropy};
use spindrift_triggers::{TriggerOptions, Triggers};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Scratch;
use crate::config::Config;
use crate::wiring;

/// A server in this process.
pub struct Server {
    pub address: SocketAddr,
    pub triggers: Triggers,
    engine: Engine,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Serves on loopback, on a store of its own, with these stage types.
    pub async fn start(scratch: &Scratch, name: &str, stages: Registry) -> anyhow::Result<Self> {
        let config = Config::default();
        let store = Arc::new(wiring::open_store(&scratch.path(name), &config)?);
        let engine = wiring::engine(store, stages, &config);
        let options = TriggerOptions::default();
        let triggers = Triggers::start(engine.clone(), options, Arc::new(SystemEntropy))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let catalog = Catalog::new(engine.clone(), triggers.clone(), CatalogOptions::default());
        let options = ApiOptions::default();
        let state = ApiState::new(engine.clone(), triggers.clone(), catalog, options);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            spindrift_api::serve(listener, state, async {
                // Whoever forgets the server stops it, too.
                let _ = stopped.await;
            })
            .await
        });
        Ok(Self {
            address,
            triggers,
            engine,
            stop,
            serving,
        })
    }

    /// Saves a pipeline of one stage.
    pub async fn save(&self, name: &str, kind: &str, triggers: Vec<Value>) -> anyhow::Result<()> {
        let document = json!({
            "id": name, "name": name, "application": "bench", "triggers": triggers,
            "stages": [{"refId": "1", "type": kind}],
        });
        let request = SaveRequest {
            document,
            by: "bench".to_owned(),
            stale_check: false,
        };
        self.triggers.save_pipeline(request).await?;
        Ok(())
    }

    /// Stops in order.
    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        self.serving.await??;
        self.triggers.stop().await;
        self.engine.stop().await;
        Ok(())
    }
}

/// A connection that sends hooks.
pub struct Sender(BufReader<TcpStream>);

impl Sender {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and waits for its answer. Errors: it is not 200.
    pub async fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.0.write_all(request).await?;
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        loop {
            line.clear();
            if self.0.read_line(&mut line).await? == 0 {
                bail!("the server hung up");
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if status.is_empty() {
                text.clone_into(&mut status);
            } else if let Some((name, value)) = text.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.parse().context("a length is a number")?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        if status.split(' ').nth(1) != Some("200") {
            bail!("{status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(())
    }
}

/// A hook as bytes.
pub fn request(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}
