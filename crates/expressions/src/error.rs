//! What goes wrong: parse failures and what an evaluation throws.
//!
//! Messages and class names are Spring's and Java's, because users of Spinnaker read and match them; position,
//! expectation and suggestions travel beside them.

use std::fmt;

use crate::scope::Fetch;

pub(crate) const SPEL_EVALUATION: &str =
    "org.springframework.expression.spel.SpelEvaluationException";
pub(crate) const SPEL_PARSE: &str = "org.springframework.expression.spel.SpelParseException";
pub(crate) const PARSE: &str = "org.springframework.expression.ParseException";
pub(crate) const HELPER: &str =
    "com.netflix.spinnaker.kork.expressions.SpelHelperFunctionException";
pub(crate) const ILLEGAL_ARGUMENT: &str = "java.lang.IllegalArgumentException";
pub(crate) const ILLEGAL_STATE: &str = "java.lang.IllegalStateException";
pub(crate) const NULL_POINTER: &str = "java.lang.NullPointerException";
pub(crate) const NUMBER_FORMAT: &str = "java.lang.NumberFormatException";
pub(crate) const ARITHMETIC: &str = "java.lang.ArithmeticException";
pub(crate) const CLASS_CAST: &str = "java.lang.ClassCastException";
pub(crate) const INDEX_BOUNDS: &str = "java.lang.IndexOutOfBoundsException";
pub(crate) const STRING_BOUNDS: &str = "java.lang.StringIndexOutOfBoundsException";
pub(crate) const ARRAY_BOUNDS: &str = "java.lang.ArrayIndexOutOfBoundsException";
pub(crate) const UNSUPPORTED: &str = "java.lang.UnsupportedOperationException";
pub(crate) const NO_CONVERTER: &str = "org.springframework.core.convert.ConverterNotFoundException";
pub(crate) const CONVERSION_FAILED: &str =
    "org.springframework.core.convert.ConversionFailedException";
pub(crate) const PATTERN_SYNTAX: &str = "java.util.regex.PatternSyntaxException";
pub(crate) const DATE_PARSE: &str = "java.time.format.DateTimeParseException";
pub(crate) const DATE_TIME: &str = "java.time.DateTimeException";
pub(crate) const UNSUPPORTED_TEMPORAL: &str = "java.time.temporal.UnsupportedTemporalTypeException";
pub(crate) const TEXT_PARSE: &str = "java.text.ParseException";

/// A part of a template that could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseFailure {
    /// The Java class Spinnaker reports.
    pub(crate) class: &'static str,
    /// The message as Spinnaker reports it.
    pub(crate) message: String,
    /// The innermost cause, where it is not this failure itself.
    pub(crate) cause: Option<(&'static str, String)>,
    /// Where in the part (or, for brackets, in the whole text), in characters.
    pub(crate) position: usize,
    /// The message without code and place.
    pub(crate) short: String,
}

impl ParseFailure {
    pub(crate) fn spel(source: &str, position: usize, code: u16, message: &str) -> Self {
        Self {
            class: SPEL_PARSE,
            message: format!("Expression [{source}] @{position}: EL{code}E: {message}"),
            cause: None,
            position,
            short: message.to_owned(),
        }
    }

    pub(crate) fn number(
        position: usize,
        code: u16,
        shown: &str,
        what: &str,
        cause: String,
    ) -> Self {
        Self {
            class: SPEL_PARSE,
            message: format!("EL{code}E: The value '{shown}' cannot be parsed as {what}"),
            cause: Some((NUMBER_FORMAT, cause)),
            position,
            short: format!("the value '{shown}' is not {what}"),
        }
    }

    pub(crate) fn template(source: &str, position: usize, message: String) -> Self {
        Self {
            class: PARSE,
            message: format!("Expression [{source}] @{position}: {message}"),
            cause: None,
            position,
            short: message,
        }
    }

    pub(crate) fn missing_operand(position: usize) -> Self {
        Self {
            class: ILLEGAL_ARGUMENT,
            message: "Operand must not be null".into(),
            cause: None,
            position,
            short: "an operand is missing".into(),
        }
    }

    pub(crate) fn past_end(length: usize, position: usize) -> Self {
        Self {
            class: ARRAY_BOUNDS,
            message: format!("Index {length} out of bounds for length {length}"),
            cause: None,
            position,
            short: "the exponent of a number is missing".into(),
        }
    }

    pub(crate) fn evaluation(code: u16, message: String) -> Self {
        Self {
            class: SPEL_EVALUATION,
            message: format!("EL{code}E: {message}"),
            cause: None,
            position: 0,
            short: message,
        }
    }
}

impl fmt::Display for ParseFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseFailure {}

/// Why an evaluation stopped for a reason that is not the expression's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Signal {
    /// An ordinary error of the expression.
    Ordinary,
    /// The environment has no answer for this fetch yet; evaluating again with the answer may succeed.
    Needs(Box<Fetch>),
}

/// An exception thrown by an expression.
#[derive(Debug, Clone)]
pub(crate) struct Thrown(Box<Exception>);

/// The parts of [`Thrown`].
#[derive(Debug, Clone)]
pub(crate) struct Exception {
    pub(crate) class: &'static str,
    pub(crate) message: Option<String>,
    pub(crate) cause: Option<Thrown>,
    pub(crate) position: Option<usize>,
    pub(crate) suggestion: Option<String>,
    pub(crate) signal: Signal,
}

/// The result of evaluating something.
pub(crate) type Eval<T> = Result<T, Thrown>;

impl std::ops::Deref for Thrown {
    type Target = Exception;

    fn deref(&self) -> &Exception {
        &self.0
    }
}

impl Thrown {
    pub(crate) fn java(class: &'static str, message: impl Into<String>) -> Self {
        Thrown(Box::new(Exception {
            class,
            message: Some(message.into()),
            cause: None,
            position: None,
            suggestion: None,
            signal: Signal::Ordinary,
        }))
    }

    pub(crate) fn silent(class: &'static str) -> Self {
        let mut thrown = Self::java(class, "");
        thrown.0.message = None;
        thrown
    }

    /// A `SpelEvaluationException` with its code.
    pub(crate) fn el(code: u16, message: impl AsRef<str>) -> Self {
        Self::java(SPEL_EVALUATION, format!("EL{code}E: {}", message.as_ref()))
    }

    /// `SpelHelperFunctionException`.
    pub(crate) fn helper(message: impl Into<String>) -> Self {
        Self::java(HELPER, message)
    }

    pub(crate) fn needs(fetch: Fetch) -> Self {
        let mut thrown = Self::helper(format!("#from({}) failed", fetch.url));
        thrown.0.signal = Signal::Needs(Box::new(fetch));
        thrown
    }

    pub(crate) fn because(mut self, cause: Thrown) -> Self {
        if self.0.signal == Signal::Ordinary {
            self.0.signal = cause.signal.clone();
        }
        self.0.cause = Some(cause);
        self
    }

    /// Remembers the place unless a more precise one is known.
    pub(crate) fn at(mut self, position: u32) -> Self {
        if self.0.position.is_none() {
            self.0.position = Some(position as usize);
        }
        self
    }

    pub(crate) fn suggest(mut self, suggestion: Option<String>) -> Self {
        if self.0.suggestion.is_none() {
            self.0.suggestion = suggestion;
        }
        self
    }

    /// The innermost cause.
    pub(crate) fn root(&self) -> &Exception {
        let mut current = self;
        while let Some(cause) = &current.cause {
            current = cause;
        }
        &current.0
    }

    pub(crate) fn from_parse(failure: &ParseFailure) -> Self {
        let mut thrown = Self::java(failure.class, failure.message.clone());
        thrown.0.position = Some(failure.position);
        match &failure.cause {
            Some((class, message)) => thrown.because(Self::java(class, message.clone())),
            None => thrown,
        }
    }

    /// `null` or the message, as Java prints it.
    pub(crate) fn text(&self) -> &str {
        self.message.as_deref().unwrap_or("null")
    }
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
