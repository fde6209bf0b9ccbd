//! Whether a server still knows what it has acknowledged.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ledger::{Ledger, Told};
use crate::support::server::{Server, has_ended, stage};

/// An ended run is audited that often between kills, and then once more at the end.
const AUDITS: usize = 2;

/// So many executions or revisions are read at a time.
const PAGE: usize = 500;

/// Audits what may have been lost by the last kills.
pub fn what_was_acknowledged(server: &Server, ledger: &Ledger) {
    for (id, told) in ledger.runs() {
        if told.audits < AUDITS {
            audit(server, ledger, &id, &told);
        }
    }
    revisions(server, ledger);
}

/// Audits all of it.
pub fn everything_acknowledged(server: &Server, ledger: &Ledger) {
    for (id, told) in ledger.runs() {
        audit(server, ledger, &id, &told);
    }
    revisions(server, ledger);
}

fn audit(server: &Server, ledger: &Ledger, id: &str, told: &Told) {
    let answer = server.get(&format!("/pipelines/{id}"));
    assert_eq!(answer.status, 200, "the start of {id} was acknowledged");
    let execution = answer.json();
    let status = execution["status"].as_str().unwrap();
    if let Some(judgment) = told.judgment {
        let context = &stage(&execution, "1")["context"];
        assert_eq!(context["judgmentStatus"], judgment, "{id}: {execution:#}");
    }
    if told.canceled {
        assert_eq!(status, "CANCELED", "{id}: {execution:#}");
    }
    if let Some(ended) = &told.ended {
        assert_eq!(status, ended, "{id} had ended: {execution:#}");
    }
    if has_ended(&execution["status"]) {
        ledger.tell(id, |told| {
            told.ended = Some(status.to_owned());
            told.audits += 1;
        });
    }
}

fn revisions(server: &Server, ledger: &Ledger) {
    let mut histories = BTreeMap::<String, Vec<Value>>::new();
    for ((pipeline, revision), mark) in ledger.revisions().into_iter().rev() {
        let history = histories.entry(pipeline).or_insert_with_key(|pipeline| {
            let path = format!("/pipelineConfigs/{pipeline}/history?limit={PAGE}");
            let history = server.get(&path).with_status(200).json();
            history.as_array().unwrap().clone()
        });
        let found = history.iter().find(|saved| saved["revision"] == revision);
        // Older ones than the page holds were audited while they were young.
        if let Some(found) = found {
            assert_eq!(found["description"], mark);
        } else {
            assert_eq!(history.len(), PAGE, "revision {revision} is lost");
        }
    }
}

/// All executions there are, without their stages' contexts.
pub fn executions(server: &Server) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for start in (0..).step_by(PAGE) {
        let path = format!(
            "/applications/*/executions/search?size={PAGE}&startIndex={start}&expand=false"
        );
        let page = server.get(&path).with_status(200).json();
        let page = page.as_array().unwrap();
        for execution in page {
            let id = execution["id"].as_str().unwrap().to_owned();
            all.insert(id, execution.clone());
        }
        if page.len() < PAGE {
            break;
        }
    }
    all
}
