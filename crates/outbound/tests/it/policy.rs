//! The configuration: defaults, its written form, and mistakes in it.

use spindrift_outbound::{Outbound, Policy, SetupError};

#[test]
fn an_empty_configuration_is_the_default() {
    let read: Policy = serde_json::from_str("{}").unwrap();
    assert_eq!(read, Policy::default());
    let again: Policy = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
}

#[test]
fn a_configuration_is_read() {
    let text = r#"{
        "allow": ["10.0.0.0/8", "jenkins:8080", "*.svc.cluster.local", "[fd00::7]:443"],
        "deny": ["10.0.0.1"],
        "host_rules": {"require_dot": false},
        "timeout_ms": 5000
    }"#;
    let policy: Policy = serde_json::from_str(text).unwrap();
    assert_eq!(policy.allow.len(), 4);
    assert_eq!(policy.deny[0].to_string(), "10.0.0.1");
    assert!(!policy.host_rules.require_dot && policy.host_rules.deny_literal_addresses);
    assert_eq!((policy.timeout_ms, policy.max_redirects), (5000, 5));
}

#[test]
fn mistakes_are_named() {
    let cases = [
        (
            r#"{"allow": ["http://a.example/"]}"#,
            "it is a URL; give its host",
        ),
        (
            r#"{"allow": ["10.0.0.0/40"]}"#,
            "the range is not address/length",
        ),
        (r#"{"alow": []}"#, "unknown field `alow`"),
        (r#"{"host_rules": {"dot": true}}"#, "unknown field `dot`"),
    ];
    for (text, expected) in cases {
        let error = serde_json::from_str::<Policy>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
    let cases = [
        (
            Policy {
                max_concurrent: 0,
                ..Policy::default()
            },
            "outbound.max_concurrent must be at least 1",
        ),
        (
            Policy {
                timeout_ms: 0,
                ..Policy::default()
            },
            "outbound.timeout_ms must be at least 1",
        ),
        (
            Policy {
                ca_files: vec!["/nonexistent.pem".into()],
                ..Policy::default()
            },
            "/nonexistent.pem",
        ),
        (
            Policy {
                user_agent: "a\nb".into(),
                ..Policy::default()
            },
            "outbound.user_agent",
        ),
        (
            Policy {
                danger_accept_invalid_certs: vec!["*.example".parse().unwrap()],
                ..Policy::default()
            },
            "*.example is more than one",
        ),
        (
            Policy {
                danger_accept_invalid_certs: vec!["10.0.0.0/8".parse().unwrap()],
                ..Policy::default()
            },
            "10.0.0.0/8 is more than one",
        ),
    ];
    for (policy, expected) in cases {
        let error: SetupError = Outbound::new(policy).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
