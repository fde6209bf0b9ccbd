//! How far the first listing is, and what is missing from it.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// How far a listing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listing {
    /// Nothing has come yet.
    Pending,
    /// It is in memory.
    Listed,
    /// It may not be listed.
    Forbidden(String),
    /// It cannot be listed now.
    Failed(String),
}

/// How far the first listing of everything is.
#[derive(Debug)]
pub(super) struct Progress(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    /// What is listed; absent until the kinds are known.
    listings: Option<BTreeMap<String, Listing>>,
    /// Why the kinds are not known.
    failed: Option<String>,
    stopped: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self(watch::Sender::new(State::default()))
    }
}

impl Progress {
    /// The kinds are known, and these will be listed.
    pub(super) fn begin(&self, names: impl Iterator<Item = String>) {
        self.0.send_modify(|state| {
            state.failed = None;
            state.listings = Some(names.map(|name| (name, Listing::Pending)).collect());
        });
    }

    /// The kinds cannot be asked for.
    pub(super) fn fail(&self, reason: String) {
        self.0.send_modify(|state| state.failed = Some(reason));
    }

    /// Something is known of one listing. What is in memory stays there when the API server is lost.
    pub(super) fn set(&self, name: &str, listing: Listing) {
        self.0.send_if_modified(|state| {
            let listings = state.listings.get_or_insert_default();
            let before = listings.get(name);
            let keeps = matches!(
                (before, &listing),
                (Some(Listing::Listed), Listing::Failed(_) | Listing::Pending)
            );
            if keeps || before == Some(&listing) {
                return false;
            }
            listings.insert(name.to_owned(), listing);
            true
        });
    }

    /// Nothing will be listed any more.
    pub(super) fn stop(&self) {
        self.0.send_modify(|state| state.stopped = true);
    }

    /// Ends when everything that may be listed is, or with the reason why not.
    pub(super) async fn listed(&self) -> Result<(), String> {
        let mut states = self.0.subscribe();
        loop {
            if let Some(done) = states.borrow_and_update().outcome() {
                return done;
            }
            if states.changed().await.is_err() {
                return Err("the account was unbound".to_owned());
            }
        }
    }

    /// What is missing, and why.
    pub(super) fn problems(&self) -> Vec<String> {
        let state = self.0.borrow();
        let listings = state.listings.iter().flatten();
        let missing = listings.filter_map(|(name, listing)| match listing {
            Listing::Pending | Listing::Listed => None,
            Listing::Forbidden(reason) | Listing::Failed(reason) => {
                Some(format!("{name} cannot be listed: {reason}"))
            }
        });
        state.failed.iter().cloned().chain(missing).collect()
    }
}

impl State {
    fn outcome(&self) -> Option<Result<(), String>> {
        if self.stopped {
            return Some(Err("the account was unbound".to_owned()));
        }
        if let Some(reason) = &self.failed {
            return Some(Err(reason.clone()));
        }
        let mut pending = false;
        for listing in self.listings.as_ref()?.values() {
            match listing {
                Listing::Failed(reason) => return Some(Err(reason.clone())),
                Listing::Pending => pending = true,
                Listing::Listed | Listing::Forbidden(_) => {}
            }
        }
        (!pending).then_some(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn a_forbidden_kind_is_missing_and_a_failed_one_is_a_failure() {
        let progress = Progress::default();
        let listed = || progress.listed().now_or_never();
        assert_eq!(listed(), None);
        progress.begin(["pods".to_owned(), "services".to_owned()].into_iter());
        progress.set("pods", Listing::Listed);
        assert_eq!(listed(), None);
        progress.set("services", Listing::Failed("lost".into()));
        assert_eq!(listed(), Some(Err("lost".to_owned())));
        progress.set("services", Listing::Forbidden("no".into()));
        assert_eq!(listed(), Some(Ok(())));
        assert_eq!(progress.problems(), ["services cannot be listed: no"]);
        progress.set("pods", Listing::Failed("lost".into()));
        assert_eq!(listed(), Some(Ok(())), "what is in memory stays there");
        progress.stop();
        assert!(listed().unwrap().is_err());
    }
}
