//! Cold start, idle memory and size of the binary.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Scratch;
use super::sample::{Sample, resident_of};
use crate::say;

/// Starts this program as a server on an empty directory, and asks for its health.
pub fn measure(scratch: &Scratch) -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    let mut starts = Sample::default();
    let mut memory = 0;
    for round in 0..5 {
        let begin = Instant::now();
        let mut server = Command::new(&program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(scratch.path(&format!("process-{round}")))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let address = address(&mut server)?;
        ask(&address)?;
        starts.add(begin.elapsed());
        memory = memory.max(idle_memory(&server));
        server.kill()?;
        server.wait()?;
    }
    let size = std::fs::metadata(&program)?.len();
    say!(
        "process: cold start to the first answer {}",
        starts.summary()
    );
    say!(
        "process: {:.1} MiB resident when idle, binary {:.1} MiB",
        mib(memory),
        mib(size as usize)
    );
    Ok(())
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / 1_048_576.0
}

fn idle_memory(server: &Child) -> usize {
    // The measured state is that of a server that has had a moment to settle.
    std::thread::sleep(Duration::from_millis(300));
    resident_of(&server.id().to_string())
}

fn address(server: &mut Child) -> anyhow::Result<String> {
    let output = server.stdout.take().context("the server has an output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    address
        .map(str::to_owned)
        .with_context(|| format!("the server said {line:?}"))
}

fn ask(address: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    anyhow::ensure!(
        answer.starts_with("HTTP/1.1 200"),
        "the server is not well: {answer}"
    );
    Ok(())
}
