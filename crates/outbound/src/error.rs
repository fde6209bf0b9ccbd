//! What can go wrong, in the terms a caller decides by.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::entry::EntryError;
use crate::rule::Rule;

/// Why a request has no answer. An HTTP status is an answer, not an error.
///
/// Messages name the host at most: paths and queries may carry secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not one this client sends to.
    #[error("invalid URL: {reason}")]
    InvalidUrl {
        /// What is wrong, without the URL.
        reason: String,
    },
    /// The method or a header cannot be sent.
    #[error("invalid request: {reason}")]
    InvalidRequest {
        /// What is wrong, without header values.
        reason: String,
    },
    /// The address policy forbids the destination.
    #[error("{}", refusal(host, address, rule))]
    Refused {
        /// The host of the URL, with its port where it is not the usual one.
        host: String,
        /// The address, where it was one that the rule objects to.
        address: Option<IpAddr>,
        /// The rule.
        rule: Rule,
    },
    /// The name does not resolve.
    #[error("unknown host {host}: {reason}")]
    UnknownHost {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// No connection, or no TLS session, could be made; nothing of the request was sent.
    #[error("cannot connect to {host}: {reason}")]
    Connect {
        /// The host of the URL.
        host: String,
        /// The cause.
        reason: String,
    },
    /// The time ran out.
    #[error("{host} took longer than {after:?} {phase}")]
    Timeout {
        /// The host of the URL.
        host: String,
        /// What was going on.
        phase: Phase,
        /// The limit that was reached.
        after: Duration,
    },
    /// The connection broke, or the answer is not HTTP, after the request may have been sent.
    #[error("the connection to {host} failed: {reason}")]
    Disconnected {
        /// The host of the URL.
        host: String,
        /// The cause.
        reason: String,
    },
    /// The answer is larger than allowed.
    #[error("the response from {host} has {part}")]
    TooLarge {
        /// The host of the URL.
        host: String,
        /// The part that is too large, with its limit.
        part: Part,
    },
    /// The redirects do not end.
    #[error("{host} redirects again after {limit} redirects")]
    TooManyRedirects {
        /// The host that asked for one more.
        host: String,
        /// How many were followed.
        limit: usize,
    },
    /// A redirect leads to something that is not a URL this client sends to.
    #[error("{host} redirects to an invalid URL: {reason}")]
    BadRedirect {
        /// The host that redirects.
        host: String,
        /// What is wrong with the target.
        reason: String,
    },
    /// A later hop of a chain of redirects failed; earlier hops may have acted on the request.
    #[error("after a redirect from {from}: {error}")]
    Redirected {
        /// The host that redirected last.
        from: String,
        /// What happened then; never `Redirected` itself.
        error: Box<Error>,
    },
    /// The body is encoded in a way this client does not read, or its encoding is broken.
    #[error("cannot decode the response from {host}: {reason}")]
    Encoding {
        /// The host of the URL.
        host: String,
        /// The cause.
        reason: String,
    },
}

impl Error {
    /// What went wrong, whether or not a redirect came before.
    pub fn cause(&self) -> &Error {
        match self {
            Error::Redirected { error, .. } => error,
            other => other,
        }
    }

    /// The error of a hop that was reached by a redirect.
    pub(crate) fn after(self, from: String) -> Error {
        match self {
            Error::Redirected { .. } => self,
            error => Error::Redirected {
                from,
                error: Box::new(error),
            },
        }
    }

    /// Whether it is certain that no server saw the request, so that sending it again cannot do its work twice.
    pub fn is_unsent(&self) -> bool {
        match self {
            Error::InvalidUrl { .. }
            | Error::InvalidRequest { .. }
            | Error::Refused { .. }
            | Error::UnknownHost { .. }
            | Error::Connect { .. } => true,
            Error::Timeout { phase, .. } => match phase {
                Phase::Queue | Phase::Connect => true,
                Phase::Answer | Phase::Body => false,
            },
            Error::Disconnected { .. }
            | Error::TooLarge { .. }
            | Error::TooManyRedirects { .. }
            | Error::BadRedirect { .. }
            | Error::Redirected { .. }
            | Error::Encoding { .. } => false,
        }
    }

    /// Whether the same request may succeed later without anybody changing it or the configuration.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Redirected { error, .. } => error.is_transient(),
            Error::UnknownHost { .. }
            | Error::Connect { .. }
            | Error::Timeout { .. }
            | Error::Disconnected { .. } => true,
            Error::InvalidUrl { .. }
            | Error::InvalidRequest { .. }
            | Error::Refused { .. }
            | Error::TooLarge { .. }
            | Error::TooManyRedirects { .. }
            | Error::BadRedirect { .. }
            | Error::Encoding { .. } => false,
        }
    }
}

/// What a request was doing when its time ran out. Its text continues "took longer than ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waiting for other requests of this process to end.
    Queue,
    /// Resolving, connecting or agreeing on TLS.
    Connect,
    /// Sending, or waiting for the head of the answer.
    Answer,
    /// Reading the body.
    Body,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Queue => "waiting for a free slot under the limits of concurrent requests",
            Phase::Connect => "to connect",
            Phase::Answer => "to answer",
            Phase::Body => "to send its body",
        })
    }
}

/// A part of an answer that is larger than its limit. Its text continues "the response has ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The body, before or after decompression.
    Body {
        /// The limit in bytes.
        limit: u64,
    },
    /// The headers.
    Headers {
        /// The limit of their number.
        count: usize,
        /// The limit of their names and values together, in bytes.
        bytes: usize,
    },
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Body { limit } => write!(f, "a body of more than {limit} bytes"),
            Part::Headers { count, bytes } => write!(
                f,
                "more than {count} headers, or headers of more than {bytes} bytes"
            ),
        }
    }
}

/// Why a client cannot be made from a policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// An entry of a list cannot be read.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A limit makes every request fail.
    #[error("outbound.{field} must be at least 1")]
    Zero {
        /// The field of the policy.
        field: &'static str,
    },
    /// A file of certificates cannot be used.
    #[error("cannot use the certificates in {path}: {reason}")]
    CertificateFile {
        /// The file.
        path: std::path::PathBuf,
        /// The cause.
        reason: String,
    },
    /// The client cannot be built.
    #[error("cannot set up the HTTP client: {reason}")]
    Client {
        /// The cause.
        reason: String,
    },
}

fn refusal(host: &str, address: &Option<IpAddr>, rule: &Rule) -> String {
    match address {
        Some(address) if is_literal(host) => format!("{address} {rule}"),
        Some(address) => format!("{host} resolves to {address}, which {rule}"),
        None => format!("{host} {rule}"),
    }
}

/// Whether an authority is an address and not a name.
fn is_literal(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok() || host.parse::<SocketAddr>().is_ok()
}
