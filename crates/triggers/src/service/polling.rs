//! The task that asks one registry for new images, and the rows it keeps.
//!
//! What is asked are the repositories that triggers name, and those of the configuration. What a look found is stored in one
//! commit with the events it makes, so that none is lost and none made twice. The first look at a repository is never news; a
//! save that names a new one lets it be looked at right away, so that the next push is.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use spindrift_engine::{StoreError, Write};
use spindrift_runtime::EngineError;
use tokio::time::Instant;

use super::record::{Cause, EventRecord};
use super::shared::Shared;
use super::storage;
use crate::events::registry::{ImageEvent, Seen, compare};
use crate::matching::TriggerKind;
use crate::polling::{PollError, Registry};

/// Manifests that are asked for at the same time.
const AT_ONCE: usize = 8;

#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Registry(#[from] PollError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks a registry until the service stops.
pub(super) async fn poll(shared: Arc<Shared>, registry: Registry) {
    let account = registry.account().clone();
    let mut saves = shared.saves.subscribe();
    let mut looked_at: HashSet<String> = HashSet::new();
    let mut wanted: Option<BTreeSet<String>> = None;
    let mut due = Instant::now();
    let mut quiet_until = due;
    let mut complained = false;
    loop {
        let now = Instant::now();
        let mut repositories = shared.repositories_of(&account.name, &account.repositories);
        if wanted.as_ref() != Some(&repositories) {
            match shared.forget_images(&account.name, &repositories).await {
                Ok(()) => wanted = Some(repositories.clone()),
                Err(error) => tracing::warn!(%error, "what a registry had cannot be forgotten"),
            }
            looked_at.retain(|repository| repositories.contains(repository));
        }
        if now < due {
            repositories.retain(|repository| !looked_at.contains(repository));
        } else {
            due = now + account.interval;
        }
        for repository in repositories {
            let outcome = tokio::select! {
                biased;
                () = shared.stopping.cancelled() => return,
                outcome = shared.look(&registry, &repository) => outcome,
            };
            match outcome {
                Ok(()) => {
                    if complained {
                        tracing::info!(account = account.name, "the registry answers again");
                        complained = false;
                    }
                    looked_at.insert(repository);
                }
                Err(error) => {
                    if !complained {
                        tracing::warn!(account = account.name, repository, %error, "a registry cannot be asked");
                    }
                    complained = true;
                    if let LookError::Registry(PollError::Throttled(pause)) = error {
                        quiet_until = Instant::now() + pause;
                        due = due.max(quiet_until);
                        break;
                    }
                }
            }
        }
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            () = tokio::time::sleep_until(due) => {}
            // The sender lives as long as the service.
            // A registry that wants to be left alone is not asked because of a save either.
            _ = saves.changed(), if quiet_until <= Instant::now() => {}
        }
    }
}

impl Shared {
    /// The repositories that are looked at for an account.
    fn repositories_of(&self, account: &str, configured: &[String]) -> BTreeSet<String> {
        let index = self.index();
        let named = index.all().filter_map(|trigger| match &trigger.kind {
            TriggerKind::Image(image)
                if image.account == account && trigger.enabled && !trigger.pipeline_disabled =>
            {
                Some(image.repository.clone())
            }
            _ => None,
        });
        named.chain(configured.iter().cloned()).collect()
    }

    /// Forgets what other repositories had: should a trigger name one of them again, all that was pushed since would be news.
    async fn forget_images(
        &self,
        account: &str,
        wanted: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let known = storage::known_repositories(self.engine.store(), account)?;
        let gone = known.into_iter().filter(|name| !wanted.contains(name));
        let writes: Vec<Write> = gone
            .map(|name| storage::forget_images(&storage::images_key(account, &name)))
            .collect();
        match writes.is_empty() {
            true => Ok(()),
            false => self.engine.store().commit(writes).await,
        }
    }

    /// Looks at one repository: stores what is new, and goes on with it.
    async fn look(
        self: &Arc<Self>,
        registry: &Registry,
        repository: &str,
    ) -> Result<(), LookError> {
        let account = registry.account();
        let key = storage::images_key(&account.name, repository);
        let store = self.engine.store();
        let (stored, known) = storage::images(store, &key)?;
        let tags: Vec<String> = registry.tags(repository).await?;
        let asks = |tag: &String| {
            let is_known = known.as_ref().is_some_and(|known| known.contains_key(tag));
            // A first look needs digests only to notice later that they have changed.
            account.policy.track_digests || (known.is_some() && !is_known)
        };
        let digests = tags.into_iter().map(|tag| {
            let asks = asks(&tag);
            async move {
                let digest = match asks {
                    true => registry.digest(repository, &tag).await?,
                    false => None,
                };
                Ok::<_, PollError>((tag, digest))
            }
        });
        let seen: Seen = futures::stream::iter(digests)
            .buffer_unordered(AT_ONCE)
            .try_collect::<BTreeMap<_, _>>()
            .await?;
        let outcome = compare(known.as_ref(), &seen, account.policy);
        if outcome.held > 0 {
            tracing::warn!(
                account = account.name,
                repository,
                tags = outcome.held,
                "so many new tags at once are remembered, but start nothing"
            );
        }
        if known.as_ref() == Some(&outcome.cache) {
            return Ok(());
        }
        let now = self.now();
        let records: Vec<EventRecord> = outcome
            .new
            .iter()
            .map(|tag| {
                let image = ImageEvent {
                    account: Some(account.name.clone()),
                    registry: Some(account.host().to_owned()),
                    repository: repository.to_owned(),
                    tag: Some(tag.clone()),
                    digest: seen.get(tag).cloned().flatten(),
                    chart: account.charts,
                    ..ImageEvent::default()
                };
                let name = format!(
                    "image:{}:{repository}:{tag}:{}:{now}",
                    account.name,
                    image.digest.as_deref().unwrap_or_default()
                );
                EventRecord::new(
                    storage::stable_id(now, &name),
                    now,
                    Cause::Image(Box::new(image)),
                )
            })
            .collect();
        let mut writes: Vec<Write> = vec![storage::remember_images(&key, &outcome.cache, stored)?];
        for record in &records {
            writes.extend(storage::received(record)?);
        }
        store.commit(writes).await?;
        for record in records {
            self.go_on_with(record);
        }
        Ok(())
    }

    /// Works on a stored event on its own.
    pub(super) fn go_on_with(self: &Arc<Self>, record: EventRecord) {
        let shared = Arc::clone(self);
        self.tracker.spawn(async move {
            let id = record.id.clone();
            let done: Result<_, EngineError> = shared.process(record).await;
            if let Err(error) = done {
                tracing::warn!(event = id, %error, "an event is left for the next start");
            }
        });
    }
}
