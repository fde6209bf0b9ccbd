//! From a signed hook to its first stage, at a steady rate; and how many events are taken in a second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use spindrift_engine::{BoxFuture, EffectTask, TaskInput, TaskResult};

use super::hook_client::{Sender, Server, request};
use super::sample::{Sample, rate};
use super::{Scratch, rig};
use crate::cli::BenchArgs;
use crate::config::Config;
use crate::say;

/// Hooks in a second of the steady rate.
const RATE: usize = 2_000;

/// Connections that send them.
const SENDERS: usize = 128;

/// Connections that send events as fast as they are taken.
const CROWD: usize = 512;

const SECRET: &str = "bench";
const STAMP: &str = "benchStamp";

/// Notes when each run reached its stage.
struct Stamp(Mutex<Vec<Option<Instant>>>);

impl EffectTask for Stamp {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        let number = input
            .trigger
            .text("hash")
            .and_then(|hash| hash.parse().ok());
        let mut stamps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stamp) = number.and_then(|number: usize| stamps.get_mut(number)) {
            *stamp = Some(Instant::now());
        }
        Box::pin(std::future::ready(TaskResult::succeeded()))
    }
}

fn push(number: usize) -> anyhow::Result<Vec<u8>> {
    let body = json!({
        "ref": "refs/heads/main", "after": number.to_string(),
        "repository": {"name": "web", "owner": {"name": "shop"}},
        "head_commit": {"message": "x".repeat(2_000)},
    })
    .to_string();
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map_err(anyhow::Error::msg)?;
    let digest = mac.chain_update(&body).finalize().into_bytes();
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = format!(
        "X-GitHub-Event: push\r\nX-GitHub-Delivery: {number}\r\nX-Hub-Signature-256: sha256={digits}\r\n"
    );
    Ok(request("/webhooks/git/github", &headers, &body))
}

/// Sends signed pushes at a steady rate, and takes the time from when each was due to be sent to its first stage.
pub async fn latency(arguments: &BenchArgs, scratch: &Scratch) -> anyhow::Result<()> {
    let hooks = arguments.hooks;
    let stamp = Arc::new(Stamp(Mutex::new(vec![None; hooks])));
    let mut stages = rig::stages(&Config::default())?;
    rig::add(&mut stages, STAMP, Arc::clone(&stamp) as _);
    let server = Server::start(scratch, "hooks", stages).await?;
    let trigger = json!({
        "type": "git", "enabled": true, "source": "github", "project": "shop", "slug": "web",
        "branch": "main", "secret": SECRET,
    });
    server.save("hooked", STAMP, vec![trigger]).await?;
    let pushes: Vec<Vec<u8>> = (0..hooks).map(push).collect::<Result<_, _>>()?;
    let pushes = Arc::new(pushes);
    let mut senders = Vec::new();
    for _ in 0..SENDERS {
        senders.push(Sender::connect(server.address).await?);
    }
    let begin = tokio::time::Instant::now() + Duration::from_millis(100);
    let due = move |number: usize| begin + Duration::from_secs_f64(number as f64 / RATE as f64);
    let sending: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(first, mut sender)| {
            let pushes = Arc::clone(&pushes);
            tokio::spawn(async move {
                let mut answers = Sample::default();
                for number in (first..pushes.len()).step_by(SENDERS) {
                    tokio::time::sleep_until(due(number)).await;
                    sender.send(&pushes[number]).await?;
                    answers.add(due(number).elapsed());
                }
                anyhow::Ok(answers)
            })
        })
        .collect();
    let mut answers = Sample::default();
    for sending in sending {
        answers.join(sending.await??);
    }
    server.stop().await?;
    let mut reached = Sample::default();
    let mut missing = 0;
    let stamps = stamp.0.lock().unwrap_or_else(PoisonError::into_inner);
    for (number, stamp) in stamps.iter().enumerate() {
        match stamp {
            Some(stamp) => reached.add(stamp.saturating_duration_since(due(number).into_std())),
            None => missing += 1,
        }
    }
    say!(
        "hooks: signed, at {RATE}/s: first stage after {}; answer after {}; {missing} without a run (senders share the cores)",
        reached.summary(),
        answers.summary()
    );
    Ok(())
}

/// Sends events that nobody waits for as fast as they are taken.
pub async fn throughput(arguments: &BenchArgs, scratch: &Scratch) -> anyhow::Result<()> {
    let events = arguments.hooks;
    let server = Server::start(scratch, "events", rig::stages(&Config::default())?).await?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = Vec::new();
    for _ in 0..CROWD {
        senders.push(Sender::connect(server.address).await?);
    }
    let begin = Instant::now();
    let sending: Vec<_> = senders
        .into_iter()
        .map(|mut sender| {
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= events {
                        return anyhow::Ok(());
                    }
                    let body = json!({"number": number, "padding": "x".repeat(1_000)}).to_string();
                    sender
                        .send(&request("/webhooks/webhook/ci", "", &body))
                        .await?;
                }
            })
        })
        .collect();
    for sending in sending {
        sending.await??;
    }
    let took = begin.elapsed();
    server.stop().await?;
    say!(
        "events: {:.0}/s accepted and durable, {events} of 1 KiB over {CROWD} connections in {:.2} s (senders share the cores)",
        rate(events, took),
        took.as_secs_f64()
    );
    Ok(())
}
