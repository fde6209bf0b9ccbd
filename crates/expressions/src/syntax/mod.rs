//! Syntax: from text to trees and back. Nothing here evaluates.

pub(crate) mod ast;
pub(crate) mod cache;
mod literal;
pub(crate) mod parser;
pub(crate) mod preprocess;
mod primary;
pub(crate) mod print;
pub(crate) mod template;
pub(crate) mod token;
