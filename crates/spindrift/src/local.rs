//! `spindrift run`: one pipeline in this process.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, bail};
use spindrift_engine::Caller;
use spindrift_model::{Execution, Map, Pipeline, Stage, StageId, Status, Value};
use spindrift_runtime::{Engine, EngineError, SaveRequest, StartRequest};
use spindrift_store::MemoryStore;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

use crate::cli::{Output, RunArgs};
use crate::client::parameters;
use crate::config::Config;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::{check, say, wiring};

/// Runs a pipeline to its end; the exit code tells the result.
pub async fn run(arguments: RunArgs) -> anyhow::Result<Exit> {
    let config = Config::load(arguments.config.as_deref())?;
    let stages = wiring::stages(&config)?;
    let engine = wiring::engine(Arc::new(MemoryStore::new()), stages, &config);
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
        asked: None,
    };
    let ended = watcher.watch(start).await?;
    if arguments.output == Output::Json {
        say!("{}", serde_json::to_string_pretty(&ended)?);
    }
    engine.stop().await;
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
    asked: Option<StageId>,
}

impl Watcher {
    async fn watch(&mut self, start: StartRequest) -> anyhow::Result<Execution> {
        let mut notices = self.engine.watch();
        let id = self.engine.submit(start).await?.execution.id.clone();
        loop {
            let execution = self.engine.execution(&id)?;
            for line in self.progress.news(&execution) {
                if self.quiet {
                    writeln!(std::io::stderr(), "{line}")?;
                } else {
                    say!("{line}");
                }
            }
            if execution.status.is_complete() {
                return Ok(execution);
            }
            if let Some(judgment) = self.open_judgment(&execution) {
                self.asked = Some(judgment.id.clone());
                let answer = self.ask(judgment).await?;
                let caller = Caller {
                    admin: true,
                    ..Caller::named(self.user.clone())
                };
                self.engine
                    .patch_stage(&id, &judgment.id, answer, caller)
                    .await?;
                continue;
            }
            tokio::select! {
                // A missed notice is no harm: the execution is read again after each.
                _ = notices.recv() => {}
                _ = tokio::signal::ctrl_c() => {
                    let reason = Some("interrupted".to_owned());
                    self.engine.cancel(&id, &self.user, reason).await?;
                }
            }
        }
    }

    fn open_judgment<'e>(&self, execution: &'e Execution) -> Option<&'e Stage> {
        execution.stages.iter().find(|stage| {
            stage.kind == "manualJudgment"
                && stage.status == Status::Running
                && stage.text("judgmentStatus").is_none_or(str::is_empty)
                && self.asked.as_ref() != Some(&stage.id)
        })
    }

    async fn ask(&mut self, stage: &Stage) -> anyhow::Result<Map> {
        let options: Vec<&str> = stage
            .context
            .get("judgmentInputs")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|option| option.get("value").and_then(Value::as_str))
            .collect();
        let mut answer = Map::new();
        answer.insert("judgmentStatus".into(), "continue".into());
        if self.approve {
            if let Some(first) = options.first() {
                answer.insert("judgmentInput".into(), (*first).into());
            }
            return Ok(answer);
        }
        let choice = if options.is_empty() {
            String::new()
        } else {
            format!(" {}", options.join("|"))
        };
        write!(
            std::io::stderr(),
            "  {}: continue{choice}, or stop? ",
            stage.display_name()
        )?;
        std::io::stderr().flush()?;
        let Some(line) = self.input.next_line().await? else {
            bail!(
                "stage {:?} waits for a judgment; use --approve where nobody can be asked",
                stage.display_name()
            );
        };
        let mut words = line.split_whitespace();
        match words.next() {
            Some("continue" | "c" | "yes" | "y") => {
                if let Some(input) = words.next().or(options.first().copied()) {
                    answer.insert("judgmentInput".into(), input.into());
                }
            }
            _ => {
                answer.insert("judgmentStatus".into(), "stop".into());
            }
        }
        Ok(answer)
    }
}
