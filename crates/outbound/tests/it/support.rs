//! Servers that say exactly what a test wants, and resolvers that answer from a list.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use spindrift_outbound::{Outbound, Policy, Resolver, Resolving};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What a server does with a request.
pub enum Reply {
    /// Sends these bytes and waits for the next request.
    Bytes(Vec<u8>),
    /// Sends the first bytes, and the second over and over until the client leaves.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends these bytes and nothing more, with the connection open.
    Stuck(Vec<u8>),
    /// Waits for the signal, then sends.
    After(Arc<Notify>, Vec<u8>),
    /// Closes the connection.
    Close,
}

/// An answer with a status line, headers and a body of known length.
pub fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn ok(body: &str) -> Reply {
    Reply::Bytes(answer("200 OK", &[], body.as_bytes()))
}

pub fn redirect(status: &str, location: &str) -> Reply {
    Reply::Bytes(answer(status, &[&format!("location: {location}")], b""))
}

/// A server under way.
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, heads in lower case followed by the body.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Starts a server on a free port of an address; `script` sees each request.
pub async fn serve(ip: &str, script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Server {
    serve_with(ip, script, |stream| async { Some(stream) }).await
}

/// Like [`serve`], with a handshake before each connection.
pub async fn serve_with<S, F>(
    ip: &str,
    script: impl Fn(&str) -> Reply + Send + Sync + 'static,
    handshake: impl Fn(tokio::net::TcpStream) -> F + Send + Sync + 'static,
) -> Server
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Option<S>> + Send + 'static,
{
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let server = Server {
        address: listener.local_addr().unwrap(),
        seen: Arc::default(),
        connections: Arc::default(),
    };
    let (seen, connections, script) = (
        server.seen.clone(),
        server.connections.clone(),
        Arc::new(script),
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            let (seen, script, handshake) = (seen.clone(), script.clone(), handshake(stream));
            tokio::spawn(async move {
                if let Some(stream) = handshake.await {
                    let _ = converse(stream, &seen, &*script).await;
                }
            });
        }
    });
    server
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    seen: &Mutex<Vec<String>>,
    script: &(dyn Fn(&str) -> Reply + Send + Sync),
) -> io::Result<()> {
    while let Some(request) = read_request(&mut stream).await? {
        seen.lock().unwrap().push(request.clone());
        match script(&request) {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await?,
            Reply::Endless(head, chunk) => {
                stream.write_all(&head).await?;
                loop {
                    stream.write_all(&chunk).await?;
                }
            }
            Reply::Stuck(bytes) => {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
                std::future::pending::<()>().await;
            }
            Reply::After(signal, bytes) => {
                signal.notified().await;
                stream.write_all(&bytes).await?;
            }
            Reply::Close => return Ok(()),
        }
        stream.flush().await?;
    }
    Ok(())
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |text| text.parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head + &String::from_utf8_lossy(&bytes[end..])))
}

/// Answers every name with the next list; the last list stays. Counts the questions.
pub struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Script {
    pub fn new(answers: &[&[&str]]) -> Arc<Script> {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Script {
            answers: Mutex::new(answers.iter().map(parse).collect()),
            asked: AtomicUsize::new(0),
        })
    }

    /// From now on the answer is this list.
    pub fn set(&self, answer: &[IpAddr]) {
        *self.answers.lock().unwrap() = VecDeque::from([answer.to_vec()]);
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolver for Script {
    fn resolve(&self, _host: &str) -> Resolving {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if 1 < answers.len() {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// A policy with an allow list.
pub fn allowing(entries: &[&str]) -> Policy {
    Policy {
        allow: entries.iter().map(|entry| entry.parse().unwrap()).collect(),
        ..Policy::default()
    }
}

/// A client that may reach all of loopback.
pub fn local() -> Outbound {
    Outbound::new(allowing(&["127.0.0.0/8"])).unwrap()
}
