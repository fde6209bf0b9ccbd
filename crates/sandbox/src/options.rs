//! What a caller may set when it makes a sandbox.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Settings of a [`crate::Sandbox`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SandboxOptions {
    /// From a container's start to its readiness, unless the pod says otherwise.
    pub readiness_delay: Duration,
    /// From a pod's scheduling to its containers' start.
    pub start_delay: Duration,
    /// From a pod's deletion to its removal; a shorter grace period wins.
    pub termination_delay: Duration,
    /// How long containers of pods that do not restart always (those of Jobs) run, unless the pod says otherwise.
    pub job_duration: Duration,
    /// First wait before a crashed container starts again; doubles up to thirty times this.
    pub crash_backoff: Duration,
    /// From the creation of a `LoadBalancer` service or an ingress to its address.
    pub load_balancer_delay: Duration,
    /// From the creation of a claim to its binding.
    pub volume_delay: Duration,
    /// Number of recent changes that watches can go back to; older ones answer `410 Gone`.
    pub watch_history: usize,
    /// Period of watch bookmarks.
    pub bookmark_interval: Duration,
    /// Number of recent requests kept for [`crate::Sandbox::requests`].
    pub recorded_requests: usize,
    /// Bytes of log kept for each container.
    pub log_limit: usize,
    /// Names of the nodes; DaemonSets run one pod on each.
    pub nodes: Vec<String>,
    /// If set, requests must carry this bearer token. Kubeconfigs carry it too.
    pub token: Option<String>,
    /// Wall time at the start; it advances with tokio's clock. `None`: the time of day.
    pub start_time: Option<DateTime<Utc>>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            readiness_delay: Duration::from_secs(2),
            start_delay: Duration::from_millis(500),
            termination_delay: Duration::from_secs(1),
            job_duration: Duration::from_secs(2),
            crash_backoff: Duration::from_secs(10),
            load_balancer_delay: Duration::from_secs(1),
            volume_delay: Duration::from_millis(500),
            watch_history: 512,
            bookmark_interval: Duration::from_secs(60),
            recorded_requests: 256,
            log_limit: 64 * 1024,
            nodes: vec!["sandbox-1".to_owned()],
            token: None,
            start_time: None,
        }
    }
}

impl SandboxOptions {
    /// Options with every delay at zero, for tests that care for outcomes and not for the way there.
    #[must_use]
    pub fn immediate() -> Self {
        let zero = Duration::ZERO;
        Self {
            readiness_delay: zero,
            start_delay: zero,
            termination_delay: zero,
            job_duration: zero,
            load_balancer_delay: zero,
            volume_delay: zero,
            ..Self::default()
        }
    }

    /// The same options with another readiness delay.
    #[must_use]
    pub fn with_readiness_delay(mut self, delay: Duration) -> Self {
        self.readiness_delay = delay;
        self
    }
}
