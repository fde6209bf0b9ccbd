//! What an evaluation may see: an execution, a stage, a mode, and an environment that answers for the world.

use spindrift_model::{Execution, Map};

use crate::syntax::cache::TemplateCache;

/// What a missing name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// While a pipeline runs: a missing key is null.
    #[default]
    Lenient,
    /// At submission: a missing key read with a dot is an error.
    Strict,
}

/// The version of the evaluator a pipeline asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// Everything is evaluated as soon as possible. `v2`, unknown and missing versions mean this one.
    #[default]
    V3,
    /// Stages are evaluated when they start; variables one after the other.
    V4,
}

impl Version {
    /// Reads the `spelEvaluator` of a pipeline.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            Some(text) if text.eq_ignore_ascii_case("v4") => Version::V4,
            _ => Version::V3,
        }
    }
}

/// What should be read from a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchKind {
    /// `#fromUrl`
    Text,
    /// `#jsonFromUrl`
    Json,
    /// `#yamlFromUrl`
    Yaml,
    /// `#propertiesFromUrl`
    Properties,
}

/// A request an expression makes. The caller performs it as an effect and evaluates again with the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fetch {
    /// The URL; scheme and host were checked, addresses were not.
    pub url: String,
    /// Which helper asked.
    pub kind: FetchKind,
}

/// The answer of an environment to a [`Fetch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The body of the response.
    Body(String),
    /// The request failed, with a reason for people.
    Failed(String),
    /// There is no answer yet.
    Unknown,
}

/// The world as an evaluation sees it. The same answers give the same value, so recorded answers replay a run.
pub trait Environment {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64;

    /// The next random number.
    fn random_u64(&self) -> u64;

    /// The authenticated user the running task works for.
    fn user(&self) -> Option<&str> {
        None
    }

    /// The id of a pipeline by its application and name.
    fn pipeline_id(&self, _application: &str, _name: &str) -> Option<String> {
        None
    }

    /// The attributes of an application.
    fn application_attributes(&self, _application: &str) -> Option<Map> {
        None
    }

    /// The id of a canary configuration by application and name.
    fn canary_config_id(&self, _application: &str, _name: &str) -> Option<String> {
        None
    }

    /// The response of a URL.
    fn fetch(&self, _fetch: &Fetch) -> Fetched {
        Fetched::Unknown
    }

    /// The base64 text an artifact store keeps for a `ref://` URI.
    fn stored_artifact(&self, _reference: &str) -> Option<String> {
        None
    }
}

/// What the expressions of one pass can see.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub(crate) execution: Option<&'a Execution>,
    pub(crate) stage: Option<usize>,
    pub(crate) context: Option<&'a Map>,
    pub(crate) trigger: Option<&'a Map>,
    pub(crate) template_variables: Option<&'a Map>,
    pub(crate) mode: Mode,
    pub(crate) running: bool,
    pub(crate) environment: &'a dyn Environment,
    pub(crate) cache: Option<&'a TemplateCache>,
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope")
            .field("execution", &self.execution.map(|execution| &execution.id))
            .field("stage", &self.stage)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl<'a> Scope<'a> {
    fn new(environment: &'a dyn Environment) -> Self {
        Self {
            execution: None,
            stage: None,
            context: None,
            trigger: None,
            template_variables: None,
            mode: Mode::Lenient,
            running: false,
            environment,
            cache: None,
        }
    }

    /// The scope of a stage that runs, by its position in the execution.
    #[must_use]
    pub fn of_stage(
        execution: &'a Execution,
        stage: usize,
        environment: &'a dyn Environment,
    ) -> Self {
        Self {
            execution: Some(execution),
            stage: (stage < execution.stages.len()).then_some(stage),
            trigger: Some(execution.trigger.map()),
            running: true,
            ..Self::new(environment)
        }
    }

    /// The scope of an execution outside its stages: only `execution` and `trigger`.
    #[must_use]
    pub fn of_execution(execution: &'a Execution, environment: &'a dyn Environment) -> Self {
        Self {
            execution: Some(execution),
            trigger: Some(execution.trigger.map()),
            ..Self::new(environment)
        }
    }

    /// The scope at submission: a trigger and template variables, strict, no execution.
    #[must_use]
    pub fn of_submission(
        trigger: &'a Map,
        template_variables: Option<&'a Map>,
        environment: &'a dyn Environment,
    ) -> Self {
        Self {
            trigger: Some(trigger),
            template_variables,
            mode: Mode::Strict,
            ..Self::new(environment)
        }
    }

    /// Looks names up in another context than the stored one of the stage.
    #[must_use]
    pub fn with_context(mut self, context: &'a Map) -> Self {
        self.context = Some(context);
        self
    }

    /// Sets what a missing name means.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets whether `#currentStage()` has an answer; the preview of an expression has none.
    #[must_use]
    pub fn with_running(mut self, running: bool) -> Self {
        self.running = running;
        self
    }

    /// Keeps parsed templates in `cache`.
    #[must_use]
    pub fn with_cache(mut self, cache: &'a TemplateCache) -> Self {
        self.cache = Some(cache);
        self
    }
}
