//! The configuration of the client.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::entry::Entry;
use crate::error::SetupError;

/// What may be reached, and within which limits. Durations are milliseconds.
///
/// The default reaches public addresses by name over HTTP ports and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Destinations that may be reached although a default rule forbids them.
    ///
    /// A metadata address is only allowed by an entry for exactly that address, and a port on `denied_ports` only by an entry with a port.
    pub allow: Vec<Entry>,
    /// Destinations that may never be reached; wins over `allow`.
    pub deny: Vec<Entry>,
    /// Rules for the host part of a URL.
    pub host_rules: HostRules,
    /// Ports that do not belong to HTTP. Port 0 is always refused.
    pub denied_ports: Vec<u16>,
    /// Limit for resolving, connecting and agreeing on TLS.
    pub connect_timeout_ms: u64,
    /// Limit for a whole request with its redirects, where the request sets none.
    pub timeout_ms: u64,
    /// The most a request may ask for as its own limit.
    pub max_timeout_ms: u64,
    /// Limit for a body in bytes, before and after decompression; a request may set a lower one.
    pub max_response_bytes: u64,
    /// Limit for the number of headers of an answer.
    pub max_response_headers: usize,
    /// Limit for the names and values of the headers of an answer together, in bytes.
    pub max_response_header_bytes: usize,
    /// How many redirects are followed.
    pub max_redirects: usize,
    /// Whether a redirect may lead from https to http.
    pub allow_downgrade: bool,
    /// How many requests may be under way at once; the others wait within their own time limit.
    pub max_concurrent: usize,
    /// How many requests may be under way at once to one host and port.
    pub max_concurrent_per_host: usize,
    /// PEM files with certificate authorities to trust beside those of the system.
    pub ca_files: Vec<PathBuf>,
    /// Hosts whose certificates are not verified. Only names, addresses and their ports; ranges are not accepted.
    pub danger_accept_invalid_certs: Vec<Entry>,
    /// The `User-Agent` header where the request sets none.
    pub user_agent: String,
}

/// Rules for the host part of a URL; an entry of the allow list lifts them.
///
/// These are the rules that Spinnaker calls user-configured URL restrictions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostRules {
    /// Refuse names without a dot.
    pub require_dot: bool,
    /// Refuse names that end in one of these.
    pub denied_suffixes: Vec<String>,
    /// Refuse addresses in place of a name.
    pub deny_literal_addresses: bool,
}

impl Default for HostRules {
    fn default() -> Self {
        HostRules {
            require_dot: true,
            denied_suffixes: [
                ".spinnaker",
                ".local",
                ".localdomain",
                ".internal",
                ".localhost",
            ]
            .map(str::to_owned)
            .to_vec(),
            deny_literal_addresses: true,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            allow: Vec::new(),
            deny: Vec::new(),
            host_rules: HostRules::default(),
            denied_ports: NOT_HTTP.to_vec(),
            connect_timeout_ms: 15_000,
            timeout_ms: 30_000,
            max_timeout_ms: 600_000,
            max_response_bytes: 16 * 1024 * 1024,
            max_response_headers: 100,
            max_response_header_bytes: 64 * 1024,
            max_redirects: 5,
            allow_downgrade: false,
            max_concurrent: 1024,
            max_concurrent_per_host: 256,
            ca_files: Vec::new(),
            danger_accept_invalid_certs: Vec::new(),
            user_agent: concat!("spindrift/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// The ports that browsers refuse (WHATWG fetch, "bad port"), and databases, caches, queues and agents that act on a line of text.
const NOT_HTTP: &[u16] = &[
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 445,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
    993, 995, 1433, 1521, 1719, 1720, 1723, 2049, 2181, 3306, 3389, 3659, 4045, 4190, 5060, 5061,
    5432, 5672, 6000, 6379, 6380, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9092,
    10080, 11211, 27017,
];

impl Policy {
    /// Refuses limits under which nothing works and exceptions that are wider than they should be.
    pub(crate) fn validate(&self) -> Result<(), SetupError> {
        let limits = [
            ("connect_timeout_ms", self.connect_timeout_ms == 0),
            ("timeout_ms", self.timeout_ms == 0),
            ("max_timeout_ms", self.max_timeout_ms == 0),
            ("max_response_headers", self.max_response_headers == 0),
            (
                "max_response_header_bytes",
                self.max_response_header_bytes == 0,
            ),
            ("max_concurrent", self.max_concurrent == 0),
            ("max_concurrent_per_host", self.max_concurrent_per_host == 0),
        ];
        if let Some((field, _)) = limits.into_iter().find(|(_, zero)| *zero) {
            return Err(SetupError::Zero { field });
        }
        let wide = |entry: &&Entry| match entry {
            Entry::Net(net) => net.prefix_len() != net.max_prefix_len(),
            Entry::Suffix(..) => true,
            Entry::Socket(_) | Entry::Name(..) => false,
        };
        match self.danger_accept_invalid_certs.iter().find(wide) {
            Some(entry) => Err(SetupError::Client {
                reason: format!(
                    "outbound.danger_accept_invalid_certs takes single hosts, and {entry} is more than one"
                ),
            }),
            None => Ok(()),
        }
    }
}
