//! A disk that fails on demand.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use sled::Batch;

use crate::disk::Disk;

/// What goes wrong, and when. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    failing_apply: Option<u64>,
    panicking_apply: Option<u64>,
    failing_sync: Option<u64>,
    free: Option<u64>,
    applied: u64,
    synced: u64,
}

impl Faults {
    /// The `n`th write from now fails, from 1.
    pub fn fail_apply(&self, n: u64) {
        self.plan(|plan| plan.failing_apply = Some(plan.applied + n));
    }

    /// The `n`th write from now panics, from 1.
    pub fn panic_in_apply(&self, n: u64) {
        self.plan(|plan| plan.panicking_apply = Some(plan.applied + n));
    }

    /// The `n`th sync from now fails, from 1; what it should have made durable may be lost.
    pub fn fail_sync(&self, n: u64) {
        self.plan(|plan| plan.failing_sync = Some(plan.synced + n));
    }

    /// The disk has only that many bytes free; `None`: as many as it really has.
    pub fn set_free(&self, bytes: Option<u64>) {
        self.plan(|plan| plan.free = bytes);
    }

    /// How often was synced.
    pub fn syncs(&self) -> u64 {
        self.plan(|plan| plan.synced)
    }

    fn plan<T>(&self, change: impl FnOnce(&mut Plan) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Asked after each successful sync, for instance to keep a copy of what would survive a power failure.
type AfterSync = Box<dyn FnMut() + Send>;

/// A disk that fails as [`Faults`] say.
pub struct FaultyDisk {
    disk: Box<dyn Disk>,
    faults: Faults,
    after_sync: Option<AfterSync>,
}

impl FaultyDisk {
    /// Puts faults in front of a disk.
    pub fn new(disk: Box<dyn Disk>, faults: Faults) -> Self {
        Self {
            disk,
            faults,
            after_sync: None,
        }
    }

    /// Does something after each sync, before anybody is told of it.
    pub fn after_sync(mut self, act: impl FnMut() + Send + 'static) -> Self {
        self.after_sync = Some(Box::new(act));
        self
    }
}

impl Disk for FaultyDisk {
    fn apply(&mut self, batch: Batch) -> io::Result<()> {
        let (fails, panics) = self.faults.plan(|plan| {
            plan.applied += 1;
            (
                plan.failing_apply == Some(plan.applied),
                plan.panicking_apply == Some(plan.applied),
            )
        });
        assert!(!panics, "injected panic");
        if fails {
            return Err(io::Error::other("injected write error"));
        }
        self.disk.apply(batch)
    }

    fn sync(&mut self) -> io::Result<()> {
        let fails = self.faults.plan(|plan| {
            plan.synced += 1;
            plan.failing_sync == Some(plan.synced)
        });
        if fails {
            return Err(io::Error::other("injected sync error"));
        }
        self.disk.sync()?;
        if let Some(act) = &mut self.after_sync {
            act();
        }
        Ok(())
    }

    fn free(&self) -> io::Result<u64> {
        match self.faults.plan(|plan| plan.free) {
            Some(free) => Ok(free),
            None => self.disk.free(),
        }
    }
}
