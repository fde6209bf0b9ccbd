//! A server that remembers what it was asked, and a fetcher that may reach it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use spindrift_artifacts::{
    ArtifactAccount, ArtifactFetcher, ArtifactOptions, Artifacts, Bytes, FetchError,
};
use spindrift_model::Artifact;
use spindrift_outbound::{Outbound, Policy};

/// A request as the server saw it: path with query, and the headers that may tell who asks.
pub type Asked = (String, HeaderMap);

/// Status, content type or challenge, and body.
type Page = (u16, String, Vec<u8>);

#[derive(Clone, Default)]
struct Shelf {
    pages: Arc<Mutex<HashMap<String, Page>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A server on loopback.
pub struct Server {
    pub address: SocketAddr,
    shelf: Shelf,
}

async fn answer(State(shelf): State<Shelf>, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path_and_query().unwrap().to_string();
    shelf.asked.lock().unwrap().push((path.clone(), headers));
    let page = shelf.pages.lock().unwrap().get(&path).cloned();
    match page {
        Some((status, header, body)) => {
            let status = StatusCode::from_u16(status).unwrap();
            // A challenge or a content type.
            let name = if header.contains("realm=") {
                "www-authenticate"
            } else {
                "content-type"
            };
            (status, [(name, header)], body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Server {
    pub async fn start() -> Self {
        let shelf = Shelf::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(shelf.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shelf }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn page(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) {
        self.page_with(path, 200, content_type, body);
    }

    pub fn page_with(&self, path: &str, status: u16, header: &str, body: impl Into<Vec<u8>>) {
        let page = (status, header.to_owned(), body.into());
        self.shelf
            .pages
            .lock()
            .unwrap()
            .insert(path.to_owned(), page);
    }

    /// What it was asked since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shelf.asked.lock().unwrap())
    }
}

/// A client that may reach loopback.
pub fn outbound() -> Outbound {
    static CLIENT: OnceLock<()> = OnceLock::new();
    CLIENT.get_or_init(spindrift_outbound::install_crypto_provider);
    let policy = Policy {
        allow: vec!["127.0.0.1".parse().unwrap()],
        ..Policy::default()
    };
    Outbound::new(policy).unwrap()
}

/// A fetcher with the accounts of that JSON list.
pub fn fetcher(accounts: Value) -> Artifacts {
    let accounts: Vec<ArtifactAccount> = serde_json::from_value(accounts).unwrap();
    let options = ArtifactOptions {
        accounts,
        max_bytes: 64 * 1024,
    };
    Artifacts::new(outbound(), options).unwrap()
}

pub fn artifact(value: Value) -> Artifact {
    serde_json::from_value(value).unwrap()
}

pub async fn fetch(fetcher: &Artifacts, value: Value) -> Result<Bytes, FetchError> {
    fetcher.fetch(artifact(value), None).await
}
