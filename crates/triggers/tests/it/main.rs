//! What starts runs, seen from outside.

mod cron_oracle;
mod real_events;
