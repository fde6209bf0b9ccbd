//! Pipeline expressions: templates, the SpEL parser, its evaluator and the helper functions.
//!
//! A template is text with `${…}` parts, written in the expression language Spinnaker pipelines use. It is parsed once
//! into a [`Template`] and evaluated over a [`Scope`]: an execution, one of its stages, and an [`Environment`] that
//! answers for everything outside (clock, chance, other pipelines, URLs). Evaluation is pure: the same scope and the
//! same answers give the same value.
//!
//! Invariant: nothing an expression says can name a type beyond a fixed list, recurse or loop without a bound, or make
//! a result beyond 1 MiB.

mod batch;
mod check;
mod error;
mod eval;
mod evaluate;
mod functions;
mod java;
mod objects;
mod root;
mod scope;
mod suggest;
mod summary;
mod syntax;
mod transform;
mod value;

pub use batch::{BatchError, Request, Response, evaluate_line, evaluate_request};
pub use check::{SyntaxProblem, check};
pub use error::ParseFailure;
pub use evaluate::{
    ConditionError, ConditionEvaluated, ContextEvaluated, Evaluated, SummaryChange, Variable,
    VariablesEvaluated, evaluate, evaluate_condition, evaluate_context, evaluate_pipeline,
    evaluate_variables, explain,
};
pub use functions::function_names;
pub use scope::{Environment, Fetch, FetchKind, Fetched, Mode, Scope, Version};
pub use summary::{Detail, Entry, Level, SUMMARY_KEY, Summary};
pub use syntax::cache::TemplateCache;
pub use syntax::template::{Template, has_expression};
