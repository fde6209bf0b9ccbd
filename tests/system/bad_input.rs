//! Hostile and broken requests over real sockets: each ends in a clear answer, and the server goes on.

use std::io::{BufReader, Write};
use std::net::Shutdown;
use std::sync::LazyLock;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::http::{Answer, Request, answer, connect, raw, send};
use crate::support::pipelines::{judgment, pipeline, wait};
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, Server};

fn server() -> (Scratch, Server) {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    (scratch, server)
}

fn post(server: &Server, body: &[u8]) -> Answer {
    let request = Request {
        method: "POST",
        path: "/pipelines",
        headers: &[],
        body: Some(body),
    };
    send(server.address, &request).unwrap()
}

/// Sends a request as it is written, and answers with the status lines that come back.
fn statuses(server: &Server, request: &str) -> Vec<u16> {
    let answers = raw(server.address, request.as_bytes()).unwrap();
    let lines = answers
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    lines.map(|line| line[..3].parse().unwrap()).collect()
}

#[test]
fn a_body_of_100_mb_is_refused_early_and_costs_no_memory() {
    const SIZE: usize = 100 << 20;
    let (_scratch, server) = server();
    let before = server.memory("VmHWM");
    let block = vec![b'x'; 1 << 16];

    let begin = Instant::now();
    let mut stream = connect(server.address).unwrap();
    let head = format!(
        "POST /pipelines HTTP/1.1\r\nHost: {}\r\nContent-Length: {SIZE}\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Nothing of the body is sent: its announcement is enough.
    let refused = answer(&mut BufReader::new(&stream))
        .unwrap()
        .with_status(413);
    assert!(
        refused.message().contains("at most 10485760 bytes"),
        "{}",
        refused.message()
    );
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());

    for chunked in [false, true] {
        let mut stream = connect(server.address).unwrap();
        let length = match chunked {
            true => "Transfer-Encoding: chunked".to_owned(),
            false => format!("Content-Length: {SIZE}"),
        };
        let head = format!(
            "POST /pipelines HTTP/1.1\r\nHost: {}\r\n{length}\r\n\r\n",
            server.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut sent = 0;
        while sent < SIZE {
            let begin = if chunked {
                format!("{:x}\r\n", block.len())
            } else {
                String::new()
            };
            let end = if chunked { "\r\n" } else { "" };
            let parts = [begin.as_bytes(), &block, end.as_bytes()].concat();
            // The server hangs up once it has seen too much.
            if stream.write_all(&parts).is_err() {
                break;
            }
            sent += block.len();
        }
        assert!(sent < SIZE, "all of it was read");
        // The answer is lost when the bytes behind it reset the connection.
        if let Ok(refused) = answer(&mut BufReader::new(&stream)) {
            assert_eq!(refused.status, 413);
        }
    }
    let grown = server.memory("VmHWM") - before;
    assert!(grown < 64 << 10, "it took {grown} KiB");
    server.get("/health").with_status(200);
}

#[test]
fn many_large_bodies_at_once_take_bounded_memory() {
    let (_scratch, server) = server();
    let body = format!("{{\"name\": \"{}\"", "x".repeat(9 << 20));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| post(&server, body.as_bytes()).with_status(400));
        }
    });
    let peak = server.memory("VmHWM");
    assert!(peak < 512 << 10, "it took {peak} KiB");
    server.get("/health").with_status(200);
}

#[test]
fn broken_json_is_refused_with_its_place() {
    let (_scratch, server) = server();
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let twice = "{\"name\": \"a\",\n \"stages\": [{\"type\": \"wait\", \"type\": \"x\"}]}";
    let table: [(&str, &str); 8] = [
        (&deep, "deep"),
        (&objects, "deep"),
        (twice, "\"type\" appears twice at line 2"),
        ("{\"name\": ", "line 1"),
        ("[1, 2", "line 1"),
        ("{} {}", "line 1"),
        ("[]", "a pipeline is a JSON object, but this is a list"),
        ("{\"name\": \"\\ud800\"}", "line 1"),
    ];
    for (body, message) in table {
        let refused = post(&server, body.as_bytes()).with_status(400);
        let shown = &body[..body.len().min(40)];
        assert!(
            refused.message().contains(message),
            "{shown}: {}",
            refused.message()
        );
        assert!(
            refused.body.len() < 4_000,
            "{shown}: {} bytes",
            refused.body.len()
        );
    }
    let binary = post(&server, &[b'"', 0xff, 0xfe, b'"']).with_status(400);
    assert!(binary.message().contains("JSON"), "{}", binary.message());
}

#[test]
fn graphs_that_cannot_run_are_refused() {
    let (_scratch, server) = server();
    let long: Vec<Value> = (0..3_000)
        .map(|n| wait(&n.to_string(), &[&((n + 1) % 3_000).to_string()], 0))
        .collect();
    let table = [
        (vec![wait("1", &["1"], 0)], "\"1\""),
        (vec![wait("a", &["b"], 0), wait("b", &["a"], 0)], "\"a\""),
        (vec![wait("1", &[], 0), wait("1", &[], 0)], "\"1\""),
        (vec![wait("1", &["nobody"], 0)], "\"nobody\""),
        (long, "\"0\""),
    ];
    for (stages, named) in table {
        let refused = server.call("POST", "/pipelines", Some(pipeline("bad", &stages)));
        let refused = refused.with_status(400);
        assert!(refused.message().contains(named), "{}", refused.message());
        let errors = refused.json()["errors"].clone();
        assert!(
            errors[0]["pointer"]
                .as_str()
                .unwrap()
                .starts_with("/stages"),
            "{errors}"
        );
    }
    server
        .get("/applications/test/pipelineConfigs/bad")
        .with_status(404);
}

/// Saves and runs 10,000 stages.
fn run_10_000(stages: &[Value]) {
    let (_scratch, server) = server();
    assert_eq!(stages.len(), 10_000);
    let begin = Instant::now();
    server.save(pipeline("large", stages));
    let id = server.start("test/large", json!({}));
    assert_eq!(server.end(&id), "SUCCEEDED");
    println!("10,000 stages ended after {:?}", begin.elapsed());
    let execution = server.execution(&id);
    let stages = execution["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 10_000);
    assert!(stages.iter().all(|stage| stage["status"] == "SUCCEEDED"));
}

#[test]
fn a_fan_of_10_000_stages_runs() {
    let names: Vec<String> = (0..9_998).map(|n| format!("m{n}")).collect();
    let middle: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut stages = vec![wait("first", &[], 0)];
    stages.extend(middle.iter().map(|name| wait(name, &["first"], 0)));
    stages.push(wait("last", &middle, 0));
    run_10_000(&stages);
}

#[test]
fn a_chain_of_10_000_stages_runs() {
    let names: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let behind = |pair: &[String]| wait(&pair[1], &[&pair[0]], 0);
    let mut stages = vec![wait("0", &[], 0)];
    stages.extend(names.windows(2).map(behind));
    run_10_000(&stages);
}

#[test]
fn a_slow_body_is_given_up_and_holds_up_nobody() {
    let (_scratch, server) = server();
    let slow: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = connect(server.address).unwrap();
            let head = format!(
                "POST /pipelines HTTP/1.1\r\nHost: {}\r\nContent-Length: 100\r\n\r\n{{",
                server.address
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let half: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = connect(server.address).unwrap();
            stream
                .write_all(b"POST /pipelines HTTP/1.1\r\nHost:")
                .unwrap();
            stream
        })
        .collect();
    let begin = Instant::now();
    server.get("/health").with_status(200);
    server.save(pipeline("meanwhile", &[]));
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
    for stream in slow {
        let refused = answer(&mut BufReader::new(stream))
            .unwrap()
            .with_status(408);
        assert!(
            refused.message().contains("did not arrive within"),
            "{}",
            refused.message()
        );
    }
    for stream in half {
        // A head that never ends is hung up on; what is said of it, if anything, is up to the protocol's layer.
        if let Ok(answer) = answer(&mut BufReader::new(stream)) {
            assert_eq!(answer.status, 408);
        }
    }
}

#[test]
fn heads_are_bounded() {
    let (_scratch, server) = server();
    let head = |headers: String| {
        format!(
            "GET /health HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
            server.address
        )
    };
    let many: String = (0..10_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let table = [
        (head(many), 431),
        (head(format!("X: {}\r\n", "y".repeat(200_000))), 431),
        (
            format!(
                "GET /{} HTTP/1.1\r\nHost: {}\r\n\r\n",
                "y".repeat(30_000),
                server.address
            ),
            414,
        ),
    ];
    for (request, status) in table {
        let shown = &request[..60];
        assert_eq!(statuses(&server, &request), [status], "{shown}");
    }
    server.get("/health").with_status(200);
}

/// A request in which two readers could see different ends must never let a second one pass.
#[test]
fn a_request_cannot_hide_another() {
    let (_scratch, server) = server();
    server.save(pipeline("asks", &[judgment("1", &[])]));
    let address = server.address;
    let hidden = format!(
        "POST /pipelines/test/asks HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n"
    );
    let outer = |headers: &str, body: &str| {
        format!("GET /version HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n{body}")
    };
    let length = hidden.len();
    let table = [
        // The end is that of the chunks for one reader, and that of the length for the other.
        outer(
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            &format!("0\r\n\r\n{hidden}"),
        ),
        outer(
            &format!(
                "Transfer-Encoding: chunked\r\nContent-Length: {}\r\n",
                length + 5
            ),
            &format!("0\r\n\r\n{hidden}"),
        ),
        outer(
            &format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
            &hidden,
        ),
        outer(
            &format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
            &hidden,
        ),
        outer(&format!("Content-Length: 0, {length}\r\n"), &hidden),
        outer("Content-Length: +0\r\n", &hidden),
        outer("Content-Length: -1\r\n", &hidden),
        outer("Content-Length: 0x0\r\n", &hidden),
        outer("Content-Length : 0\r\n", &hidden),
        outer(
            "Transfer-Encoding: chunked, identity\r\n",
            &format!("0\r\n\r\n{hidden}"),
        ),
        outer(
            "Transfer-Encoding: xchunked\r\n",
            &format!("0\r\n\r\n{hidden}"),
        ),
        outer(
            "Transfer-Encoding : chunked\r\n",
            &format!("0\r\n\r\n{hidden}"),
        ),
        outer(
            "Transfer-Encoding:\r\n chunked\r\n",
            &format!("0\r\n\r\n{hidden}"),
        ),
        outer(
            "Transfer-Encoding: chunked\r\n",
            &format!("0x0\r\n\r\n{hidden}"),
        ),
        outer(
            "Transfer-Encoding: chunked\r\n",
            &format!("-0\r\n\r\n{hidden}"),
        ),
        outer(
            "Transfer-Encoding: chunked\r\n",
            &format!("fffffffffffffffff\r\n{hidden}"),
        ),
        outer("X: a\rTransfer-Encoding: chunked\r\n", &hidden),
        outer("X: a\0b\r\n", &hidden),
    ];
    for request in &table {
        let seen = statuses(&server, request);
        assert!(seen.len() <= 1, "{seen:?} for {request:?}");
    }
    let executions = server.get("/applications/test/executions/search").json();
    assert_eq!(executions, json!([]), "a hidden request was served");
}

#[test]
fn requests_that_are_none_are_turned_away() {
    let (_scratch, server) = server();
    let host = format!("Host: {}\r\n", server.address);
    let end = "Connection: close\r\n\r\n";
    let table = [
        (format!("GET /version HTTP/1.1\r\n{end}"), &[400][..]),
        (
            format!("GET /version HTTP/1.1\r\n{host}Host: evil.example\r\n{end}"),
            &[400],
        ),
        (
            format!("GET /version HTTP/1.1\r\nHost: evil.example\r\n{end}"),
            &[403],
        ),
        (
            format!("GET http://evil.example/version HTTP/1.1\r\n{host}{end}"),
            &[400],
        ),
        (
            format!("CONNECT evil.example:443 HTTP/1.1\r\n{host}{end}"),
            &[400],
        ),
        (format!("GET /ver sion HTTP/1.1\r\n{host}{end}"), &[400]),
        ("GET /version HTTP/9.9\r\n\r\n".to_owned(), &[400]),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{7f}".to_owned(), &[400]),
        ("hello\r\n\r\n".to_owned(), &[400]),
        // The greeting of HTTP/2, to which HTTP/1.1 has no words.
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[]),
    ];
    for (request, expected) in table {
        assert_eq!(statuses(&server, &request), expected, "{request:?}");
    }
    server.get("/version").with_status(200);
}

#[test]
fn strange_paths_have_clear_answers() {
    let (_scratch, server) = server();
    let table = [
        ("//", 404),
        ("//pipelineConfigs", 404),
        ("/pipelines//", 404),
        ("/pipelines/%00", 400),
        ("/pipelines/a%0d%0ab", 400),
        ("/pipelines/%ff", 400),
        ("/pipelines/%", 404),
        ("/pipelines/%2e%2e", 404),
        ("/pipelines/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404),
        ("/pipelines/../../etc/passwd", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/applications/%2e%2e/pipelineConfigs/x", 404),
        ("/applications/..%2f..%2f/pipelineConfigs", 200),
        ("/applications/x/pipelines?limit=99999999999999999999", 400),
        ("/applications/x/executions/search?trigger=%00", 400),
        ("/pipelines/x;y=1", 404),
        ("/health?%00=%ff", 200),
    ];
    for (path, status) in table {
        let request = Request {
            method: "GET",
            path,
            headers: &[],
            body: None,
        };
        let answer = send(server.address, &request).unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        if status != 200 {
            assert!(!answer.message().is_empty(), "{path}");
            assert_eq!(answer.json()["status"], status);
        }
    }
}

#[test]
fn too_many_connections_are_survived() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).descriptors(64).start();
    let crowd: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = connect(server.address).unwrap();
            stream.write_all(b"GET /health HTTP/1.1\r\n").unwrap();
            stream
        })
        .collect();
    // The one that comes last is answered once there is room for it.
    std::thread::scope(|scope| {
        let last = scope.spawn(|| server.save(pipeline("late", &[wait("1", &[], 0)])));
        drop(crowd);
        last.join().unwrap();
    });
    let id = server.start("test/late", json!({}));
    assert_eq!(server.end(&id), "SUCCEEDED");
}

#[test]
fn callers_that_hang_up_harm_nobody() {
    static BODY: LazyLock<String> = LazyLock::new(|| pipeline("gone", &[]).to_string());
    let (_scratch, server) = server();
    for cut in (0..200).step_by(7) {
        let request = format!(
            "POST /pipelines HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{}",
            server.address,
            BODY.len(),
            *BODY
        );
        let mut stream = connect(server.address).unwrap();
        stream
            .write_all(&request.as_bytes()[..cut.min(request.len())])
            .unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    }
    server.get("/health").with_status(200);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
