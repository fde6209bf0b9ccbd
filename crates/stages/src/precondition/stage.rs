//! The stage types `checkPreconditions` and `checkPrecondition`.

use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{
    Failure, InlineTask, StageType, StageView, SyntheticPlan, TaskResult, TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, StageConfig};

use super::cluster_size::{CheckClusterSize, ClusterSizes};
use super::{expression, stage_status};
use crate::fields;

const CHILD: &str = "checkPrecondition";
const CHECK: &str = "checkPrecondition";
const CHECK_CLUSTER: &str = "checkClusterSize";
const KIND: &str = "preconditionType";

/// What a precondition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Expression,
    StageStatus,
    ClusterSize,
    Noop,
}

impl Kind {
    fn parse(name: &str) -> Result<Kind, Failure> {
        match name {
            "expression" => Ok(Kind::Expression),
            "stageStatus" => Ok(Kind::StageStatus),
            "clusterSize" => Ok(Kind::ClusterSize),
            "noop" => Ok(Kind::Noop),
            _ => Err(fields::invalid(format!(
                "there is no precondition {:?}; there are expression, stageStatus, clusterSize and noop",
                fields::shorten(name)
            ))),
        }
    }

    fn of(context: &Map) -> Result<Kind, Failure> {
        match fields::text(context, KIND) {
            Some(name) => Kind::parse(name),
            None => Err(fields::invalid("the precondition has no type")),
        }
    }
}

/// The stage type that people use.
pub struct CheckPreconditions;

impl StageType for CheckPreconditions {
    fn name(&self) -> &str {
        "checkPreconditions"
    }

    fn tasks(&self, _: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        Ok(Vec::new())
    }

    fn task(&self, _: &str) -> Option<TaskRunner> {
        None
    }

    fn before(&self, stage: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
        let parent = &stage.stage().context;
        for precondition in preconditions(parent)? {
            let (name, context) = child(parent, precondition)?;
            plan.parallel(CHILD, &name, context);
        }
        Ok(())
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let at = at.key("preconditions");
        let code = "stage.checkPreconditions.preconditions";
        let list = match preconditions(&stage.context) {
            Ok([]) => {
                let message = "without preconditions the stage checks nothing and is skipped";
                return vec![Problem::warning(at, code, message)];
            }
            Ok(list) => list,
            Err(failure) => return vec![Problem::warning(at, code, failure.errors.join("; "))],
        };
        let wrong = |(position, precondition): (usize, &Value)| {
            let kind = precondition.get("type").and_then(Value::as_str);
            let failure = Kind::parse(kind.unwrap_or_default()).err()?;
            let at = at.index(position).key("type");
            Some(Problem::warning(at, code, failure.errors.join("; ")))
        };
        list.iter().enumerate().filter_map(wrong).collect()
    }
}

fn preconditions(context: &Map) -> Result<&[Value], Failure> {
    match context.get("preconditions") {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(fields::invalid(format!(
            "preconditions must be a list, not {}",
            fields::shorten(&other.to_string())
        ))),
    }
}

/// Name and context of the stage that checks one precondition.
fn child(parent: &Map, precondition: &Value) -> Result<(String, Map), Failure> {
    let Value::Object(precondition) = precondition else {
        return Err(fields::invalid("a precondition is an object with a type"));
    };
    let kind = precondition
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let expression = Kind::parse(kind)? == Kind::Expression;
    let mut context = parent.clone();
    context.shift_remove("preconditions");
    let mut inner = match precondition.get("context") {
        Some(Value::Object(inner)) => inner.clone(),
        Some(_) | None => Map::new(),
    };
    for key in ["cluster", "regions", "credentials", "zones"] {
        if let (false, Some(value)) = (inner.contains_key(key), parent.get(key)) {
            inner.insert(key.to_owned(), value.clone());
        }
    }
    if expression {
        expression::wrap(&mut inner);
    }
    context.extend(precondition.clone());
    context.shift_remove("type");
    context.insert("context".to_owned(), Value::Object(inner));
    context.insert(KIND.to_owned(), kind.into());
    let name = match precondition.get("name").and_then(fields::as_text) {
        Some(name) => name.to_owned(),
        None => format!("Check precondition ({kind})"),
    };
    Ok((name, context))
}

/// The stage type of one precondition.
pub struct CheckPrecondition {
    /// How clusters are counted.
    pub cluster_sizes: Arc<dyn ClusterSizes>,
}

impl StageType for CheckPrecondition {
    fn name(&self) -> &str {
        CHILD
    }

    fn tasks(&self, stage: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        let task = match Kind::of(&stage.stage().context)? {
            Kind::ClusterSize => CHECK_CLUSTER,
            Kind::Expression | Kind::StageStatus | Kind::Noop => CHECK,
        };
        Ok(vec![TaskSpec::new(task)])
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            CHECK => Some(TaskRunner::Inline(Arc::new(Check))),
            CHECK_CLUSTER => Some(TaskRunner::Effect(Arc::new(CheckClusterSize {
                sizes: self.cluster_sizes.clone(),
            }))),
            _ => None,
        }
    }
}

/// Checks what the run itself knows.
struct Check;

impl InlineTask for Check {
    fn run(&self, stage: &StageView<'_>) -> TaskResult {
        let checked = match Kind::of(&stage.stage().context) {
            Ok(Kind::Expression) => expression::check(stage),
            Ok(Kind::StageStatus) => stage_status::check(stage),
            Ok(Kind::ClusterSize | Kind::Noop) => Ok(TaskResult::succeeded()),
            Err(failure) => Err(failure),
        };
        checked.unwrap_or_else(TaskResult::terminal)
    }
}

/// The members that belong to the precondition, below `context`.
pub(super) fn inner(context: &Map) -> Map {
    match context.get("context") {
        Some(Value::Object(inner)) => inner.clone(),
        Some(_) | None => Map::new(),
    }
}

/// A precondition that does not hold.
pub(super) fn unmet(why: impl Into<String>) -> Failure {
    Failure::new("PreconditionFailed", why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scene, problems};
    use serde_json::json;

    fn planned(context: Value) -> Result<SyntheticPlan, Vec<String>> {
        let scene = Scene::stage("checkPreconditions", context);
        let mut plan = SyntheticPlan::default();
        let planned = scene.see(|view| CheckPreconditions.before(view, &mut plan));
        planned.map(|()| plan).map_err(|failure| failure.errors)
    }

    #[test]
    fn each_precondition_is_a_stage_of_its_own() {
        let plan = planned(json!({
            "credentials": "prod", "failPipeline": true,
            "preconditions": [
                {"type": "expression", "failPipeline": false, "context": {"expression": "true"}},
                {"type": "clusterSize", "context": {"cluster": "web", "credentials": "own"}},
                {"type": "noop", "name": "Nothing"},
            ],
        }))
        .unwrap();
        let stages: Vec<Value> = plan
            .stages
            .iter()
            .map(|stage| json!([stage.kind, stage.name, stage.context, stage.after]))
            .collect();
        assert_eq!(
            json!(stages),
            json!([
                ["checkPrecondition", "Check precondition (expression)", {
                    "credentials": "prod", "failPipeline": false, "preconditionType": "expression",
                    "context": {"expression": "${true}", "credentials": "prod"},
                }, []],
                ["checkPrecondition", "Check precondition (clusterSize)", {
                    "credentials": "prod", "failPipeline": true, "preconditionType": "clusterSize",
                    "context": {"cluster": "web", "credentials": "own"},
                }, []],
                ["checkPrecondition", "Nothing", {
                    "credentials": "prod", "failPipeline": true, "name": "Nothing", "preconditionType": "noop",
                    "context": {"credentials": "prod"},
                }, []],
            ])
        );
    }

    #[test]
    fn what_cannot_be_checked_is_named() {
        let unknown = "there is no precondition \"weather\"; there are expression, stageStatus, clusterSize and noop";
        let table = [
            (json!({"preconditions": [{"type": "weather"}]}), unknown),
            (
                json!({"preconditions": "all"}),
                "preconditions must be a list, not \"all\"",
            ),
            (
                json!({"preconditions": [7]}),
                "a precondition is an object with a type",
            ),
        ];
        for (context, message) in table {
            assert_eq!(planned(context), Err(vec![message.to_owned()]));
        }
        assert_eq!(planned(json!({})), Ok(SyntheticPlan::default()));
    }

    #[test]
    fn problems_are_found_while_it_is_saved() {
        let code = "stage.checkPreconditions.preconditions";
        let context = json!({"preconditions": [{"type": "noop"}, {"type": "weather"}, {}]});
        assert_eq!(
            problems(&CheckPreconditions, context),
            [
                format!("/stages/0/preconditions/1/type {code}"),
                format!("/stages/0/preconditions/2/type {code}"),
            ]
        );
        assert_eq!(
            problems(&CheckPreconditions, json!({})),
            [format!("/stages/0/preconditions {code}")]
        );
    }

    #[test]
    fn only_clusters_are_looked_up_in_the_world() {
        let child = CheckPrecondition {
            cluster_sizes: crate::testing::no_clusters(),
        };
        let table = [
            ("noop", Ok(vec![CHECK])),
            ("expression", Ok(vec![CHECK])),
            ("stageStatus", Ok(vec![CHECK])),
            ("clusterSize", Ok(vec![CHECK_CLUSTER])),
        ];
        for (kind, tasks) in table {
            let scene = Scene::stage(CHILD, json!({KIND: kind}));
            assert_eq!(scene.tasks(&child), tasks);
        }
        let scene = Scene::stage(CHILD, json!({KIND: "noop"}));
        assert_eq!(scene.run(&child, CHECK), TaskResult::succeeded());
        assert!(Scene::stage(CHILD, json!({})).tasks(&child).is_err());
    }
}
