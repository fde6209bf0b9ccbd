//! What the server has acknowledged.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rand::seq::IndexedRandom;

/// What the server has acknowledged.
#[derive(Default)]
pub struct Ledger(Mutex<Acknowledged>);

#[derive(Default)]
struct Acknowledged {
    runs: BTreeMap<String, Told>,
    /// By pipeline and revision: the mark in the saved document.
    saved: BTreeMap<(String, u64), String>,
}

/// What the server has said of a run.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub judgment: Option<&'static str>,
    pub canceled: bool,
    /// The status with which it has ended.
    pub ended: Option<String>,
    /// How often it was audited since its end.
    pub audits: usize,
}

impl Ledger {
    pub fn started(&self, id: String) {
        self.0.lock().unwrap().runs.entry(id).or_default();
    }

    pub fn tell(&self, id: &str, tell: impl FnOnce(&mut Told)) {
        tell(
            self.0
                .lock()
                .unwrap()
                .runs
                .entry(id.to_owned())
                .or_default(),
        );
    }

    pub fn saved(&self, pipeline: &str, revision: u64, mark: String) {
        let key = (pipeline.to_owned(), revision);
        self.0.lock().unwrap().saved.insert(key, mark);
    }

    pub fn runs(&self) -> BTreeMap<String, Told> {
        self.0.lock().unwrap().runs.clone()
    }

    pub fn revisions(&self) -> BTreeMap<(String, u64), String> {
        self.0.lock().unwrap().saved.clone()
    }

    /// A run that has not ended as far as is known.
    pub fn any_open(&self) -> Option<String> {
        let acknowledged = self.0.lock().unwrap();
        let open: Vec<&String> = acknowledged
            .runs
            .iter()
            .filter(|(_, told)| told.ended.is_none())
            .map(|(id, _)| id)
            .collect();
        open.choose(&mut rand::rng()).map(|id| (*id).clone())
    }

    pub fn summary(&self) -> String {
        let acknowledged = self.0.lock().unwrap();
        let runs = &acknowledged.runs;
        let count = |wanted: fn(&Told) -> bool| runs.values().filter(|told| wanted(told)).count();
        format!(
            "{} starts, {} judgments, {} cancellations and {} revisions were acknowledged",
            runs.len(),
            count(|told| told.judgment.is_some()),
            count(|told| told.canceled),
            acknowledged.saved.len()
        )
    }
}
