//! Chains of redirects: judged at every hop, with fewer headers at every other origin.

use spindrift_outbound::{Error, Method, Outbound, Policy, Request, Rule};

use crate::support::{Script, allowing, local, ok, redirect, serve};

#[tokio::test]
async fn every_hop_is_judged() {
    let inside = serve("127.0.0.2", |_| ok("secret")).await;
    let inside_url = inside.url("/");
    let cases: Vec<(String, &str)> = vec![
        (
            "http://169.254.169.254/latest/meta-data/".into(),
            "169.254.169.254 is a cloud metadata address",
        ),
        (
            "http://[::ffff:169.254.169.254]/".into(),
            "metadata address",
        ),
        ("//169.254.169.254/".into(), "metadata address"),
        ("/\\169.254.169.254/".into(), "metadata address"),
        ("http://2852039166/".into(), "metadata address"),
        ("http://metadata.google.internal/".into(), "metadata name"),
        ("http://localhost/".into(), "without a dot"),
        (inside_url, "127.0.0.2 is in the loopback range"),
        (
            "http://user:secret@ok.example/".into(),
            "redirects to an invalid URL: it contains credentials",
        ),
        (
            "file:///etc/passwd".into(),
            "redirects to an invalid URL: only http and https",
        ),
        (
            "gopher://ok.example/".into(),
            "redirects to an invalid URL: only http and https",
        ),
        ("http://ok.example:6379/".into(), "port 6379"),
        ("http://[".into(), "redirects to an invalid URL"),
    ];
    for (location, expected) in cases {
        let to = location.clone();
        let second = serve("127.0.0.1", move |_| redirect("302 Found", &to)).await;
        let next = second.url("/second");
        let first = serve("127.0.0.1", move |_| {
            redirect("307 Temporary Redirect", &next)
        })
        .await;
        let outbound = Outbound::new(allowing(&["127.0.0.1"])).unwrap();
        let error = outbound
            .send(Request::get(first.url("/first")))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{location}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(
            (first.connections(), second.connections()),
            (1, 1),
            "{location}"
        );
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_name_is_resolved_and_judged() {
    let first = serve("127.0.0.1", |_| {
        redirect("302 Found", "http://innocent.example/")
    })
    .await;
    let outbound =
        Outbound::with_resolver(allowing(&["127.0.0.1"]), Script::new(&[&["10.1.2.3"]])).unwrap();
    let error = outbound
        .send(Request::get(first.url("/")))
        .await
        .unwrap_err();
    assert!(matches!(error.cause(), Error::Refused { host, .. } if host == "innocent.example"));
    assert!(!error.is_unsent(), "the first host has seen the request");
    let expected = format!(
        "after a redirect from {}: innocent.example resolves to 10.1.2.3, which is in the private range",
        first.address
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn redirects_end() {
    let server = serve("127.0.0.1", |_| redirect("302 Found", "/again")).await;
    let error = local()
        .send(Request::get(server.url("/")))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::TooManyRedirects { limit: 5, .. }),
        "{error:?}"
    );
    assert_eq!(server.seen().len(), 6);

    let server = serve("127.0.0.1", |request| {
        match request.starts_with("get /5 ") {
            true => ok("there"),
            false => {
                let at: u32 = request[5..6].parse().unwrap();
                redirect("302 Found", &format!("/{}", at + 1))
            }
        }
    })
    .await;
    let response = local().send(Request::get(server.url("/0"))).await.unwrap();
    assert_eq!(
        (response.text().as_str(), response.final_url),
        ("there", server.url("/5"))
    );
}

#[tokio::test]
async fn a_redirect_is_the_answer_where_it_is_not_followed() {
    let server = serve("127.0.0.1", |_| {
        redirect("302 Found", "http://169.254.169.254/")
    })
    .await;
    let request = Request {
        follow_redirects: false,
        ..Request::get(server.url("/"))
    };
    let response = local().send(request).await.unwrap();
    assert_eq!(
        (response.status, response.header("Location")),
        (302, Some("http://169.254.169.254/"))
    );
    let server = serve("127.0.0.1", |_| {
        crate::support::Reply::Bytes(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec())
    })
    .await;
    assert_eq!(
        local()
            .send(Request::get(server.url("/")))
            .await
            .unwrap()
            .status,
        304
    );
}

#[tokio::test]
async fn the_method_changes_as_in_browsers() {
    let cases = [
        ("301 Moved Permanently", Method::POST, "get /to ", ""),
        ("302 Found", Method::POST, "get /to ", ""),
        ("303 See Other", Method::POST, "get /to ", ""),
        ("303 See Other", Method::PUT, "get /to ", ""),
        (
            "307 Temporary Redirect",
            Method::POST,
            "post /to ",
            "payload",
        ),
        ("308 Permanent Redirect", Method::PUT, "put /to ", "payload"),
        ("302 Found", Method::PUT, "put /to ", "payload"),
    ];
    for (status, method, line, body) in cases {
        let server = serve("127.0.0.1", move |request| {
            match request.contains(" /to ") {
                true => ok(""),
                false => redirect(status, "/to"),
            }
        })
        .await;
        let request = Request {
            method: method.clone(),
            ..Request::post(server.url("/from"), "payload")
        };
        local()
            .send(request.header("Content-Type", "text/plain"))
            .await
            .unwrap();
        let last = server.seen().pop().unwrap();
        assert!(last.starts_with(line), "{status} {method}: {last}");
        assert!(
            last.ends_with(&format!("\r\n\r\n{body}")),
            "{status} {method}: {last}"
        );
        assert_eq!(
            last.contains("content-type"),
            !body.is_empty(),
            "{status} {method}: {last}"
        );
    }
}

fn secretive(url: String) -> Request {
    Request::get(url)
        .header("Authorization", "Bearer hidden")
        .header("Cookie", "session=hidden")
        .header("X-Api-Key", "hidden")
        .header("PRIVATE-TOKEN", "hidden")
        .header("Accept", "application/vnd.example+json")
}

#[tokio::test]
async fn secrets_stay_with_their_origin() {
    // Another address, and another port of the same address.
    for other in ["127.0.0.2", "127.0.0.1"] {
        let second = serve(other, |_| ok("")).await;
        let to = second.url("/second");
        let first = serve("127.0.0.1", move |_| redirect("302 Found", &to)).await;
        local().send(secretive(first.url("/"))).await.unwrap();
        assert_eq!(first.seen()[0].matches("hidden").count(), 4);
        let arrived = &second.seen()[0];
        assert!(!arrived.contains("hidden"), "{arrived}");
        assert!(
            !arrived.contains("authorization") && !arrived.contains("x-api-key"),
            "{arrived}"
        );
        assert!(
            arrived.contains("accept: application/vnd.example+json"),
            "{arrived}"
        );
    }
}

#[tokio::test]
async fn secrets_travel_within_their_origin() {
    let server = serve("127.0.0.1", |request| {
        match request.starts_with("get /to ") {
            true => ok(""),
            false => redirect("302 Found", "/to"),
        }
    })
    .await;
    local().send(secretive(server.url("/"))).await.unwrap();
    assert_eq!(server.seen()[1].matches("hidden").count(), 4);
}

#[tokio::test]
async fn secrets_do_not_come_back() {
    let home = serve("127.0.0.1", |_| ok("")).await;
    let back = home.url("/back");
    let away = serve("127.0.0.2", move |_| redirect("302 Found", &back)).await;
    let out = away.url("/");
    let first = serve("127.0.0.1", move |_| redirect("302 Found", &out)).await;
    local().send(secretive(first.url("/"))).await.unwrap();
    assert!(!home.seen()[0].contains("hidden"));
}

#[tokio::test]
async fn the_rule_names_what_was_refused() {
    let server = serve("127.0.0.1", |_| redirect("302 Found", "http://10.0.0.7/")).await;
    let outbound = Outbound::new(Policy {
        max_redirects: 1,
        ..allowing(&["127.0.0.1"])
    })
    .unwrap();
    let error = outbound
        .send(Request::get(server.url("/")))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error.cause(),
            Error::Refused {
                rule: Rule::Range {
                    name: "private",
                    ..
                },
                ..
            }
        ),
        "{error:?}"
    );
}
