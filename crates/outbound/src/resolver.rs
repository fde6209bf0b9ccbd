//! Names to addresses, and the judgement between the lookup and the dial.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name};

use crate::error::Error;
use crate::guard::{Guard, Trust};

/// The lookup under way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name.
///
/// Asked once per new connection. The answer is judged as a whole and then dialled, so it need not be the same the next time.
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of `host`, a lower-case ASCII name without a final dot.
    fn resolve(&self, host: &str) -> Resolving;
}

/// The resolver of the operating system, with its hosts file and search domains.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|socket| socket.ip()).collect())
        })
    }
}

/// Hands the connector only hosts of which every address passes.
pub(crate) struct Guarded {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) trust: Trust,
}

impl Guarded {
    pub(crate) async fn lookup(
        host: String,
        found: Resolving,
        guard: Arc<Guard>,
        trust: Trust,
    ) -> Result<Vec<IpAddr>, Error> {
        let unknown = |reason: String| Error::UnknownHost {
            host: host.clone(),
            reason,
        };
        let addresses = found.await.map_err(|error| unknown(error.to_string()))?;
        if addresses.is_empty() {
            return Err(unknown("it has no addresses".to_owned()));
        }
        for address in &addresses {
            guard
                .judge(*address, trust)
                .map_err(|rule| Error::Refused {
                    host: host.clone(),
                    address: Some(*address),
                    rule,
                })?;
        }
        Ok(addresses)
    }
}

impl reqwest::dns::Resolve for Guarded {
    fn resolve(&self, name: Name) -> reqwest::dns::Resolving {
        let host = name.as_str().to_owned();
        let found = self.resolver.resolve(&host);
        let (guard, trust) = (self.guard.clone(), self.trust);
        Box::pin(async move {
            let addresses = Guarded::lookup(host, found, guard, trust).await?;
            // Port 0 stands for the port of the URL.
            let sockets: Addrs = Box::new(
                addresses
                    .into_iter()
                    .map(|address| SocketAddr::new(address, 0)),
            );
            Ok(sockets)
        })
    }
}
