//! What starts runs, seen from outside.

mod conformance;
mod cron_oracle;
mod real_events;
mod service;
