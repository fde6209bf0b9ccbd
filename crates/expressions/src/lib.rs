//! Pipeline expressions: templates, the SpEL parser, its evaluator and helper functions.
