//! `spindrift store`: a data directory that no server uses.

use std::io::{BufReader, BufWriter, Write};

use anyhow::Context;

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
            say!("{} rows read, {} problems", report.rows, report.problems.len());
            if report.problems.is_empty() { Exit::Success } else { Exit::Failed }
        }
        StoreAction::Export => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            store.export(&mut out).context("the export is incomplete")?;
            out.flush()?;
            Exit::Success
        }
        StoreAction::Import => {
            let rows = store.import(BufReader::new(std::io::stdin().lock()))?;
            say!("{rows} rows imported");
            Exit::Success
        }
    };
    store.close();
    Ok(exit)
}
