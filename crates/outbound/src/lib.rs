//! The one HTTP client of the product, with an address policy.
//!
//! Users of a delivery engine write URLs into pipelines, so every request may be an attempt to reach what only the engine can reach.
//! [`Outbound`] is the single place that opens connections to such URLs.
//!
//! Invariants:
//! - One parser: the `url` crate. What it understood is what is checked, dialled and shown.
//! - A host is resolved once per connection; the addresses that were checked are the addresses that are dialled. One bad address refuses
//!   the whole host.
//! - Every redirect is a new request that passes the same checks; a hop to another origin loses all headers that could carry a secret.
//! - Nothing is unbounded: time, bytes before and after decompression, headers, redirects and concurrency all have limits.
//! - No URL path or query, header value or body ever appears in an error or in `Debug` output.
//! - Proxies named by environment variables are ignored: behind one, the addresses could not be checked.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use spindrift_outbound::{Outbound, Policy, Request};
//!
//! let policy = Policy { allow: vec!["jenkins.ci.svc.cluster.local:8080".parse()?], ..Policy::default() };
//! let outbound = Outbound::new(policy)?;
//! let hook = Request::post("https://hooks.example.com/deploy", "{}").header("Content-Type", "application/json");
//! match outbound.send(hook).await {
//!     Ok(response) => println!("{}", response.status),
//!     Err(error) if error.is_unsent() && error.is_transient() => println!("try again: {error}"),
//!     Err(error) => println!("{error}"),
//! }
//! # Ok(())
//! # }
//! ```

mod address;
mod body;
mod client;
mod entry;
mod error;
mod gate;
mod guard;
mod headers;
mod lanes;
mod message;
mod policy;
mod redirect;
mod resolver;
mod rule;
mod slots;
mod target;
mod tls;

pub use bytes::Bytes;
pub use client::Outbound;
pub use entry::{Entry, EntryError};
pub use error::{Error, Part, Phase, SetupError};
pub use gate::{Admitted, Gate};
pub use message::{Request, Response};
pub use policy::{HostRules, Policy};
pub use reqwest::Method;
pub use resolver::{Resolver, Resolving, SystemResolver};
pub use rule::Rule;
pub use tls::install_crypto_provider;
