//! `spindrift run`: one pipeline in this process.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, bail};
use spindrift_engine::Caller;
use spindrift_model::{Execution, ExecutionId, Map, Pipeline, Stage, StageId, Status, Value};
use spindrift_runtime::{Engine, EngineError, SaveRequest, StartRequest};
use spindrift_store::MemoryStore;
use spindrift_vault::Vault;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

use crate::cli::{Output, RunArgs};
use crate::client::parameters;
use crate::config::Config;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::sandbox::Embedded;
use crate::signals::StopSignals;
use crate::{accounts, check, say, wiring};

/// Runs a pipeline to its end; the exit code tells the result.
pub async fn run(arguments: RunArgs) -> anyhow::Result<Exit> {
    let config = Config::load(arguments.config.as_deref())?;
    let store = Arc::new(MemoryStore::new());
    let embedded = Embedded::new(None);
    let sandbox = config.sandbox.enabled.then_some(&embedded);
    let vault = Arc::new(Vault::ephemeral());
    let registry = accounts::open(Arc::clone(&store) as _, vault, sandbox, &config).await?;
    let stages = wiring::stages(&config, Arc::new(registry))?;
    let engine = wiring::engine(store, stages, &config);
    for file in &arguments.with {
        save(&engine, check::document(file)?).await?;
    }
    let name = arguments.file.display().to_string();
    let document = check::document(&arguments.file)?;
    let pipeline = save(&engine, document).await.with_context(|| name)?;
    let mut trigger = Map::new();
    trigger.insert(
        "parameters".into(),
        Value::Object(parameters(&arguments.parameters)?),
    );
    let user = login_name();
    let start = StartRequest::manual(pipeline, trigger, &user);
    let mut watcher = Watcher {
        engine: engine.clone(),
        user,
        approve: arguments.approve,
        quiet: arguments.output == Output::Json,
        progress: Progress::default(),
        input: BufReader::new(tokio::io::stdin()).lines(),
        signals: StopSignals::new().context("signals cannot be waited for")?,
        question: None,
    };
    let ended = watcher.watch(start).await?;
    if arguments.output == Output::Json {
        say!("{}", serde_json::to_string_pretty(&ended)?);
    }
    engine.stop().await;
    embedded.stop().await;
    Ok(Exit::of(ended.status))
}

/// The name under which a person works on this machine.
pub fn login_name() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "anonymous".to_owned())
}

async fn save(engine: &Engine, document: Value) -> anyhow::Result<Pipeline> {
    let saved = engine
        .save_pipeline(SaveRequest {
            document,
            by: login_name(),
            stale_check: false,
        })
        .await?;
    for warning in &saved.warnings {
        writeln!(std::io::stderr(), "warning: {warning}")?;
    }
    let parsed = Pipeline::parse(Value::Object(saved.revision.document));
    parsed
        .map(|(pipeline, _)| pipeline)
        .map_err(|problems| EngineError::Invalid(problems).into())
}

struct Watcher {
    engine: Engine,
    user: String,
    approve: bool,
    quiet: bool,
    progress: Progress,
    input: Lines<BufReader<Stdin>>,
    signals: StopSignals,
    /// The judgment that somebody has been asked for.
    question: Option<Question>,
}

/// A judgment that waits for an answer.
struct Question {
    stage: StageId,
    name: String,
    options: Vec<String>,
}

impl Watcher {
    async fn watch(&mut self, start: StartRequest) -> anyhow::Result<Execution> {
        let mut notices = self.engine.watch();
        let id = self.engine.submit(start).await?.execution.id.clone();
        loop {
            let execution = self.engine.execution(&id)?;
            self.show(&execution)?;
            if execution.status.is_complete() {
                return Ok(execution);
            }
            self.find_question(&execution)?;
            if self.approve && self.question.is_some() {
                self.answer(&id, "continue").await?;
                continue;
            }
            tokio::select! {
                // A missed notice is no harm: the execution is read again after each.
                _ = notices.recv() => {}
                line = self.input.next_line(), if self.question.is_some() => match line? {
                    Some(line) => self.answer(&id, &line).await?,
                    None => bail!("nobody answers; use --approve where nobody can be asked"),
                },
                () = self.signals.next() => {
                    let reason = Some("interrupted".to_owned());
                    self.engine.cancel(&id, &self.user, reason).await?;
                }
            }
        }
    }

    fn show(&mut self, execution: &Execution) -> anyhow::Result<()> {
        for line in self.progress.news(execution) {
            if self.quiet {
                writeln!(std::io::stderr(), "{line}")?;
            } else {
                say!("{line}");
            }
        }
        Ok(())
    }

    /// Asks for a judgment that waits, unless somebody is being asked for one that still does.
    fn find_question(&mut self, execution: &Execution) -> anyhow::Result<()> {
        let waiting = || execution.stages.iter().filter(|stage| is_open(stage));
        if let Some(question) = &self.question
            && waiting().any(|stage| stage.id == question.stage)
        {
            return Ok(());
        }
        self.question = waiting().next().map(Question::of);
        if let Some(question) = self.question.as_ref().filter(|_| !self.approve) {
            question.ask()?;
        }
        Ok(())
    }

    /// Judges as a line says; asks again when it cannot be understood, or is refused.
    async fn answer(&mut self, id: &ExecutionId, line: &str) -> anyhow::Result<()> {
        let Some(question) = self.question.take() else {
            return Ok(());
        };
        let Some(answer) = question.read(line) else {
            question.ask()?;
            self.question = Some(question);
            return Ok(());
        };
        let caller = Caller {
            admin: true,
            ..Caller::named(self.user.clone())
        };
        let judged = self
            .engine
            .patch_stage(id, &question.stage, answer, caller)
            .await;
        match judged {
            // The stage is asked for again as long as it waits.
            Err(EngineError::Refused(refusal)) => writeln!(std::io::stderr(), "  {refusal}")?,
            judged => drop(judged?),
        }
        Ok(())
    }
}

fn is_open(stage: &Stage) -> bool {
    stage.kind == "manualJudgment"
        && stage.status == Status::Running
        && stage.text("judgmentStatus").is_none_or(str::is_empty)
}

impl Question {
    fn of(stage: &Stage) -> Self {
        let options = stage
            .context
            .get("judgmentInputs")
            .and_then(Value::as_array);
        let options = options.into_iter().flatten();
        let value = |option: &Value| option.get("value")?.as_str().map(str::to_owned);
        Self {
            stage: stage.id.clone(),
            name: stage.display_name().to_owned(),
            options: options.filter_map(value).collect(),
        }
    }

    fn ask(&self) -> anyhow::Result<()> {
        let options = self.options.join("|");
        let space = if options.is_empty() { "" } else { " " };
        let mut terminal = std::io::stderr();
        write!(
            terminal,
            "  {}: continue{space}{options}, or stop? ",
            self.name
        )?;
        Ok(terminal.flush()?)
    }

    /// The judgment that a line means, if any. Without a choice the first option is chosen.
    fn read(&self, line: &str) -> Option<Map> {
        let mut words = line.split_whitespace();
        let mut answer = Map::new();
        match words.next()? {
            "continue" | "c" | "yes" | "y" => {
                answer.insert("judgmentStatus".into(), "continue".into());
                let first = self.options.first().map(String::as_str);
                if let Some(input) = words.next().or(first) {
                    answer.insert("judgmentInput".into(), input.into());
                }
            }
            "stop" | "s" | "no" | "n" => {
                answer.insert("judgmentStatus".into(), "stop".into());
            }
            _ => return None,
        }
        Some(answer)
    }
}
