//! The server over TCP: what a router alone does not show.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use spindrift_api::{ApiOptions, Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{Api, waiting};

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn of(api: &Api) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let state = api.state.clone();
        let task = tokio::spawn(serve(listener, state, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop,
            task,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own, and reads until the server closes it.
    async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        read(&mut stream).await
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let ended =
        tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    // A server that refuses what it has not read to the end may reset the connection.
    let _ = ended.expect("the server never ended the connection");
    String::from_utf8(answer).unwrap()
}

fn plain(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn the_status_line_says_why() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let server = Server::of(&api).await;
    let same = json!({"name": "Release", "application": "shop"}).to_string();
    let first = |answer: &str| answer.lines().next().unwrap_or_default().to_owned();
    for (request, line) in [
        (plain("GET", "/version", ""), "HTTP/1.1 200 OK"),
        (
            plain("GET", "/pipelines/nothing", ""),
            "HTTP/1.1 404 there is no execution nothing",
        ),
        (
            plain("POST", "/pipelines", &same),
            "HTTP/1.1 400 A pipeline with name Release already exists in application shop",
        ),
        (
            plain("GET", "/pipelines/gr%C3%B6%C3%9Fe", ""),
            "HTTP/1.1 404 Not Found",
        ),
    ] {
        assert_eq!(first(&server.exchange(&request).await), line);
    }
}

#[tokio::test]
async fn a_malformed_request_is_answered_or_cut_off() {
    let api = Api::new();
    let server = Server::of(&api).await;
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "x".repeat(1_000_000)
    );
    let headers: String = (0..10_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = format!("GET /version HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    let table = [
        (long, vec!["414", "431", ""]),
        (many, vec!["431", ""]),
        ("GET /version HTTP/1.1\r\n\r\n".to_owned(), vec!["400"]),
        ("nonsense\r\n\r\n".to_owned(), vec!["400"]),
        (
            "POST /pipelines HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /version HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
            vec!["400"],
        ),
        (
            "POST /pipelines HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello".to_owned(),
            vec!["400"],
        ),
        ("GET http://evil.example/version HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".to_owned(), vec!["400"]),
    ];
    for (request, expected) in table {
        let shown = request[..request.len().min(60)].to_owned();
        let mut stream = server.connect().await;
        // The server may stop reading before everything is written.
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.shutdown().await;
        let answer = read(&mut stream).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(expected.contains(&status), "{shown}: {answer}");
        assert!(answer.matches("HTTP/1.1").count() <= 1, "{shown}: {answer}");
    }
    assert!(
        server
            .exchange(&plain("GET", "/version", ""))
            .await
            .contains("200 OK")
    );
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let api = Api::with(ApiOptions {
        limits: Limits {
            head_time: Duration::from_millis(200),
            body_time: Duration::from_millis(200),
            ..Limits::default()
        },
        ..ApiOptions::default()
    });
    let server = Server::of(&api).await;
    let mut silent = server.connect().await;
    silent.write_all(b"GET /version HT").await.unwrap();
    assert_eq!(read(&mut silent).await, "");
    let slow = "POST /pipelines HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{";
    assert!(
        server
            .exchange(slow)
            .await
            .starts_with("HTTP/1.1 408 the body did not arrive within")
    );
}

#[tokio::test]
async fn a_shutdown_ends_the_streams_and_the_server() {
    let api = Api::new();
    api.save(waiting("release")).await;
    let id = api.start("release", json!({})).await;
    let server = Server::of(&api).await;
    let mut stream = server.connect().await;
    let request = format!("GET /executions/{id}/events HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.contains("event: snapshot") {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.unwrap();
        assert_ne!(length, 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
    server.stop.send(()).unwrap();
    read(&mut stream).await;
    tokio::time::timeout(Duration::from_secs(20), server.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    assert_eq!(api.get("/ready").await.status, 503);
}

#[tokio::test]
async fn without_tokens_the_server_does_not_listen_to_the_world() {
    let api = Api::new();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let error = serve(listener, api.state.clone(), std::future::pending())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("configure tokens"), "{error}");
}
