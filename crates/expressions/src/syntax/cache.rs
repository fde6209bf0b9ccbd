//! A bounded store of parsed templates, keyed by their text.
//!
//! Two generations: a lookup in the old one moves the entry to the young one, and a full young one becomes the old
//! one. So at most `2 * capacity` templates are kept and those in use stay.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::template::Template;
use crate::error::ParseFailure;

type Entry = Arc<Result<Template, ParseFailure>>;

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Arc<str>, Entry>,
    old: HashMap<Arc<str>, Entry>,
}

/// Parsed templates by text. Shared by reference between evaluations and threads.
#[derive(Debug)]
pub struct TemplateCache {
    capacity: usize,
    generations: Mutex<Generations>,
}

impl TemplateCache {
    /// A cache that keeps between `capacity` and twice as many templates.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            generations: Mutex::default(),
        }
    }

    /// The parsed form of `source`, parsing it if it is not known.
    pub fn get(&self, source: &str) -> Arc<Result<Template, ParseFailure>> {
        // A poisoned lock only means that a thread died between two map operations: the maps are still maps.
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = generations.young.get(source) {
            return Arc::clone(found);
        }
        let entry = match generations.old.remove(source) {
            Some(found) => found,
            None => Arc::new(Template::parse(source)),
        };
        if generations.young.len() >= self.capacity {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(source.into(), Arc::clone(&entry));
        entry
    }

    /// How many templates are kept now.
    #[must_use]
    pub fn len(&self) -> usize {
        let generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        generations.young.len() + generations.old.len()
    }

    /// True where nothing was parsed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for TemplateCache {
    fn default() -> Self {
        Self::new(4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let cache = TemplateCache::new(4);
        let hot = cache.get("${hot}");
        for index in 0..100 {
            cache.get(&format!("${{x{index}}}"));
            assert!(Arc::ptr_eq(&hot, &cache.get("${hot}")), "round {index}");
            assert!(cache.len() <= 8);
        }
    }

    #[test]
    fn a_failure_is_kept_as_well() {
        let cache = TemplateCache::new(4);
        assert!(cache.get("${a b}").is_err());
        assert!(Arc::ptr_eq(&cache.get("${a b}"), &cache.get("${a b}")));
    }
}
