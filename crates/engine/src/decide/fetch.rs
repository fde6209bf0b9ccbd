//! What expressions ask of the network (`#fromUrl` and its family).
//!
//! A decision cannot fetch. It promises to; what asked waits where it is (a stage at its condition, a stage unplanned, a
//! task that has not started) and is evaluated again with the answer. Answers are kept until their stage has ended.

use spindrift_expressions::Fetch;
use spindrift_model::{Serial, Stage, Status};

use super::{Step, Work};
use crate::change::{Answer, Change};
use crate::effect::Deed;

/// So many URLs one stage may ask for; an expression that makes up a new one for each answer is stopped there.
const MOST_ANSWERS: usize = 32;

impl Step<'_, '_, '_> {
    /// Asks for what is needed and not on its way. Whether there is something to wait for.
    pub(super) fn ask_for(&mut self, serial: Serial, needs: Vec<Fetch>) -> bool {
        let mut open: Vec<String> = self
            .open_fetches(serial)
            .map(|(_, url)| url.to_owned())
            .collect();
        let answers = &self.run.ledger().answers;
        let answered = answers.iter().filter(|(stage, _)| *stage == serial).count();
        let mut urls: Vec<String> = needs.into_iter().map(|fetch| fetch.url).collect();
        urls.sort_unstable();
        urls.dedup();
        urls.retain(|url| !open.contains(url));
        urls.truncate(MOST_ANSWERS.saturating_sub(answered + open.len()));
        for url in urls {
            self.promise(Deed::Fetch {
                stage: serial,
                url: url.clone(),
            });
            open.push(url);
        }
        !open.is_empty()
    }

    fn open_fetches(&self, serial: Serial) -> impl Iterator<Item = (u32, &str)> {
        let promises = self.run.ledger().promises.iter();
        promises.filter_map(move |promise| match &promise.deed {
            Deed::Fetch { stage, url } if *stage == serial => Some((promise.number, &**url)),
            Deed::Fetch { .. }
            | Deed::CancelTask { .. }
            | Deed::TellParent { .. }
            | Deed::CancelFormer { .. }
            | Deed::RestartParent { .. } => None,
        })
    }

    /// Gives up what a stage has asked for: an answer that comes late is not taken for that of another life.
    pub(super) fn forget_fetches(&mut self, serial: Serial) {
        let open: Vec<u32> = self
            .open_fetches(serial)
            .map(|(number, _)| number)
            .collect();
        for number in open {
            self.record(Change::Kept { number });
        }
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
                .is_none_or(|stage| stage.status.is_complete())
        {
            return;
        }
        self.record(Change::Answered {
            stage,
            answer: Answer { url, body },
        });
        if self.open_fetches(stage).next().is_none() {
            self.go_on_with_answers(stage);
        }
    }

    fn go_on_with_answers(&mut self, serial: Serial) {
        match self.stage(serial).map(waits_at) {
            Some(At::Condition) => self.push(Work::StartStage(serial)),
            Some(At::Planning) => self.prepare(serial),
            Some(At::Task(task)) => self.push(Work::StartTask(serial, task)),
            None => {}
        }
    }
}

/// Where a stage waits for answers.
enum At {
    Condition,
    Planning,
    Task(u16),
}

fn waits_at(stage: &Stage) -> At {
    let mut tasks = (0..).zip(&stage.tasks);
    let next = tasks.find(|(_, task)| task.status == Status::NotStarted);
    match next {
        _ if stage.status == Status::NotStarted => At::Condition,
        Some((position, _)) => At::Task(position),
        None => At::Planning,
    }
}
