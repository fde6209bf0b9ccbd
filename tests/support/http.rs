//! A small HTTP client that blocks, and that can also send what no client would.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Nothing takes longer than that, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Who says nothing for so long has nothing to say.
const SILENCE: Duration = Duration::from_secs(10);

/// An answer that came whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// What a problem says.
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().into()
    }

    /// Fails the test unless the answer has that status.
    #[track_caller]
    pub fn with_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request<'r> {
    pub method: &'r str,
    pub path: &'r str,
    pub headers: &'r [(&'r str, &'r str)],
    pub body: Option<&'r [u8]>,
}

impl Request<'_> {
    fn head(&self, address: SocketAddr) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n",
            self.method, self.path
        );
        for (name, value) in self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = self.body {
            head.push_str(&format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            ));
        }
        head + "\r\n"
    }
}

/// Connects; nothing waits longer than [`PATIENCE`].
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request and reads the answer. Errors: it did not come, or not whole.
pub fn send(address: SocketAddr, request: &Request<'_>) -> io::Result<Answer> {
    let mut stream = connect(address)?;
    let mut bytes = request.head(address).into_bytes();
    bytes.extend_from_slice(request.body.unwrap_or_default());
    // A server may answer and hang up before it has read everything.
    let sent = stream.write_all(&bytes);
    match answer(&mut BufReader::new(stream)) {
        Err(error) => Err(sent.err().unwrap_or(error)),
        answer => answer,
    }
}

/// Reads one answer.
pub fn answer(stream: &mut impl BufRead) -> io::Result<Answer> {
    let head = read_head(stream)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("this is no answer: {head:?}")))?;
    let chunked = header(&head, "transfer-encoding").is_some_and(|coding| coding == "chunked");
    let body = match header(&head, "content-length") {
        _ if chunked => read_chunks(stream)?,
        Some(length) => {
            let mut body = vec![0; length.parse().map_err(io::Error::other)?];
            stream.read_exact(&mut body)?;
            body
        }
        None => Vec::new(),
    };
    Ok(Answer { status, body })
}

fn read_head(stream: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if stream.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if head[before..].trim_end().is_empty() {
            return Ok(head);
        }
    }
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Some(chunk) = read_chunk(stream)? else {
            return Ok(body);
        };
        body.extend_from_slice(&chunk);
    }
}

/// The next chunk; `None` for the last, which is empty.
fn read_chunk(stream: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let length = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
    let mut chunk = vec![0; length + 2];
    stream.read_exact(&mut chunk)?;
    chunk.truncate(length);
    Ok((length > 0).then_some(chunk))
}

/// A header of an answer.
pub fn header<'h>(head: &'h str, wanted: &str) -> Option<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.trim())
        .next()
}

/// Server-sent events.
pub struct Events(BufReader<TcpStream>);

impl Events {
    /// Subscribes.
    pub fn of(address: SocketAddr, path: &str) -> io::Result<Self> {
        let mut stream = connect(address)?;
        let request = Request {
            method: "GET",
            path,
            headers: &[],
            body: None,
        };
        stream.write_all(request.head(address).as_bytes())?;
        let mut stream = BufReader::new(stream);
        let head = read_head(&mut stream)?;
        match head.starts_with("HTTP/1.1 200 ") {
            true => Ok(Self(stream)),
            false => Err(io::Error::other(head)),
        }
    }

    /// The next event, with its name; `None` at the end of the stream. Each is sent as a chunk of its own.
    pub fn next(&mut self) -> io::Result<Option<(String, Value)>> {
        loop {
            let Some(chunk) = read_chunk(&mut self.0)? else {
                return Ok(None);
            };
            let text = String::from_utf8(chunk).map_err(io::Error::other)?;
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(event), Some(data)) = (field("event: "), field("data: ")) {
                return Ok(Some((event.to_owned(), serde_json::from_str(data)?)));
            }
        }
    }
}

/// Sends bytes as they are, and reads everything until the server hangs up, or is silent for long.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> io::Result<String> {
    let mut stream = connect(address)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    match stream
        .read_to_end(&mut answer)
        .map_err(|error| error.kind())
    {
        // Hanging up on bytes that nobody has read resets the connection.
        Ok(_) | Err(io::ErrorKind::ConnectionReset | io::ErrorKind::WouldBlock) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
