//! Every store does what the contract says, whatever happens to it between writing and reading.

use spindrift_store::MemoryStore;
use spindrift_store::contract::{Plain, check_all};

use crate::support::{Crashing, Disturbance, OnSled, options, restless};

#[test]
fn the_store_in_memory() {
    check_all(|| Box::new(Plain::new(MemoryStore::new())));
}

#[test]
fn the_store_in_memory_that_crashes() {
    check_all(|| Box::new(Crashing(MemoryStore::new())));
}

#[test]
fn the_store_on_sled() {
    check_all(|| Box::new(OnSled::new(options(), Disturbance::None)));
}

#[test]
fn the_store_on_sled_with_everything_in_the_tree() {
    check_all(|| Box::new(OnSled::new(options(), Disturbance::Settle)));
}

#[test]
fn the_store_on_sled_while_rows_move() {
    check_all(|| Box::new(OnSled::new(restless(), Disturbance::None)));
}

#[test]
fn the_store_on_sled_reopened() {
    check_all(|| Box::new(OnSled::new(options(), Disturbance::Reopen)));
}
