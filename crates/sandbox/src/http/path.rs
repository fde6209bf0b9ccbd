//! Kubernetes paths and verbs.

use axum::http::Method;

/// What a path points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Health,
    Version,
    Api,
    Apis,
    Group(String),
    GroupVersion(String, String),
    OpenApiV2,
    /// The index, or the document of one group version such as `apis/apps/v1`.
    OpenApiV3(Option<String>),
    Object(Info),
    Unknown,
}

/// A collection, an object or a subresource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Info {
    pub group: String,
    pub version: String,
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub subresource: String,
}

impl Info {
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.resource.clone()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
    Other,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Other => "other",
        }
    }
}

pub(crate) fn verb(method: &Method, target: &Target, watch: bool) -> Verb {
    let named = match target {
        Target::Object(info) => !info.name.is_empty(),
        _ => true,
    };
    match *method {
        Method::GET | Method::HEAD
            if watch && matches!(target, Target::Object(info) if info.subresource.is_empty()) =>
        {
            Verb::Watch
        }
        Method::GET | Method::HEAD if named => Verb::Get,
        Method::GET | Method::HEAD => Verb::List,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE if named => Verb::Delete,
        Method::DELETE => Verb::DeleteCollection,
        _ => Verb::Other,
    }
}

pub(crate) fn parse(path: &str) -> Target {
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(unescape)
        .collect();
    let words: Vec<&str> = parts.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["version"] => Target::Version,
        ["healthz" | "livez" | "readyz", ..] => Target::Health,
        ["api"] => Target::Api,
        ["apis"] => Target::Apis,
        ["openapi", "v2"] => Target::OpenApiV2,
        ["openapi", "v3"] => Target::OpenApiV3(None),
        ["openapi", "v3", rest @ ..] => Target::OpenApiV3(Some(rest.join("/"))),
        ["api", version] => Target::GroupVersion(String::new(), (*version).to_owned()),
        ["apis", group] => Target::Group((*group).to_owned()),
        ["apis", group, version] => {
            Target::GroupVersion((*group).to_owned(), (*version).to_owned())
        }
        ["api", version, rest @ ..] => object("", version, rest),
        ["apis", group, version, rest @ ..] => object(group, version, rest),
        _ => Target::Unknown,
    }
}

fn object(group: &str, version: &str, rest: &[&str]) -> Target {
    let mut info = Info {
        group: group.to_owned(),
        version: version.to_owned(),
        ..Info::default()
    };
    let rest = match rest {
        ["namespaces", namespace, tail @ ..]
            if !tail.is_empty() && !matches!(tail, ["status" | "finalize"]) =>
        {
            (*namespace).clone_into(&mut info.namespace);
            tail
        }
        other => other,
    };
    let (resource, name, subresource) = match rest {
        [resource] => (*resource, "", ""),
        [resource, name] => (*resource, *name, ""),
        [resource, name, subresource] => (*resource, *name, *subresource),
        _ => return Target::Unknown,
    };
    resource.clone_into(&mut info.resource);
    name.clone_into(&mut info.name);
    subresource.clone_into(&mut info.subresource);
    Target::Object(info)
}

/// Percent-decoding; what is not an escape stays as it is.
fn unescape(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escape = bytes
            .get(index + 1..index + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(byte) if bytes[index] == b'%' => {
                out.push(byte);
                index += 3;
            }
            _ => {
                out.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_an_api_server_reads_them() {
        let info = |path: &str| match parse(path) {
            Target::Object(info) => [
                info.qualified(),
                info.version,
                info.namespace,
                info.name,
                info.subresource,
            ]
            .join("|"),
            other => format!("{other:?}"),
        };
        for (path, expected) in [
            ("/api/v1/namespaces", "namespaces|v1|||"),
            ("/api/v1/namespaces/a", "namespaces|v1||a|"),
            ("/api/v1/namespaces/a/status", "namespaces|v1||a|status"),
            ("/api/v1/namespaces/a/pods", "pods|v1|a||"),
            ("/api/v1/namespaces/a/pods/p/log", "pods|v1|a|p|log"),
            ("/apis/apps/v1/deployments", "deployments.apps|v1|||"),
            (
                "/apis/apps/v1/namespaces/a/deployments/d/scale",
                "deployments.apps|v1|a|d|scale",
            ),
            (
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax",
                "clusterroles.rbac.authorization.k8s.io|v1||system:x|",
            ),
            ("/apis/apps/v1", "GroupVersion(\"apps\", \"v1\")"),
            ("/api/", "Api"),
            ("/favicon.ico", "Unknown"),
        ] {
            assert_eq!(info(path), expected, "{path}");
        }
    }
}
