//! Where the server stands at the moment, for clients that outlive it.

use std::net::SocketAddr;
use std::sync::{Condvar, Mutex};

use crate::support::http::PATIENCE;

/// Where the server stands at the moment.
#[derive(Default)]
pub struct Stand {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    address: Option<SocketAddr>,
    /// How many servers there have been.
    life: usize,
    /// How many calls the present one has acknowledged.
    acknowledged: usize,
    is_over: bool,
}

/// Ends the clients when it goes.
pub struct End<'s>(&'s Stand);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.is_over = true);
    }
}

impl Stand {
    pub fn end_at_drop(&self) -> End<'_> {
        End(self)
    }

    pub fn open(&self, address: SocketAddr) {
        self.change(|state| {
            state.address = Some(address);
            state.life += 1;
            state.acknowledged = 0;
        });
    }

    pub fn close(&self) {
        self.change(|state| state.address = None);
    }

    pub fn acknowledge(&self) {
        self.change(|state| state.acknowledged += 1);
    }

    /// Waits until that many calls were acknowledged.
    pub fn wait_for(&self, count: usize) {
        let state = self.state.lock().unwrap();
        let waited = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.acknowledged < count);
        let (state, timeout) = waited.unwrap();
        let stuck = timeout.timed_out();
        assert!(!stuck, "only {} calls were answered", state.acknowledged);
    }

    /// The address of a server later than that, and which it is; `None` when there will be none.
    pub fn after(&self, life: usize) -> Option<(SocketAddr, usize)> {
        let mut state = self.state.lock().unwrap();
        loop {
            match state.address {
                _ if state.is_over => return None,
                Some(address) if state.life > life => return Some((address, state.life)),
                _ => state = self.changed.wait(state).unwrap(),
            }
        }
    }

    /// Whether the clients shall end.
    pub fn is_over(&self) -> bool {
        self.state.lock().unwrap().is_over
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }
}
