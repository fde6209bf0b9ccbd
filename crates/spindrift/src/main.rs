//! The `spindrift` binary: configuration, wiring, command line.
//!
//! This is the only place that names a concrete store and concrete stage types.

mod accounts;
mod bench;
mod check;
mod cli;
mod client;
mod config;
mod eval;
mod exit;
mod local;
mod progress;
mod registries;
mod sandbox;
mod serve;
mod signals;
mod store;
mod token;
mod wiring;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command};
use crate::exit::Exit;

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(arguments) => on_many_threads(serve::serve(arguments)),
        Command::Run(arguments) => on_many_threads(local::run(arguments)),
        Command::Validate(arguments) => check::validate(&arguments),
        Command::Eval(arguments) => on_one_thread(eval::eval(arguments)),
        Command::List(arguments) => on_one_thread(client::list::list(arguments)),
        Command::Get(arguments) => on_one_thread(client::get::get(arguments)),
        Command::Start(arguments) => on_one_thread(client::start::start(arguments)),
        Command::Save(arguments) => on_one_thread(client::save::save(arguments)),
        Command::Cancel(arguments) => on_one_thread(client::cancel::cancel(arguments)),
        Command::Approve(arguments) => on_one_thread(client::judge::approve(arguments)),
        Command::Reject(arguments) => on_one_thread(client::judge::reject(arguments)),
        Command::Logs(arguments) => on_one_thread(client::logs::logs(arguments)),
        Command::Events(arguments) => on_one_thread(client::events::events(arguments)),
        Command::NextRuns(arguments) => on_one_thread(client::next_runs::next_runs(arguments)),
        Command::Account(arguments) => on_one_thread(client::account::account(arguments)),
        Command::Plan(arguments) => on_one_thread(client::plan::plan(arguments)),
        Command::Sandbox(arguments) => sandbox::sandbox(&arguments),
        Command::Store(arguments) => store::store(arguments),
        Command::Token(arguments) => token::token(&arguments),
        Command::Bench(arguments) => bench::bench(arguments),
        Command::Completion { shell } => {
            // The generator panics when it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "spindrift", &mut script);
            say!("{}", String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Success)
        }
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            exit::complain(&error);
            Exit::Usage.into()
        }
    }
}

fn on_many_threads(work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = threads.block_on(work);
    // A thread that reads standard input would hold the process until a line comes.
    threads.shutdown_background();
    result
}

fn on_one_thread(work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
