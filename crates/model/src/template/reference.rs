//! How a pipeline names its template.

use std::fmt;

use super::wrong;
use crate::json::{Map, Value};
use crate::problem::{Pointer, Problem};

/// The tags that a template may have (Front50's `V2PipelineTemplateController`).
pub const TEMPLATE_TAGS: [&str; 6] = [
    "latest",
    "stable",
    "unstable",
    "experimental",
    "test",
    "canary",
];

/// Which version of a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TemplateVersion {
    /// The one saved without a tag, else the latest.
    Any,
    /// The one with a tag.
    Tag(String),
    /// The one with that content (SHA-256, in hexadecimal digits).
    Digest(String),
}

/// A template, and which version of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TemplateReference {
    /// Its id.
    pub id: String,
    /// Which version.
    pub version: TemplateVersion,
}

const SCHEME: &str = "spinnaker://";

impl TemplateReference {
    /// Reads `spinnaker://id`, `spinnaker://id:tag` or `spinnaker://id@sha256:digest`. Errors: it is something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.trim().strip_prefix(SCHEME) else {
            return Err(format!(
                "{text:?} names no template; a reference is {SCHEME}ID, {SCHEME}ID:TAG or {SCHEME}ID@sha256:DIGEST"
            ));
        };
        let (id, version) = if let Some((id, digest)) = rest.split_once("@sha256:") {
            (id, TemplateVersion::Digest(digest.to_lowercase()))
        } else if let Some((id, tag)) = rest.split_once(':') {
            (id, TemplateVersion::Tag(tag.to_owned()))
        } else {
            (rest, TemplateVersion::Any)
        };
        let whole = match &version {
            TemplateVersion::Any => true,
            TemplateVersion::Tag(tag) => !tag.is_empty(),
            TemplateVersion::Digest(digest) => {
                !digest.is_empty() && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
        };
        if id.is_empty() || !whole {
            return Err(format!("{text:?} names no template: a part of it is empty"));
        }
        Ok(Self {
            id: id.to_owned(),
            version,
        })
    }

    /// The template that a templated pipeline names. Errors: it names none.
    pub fn of_pipeline(document: &Map) -> Result<Self, Problem> {
        let place = Pointer::root().key("template");
        let reference = match document.get("template") {
            Some(Value::Object(template)) => template.get("reference").and_then(Value::as_str),
            // The form of the first schema, which some tools still write.
            Some(Value::String(reference)) => Some(reference.as_str()),
            _ => None,
        };
        let Some(reference) = reference else {
            return Err(wrong(
                place,
                "reference",
                format!(
                    "a templated pipeline names its template: {{\"template\": {{\"reference\": \"{SCHEME}ID:TAG\"}}}}"
                ),
            ));
        };
        Self::parse(reference)
            .map_err(|message| wrong(place.key("reference"), "reference", message))
    }
}

impl fmt::Display for TemplateReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            TemplateVersion::Any => write!(f, "{SCHEME}{}", self.id),
            TemplateVersion::Tag(tag) => write!(f, "{SCHEME}{}:{tag}", self.id),
            TemplateVersion::Digest(digest) => write!(f, "{SCHEME}{}@sha256:{digest}", self.id),
        }
    }
}

/// Whether a document is a pipeline that is made of a template of the second schema.
pub fn is_templated(document: &Map) -> bool {
    let says = |key: &str, value: &str| document.get(key).and_then(Value::as_str) == Some(value);
    says("type", "templatedPipeline") && says("schema", "v2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_they_are_written() {
        for text in [
            "spinnaker://web",
            "spinnaker://web:stable",
            "spinnaker://web@sha256:0a1b",
        ] {
            let reference = TemplateReference::parse(text).unwrap();
            assert_eq!(
                (reference.id.as_str(), reference.to_string().as_str()),
                ("web", text)
            );
        }
        for text in [
            "",
            "web",
            "http://web",
            "spinnaker://",
            "spinnaker://:stable",
            "spinnaker://web:",
            "spinnaker://web@sha256:",
            "spinnaker://web@sha256:xyz",
        ] {
            assert!(TemplateReference::parse(text).is_err(), "{text}");
        }
    }
}
