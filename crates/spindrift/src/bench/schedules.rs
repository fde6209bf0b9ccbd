//! Many schedules: how exact they are, and what they cost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spindrift_engine::{BoxFuture, EffectTask, TaskInput, TaskResult};
use spindrift_model::Millis;
use spindrift_runtime::{Clock, SystemClock};

use super::hook_client::Server;
use super::sample::Sample;
use super::{Scratch, rig};
use crate::cli::BenchArgs;
use crate::config::Config;
use crate::say;

const SCHEDULES: usize = 10_000;

/// Schedules of each pipeline.
const EACH: usize = 100;

const STAMP: &str = "benchStamp";

/// How long each run's first stage came after its time.
struct Stamp(Mutex<Vec<Millis>>);

impl EffectTask for Stamp {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        let scheduled = input
            .trigger
            .map()
            .get("scheduledTime")
            .and_then(Value::as_i64);
        if let Some(scheduled) = scheduled {
            let mut late = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            late.push(SystemClock.now() - scheduled);
        }
        Box::pin(std::future::ready(TaskResult::succeeded()))
    }
}

/// Lets schedules run, each once an hour at its own second.
pub async fn measure(arguments: &BenchArgs, scratch: &Scratch) -> anyhow::Result<()> {
    let stamp = Arc::new(Stamp(Mutex::default()));
    let mut stages = rig::stages(&Config::default())?;
    rig::add(&mut stages, STAMP, Arc::clone(&stamp) as _);
    let server = Server::start(scratch, "schedules", stages).await?;
    for pipeline in 0..SCHEDULES / EACH {
        let schedule = |number: usize| {
            // Spread over the hour by a step that has no common factor with it.
            let second = (pipeline * EACH + number) * 1_009 % 3_600;
            json!({
                "id": number.to_string(), "type": "cron", "enabled": true, "timeZone": "Europe/Berlin",
                "cronExpression": format!("{} {} * * * ?", second % 60, second / 60),
            })
        };
        let triggers = (0..EACH).map(schedule).collect();
        server
            .save(&format!("p{pipeline}"), STAMP, triggers)
            .await?;
    }
    // Let what saving has begun come to rest.
    tokio::time::sleep(Duration::from_secs(2)).await;
    stamp
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clear();
    let (begin, used) = (Instant::now(), processor_time());
    tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
    let share = (processor_time() - used).as_secs_f64() / begin.elapsed().as_secs_f64();
    let late = std::mem::take(&mut *stamp.0.lock().unwrap_or_else(PoisonError::into_inner));
    server.stop().await?;
    let mut sample = Sample::default();
    for millis in &late {
        sample.add(Duration::from_millis(u64::try_from(*millis).unwrap_or(0)));
    }
    say!(
        "schedules: {SCHEDULES}, {} runs in {} s, first stage after the time: {}; {:.2} % of a core, the runs included",
        late.len(),
        arguments.seconds,
        sample.summary(),
        share * 100.0
    );
    Ok(())
}

/// The processor time of this process; none where the system does not tell.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let fields = fields.split_whitespace().skip(11).take(2);
    // Linux counts it in hundredths of a second.
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
