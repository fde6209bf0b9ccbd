//! What is wrong with a document, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a JSON document (RFC 6901), such as `/stages/3/refId`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Pointer(String);

impl Pointer {
    /// The whole document.
    pub fn root() -> Self {
        Self::default()
    }

    /// The member `key` of what this points to.
    pub fn key(&self, key: &str) -> Self {
        let escaped = key.replace('~', "~0").replace('/', "~1");
        Self(format!("{}/{escaped}", self.0))
    }

    /// The element `index` of what this points to.
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }

    /// The pointer as text; the root is the empty text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Pointer {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document is accepted; a person should look at it.
    Warning,
    /// The document is refused.
    Error,
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where it is.
    pub pointer: Pointer,
    /// A stable name of the rule, such as `stage.refId.duplicate`.
    pub code: String,
    /// What is wrong and what to do about it.
    pub message: String,
    /// Whether it refuses the document.
    pub severity: Severity,
}

impl Problem {
    /// A problem that refuses the document.
    pub fn error(pointer: Pointer, code: &str, message: impl Into<String>) -> Self {
        Self {
            pointer,
            code: code.into(),
            message: message.into(),
            severity: Severity::Error,
        }
    }

    /// A problem that lets the document pass.
    pub fn warning(pointer: Pointer, code: &str, message: impl Into<String>) -> Self {
        Self {
            pointer,
            code: code.into(),
            message: message.into(),
            severity: Severity::Warning,
        }
    }

    /// Whether this refuses the document.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_escapes_its_keys() {
        let pointer = Pointer::root().key("stages").index(3).key("a/b~c");
        assert_eq!(pointer.as_str(), "/stages/3/a~1b~0c");
        assert_eq!(Pointer::root().to_string(), "/");
    }
}
