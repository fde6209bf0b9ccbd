//! How many requests may be under way at once, in all and per host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// The table of hosts is swept when it has grown to this size.
const SWEEP_AT: usize = 1024;

#[derive(Debug)]
pub(crate) struct Slots {
    total: Semaphore,
    per_host: usize,
    hosts: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// The right to have one request under way.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    _host: Option<OwnedSemaphorePermit>,
    _total: Option<SemaphorePermit<'a>>,
}

impl Slots {
    pub(crate) fn new(total: usize, per_host: usize) -> Slots {
        let most = |wanted: usize| wanted.min(Semaphore::MAX_PERMITS);
        Slots {
            total: Semaphore::new(most(total)),
            per_host: most(per_host),
            hosts: Mutex::default(),
        }
    }

    /// Waits first for the host and then for the total, so that requests queued for a slow host do not hold slots of the others.
    pub(crate) async fn take(&self, host: &str) -> Slot<'_> {
        // Acquiring fails only on a closed semaphore, and these are never closed.
        let host = self.host(host).acquire_owned().await.ok();
        let total = self.total.acquire().await.ok();
        Slot {
            _host: host,
            _total: total,
        }
    }

    fn host(&self, host: &str) -> Arc<Semaphore> {
        // The table is whole between any two statements that could panic.
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hosts.get(host).and_then(Weak::upgrade) {
            return known;
        }
        if SWEEP_AT <= hosts.len() {
            hosts.retain(|_, known| known.strong_count() != 0);
        }
        let fresh = Arc::new(Semaphore::new(self.per_host));
        hosts.insert(host.to_owned(), Arc::downgrade(&fresh));
        fresh
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_full_host_leaves_room_for_others() {
        let slots = Slots::new(2, 1);
        let Poll::Ready(first) = poll(pin!(slots.take("slow"))) else {
            panic!("the first waits")
        };
        let mut second = pin!(slots.take("slow"));
        assert!(poll(second.as_mut()).is_pending());
        assert!(poll(pin!(slots.take("other"))).is_ready());
        drop(first);
        assert!(poll(second.as_mut()).is_ready());
    }

    #[test]
    fn hosts_without_requests_are_forgotten() {
        let slots = Slots::new(10, 10);
        for host in 0..5 * SWEEP_AT {
            assert!(poll(pin!(slots.take(&host.to_string()))).is_ready());
        }
        assert!(slots.hosts.lock().unwrap().len() <= SWEEP_AT);
    }
}
