//! The connection pools, one per kind of destination.
//!
//! What a pool may dial depends on how the URL was judged, and its resolver does not see the URL. So the judgement chooses the pool, and
//! a connection is only ever reused by requests with the same judgement. There are at most four pools, whatever the number of hosts.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;

use crate::error::SetupError;
use crate::guard::{Guard, Trust};
use crate::policy::Policy;
use crate::resolver::{Guarded, Resolver};
use crate::tls;

const IDLE: Duration = Duration::from_secs(60);
/// hyper keeps this many without an allocation per answer.
const USUAL_HEADERS: usize = 100;

#[derive(Debug)]
pub(crate) struct Lanes {
    verified: Lane,
    unverified: Option<Lane>,
}

#[derive(Debug)]
struct Lane {
    checked: Client,
    named: Client,
}

impl Lanes {
    pub(crate) fn new(
        policy: &Policy,
        guard: &Arc<Guard>,
        resolver: &Arc<dyn Resolver>,
    ) -> Result<Lanes, SetupError> {
        tls::install_crypto_provider();
        let tls = tls::verifying(&policy.ca_files)?;
        let lane = |verify: bool| -> Result<Lane, SetupError> {
            let client = |trust| {
                let resolver = Guarded {
                    resolver: resolver.clone(),
                    guard: guard.clone(),
                    trust,
                };
                let builder = base(policy).dns_resolver(resolver);
                let builder = match verify {
                    true => builder.tls_backend_preconfigured(tls.clone()),
                    false => builder.tls_danger_accept_invalid_certs(true),
                };
                builder.build().map_err(|error| SetupError::Client {
                    reason: error.to_string(),
                })
            };
            Ok(Lane {
                checked: client(Trust::Checked)?,
                named: client(Trust::Named)?,
            })
        };
        let unverified = match policy.danger_accept_invalid_certs.is_empty() {
            true => None,
            false => Some(lane(false)?),
        };
        Ok(Lanes {
            verified: lane(true)?,
            unverified,
        })
    }

    pub(crate) fn client(&self, trust: Trust, unverified: bool) -> &Client {
        let lane = match &self.unverified {
            Some(lane) if unverified => lane,
            Some(_) | None => &self.verified,
        };
        match trust {
            // The resolver is not asked for an address.
            Trust::Literal | Trust::Checked => &lane.checked,
            Trust::Named => &lane.named,
        }
    }
}

/// Everything reqwest would do on its own is off, also what a feature enabled elsewhere in the build would switch on.
fn base(policy: &Policy) -> reqwest::ClientBuilder {
    let builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .no_hickory_dns()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .http1_only()
        .connect_timeout(Duration::from_millis(policy.connect_timeout_ms))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(policy.max_concurrent_per_host);
    match policy.max_response_headers == USUAL_HEADERS {
        true => builder,
        false => builder.http1_max_headers(policy.max_response_headers),
    }
}
