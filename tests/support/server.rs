//! The real server as a process.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::command::spindrift;
use super::http::{self, Answer, Events, PATIENCE, Request};
use super::scratch::Scratch;

/// How to start a server.
#[derive(Debug, Clone)]
pub struct Launch {
    data: PathBuf,
    log: PathBuf,
    config: Option<PathBuf>,
    listen: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    descriptors: Option<u32>,
}

impl Launch {
    /// A server with its data, its configuration and its log in a directory.
    pub fn new(scratch: &Scratch) -> Self {
        Self {
            data: scratch.path("data"),
            log: scratch.path("server.log"),
            config: None,
            listen: "127.0.0.1:0".to_owned(),
            arguments: Vec::new(),
            variables: Vec::new(),
            descriptors: None,
        }
    }

    /// With this configuration.
    pub fn configured(mut self, scratch: &Scratch, toml: &str) -> Self {
        self.config = Some(scratch.file("spindrift.toml", toml));
        self
    }

    /// With its data there.
    pub fn data(mut self, data: &Path) -> Self {
        self.data = data.to_owned();
        self
    }

    /// Listening there.
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// With more arguments.
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// With a variable in its environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With so many open files at most.
    pub fn descriptors(mut self, most: u32) -> Self {
        self.descriptors = Some(most);
        self
    }

    fn command(&self) -> Command {
        let mut command = match self.descriptors {
            Some(most) => limited(most),
            None => spindrift(),
        };
        command.envs(self.variables.iter().cloned());
        command.arg("serve").arg("--data").arg(&self.data);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.args(["--listen", &self.listen]);
        command.args(&self.arguments);
        command
    }

    /// Starts the process, and does not wait until it serves.
    pub fn spawn(&self) -> Child {
        let mut log = OpenOptions::new();
        let log = log.create(true).append(true).open(&self.log).unwrap();
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(log);
        command.spawn().unwrap()
    }

    /// Starts the process, and waits until it serves.
    pub fn start(&self) -> Server {
        let mut child = self.spawn();
        let lines = follow(child.stdout.take().unwrap());
        let mut server = Server {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            lines: Mutex::new(lines),
            log: self.log.clone(),
        };
        let line = server.line();
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        server.address = address
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("this names no address: {line:?}"));
        server
    }

    /// Runs it to its end: for a server that cannot start.
    pub fn refused(&self) -> super::command::Ended {
        self.command().output().unwrap().into()
    }
}

/// The binary with so many open files at most.
fn limited(descriptors: u32) -> Command {
    let program = spindrift();
    let mut command = Command::new("/bin/sh");
    let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
    command.env_clear().args(["-c", &script]);
    command.arg(program.get_program());
    command
}

/// Reads to the end, so that the process never waits for its reader.
fn follow(out: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            // Lines are kept for a test that may ask for them.
            let _ = sender.send(line);
        }
    });
    lines
}

/// A running server. Dropping it kills it.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    lines: Mutex<Receiver<String>>,
    log: PathBuf,
}

impl Server {
    /// The next line of its standard output.
    pub fn line(&self) -> String {
        let line = self.lines.lock().unwrap().recv_timeout(PATIENCE);
        line.unwrap_or_else(|_| panic!("the server says nothing; its log: {}", self.log()))
    }

    /// What it has logged since the first start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its address for the command line.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Kills it, and returns when it is dead.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Answer> {
        send(self.address, method, path, body)
    }

    /// Sends a request; no answer fails the test.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send(method, path, body.as_ref())
            .unwrap_or_else(|error| panic!("{method} {path}: {error}; the log: {}", self.log()))
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None)
    }

    /// Saves a pipeline.
    #[track_caller]
    pub fn save(&self, pipeline: Value) -> Value {
        self.call("POST", "/pipelines", Some(pipeline))
            .with_status(200)
            .json()
    }

    /// Starts a pipeline, and answers with the id of the execution.
    #[track_caller]
    pub fn start(&self, path: &str, parameters: Value) -> String {
        let body = json!({"type": "manual", "parameters": parameters});
        let answer = self.call("POST", &format!("/pipelines/{path}"), Some(body));
        reference(&answer.with_status(202).json())
    }

    /// An execution.
    #[track_caller]
    pub fn execution(&self, id: &str) -> Value {
        self.get(&format!("/pipelines/{id}"))
            .with_status(200)
            .json()
    }

    /// Decides a judgment.
    pub fn judge(&self, id: &str, stage: &str, status: &str) -> Answer {
        let path = format!("/pipelines/{id}/stages/{stage}");
        self.call("PATCH", &path, Some(json!({"judgmentStatus": status})))
    }

    /// Waits until the execution is as wanted, woken by its events.
    pub fn until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/executions/{id}/events");
        let mut events = Events::of(self.address, &path)
            .unwrap_or_else(|error| panic!("{id} cannot be followed: {error}"));
        while let Some((name, _)) = events.next().unwrap() {
            let execution = self.execution(id);
            if wanted(&execution) {
                return execution;
            }
            assert_ne!(name, "end", "it ended otherwise: {execution:#}");
        }
        panic!("the events of {id} broke off; the log: {}", self.log())
    }

    /// Waits until the execution has ended, and answers with its status.
    pub fn end(&self, id: &str) -> String {
        let execution = self.until(id, |execution| has_ended(&execution["status"]));
        execution["status"].as_str().unwrap().to_owned()
    }

    /// Waits until the judgment with that refId waits, and answers with its id.
    pub fn judgment(&self, id: &str, ref_id: &str) -> String {
        let execution = self.until(id, |execution| {
            stage(execution, ref_id)["status"] == "RUNNING"
        });
        let id = &stage(&execution, ref_id)["id"];
        id.as_str().unwrap().to_owned()
    }

    /// The processor time it has used.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields = fields.split_whitespace().skip(11).take(2);
        // Linux counts it in hundredths of a second.
        let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// A figure in `/proc/<pid>/status`, in KiB.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already when the test waited for that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request with a JSON body to a server that may be gone.
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> io::Result<Answer> {
    let body = body.map(Value::to_string);
    let request = Request {
        method,
        path,
        headers: &[],
        body: body.as_deref().map(str::as_bytes),
    };
    http::send(address, &request)
}

/// The id in the answer to a start.
pub fn reference(answer: &Value) -> String {
    let path = answer["ref"].as_str().unwrap();
    path.strip_prefix("/pipelines/").unwrap().to_owned()
}

/// The stage of an execution with that refId.
pub fn stage<'e>(execution: &'e Value, ref_id: &str) -> &'e Value {
    let stages = execution["stages"].as_array().unwrap();
    let stage = stages.iter().find(|stage| stage["refId"] == ref_id);
    stage.unwrap_or_else(|| panic!("there is no stage {ref_id}: {execution:#}"))
}

/// Whether that is the status of something that has ended.
pub fn has_ended(status: &Value) -> bool {
    let status = status.as_str().unwrap();
    !matches!(
        status,
        "NOT_STARTED" | "RUNNING" | "PAUSED" | "SUSPENDED" | "BUFFERED"
    )
}
