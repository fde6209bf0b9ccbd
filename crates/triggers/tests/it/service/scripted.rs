//! A registry that says what the test wants.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub at: Instant,
    pub method: String,
    pub path: String,
    pub authorization: String,
}

/// What is answered: a status, headers and a body.
pub type Said = (u16, Vec<(String, String)>, String);

type Script = dyn Fn(&Asked, SocketAddr) -> Said + Send + Sync;

/// A registry on loopback; it ends with the test's runtime.
pub struct Scripted {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    count: watch::Receiver<usize>,
}

impl Scripted {
    pub async fn new(script: impl Fn(&Asked, SocketAddr) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (sender, count) = watch::channel(0);
        let script: Arc<Script> = Arc::new(script);
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            let sender = Arc::new(sender);
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log, sender) =
                    (Arc::clone(&script), Arc::clone(&log), Arc::clone(&sender));
                tokio::spawn(async move {
                    // The caller may hang up whenever it likes.
                    let _ = answer(stream, &*script, &log, &sender, address).await;
                });
            }
        });
        Self {
            address,
            asked,
            count,
        }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until a request came that is as wanted.
    pub async fn until(&self, wanted: impl Fn(&[Asked]) -> bool) {
        let mut count = self.count.clone();
        while !wanted(&self.asked()) {
            count.changed().await.unwrap();
        }
    }

    /// Waits until everything was asked once more from now on.
    pub async fn another_round(&self) {
        let before = self.asked().len();
        let lists = |asked: &[Asked]| {
            let later = asked[before..].iter();
            later.filter(|one| one.path.contains("/tags/list")).count()
        };
        // A round that is under way may have begun before.
        self.until(|asked| lists(asked) >= 3).await;
    }
}

async fn answer(
    stream: TcpStream,
    script: &Script,
    log: &Mutex<Vec<Asked>>,
    count: &watch::Sender<usize>,
    address: SocketAddr,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if line.trim_end().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let mut words = lines[0].split(' ').map(str::to_owned);
        let authorization = lines.iter().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("authorization")
                .then(|| value.to_owned())
        });
        let asked = Asked {
            at: Instant::now(),
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            authorization: authorization.unwrap_or_default(),
        };
        let (status, headers, body) = script(&asked, address);
        let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        if asked.method != "HEAD" {
            head.push_str(&body);
        }
        log.lock().unwrap().push(asked);
        count.send_modify(|count| *count += 1);
        stream.write_all(head.as_bytes()).await?;
    }
}

/// The tags of one repository with their digests, served two to a page.
#[derive(Clone, Default)]
pub struct Shelf(Arc<Mutex<Option<BTreeMap<String, String>>>>);

impl Shelf {
    pub fn put(&self, tag: &str, digest: &str) {
        let mut shelf = self.0.lock().unwrap();
        shelf
            .get_or_insert_default()
            .insert(tag.to_owned(), digest.to_owned());
    }

    /// Puts many tags at once.
    pub fn put_all(&self, tags: &[String]) {
        let mut shelf = self.0.lock().unwrap();
        let all = tags
            .iter()
            .map(|tag| (tag.clone(), format!("sha256:{tag}")));
        shelf.get_or_insert_default().extend(all);
    }

    /// What the distribution says to a question about the repository `shop/web`.
    pub fn answer(&self, asked: &Asked) -> Said {
        let shelf = self.0.lock().unwrap();
        let Some(tags) = &*shelf else {
            return said(404, r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#);
        };
        let path = asked.path.strip_prefix("/v2/shop/web/").unwrap_or_default();
        if let Some(query) = path.strip_prefix("tags/list") {
            let last = query.split("last=").nth(1).unwrap_or_default();
            let names: Vec<&String> = tags.keys().filter(|tag| tag.as_str() > last).collect();
            let page: Vec<&&String> = names.iter().take(2).collect();
            let body = serde_json::json!({"name": "shop/web", "tags": page}).to_string();
            let mut headers = Vec::new();
            if names.len() > 2 {
                let next = format!(
                    "</v2/shop/web/tags/list?n=2&last={}>; rel=\"next\"",
                    page[1]
                );
                headers.push(("Link".to_owned(), next));
            }
            return (200, headers, body);
        }
        let digest = path
            .strip_prefix("manifests/")
            .and_then(|tag| tags.get(tag));
        match digest {
            Some(digest) => {
                let header = ("Docker-Content-Digest".to_owned(), digest.clone());
                (200, vec![header], String::new())
            }
            None => said(404, "{}"),
        }
    }
}

pub fn said(status: u16, body: &str) -> Said {
    (status, Vec::new(), body.to_owned())
}
