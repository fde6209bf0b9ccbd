//! The name of an object: `deployment web` in the namespace `prod`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kind::Kind;
use crate::error::CloudError;

/// An object of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty for objects of the whole cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectId {
    /// Reads a full resource name of the form `<kind> <name>` (Clouddriver's `KubernetesCoordinates`).
    pub fn parse(full_name: &str, namespace: &str) -> Result<Self, CloudError> {
        let mut parts = full_name.split(' ');
        let (kind, name) = match (parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(name), None) if !name.is_empty() => (kind, name),
            _ => {
                return Err(CloudError::invalid(format!(
                    "Expected a full resource name of the form <kind> <name>, found {full_name:?}"
                )));
            }
        };
        let kind = Kind::parse(kind).map_err(|error| CloudError::invalid(error.to_string()))?;
        Ok(Self {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The name of an object as the API server shows it; `None` when it has no kind or name.
    pub fn of(object: &Value) -> Option<Self> {
        let kind = object.get("kind")?.as_str()?;
        let api_version = object
            .get("apiVersion")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let metadata = object.get("metadata")?;
        let text = |key: &str| metadata.get(key).and_then(Value::as_str);
        Some(Self {
            kind: Kind::of(kind, api_version),
            namespace: text("namespace").unwrap_or_default().to_owned(),
            name: text("name")?.to_owned(),
        })
    }
}

/// The full name, without the namespace.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}
