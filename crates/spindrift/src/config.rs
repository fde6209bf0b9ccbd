//! The configuration: a TOML file, then `SPINDRIFT_…` variables, then arguments.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::Deserialize;
use spindrift_api::{ApiToken, Limits};
use spindrift_artifacts::ArtifactAccount;
use spindrift_model::{JsonLimits, Map, Millis};
use spindrift_outbound::{Entry, Policy};
use spindrift_runtime::Retention;
use spindrift_stages::PreconfiguredWebhook;

use crate::registries::RegistryConfig;

/// Everything that can be configured. A key that is not listed here is an error.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address to listen on. Without tokens only a loopback address is accepted.
    pub listen: SocketAddr,
    /// The directory that holds everything.
    pub data: PathBuf,
    /// The IANA zone of time windows for pipelines that name none, and of schedules that name none.
    pub time_zone: String,
    /// The log.
    pub log: LogConfig,
    /// The store.
    pub store: StoreConfig,
    /// Limits of the HTTP API.
    pub limits: LimitConfig,
    /// Which ended executions are forgotten; none by default.
    pub retention: RetentionConfig,
    /// What pipelines may reach over HTTP.
    pub outbound: Policy,
    /// Where artifacts are fetched from.
    pub artifacts: ArtifactConfig,
    /// What starts runs by itself.
    pub triggers: TriggerConfig,
    /// The cloud accounts.
    pub accounts: AccountsConfig,
    /// The cluster inside this process.
    pub sandbox: SandboxConfig,
    /// Registries that are asked for new images.
    pub registries: Vec<RegistryConfig>,
    /// Who may call. Without any the server believes the caller's `X-SPINNAKER-USER`.
    pub tokens: Vec<TokenConfig>,
    /// The roles of everybody, while there are no tokens.
    pub local_roles: Vec<String>,
    /// Webhook stages that the operator offers.
    pub webhooks: Vec<PreconfiguredWebhook>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8084)),
            data: PathBuf::from("data"),
            time_zone: "America/Los_Angeles".to_owned(),
            log: LogConfig::default(),
            store: StoreConfig::default(),
            limits: LimitConfig::default(),
            retention: RetentionConfig::default(),
            outbound: Policy::default(),
            artifacts: ArtifactConfig::default(),
            triggers: TriggerConfig::default(),
            accounts: AccountsConfig::default(),
            sandbox: SandboxConfig::default(),
            registries: Vec::new(),
            tokens: Vec::new(),
            local_roles: Vec::new(),
            webhooks: Vec::new(),
        }
    }
}

/// The log, on standard error.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// What is logged, such as `info` or `spindrift_api=debug,info`.
    pub filter: String,
    /// `text` for people, `json` for machines.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A bearer token that is accepted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Its SHA-256, as `spindrift token` prints it. Tokens are random, so that a plain hash hides them.
    pub hash: String,
    /// Whose it is.
    pub user: String,
    /// Their roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Whether every role counts as theirs.
    #[serde(default)]
    pub admin: bool,
    /// The cloud accounts they may use.
    #[serde(default)]
    pub allowed_accounts: Vec<String>,
    /// From then on it is not accepted any more, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub expires_at: Option<Millis>,
}

/// The store.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Memory for pages of the store, in MiB; a hint.
    pub cache_mib: u64,
    /// The store stops taking writes when less than this is free on its disk, in MiB.
    pub reserve_mib: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            cache_mib: 32,
            reserve_mib: 64,
        }
    }
}

/// Limits of the HTTP API.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitConfig {
    /// The largest body, in bytes.
    pub body_bytes: usize,
    /// Objects and lists inside each other in a body.
    pub depth: usize,
    /// The longest time for a request, in seconds.
    pub timeout_s: u64,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            body_bytes: 10 * 1024 * 1024,
            depth: 100,
            timeout_s: 30,
        }
    }
}

/// Where artifacts are fetched from.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArtifactConfig {
    /// The largest artifact, in MiB.
    pub max_mib: u64,
    /// The accounts besides those that every server has.
    pub accounts: Vec<ArtifactAccount>,
}

impl Default for ArtifactConfig {
    fn default() -> Self {
        Self {
            max_mib: 32,
            accounts: Vec::new(),
        }
    }
}

/// What starts runs by itself: schedules, hooks, registries.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TriggerConfig {
    /// Whether schedules run on this server.
    pub schedules: bool,
    /// How many days events and what became of them are kept.
    pub keep_events_days: u64,
    /// How many hooks that started nothing are kept about at most.
    pub keep_events: usize,
    /// Whether hooks may be signed with SHA-1, by senders that know nothing better.
    pub allow_sha1: bool,
    /// The secret of Git triggers that have none of their own.
    pub git_secret: Option<String>,
    /// The one before it, while senders are moved to the new one.
    pub git_previous_secret: Option<String>,
}

impl Default for TriggerConfig {
    fn default() -> Self {
        Self {
            schedules: true,
            keep_events_days: 14,
            keep_events: 100_000,
            allow_sha1: false,
            git_secret: None,
            git_previous_secret: None,
        }
    }
}

/// The cloud accounts.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountsConfig {
    /// Where accounts may connect that are bound through the API, besides public addresses. Without tokens also this machine and private networks.
    pub allow: Vec<Entry>,
    /// Where they may never connect; wins over `allow`.
    pub deny: Vec<Entry>,
    /// Kubernetes accounts, as Spinnaker writes them. Only these may name files and credential plugins.
    pub kubernetes: Vec<Map>,
}

/// The cluster inside this process, the account `sandbox`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// A loopback address at which `kubectl` reaches it.
    pub listen: Option<SocketAddr>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: None,
        }
    }
}

/// Which ended executions are forgotten.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Those that were created more days ago than this.
    pub max_age_days: Option<u64>,
    /// All but the newest so many of each pipeline.
    pub max_count: Option<usize>,
}

impl Config {
    /// Reads the configuration. Errors name the key and the file or variable it came from.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            if !file.is_file() {
                bail!("there is no configuration file {}", file.display());
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let variables = Env::prefixed("SPINDRIFT_")
            .ignore(&["server", "token", "user", "vault_key"])
            .split("__");
        let config: Config = figment
            .merge(variables)
            .extract()
            .context("the configuration cannot be used")?;
        config.check()?;
        Ok(config)
    }

    /// The accepted tokens. Errors: a hash is none.
    pub fn api_tokens(&self) -> anyhow::Result<Vec<ApiToken>> {
        let token = |token: &TokenConfig| {
            let hash = token.hash.parse().with_context(|| {
                format!(
                    "the hash of {:?} under tokens is not \"sha256:\" and 64 hex digits",
                    token.user
                )
            })?;
            Ok(ApiToken {
                hash,
                user: token.user.clone(),
                roles: token.roles.clone(),
                admin: token.admin,
                allowed_accounts: token.allowed_accounts.clone(),
                expires_at: token.expires_at,
            })
        };
        self.tokens.iter().map(token).collect()
    }

    /// The limits of the HTTP API.
    pub fn api_limits(&self) -> Limits {
        let limits = &self.limits;
        Limits {
            json: JsonLimits {
                bytes: limits.body_bytes,
                depth: limits.depth,
            },
            answer_time: Duration::from_secs(limits.timeout_s),
            ..Limits::default()
        }
    }

    /// Which ended executions are forgotten.
    pub fn retention(&self) -> Retention {
        Retention {
            max_age: self.retention.max_age_days.map(Self::days),
            max_count: self.retention.max_count,
        }
    }

    /// So many days in milliseconds, or the longest time there is.
    pub fn days(days: u64) -> Millis {
        Millis::try_from(days)
            .unwrap_or(Millis::MAX)
            .saturating_mul(86_400_000)
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.time_zone.parse::<chrono_tz::Tz>().is_err() {
            bail!(
                "time_zone {:?} is not an IANA zone, such as \"Europe/Berlin\"",
                self.time_zone
            );
        }
        Ok(())
    }
}
