//! Evaluates requests, one JSON document per line, from standard input to standard output.
//!
//! ```sh
//! echo '{"template": "${1 + 2}"}' | cargo run -p spindrift-expressions --example evaluate_lines
//! ```

use std::io::{BufRead, Write};

use spindrift_expressions::{Environment, evaluate_line};

/// A world without time and chance.
struct Still;

impl Environment for Still {
    fn now_ms(&self) -> i64 {
        1_718_000_000_000
    }

    fn random_u64(&self) -> u64 {
        4
    }
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        match evaluate_line(&line?, &Still) {
            Ok(answer) => writeln!(out, "{answer}")?,
            Err(error) => writeln!(out, "{}", serde_json::json!({"error": error.to_string()}))?,
        }
    }
    Ok(())
}
