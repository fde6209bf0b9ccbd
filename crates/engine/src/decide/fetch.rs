//! What expressions ask of the network (`#fromUrl` and its family).
//!
//! A decision cannot fetch. It promises to, the stage waits unplanned, and is evaluated again with the answer.

use spindrift_expressions::Fetch;
use spindrift_model::{Serial, Status};

use super::Step;
use crate::change::{Answer, Change};
use crate::effect::Deed;

/// So many URLs one stage may ask for; an expression that makes up a new one for each answer is stopped there.
const MOST_ANSWERS: usize = 32;

impl Step<'_, '_, '_> {
    /// Asks for what is needed and not on its way. Whether the stage must wait.
    pub(super) fn ask_for(&mut self, serial: Serial, needs: Vec<Fetch>) -> bool {
        let answers = &self.run.ledger().answers;
        let answered = answers.iter().filter(|(stage, _)| *stage == serial).count();
        let mut urls: Vec<String> = needs.into_iter().map(|fetch| fetch.url).collect();
        urls.sort_unstable();
        urls.dedup();
        urls.truncate(MOST_ANSWERS.saturating_sub(answered));
        for url in &urls {
            self.promise(Deed::Fetch {
                stage: serial,
                url: url.clone(),
            });
        }
        !urls.is_empty()
    }

    pub(super) fn fetched(&mut self, number: u32, body: Result<String, String>) {
        let promises = &self.run.ledger().promises;
        let Some(promise) = promises.iter().find(|promise| promise.number == number) else {
            return;
        };
        let Deed::Fetch { stage, url } = promise.deed.clone() else {
            return;
        };
        self.record(Change::Kept { number });
        if self.is_over()
            || self
                .stage(stage)
                .is_none_or(|stage| stage.status != Status::Running)
        {
            return;
        }
        self.record(Change::Answered {
            stage,
            answer: Answer { url, body },
        });
        let open = self.run.ledger().promises.iter().any(
            |promise| matches!(&promise.deed, Deed::Fetch { stage: other, .. } if *other == stage),
        );
        if !open {
            self.prepare(stage);
        }
    }
}
