//! As whom a stage acts (Orca's `AuthenticationAware`).

use spindrift_model::{Authentication, Serial, Stage, Status, Value};

use crate::run::Run;

/// The identity of a stage: that of the nearest approver whose judgment says so, else the execution's.
pub fn acting_as(run: &Run, serial: Serial) -> Authentication {
    let propagates = run.execution().stages.iter().any(passes_identity_on);
    let approver = propagates
        .then(|| {
            run.ancestors(serial)
                .skip(1)
                .find(|stage| passes_identity_on(stage))
        })
        .flatten()
        .and_then(|stage| stage.last_modified.as_ref())
        .and_then(|modified| serde_json::from_value::<Authentication>(modified.clone()).ok());
    approver.unwrap_or_else(|| run.execution().authentication.clone())
}

fn passes_identity_on(stage: &Stage) -> bool {
    if stage.kind != "manualJudgment" || stage.status == Status::Skipped {
        return false;
    }
    let asked = match stage.context.get("propagateAuthenticationContext") {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let decided = stage
        .text("judgmentStatus")
        .is_some_and(|status| status.eq_ignore_ascii_case("continue"));
    asked && decided
}
