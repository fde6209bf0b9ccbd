//! The vocabulary of Spindrift: pipelines, stages, triggers, artifacts, executions.
