//! The judgement over a destination: first the URL, then every address its name leads to.

use std::collections::HashSet;
use std::net::IpAddr;

use url::Host;

use crate::address;
use crate::entry::Entry;
use crate::error::Error;
use crate::policy::{HostRules, Policy};
use crate::rule::Rule;
use crate::target::Target;

/// What the judgement of a URL leaves to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The URL spells an address, and that address was judged.
    Literal,
    /// The name is not known: each of its addresses must be public or allowed.
    Checked,
    /// The name is on the allow list: it may lead anywhere but to a metadata service.
    Named,
}

/// A policy made ready for asking.
#[derive(Debug)]
pub(crate) struct Guard {
    allow: Vec<Entry>,
    deny: Vec<Entry>,
    host_rules: HostRules,
    denied_ports: HashSet<u16>,
    unverified: Vec<Entry>,
}

impl Guard {
    pub(crate) fn new(policy: &Policy) -> Guard {
        let suffix =
            |suffix: &String| format!(".{}", suffix.trim_matches('.').to_ascii_lowercase());
        Guard {
            allow: policy.allow.clone(),
            deny: policy.deny.clone(),
            host_rules: HostRules {
                denied_suffixes: policy
                    .host_rules
                    .denied_suffixes
                    .iter()
                    .map(suffix)
                    .collect(),
                ..policy.host_rules.clone()
            },
            denied_ports: policy.denied_ports.iter().copied().collect(),
            unverified: policy.danger_accept_invalid_certs.clone(),
        }
    }

    /// Judges what the URL says, without asking what its name leads to.
    pub(crate) fn admit(&self, target: &Target) -> Result<Trust, Error> {
        let refused = |rule, address| {
            Err(Error::Refused {
                host: target.authority(),
                address,
                rule,
            })
        };
        if let Some(entry) = find(&self.deny, target) {
            return refused(Rule::Listed(entry.clone()), None);
        }
        let trust = match &target.host {
            Host::Ipv4(address) => self
                .judge_literal(target, IpAddr::V4(*address))
                .map(|()| Trust::Literal),
            Host::Ipv6(address) => self
                .judge_literal(target, IpAddr::V6(*address))
                .map(|()| Trust::Literal),
            Host::Domain(name) => self.judge_name(target, name).map_err(|rule| (rule, None)),
        };
        let trust = match trust {
            Ok(trust) => trust,
            Err((rule, address)) => return refused(rule, address),
        };
        let port_allowed = || {
            self.allow
                .iter()
                .any(|entry| entry.names_port() && entry.matches(&target.host, target.port))
        };
        if self.denied_ports.contains(&target.port) && !port_allowed() {
            return refused(Rule::Port(target.port), None);
        }
        Ok(trust)
    }

    fn judge_literal(
        &self,
        target: &Target,
        address: IpAddr,
    ) -> Result<(), (Rule, Option<IpAddr>)> {
        let at_socket = |entry: &Entry| {
            matches!(entry, Entry::Socket(_)) && entry.matches(&target.host, target.port)
        };
        if self.allow.iter().any(at_socket) {
            return Ok(());
        }
        self.judge(address, Trust::Checked)
            .map_err(|rule| (rule, Some(address)))?;
        let allowed = self.allow.iter().any(|entry| entry.covers(address));
        match self.host_rules.deny_literal_addresses && !allowed {
            true => Err((Rule::LiteralAddress, Some(address))),
            false => Ok(()),
        }
    }

    fn judge_name(&self, target: &Target, name: &str) -> Result<Trust, Rule> {
        let allowed = find(&self.allow, target);
        if address::is_metadata_name(name) && !matches!(allowed, Some(Entry::Name(..))) {
            return Err(Rule::MetadataName);
        }
        if allowed.is_some() {
            return Ok(Trust::Named);
        }
        if self.host_rules.require_dot && !name.contains('.') {
            return Err(Rule::NoDot);
        }
        match self
            .host_rules
            .denied_suffixes
            .iter()
            .find(|suffix| name.ends_with(suffix.as_str()))
        {
            Some(suffix) => Err(Rule::Suffix(suffix.clone())),
            None => Ok(Trust::Checked),
        }
    }

    /// Judges one address that a name leads to.
    pub(crate) fn judge(&self, address: IpAddr, trust: Trust) -> Result<(), Rule> {
        let inner = address::carried(address);
        let denied = |entry: &&Entry| {
            entry.covers(address) || inner.is_some_and(|inner| entry.covers(inner))
        };
        if let Some(entry) = self.deny.iter().find(denied) {
            return Err(Rule::Listed(entry.clone()));
        }
        let metadata = address::is_metadata(address) || inner.is_some_and(address::is_metadata);
        if metadata {
            return match self.allow.iter().any(|entry| entry.is_exactly(address)) {
                true => Ok(()),
                false => Err(Rule::MetadataAddress),
            };
        }
        match trust {
            Trust::Literal | Trust::Named => Ok(()),
            Trust::Checked if self.allow.iter().any(|entry| entry.covers(address)) => Ok(()),
            Trust::Checked => address::classify(address).map_or(Ok(()), Err),
        }
    }

    /// Whether the certificate of this host is taken as it is.
    pub(crate) fn is_unverified(&self, target: &Target) -> bool {
        find(&self.unverified, target).is_some()
    }
}

/// An exact name is found before a suffix, because more may follow from it.
fn find<'a>(list: &'a [Entry], target: &Target) -> Option<&'a Entry> {
    let mut matching = list
        .iter()
        .filter(|entry| entry.matches(&target.host, target.port));
    let first = matching.next()?;
    match first {
        Entry::Suffix(..) => matching
            .find(|entry| !matches!(entry, Entry::Suffix(..)))
            .or(Some(first)),
        Entry::Net(_) | Entry::Socket(_) | Entry::Name(..) => Some(first),
    }
}
