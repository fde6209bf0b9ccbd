//! Charts and archives.

use serde_json::json;
use spindrift_artifacts::FetchError;

use crate::support::{Server, fetch, fetcher};

#[tokio::test]
async fn a_chart_of_a_repository_is_found_by_its_index() {
    let (server, elsewhere) = (Server::start().await, Server::start().await);
    let index = format!(
        "apiVersion: v1\nentries:\n  web:\n  - version: 2.0.0-rc.1\n    urls: [web-2.0.0-rc.1.tgz]\n  - version: 1.10.0\n    urls: [web-1.10.0.tgz]\n  - version: 1.9.0\n    urls: ['{}']\n  empty:\n  - version: 1.0.0\n",
        elsewhere.url("/web-1.9.0.tgz")
    );
    server.page("/charts/index.yaml", "text/yaml", index);
    server.page("/charts/web-1.10.0.tgz", "application/gzip", "newest");
    server.page(
        "/charts/web-2.0.0-rc.1.tgz",
        "application/gzip",
        "candidate",
    );
    elsewhere.page("/web-1.9.0.tgz", "application/gzip", "elsewhere");
    let fetcher = fetcher(json!([
        {"name": "charts", "kind": "helm", "url": server.url("/charts"), "username": "u", "password": "p"}
    ]));
    let chart = |name: &str, version: &str| json!({"type": "helm/chart", "name": name, "version": version, "artifactAccount": "charts"});
    for (version, content) in [
        ("", "newest"),
        ("1.10.0", "newest"),
        ("v2.0.0-rc.1", "candidate"),
        ("1.9.0", "elsewhere"),
    ] {
        assert_eq!(
            fetch(&fetcher, chart("web", version)).await.unwrap(),
            content,
            "{version}"
        );
    }
    let asked = server.asked();
    assert!(
        asked
            .iter()
            .all(|(_, headers)| headers["authorization"] == "Basic dTpw")
    );
    assert!(!elsewhere.asked()[0].1.contains_key("authorization"));
    for (name, version, message) in [
        ("web", "3.0.0", "has no version \"3.0.0\" of that chart"),
        ("none", "", "has no such chart"),
        ("empty", "", "has no address"),
        ("", "", "it needs a name"),
    ] {
        let error = fetch(&fetcher, chart(name, version))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[tokio::test]
async fn a_chart_of_a_registry_is_its_layer() {
    let server = Server::start().await;
    let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let manifest = json!({"layers": [
        {"mediaType": "application/vnd.cncf.helm.chart.provenance.v1.prov", "digest": "sha256:00", "size": 1},
        {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": digest, "size": 5},
    ]});
    server.page(
        "/v2/charts/web/manifests/1.0_a",
        "application/json",
        manifest.to_string(),
    );
    server.page(
        &format!("/v2/charts/web/blobs/{digest}"),
        "application/octet-stream",
        "hello",
    );
    server.page(
        "/v2/charts/web/manifests/large",
        "application/json",
        manifest.to_string().replace(":5", ":99999999"),
    );
    server.page(
        "/v2/charts/web/manifests/two",
        "application/json",
        json!({"layers": [{"digest": "a"}, {"digest": "b"}]}).to_string(),
    );
    let other = json!({"layers": [{"digest": "sha256:11", "size": 5}]});
    server.page(
        "/v2/charts/web/manifests/changed",
        "application/json",
        other.to_string(),
    );
    server.page(
        "/v2/charts/web/blobs/sha256:11",
        "application/octet-stream",
        "hello",
    );
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"r\",scope=\"repository:charts/private:pull\"",
        server.url("/token")
    );
    server.page_with("/v2/charts/private/manifests/1", 401, &challenge, "");
    server.page(
        "/token?scope=repository%3Acharts%2Fprivate%3Apull&service=r",
        "application/json",
        json!({"token": "t"}).to_string(),
    );
    let fetcher = fetcher(json!([
        {"name": "registry", "kind": "docker", "url": server.url(""), "username": "u", "password": "p"}
    ]));
    let chart = |reference: String| json!({"type": "helm/image", "reference": reference});
    for reference in [
        format!("oci://{}/charts/web:1.0+a", server.address),
        "charts/web:1.0+a".to_owned(),
    ] {
        assert_eq!(fetch(&fetcher, chart(reference)).await.unwrap(), "hello");
    }
    server.asked();
    // The page stays a refusal; what counts is how it was asked for the second time.
    let refused = fetch(&fetcher, chart("charts/private:1".to_owned()))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, FetchError::Answer { status: 401, .. }),
        "{refused}"
    );
    let asked = server.asked();
    let seen: Vec<(&str, Option<&str>)> = asked
        .iter()
        .map(|(path, headers)| {
            (
                path.as_str(),
                headers
                    .get("authorization")
                    .map(|value| value.to_str().unwrap()),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("/v2/charts/private/manifests/1", None),
            (
                "/token?scope=repository%3Acharts%2Fprivate%3Apull&service=r",
                Some("Basic dTpw")
            ),
            ("/v2/charts/private/manifests/1", Some("Bearer t")),
        ]
    );
    for (reference, message) in [
        ("charts/web:large", "more than 65536 bytes"),
        ("charts/web:two", "no single layer"),
        ("charts/web:changed", "is not what its digest says"),
        ("other.example/charts/web:1", "leads to other.example"),
        ("charts/web", "it needs a version"),
    ] {
        let error = fetch(&fetcher, chart(reference.to_owned()))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(message), "{reference}: {error}");
    }
}

#[tokio::test]
async fn a_repository_comes_as_the_hosts_archive() {
    let server = Server::start().await;
    server.page("/repos/org/app/tarball/v1", "application/gzip", "archive");
    server.page("/repos/org/app/tarball/HEAD", "application/gzip", "head");
    let fetcher = fetcher(json!([
        {"name": "hub", "kind": "github", "url": server.url(""), "token": "t"},
    ]));
    let repository = |reference: String, version: &str| json!({"type": "git/repo", "reference": reference, "version": version, "artifactAccount": "hub"});
    assert_eq!(
        fetch(&fetcher, repository(server.url("/org/app.git"), "v1"))
            .await
            .unwrap(),
        "archive"
    );
    assert_eq!(
        fetch(&fetcher, repository(server.url("/org/app"), ""))
            .await
            .unwrap(),
        "head"
    );
    assert_eq!(server.asked()[0].1["authorization"], "token t");
    let error = fetch(
        &fetcher,
        repository("https://github.com/org/app".to_owned(), "v1"),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, FetchError::Elsewhere { .. }), "{error}");
}
