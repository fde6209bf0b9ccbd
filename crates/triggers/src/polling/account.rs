//! A registry as the operator configures it.

use std::time::Duration;

use crate::events::registry::PollPolicy;
use crate::signature::Secret;

/// An account of a registry that is asked for new images.
#[derive(Debug, Clone)]
pub struct RegistryAccount {
    /// The name by which triggers speak of it.
    pub name: String,
    /// The base URL, such as `https://registry.example.com`.
    pub address: String,
    /// The user, when the registry asks for one.
    pub username: Option<String>,
    /// The password or token.
    pub password: Option<Secret>,
    /// Repositories that are looked at besides those that triggers name.
    pub repositories: Vec<String>,
    /// The time between two looks.
    pub interval: Duration,
    /// What counts as news.
    pub policy: PollPolicy,
    /// Whether it holds Helm charts instead of images.
    pub charts: bool,
}

impl RegistryAccount {
    /// An account without credentials that is asked every minute, as Igor does it.
    pub fn new(name: &str, address: &str) -> Self {
        Self {
            name: name.to_owned(),
            address: address.trim_end_matches('/').to_owned(),
            username: None,
            password: None,
            repositories: Vec::new(),
            interval: Duration::from_secs(60),
            policy: PollPolicy::default(),
            charts: false,
        }
    }

    /// The host, with its port where it is not the usual one: how image names begin.
    pub fn host(&self) -> &str {
        let address = self.address.split_once("://");
        address.map_or(self.address.as_str(), |(_, host)| host)
    }
}
