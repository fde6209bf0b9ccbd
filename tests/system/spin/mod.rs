//! Spinnaker's own command line, unmodified, against the real server.
//!
//! `real` drives the client where it is on the PATH; `recorded` sends the requests that it and its successor send, always.

mod real;
mod recorded;
