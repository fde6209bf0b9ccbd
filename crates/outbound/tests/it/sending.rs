//! Ordinary requests arrive whole, and their framing is ours.

use spindrift_outbound::{Error, Method, Outbound, Request};

use crate::support::{Reply, allowing, answer, local, ok, serve};

#[tokio::test]
async fn a_request_arrives_and_its_answer_comes_back() {
    let server = serve("127.0.0.1", |_| {
        Reply::Bytes(answer(
            "201 Created",
            &["X-Twice: a", "X-Twice: b", "content-type: application/json"],
            b"{\"id\":7}",
        ))
    })
    .await;
    let request = Request {
        method: Method::PUT,
        ..Request::post(server.url("/a/b?c=d"), "{\"x\":1}")
    }
    .header("Content-Type", "application/json")
    .header("X-Many", "1")
    .header("X-Many", "2");
    let response = local().send(request).await.unwrap();
    assert_eq!(response.status, 201);
    assert!(response.is_success());
    assert_eq!(response.json::<serde_json::Value>().unwrap()["id"], 7);
    let twice: Vec<&str> = response
        .headers
        .iter()
        .filter(|(name, _)| name == "x-twice")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(twice, ["a", "b"]);
    assert_eq!(response.final_url, server.url("/a/b?c=d"));
    let seen = server.seen();
    assert!(
        seen[0].starts_with("put /a/b?c=d http/1.1\r\n"),
        "{}",
        seen[0]
    );
    for part in [
        "x-many: 1",
        "x-many: 2",
        "content-length: 7",
        "user-agent: spindrift/",
        "accept-encoding: gzip",
        "\r\n\r\n{\"x\":1}",
    ] {
        assert!(seen[0].contains(part), "{part}: {}", seen[0]);
    }
}

#[tokio::test]
async fn every_status_is_an_answer() {
    for status in [
        "204 No Content",
        "400 Bad Request",
        "401 Unauthorized",
        "404 Not Found",
        "429 Too Many Requests",
        "503 Service Unavailable",
    ] {
        let server = serve("127.0.0.1", move |_| {
            Reply::Bytes(answer(status, &["retry-after: 5"], b""))
        })
        .await;
        let response = local().send(Request::get(server.url("/"))).await.unwrap();
        assert_eq!(response.status.to_string(), status[..3]);
        assert_eq!(response.header("Retry-After"), Some("5"));
    }
}

#[tokio::test]
async fn framing_headers_are_computed() {
    let server = serve("127.0.0.1", |_| ok("")).await;
    let request = Request::post(server.url("/"), "four")
        .header("Content-Length", "9999")
        .header("Connection", "close")
        .header("Keep-Alive", "1");
    local().send(request).await.unwrap();
    let seen = server.seen().remove(0);
    assert!(
        seen.contains("content-length: 4\r\n")
            && !seen.contains("9999")
            && !seen.contains("keep-alive"),
        "{seen}"
    );

    for (name, value) in [
        ("Host", "evil.example"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2c"),
        ("TE", "trailers"),
        ("Expect", "100-continue"),
    ] {
        let error = local()
            .send(Request::get(server.url("/")).header(name, value))
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::InvalidRequest { .. }),
            "{name}: {error:?}"
        );
    }
    for (name, value) in [
        ("X-A", "b\r\nX-Evil: 1"),
        ("X A", "b"),
        ("", "b"),
        ("X-A\r\nX-Evil", "b"),
        ("X-A", "b\0"),
    ] {
        let error = local()
            .send(Request::get(server.url("/")).header(name, value))
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::InvalidRequest { .. }),
            "{name:?}: {error:?}"
        );
    }
    for method in [Method::CONNECT, Method::TRACE] {
        let error = local()
            .send(Request::new(method, server.url("/")))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn cookies_are_not_kept() {
    let server = serve("127.0.0.1", |_| {
        Reply::Bytes(answer("200 OK", &["set-cookie: a=b; Path=/"], b""))
    })
    .await;
    let outbound = local();
    for _ in 0..2 {
        outbound.send(Request::get(server.url("/"))).await.unwrap();
    }
    assert!(server.seen().iter().all(|seen| !seen.contains("cookie")));
}

#[tokio::test]
async fn the_system_resolver_is_asked() {
    let server = serve("127.0.0.1", |_| ok("home")).await;
    let url = format!("http://localhost:{}/", server.address.port());
    let outbound = Outbound::new(allowing(&["localhost"])).unwrap();
    assert_eq!(
        outbound.send(Request::get(&url)).await.unwrap().text(),
        "home"
    );
    let gone = Outbound::new(allowing(&["*.invalid"]))
        .unwrap()
        .send(Request::get("http://gone.invalid/"))
        .await;
    assert!(matches!(gone, Err(Error::UnknownHost { .. })), "{gone:?}");
}
