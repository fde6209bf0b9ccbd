//! Reading JSON from outside: bounded, and without silently dropped members.
//!
//! `serde_json` alone keeps the last of two members of the same name. In a pipeline that hides a stage option from
//! its author, so a duplicate is an error here, with its place.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::problem::Pointer;

/// A JSON value; object members keep their order.
pub use serde_json::Value;

/// A JSON object; members keep their order.
pub type Map = serde_json::Map<String, Value>;

/// How large a document may be.
#[derive(Debug, Clone, Copy)]
pub struct JsonLimits {
    /// Bytes of text.
    pub bytes: usize,
    /// Objects and lists inside each other; values above 120 have no effect, the parser itself stops at 128.
    pub depth: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self {
            bytes: 10 * 1024 * 1024,
            depth: 100,
        }
    }
}

/// Why a text is not an acceptable JSON document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is longer than allowed.
    #[error("the document has {found} bytes; at most {limit} are accepted")]
    TooLarge {
        /// Bytes in the text.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The text is not JSON, or nests too deeply, or names a member twice.
    #[error("{message} at line {line}, column {column}{}", place(.pointer))]
    Syntax {
        /// What is wrong.
        message: String,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// The innermost value that was being read.
        pointer: Pointer,
    },
}

fn place(pointer: &Pointer) -> String {
    if *pointer == Pointer::root() {
        String::new()
    } else {
        format!(" (in {pointer})")
    }
}

/// Reads one JSON document.
///
/// A byte order mark at the start is accepted, since editors write it. Errors: the text is too large, too deep, not
/// JSON, or has an object with two members of the same name.
///
/// ```
/// use spindrift_model::{JsonLimits, parse_json};
/// let error = parse_json(br#"{"a": 1, "a": 2}"#, JsonLimits::default()).unwrap_err();
/// assert!(error.to_string().starts_with("the member \"a\" appears twice"));
/// ```
pub fn parse_json(text: &[u8], limits: JsonLimits) -> Result<Value, ParseError> {
    if text.len() > limits.bytes {
        return Err(ParseError::TooLarge {
            found: text.len(),
            limit: limits.bytes,
        });
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let trail = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let seed = Strict {
        depth: 0,
        limit: limits.depth,
        trail: &trail,
    };
    seed.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| {
            let text = error.to_string();
            let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
            let mut pointer = Pointer::root();
            for step in trail.borrow().iter() {
                pointer = match step {
                    Step::Key(key) => pointer.key(key),
                    Step::Index(index) => pointer.index(*index),
                };
            }
            ParseError::Syntax {
                message,
                line: error.line(),
                column: error.column(),
                pointer,
            }
        })
}

enum Step {
    Key(String),
    Index(usize),
}

struct Strict<'t> {
    depth: usize,
    limit: usize,
    trail: &'t RefCell<Vec<Step>>,
}

impl<'t> Strict<'t> {
    fn inside(&self, step: Step) -> Strict<'t> {
        self.trail.borrow_mut().push(step);
        Strict {
            depth: self.depth + 1,
            limit: self.limit,
            trail: self.trail,
        }
    }

    fn leave(&self) {
        self.trail.borrow_mut().pop();
    }

    fn check_depth<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth >= self.limit {
            return Err(E::custom(format_args!(
                "objects and lists are nested more than {} deep",
                self.limit
            )));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut list = Vec::new();
        loop {
            let inside = self.inside(Step::Index(list.len()));
            match access.next_element_seed(inside)? {
                Some(value) => list.push(value),
                None => break,
            }
            self.leave();
        }
        self.leave();
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!(
                    "the member {key:?} appears twice"
                )));
            }
            let value = access.next_value_seed(self.inside(Step::Key(key.clone())))?;
            self.leave();
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse_json(text.as_bytes(), JsonLimits::default())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_bad_document_is_refused_with_its_place() {
        insta::assert_snapshot!(message(r#"{"stages":[{"a":1},{"a":1,"b":2,"a":3}]}"#), @r#"the member "a" appears twice at line 1, column 35 (in /stages/1)"#);
        insta::assert_snapshot!(message("{\"a\": 1e999}"), @"number out of range at line 1, column 11 (in /a)");
        insta::assert_snapshot!(message("{\"a\": "), @"EOF while parsing a value at line 1, column 6 (in /a)");
        insta::assert_snapshot!(message("[] []"), @"trailing characters at line 1, column 4");
        assert!(
            message(&"[".repeat(10_000))
                .starts_with("objects and lists are nested more than 100 deep")
        );
        let limits = JsonLimits { bytes: 3, depth: 9 };
        assert_eq!(
            parse_json(b"[1,2]", limits),
            Err(ParseError::TooLarge { found: 5, limit: 3 })
        );
    }

    #[test]
    fn a_good_document_is_what_serde_json_reads() {
        let text = r#"{"b":[1,-2,3.5,null,true,"x"],"a":{"z":{},"y":[]},"n":18446744073709551615}"#;
        let value = parse_json(text.as_bytes(), JsonLimits::default()).unwrap();
        assert_eq!(value.to_string(), text);
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        assert_eq!(parse_json(&marked, JsonLimits::default()).unwrap(), value);
    }
}
