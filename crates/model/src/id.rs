//! Identifiers. Each is a type of its own, so that one cannot be passed where another is meant.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text cannot serve as an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is empty.
    #[error("the id is empty")]
    Empty,
    /// The text is longer than any id may be.
    #[error("the id has {0} characters; at most {max} are allowed", max = MAX_ID_LENGTH)]
    TooLong(usize),
    /// The text has a character that an id may not have.
    #[error(
        "the id has the character {0:?}; letters, digits, '-', '_', '.', ':' and '@' are allowed"
    )]
    Character(char),
}

/// The longest accepted id, in bytes; generated ids are 26 (ULID) or 36 (UUID) long.
const MAX_ID_LENGTH: usize = 128;

fn check(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.len() > MAX_ID_LENGTH {
        return Err(InvalidId::TooLong(text.chars().count()));
    }
    match text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "-_.:@".contains(*c)))
    {
        Some(c) => Err(InvalidId::Character(c)),
        None => Ok(()),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text that this program made itself.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// Takes a text from outside, which must be safe in a key, a URL and a log line.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check(text)?;
                Ok(Self(text.into()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }
    };
}

text_id! {
    /// One run of a pipeline, or one ad-hoc task: a ULID unless the caller chose another.
    ExecutionId
}
text_id! {
    /// One stage of one execution: a ULID.
    StageId
}
text_id! {
    /// A pipeline configuration: a UUID unless its author chose another.
    PipelineId
}
text_id! {
    /// The name by which the stages of one pipeline refer to each other.
    RefId
}

/// The position at which a stage was added to its execution.
///
/// It is never given out twice within one execution, and `Execution::stages` is sorted by it: a stage is found by
/// binary search, and stored under it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Serial(pub u32);

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_from_outside_is_checked() {
        let table = [
            ("01J9ZD", Ok(())),
            ("a-b_c.d:e@f", Ok(())),
            ("", Err(InvalidId::Empty)),
            ("a/b", Err(InvalidId::Character('/'))),
            ("a\0b", Err(InvalidId::Character('\0'))),
            ("ä", Err(InvalidId::Character('ä'))),
        ];
        for (text, expected) in table {
            assert_eq!(ExecutionId::parse(text).map(|_| ()), expected, "{text:?}");
        }
        assert_eq!(
            ExecutionId::parse(&"x".repeat(129)),
            Err(InvalidId::TooLong(129))
        );
    }
}
