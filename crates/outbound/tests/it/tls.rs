//! Encrypted connections: whom they trust, and what redirects may do to them.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use spindrift_outbound::{Error, Outbound, Policy, Request, Rule};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::support::{Reply, Script, Server, allowing, ok, redirect, serve, serve_with};

/// A server for `secure.example` with an authority of its own, whose certificate is in a file.
struct Secure {
    server: Server,
    ca_file: PathBuf,
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ca_file);
    }
}

impl Secure {
    async fn start(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Secure {
        spindrift_outbound::install_crypto_provider();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["secure.example".to_owned()])
            .unwrap()
            .signed_by(&key, &ca)
            .unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = serve_with("127.0.0.1", script, move |stream: TcpStream| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(stream).await.ok() }
        })
        .await;
        let ca_file = std::env::temp_dir().join(format!(
            "spindrift-outbound-{}-{}.pem",
            std::process::id(),
            server.address.port()
        ));
        std::fs::write(&ca_file, ca.pem()).unwrap();
        Secure { server, ca_file }
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.server.address.port())
    }

    fn trusting(&self) -> Policy {
        Policy {
            ca_files: vec![self.ca_file.clone()],
            ..allowing(&["127.0.0.0/8"])
        }
    }
}

fn client(policy: Policy) -> Outbound {
    Outbound::with_resolver(policy, Script::new(&[&["127.0.0.1"]])).unwrap()
}

#[tokio::test]
async fn certificates_are_verified_with_the_given_authorities() {
    let secure = Secure::start(|_| ok("sealed")).await;
    let response = client(secure.trusting())
        .send(Request::get(secure.url("secure.example")))
        .await
        .unwrap();
    assert_eq!(response.text(), "sealed");
    let other_name = client(secure.trusting())
        .send(Request::get(secure.url("other.example")))
        .await
        .unwrap_err();
    let unknown_issuer = client(allowing(&["127.0.0.0/8"]))
        .send(Request::get(secure.url("secure.example")))
        .await
        .unwrap_err();
    for (error, expected) in [
        (other_name, "not valid for name"),
        (unknown_issuer, "UnknownIssuer"),
    ] {
        assert!(
            matches!(error, Error::Connect { .. }) && error.to_string().contains(expected),
            "{error}"
        );
    }
    assert_eq!(secure.server.seen().len(), 1);
}

#[tokio::test]
async fn verification_is_skipped_for_listed_hosts_only() {
    let secure = Secure::start(|_| ok("sealed")).await;
    let policy = Policy {
        danger_accept_invalid_certs: vec!["lab.example".parse().unwrap()],
        ..allowing(&["127.0.0.0/8"])
    };
    let outbound = client(policy);
    assert_eq!(
        outbound
            .send(Request::get(secure.url("lab.example")))
            .await
            .unwrap()
            .text(),
        "sealed"
    );
    assert!(matches!(
        outbound
            .send(Request::get(secure.url("secure.example")))
            .await,
        Err(Error::Connect { .. })
    ));
}

#[tokio::test]
async fn a_chain_over_https_cannot_end_in_a_file() {
    let secure = Secure::start(|_| redirect("302 Found", "file:///etc/passwd")).await;
    let to = secure.url("secure.example");
    let first = serve("127.0.0.1", move |_| redirect("302 Found", &to)).await;
    let error = client(secure.trusting())
        .send(Request::get(first.url("/")))
        .await
        .unwrap_err();
    assert!(
        matches!(error.cause(), Error::BadRedirect { host, .. } if host.starts_with("secure.example")),
        "{error:?}"
    );
    assert_eq!(secure.server.seen().len(), 1);
}

#[tokio::test]
async fn https_is_not_left_unless_allowed() {
    let plain = serve("127.0.0.1", |_| ok("in the clear")).await;
    let to = plain.url("/");
    let secure = Secure::start(move |_| redirect("302 Found", &to)).await;
    let request = || Request::get(secure.url("secure.example")).header("Authorization", "hidden");
    let error = client(secure.trusting()).send(request()).await.unwrap_err();
    assert!(
        matches!(
            error.cause(),
            Error::Refused {
                rule: Rule::Downgrade,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!error.is_unsent(), "the first host has seen the request");
    assert_eq!(plain.connections(), 0);
    let lenient = Policy {
        allow_downgrade: true,
        ..secure.trusting()
    };
    assert_eq!(
        client(lenient).send(request()).await.unwrap().text(),
        "in the clear"
    );
    assert!(!plain.seen()[0].contains("hidden"));
}
