//! The address policy for clients other than this crate's own: those of cloud accounts, whose protocols are more than one request and one answer.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use url::Host;

use crate::error::Error;
use crate::guard::{Guard, Trust};
use crate::policy::Policy;
use crate::resolver::{Guarded, Resolver, SystemResolver};
use crate::target::Target;

/// Judges where a client may connect. Cloning is cheap.
#[derive(Clone)]
pub struct Gate {
    guard: Arc<Guard>,
    resolver: Arc<dyn Resolver>,
}

/// A host that may be connected to, as far as its URL tells.
#[derive(Clone)]
pub struct Admitted {
    gate: Gate,
    host: Host<String>,
    trust: Trust,
}

impl Gate {
    /// A gate that asks the resolver of the system.
    pub fn new(policy: &Policy) -> Self {
        Self::with_resolver(policy, Arc::new(SystemResolver))
    }

    /// A gate that asks `resolver`.
    pub fn with_resolver(policy: &Policy, resolver: Arc<dyn Resolver>) -> Self {
        Self {
            guard: Arc::new(Guard::new(policy)),
            resolver,
        }
    }

    /// Judges a URL: its form and its host, not yet what the name leads to.
    pub fn admit(&self, url: &str) -> Result<Admitted, Error> {
        let target = Target::parse(url).map_err(|reason| Error::InvalidUrl { reason })?;
        let trust = self.guard.admit(&target)?;
        Ok(Admitted {
            gate: self.clone(),
            host: target.host,
            trust,
        })
    }
}

impl Admitted {
    /// The addresses to dial, each of which has passed. To be asked for every new connection, and no other address to be dialled.
    pub async fn addresses(&self) -> Result<Vec<IpAddr>, Error> {
        let name = match &self.host {
            Host::Ipv4(address) => return Ok(vec![IpAddr::V4(*address)]),
            Host::Ipv6(address) => return Ok(vec![IpAddr::V6(*address)]),
            Host::Domain(name) => name,
        };
        let found = self.gate.resolver.resolve(name);
        let guard = self.gate.guard.clone();
        Guarded::lookup(name.clone(), found, guard, self.trust).await
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Admitted").field(&self.host).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolver::Resolving;

    struct Fixed(IpAddr);

    impl Resolver for Fixed {
        fn resolve(&self, _: &str) -> Resolving {
            Box::pin(std::future::ready(Ok(vec![self.0])))
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads_each_time() {
        let policy = Policy {
            allow: vec!["10.1.0.0/16".parse().unwrap()],
            ..Policy::default()
        };
        let leads_to = |address: &str| {
            let address: IpAddr = address.parse().unwrap();
            Gate::with_resolver(&policy, Arc::new(Fixed(address)))
        };
        for (address, may) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("169.254.169.254", false),
        ] {
            let admitted = leads_to(address)
                .admit("https://k8s.example.com:6443")
                .unwrap();
            assert_eq!(admitted.addresses().await.is_ok(), may, "{address}");
        }
        let literal = leads_to("10.1.0.1").admit("https://10.1.9.9:6443").unwrap();
        let address: IpAddr = "10.1.9.9".parse().unwrap();
        assert_eq!(literal.addresses().await, Ok(vec![address]));
        assert!(leads_to("10.1.0.1").admit("https://10.2.0.1:6443").is_err());
    }
}
