//! The command line as a person types it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A continuous-delivery engine for Spinnaker-style pipelines, in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "spindrift",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Exit codes: 0 done or succeeded, 1 failed, 2 could not be carried out, 3 canceled."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the engine and its HTTP API.
    Serve(ServeArgs),
    /// Run one pipeline in this process, and show how it goes.
    Run(RunArgs),
    /// Check pipeline files without running them.
    Validate(ValidateArgs),
    /// Evaluate an expression against a run.
    Eval(EvalArgs),
    /// List pipelines or executions of a server.
    List(ListArgs),
    /// Show one execution or pipeline of a server.
    Get(GetArgs),
    /// Start a pipeline on a server.
    Start(StartArgs),
    /// Save pipeline files to a server.
    Save(SaveArgs),
    /// Cancel an execution on a server.
    Cancel(CancelArgs),
    /// Approve the judgment an execution waits for.
    Approve(JudgeArgs),
    /// Reject the judgment an execution waits for.
    Reject(JudgeArgs),
    /// Show what has happened in an execution.
    Logs(LogsArgs),
    /// Show what came from outside or came due, and why it started what it did.
    Events(EventsArgs),
    /// Show when the schedules of a pipeline run next.
    NextRuns(NextRunsArgs),
    /// Bind, show, verify and forget the cloud accounts of a server.
    Account(AccountArgs),
    /// Show what a deploy of manifests would change, without changing it.
    Plan(PlanArgs),
    /// Use the cluster inside a server with other tools.
    Sandbox(SandboxArgs),
    /// Check, export or import a data directory that no server uses.
    Store(StoreArgs),
    /// Make a bearer token and the hash of it that goes into the configuration.
    Token(TokenArgs),
    /// Measure this machine.
    Bench(BenchArgs),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:
  spindrift completion bash > /etc/bash_completion.d/spindrift")]
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `spindrift serve`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift serve
  spindrift serve --demo
  spindrift serve --data /var/lib/spindrift --config /etc/spindrift.toml
  SPINDRIFT_LISTEN=127.0.0.1:9000 spindrift serve")]
pub struct ServeArgs {
    /// The directory that holds everything [default: ./data].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1:8084].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Save the pipelines of these files first, when the server does not have them as they are.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub pipelines: Vec<PathBuf>,
    /// Save the example pipelines, start one, and say how to approve it; adds an echo endpoint.
    #[arg(long)]
    pub demo: bool,
    /// Let `kubectl` reach the sandbox at this loopback address; see `spindrift sandbox kubeconfig`.
    #[arg(long, value_name = "ADDR")]
    pub sandbox_listen: Option<SocketAddr>,
    /// Do without the sandbox.
    #[arg(long, conflicts_with = "sandbox_listen")]
    pub no_sandbox: bool,
}

/// `spindrift account`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift account list
  spindrift account add prod --kubeconfig ~/.kube/config --context prod --namespace shop
  spindrift account add prod --server https://k8s.example.com:6443 --token-file token --certificate-authority ca.crt
  spindrift account verify prod
  spindrift account remove prod")]
pub struct AccountArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: AccountAction,
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountAction {
    /// Bind a Kubernetes account and verify it.
    Add(Box<AccountAddArgs>),
    /// List the accounts and how they are.
    List {
        /// How to reach the server, and what to print.
        #[command(flatten)]
        common: ClientArgs,
    },
    /// Show one account.
    Get {
        /// Its name.
        name: String,
        /// How to reach the server, and what to print.
        #[command(flatten)]
        common: ClientArgs,
    },
    /// Look at an account again; fails when it cannot be used.
    Verify {
        /// Its name.
        name: String,
        /// How to reach the server, and what to print.
        #[command(flatten)]
        common: ClientArgs,
    },
    /// Forget an account. What it holds stays where it is.
    Remove {
        /// Its name.
        name: String,
        /// How to reach the server, and what to print.
        #[command(flatten)]
        common: ClientArgs,
    },
}

/// `spindrift account add`
#[derive(Debug, Args)]
pub struct AccountAddArgs {
    /// Its name.
    pub name: String,
    /// A kubeconfig. Files that it names are sent along; credential plugins are refused.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["api_server", "in_cluster"])]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one].
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// The URL of the API server.
    #[arg(
        long,
        value_name = "URL",
        requires = "token_file",
        conflicts_with = "kubeconfig"
    )]
    pub api_server: Option<String>,
    /// A file with the token of a service account; `-` reads it from standard input.
    #[arg(long, value_name = "FILE", requires = "api_server")]
    pub token_file: Option<PathBuf>,
    /// A file with the certificates of the API server's authority.
    #[arg(long, value_name = "FILE", requires = "api_server")]
    pub certificate_authority: Option<PathBuf>,
    /// The cluster in which the server runs, with the credentials of its pod.
    #[arg(long, conflicts_with_all = ["kubeconfig", "api_server"])]
    pub in_cluster: bool,
    /// A namespace it may touch; may be given more than once [default: all].
    #[arg(long = "namespace", value_name = "NAME")]
    pub namespaces: Vec<String>,
    /// A namespace it leaves alone; may be given more than once.
    #[arg(
        long = "omit-namespace",
        value_name = "NAME",
        conflicts_with = "namespaces"
    )]
    pub omit_namespaces: Vec<String>,
    /// A kind it may touch; may be given more than once [default: all].
    #[arg(long = "kind", value_name = "KIND")]
    pub kinds: Vec<String>,
    /// A kind it leaves alone; may be given more than once.
    #[arg(long = "omit-kind", value_name = "KIND", conflicts_with = "kinds")]
    pub omit_kinds: Vec<String>,
    /// Change the account when there is one of that name.
    #[arg(long)]
    pub replace: bool,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// `spindrift plan`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift plan manifests.yaml --account prod
  spindrift plan web.yaml db.yaml --account sandbox --namespace shop --output json

Exit codes: 0 the plan is shown, 1 the API server would refuse something, 2 it could not be found out.")]
pub struct PlanArgs {
    /// Files of manifests in YAML or JSON; `-` reads standard input.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The account.
    #[arg(long, short, value_name = "NAME")]
    pub account: String,
    /// The namespace of everything that has one, whatever the manifests say.
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The application that the objects would belong to.
    #[arg(long, value_name = "NAME")]
    pub application: Option<String>,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// `spindrift sandbox`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  spindrift serve --sandbox-listen 127.0.0.1:8001
  spindrift sandbox kubeconfig --address 127.0.0.1:8001 > sandbox.yaml
  kubectl --kubeconfig sandbox.yaml get pods")]
pub struct SandboxArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: SandboxAction,
}

/// What to do with the sandbox.
#[derive(Debug, Subcommand)]
pub enum SandboxAction {
    /// Print a kubeconfig for the sandbox of a server on this machine.
    Kubeconfig {
        /// Where it listens [default: sandbox.listen of the configuration].
        #[arg(long, value_name = "ADDR")]
        address: Option<SocketAddr>,
        /// The configuration file (TOML).
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// `spindrift run`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift run examples/verify.json --param version=1.4
  spindrift run release.json --param version=1.4 --param region=eu --approve
  spindrift run release.json --output json > run.json")]
pub struct RunArgs {
    /// The pipeline.
    pub file: PathBuf,
    /// A parameter; may be given more than once.
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub parameters: Vec<String>,
    /// More pipelines, for stages that start them.
    #[arg(long = "with", value_name = "FILE")]
    pub with: Vec<PathBuf>,
    /// Approve every judgment instead of asking.
    #[arg(long)]
    pub approve: bool,
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// `spindrift validate`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift validate pipelines/*.json
  spindrift validate --output json release.json")]
pub struct ValidateArgs {
    /// The files.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Count warnings as errors.
    #[arg(long)]
    pub strict: bool,
    /// The configuration file (TOML), for preconfigured webhooks.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// `spindrift eval`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift eval --execution run.json '${trigger.user}'
  spindrift eval --execution 01J9ZD… --stage 3 '${#stage(\"Build\").outputs.image}'
  spindrift eval --batch < cases.jsonl")]
pub struct EvalArgs {
    /// An execution: a file that holds one, or the id of one on the server.
    #[arg(long, value_name = "ID|FILE", required_unless_present = "batch")]
    pub execution: Option<String>,
    /// The refId of the stage in whose place the expression stands.
    #[arg(long, value_name = "REFID")]
    pub stage: Option<String>,
    /// Follow the rules of submission: an unknown name is an error.
    #[arg(long)]
    pub strict: bool,
    /// Read cases as JSON lines from standard input, and answer each with a line.
    #[arg(long, conflicts_with_all = ["execution", "stage", "strict", "expression"])]
    pub batch: bool,
    /// The text with expressions.
    #[arg(required_unless_present = "batch")]
    pub expression: Option<String>,
    /// How to reach the server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// How to reach a server.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// The server.
    #[arg(
        long,
        env = "SPINDRIFT_SERVER",
        default_value = "http://127.0.0.1:8084",
        value_name = "URL"
    )]
    pub server: String,
    /// The bearer token.
    #[arg(
        long,
        env = "SPINDRIFT_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub token: Option<String>,
    /// Who asks, for a server without tokens [default: the login name].
    #[arg(long, env = "SPINDRIFT_USER", value_name = "NAME")]
    pub user: Option<String>,
}

/// `spindrift list`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift list
  spindrift list executions --application shop --status RUNNING
  spindrift list pipelines --application shop --output json")]
pub struct ListArgs {
    /// What to list.
    #[arg(value_enum, default_value_t = Listable::Executions)]
    pub what: Listable,
    /// Only those of this application.
    #[arg(long, short)]
    pub application: Option<String>,
    /// Only executions in one of these states.
    #[arg(long, value_delimiter = ',')]
    pub status: Vec<String>,
    /// At most that many.
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listable {
    /// Executions, newest first.
    Executions,
    /// Pipelines.
    Pipelines,
    /// Applications.
    Applications,
}

/// What every command against a server takes.
#[derive(Debug, Clone, Args)]
pub struct ClientArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// `spindrift get`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift get 01J9ZD5M3S8Q2V7N4T6X0C1B9A
  spindrift get shop/release --output json")]
pub struct GetArgs {
    /// The id of an execution, or APPLICATION/PIPELINE.
    pub what: String,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// `spindrift start`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift start shop/release --param version=1.4
  spindrift start shop/release --follow")]
pub struct StartArgs {
    /// APPLICATION/PIPELINE: its name or id.
    pub pipeline: String,
    /// A parameter; may be given more than once.
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub parameters: Vec<String>,
    /// Show how it goes, and end with a code that tells the result.
    #[arg(long, short)]
    pub follow: bool,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// `spindrift save`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift save examples/verify.json
  spindrift save pipelines/*.json")]
pub struct SaveArgs {
    /// The files.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// `spindrift cancel`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  spindrift cancel 01J9ZD5M3S8Q2V7N4T6X0C1B9A --reason 'wrong version'")]
pub struct CancelArgs {
    /// The id of the execution.
    pub execution: String,
    /// Why.
    #[arg(long)]
    pub reason: Option<String>,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// `spindrift approve` and `spindrift reject`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift approve 01J9ZD5M3S8Q2V7N4T6X0C1B9A
  spindrift approve 01J9ZD5M3S8Q2V7N4T6X0C1B9A --stage 2 --input canary
  spindrift reject 01J9ZD5M3S8Q2V7N4T6X0C1B9A --stage Approve")]
pub struct JudgeArgs {
    /// The id of the execution.
    pub execution: String,
    /// The refId, name or id of the judgment; not needed when only one waits.
    #[arg(long)]
    pub stage: Option<String>,
    /// The chosen option.
    #[arg(long)]
    pub input: Option<String>,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// `spindrift logs`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift logs 01J9ZD5M3S8Q2V7N4T6X0C1B9A
  spindrift logs --follow 01J9ZD5M3S8Q2V7N4T6X0C1B9A")]
pub struct LogsArgs {
    /// The id of the execution.
    pub execution: String,
    /// Go on until it has ended, and end with a code that tells the result.
    #[arg(long, short)]
    pub follow: bool,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// `spindrift events`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift events list
  spindrift events get 01J9ZD5M3S8Q2V7N4T6X0C1B9A
  spindrift events test push.json --type git --source github")]
pub struct EventsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: EventsAction,
}

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub enum EventsAction {
    /// List events, newest first.
    #[command(after_help = "Examples:
  spindrift events list
  spindrift events list --limit 100 --output json")]
    List {
        /// Go on after the event with this id.
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// At most that many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// How to reach the server, and what to print.
        #[command(flatten)]
        common: ClientArgs,
    },
    /// Show an event, and what every trigger said to it.
    #[command(after_help = "Example:
  spindrift events get 01J9ZD5M3S8Q2V7N4T6X0C1B9A")]
    Get {
        /// The id of the event.
        event: String,
        /// How to reach the server, and what to print.
        #[command(flatten)]
        common: ClientArgs,
    },
    /// Tell what a hook would do, and do nothing; ends with 1 when it would start nothing.
    #[command(after_help = "Examples:
  spindrift events test push.json --type git --source github
  spindrift events test push.json --header 'X-Hub-Signature-256: sha256=…'
  spindrift events test image.json --output json")]
    Test(TestEventArgs),
}

/// `spindrift events test`
#[derive(Debug, Args)]
pub struct TestEventArgs {
    /// The body of the hook.
    pub file: PathBuf,
    /// The type in the hook's address, such as git; when absent the body tells.
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// The source in the hook's address, such as github; when absent the body tells.
    #[arg(long)]
    pub source: Option<String>,
    /// A header of the hook; may be given more than once.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// `spindrift next-runs`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  spindrift next-runs shop/nightly --count 10")]
pub struct NextRunsArgs {
    /// APPLICATION/PIPELINE: its name or id.
    pub pipeline: String,
    /// So many times of each schedule.
    #[arg(long, default_value_t = 5)]
    pub count: usize,
    /// How to reach the server, and what to print.
    #[command(flatten)]
    pub common: ClientArgs,
}

/// `spindrift store`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift store verify --data /var/lib/spindrift
  spindrift store export --data /var/lib/spindrift > backup.jsonl
  spindrift store import --data /var/lib/restored < backup.jsonl")]
pub struct StoreArgs {
    /// What to do.
    #[arg(value_enum)]
    pub action: StoreAction,
    /// The data directory.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
}

/// What can be done with a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreAction {
    /// Read everything and report what is wrong.
    Verify,
    /// Write everything to standard output as JSON lines.
    Export,
    /// Read what was exported into an empty directory.
    Import,
}

/// `spindrift token`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  spindrift token --user ci --role release-managers >> /etc/spindrift.toml")]
pub struct TokenArgs {
    /// Whom the token names.
    #[arg(long)]
    pub user: String,
    /// A role of theirs; may be given more than once.
    #[arg(long = "role")]
    pub roles: Vec<String>,
}

/// `spindrift bench`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spindrift bench
  spindrift bench transitions --runs 1000 --stages 50
  spindrift bench page --stored 100000
  spindrift bench hooks events matching schedules")]
pub struct BenchArgs {
    /// What to measure; everything when absent.
    #[arg(value_enum)]
    pub what: Vec<Benchmark>,
    /// The directory in which stores are made; its disk is what is measured.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Runs in flight at a time.
    #[arg(long, default_value_t = 1_000)]
    pub runs: usize,
    /// Stages of each run.
    #[arg(long, default_value_t = 50)]
    pub stages: usize,
    /// Runs that wait for a judgment, or are under way when the process starts.
    #[arg(long, default_value_t = 100_000)]
    pub waiting: usize,
    /// Stored runs behind the measured page.
    #[arg(long, default_value_t = 1_000_000)]
    pub stored: usize,
    /// Hooks or events that are sent.
    #[arg(long, default_value_t = 40_000)]
    pub hooks: usize,
    /// How long schedules are watched.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Benchmark {
    /// Durable stage transitions a second with many runs in flight.
    Transitions,
    /// Added latency of each stage of a chain of 1,000.
    Chain,
    /// Webhook stages a second to a server on loopback.
    Webhooks,
    /// Memory of a run that waits for a judgment.
    Waiting,
    /// Time from the start until every run under way goes on.
    Recovery,
    /// A page of 50 runs of one application.
    Page,
    /// One run of 5,000 stages.
    Large,
    /// Cold start, idle memory, size of the binary.
    Process,
    /// From a signed hook to its first stage, at 2,000 hooks a second.
    Hooks,
    /// Events that are accepted and durable in a second.
    Events,
    /// One event against 10,000 triggers.
    Matching,
    /// 10,000 schedules: how exact they are, and what they cost.
    Schedules,
}

/// What to print on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// JSON.
    Json,
    /// Lines for people.
    Table,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
