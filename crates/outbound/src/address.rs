//! Which addresses the public internet does not have.
//!
//! The tables follow the IANA special-purpose registries. IPv6 is the other way round from IPv4: only `2000::/3` is global unicast, so all
//! else is refused, named or not. An address that carries an IPv4 address inside is judged by what it carries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::rule::Rule;

/// Metadata services of the clouds. Some lie in public ranges, so no range covers them all.
const METADATA: &[IpAddr] = &[
    // AWS, Google, Azure, OpenStack, Oracle and others.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // AWS tasks and pods.
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Tencent.
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),
    // Alibaba.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure's wire server, in a public range.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Oracle classic.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0xa9fe, 0, 0xa9fe, 0xa9fe)),
];

const METADATA_NAMES: &[&str] = &[
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "metadata.azure.com",
    "metadata.tencentyun.com",
    "metadata.platformequinix.com",
    "metadata.packet.net",
    "instance-data",
    "instance-data.ec2.internal",
];

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, d: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

const DENIED_V4: &[(&str, Ipv4Net)] = &[
    ("unspecified", v4(0, 0, 0, 0, 8)),
    ("private", v4(10, 0, 0, 0, 8)),
    ("carrier-grade NAT", v4(100, 64, 0, 0, 10)),
    ("loopback", v4(127, 0, 0, 0, 8)),
    ("link-local", v4(169, 254, 0, 0, 16)),
    ("private", v4(172, 16, 0, 0, 12)),
    ("protocol assignment", v4(192, 0, 0, 0, 24)),
    ("documentation", v4(192, 0, 2, 0, 24)),
    ("6to4 relay", v4(192, 88, 99, 0, 24)),
    ("private", v4(192, 168, 0, 0, 16)),
    ("benchmarking", v4(198, 18, 0, 0, 15)),
    ("documentation", v4(198, 51, 100, 0, 24)),
    ("documentation", v4(203, 0, 113, 0, 24)),
    ("multicast", v4(224, 0, 0, 0, 4)),
    ("broadcast", v4(255, 255, 255, 255, 32)),
    ("reserved", v4(240, 0, 0, 0, 4)),
];

/// The most specific range comes first, because the first match is the one that is named.
const DENIED_V6: &[(&str, Ipv6Net)] = &[
    (
        "unspecified",
        Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128),
    ),
    ("loopback", Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
    ("local NAT64", v6(0x64, 0xff9b, 1, 0, 48)),
    ("discard", v6(0x100, 0, 0, 0, 32)),
    ("Teredo", v6(0x2001, 0, 0, 0, 32)),
    ("benchmarking", v6(0x2001, 2, 0, 0, 48)),
    ("protocol assignment", v6(0x2001, 0, 0, 0, 23)),
    ("documentation", v6(0x2001, 0xdb8, 0, 0, 32)),
    ("documentation", v6(0x3fff, 0, 0, 0, 20)),
    ("segment routing", v6(0x5f00, 0, 0, 0, 16)),
    ("unique-local", v6(0xfc00, 0, 0, 0, 7)),
    ("link-local", v6(0xfe80, 0, 0, 0, 10)),
    ("site-local", v6(0xfec0, 0, 0, 0, 10)),
    ("multicast", v6(0xff00, 0, 0, 0, 8)),
];

const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 0, 96);
const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 0, 16);
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 0, 3);

/// True for an address that hands out machine credentials.
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&address)
}

/// True for a lower-case name that leads to a metadata service.
pub(crate) fn is_metadata_name(name: &str) -> bool {
    METADATA_NAMES.contains(&name)
}

/// The IPv4 address that an IPv6 address carries, in whatever form.
pub(crate) fn carried(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => embedded(address).map(|found| IpAddr::V4(found.inner)),
    }
}

/// The rule that keeps `address` out by default, if any.
pub(crate) fn classify(address: IpAddr) -> Option<Rule> {
    if is_metadata(address) {
        return Some(Rule::MetadataAddress);
    }
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> Option<Rule> {
    let (name, net) = DENIED_V4.iter().find(|(_, net)| net.contains(&address))?;
    Some(Rule::Range {
        name,
        net: IpNet::V4(*net),
    })
}

fn classify_v6(address: Ipv6Addr) -> Option<Rule> {
    if let Some((name, net)) = DENIED_V6.iter().find(|(_, net)| net.contains(&address)) {
        return Some(Rule::Range {
            name,
            net: IpNet::V6(*net),
        });
    }
    match embedded(address) {
        Some(Embedded {
            form,
            inner,
            carries_public,
        }) => {
            let refused = !carries_public || classify(IpAddr::V4(inner)).is_some();
            refused.then_some(Rule::Embedded { form, inner })
        }
        None if GLOBAL_UNICAST.contains(&address) => None,
        None => Some(Rule::Range {
            name: "not global",
            net: IpNet::V6(v6(0, 0, 0, 0, 0)),
        }),
    }
}

struct Embedded {
    form: &'static str,
    inner: Ipv4Addr,
    /// Whether the form has a use on the internet when the address inside is public.
    carries_public: bool,
}

fn embedded(address: Ipv6Addr) -> Option<Embedded> {
    let s = address.segments();
    let low = join(s[6], s[7]);
    let found = |form, inner, carries_public| {
        Some(Embedded {
            form,
            inner,
            carries_public,
        })
    };
    match s {
        [0, 0, 0, 0, 0, 0, ..] => found("IPv4-compatible", low, false),
        [0, 0, 0, 0, 0, 0xffff, ..] => found("IPv4-mapped", low, false),
        [0, 0, 0, 0, 0xffff, 0, ..] => found("IPv4-translated", low, false),
        // An IPv6-only cluster reaches the IPv4 internet this way.
        _ if NAT64.contains(&address) => found("NAT64", low, true),
        _ if SIX_TO_FOUR.contains(&address) => found("6to4", join(s[1], s[2]), true),
        // The interface identifier of ISATAP, with either value of the universal bit.
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => found("ISATAP", low, true),
        _ => None,
    }
}

fn join(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_address_has_a_verdict() {
        let refused = [
            ("0.0.0.0", "unspecified"),
            ("10.255.255.255", "private"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("100.127.255.255", "carrier-grade NAT"),
            ("127.8.8.8", "loopback"),
            ("169.254.1.1", "link-local"),
            ("172.31.255.255", "private"),
            ("192.168.0.1", "private"),
            ("192.0.2.5", "documentation"),
            ("198.19.0.1", "benchmarking"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("169.254.169.254", "metadata"),
            ("168.63.129.16", "metadata"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "IPv4-compatible form of 127.0.0.1"),
            ("::ffff:8.8.8.8", "IPv4-mapped form of 8.8.8.8"),
            ("::ffff:0:10.0.0.1", "IPv4-translated form of 10.0.0.1"),
            ("64:ff9b::10.0.0.7", "NAT64 form of 10.0.0.7"),
            ("64:ff9b::169.254.169.254", "NAT64 form of 169.254.169.254"),
            ("64:ff9b:1::1", "local NAT64"),
            ("2002:7f00:1::", "6to4 form of 127.0.0.1"),
            (
                "2a00:1450:4001:80b:0:5efe:10.0.0.1",
                "ISATAP form of 10.0.0.1",
            ),
            ("2001:0:53aa::1", "Teredo"),
            ("2001:db8::1", "documentation"),
            ("3fff:123::", "documentation"),
            ("fd00:ec2::254", "metadata"),
            ("fd12::1", "unique-local"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
            ("4000::1", "not global"),
        ];
        for (text, expected) in refused {
            let rule = classify(text.parse().unwrap()).unwrap_or_else(|| panic!("{text} passes"));
            assert!(rule.to_string().contains(expected), "{text}: {rule}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001:80b::200e",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ];
        for text in public {
            assert_eq!(classify(text.parse().unwrap()), None, "{text}");
        }
    }
}
