//! Hostile URLs.

use spindrift_outbound::{Error, HostRules, Outbound, Policy, Request};

use crate::support::{Script, allowing};

/// The URL, and a part of the message that refuses it.
const REFUSED: &[(&str, &str)] = &[
    ("http://169.254.169.254", "metadata address"),
    (
        "http://169.254.169.254/latest/meta-data/iam/",
        "metadata address",
    ),
    ("http://[fd00:ec2::254]/", "metadata address"),
    ("http://100.100.100.200/", "metadata address"),
    (
        "http://metadata.google.internal/computeMetadata/v1/",
        "metadata name",
    ),
    ("http://METADATA.google.INTERNAL./", "metadata name"),
    ("http://[::ffff:169.254.169.254]", "metadata address"),
    ("http://[::ffff:a9fe:a9fe]/", "metadata address"),
    (
        "http://[0:0:0:0:0:ffff:127.0.0.1]/",
        "IPv4-mapped form of 127.0.0.1",
    ),
    ("http://[::127.0.0.1]/", "IPv4-compatible form of 127.0.0.1"),
    ("http://[64:ff9b::7f00:1]/", "NAT64 form of 127.0.0.1"),
    ("http://[2002:a00:1::]/", "6to4 form of 10.0.0.1"),
    (
        "http://0x7f000001",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    (
        "http://2130706433",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    (
        "http://017700000001/",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    (
        "http://127.1",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    (
        "http://127.0.1",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    (
        "http://0177.0.0.1",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    (
        "http://0x7f.0.0.0x1",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    (
        "http://127.0.0.1.",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    (
        "http://%31%32%37.0.0.1",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    (
        "http://①②⑦.⓪.⓪.①",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    (
        "http://127。0。0。1",
        "127.0.0.1 is in the loopback range 127.0.0.0/8",
    ),
    ("http://0", "0.0.0.0 is in the unspecified range 0.0.0.0/8"),
    ("http://0.0.0.0", "unspecified"),
    ("http://[::]", "unspecified"),
    ("http://[::1]", "::1 is in the loopback range ::1/128"),
    ("http://[::1]:8080/", "::1 is in the loopback range ::1/128"),
    (
        "http://10.0.0.7/",
        "10.0.0.7 is in the private range 10.0.0.0/8; allow it under outbound.allow in the configuration",
    ),
    ("https://192.168.1.1:8443/", "private range 192.168.0.0/16"),
    ("http://[fe80::1%25eth0]", "invalid IPv6 address"),
    ("http://[fe80::1%eth0]", "invalid IPv6 address"),
    ("http://[fe80::1]", "link-local"),
    (
        "http://1.1.1.1/",
        "is an address where a host name is required",
    ),
    ("http://256.1.1.1/", "invalid IPv4 address"),
    ("http://1.2.3.4.5/", "invalid IPv4 address"),
    ("http://foo_bar.internal", "internal suffix .internal"),
    ("http://foo.local/", "internal suffix .local"),
    ("http://foo.localdomain./", "internal suffix .localdomain"),
    ("http://orca.spinnaker:8083/", "internal suffix .spinnaker"),
    (
        "http://ｆｏｏ．ｉｎｔｅｒｎａｌ/",
        "internal suffix .internal",
    ),
    ("http://localhost", "without a dot"),
    ("http://localhost.", "without a dot"),
    ("http://LOCALHOST:80/", "without a dot"),
    ("http://app.localhost/", "internal suffix .localhost"),
    ("http://kubernetes/", "without a dot"),
    ("http://a@b@127.0.0.1", "credentials"),
    ("http://user:secret@ok.example/", "credentials"),
    ("http://@ok.example/", "credentials"),
    ("http://ok.example\\@127.0.0.1/", "credentials"),
    ("http://ok.example\\.evil.example/", "backslash"),
    ("http://127.0.0.1#@ok.example", "loopback"),
    ("http://127.0.0.1?@ok.example", "loopback"),
    ("file:///etc/passwd", "only http and https"),
    ("file:/etc/passwd", "does not start with"),
    ("gopher://ok.example:70/_x", "only http and https"),
    ("ftp://ok.example/", "only http and https"),
    ("javascript:alert(1)", "does not start with"),
    ("data:text/plain,x", "does not start with"),
    ("jar:http://ok.example!/", "only http and https"),
    ("url:http://ok.example/", "only http and https"),
    ("http:ok.example", "does not start with"),
    ("http:/ok.example", "does not start with"),
    ("http:\\\\ok.example", "does not start with"),
    ("http:///ok.example", "no host"),
    ("http://", "no host"),
    ("http://:80/", "host"),
    ("//ok.example/", "does not start with"),
    ("/relative", "does not start with"),
    ("", "does not start with"),
    ("http://ok.example:0/", "port 0"),
    ("http://ok.example:65536/", "port"),
    ("http://ok.example:-1/", "port"),
    ("http://ok.example:6379/", "port 6379"),
    ("http://ok.example:22/", "port 22"),
    ("http://ok.example:025/", "port 25"),
    ("http://ok..example/", "empty label"),
    ("http://.ok.example/", "empty label"),
    ("http://ok.example../", "empty label"),
    ("http://ok.example\r\nX-Evil: 1/", "control characters"),
    ("http://ok.exa\tmple/", "control characters"),
    ("http://ok.example/\0", "control characters"),
    ("http://ok example/", "domain"),
    ("http://ok.example%00.evil.example/", "domain"),
    ("http://ok.example%2f@evil.example/", "credentials"),
    ("http://exa<mple.example/", "domain"),
    ("http://xn--0.example/", "domain"),
    ("http://%7b/", "host name is not valid"),
];

/// The URL, and the one that is asked for in its place.
const NORMALISED: &[(&str, &str)] = &[
    ("http://ok.example", "http://ok.example/"),
    ("HTTP://OK.Example:80/a/../b", "http://ok.example/b"),
    ("https://ok.example./x", "https://ok.example/x"),
    (" https://ok.example/x\n", "https://ok.example/x"),
    ("http://foo_bar.example/", "http://foo_bar.example/"),
    ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ("http://аррӏе.example/", "http://xn--80ak6aa92e.example/"),
    ("http://ｏｋ.example/", "http://ok.example/"),
    ("http://ok.example/a b", "http://ok.example/a%20b"),
    (
        "http://ok.example/%2e%2e/%2e%2e/etc",
        "http://ok.example/etc",
    ),
    (
        "http://ok.example/?url=http://127.0.0.1/",
        "http://ok.example/?url=http://127.0.0.1/",
    ),
];

#[test]
fn hostile_urls_are_refused_before_anything_is_asked() {
    let resolver = Script::new(&[&["1.1.1.1"]]);
    let outbound = Outbound::with_resolver(Policy::default(), resolver.clone()).unwrap();
    let mut wrong = Vec::new();
    for (url, expected) in REFUSED {
        match outbound.check(url).map_err(|error| error.to_string()) {
            Err(message) if message.contains(expected) => {}
            other => wrong.push(format!("{url:?}: {other:?}, not {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(resolver.asked(), 0);
}

#[test]
fn a_fragment_cannot_move_the_host() {
    let outbound = Outbound::new(Policy::default()).unwrap();
    outbound
        .check("http://ok.example:80#@127.0.0.1:6379")
        .unwrap();
}

#[test]
fn a_very_long_url_is_refused() {
    let outbound = Outbound::new(Policy::default()).unwrap();
    let url = format!("http://ok.example/{}", "a".repeat(1_000_000));
    assert!(
        outbound
            .check(&url)
            .unwrap_err()
            .to_string()
            .contains("longer than 16384 bytes")
    );
    let host = format!("http://{}example/", "a.".repeat(200));
    assert!(
        outbound
            .check(&host)
            .unwrap_err()
            .to_string()
            .contains("longer than 253")
    );
}

#[tokio::test]
async fn odd_urls_are_asked_for_in_one_form() {
    let server = crate::support::serve("127.0.0.1", |_| crate::support::ok("")).await;
    for (url, expected) in NORMALISED {
        let url = url.trim().replacen("https:", "http:", 1);
        let expected = expected.replacen("https:", "http:", 1);
        // The port is put in so that the request arrives; it is taken out again of what is compared.
        let port = format!(":{}", server.address.port());
        let (scheme, rest) = url.split_once("://").unwrap();
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let host = rest[..at].trim_end_matches(":80");
        let url = format!("{scheme}://{host}{port}{}", &rest[at..]);
        let policy = Policy {
            max_redirects: 0,
            ..allowing(&["127.0.0.0/8"])
        };
        let outbound = Outbound::with_resolver(policy, Script::new(&[&["127.0.0.1"]])).unwrap();
        let response = outbound.send(Request::get(&url)).await.unwrap();
        assert_eq!(response.final_url.replacen(&port, "", 1), expected);
    }
}

#[test]
fn the_rules_for_hosts_can_be_lifted() {
    let cases: &[(&[&str], &str, bool)] = &[
        (&["jenkins"], "http://jenkins:8080/", true),
        (&["jenkins:8080"], "http://jenkins:8080/", true),
        (&["jenkins:8080"], "http://jenkins:9090/", false),
        (&["jenkins"], "http://jenkins2/", false),
        (
            &["*.svc.cluster.local"],
            "http://jenkins.ci.svc.cluster.local/",
            true,
        ),
        (&["*.svc.cluster.local"], "http://svc.cluster.local/", false),
        (&["*.internal"], "http://metadata.google.internal/", false),
        (
            &["metadata.google.internal"],
            "http://metadata.google.internal/",
            true,
        ),
        (
            &["*.internal", "metadata.google.internal"],
            "http://metadata.google.internal/",
            true,
        ),
        (&["10.0.0.0/8"], "http://10.0.0.7/", true),
        (&["10.0.0.0/8"], "http://[::ffff:10.0.0.7]/", false),
        (&["10.0.0.0/8"], "http://11.0.0.7/", false),
        (&["10.0.0.7:8080"], "http://10.0.0.7:8080/", true),
        (&["10.0.0.7:8080"], "http://10.0.0.7/", false),
        (&["0.0.0.0/0"], "http://169.254.169.254/", false),
        (&["169.254.169.254"], "http://169.254.169.254/", true),
        (&["cache.example"], "http://cache.example:6379/", false),
        (&["cache.example:6379"], "http://cache.example:6379/", true),
        (&["127.0.0.1:6379"], "http://127.0.0.1:6379/", true),
    ];
    for (allow, url, passes) in cases {
        let outbound = Outbound::new(allowing(allow)).unwrap();
        assert_eq!(
            outbound.check(url).is_ok(),
            *passes,
            "{allow:?} {url}: {:?}",
            outbound.check(url)
        );
    }
    let rules = HostRules {
        require_dot: false,
        denied_suffixes: Vec::new(),
        deny_literal_addresses: false,
    };
    let outbound = Outbound::new(Policy {
        host_rules: rules,
        ..Policy::default()
    })
    .unwrap();
    for url in ["http://jenkins/", "http://a.internal/", "http://1.1.1.1/"] {
        outbound.check(url).unwrap();
    }
    assert!(matches!(
        outbound.check("http://127.0.0.1/"),
        Err(Error::Refused { .. })
    ));
}
