//! Forgetting executions that have ended: by age, by number, or not at all.

use std::time::Duration;

use spindrift_engine::{ExecutionQuery, Listed, Scope};
use spindrift_model::{Millis, Status};

use crate::engine::Engine;
use crate::error::EngineError;

/// Which ended executions are forgotten; none by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Those that were created longer ago than this, in milliseconds.
    pub max_age: Option<Millis>,
    /// All but the newest so many of each pipeline.
    pub max_count: Option<usize>,
}

/// So many executions are listed at a time.
const PAGE: usize = 500;

/// The time between two sweeps.
const PERIOD: Duration = Duration::from_secs(3_600);

impl Engine {
    /// Forgets what the rule says now and once an hour, until the engine stops.
    pub fn keep_clean(&self, retention: Retention) {
        if retention == Retention::default() {
            return;
        }
        let engine = self.clone();
        self.shared.tracker.spawn(async move {
            let stopping = engine.shared.stopping.clone();
            loop {
                match engine.sweep(retention).await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(count, "old executions are forgotten"),
                    Err(error) => tracing::warn!(%error, "old executions cannot be forgotten"),
                }
                tokio::select! {
                    biased;
                    () = stopping.cancelled() => return,
                    () = tokio::time::sleep(PERIOD) => {}
                }
            }
        });
    }

    /// Forgets what the rule says. Answers with how many executions that were.
    pub async fn sweep(&self, retention: Retention) -> Result<usize, EngineError> {
        let mut count = 0;
        if let Some(age) = retention.max_age {
            let before = self.clock().now().saturating_sub(age);
            let query = ExecutionQuery {
                to: before,
                oldest_first: true,
                ..ended(Scope::All)
            };
            count += self.forget_all(query).await?;
        }
        if let Some(keep) = retention.max_count {
            for pipeline in self.store().pipelines(None)? {
                let scope = Scope::Pipeline(pipeline.id);
                let newest = self
                    .store()
                    .executions(&ExecutionQuery::newest(scope.clone(), keep))?;
                let Some(last) = newest.last().filter(|_| newest.len() == keep) else {
                    continue;
                };
                let query = ExecutionQuery {
                    after: Some((last.build_time, last.id.clone())),
                    ..ended(scope)
                };
                count += self.forget_all(query).await?;
            }
        }
        Ok(count)
    }

    async fn forget_all(&self, mut query: ExecutionQuery) -> Result<usize, EngineError> {
        let mut count = 0;
        loop {
            let page: Vec<Listed> = self.store().executions(&query)?;
            let Some(last) = page.last() else {
                return Ok(count);
            };
            query.after = Some((last.build_time, last.id.clone()));
            for listed in page {
                match self.forget(&listed.id).await {
                    Ok(()) => count += 1,
                    // It was restarted, or forgotten by somebody else, since it was listed.
                    Err(EngineError::Conflict(_) | EngineError::UnknownExecution(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

fn ended(scope: Scope) -> ExecutionQuery {
    ExecutionQuery {
        statuses: Status::ALL
            .into_iter()
            .filter(|status| status.is_complete())
            .collect(),
        ..ExecutionQuery::newest(scope, PAGE)
    }
}
