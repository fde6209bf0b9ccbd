//! A client that starts runs, judges and cancels them, and saves pipelines, whatever becomes of the server.

use std::io;
use std::net::SocketAddr;

use rand::Rng;
use serde_json::json;

use super::ledger::Ledger;
use super::stand::Stand;
use crate::support::http::Answer;
use crate::support::server::{has_ended, reference, send, stage};

/// A start.
#[derive(Clone)]
struct Start {
    pipeline: &'static str,
    correlation: String,
}

struct Client<'t> {
    ledger: &'t Ledger,
    number: usize,
    count: usize,
    /// A start to which no answer came.
    unsure: Option<Start>,
}

/// Works until the stand is over.
pub fn work(stand: &Stand, ledger: &Ledger, number: usize) {
    let mut client = Client {
        ledger,
        number,
        count: 0,
        unsure: None,
    };
    let mut life = 0;
    while let Some((address, present)) = stand.after(life) {
        // An error means that the server is gone, and that nobody knows whether it did what it was asked.
        while !stand.is_over() && client.step(address).is_ok() {
            stand.acknowledge();
        }
        life = present;
    }
}

impl Client<'_> {
    fn step(&mut self, address: SocketAddr) -> io::Result<()> {
        self.count += 1;
        if let Some(start) = self.unsure.clone() {
            return self.start(address, start);
        }
        match rand::rng().random_range(0..10) {
            0 => self.save(address),
            1 => self.cancel(address),
            2..=5 => self.judge(address),
            choice => {
                let pipeline = if choice < 8 { "release" } else { "queue" };
                let correlation = format!("{}-{}", self.number, self.count);
                self.start(
                    address,
                    Start {
                        pipeline,
                        correlation,
                    },
                )
            }
        }
    }

    fn start(&mut self, address: SocketAddr, start: Start) -> io::Result<()> {
        let path = format!("/pipelines/test/{}", start.pipeline);
        let body = json!({"type": "manual", "correlationId": start.correlation});
        // Only a run that waits for a judgment is sure to be found again by its correlation.
        self.unsure = (start.pipeline == "release").then_some(start);
        let answer = send(address, "POST", &path, Some(&body))?.with_status(202);
        self.unsure = None;
        self.ledger.started(reference(&answer.json()));
        Ok(())
    }

    fn judge(&mut self, address: SocketAddr) -> io::Result<()> {
        let Some(id) = self.ledger.any_open() else {
            return Ok(());
        };
        let path = format!("/pipelines/{id}");
        let execution = send(address, "GET", &path, None)?.with_status(200).json();
        if has_ended(&execution["status"]) {
            let status = execution["status"].as_str().map(str::to_owned);
            self.ledger.tell(&id, |told| told.ended = status);
            return Ok(());
        }
        let judgment = stage(&execution, "1");
        if judgment["type"] != "manualJudgment" || judgment["status"] != "RUNNING" {
            return Ok(());
        }
        let verdict = match rand::rng().random_ratio(1, 6) {
            true => "stop",
            false => "continue",
        };
        let path = format!("{path}/stages/{}", judgment["id"].as_str().unwrap());
        let body = json!({"judgmentStatus": verdict});
        let answer = send(address, "PATCH", &path, Some(&body))?;
        if acknowledged(&answer) {
            self.ledger.tell(&id, |told| told.judgment = Some(verdict));
        }
        Ok(())
    }

    fn cancel(&mut self, address: SocketAddr) -> io::Result<()> {
        let Some(id) = self.ledger.any_open() else {
            return Ok(());
        };
        let path = format!("/pipelines/{id}/cancel?reason=chaos");
        let answer = send(address, "PUT", &path, None)?;
        if acknowledged(&answer) {
            self.ledger.tell(&id, |told| told.canceled = true);
        }
        Ok(())
    }

    fn save(&mut self, address: SocketAddr) -> io::Result<()> {
        let id = format!("saved-{}", self.number);
        let mark = format!("mark {}", self.count);
        let body = json!({
            "id": id, "application": "test", "name": id, "description": mark,
            "stages": [{"refId": "1", "type": "wait", "waitTime": 0}],
        });
        let answer = send(address, "POST", "/pipelines", Some(&body))?.with_status(200);
        let revision = answer.json()["revision"].as_u64().unwrap();
        self.ledger.saved(&id, revision, mark);
        Ok(())
    }
}

/// Whether it was done; somebody else may have been faster.
fn acknowledged(answer: &Answer) -> bool {
    let is_known = answer.is_success() || answer.status == 409;
    assert!(is_known, "{} {}", answer.status, answer.text());
    answer.is_success()
}
