//! A server on loopback that takes webhook deliveries.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Channel, Sender, channel};
use std::thread;

use serde_json::Value;

use super::http::PATIENCE;

/// A delivery that is not answered yet.
#[derive(Debug)]
pub struct Delivery {
    pub key: String,
    pub body: Value,
    stream: TcpStream,
}

impl Delivery {
    /// Answers with an empty success. The caller may be gone.
    pub fn accept(mut self) {
        let _ = self
            .stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    }
}

/// Takes deliveries until it is dropped; each waits for its answer.
pub struct Receiver {
    pub address: SocketAddr,
    deliveries: Channel<Delivery>,
}

impl Receiver {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, deliveries) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || take(stream, &sender));
            }
        });
        Self {
            address,
            deliveries,
        }
    }

    /// Waits for the next delivery.
    pub fn next(&self) -> Delivery {
        let delivery = self.deliveries.recv_timeout(PATIENCE);
        delivery.expect("no webhook was delivered")
    }

    /// The next delivery, if one has come.
    pub fn try_next(&self) -> Option<Delivery> {
        self.deliveries.try_recv().ok()
    }

    /// All deliveries from now on, for a thread of its own.
    pub fn into_deliveries(self) -> Channel<Delivery> {
        self.deliveries
    }
}

/// Reads one request. One that breaks off was sent by a process that was killed.
fn take(stream: TcpStream, sender: &Sender<Delivery>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "idempotency-key" => key = value.to_owned(),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).ok()?;
    // Nobody listens any more when the test has ended.
    let _ = sender.send(Delivery { key, body, stream });
    Some(())
}
