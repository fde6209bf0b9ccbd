//! A page of 50 runs of one application out of very many stored ones.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Context;
use spindrift_engine::{ExecutionQuery, IndexRow, RunState, Scope, Store, Write};
use spindrift_model::{Execution, ExecutionKind, Stage, Status};

use super::sample::{Sample, rate};
use super::{Scratch, rig};
use crate::cli::BenchArgs;
use crate::say;

const PAGE: usize = 50;
const APPLICATIONS: usize = 100;
const PAGES: usize = 500;

/// Runs of one commit, and how many commits are made ready before the first is awaited.
const BATCH: usize = 500;
const AHEAD: usize = 4;

/// The longest time for storing the runs.
const PATIENCE: Duration = Duration::from_secs(600);

/// Stores ended runs of a hundred applications, and reads pages anywhere in the list of one.
pub async fn measure(arguments: &BenchArgs, scratch: &Scratch) -> anyhow::Result<()> {
    let engine = rig::engine(&scratch.path("page"))?;
    let store = engine.store();
    let begin = Instant::now();
    let stored = fill(store, arguments.stored).await?;
    let filled = begin.elapsed();
    let mut sample = Sample::default();
    let of_one = stored / APPLICATIONS;
    for page in 0..PAGES {
        let newest = (of_one * page / PAGES) * APPLICATIONS;
        let query = ExecutionQuery {
            to: i64::try_from(newest.max(PAGE * APPLICATIONS)).context("a time")?,
            ..ExecutionQuery::newest(Scope::Application("app-7".to_owned()), PAGE)
        };
        let begin = Instant::now();
        let listed = store.executions(&query)?;
        let mut bytes = 0;
        for row in &listed {
            let execution = store.outline(&row.id)?.context("a listed run exists")?;
            bytes += serde_json::to_vec(&execution)?.len();
        }
        sample.add(begin.elapsed());
        anyhow::ensure!(
            listed.len() == PAGE.min(of_one) && bytes > 0,
            "the page is not full"
        );
    }
    say!(
        "page: {PAGE} of {of_one} runs of one application out of {stored} stored, read and written as JSON: {} (stored {:.0} runs/s)",
        sample.summary(),
        rate(stored, filled)
    );
    engine.stop().await;
    Ok(())
}

/// Stores that many runs, or as many as there is time for. Answers with their number.
async fn fill(store: &dyn Store, wanted: usize) -> anyhow::Result<usize> {
    let begin = Instant::now();
    // The next commits are made ready while one is written.
    let mut tickets = VecDeque::new();
    let mut stored = 0;
    while stored < wanted && begin.elapsed() < PATIENCE {
        let next = (stored + BATCH).min(wanted);
        tickets.push_back(store.commit((stored..next).map(run).collect()));
        stored = next;
        if tickets.len() > AHEAD
            && let Some(ticket) = tickets.pop_front()
        {
            ticket.await?;
        }
    }
    for ticket in tickets {
        ticket.await?;
    }
    if stored < wanted {
        say!("page: only {stored} of {wanted} runs were stored in {PATIENCE:?}");
    }
    Ok(stored)
}

fn run(number: usize) -> Write {
    let time = number as i64;
    let application = format!("app-{}", number % APPLICATIONS);
    let stage = |position: u32| Stage {
        id: format!("{number:020}-{position}").into(),
        ref_id: position.to_string().into(),
        kind: "wait".to_owned(),
        status: Status::Succeeded,
        start_time: Some(time),
        end_time: Some(time + 1),
        serial: spindrift_model::Serial(position),
        ..Stage::default()
    };
    let execution = Execution {
        id: format!("{number:026}").into(),
        application: application.clone(),
        name: Some("release".to_owned()),
        pipeline_config_id: Some(format!("pipeline-{}", number % APPLICATIONS).into()),
        build_time: Some(time),
        start_time: Some(time),
        end_time: Some(time + 1),
        status: Status::Succeeded,
        stages: (0..3).map(stage).collect(),
        ..Execution::default()
    };
    let index = IndexRow {
        kind: ExecutionKind::Pipeline,
        application,
        pipeline: execution.pipeline_config_id.clone(),
        build_time: time,
        status: Status::Succeeded,
        busy: false,
        wake: None,
        correlation: None,
        queued: None,
    };
    let state = RunState {
        execution,
        ..RunState::default()
    };
    Write::Create {
        state: Box::new(state),
        index,
    }
}
