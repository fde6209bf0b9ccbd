//! What an OCI registry keeps as one layer: charts, mostly.
//!
//! The reference is `registry/repository:tag` or `registry/repository@sha256:digest`, with or without `oci://`. A registry that
//! asks for a token names the service that gives one, as the distribution specification has it.

use std::fmt::Write as _;

use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use spindrift_model::Artifact;
use spindrift_outbound::Response;
use url::Url;

use super::{incomplete, reference};
use crate::account::Login;
use crate::error::FetchError;
use crate::place::{Line, address, authorization_of, host_of};

const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
}

/// Where in which registry.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    registry: Option<String>,
    repository: String,
    version: String,
}

impl Place {
    fn parse(reference: &str, version: Option<&str>) -> Result<Self, &'static str> {
        let rest = reference.trim();
        let rest = rest.strip_prefix("oci://").unwrap_or(rest);
        let (name, own) = match rest.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            // A colon before the last slash is that of a port.
            None => match rest.rsplit_once(':') {
                Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
                _ => (rest, None),
            },
        };
        let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
        let (registry, repository) = match name.split_once('/') {
            Some((host, repository)) if is_host(host) => (Some(host.to_owned()), repository),
            _ => (None, name),
        };
        let version = own.or(version).filter(|version| !version.is_empty());
        let safe = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        if repository.is_empty() || !repository.chars().all(safe) || repository.contains("..") {
            return Err("its reference names no repository of a registry");
        }
        let version = version.ok_or("it needs a version: a tag or a digest")?;
        let safe = |c: char| c.is_ascii_alphanumeric() || "._-:+".contains(c);
        if !version.chars().all(safe) {
            return Err("its version is neither a tag nor a digest");
        }
        Ok(Self {
            registry,
            repository: repository.to_owned(),
            // A tag has no '+'; Helm writes '_' instead.
            version: version.replace('+', "_"),
        })
    }
}

/// Gets the layer.
pub(super) async fn fetch(line: &Line<'_>, artifact: &Artifact) -> Result<Bytes, FetchError> {
    let written = match &artifact.reference {
        Some(_) => reference(artifact)?,
        None => artifact.name.as_deref().unwrap_or_default(),
    };
    let place = Place::parse(written, artifact.version.as_deref())
        .map_err(|reason| incomplete(artifact, reason))?;
    let base = registry(line, artifact, place.registry.as_deref())?;
    let mut session = Session {
        line,
        repository: place.repository.clone(),
        authorization: None,
    };
    let unreadable = |reason: &str| FetchError::Unreadable {
        place: host_of(&base),
        reason: reason.to_owned(),
    };
    let path = |kind: &str, what: &str| {
        base.join(&format!("/v2/{}/{kind}/{what}", place.repository))
            .map_err(|error| unreadable(&error.to_string()))
    };
    let manifest = session
        .get(&path("manifests", &place.version)?, MANIFESTS)
        .await?;
    let manifest: Manifest = manifest
        .json()
        .map_err(|error| unreadable(&format!("the manifest cannot be read: {error}")))?;
    let layer = choose(&manifest.layers).ok_or_else(|| {
        unreadable("the manifest has no single layer that holds a file, as that of a chart does")
    })?;
    if layer.size > line.max_bytes {
        return Err(FetchError::TooLarge(line.max_bytes));
    }
    let blob = session.get(&path("blobs", &layer.digest)?, "*/*").await?;
    if digest_of(&blob.body) != layer.digest {
        return Err(unreadable("the content is not what its digest says"));
    }
    Ok(blob.body)
}

/// The chart among the layers, else the only one.
fn choose(layers: &[Layer]) -> Option<&Layer> {
    let chart = layers.iter().find(|layer| {
        layer
            .media_type
            .starts_with("application/vnd.cncf.helm.chart.content.")
    });
    match (chart, layers) {
        (Some(chart), _) => Some(chart),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

fn digest_of(content: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(content) {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The address of the registry: the one that the reference names must be the account's.
fn registry(line: &Line<'_>, artifact: &Artifact, named: Option<&str>) -> Result<Url, FetchError> {
    let scheme = line.account.base.as_ref().map_or("https", Url::scheme);
    match (named, &line.account.base) {
        (None, Some(base)) => Ok(base.clone()),
        (None, None) => Err(incomplete(artifact, "its reference names no registry")),
        (Some(host), _) => {
            let url = address(&format!("{scheme}://{host}/v2/"));
            let url = url.map_err(|reason| incomplete(artifact, reason))?;
            match &line.account.base {
                Some(base) if base.origin() != url.origin() => Err(FetchError::Elsewhere {
                    account: line.account.name.clone(),
                    host: host_of(&url),
                    expected: base.to_string(),
                }),
                _ => Ok(url),
            }
        }
    }
}

/// Requests to one repository.
struct Session<'s, 'l> {
    line: &'s Line<'l>,
    repository: String,
    authorization: Option<String>,
}

impl Session<'_, '_> {
    /// Asks, and asks again with what the registry asks for.
    async fn get(&mut self, url: &Url, accept: &str) -> Result<Response, FetchError> {
        let response = self.ask(url, accept).await?;
        if response.status != 401 || self.authorization.is_some() {
            return success(url, response);
        }
        let challenge = response.header("www-authenticate").unwrap_or_default();
        self.authorization = Some(self.answer(url, challenge).await?);
        let response = self.ask(url, accept).await?;
        success(url, response)
    }

    async fn ask(&self, url: &Url, accept: &str) -> Result<Response, FetchError> {
        let mut request = self.line.request(url, &[("Accept", accept)]);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization.as_str());
        }
        self.line.try_send(request).await
    }

    /// The answer to a challenge.
    async fn answer(&self, url: &Url, challenge: &str) -> Result<String, FetchError> {
        let login = self.line.account.login().await?;
        let own = authorization_of(&login);
        let unreadable = |reason: String| FetchError::Unreadable {
            place: host_of(url),
            reason,
        };
        let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return own.ok_or_else(|| FetchError::answer(&host_of(url), 401));
        }
        if let (Login::Token(_), Some(own)) = (&login, &own) {
            return Ok(own.clone());
        }
        let realm = parameter(rest, "realm")
            .ok_or_else(|| unreadable("it asks for a token and does not say where".to_owned()))?;
        let mut realm = address(&realm).map_err(unreadable)?;
        // A password does not travel in the open to another server.
        let safe = realm.scheme() == "https" || realm.origin() == url.origin();
        if !safe && own.is_some() {
            return Err(unreadable(
                "it asks for a token where credentials are not safe".to_owned(),
            ));
        }
        let scope = parameter(rest, "scope")
            .unwrap_or_else(|| format!("repository:{}:pull", self.repository));
        realm.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = parameter(rest, "service") {
            realm.query_pairs_mut().append_pair("service", &service);
        }
        let mut request = self.line.request(&realm, &[]);
        if let Some(own) = own {
            request = request.header("Authorization", own);
        }
        let response = self.line.send(&realm, request).await?;
        let answer: serde_json::Value = response
            .json()
            .map_err(|error| unreadable(format!("its token cannot be read: {error}")))?;
        let token = answer.get("token").or_else(|| answer.get("access_token"));
        let token = token.and_then(serde_json::Value::as_str);
        let token = token.ok_or_else(|| unreadable("it gives no token".to_owned()))?;
        Ok(format!("Bearer {token}"))
    }
}

fn success(url: &Url, response: Response) -> Result<Response, FetchError> {
    if response.is_success() {
        Ok(response)
    } else {
        Err(FetchError::answer(&host_of(url), response.status))
    }
}

/// A parameter of a challenge: `name="value"`.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let mut rest = challenge;
    while let Some((key, behind)) = rest.split_once('=') {
        let key = key.trim_start_matches([',', ' ']);
        let (value, after) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => behind.split_once(',').unwrap_or((behind, "")),
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_people_write_them() {
        let place = |reference: &str| {
            Place::parse(reference, Some("1.0+a")).map(|place| {
                let registry = place.registry.unwrap_or_default();
                format!("{registry} {} {}", place.repository, place.version)
            })
        };
        let table = [
            (
                "oci://r.example/charts/web:1.2",
                Ok("r.example charts/web 1.2"),
            ),
            (
                "r.example:5000/charts/web",
                Ok("r.example:5000 charts/web 1.0_a"),
            ),
            ("r.example/web@sha256:0a", Ok("r.example web sha256:0a")),
            ("charts/web:2", Ok(" charts/web 2")),
            (
                "r.example/",
                Err("its reference names no repository of a registry"),
            ),
            (
                "r.example/../x:1",
                Err("its reference names no repository of a registry"),
            ),
            (
                "r.example/x:a b",
                Err("its version is neither a tag nor a digest"),
            ),
        ];
        for (reference, expected) in table {
            assert_eq!(
                place(reference).as_deref().map_err(|text| *text),
                expected,
                "{reference}"
            );
        }
    }

    #[test]
    fn a_challenge_has_parameters() {
        let challenge = r#"realm="https://auth.example/token",service="registry.example", scope="repository:a/b:pull,push",error=none"#;
        let found = |name: &str| parameter(challenge, name);
        assert_eq!(
            found("realm").as_deref(),
            Some("https://auth.example/token")
        );
        assert_eq!(found("Scope").as_deref(), Some("repository:a/b:pull,push"));
        assert_eq!(found("error").as_deref(), Some("none"));
        assert_eq!(found("other"), None);
    }
}
