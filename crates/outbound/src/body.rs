//! Reading a body within a limit, decompressed where the server compressed it.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};

use crate::error::{Error, Part};

/// One step of decompression. Deflate grows at most about a thousandfold, so a step is at most a few MiB and milliseconds.
const STEP: usize = 4 * 1024;

/// What the server did to the body.
enum Coding {
    Identity,
    Gzip,
    Deflate,
}

impl Coding {
    fn of(headers: &HeaderMap) -> Result<Coding, String> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let (first, second) = (codings.next(), codings.next());
        let Some(coding) = first else {
            return Ok(Coding::Identity);
        };
        let coding = String::from_utf8_lossy(coding.as_bytes())
            .trim()
            .to_ascii_lowercase();
        match (coding.as_str(), second) {
            ("" | "identity", None) => Ok(Coding::Identity),
            ("gzip" | "x-gzip", None) => Ok(Coding::Gzip),
            ("deflate", None) => Ok(Coding::Deflate),
            _ => Err("its content-encoding is not gzip, deflate or identity".to_owned()),
        }
    }
}

/// Collects at most `limit` bytes.
struct Bounded {
    bytes: Vec<u8>,
    limit: u64,
    overflow: bool,
}

impl Write for Bounded {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        if self.limit < (self.bytes.len() + chunk.len()) as u64 {
            self.overflow = true;
            return Err(io::Error::other("the limit is reached"));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Sink {
    Plain(Bounded),
    Gzip(MultiGzDecoder<Bounded>),
    Deflate(ZlibDecoder<Bounded>),
}

impl Sink {
    fn new(coding: Coding, limit: u64) -> Sink {
        let out = Bounded {
            bytes: Vec::new(),
            limit,
            overflow: false,
        };
        match coding {
            Coding::Identity => Sink::Plain(out),
            Coding::Gzip => Sink::Gzip(MultiGzDecoder::new(out)),
            Coding::Deflate => Sink::Deflate(ZlibDecoder::new(out)),
        }
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        match self {
            Sink::Plain(out) => out.write_all(chunk),
            Sink::Gzip(decoder) => decoder.write_all(chunk),
            Sink::Deflate(decoder) => decoder.write_all(chunk),
        }
    }

    fn has_overflowed(&self) -> bool {
        match self {
            Sink::Plain(out) => out.overflow,
            Sink::Gzip(decoder) => decoder.get_ref().overflow,
            Sink::Deflate(decoder) => decoder.get_ref().overflow,
        }
    }

    /// The bytes, or the error and whether it was the limit.
    fn finish(mut self) -> Result<Vec<u8>, (io::Error, bool)> {
        let flushed = match &mut self {
            Sink::Plain(_) => Ok(()),
            Sink::Gzip(decoder) => decoder.try_finish(),
            Sink::Deflate(decoder) => decoder.try_finish(),
        };
        let overflow = self.has_overflowed();
        let out = match self {
            Sink::Plain(out) => Ok(out),
            Sink::Gzip(decoder) => flushed.and_then(|()| decoder.finish()),
            Sink::Deflate(decoder) => flushed.and_then(|()| decoder.finish()),
        };
        out.map(|out| out.bytes).map_err(|error| (error, overflow))
    }
}

/// Reads the whole body, and removes from its headers what decompression made untrue.
pub(crate) async fn read(
    mut response: reqwest::Response,
    host: &str,
    limit: u64,
    headers: &mut Vec<(String, String)>,
) -> Result<Bytes, Error> {
    let too_large = || Error::TooLarge {
        host: host.to_owned(),
        part: Part::Body { limit },
    };
    let broken = |reason: String| Error::Encoding {
        host: host.to_owned(),
        reason,
    };
    if response
        .content_length()
        .is_some_and(|length| limit < length)
    {
        return Err(too_large());
    }
    // An answer to HEAD and a 304 describe a body that they do not have; so what matters is whether there is a first byte.
    let Some(mut chunk) = next(&mut response, host).await? else {
        return Ok(Bytes::new());
    };
    let coding = Coding::of(response.headers()).map_err(broken)?;
    let compressed = !matches!(coding, Coding::Identity);
    let mut sink = Sink::new(coding, limit);
    // Members of a gzip stream may be empty: a stream without end need not produce a byte.
    let mut received = 0u64;
    loop {
        received += chunk.len() as u64;
        if limit < received {
            return Err(too_large());
        }
        let steps = if compressed { STEP } else { chunk.len().max(1) };
        for step in chunk.chunks(steps) {
            sink.write(step)
                .map_err(|error| match sink.has_overflowed() {
                    true => too_large(),
                    false => broken(error.to_string()),
                })?;
            tokio::task::consume_budget().await;
        }
        match next(&mut response, host).await? {
            Some(following) => chunk = following,
            None => break,
        }
    }
    if compressed {
        headers.retain(|(name, _)| {
            name != CONTENT_ENCODING.as_str() && name != CONTENT_LENGTH.as_str()
        });
    }
    match sink.finish() {
        Ok(bytes) => Ok(Bytes::from(bytes)),
        Err((_, true)) => Err(too_large()),
        Err((error, false)) => Err(broken(error.to_string())),
    }
}

async fn next(response: &mut reqwest::Response, host: &str) -> Result<Option<Bytes>, Error> {
    let chunk = response.chunk().await;
    chunk.map_err(|error| crate::client::failure(&error, host, None))
}
