//! A world that answers nothing surprising.

use std::cell::Cell;

use spindrift_expressions::{Environment, Fetch, Fetched};

/// Fixed time, counted chance, one URL.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: i64,
    random: Cell<u64>,
    pub(crate) user: Option<&'static str>,
    pub(crate) body: Option<&'static str>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            // 2024-06-10T06:13:20Z
            now: 1_718_000_000_000,
            random: Cell::new(0x9E37_79B9_7F4A_7C15),
            user: None,
            body: None,
        }
    }
}

impl Environment for World {
    fn now_ms(&self) -> i64 {
        self.now
    }

    fn random_u64(&self) -> u64 {
        let next = self
            .random
            .get()
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.random.set(next);
        next ^ (next >> 29)
    }

    fn user(&self) -> Option<&str> {
        self.user
    }

    fn pipeline_id(&self, application: &str, name: &str) -> Option<String> {
        (name == "Deploy").then(|| format!("{application}-deploy"))
    }

    fn fetch(&self, _fetch: &Fetch) -> Fetched {
        match self.body {
            Some(body) => Fetched::Body(body.to_owned()),
            None => Fetched::Unknown,
        }
    }
}
