//! The precondition `stageStatus {stageName, stageStatus}`: another stage has ended as expected.

use spindrift_engine::{Failure, StageView, TaskResult};

use super::stage::{inner, unmet};
use crate::fields;

pub(super) fn check(stage: &StageView<'_>) -> Result<TaskResult, Failure> {
    let wanted = inner(&stage.stage().context);
    let (Some(name), Some(status)) = (
        fields::text(&wanted, "stageName"),
        fields::text(&wanted, "stageStatus"),
    ) else {
        return Err(fields::invalid("stageName and stageStatus are both needed"));
    };
    let stages = &stage.execution().stages;
    let Some(other) = stages.iter().find(|stage| stage.display_name() == name) else {
        return Err(unmet(format!(
            "Failed to find stage {name} in the execution"
        )));
    };
    if other.status.as_str() == status {
        return Ok(TaskResult::succeeded());
    }
    Err(unmet(format!(
        "The status of stage {name} was asserted to be {status}, but was actually {}",
        other.status
    )))
}

#[cfg(test)]
mod tests {
    use crate::precondition::CheckPrecondition;
    use crate::testing::Scene;
    use serde_json::json;
    use spindrift_engine::Outcome;
    use spindrift_model::Status;

    #[test]
    fn the_status_is_compared_exactly() {
        let table = [
            (
                json!({"stageName": "Build", "stageStatus": "SUCCEEDED"}),
                None,
            ),
            (
                json!({"stageName": "Build", "stageStatus": "TERMINAL"}),
                Some(
                    "The status of stage Build was asserted to be TERMINAL, but was actually SUCCEEDED",
                ),
            ),
            (
                json!({"stageName": "Build", "stageStatus": "succeeded"}),
                Some(
                    "The status of stage Build was asserted to be succeeded, but was actually SUCCEEDED",
                ),
            ),
            (
                json!({"stageName": "Test", "stageStatus": "SUCCEEDED"}),
                Some("Failed to find stage Test in the execution"),
            ),
            (
                json!({"stageName": "Build"}),
                Some("stageName and stageStatus are both needed"),
            ),
        ];
        for (inner, message) in table {
            let scene = Scene::stage(
                "checkPrecondition",
                json!({"preconditionType": "stageStatus", "context": inner}),
            )
            .after("Build", Status::Succeeded, json!({}));
            let child = CheckPrecondition {
                cluster_sizes: crate::testing::no_clusters(),
            };
            match (scene.run(&child, "checkPrecondition").outcome, message) {
                (Outcome::Succeeded, None) => {}
                (Outcome::Terminal(Some(failure)), Some(message)) => {
                    assert_eq!(failure.errors, [message])
                }
                (outcome, message) => panic!("{outcome:?} instead of {message:?}"),
            }
        }
    }
}
