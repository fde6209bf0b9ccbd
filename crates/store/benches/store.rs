//! How fast the store is, next to how fast the disk is.
//!
//! `cargo bench -p spindrift-store`, or with `-- disk`, `commit`, `read`, `start` or `wake` one part of it.
//! `STORE_BENCH_RUNS` sets how many runs are stored for the lists and the start (default 100,000). The directory is made
//! where `TMPDIR` points, which should be on the disk that matters.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that fails should say so and stop"
)]

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures::StreamExt;
use futures::executor::block_on;
use futures::stream::FuturesUnordered;
use spindrift_engine::{ExecutionQuery, Scope, Store, Write};
use spindrift_model::Status;
use spindrift_store::{SledStore, StoreOptions};
use tempfile::TempDir;

mod load;

use load::Life;

fn open(dir: &TempDir) -> SledStore {
    SledStore::open(dir.path(), StoreOptions::default()).unwrap()
}

/// Every writer has one transition under way at a time, until each has made `rounds`. Answers with how long it took all
/// of them together, and each transition.
fn transitions(store: &SledStore, lives: &mut Vec<Life>, rounds: u64) -> (Duration, Vec<Duration>) {
    block_on(async {
        let step = async |mut life: Life, left: u64| {
            let write = life.next();
            let begun = Instant::now();
            store.commit(vec![write]).await.unwrap();
            (life, left - 1, begun.elapsed())
        };
        let mut latencies = Vec::with_capacity(lives.len() * rounds as usize);
        let begun = Instant::now();
        let mut flying: FuturesUnordered<_> =
            lives.drain(..).map(|life| step(life, rounds)).collect();
        while let Some((life, left, latency)) = flying.next().await {
            latencies.push(latency);
            if left > 0 {
                flying.push(step(life, left));
            } else {
                lives.push(life);
            }
        }
        (begun.elapsed(), latencies)
    })
}

fn report(what: &str, mut latencies: Vec<Duration>) {
    // Not every bench runs when some are chosen by name.
    if latencies.is_empty() {
        return;
    }
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 1000];
    println!(
        "{what}: p50 {:?}, p99 {:?}, p99.9 {:?}",
        at(500),
        at(990),
        at(999)
    );
}

/// What the disk itself takes to append 512 bytes and make them durable: the floor of every commit.
fn disk(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let mut file = File::create(dir.path().join("f")).unwrap();
    let mut latencies = Vec::new();
    criterion.bench_function("disk: append and fdatasync", |bencher| {
        bencher.iter(|| {
            let begun = Instant::now();
            file.write_all(&[7; 512]).unwrap();
            file.sync_data().unwrap();
            latencies.push(begun.elapsed());
        });
    });
    report("disk", latencies);
}

fn advances(criterion: &mut Criterion) {
    if is_left_out("commit") {
        return;
    }
    let mut random = load::Random(1);
    for writers in [1, 16, 1000] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let mut all = Vec::new();
        let name = format!("a transition of each of {writers} runs under way");
        let mut group = criterion.benchmark_group("commit");
        group.throughput(criterion::Throughput::Elements(writers as u64));
        let mut lives: Vec<Life> = (0..writers).map(Life::new).collect();
        // Runs of the same age would all end at the same time.
        for life in &mut lives {
            for write in (0..random.below(load::TRANSITIONS as usize))
                .map(|_| life.next())
                .collect::<Vec<_>>()
            {
                block_on(store.commit(vec![write])).unwrap();
            }
        }
        group.bench_function(&name, |bencher| {
            bencher.iter_custom(|rounds| {
                let (took, latencies) = transitions(&store, &mut lives, rounds);
                all.extend(latencies);
                took
            });
        });
        group.finish();
        report(&name, all);
        let done = store.statistics();
        println!(
            "{:.1} commits a sync, {:.2} rows moved a commit, {} MiB on disk",
            done.commits as f64 / done.syncs as f64,
            done.moved_rows as f64 / done.commits as f64,
            store.health().bytes >> 20
        );
    }
}

fn stored_runs() -> usize {
    std::env::var("STORE_BENCH_RUNS").map_or(100_000, |text| text.parse().unwrap())
}

/// Whether parts are chosen by name, and this one is not among them: what it needs would be made for nothing.
fn is_left_out(part: &str) -> bool {
    let mut chosen = std::env::args()
        .skip(1)
        .filter(|text| !text.starts_with('-'))
        .peekable();
    chosen.peek().is_some() && !chosen.any(|text| text == part)
}

fn fill(store: &SledStore, runs: usize, status: Status) {
    let begun = Instant::now();
    let mut tickets = Vec::new();
    for first in (0..runs).step_by(100) {
        let writes: Vec<Write> = (first..runs.min(first + 100))
            .map(|number| load::stored(number, status))
            .collect();
        tickets.push(store.commit(writes));
        if tickets.len() == 50 {
            for ticket in tickets.drain(..) {
                block_on(ticket).unwrap();
            }
        }
    }
    for ticket in tickets {
        block_on(ticket).unwrap();
    }
    println!("{runs} runs stored in {:?}", begun.elapsed());
}

fn lists(criterion: &mut Criterion) {
    if is_left_out("read") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let runs = stored_runs();
    fill(&store, runs, Status::Succeeded);
    let mut random = load::Random(1);
    let mut group = criterion.benchmark_group("read");
    let page = |application: usize| {
        let scope = Scope::Application(format!("app-{application}"));
        ExecutionQuery::newest(scope, 50)
    };
    let mut latencies = Vec::new();
    group.bench_function(
        format!("page of 50 of one application of {runs} runs"),
        |bencher| {
            bencher.iter(|| {
                let query = page(random.below(100));
                let begun = Instant::now();
                assert_eq!(store.executions(&query).unwrap().len(), 50);
                latencies.push(begun.elapsed());
            });
        },
    );
    report("page of 50", latencies);
    let mut latencies = Vec::new();
    group.bench_function("that page with the outlines of its runs", |bencher| {
        bencher.iter(|| {
            let query = page(random.below(100));
            let begun = Instant::now();
            for line in store.executions(&query).unwrap() {
                assert!(store.outline(&line.id).unwrap().is_some());
            }
            latencies.push(begun.elapsed());
        });
    });
    report("page of 50 with outlines", latencies);
    group.bench_function("one run", |bencher| {
        bencher.iter(|| {
            let id = load::id(random.below(runs));
            assert!(store.run(&id).unwrap().is_some());
        });
    });
    group.finish();
}

/// Opening after the process has died, up to the point at which every run under way is known.
fn start(criterion: &mut Criterion) {
    if is_left_out("start") {
        return;
    }
    let runs = stored_runs();
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    fill(&store, runs, Status::Running);
    // A copy of a store that is open is what a killed process leaves.
    let killed = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), killed.path().join(entry.file_name())).unwrap();
        }
    }
    drop(store);
    let ready = |dir: &TempDir| {
        let begun = Instant::now();
        let store = open(dir);
        let (mut busy, mut after) = (0, None);
        loop {
            let page = store.busy(after.as_ref(), 1000).unwrap();
            busy += page.len();
            match page.last() {
                Some(last) => after = Some(last.clone()),
                None => break,
            }
        }
        assert_eq!(busy, runs);
        assert!(store.next_due().unwrap().is_some());
        begun.elapsed()
    };
    println!(
        "start with {runs} runs under way, after a kill: {:?}",
        ready(&killed)
    );
    println!(
        "start with {runs} runs under way, after a close: {:?}",
        ready(&dir)
    );
    let empty = tempfile::tempdir().unwrap();
    drop(open(&empty));
    criterion
        .benchmark_group("start")
        .bench_function("open a small store", |bencher| {
            bencher.iter_custom(|count| {
                (0..count)
                    .map(|_| {
                        let begun = Instant::now();
                        let store = open(&empty);
                        let took = begun.elapsed();
                        drop(store);
                        took
                    })
                    .sum()
            });
        });
}

/// Many runs that are due at the same time: each is found and goes on, a thousand at a time. Measured once, since each
/// measurement needs a store of its own.
fn wake(_: &mut Criterion) {
    if is_left_out("wake") {
        return;
    }
    let runs = stored_runs();
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    fill(&store, runs, Status::Running);
    store.settle().unwrap();
    let begun = Instant::now();
    let mut woken = 0;
    loop {
        let due = store.due(i64::MAX, 1000).unwrap();
        if due.is_empty() {
            break;
        }
        woken += due.len();
        let tickets: Vec<_> = due
            .into_iter()
            .map(|(at, _)| store.commit(vec![load::woken(at)]))
            .collect();
        for ticket in tickets {
            block_on(ticket).unwrap();
        }
    }
    assert_eq!(woken, runs);
    println!(
        "wake: {runs} due runs found and advanced in {:?}",
        begun.elapsed()
    );
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5));
    targets = disk, advances, lists, start, wake
}
criterion_main!(all);
