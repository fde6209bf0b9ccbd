//! Entries of the allow and deny lists: ranges, addresses, names, name suffixes, each with an optional port.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Host;

/// One entry of a list, written as a string.
///
/// `10.0.0.0/8`, `10.0.0.7`, `10.0.0.7:8080`, `[fd00::7]:8080`, `git.corp.example`, `git.corp.example:8443`, `*.ci.svc.cluster.local`.
///
/// A range or an address speaks of addresses, whether a URL spells them or a name leads to them. An address with a port speaks of URLs that
/// spell both. A name speaks of URLs with that name, wherever it leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Entry {
    /// A range of addresses; a single address is the range of one.
    Net(IpNet),
    /// One address at one port, as spelled in a URL.
    Socket(SocketAddr),
    /// One name in lower case, ASCII form, without a final dot; all ports unless one is given.
    Name(String, Option<u16>),
    /// All names below a name, not that name itself; all ports unless one is given.
    Suffix(String, Option<u16>),
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} is not a range, an address, a host or host:port: {reason}")]
pub struct EntryError {
    entry: String,
    reason: &'static str,
}

impl Entry {
    /// Whether the entry speaks of this address at any port.
    pub(crate) fn covers(&self, address: IpAddr) -> bool {
        matches!(self, Entry::Net(net) if net.contains(&address))
    }

    /// Whether the entry is this one address, not a range around it.
    pub(crate) fn is_exactly(&self, address: IpAddr) -> bool {
        matches!(self, Entry::Net(net) if net.addr() == address && net.prefix_len() == net.max_prefix_len())
    }

    /// Whether the entry speaks of a URL with this host and port.
    pub(crate) fn matches(&self, host: &Host<String>, port: u16) -> bool {
        let at = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        match (self, host) {
            (Entry::Name(name, wanted), Host::Domain(host)) => name == host && at(wanted),
            (Entry::Suffix(suffix, wanted), Host::Domain(host)) => {
                host.strip_suffix(suffix.as_str())
                    .is_some_and(|head| head.ends_with('.'))
                    && at(wanted)
            }
            (Entry::Net(_) | Entry::Socket(_), Host::Domain(_)) => false,
            (_, Host::Ipv4(address)) => self.matches_address(IpAddr::V4(*address), port),
            (_, Host::Ipv6(address)) => self.matches_address(IpAddr::V6(*address), port),
        }
    }

    fn matches_address(&self, address: IpAddr, port: u16) -> bool {
        match self {
            Entry::Net(net) => net.contains(&address),
            Entry::Socket(socket) => socket.ip() == address && socket.port() == port,
            Entry::Name(..) | Entry::Suffix(..) => false,
        }
    }

    /// Whether the entry names a port, which lifts the rule about ports.
    pub(crate) fn names_port(&self) -> bool {
        match self {
            Entry::Socket(_) | Entry::Name(_, Some(_)) | Entry::Suffix(_, Some(_)) => true,
            Entry::Net(_) | Entry::Name(_, None) | Entry::Suffix(_, None) => false,
        }
    }
}

impl FromStr for Entry {
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason| EntryError {
            entry: text.to_owned(),
            reason,
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        if text.contains("://") {
            return Err(wrong("it is a URL; give its host"));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Entry::Net(IpNet::from(address)));
        }
        if let Ok(socket) = text.parse::<SocketAddr>() {
            return Ok(Entry::Socket(socket));
        }
        if text.contains('/') {
            let net = text
                .parse::<IpNet>()
                .map_err(|_| wrong("the range is not address/length"))?;
            return Ok(Entry::Net(net.trunc()));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => {
                let port = port.parse::<u16>().ok().filter(|port| *port != 0);
                (
                    host,
                    Some(port.ok_or_else(|| wrong("the port is not a number from 1 to 65535"))?),
                )
            }
            None => (text, None),
        };
        let (suffix, host) = match host.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, host),
        };
        if host.contains('*') {
            return Err(wrong(
                "a star may only stand for the first labels, as in *.example.com",
            ));
        }
        match Host::parse(host.strip_suffix('.').unwrap_or(host)) {
            Ok(Host::Domain(name)) if suffix => Ok(Entry::Suffix(name, port)),
            Ok(Host::Domain(name)) => Ok(Entry::Name(name, port)),
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => Err(wrong("write the address in its usual form")),
            Err(_) => Err(wrong("the name is not valid")),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = |f: &mut fmt::Formatter<'_>, port: &Option<u16>| match port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        };
        match self {
            Entry::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().fmt(f),
            Entry::Net(net) => net.fmt(f),
            Entry::Socket(socket) => socket.fmt(f),
            Entry::Name(name, at) => f.write_str(name).and_then(|()| port(f, at)),
            Entry::Suffix(name, at) => write!(f, "*.{name}").and_then(|()| port(f, at)),
        }
    }
}

impl TryFrom<String> for Entry {
    type Error = EntryError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Entry> for String {
    fn from(entry: Entry) -> Self {
        entry.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_written_back() {
        let cases = [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.0.0.7", "10.0.0.7"),
            ("10.0.0.7:8080", "10.0.0.7:8080"),
            ("fd00::/8", "fd00::/8"),
            ("[fd00::7]:80", "[fd00::7]:80"),
            ("Git.Corp.Example.", "git.corp.example"),
            ("git.corp.example:8443", "git.corp.example:8443"),
            ("*.svc.cluster.local", "*.svc.cluster.local"),
            ("*.svc.cluster.local:80", "*.svc.cluster.local:80"),
            ("bücher.example", "xn--bcher-kva.example"),
        ];
        for (text, written) in cases {
            let entry: Entry = text.parse().unwrap();
            assert_eq!(entry.to_string(), written);
            assert_eq!(written.parse::<Entry>().unwrap(), entry);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("", "empty"),
            ("http://a.example", "URL"),
            ("10.0.0.0/33", "range"),
            ("a.example:0", "port"),
            ("a.example:http", "port"),
            ("a.*.example", "star"),
            ("127.1", "usual form"),
            ("a b", "not valid"),
        ];
        for (text, expected) in cases {
            let error = text.parse::<Entry>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_suffix_needs_a_whole_label() {
        let entry: Entry = "*.example.com".parse().unwrap();
        let matches = |name: &str| entry.matches(&Host::Domain(name.to_owned()), 443);
        assert!(matches("a.example.com"));
        assert!(matches("a.b.example.com"));
        assert!(!matches("example.com"));
        assert!(!matches("badexample.com"));
    }
}
