//! The choice of an account, and where its credentials go.

use serde_json::{Value, json};
use spindrift_artifacts::{
    ArtifactAccount, ArtifactFetcher, ArtifactOptions, Artifacts, FetchError,
};

use crate::support::{Server, artifact, fetch, fetcher, outbound};

#[tokio::test]
async fn credentials_go_to_the_accounts_own_server_and_no_other() {
    let (own, other) = (Server::start().await, Server::start().await);
    own.page("/files/a.yaml", "text/plain", "own");
    other.page("/files/a.yaml", "text/plain", "other");
    let fetcher = fetcher(json!([
        {"name": "files", "kind": "http", "url": own.url("/files"), "username": "ann", "password": "hunter2"}
    ]));
    let file =
        |url: String| json!({"type": "http/file", "reference": url, "artifactAccount": "files"});

    let content = fetch(&fetcher, file(own.url("/files/a.yaml")))
        .await
        .unwrap();
    assert_eq!(content, "own");
    let (path, headers) = own.asked().remove(0);
    assert_eq!(path, "/files/a.yaml");
    assert_eq!(headers["authorization"], "Basic YW5uOmh1bnRlcjI=");

    for elsewhere in [
        other.url("/files/a.yaml"),
        own.url("/other/a.yaml"),
        own.url("/files/../a.yaml"),
    ] {
        let error = fetch(&fetcher, file(elsewhere.clone())).await.unwrap_err();
        assert!(
            matches!(error, FetchError::Elsewhere { .. }),
            "{elsewhere}: {error}"
        );
    }
    assert!(own.asked().is_empty() && other.asked().is_empty());
}

#[tokio::test]
async fn an_account_is_chosen_by_name_or_because_it_is_the_only_one() {
    let server = Server::start().await;
    server.page("/a", "text/plain", "a");
    let account = |name: &str, token: &str| json!({"name": name, "kind": "http", "url": server.url(""), "token": token});
    let one = fetcher(json!([account("one", "first")]));
    let two = fetcher(json!([account("one", "first"), account("two", "second")]));
    let file = json!({"type": "http/file", "reference": server.url("/a")});

    fetch(&one, file.clone()).await.unwrap();
    two.fetch(artifact(file.clone()), Some("two".to_owned()))
        .await
        .unwrap();
    let tokens: Vec<String> = server
        .asked()
        .iter()
        .map(|(_, headers)| headers["authorization"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["Bearer first", "Bearer second"]);

    let cases: [(Value, &str); 4] = [
        (file, "several artifact accounts fetch http/file: one, two"),
        (
            json!({"type": "http/file", "reference": "x", "artifactAccount": "three"}),
            "there is no artifact account \"three\"; there are one, two, embedded-artifact",
        ),
        (
            json!({"type": "github/file", "reference": "x", "artifactAccount": "one"}),
            "the artifact account \"one\" fetches http/file, not github/file",
        ),
        (
            json!({"type": "s3/object", "reference": "x"}),
            "artifacts of type \"s3/object\" cannot be fetched",
        ),
    ];
    for (artifact, message) in cases {
        let error = fetch(&two, artifact).await.unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[tokio::test]
async fn a_token_in_a_file_is_read_for_every_use() {
    let server = Server::start().await;
    server.page("/a", "text/plain", "a");
    let file = std::env::temp_dir().join(format!("spindrift-token-{}", std::process::id()));
    let fetcher = fetcher(json!([
        {"name": "one", "kind": "http", "url": server.url(""), "token_file": file}
    ]));
    let wanted = json!({"type": "http/file", "reference": server.url("/a")});
    for token in ["old", "new"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        fetch(&fetcher, wanted.clone()).await.unwrap();
        let (_, headers) = server.asked().remove(0);
        assert_eq!(headers["authorization"], format!("Bearer {token}"));
    }
    std::fs::remove_file(&file).unwrap();
    let error = fetch(&fetcher, wanted).await.unwrap_err().to_string();
    assert!(
        error.contains("its credential file cannot be read"),
        "{error}"
    );
}

#[test]
fn everything_wrong_with_the_accounts_is_named_at_once() {
    let accounts: Vec<ArtifactAccount> = serde_json::from_value(json!([
        {"name": "a", "kind": "http", "token": "secret"},
        {"name": "a", "kind": "http", "url": "ftp://x"},
        {"name": "b", "kind": "local"},
        {"name": "c", "kind": "helm"},
        {"name": " ", "kind": "http"},
        {"name": "d", "kind": "http", "url": "https://x.example", "password": "secret"},
    ]))
    .unwrap();
    let shown = format!("{accounts:?}");
    assert!(!shown.contains("secret"), "{shown}");
    let options = ArtifactOptions {
        accounts,
        ..ArtifactOptions::default()
    };
    let problems = Artifacts::new(outbound(), options).err().unwrap();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let wanted = [
        "\"a\" cannot be used: it needs a url",
        "\"a\" cannot be used: there are two of that name",
        "\"a\" cannot be used: its url is no http or https address",
        "\"b\" cannot be used: it needs a directory",
        "\"c\" cannot be used: it needs a url",
        "\" \" cannot be used: it needs a name",
        "\"d\" cannot be used: a password needs a username",
    ];
    assert_eq!(lines.len(), wanted.len(), "{lines:#?}");
    for (line, wanted) in lines.iter().zip(wanted) {
        assert!(line.contains(wanted), "{line} says not {wanted}");
    }
}

#[test]
fn lists_show_names_and_types_and_no_secret() {
    let fetcher = fetcher(json!([
        {"name": "hub", "kind": "github", "token": "secret"},
        {"name": "embedded-artifact", "kind": "http"},
    ]));
    let shown = serde_json::to_value(fetcher.credentials()).unwrap();
    assert_eq!(
        shown[0],
        json!({"name": "hub", "types": ["github/file", "git/repo"]})
    );
    assert_eq!(
        shown[1],
        json!({"name": "embedded-artifact", "types": ["http/file"]})
    );
    assert_eq!(shown.as_array().unwrap().len(), 6, "{shown}");
    assert!(!shown.to_string().contains("secret"));
}
