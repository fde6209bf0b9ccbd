//! Pipeline templates (Spinnaker's managed pipeline templates, version 2).
//!
//! A template is a pipeline with variables; a templated pipeline names a template and gives the variables values. [`expand`]
//! makes the pipeline that runs of both. Expressions `${templateVariables.x}` in it are evaluated with the run, not here.

mod document;
mod expand;
mod inject;
mod reference;
mod variables;

pub use document::Template;
pub use expand::{Expanded, expand};
pub use reference::{TEMPLATE_TAGS, TemplateReference, TemplateVersion, is_templated};
pub use variables::{TemplateVariable, VariableKind};

use crate::problem::{Pointer, Problem};

fn wrong(place: Pointer, code: &str, message: impl Into<String>) -> Problem {
    Problem::error(place, &format!("template.{code}"), message)
}
