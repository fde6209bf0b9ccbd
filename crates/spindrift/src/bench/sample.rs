//! Measured values and what is said of them.

use std::time::Duration;

/// Durations, to be summed up.
#[derive(Debug, Default)]
pub struct Sample(Vec<Duration>);

impl Sample {
    /// Adds a duration.
    pub fn add(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// Adds those of another sample.
    pub fn join(&mut self, other: Sample) {
        self.0.extend(other.0);
    }

    /// The value below which that share of the durations lies.
    pub fn percentile(&mut self, share: f64) -> Duration {
        self.0.sort_unstable();
        let position = (self.0.len().saturating_sub(1) as f64 * share).round() as usize;
        self.0.get(position).copied().unwrap_or_default()
    }

    /// Median, 99th percentile and maximum, in milliseconds.
    pub fn summary(&mut self) -> String {
        let [p50, p99, max] =
            [0.5, 0.99, 1.0].map(|share| self.percentile(share).as_secs_f64() * 1_000.0);
        format!(
            "p50 {p50:.3} ms, p99 {p99:.3} ms, max {max:.3} ms ({} samples)",
            self.0.len()
        )
    }
}

/// How many of something happen in a second.
pub fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// The memory this process has resident, in bytes; 0 where the system does not tell.
pub fn resident() -> usize {
    resident_of("self")
}

/// The memory a process has resident, in bytes; 0 where the system does not tell.
pub fn resident_of(process: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|value| {
            value
                .trim()
                .trim_end_matches(" kB")
                .trim()
                .parse::<usize>()
                .ok()
        })
        .map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_the_sorted_sample() {
        let mut sample = Sample::default();
        (1..=100)
            .rev()
            .for_each(|n| sample.add(Duration::from_millis(n)));
        assert_eq!(sample.percentile(0.5), Duration::from_millis(51));
        assert_eq!(sample.percentile(0.99), Duration::from_millis(99));
        assert_eq!(sample.percentile(1.0), Duration::from_millis(100));
    }
}
