//! `spindrift bench`: what this machine does with this engine.
//!
//! Every figure is printed beside what the disk needs for one durable write, measured in the same run, and the load of
//! the machine, so that figures of different machines can be compared.

mod chain;
mod disk;
mod hook_client;
mod hooks;
mod large;
mod matching;
mod page;
mod process;
mod recovery;
mod rig;
mod sample;
mod schedules;
mod transitions;
mod waiting;
mod webhooks;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::{BenchArgs, Benchmark};
use crate::exit::Exit;
use crate::say;

/// Measures what was asked for.
pub fn bench(arguments: BenchArgs) -> anyhow::Result<Exit> {
    let directory = arguments
        .directory
        .clone()
        .unwrap_or_else(std::env::temp_dir);
    let asked = if arguments.what.is_empty() {
        Benchmark::value_variants().to_vec()
    } else {
        arguments.what.clone()
    };
    say!("{}", machine());
    for benchmark in asked {
        say!("disk: {}", disk::measure(&directory)?);
        let scratch = Scratch::new(&directory)?;
        measure(benchmark, &arguments, &scratch)?;
        say!("load: {}", load());
    }
    Ok(Exit::Success)
}

fn measure(benchmark: Benchmark, arguments: &BenchArgs, scratch: &Scratch) -> anyhow::Result<()> {
    if benchmark == Benchmark::Process {
        return process::measure(scratch);
    }
    if benchmark == Benchmark::Matching {
        return matching::measure();
    }
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    threads.block_on(async {
        match benchmark {
            Benchmark::Transitions => transitions::measure(arguments, scratch).await,
            Benchmark::Chain => chain::measure(scratch).await,
            Benchmark::Webhooks => webhooks::measure(arguments, scratch).await,
            Benchmark::Waiting => waiting::measure(arguments, scratch).await,
            Benchmark::Recovery => recovery::measure(arguments, scratch).await,
            Benchmark::Page => page::measure(arguments, scratch).await,
            Benchmark::Large => large::measure(scratch).await,
            Benchmark::Hooks => hooks::latency(arguments, scratch).await,
            Benchmark::Events => hooks::throughput(arguments, scratch).await,
            Benchmark::Schedules => schedules::measure(arguments, scratch).await,
            Benchmark::Process | Benchmark::Matching => Ok(()),
        }
    })
}

/// A directory that is removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &std::path::Path) -> anyhow::Result<Self> {
        let path = parent.join(format!("spindrift-bench-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// A path inside it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's cleaning of temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("machine: {cores} cores, {}", std::env::consts::ARCH)
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
