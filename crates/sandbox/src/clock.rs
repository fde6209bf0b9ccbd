//! The cluster's clock: wall time that advances with tokio's clock.
//!
//! Timestamps in objects and timers of controllers come from the same source, so a paused tokio clock steps both together.

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::time::Instant;

/// Wall time fixed at one instant of tokio's clock.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    wall: DateTime<Utc>,
    instant: Instant,
}

impl Clock {
    pub fn starting_at(wall: DateTime<Utc>) -> Self {
        Self {
            wall,
            instant: Instant::now(),
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.wall + Instant::now().duration_since(self.instant)
    }

    /// Now as a Kubernetes timestamp: seconds resolution, UTC.
    pub fn stamp(&self) -> String {
        stamp(self.now())
    }
}

pub(crate) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(crate) fn parse_stamp(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|at| at.with_timezone(&Utc))
}
