//! The precondition `expression`: a condition over the run holds.
//!
//! An author may write it with or without `${}`. Without, it is wrapped when the stage that checks it is made, so that it is
//! evaluated with the rest of that stage's context, before its task.

use serde_json::Value;
use spindrift_engine::{Failure, StageView, TaskResult};
use spindrift_model::Map;

use super::stage::{inner, unmet};
use crate::fields;

const EXPRESSION: &str = "expression";

/// Makes a bare condition an expression.
pub(super) fn wrap(inner: &mut Map) {
    if let Some(Value::String(text)) = inner.get_mut(EXPRESSION)
        && !text.contains("${")
        && !text.trim().is_empty()
    {
        *text = format!("${{{}}}", text.trim());
    }
}

pub(super) fn check(stage: &StageView<'_>) -> Result<TaskResult, Failure> {
    let mut inner = inner(&stage.stage().context);
    let found = match inner.get(EXPRESSION) {
        None | Some(Value::Null) => "false".to_owned(),
        Some(value) => fields::scalar(value).unwrap_or_else(|| value.to_string()),
    };
    inner.insert("expressionResult".to_owned(), found.clone().into());
    let holds = found.trim().eq_ignore_ascii_case("true");
    let mut result = match holds {
        true => TaskResult::succeeded(),
        false => TaskResult::terminal(unmet(refusal(&found))),
    };
    result
        .context
        .insert("context".to_owned(), Value::Object(inner));
    Ok(result)
}

fn refusal(found: &str) -> String {
    match found.contains("${") {
        true => format!(
            "the expression {} could not be evaluated",
            fields::shorten(found)
        ),
        false => format!("the expression is {}, not true", fields::shorten(found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precondition::CheckPrecondition;
    use crate::testing::{Scene, map};
    use serde_json::json;
    use spindrift_engine::Outcome;

    #[test]
    fn a_bare_condition_becomes_an_expression() {
        let table = [
            (json!("a == 1"), json!("${a == 1}")),
            (json!("${a == 1}"), json!("${a == 1}")),
            (json!("not ${a}"), json!("not ${a}")),
            (json!(" "), json!(" ")),
            (json!(true), json!(true)),
        ];
        for (written, expected) in table {
            let mut inner = map(json!({EXPRESSION: written}));
            wrap(&mut inner);
            assert_eq!(inner[EXPRESSION], expected);
        }
    }

    #[test]
    fn only_true_holds() {
        let table = [
            (json!({EXPRESSION: true}), "true", None),
            (json!({EXPRESSION: "TRUE"}), "TRUE", None),
            (
                json!({EXPRESSION: false}),
                "false",
                Some("the expression is false, not true"),
            ),
            (
                json!({EXPRESSION: 1}),
                "1",
                Some("the expression is 1, not true"),
            ),
            (
                json!({}),
                "false",
                Some("the expression is false, not true"),
            ),
            (
                json!({EXPRESSION: "${#nope()}"}),
                "${#nope()}",
                Some("the expression ${#nope()} could not be evaluated"),
            ),
        ];
        for (inner, text, message) in table {
            let context = json!({"preconditionType": "expression", "context": inner});
            let scene = Scene::stage("checkPrecondition", context);
            let result = scene.run(
                &CheckPrecondition {
                    cluster_sizes: crate::testing::no_clusters(),
                },
                "checkPrecondition",
            );
            assert_eq!(result.context["context"]["expressionResult"], json!(text));
            match (result.outcome, message) {
                (Outcome::Succeeded, None) => {}
                (Outcome::Terminal(Some(failure)), Some(message)) => {
                    assert_eq!(failure.errors, [message])
                }
                (outcome, message) => panic!("{outcome:?} instead of {message:?}"),
            }
        }
    }
}
