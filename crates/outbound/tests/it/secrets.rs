//! Nothing that could be a secret is shown.

use spindrift_outbound::{Outbound, Policy, Request};

use crate::support::{Reply, answer, local, serve};

#[tokio::test]
async fn debug_output_shows_the_origin_and_harmless_headers_only() {
    let request = Request::post(
        "https://hooks.example/services/HIDDEN?token=HIDDEN#HIDDEN",
        "HIDDEN body",
    )
    .header("Authorization", "Bearer HIDDEN")
    .header("X-Anything", "HIDDEN")
    .header("Content-Type", "text/plain");
    let shown = format!("{request:?}");
    assert!(!shown.contains("HIDDEN"), "{shown}");
    for part in [
        "https://hooks.example/***",
        "Authorization",
        "text/plain",
        "11 bytes",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let broken = format!("{:?}", Request::get("http://user:HIDDEN@host/"));
    assert!(!broken.contains("HIDDEN"), "{broken}");

    let server = serve("127.0.0.1", |_| {
        Reply::Bytes(answer("200 OK", &["set-cookie: HIDDEN"], b"HIDDEN"))
    })
    .await;
    let response = local()
        .send(Request::get(server.url("/HIDDEN")))
        .await
        .unwrap();
    let shown = format!("{response:?}");
    assert!(
        !shown.contains("HIDDEN") && shown.contains("set-cookie"),
        "{shown}"
    );
}

#[tokio::test]
async fn errors_name_the_host_and_no_more() {
    let server = serve("127.0.0.1", |_| Reply::Close).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let urls = [
        server.url("/HIDDEN?q=HIDDEN"),
        format!("http://{closed}/HIDDEN?q=HIDDEN"),
        "http://10.0.0.7/HIDDEN?q=HIDDEN".to_owned(),
        "http://user:HIDDEN@ok.example/HIDDEN".to_owned(),
        "nonsense://HIDDEN".to_owned(),
        "http://HIDDEN HIDDEN/".to_owned(),
    ];
    for url in urls {
        let error = local()
            .send(Request::get(&url).header("Authorization", "HIDDEN"))
            .await
            .unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.to_uppercase().contains("HIDDEN"), "{shown}");
    }
    let outbound = Outbound::new(Policy::default()).unwrap();
    let bad = Request::get("http://ok.example/").header("Authorization", "HIDDEN\r\nX-Evil: 1");
    let error = outbound.send(bad).await.unwrap_err().to_string();
    assert!(
        error.contains("authorization") && !error.contains("HIDDEN"),
        "{error}"
    );
}
