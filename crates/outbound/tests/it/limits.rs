//! Answers without end, in bytes, headers or time.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use spindrift_outbound::{Error, Method, Outbound, Part, Phase, Policy, Request};
use tokio::sync::Notify;

use crate::support::{Reply, Script, allowing, answer, local, ok, serve};

const MIB: u64 = 1024 * 1024;

fn body_limit(error: &Error) -> Option<u64> {
    match error {
        Error::TooLarge {
            part: Part::Body { limit },
            ..
        } => Some(*limit),
        _ => None,
    }
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit() {
    let chunked = || {
        let mut chunk = b"10000\r\n".to_vec();
        chunk.extend(vec![b'x'; 0x10000]);
        chunk.extend(b"\r\n");
        Reply::Endless(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
            chunk,
        )
    };
    let plain = || {
        Reply::Endless(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec(),
            vec![b'x'; 0x10000],
        )
    };
    let server = serve("127.0.0.1", move |request| {
        if request.starts_with("get /chunked") {
            chunked()
        } else {
            plain()
        }
    })
    .await;
    for path in ["/chunked", "/plain"] {
        let error = local()
            .send(Request::get(server.url(path)))
            .await
            .unwrap_err();
        assert_eq!(body_limit(&error), Some(16 * MIB), "{error:?}");
        let request = Request {
            max_response_bytes: Some(1000),
            ..Request::get(server.url(path))
        };
        let error = local().send(request).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the response from {} has a body of more than 1000 bytes",
                server.address
            )
        );
    }
}

#[tokio::test]
async fn the_limit_is_exact_and_cannot_be_raised_by_a_request() {
    let server = serve("127.0.0.1", |_| ok("0123456789")).await;
    let policy = Policy {
        max_response_bytes: 10,
        ..allowing(&["127.0.0.0/8"])
    };
    let outbound = Outbound::new(policy).unwrap();
    let asking = |limit| Request {
        max_response_bytes: limit,
        ..Request::get(server.url("/"))
    };
    assert_eq!(
        outbound.send(asking(None)).await.unwrap().text(),
        "0123456789"
    );
    assert_eq!(
        outbound.send(asking(Some(10))).await.unwrap().text(),
        "0123456789"
    );
    assert_eq!(
        body_limit(&outbound.send(asking(Some(9))).await.unwrap_err()),
        Some(9)
    );
    let server = serve("127.0.0.1", |_| ok("0123456789a")).await;
    let asking = Request {
        max_response_bytes: Some(1000),
        ..Request::get(server.url("/"))
    };
    assert_eq!(
        body_limit(&outbound.send(asking).await.unwrap_err()),
        Some(10)
    );
}

#[tokio::test]
async fn a_declared_length_is_believed_at_once() {
    let server = serve("127.0.0.1", |_| {
        Reply::Stuck(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec())
    })
    .await;
    let error = local()
        .send(Request::get(server.url("/")))
        .await
        .unwrap_err();
    assert_eq!(body_limit(&error), Some(16 * MIB));
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn fetch_encoded(coding: &str, body: Vec<u8>) -> Result<spindrift_outbound::Response, Error> {
    let header = format!("content-encoding: {coding}");
    let server = serve("127.0.0.1", move |_| {
        Reply::Bytes(answer("200 OK", &[&header], &body))
    })
    .await;
    local().send(Request::get(server.url("/"))).await
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    let text = "spindrift ".repeat(1000);
    let mut members = gzip(&text.as_bytes()[..50]);
    members.extend(gzip(&text.as_bytes()[50..]));
    for (coding, body) in [
        ("gzip", gzip(text.as_bytes())),
        ("X-GZIP", members),
        ("deflate", deflate(text.as_bytes())),
    ] {
        let response = fetch_encoded(coding, body).await.unwrap();
        assert_eq!(response.text(), text, "{coding}");
        assert_eq!(
            (
                response.header("content-encoding"),
                response.header("content-length")
            ),
            (None, None)
        );
    }
    assert_eq!(
        fetch_encoded("identity", b"plain".to_vec())
            .await
            .unwrap()
            .text(),
        "plain"
    );
}

#[tokio::test]
async fn a_compressed_bomb_ends_at_the_limit() {
    let zeros = vec![0; 64 * MIB as usize];
    for (coding, bomb) in [("gzip", gzip(&zeros)), ("deflate", deflate(&zeros))] {
        assert!((bomb.len() as u64) < MIB);
        assert_eq!(
            body_limit(&fetch_encoded(coding, bomb).await.unwrap_err()),
            Some(16 * MIB),
            "{coding}"
        );
    }
    // Empty members: input without end and output without a byte.
    let member = gzip(b"");
    let server = serve("127.0.0.1", move |_| {
        let head =
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n".to_vec();
        Reply::Endless(head, member.repeat(1000))
    })
    .await;
    let request = Request {
        max_response_bytes: Some(MIB),
        ..Request::get(server.url("/"))
    };
    assert_eq!(
        body_limit(&local().send(request).await.unwrap_err()),
        Some(MIB)
    );
}

#[tokio::test]
async fn broken_and_unknown_encodings_are_errors() {
    let mut cut = gzip(b"a body that is cut short");
    cut.truncate(20);
    for (coding, body) in [
        ("gzip", b"no gzip at all".to_vec()),
        ("gzip", cut),
        ("br", b"x".to_vec()),
        ("gzip, gzip", gzip(&gzip(b"x"))),
        ("gzip\r\ncontent-encoding: gzip", gzip(&gzip(b"x"))),
    ] {
        let error = fetch_encoded(coding, body).await.unwrap_err();
        assert!(
            matches!(error, Error::Encoding { .. }),
            "{coding}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_head_has_no_body_to_decode() {
    let server = serve("127.0.0.1", |_| {
        Reply::Bytes(
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 50\r\n\r\n".to_vec(),
        )
    })
    .await;
    let response = local()
        .send(Request::new(Method::HEAD, server.url("/")))
        .await
        .unwrap();
    assert_eq!(
        (response.body.len(), response.header("content-length")),
        (0, Some("50"))
    );
}

#[tokio::test]
async fn headers_have_limits() {
    let with = |count: usize, size: usize| {
        let headers: Vec<String> = (0..count)
            .map(|at| format!("x-{at}: {}", "v".repeat(size)))
            .collect();
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        answer("200 OK", &headers, b"")
    };
    // Many, large, and both beyond what the buffer of a connection takes.
    for (count, size) in [(10_000, 10), (150, 1), (50, 5_000), (90, 100_000)] {
        let bytes = with(count, size);
        let server = serve("127.0.0.1", move |_| Reply::Bytes(bytes.clone())).await;
        let error = local()
            .send(Request::get(server.url("/")))
            .await
            .unwrap_err();
        let limit = Part::Headers {
            count: 100,
            bytes: 64 * 1024,
        };
        assert!(
            matches!(&error, Error::TooLarge { part, .. } if *part == limit),
            "{count} x {size}: {error:?}"
        );
    }
    let bytes = with(150, 1);
    let server = serve("127.0.0.1", move |_| Reply::Bytes(bytes.clone())).await;
    let outbound = Outbound::new(Policy {
        max_response_headers: 200,
        ..allowing(&["127.0.0.0/8"])
    })
    .unwrap();
    assert_eq!(
        outbound
            .send(Request::get(server.url("/")))
            .await
            .unwrap()
            .headers
            .len(),
        151
    );

    let endless = serve("127.0.0.1", |_| {
        Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".repeat(100))
    })
    .await;
    let error = local()
        .send(Request::get(endless.url("/")))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooLarge {
                part: Part::Headers { .. },
                ..
            }
        ),
        "{error:?}"
    );
}

async fn timed_out(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Phase {
    let server = serve("127.0.0.1", move |_| reply()).await;
    let request = Request {
        timeout: Some(Duration::from_millis(200)),
        ..Request::get(server.url("/"))
    };
    let started = Instant::now();
    let error = local().send(request).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(error.is_transient() && !error.is_unsent(), "{error:?}");
    match error {
        Error::Timeout { phase, after, .. } if after == Duration::from_millis(200) => phase,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn slow_answers_end() {
    assert_eq!(timed_out(|| Reply::Stuck(Vec::new())).await, Phase::Answer);
    assert_eq!(
        timed_out(|| Reply::Stuck(b"HTTP/1.1 200 OK\r\nx-".to_vec())).await,
        Phase::Answer
    );
    assert_eq!(
        timed_out(|| Reply::Stuck(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1234".to_vec()))
            .await,
        Phase::Body
    );
    // Always a little more, so that no pause is ever long.
    let drip = || {
        Reply::Endless(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
            b"1\r\nx\r\n".to_vec(),
        )
    };
    assert_eq!(timed_out(drip).await, Phase::Body);
}

#[tokio::test]
async fn a_host_that_does_not_connect_ends_at_the_connect_timeout() {
    struct Silent;
    impl spindrift_outbound::Resolver for Silent {
        fn resolve(&self, _host: &str) -> spindrift_outbound::Resolving {
            Box::pin(std::future::pending())
        }
    }
    let policy = Policy {
        connect_timeout_ms: 50,
        ..Policy::default()
    };
    let outbound = Outbound::with_resolver(policy, Arc::new(Silent)).unwrap();
    let error = outbound
        .send(Request::get("http://silent.example/"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Timeout {
                phase: Phase::Connect,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "silent.example took longer than 50ms to connect"
    );
    assert!(error.is_unsent());
}

#[tokio::test]
async fn concurrency_is_limited_per_host_and_in_all() {
    let policies = [
        Policy {
            max_concurrent_per_host: 1,
            ..allowing(&["127.0.0.0/8"])
        },
        Policy {
            max_concurrent: 1,
            ..allowing(&["127.0.0.0/8"])
        },
    ];
    for (policy, other_host_waits) in policies.into_iter().zip([false, true]) {
        let release = Arc::new(Notify::new());
        let arrived = Arc::new(Notify::new());
        let (signal, knock) = (release.clone(), arrived.clone());
        let server = serve("127.0.0.1", move |_| {
            knock.notify_one();
            Reply::After(signal.clone(), answer("200 OK", &[], b"done"))
        })
        .await;
        let other = serve("127.0.0.1", |_| ok("other")).await;
        let outbound = Outbound::new(policy).unwrap();
        let first = tokio::spawn({
            let (outbound, url) = (outbound.clone(), server.url("/first"));
            async move { outbound.send(Request::get(url)).await }
        });
        arrived.notified().await;
        let hurried = |url| Request {
            timeout: Some(Duration::from_millis(100)),
            ..Request::get(url)
        };
        let error = outbound
            .send(hurried(server.url("/second")))
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::Timeout {
                    phase: Phase::Queue,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.is_unsent());
        assert_eq!(
            outbound.send(hurried(other.url("/"))).await.is_err(),
            other_host_waits
        );
        release.notify_one();
        assert_eq!(first.await.unwrap().unwrap().text(), "done");
        assert_eq!(server.seen().len(), 1);
        assert_eq!(
            outbound
                .send(Request::get(other.url("/")))
                .await
                .unwrap()
                .text(),
            "other"
        );
    }
}

#[tokio::test]
async fn broken_answers_are_told_from_refused_connections() {
    let server = serve("127.0.0.1", |_| Reply::Close).await;
    let error = local()
        .send(Request::post(server.url("/"), "x"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Disconnected { .. }) && !error.is_unsent(),
        "{error:?}"
    );
    let server = serve("127.0.0.1", |_| {
        Reply::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec())
    })
    .await;
    let error = local()
        .send(Request::get(server.url("/")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Disconnected { .. }), "{error:?}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = local().send(Request::get(url)).await.unwrap_err();
    assert!(
        matches!(error, Error::Connect { .. }) && error.is_unsent(),
        "{error:?}"
    );
    assert!(error.to_string().contains("refused"), "{error}");

    let outbound =
        Outbound::with_resolver(allowing(&["127.0.0.0/8"]), Script::new(&[&["127.0.0.1"]]))
            .unwrap();
    let server = serve("127.0.0.1", |_| {
        Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1".to_vec())
    })
    .await;
    let request = Request {
        timeout: Some(Duration::from_millis(200)),
        ..Request::get(server.url("/"))
    };
    assert!(matches!(
        outbound.send(request).await,
        Err(Error::Timeout {
            phase: Phase::Body,
            ..
        })
    ));
}
