//! The stage type `webhook`, and those that an operator makes of it.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{
    BoxFuture, Caller, ContextEdit, EffectTask, Failure, InlineTask, Outcome, Refusal, Sleep,
    StageType, StageView, TaskInput, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Millis, Pointer, Problem, Stage, StageConfig};

use super::cancel;
use super::create::CreateWebhook;
use super::line::{Line, custom_headers, method};
use super::monitor::MonitorWebhook;
use super::preset::PreconfiguredWebhook;
use crate::wait::SKIP;
use crate::{artifacts, fields};

const CONFIGURE: &str = "configureWebhook";
const CREATE: &str = "createWebhook";
const WAIT: &str = "waitBeforeMonitorWebhook";
const MONITOR: &str = "monitorWebhook";

/// The stage type.
pub(crate) struct Webhook {
    pub(crate) kind: String,
    pub(crate) line: Arc<Line>,
}

impl Webhook {
    fn preset(&self) -> Option<&PreconfiguredWebhook> {
        self.line.preset.as_ref()
    }
}

impl StageType for Webhook {
    fn name(&self) -> &str {
        &self.kind
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        let mut context = view.stage().context.clone();
        let mut tasks = Vec::new();
        if let Some(preset) = self.preset() {
            let over = preset.overlay(&context);
            context.extend(over);
            tasks.push(TaskSpec::new(CONFIGURE));
        }
        let waits = fields::flag(context.get("waitForCompletion"));
        let alone = fields::flag(context.get("monitorOnly"));
        if alone && !waits {
            return Err(fields::invalid(
                "monitorOnly without waitForCompletion leaves nothing to do; set waitForCompletion",
            ));
        }
        if !alone {
            tasks.push(TaskSpec::new(CREATE));
        }
        if waits {
            if delay(&context)? > 0 {
                tasks.push(TaskSpec::new(WAIT));
            }
            tasks.push(TaskSpec::new(MONITOR));
        }
        if artifacts::are_expected(&context) {
            tasks.push(TaskSpec::new(artifacts::BIND));
        }
        Ok(tasks)
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        let line = || Arc::clone(&self.line);
        match name {
            CONFIGURE => Some(TaskRunner::Inline(Arc::new(Configure { line: line() }))),
            CREATE => Some(TaskRunner::Effect(Arc::new(CreateWebhook { line: line() }))),
            WAIT => Some(TaskRunner::Effect(Arc::new(WaitBeforeMonitor {
                line: line(),
            }))),
            MONITOR => Some(TaskRunner::Effect(Arc::new(MonitorWebhook {
                line: line(),
            }))),
            artifacts::BIND => Some(artifacts::bind_produced()),
            _ => None,
        }
    }

    fn restart(&self, stage: &Stage) -> ContextEdit {
        let mut unset = vec!["webhook".to_owned(), SKIP.to_owned()];
        let noted = stage
            .context
            .get("webhook")
            .and_then(|webhook| webhook.get("statusEndpoint"));
        // What the author wrote stays; what an answer brought belongs to the run before.
        if noted.is_some() && noted == stage.context.get("statusEndpoint") {
            unset.push("statusEndpoint".to_owned());
        }
        ContextEdit {
            unset,
            ..ContextEdit::default()
        }
    }

    fn patch(&self, _: &StageView<'_>, patch: Map, _: &Caller) -> Result<Map, Refusal> {
        let Some(preset) = self.preset() else {
            return Ok(patch);
        };
        let fixed = preset.fixed();
        let taken = |key: &&String| {
            *key == "statusEndpoint" || fixed.iter().any(|(fixed, _)| *fixed == key.as_str())
        };
        match patch.keys().find(taken) {
            Some(key) => Err(Refusal::Forbidden(format!(
                "{key} of {} is set by its operator",
                self.kind
            ))),
            None => Ok(patch),
        }
    }

    /// An answer comes from outside: an expression in it is text.
    fn unevaluated(&self, _: &Map, _: bool) -> &'static [&'static str] {
        &["webhook"]
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let mut context = stage.context.clone();
        if let Some(preset) = self.preset() {
            let over = preset.overlay(&context);
            context.extend(over);
        }
        check(&context, &self.line, at)
    }
}

fn check(context: &Map, line: &Line, at: &Pointer) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut warn = |key: &str, message: String| {
        let code = format!("stage.webhook.{key}");
        problems.push(Problem::warning(at.key(key), &code, message));
    };
    let waits = fields::flag(context.get("waitForCompletion"));
    let alone = fields::flag(context.get("monitorOnly"));
    let open = |key: &str| context.get(key).is_some_and(fields::is_expression);
    match context.get("url") {
        Some(url) if fields::is_expression(url) => {}
        Some(Value::String(url)) if !url.trim().is_empty() => {
            if let Err(error) = line.outbound.check(url) {
                warn("url", error.to_string());
            }
        }
        Some(_) | None if alone && fields::text(context, "statusEndpoint").is_some() => {}
        Some(_) | None => warn("url", "the stage fails without a url".to_owned()),
    }
    if alone && !waits && !open("waitForCompletion") {
        warn(
            "monitorOnly",
            "monitorOnly without waitForCompletion leaves nothing to do".to_owned(),
        );
    }
    for key in ["method", "cancelMethod"]
        .into_iter()
        .filter(|key| !open(key))
    {
        if let Err(failure) = method(context, key) {
            warn(key, failure.errors.join("; "));
        }
    }
    if let Err(failure) = custom_headers(
        context
            .get("customHeaders")
            .filter(|_| !open("customHeaders")),
    ) {
        warn("customHeaders", failure.errors.join("; "));
    }
    let judged = fields::text(context, "statusJsonPath").is_some();
    if waits && judged && fields::texts(context.get("successStatuses")).is_empty() {
        warn(
            "successStatuses",
            "with statusJsonPath only the number 100 is a success unless successStatuses names others".to_owned(),
        );
    }
    let resolution = fields::text(context, "statusUrlResolution");
    if waits
        && resolution == Some("webhookResponse")
        && fields::text(context, "statusUrlJsonPath").is_none()
    {
        warn(
            "statusUrlJsonPath",
            "statusUrlResolution webhookResponse needs a statusUrlJsonPath".to_owned(),
        );
    }
    if fields::text(context, "account").is_some() {
        warn(
            "account",
            "accounts of webhooks are not known here; it is ignored".to_owned(),
        );
    }
    problems
}

fn delay(context: &Map) -> Result<Millis, Failure> {
    fields::seconds("waitBeforeMonitor", context.get("waitBeforeMonitor"))
}

/// Puts what the operator has set into the stage, where the expressions in it are evaluated before the next task.
struct Configure {
    line: Arc<Line>,
}

impl InlineTask for Configure {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        let mut result = TaskResult::succeeded();
        if let Some(preset) = &self.line.preset {
            result.context = preset.overlay(&stage.stage().context);
        }
        result
    }
}

/// Waits before the status is first asked for. It touches nothing, but what the webhook has begun can be ended meanwhile.
struct WaitBeforeMonitor {
    line: Arc<Line>,
}

impl EffectTask for WaitBeforeMonitor {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        let context = &input.stage.context;
        let result = match delay(context) {
            Err(failure) => TaskResult::terminal(failure),
            Ok(delay) => {
                let due = input.task_start.saturating_add(delay);
                match due <= input.now || fields::flag(context.get(SKIP)) {
                    true => TaskResult::succeeded(),
                    false => TaskResult::new(Outcome::Running(Sleep::Until(due))),
                }
            }
        };
        Box::pin(std::future::ready(result))
    }

    fn cancel(self: Arc<Self>, input: TaskInput) -> Option<BoxFuture<TaskResult>> {
        cancel::cancel(&self.line, input)
    }

    fn has_cancel(&self, stage: &Stage) -> bool {
        cancel::is_wanted(stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scene, map, problems};
    use crate::webhook::WebhookSettings;
    use serde_json::json;
    use spindrift_outbound::{Outbound, Policy};

    fn webhook(preset: Option<Value>) -> Webhook {
        spindrift_outbound::install_crypto_provider();
        let preset =
            preset.map(|preset| serde_json::from_value::<PreconfiguredWebhook>(preset).unwrap());
        Webhook {
            kind: preset
                .as_ref()
                .map_or("webhook", |preset| &preset.kind)
                .to_owned(),
            line: Arc::new(Line {
                outbound: Outbound::new(Policy::default()).unwrap(),
                settings: WebhookSettings::default(),
                preset,
                roles: None,
            }),
        }
    }

    #[test]
    fn the_tasks_follow_from_the_context() {
        let table = [
            (json!({}), Ok(vec![CREATE])),
            (json!({"waitForCompletion": true}), Ok(vec![CREATE, MONITOR])),
            (json!({"waitForCompletion": "true"}), Ok(vec![CREATE, MONITOR])),
            (
                json!({"waitForCompletion": true, "waitBeforeMonitor": "30"}),
                Ok(vec![CREATE, WAIT, MONITOR]),
            ),
            (
                json!({"waitForCompletion": true, "monitorOnly": true}),
                Ok(vec![MONITOR]),
            ),
            (json!({"expectedArtifacts": []}), Ok(vec![CREATE, "bindProducedArtifacts"])),
            (
                json!({"monitorOnly": true}),
                Err("monitorOnly without waitForCompletion leaves nothing to do; set waitForCompletion".to_owned()),
            ),
            (
                json!({"waitForCompletion": true, "waitBeforeMonitor": "soon"}),
                Err("waitBeforeMonitor must be a number of seconds, not \"soon\"".to_owned()),
            ),
        ];
        for (context, tasks) in table {
            let scene = Scene::stage("webhook", context.clone());
            assert_eq!(scene.tasks(&webhook(None)), tasks, "{context}");
        }
    }

    #[test]
    fn an_operator_decides_what_is_planned_and_cannot_be_overruled() {
        let ticket = webhook(Some(json!({
            "type": "ticket", "url": "https://t.example.com", "waitForCompletion": true,
            "parameters": [{"name": "project", "defaultValue": "ops"}],
        })));
        let scene = Scene::stage(
            "ticket",
            json!({"url": "https://evil.example.com", "waitForCompletion": false}),
        );
        assert_eq!(scene.tasks(&ticket), Ok(vec![CONFIGURE, CREATE, MONITOR]));
        let result = scene.run(&ticket, CONFIGURE);
        assert_eq!(
            Value::Object(result.context),
            json!({"url": "https://t.example.com", "waitForCompletion": true, "parameterValues": {"project": "ops"}})
        );
        let patch = |patch| scene.see(|view| ticket.patch(view, map(patch), &Caller::named("ann")));
        for key in ["url", "statusEndpoint"] {
            assert_eq!(
                patch(json!({key: "https://evil.example.com"})),
                Err(Refusal::Forbidden(format!(
                    "{key} of ticket is set by its operator"
                )))
            );
        }
        assert!(patch(json!({"comment": "x"})).is_ok());
    }

    #[test]
    fn a_restart_forgets_what_the_answer_brought() {
        let unset = |context| {
            let stage = Stage {
                context: map(context),
                ..Stage::default()
            };
            webhook(None).restart(&stage).unset
        };
        let brought = json!({"statusEndpoint": "https://a.example.com", "webhook": {"statusEndpoint": "https://a.example.com"}});
        assert_eq!(unset(brought), ["webhook", SKIP, "statusEndpoint"]);
        assert_eq!(
            unset(json!({"statusEndpoint": "https://a.example.com"})),
            ["webhook", SKIP]
        );
    }

    #[test]
    fn what_cannot_work_is_noticed_while_it_is_saved() {
        let url = "https://ci.example.com/jobs";
        let table: [(Value, &[&str]); 9] = [
            (json!({"url": url}), &[]),
            (json!({"url": "${trigger.url}"}), &[]),
            (json!({}), &["url"]),
            (json!({"url": "http://localhost/x"}), &["url"]),
            (
                json!({"monitorOnly": true, "waitForCompletion": true, "statusEndpoint": url}),
                &[],
            ),
            (json!({"url": url, "monitorOnly": true}), &["monitorOnly"]),
            (
                json!({"url": url, "method": "GE T", "customHeaders": [1]}),
                &["method", "customHeaders"],
            ),
            (
                json!({"url": url, "waitForCompletion": true, "statusJsonPath": "$.s", "statusUrlResolution": "webhookResponse"}),
                &["successStatuses", "statusUrlJsonPath"],
            ),
            (json!({"url": url, "account": "mtls"}), &["account"]),
        ];
        for (context, keys) in table {
            let expected: Vec<String> = keys
                .iter()
                .map(|key| format!("/stages/0/{key} stage.webhook.{key}"))
                .collect();
            assert_eq!(
                problems(&webhook(None), context.clone()),
                expected,
                "{context}"
            );
        }
    }
}
