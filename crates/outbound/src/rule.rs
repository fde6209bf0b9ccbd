//! The reasons for a refusal, in words that say what to do.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::IpNet;

use crate::entry::Entry;

/// Why a destination is refused. Its text continues a sentence that starts with the host or the address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// The address lies in a range that is not public.
    Range {
        /// What the range is for, such as `private`.
        name: &'static str,
        /// The range.
        net: IpNet,
    },
    /// The address is an IPv6 form of an IPv4 address that is refused, or of a form that is always refused.
    Embedded {
        /// The form, such as `NAT64`.
        form: &'static str,
        /// The IPv4 address inside.
        inner: Ipv4Addr,
    },
    /// The address answers with the credentials of the machine.
    MetadataAddress,
    /// The name is known to lead to a metadata service.
    MetadataName,
    /// The URL spells an address where a name is required.
    LiteralAddress,
    /// The name has no dot, so it means whatever the local network says.
    NoDot,
    /// The name ends in a suffix that is meant for internal networks.
    Suffix(String),
    /// The port belongs to a protocol that is not HTTP.
    Port(u16),
    /// An entry of the deny list matches.
    Listed(Entry),
    /// A redirect leads from https to http.
    Downgrade,
}

const ADVICE: &str = "; allow it under outbound.allow in the configuration";

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Range { name, net } => write!(f, "is in the {name} range {net}{ADVICE}"),
            Rule::Embedded { form, inner } => write!(f, "is the {form} form of {inner}{ADVICE}"),
            Rule::MetadataAddress => f.write_str(
                "is a cloud metadata address; if it is really meant, allow exactly this address under outbound.allow in the configuration",
            ),
            Rule::MetadataName => write!(f, "is a cloud metadata name{ADVICE}"),
            Rule::LiteralAddress => write!(f, "is an address where a host name is required{ADVICE}"),
            Rule::NoDot => write!(f, "is a host name without a dot{ADVICE}"),
            Rule::Suffix(suffix) => write!(f, "ends in the internal suffix {suffix}{ADVICE}"),
            Rule::Port(port) => write!(
                f,
                "is asked for on port {port}, which does not belong to HTTP; allow host:port under outbound.allow in the configuration"
            ),
            Rule::Listed(entry) => {
                write!(f, "matches {entry} under outbound.deny in the configuration")
            }
            Rule::Downgrade => f.write_str(
                "is reached by a redirect from https to http; set outbound.allow_downgrade in the configuration to permit it",
            ),
        }
    }
}
