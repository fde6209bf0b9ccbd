//! The registries that the configuration names.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use spindrift_outbound::{Outbound, Policy};
use spindrift_triggers::{PollPolicy, RegistryAccount, Secret};

/// An account of a registry that is asked for new images.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// The `account` of docker triggers.
    pub name: String,
    /// Its base URL.
    pub address: String,
    /// The user, when it asks for one.
    #[serde(default)]
    pub username: Option<String>,
    /// The password or token; rather say where it is.
    #[serde(default)]
    pub password: Option<String>,
    /// A file that holds it.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A variable of the environment that holds it.
    #[serde(default)]
    pub password_env: Option<String>,
    /// Repositories that are looked at besides those that triggers name.
    #[serde(default)]
    pub repositories: Vec<String>,
    /// Seconds between two looks.
    #[serde(default = "minute")]
    pub interval_s: u64,
    /// Whether a tag that moves to another image is news.
    #[serde(default)]
    pub track_digests: bool,
    /// More new tags than these at once are an import, and start nothing.
    #[serde(default = "threshold")]
    pub threshold: usize,
    /// Whether it holds Helm charts.
    #[serde(default)]
    pub charts: bool,
}

fn minute() -> u64 {
    60
}

fn threshold() -> usize {
    PollPolicy::default().threshold
}

impl RegistryConfig {
    fn account(&self) -> anyhow::Result<RegistryAccount> {
        let scheme = ["https://", "http://"]
            .into_iter()
            .find(|scheme| self.address.starts_with(scheme));
        ensure!(
            scheme.is_some(),
            "its address {:?} does not begin with https:// or http://",
            self.address
        );
        ensure!(
            !self.name.is_empty() && !self.name.contains('/'),
            "its name is empty or has a \"/\""
        );
        ensure!(self.interval_s > 0, "interval_s is at least 1");
        let mut account = RegistryAccount::new(&self.name, &self.address);
        account.username.clone_from(&self.username);
        account.password = self.secret()?;
        account.repositories.clone_from(&self.repositories);
        account.interval = Duration::from_secs(self.interval_s);
        account.policy = PollPolicy {
            track_digests: self.track_digests,
            threshold: self.threshold,
        };
        account.charts = self.charts;
        Ok(account)
    }

    fn secret(&self) -> anyhow::Result<Option<Secret>> {
        let text = match (&self.password, &self.password_file, &self.password_env) {
            (None, None, None) => return Ok(None),
            (Some(password), None, None) => password.clone(),
            (None, Some(file), None) => std::fs::read_to_string(file)
                .with_context(|| format!("password_file {} cannot be read", file.display()))?,
            (None, None, Some(name)) => std::env::var(name)
                .ok()
                .with_context(|| format!("password_env {name} is not set"))?,
            _ => bail!("give one of password, password_file and password_env"),
        };
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }
}

/// The accounts, and the client that asks them. The operator has named their hosts, so those may be private.
pub fn accounts(
    registries: &[RegistryConfig],
    policy: &Policy,
) -> anyhow::Result<(Vec<RegistryAccount>, Option<Outbound>)> {
    let mut accounts: Vec<RegistryAccount> = Vec::new();
    let mut policy = policy.clone();
    for registry in registries {
        let place = || format!("the registry {:?} cannot be used", registry.name);
        let account = registry.account().with_context(place)?;
        if accounts.iter().any(|known| known.name == account.name) {
            bail!("there are two registries {:?}", registry.name);
        }
        let host = account.host().split('/').next().unwrap_or_default();
        policy.allow.push(host.parse().with_context(place)?);
        accounts.push(account);
    }
    let outbound = match accounts.is_empty() {
        true => None,
        false => Some(Outbound::new(policy).context("outbound cannot be used")?),
    };
    Ok((accounts, outbound))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(toml: &str) -> Result<RegistryAccount, String> {
        use figment::providers::{Format, Toml};
        let registry: RegistryConfig = figment::Figment::from(Toml::string(toml))
            .extract()
            .map_err(|error| error.to_string())?;
        let (accounts, _) =
            accounts(&[registry], &Policy::default()).map_err(|error| format!("{error:#}"))?;
        Ok(accounts[0].clone())
    }

    #[test]
    fn an_account_is_read_or_refused_with_a_reason() {
        spindrift_outbound::install_crypto_provider();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "hunter2\n").unwrap();
        let address = "name = \"hub\"\naddress = \"http://127.0.0.1:5000\"\n";
        let account = one(&format!(
            "{address}username = \"ci\"\npassword_file = {:?}",
            file.path()
        ))
        .unwrap();
        assert_eq!(
            (account.host(), account.username.as_deref()),
            ("127.0.0.1:5000", Some("ci"))
        );
        assert_eq!(account.password, Secret::new("hunter2"));
        let table = [
            (
                "name = \"hub\"\naddress = \"registry.example.com\"",
                "does not begin with https:// or http://",
            ),
            (
                "name = \"a/b\"\naddress = \"https://registry.example.com\"",
                "has a \"/\"",
            ),
            (
                &format!("{address}interval_s = 0"),
                "interval_s is at least 1",
            ),
            (
                &format!("{address}password = \"a\"\npassword_env = \"B\""),
                "give one of",
            ),
            (
                &format!("{address}password_env = \"SPINDRIFT_NO_SUCH\""),
                "is not set",
            ),
            (&format!("{address}passwort = \"a\""), "passwort"),
        ];
        for (toml, reason) in table {
            let error = one(toml).unwrap_err();
            assert!(error.contains(reason), "{toml}: {error}");
        }
    }
}
