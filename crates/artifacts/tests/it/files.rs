//! Files, wherever they are.

use serde_json::json;
use spindrift_artifacts::FetchError;

use crate::support::{Server, fetch, fetcher};

#[tokio::test]
async fn what_an_artifact_carries_in_itself_needs_no_account() {
    let fetcher = fetcher(json!([]));
    for account in [None, Some("embedded-artifact"), Some("whatever")] {
        let artifact = json!({"type": "embedded/base64", "reference": "a2luZDogUG9k", "artifactAccount": account});
        assert_eq!(fetch(&fetcher, artifact).await.unwrap(), "kind: Pod");
    }
}

#[tokio::test]
async fn a_file_of_a_web_server_is_fetched_without_an_account() {
    let server = Server::start().await;
    server.page("/deploy.yaml?x=1", "text/plain", "kind: Deployment");
    let fetcher = fetcher(json!([]));
    let file = |path: &str| json!({"type": "http/file", "reference": server.url(path)});
    assert_eq!(
        fetch(&fetcher, file("/deploy.yaml?x=1")).await.unwrap(),
        "kind: Deployment"
    );
    let (_, headers) = server.asked().remove(0);
    assert!(!headers.contains_key("authorization"));

    let error = fetch(&fetcher, file("/absent")).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Answer { status: 404, .. }),
        "{error}"
    );
    assert!(
        !error.is_transient() && !error.to_string().contains("/absent"),
        "{error}"
    );
    server.page_with("/down", 503, "text/plain", "");
    assert!(
        fetch(&fetcher, file("/down"))
            .await
            .unwrap_err()
            .is_transient()
    );
    server.page("/large", "text/plain", vec![b'x'; 64 * 1024 + 1]);
    assert_eq!(
        fetch(&fetcher, file("/large")).await,
        Err(FetchError::TooLarge(64 * 1024))
    );
}

#[tokio::test]
async fn github_gives_files_raw_or_describes_them() {
    let server = Server::start().await;
    let fetcher = fetcher(json!([
        {"name": "hub", "kind": "github", "url": server.url("/api/v3"), "token": "t0"}
    ]));
    let contents = "/api/v3/repos/org/app/contents";
    let raw = "application/vnd.github.v3.raw; charset=utf-8";
    server.page(
        &format!("{contents}/raw.json?ref=main"),
        raw,
        r#"{"sha":"mine"}"#,
    );
    let described = json!({"sha": "1", "encoding": "base64", "content": "a2lu\nZA=="}).to_string();
    server.page(
        &format!("{contents}/described?ref=main"),
        "application/json",
        described,
    );
    let elsewhere = Server::start().await;
    elsewhere.page("/raw?token=short", "text/plain", "downloaded");
    let pointed = json!({"sha": "1", "encoding": "none", "content": "", "download_url": elsewhere.url("/raw?token=short")});
    server.page(
        &format!("{contents}/pointed?ref=main"),
        "application/json",
        pointed.to_string(),
    );
    server.page(
        &format!("{contents}/plain.json?ref=main"),
        "application/json",
        r#"{"a":1}"#,
    );
    server.page(
        &format!("{contents}/directory?ref=main"),
        "application/json",
        "[]",
    );

    for (file, content) in [
        ("raw.json", r#"{"sha":"mine"}"#),
        ("described", "kind"),
        ("pointed", "downloaded"),
        ("plain.json", r#"{"a":1}"#),
    ] {
        let reference = server.url(&format!("{contents}/{file}"));
        let artifact = json!({"type": "github/file", "reference": reference, "version": "main"});
        assert_eq!(fetch(&fetcher, artifact).await.unwrap(), content, "{file}");
    }
    assert!(
        server
            .asked()
            .iter()
            .all(|(_, headers)| headers["authorization"] == "token t0")
    );
    assert!(
        elsewhere
            .asked()
            .iter()
            .all(|(_, headers)| !headers.contains_key("authorization"))
    );
    let artifact = json!({"type": "github/file", "reference": server.url(&format!("{contents}/directory")), "version": "main"});
    let error = fetch(&fetcher, artifact).await.unwrap_err().to_string();
    assert!(error.contains("is no file"), "{error}");
}

#[tokio::test]
async fn gitlab_and_bitbucket_give_raw_files_at_a_version() {
    let server = Server::start().await;
    let fetcher = fetcher(json!([
        {"name": "lab", "kind": "gitlab", "url": server.url(""), "token": "t1"},
        {"name": "bucket", "kind": "bitbucket", "url": server.url(""), "username": "u", "password": "p"},
    ]));
    let lab = "/api/v4/projects/org%2Fapp/repository/files/deploy.yaml/raw";
    let cloud = "/2.0/repositories/org/app/src/abc/deploy.yaml";
    let own = "/rest/api/1.0/projects/P/repos/app/raw/deploy.yaml";
    let cases = [
        ("gitlab/file", lab, "?ref=v1", "private-token", "t1"),
        ("bitbucket/file", cloud, "", "authorization", "Basic dTpw"),
        (
            "bitbucket/file",
            own,
            "?at=v1",
            "authorization",
            "Basic dTpw",
        ),
    ];
    for (kind, path, query, header, value) in cases {
        server.page(&format!("{path}{query}"), "text/plain", path);
        let artifact = json!({"type": kind, "reference": server.url(path), "version": "v1"});
        assert_eq!(fetch(&fetcher, artifact).await.unwrap(), path, "{kind}");
        let (_, headers) = server.asked().remove(0);
        assert_eq!(headers[header], value, "{kind}");
    }
}

#[tokio::test]
async fn local_files_stay_within_their_directory() {
    let directory =
        std::env::temp_dir().join(format!("spindrift-artifacts-{}", std::process::id()));
    std::fs::create_dir_all(directory.join("inside/deep")).unwrap();
    std::fs::write(directory.join("inside/deep/a.yaml"), "inside").unwrap();
    std::fs::write(directory.join("secret"), "outside").unwrap();
    std::os::unix::fs::symlink(directory.join("secret"), directory.join("inside/link")).unwrap();
    let fetcher =
        fetcher(json!([{"name": "disk", "kind": "local", "directory": directory.join("inside")}]));
    let file = |path: &str| json!({"type": "local/file", "reference": path});

    assert_eq!(
        fetch(&fetcher, file("deep/a.yaml")).await.unwrap(),
        "inside"
    );
    assert_eq!(
        fetch(&fetcher, file("file://./deep/a.yaml")).await.unwrap(),
        "inside"
    );
    for path in [
        "../secret",
        "/etc/passwd",
        "link",
        "deep",
        "absent",
        "file:///etc/passwd",
    ] {
        let error = fetch(&fetcher, file(path)).await.unwrap_err();
        assert!(
            matches!(error, FetchError::Incomplete { .. }),
            "{path}: {error}"
        );
    }
    std::fs::remove_dir_all(&directory).unwrap();
}
