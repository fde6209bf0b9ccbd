//! The rewriting of a whole string before it is parsed: functions that need the execution get it as first argument.
//!
//! Spinnaker does this with text replacement, and the rewritten text is what summaries show, so it is text
//! replacement here as well.

use std::borrow::Cow;

/// Functions whose first parameter is the execution.
const AWARE: [&str; 15] = [
    "currentStage",
    "stageByRefId",
    "stageExists",
    "stage",
    "judgment",
    "judgement",
    "deployedServerGroups",
    "manifestLabelValue",
    "triggerResolvedArtifactByType",
    "triggerResolvedArtifact",
    "resolvedArtifacts",
    "pipelineIdInApplication",
    "pipelineIdOrNull",
    "pipelineId",
    "cfServiceKey",
];

/// A name that stands for a function call wherever it occurs in a string with an expression.
const ALIAS: &str = "deployedServerGroups";

const ARGUMENT: &str = "( #root.execution, ";

/// Rewrites a string that holds an expression.
pub(crate) fn preprocess(source: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(source);
    if source.contains('#') {
        for name in AWARE {
            let call = format!("#{name}(");
            if text.contains(&call) && !text.contains(&format!("#{name}{ARGUMENT}")) {
                text = Cow::Owned(text.replace(&call, &format!("#{name}{ARGUMENT}")));
            }
        }
    }
    if text.contains(ALIAS) && !text.contains(&format!("#{ALIAS}{ARGUMENT}")) {
        text = Cow::Owned(text.replace(ALIAS, &format!("#{ALIAS}( #root.execution)")));
    }
    text
}
