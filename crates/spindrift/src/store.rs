//! `spindrift store`: a data directory that no server uses.

use std::io::Write;

use anyhow::Context;
use spindrift_store::Counts;

use crate::cli::{StoreAction, StoreArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::{say, wiring};

/// Checks, exports or imports a data directory.
pub fn store(arguments: StoreArgs) -> anyhow::Result<Exit> {
    let config = Config::load(None)?;
    let store = wiring::open_store(&arguments.data, &config)?;
    let exit = match arguments.action {
        StoreAction::Verify => {
            let report = store.verify()?;
            for problem in &report.problems {
                say!("{problem}");
            }
            say!(
                "{}; {} problems",
                told(&report.counts),
                report.problem_count
            );
            if report.is_sound() {
                Exit::Success
            } else {
                Exit::Failed
            }
        }
        StoreAction::Export => {
            let counts = store
                .export(std::io::stdout().lock())
                .context("the export is incomplete")?;
            writeln!(std::io::stderr(), "{} exported", told(&counts))?;
            Exit::Success
        }
        StoreAction::Import => {
            let counts = spindrift_store::import(&store, std::io::stdin().lock())?;
            say!("{} imported", told(&counts));
            Exit::Success
        }
    };
    store.close()?;
    Ok(exit)
}

fn told(counts: &Counts) -> String {
    format!(
        "{} executions, {} revisions of pipelines, {} records",
        counts.executions, counts.revisions, counts.records
    )
}
