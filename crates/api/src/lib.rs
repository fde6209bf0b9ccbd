//! The HTTP API: the routes that Spinnaker's clients know, over the engine.
//!
//! A request passes, from the outside in: its id and its log line, the guard against panics, the check of where it comes
//! from, the question who asks, the clock that ends it, and a thin handler. No rule of the engine lives here.
//!
//! Invariants: every answer that is not a success is a problem with a message for a person; the mapping of the engine's
//! errors to status codes is in one place ([`problem`](HttpProblem)); nobody is believed to be somebody without a token
//! unless the server can be reached from its own machine only.

mod body;
mod identity;
mod limits;
mod observe;
mod openapi;
mod origin;
mod path;
mod problem;
mod query;
mod request_id;
mod routes;
mod schema;
mod server;
mod state;
mod subset;

pub use identity::{ApiToken, InvalidHash, TokenHash};
pub use limits::Limits;
pub use observe::install_metrics;
pub use openapi::openapi;
pub use problem::HttpProblem;
pub use routes::router;
pub use server::{check_address, serve};
pub use state::{ApiOptions, ApiState};
