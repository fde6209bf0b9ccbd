//! What starts runs, seen from outside.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it set it up"
)]

mod conformance;
mod cron_oracle;
mod hostile;
mod made_events;
mod real_events;
mod service;
