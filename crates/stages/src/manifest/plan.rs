//! The plan of a deploy: found out before it, and waited for until somebody has judged it.
//!
//! A `deployManifest` stage with a member `plan` gets a stage `planManifest` before its tasks; that one finds out what would change, and adds a `manualJudgment`
//! which carries the plan when anything would. `planManifest` may also be written in a pipeline by itself.
//!
//! | `plan` | |
//! | --- | --- |
//! | `true` | plan, and wait for a judgment when anything would change |
//! | `"show"` | plan only |
//! | `{…}` | the same as `true`; `judgment: false` is the same as `"show"`, and the other members are those of the judgment: `selectedStageRoles`, `instructions` … |

use std::sync::Arc;

use serde_json::Value;
use spindrift_artifacts::ArtifactFetcher;
use spindrift_cloud_driver::Accounts;
use spindrift_cloud_driver::kubernetes::{Plan, PlannedAction, PlannedObject};
use spindrift_engine::{
    BoxFuture, ContextEdit, EffectTask, Failure, StageType, StageView, SyntheticPlan, TaskInput,
    TaskPolicy, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, Stage, StageConfig};

use super::deploy::{Resolve, check, request};
use super::{account, failure};
use crate::fields;

/// The stage type.
pub(crate) struct PlanManifest {
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) fetcher: Option<Arc<dyn ArtifactFetcher>>,
}

/// The member that asks for a plan, and that holds it.
const PLAN: &str = "plan";
/// The member that says how the plan is judged.
const JUDGMENT: &str = "judgment";
const RESOLVE: &str = "resolveDeploySourceManifest";
const TASK: &str = "planManifest";
/// How many differences the text of a judgment names.
const MOST_SHOWN: usize = 100;

/// Plans the stage that plans, before a deploy that asks for it.
pub(super) fn before(view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
    let stage = view.stage();
    let Some(judgment) = judgment(&stage.context)? else {
        return Ok(());
    };
    let mut context = stage.context.clone();
    for key in [
        PLAN,
        "rollback",
        "stageTimeoutMs",
        "stageEnabled",
        "expectedArtifacts",
    ] {
        context.shift_remove(key);
    }
    context.insert(JUDGMENT.to_owned(), judgment);
    plan.parallel(TASK, &format!("Plan {}", stage.display_name()), context);
    Ok(())
}

/// How a plan is judged: `false` not at all, else by the members of a judgment; `None`: no plan is asked for.
fn judgment(context: &Map) -> Result<Option<Value>, Failure> {
    let wrong = |found: &Value| {
        fields::invalid(format!(
            "plan: {} is unknown; write true, \"show\", or the members of a judgment",
            fields::shorten(&found.to_string())
        ))
    };
    match context.get(PLAN) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::Bool(true)) => Ok(Some(Map::new().into())),
        Some(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "" | "false" => Ok(None),
            "true" => Ok(Some(Map::new().into())),
            "show" => Ok(Some(Value::Bool(false))),
            _ => Err(wrong(&Value::from(text.as_str()))),
        },
        Some(Value::Object(members)) => {
            let mut members = members.clone();
            let wanted = members
                .shift_remove(JUDGMENT)
                .is_none_or(|value| fields::flag(Some(&value)));
            Ok(Some(if wanted {
                members.into()
            } else {
                Value::Bool(false)
            }))
        }
        Some(other) => Err(wrong(other)),
    }
}

impl StageType for PlanManifest {
    fn name(&self) -> &str {
        TASK
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok([RESOLVE, TASK].map(TaskSpec::new).to_vec())
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            RESOLVE => Some(TaskRunner::Effect(Arc::new(Resolve {
                fetcher: self.fetcher.clone(),
            }))),
            TASK => Some(TaskRunner::Effect(Arc::new(FindOut {
                accounts: Arc::clone(&self.accounts),
            }))),
            _ => None,
        }
    }

    fn after(&self, view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        let stage = view.stage();
        let Some(Value::Object(members)) = stage.context.get(JUDGMENT) else {
            return Ok(());
        };
        let Some(found) = stage.context.get(PLAN) else {
            return Ok(());
        };
        let read: Plan = serde_json::from_value(found.clone())
            .map_err(|error| fields::invalid(format!("plan: {error}")))?;
        if !read.changes_anything() {
            return Ok(());
        }
        let mut context = members.clone();
        context.insert(PLAN.to_owned(), found.clone());
        let asked = fields::text(members, "instructions").unwrap_or("Shall this be deployed?");
        let instructions = format!("{asked}\n\n{}", text(&read));
        context.insert("instructions".to_owned(), instructions.into());
        let name = format!("Judge: {}", stage.display_name());
        plan.then("manualJudgment", &name, context);
        Ok(())
    }

    fn restart(&self, _: &Stage) -> ContextEdit {
        ContextEdit {
            unset: vec![PLAN.to_owned()],
            unset_outputs: vec![PLAN.to_owned()],
            ..ContextEdit::default()
        }
    }

    fn unevaluated(&self, context: &Map, _: bool) -> &'static [&'static str] {
        if fields::flag(context.get("skipExpressionEvaluation")) {
            &[PLAN, "manifests", "manifest"]
        } else {
            &[PLAN]
        }
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        check(&stage.context, at)
    }
}

/// The task `planManifest`.
struct FindOut {
    accounts: Arc<dyn Accounts>,
}

impl EffectTask for FindOut {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            find_out(&*self.accounts, &input)
                .await
                .unwrap_or_else(TaskResult::terminal)
        })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: None,
            overridable: false,
            backoff: 5_000,
        }
    }
}

async fn find_out(accounts: &dyn Accounts, input: &TaskInput) -> Result<TaskResult, Failure> {
    let provider = account::kubernetes(accounts, &input.stage.context)?;
    let Some(kubernetes) = provider.kubernetes() else {
        return Err(fields::invalid("account: it is none of Kubernetes"));
    };
    let plan = match kubernetes.plan(&request(input)?).await {
        Ok(plan) => plan,
        Err(error) => return Ok(failure::result(&error, input)),
    };
    let refused: Vec<String> = plan
        .objects
        .iter()
        .filter(|object| object.action == PlannedAction::Forbidden)
        .filter_map(|object| object.message.clone())
        .collect();
    let told = serde_json::to_value(&plan).unwrap_or_default();
    let result = if refused.is_empty() {
        TaskResult::succeeded()
    } else {
        TaskResult::terminal(Failure {
            errors: refused,
            ..Failure::new("PlanRefusedException", "")
        })
    };
    Ok(result
        .with_context(PLAN, told.clone())
        .with_output(PLAN, told))
}

/// A plan for people.
fn text(plan: &Plan) -> String {
    let mut lines = Vec::new();
    let mut left = MOST_SHOWN;
    for object in &plan.objects {
        lines.push(headline(object));
        for change in &object.differences {
            if left == 0 {
                break;
            }
            left -= 1;
            let value = |value: &Option<Value>| match value {
                Some(value) => fields::shorten(&value.to_string()),
                None => "nothing".to_owned(),
            };
            lines.push(format!(
                "    {}: {} -> {}",
                change.path,
                value(&change.before),
                value(&change.after)
            ));
        }
    }
    let all: usize = plan
        .objects
        .iter()
        .map(|object| object.differences.len())
        .sum();
    if all > MOST_SHOWN {
        lines.push(format!(
            "… and {} more; the plan has them all",
            all - MOST_SHOWN
        ));
    }
    lines.extend(
        plan.warnings
            .iter()
            .map(|warning| format!("Note: {warning}")),
    );
    lines.join("\n")
}

fn headline(object: &PlannedObject) -> String {
    let PlannedObject { id, action, .. } = object;
    let what = match action {
        PlannedAction::Create => "+ create",
        PlannedAction::Change => "~ change",
        PlannedAction::Recreate => "± make anew",
        PlannedAction::Unchanged => "= as it is",
        PlannedAction::Forbidden => "! refused",
    };
    let place = if id.namespace.is_empty() {
        String::new()
    } else {
        format!(" in {}", id.namespace)
    };
    let other = match &object.compared_with {
        Some(other) => format!(" (compared with {other})"),
        None => String::new(),
    };
    let message = match &object.message {
        Some(message) => format!(": {message}"),
        None => String::new(),
    };
    format!("{what} {id}{place}{other}{message}")
}
