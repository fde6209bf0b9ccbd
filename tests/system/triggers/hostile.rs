//! Hooks that mean no good.

use std::io::{Read, Write};

use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::{SECRET, deliver, on_push, post, push, runs, signature, started, triggered};
use crate::support::http::{connect, raw};
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

#[test]
fn what_is_not_signed_as_the_trigger_asks_starts_nothing() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    server.save(triggered("release", &[on_push("main")]));
    let body = push("main", "abc");
    let good = signature(SECRET, body.as_bytes());
    let sha1 = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).unwrap();
    let sha1 = sha1.chain_update(&body).finalize().into_bytes();
    let sha1: String = sha1.iter().map(|byte| format!("{byte:02x}")).collect();
    let sha1 = format!("sha1={sha1}");
    let (foreign, other_body) = (
        signature("guess", body.as_bytes()),
        signature(SECRET, b"{}"),
    );
    let zeros = format!("sha256={}", "0".repeat(64));
    let table: [(&str, &[(&str, &str)]); 10] = [
        ("none", &[]),
        ("empty", &[("X-Hub-Signature-256", "")]),
        ("truncated", &[("X-Hub-Signature-256", &good[..40])]),
        ("longer", &[("X-Hub-Signature-256", &format!("{good}00"))]),
        ("zeros", &[("X-Hub-Signature-256", &zeros)]),
        ("of another secret", &[("X-Hub-Signature-256", &foreign)]),
        ("of another body", &[("X-Hub-Signature-256", &other_body)]),
        ("right, but SHA-1", &[("X-Hub-Signature", &sha1)]),
        (
            "right SHA-1 beside a wrong SHA-256",
            &[("X-Hub-Signature", &sha1), ("X-Hub-Signature-256", &zeros)],
        ),
        (
            "GitLab's token instead",
            &[("X-Gitlab-Token", SECRET), ("X-Hub-Signature-256", &zeros)],
        ),
    ];
    for (name, headers) in table {
        let answer = post(&server, "/webhooks/git/github", headers, body.as_bytes()).unwrap();
        let answer = answer.with_status(200).json();
        assert_eq!(started(&answer).len(), 0, "{name}: {answer:#}");
        assert_eq!(answer["verdicts"][0]["code"], "trigger.signature", "{name}");
    }
    assert_eq!(runs(&server, "release").len(), 0);
    // The same bytes with the right signature still count.
    let answer = deliver(&server, "d1", &body).unwrap().json();
    assert_eq!(started(&answer).len(), 1, "{answer:#}");
    let log = server.log();
    assert!(!log.contains("Everybody") && !log.contains(&good), "{log}");
}

#[test]
fn bodies_that_are_too_large_or_packed_cost_nothing() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    post(&server, "/webhooks/webhook/ci", &[], b"{}")
        .unwrap()
        .with_status(200);
    let before = server.memory("VmHWM");
    // 100 MB that are announced are refused before they are sent.
    let announced = raw(
        server.address,
        b"POST /webhooks/webhook/ci HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n",
    );
    assert!(announced.unwrap().starts_with("HTTP/1.1 413 "));
    // 100 MB in chunks are cut off.
    let mut stream = connect(server.address).unwrap();
    stream
        .write_all(b"POST /webhooks/webhook/ci HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 0x10_0000], b"\r\n"].concat();
    let sent = (0..100)
        .take_while(|_| stream.write_all(&chunk).is_ok())
        .count();
    assert!(sent < 100, "the server took everything");
    let mut answer = Vec::new();
    // Hanging up on bytes that nobody has read may reset the connection before the answer is read.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 413 "),
        "{answer}"
    );
    // Nothing is ever unpacked.
    let bomb = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0xff];
    for coding in ["gzip", "br", "deflate", "zstd", "gzip, gzip"] {
        let headers = [("Content-Encoding", coding)];
        post(&server, "/webhooks/webhook/ci", &headers, &bomb)
            .unwrap()
            .with_status(415);
    }
    let deep = "[".repeat(50_000);
    post(&server, "/webhooks/webhook/ci", &[], deep.as_bytes())
        .unwrap()
        .with_status(400);
    let grown = server.memory("VmHWM") - before;
    assert!(grown < 64 * 1024, "the server grew by {grown} KiB");
    let events = server.get("/events").with_status(200).json();
    assert_eq!(events.as_array().unwrap().len(), 1);
}

#[test]
fn half_a_hook_is_no_hook() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    let mut stream = connect(server.address).unwrap();
    stream
        .write_all(b"POST /webhooks/webhook/ci HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"a\": ")
        .unwrap();
    drop(stream);
    post(&server, "/webhooks/webhook/ci", &[], b"{\"a\": ")
        .unwrap()
        .with_status(400);
    let events = server.get("/events").with_status(200).json();
    assert_eq!(events, serde_json::json!([]));
}
