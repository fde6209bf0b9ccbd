//! Names that lead where they should not, and laws about the textual forms of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use spindrift_outbound::{Error, HostRules, Outbound, Policy, Request, Rule};

use crate::support::{Reply, Script, allowing, answer, ok, serve};

fn asking(policy: Policy, resolver: &Arc<Script>) -> Outbound {
    Outbound::with_resolver(policy, resolver.clone()).unwrap()
}

#[tokio::test]
async fn a_name_that_leads_to_a_refused_address_is_refused() {
    for address in [
        "127.0.0.1",
        "10.0.0.7",
        "169.254.169.254",
        "::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
    ] {
        let outbound = asking(Policy::default(), &Script::new(&[&[address]]));
        let error = outbound
            .send(Request::get("http://build.example/"))
            .await
            .unwrap_err();
        let expected: IpAddr = address.parse().unwrap();
        match &error {
            Error::Refused {
                host,
                address: Some(found),
                ..
            } => {
                assert_eq!((host.as_str(), *found), ("build.example", expected));
            }
            other => panic!("{address}: {other:?}"),
        }
        assert!(
            error
                .to_string()
                .starts_with(&format!("build.example resolves to {expected}, which is ")),
            "{error}"
        );
        assert!(error.is_unsent() && !error.is_transient());
    }
}

#[tokio::test]
async fn one_bad_address_refuses_the_host() {
    let server = serve("127.0.0.2", |_| ok("reached")).await;
    let url = format!("http://mixed.example:{}/", server.address.port());
    let mixed: &[&[&str]] = &[
        &["127.0.0.2", "10.0.0.1"],
        &["127.0.0.2", "::1"],
        &["fe80::1", "127.0.0.2"],
        &["127.0.0.2", "127.0.0.2", "127.0.0.2", "169.254.169.254"],
    ];
    for addresses in mixed {
        let outbound = asking(allowing(&["127.0.0.2"]), &Script::new(&[addresses]));
        let error = outbound.send(Request::get(&url)).await.unwrap_err();
        assert!(
            matches!(error, Error::Refused { .. }),
            "{addresses:?}: {error:?}"
        );
    }
    assert_eq!(server.connections(), 0);
    let outbound = asking(
        allowing(&["127.0.0.2"]),
        &Script::new(&[&["127.0.0.2", "127.0.0.2"]]),
    );
    assert_eq!(
        outbound.send(Request::get(&url)).await.unwrap().text(),
        "reached"
    );
}

#[tokio::test]
async fn the_checked_answer_is_the_dialled_one() {
    let good = serve("127.0.0.2", |_| {
        Reply::Bytes(answer("200 OK", &["connection: close"], b"good"))
    })
    .await;
    let resolver = Script::new(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let outbound = asking(allowing(&["127.0.0.2"]), &resolver);
    let url = format!("http://rebind.example:{}/", good.address.port());
    let bad = tokio::net::TcpListener::bind(("127.0.0.1", good.address.port()))
        .await
        .unwrap();

    assert_eq!(
        outbound.send(Request::get(&url)).await.unwrap().text(),
        "good"
    );
    assert_eq!(
        resolver.asked(),
        1,
        "one lookup serves the check and the dial"
    );

    let error = outbound.send(Request::get(&url)).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Refused {
                rule: Rule::Range {
                    name: "loopback",
                    ..
                },
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(resolver.asked(), 2);
    let knock = tokio::time::timeout(std::time::Duration::from_millis(50), bad.accept()).await;
    assert!(knock.is_err(), "the refused address was dialled");
}

#[tokio::test]
async fn connections_are_reused_without_another_lookup() {
    let server = serve("127.0.0.1", |_| ok("")).await;
    let resolver = Script::new(&[&["127.0.0.1"]]);
    let outbound = asking(allowing(&["127.0.0.0/8"]), &resolver);
    for _ in 0..20 {
        outbound
            .send(Request::get(format!(
                "http://pool.example:{}/",
                server.address.port()
            )))
            .await
            .unwrap();
    }
    assert_eq!((server.connections(), resolver.asked()), (1, 1));
}

#[tokio::test]
async fn an_allowed_name_may_be_private_but_not_metadata() {
    let server = serve("127.0.0.1", |_| ok("inside")).await;
    let port = server.address.port();
    let entry = format!("jenkins:{port}");
    let url = format!("http://jenkins:{port}/");
    let outbound = asking(allowing(&[&entry]), &Script::new(&[&["127.0.0.1"]]));
    assert_eq!(
        outbound.send(Request::get(&url)).await.unwrap().text(),
        "inside"
    );
    for address in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
    ] {
        let outbound = asking(allowing(&[&entry]), &Script::new(&[&[address]]));
        let error = outbound.send(Request::get(&url)).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Refused {
                    rule: Rule::MetadataAddress,
                    ..
                }
            ),
            "{address}: {error:?}"
        );
    }
}

#[tokio::test]
async fn the_deny_list_wins() {
    let deny = |allow: &[&str], deny: &str| Policy {
        deny: vec![deny.parse().unwrap()],
        ..allowing(allow)
    };
    let cases = [
        (
            deny(&["127.0.0.0/8"], "127.0.0.1"),
            "http://127.0.0.1/",
            "1.1.1.1",
        ),
        (
            deny(&["a.example"], "a.example"),
            "http://a.example/",
            "1.1.1.1",
        ),
        (deny(&[], "1.1.1.0/24"), "http://a.example/", "1.1.1.1"),
        (
            deny(&["a.example"], "1.1.1.0/24"),
            "http://a.example/",
            "1.1.1.1",
        ),
        (
            deny(&["a.example"], "1.1.1.0/24"),
            "http://a.example/",
            "64:ff9b::101:101",
        ),
        (deny(&[], "*.example"), "http://a.example/", "1.1.1.1"),
    ];
    for (policy, url, address) in cases {
        let outbound = asking(policy, &Script::new(&[&[address]]));
        let error = outbound.send(Request::get(url)).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Refused {
                    rule: Rule::Listed(_),
                    ..
                }
            ),
            "{url}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_name_without_addresses_is_unknown() {
    for resolver in [Script::new(&[&[]]), Script::new(&[])] {
        let error = asking(Policy::default(), &resolver)
            .send(Request::get("http://gone.example/"))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, Error::UnknownHost { host, .. } if host == "gone.example"),
            "{error:?}"
        );
        assert!(error.is_unsent() && error.is_transient());
    }
}

/// A random address in a range that is refused.
fn refused_v4() -> impl Strategy<Value = Ipv4Addr> {
    let nets: &[(u32, u32)] = &[
        (0x0000_0000, 8),
        (0x0a00_0000, 8),
        (0x6440_0000, 10),
        (0x7f00_0000, 8),
        (0xa9fe_0000, 16),
        (0xac10_0000, 12),
        (0xc000_0000, 24),
        (0xc000_0200, 24),
        (0xc0a8_0000, 16),
        (0xc612_0000, 15),
        (0xc633_6400, 24),
        (0xcb00_7100, 24),
        (0xe000_0000, 4),
        (0xf000_0000, 4),
    ];
    (proptest::sample::select(nets), any::<u32>())
        .prop_map(|((net, prefix), low)| Ipv4Addr::from(net | (low & (u32::MAX >> prefix))))
}

/// The ways to write an IPv4 address as a host.
fn forms(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let n = u32::from(address);
    let (high, low) = (n >> 16, n & 0xffff);
    let dotted = address.to_string();
    let fullwidth = |text: &str| -> String {
        let wide = |ch: char| {
            ch.to_digit(10)
                .and_then(|digit| char::from_u32(0xff10 + digit))
                .unwrap_or(ch)
        };
        text.chars().map(wide).collect()
    };
    let percent =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02x}")).collect() };
    vec![
        dotted.clone(),
        format!("{dotted}."),
        n.to_string(),
        format!("{n:#x}"),
        format!("0X{n:X}"),
        format!("0{n:o}"),
        format!("{a}.{}", n & 0xff_ffff),
        format!("{a}.{b}.{low}"),
        format!("0x{a:x}.0{b:o}.{c}.0x{d:02x}"),
        format!("{a:#010x}.{b}.{c}.{d}"),
        format!("000{a:o}.000{b:o}.000{c:o}.000{d:o}"),
        fullwidth(&dotted),
        fullwidth(&dotted).replace('.', "。"),
        dotted.replace('.', "．"),
        percent(&dotted),
        format!("[::{dotted}]"),
        format!("[::ffff:{dotted}]"),
        format!("[::FFFF:{high:X}:{low:x}]"),
        format!("[0:0:0:0:0:ffff:{high:x}:{low:x}]"),
        format!("[::ffff:0:{dotted}]"),
        format!("[64:ff9b::{dotted}]"),
        format!("[0064:ff9b:0:0::{high:04x}:{low:04x}]"),
        format!("[64:ff9b:1::{dotted}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[2a00:1450::5efe:{dotted}]"),
    ]
}

/// A random address outside what IPv6 has public, or in a special part of that.
fn refused_v6() -> impl Strategy<Value = Ipv6Addr> {
    let top = |bits: u128, prefix: u32| (bits << (128 - prefix), prefix);
    let nets = vec![
        top(0, 3),
        top(0b010, 3),
        top(0b011, 3),
        top(0b100, 3),
        top(0b101, 3),
        top(0b110, 3),
        top(0b111, 3),
        (0x2001_0000 << 96, 23),
        (0x2001_0db8 << 96, 32),
        (0x3fff << 112, 20),
        (0x2002_0a00 << 96, 32),
        (0xfc00 << 112, 7),
        (0xfe80 << 112, 10),
        (0xfec0 << 112, 10),
        (0xff00 << 112, 8),
    ];
    let nat64 = 0x0064_ff9b_u128 << 96;
    (proptest::sample::select(nets), any::<u128>())
        .prop_map(|((net, prefix), low)| net | (low & (u128::MAX >> prefix)))
        .prop_filter("NAT64 may carry a public address", move |bits| {
            bits >> 32 != nat64 >> 32
        })
        .prop_map(Ipv6Addr::from)
}

/// A client without the rules about names, so that only addresses are judged.
static LENIENT: LazyLock<Outbound> = LazyLock::new(|| {
    let rules = HostRules {
        require_dot: false,
        denied_suffixes: Vec::new(),
        deny_literal_addresses: false,
    };
    Outbound::new(Policy {
        host_rules: rules,
        ..Policy::default()
    })
    .unwrap()
});

proptest! {
    #[test]
    fn no_form_of_a_refused_ipv4_address_passes(address in refused_v4(), port in 1u16.., path in "[a-z/?#@.]{0,8}") {
        for host in forms(address) {
            for url in [format!("http://{host}"), format!("https://{host}:{port}/{path}")] {
                prop_assert!(LENIENT.check(&url).is_err(), "{} passes", url);
            }
        }
    }

    #[test]
    fn no_form_of_a_refused_ipv6_address_passes(address in refused_v6()) {
        let full = address.segments().map(|part| format!("{part:04X}")).join(":");
        for host in [format!("[{address}]"), format!("[{full}]")] {
            prop_assert!(LENIENT.check(&format!("http://{host}/")).is_err(), "{} passes", host);
        }
    }

    #[test]
    fn what_is_checked_is_what_is_dialled(
        url in "https?://[a-zA-Z0-9_.%\\[\\]:@\\\\①。-]{1,24}(:[0-9]{1,5})?[/?#]?[a-z@:/]{0,6}",
    ) {
        if LENIENT.check(&url).is_ok() {
            // The connector reads the text again as a URI; it must find the same host.
            let parsed = url::Url::parse(&url).unwrap();
            let uri: axum::http::Uri = parsed.as_str().parse().unwrap();
            prop_assert_eq!(uri.host(), parsed.host_str());
            prop_assert_eq!(uri.port_u16(), parsed.port());
        }
    }
}

#[test]
fn no_name_leads_to_a_refused_address() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let resolver = Script::new(&[]);
    let outbound = asking(Policy::default(), &resolver);
    proptest!(|(v4 in refused_v4(), v6 in refused_v6())| {
        for address in [IpAddr::V4(v4), IpAddr::V6(v4.to_ipv6_mapped()), IpAddr::V6(v4.to_ipv6_compatible()), IpAddr::V6(v6)] {
            resolver.set(&[address]);
            let error = runtime.block_on(outbound.send(Request::get("http://name.example/"))).unwrap_err();
            prop_assert!(matches!(error, Error::Refused { .. }), "{}: {:?}", address, error);
        }
    });
}
