//! Which failed requests are sent again, and when: the one place that decides it.
//!
//! Only failures that a repetition may mend are repeated ([`CloudError::is_retryable`]): 429, 500, 502, 503, 504, time-outs and broken connections, and 409 where
//! the caller reads again before it writes again. What the API server asks for in `Retry-After` is kept.

use std::time::Duration;

use tokio::time::sleep;

use crate::error::{CloudError, ErrorKind};

/// The first wait after a failure; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);
/// The longest wait, also when the API server asks for more.
const LONGEST: Duration = Duration::from_secs(30);

/// The waits between attempts.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// How long to wait after that failure.
    pub(crate) fn after(&mut self, error: &CloudError) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(LONGEST);
        wait.max(error.retry_after.unwrap_or_default()).min(LONGEST)
    }

    /// Starts again at the shortest wait.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }
}

/// How often something is tried.
const ATTEMPTS: u32 = 9;

/// Carries out a step that may be repeated, for about a minute. A conflict is an answer here, not a reason to try again.
pub(crate) async fn retry<T, F>(attempt: impl FnMut() -> F) -> Result<T, CloudError>
where
    F: Future<Output = Result<T, CloudError>>,
{
    retry_if(|error| error.kind == ErrorKind::Unavailable, attempt).await
}

/// The same for failures that the caller names: a step that reads before it writes may be repeated after a conflict, too
/// ([`CloudError::is_retryable`]).
pub(crate) async fn retry_if<T, F>(
    mends: impl Fn(&CloudError) -> bool,
    mut attempt: impl FnMut() -> F,
) -> Result<T, CloudError>
where
    F: Future<Output = Result<T, CloudError>>,
{
    let mut backoff = Backoff::default();
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if mends(&error) => sleep(backoff.after(&error)).await,
            answer => return answer,
        }
    }
    attempt().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    fn failure(kind: ErrorKind, retry_after: u64) -> CloudError {
        let mut error = CloudError::new(kind, "no");
        error.retry_after = (retry_after > 0).then(|| Duration::from_secs(retry_after));
        error
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_mend_is_tried_again_and_the_rest_is_not() {
        use ErrorKind::*;
        // The failure, whether conflicts count, how often it is tried, the seconds that pass.
        let table = [
            (failure(Unavailable, 0), false, 9, 51),
            (failure(Unavailable, 3), false, 9, 60),
            (failure(Unavailable, 600), false, 9, 240),
            (failure(Conflict, 0), false, 1, 0),
            (failure(Conflict, 0), true, 9, 51),
            (failure(Refused, 0), true, 1, 0),
            (failure(NotFound, 0), true, 1, 0),
        ];
        for (error, conflicts, tried, seconds) in table {
            let (count, start) = (Cell::new(0), Instant::now());
            let attempt = || {
                count.set(count.get() + 1);
                let error = error.clone();
                async { Err::<(), _>(error) }
            };
            let answer = if conflicts {
                retry_if(CloudError::is_retryable, attempt).await
            } else {
                retry(attempt).await
            };
            assert_eq!(answer, Err(error.clone()));
            assert_eq!(count.get(), tried, "{error:?}");
            assert_eq!(start.elapsed().as_secs(), seconds, "{error:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn success_ends_it() {
        let count = Cell::new(0);
        let answer = retry(|| {
            count.set(count.get() + 1);
            let first = count.get() == 1;
            async move {
                if first {
                    Err(failure(ErrorKind::Unavailable, 0))
                } else {
                    Ok(7)
                }
            }
        })
        .await;
        assert_eq!((answer, count.get()), (Ok(7), 2));
    }
}
