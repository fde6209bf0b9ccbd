//! A request as it came.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::matching::HookId;

/// The header in which GitLab shows the secret itself.
const GITLAB_TOKEN: &str = "x-gitlab-token";

/// The headers of a request, in the order they came; names are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Takes names and values.
    pub fn new<N: Into<String>, V: Into<String>>(
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let pairs = headers
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self(pairs.collect())
    }

    /// The first value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a header.
    pub fn all<'h, 'n>(&'h self, name: &'n str) -> impl Iterator<Item = &'h str> + use<'h, 'n> {
        let same = move |(found, _): &&(String, String)| found.eq_ignore_ascii_case(name);
        self.0.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// The same without what proves an identity to this server or to a proxy: nothing here looks at it, and it must not be
    /// kept. Signatures and tokens of hooks stay.
    pub fn without_credentials(mut self) -> Self {
        const WORDS: [&str; 5] = ["authorization", "cookie", "token", "secret", "api-key"];
        self.0.retain(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name == GITLAB_TOKEN || !WORDS.iter().any(|word| name.contains(word))
        });
        self
    }

    /// Hides the token that GitLab sends; it is needed until the signature has been checked.
    pub(crate) fn hide_token(&mut self) {
        for (name, value) in &mut self.0 {
            if name.eq_ignore_ascii_case(GITLAB_TOKEN) {
                "[redacted]".clone_into(value);
            }
        }
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// One request to `POST /webhooks/{kind}/{source}`: what is stored before it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The first part of the route, such as `git`, `webhook` or `docker`.
    pub kind: String,
    /// The second part of the route, such as `github`.
    pub source: String,
    /// The registry account the sender speaks for, when the route names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The trigger whose own address was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookId>,
    /// The headers.
    pub headers: Headers,
    /// The body, byte by byte: signatures are about these bytes.
    #[serde(with = "base64_bytes")]
    pub body: Vec<u8>,
}

impl Delivery {
    /// A request without headers.
    pub fn new(kind: &str, source: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            kind: kind.to_owned(),
            source: source.to_owned(),
            account: None,
            hook: None,
            headers: Headers::default(),
            body: body.into(),
        }
    }

    /// The same with headers.
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }

    /// What makes a redelivery recognisable: the sender's own id of the delivery when there is one, else the content.
    ///
    /// The id alone is not trusted to name the content: another body under the same id is another delivery.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for part in [&self.kind, &self.source] {
            hash.update(part.to_ascii_lowercase());
            hash.update([0]);
        }
        if let Some(hook) = &self.hook {
            hash.update(hook.as_str());
            hash.update([0]);
        }
        hash.update(&self.body);
        hash.update([0]);
        hash.update(self.delivery_id().unwrap_or_default());
        hex(&hash.finalize())
    }

    /// The sender's own id of this delivery. A redelivery has the same one.
    pub fn delivery_id(&self) -> Option<&str> {
        const NAMES: [&str; 9] = [
            "x-github-delivery",
            "x-gitea-delivery",
            "x-gogs-delivery",
            "x-coding-delivery",
            "x-gitlab-event-uuid",
            "x-request-uuid",
            "x-request-id",
            "ce-id",
            "idempotency-key",
        ];
        NAMES.iter().find_map(|name| self.headers.get(name))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redelivery_has_the_same_fingerprint_and_another_body_has_not() {
        let with_id = |id: &str, body: &str| {
            Delivery::new("git", "github", body)
                .with_headers(Headers::new([("X-GitHub-Delivery", id)]))
        };
        let first = with_id("1", "{}").fingerprint();
        assert_eq!(first, with_id("1", "{}").fingerprint());
        assert_ne!(first, with_id("1", "{ }").fingerprint());
        assert_ne!(first, with_id("2", "{}").fingerprint());
        assert_ne!(first, Delivery::new("git", "gitea", "{}").fingerprint());
        assert_eq!(first.len(), 64);
    }

    #[test]
    fn a_delivery_comes_back_from_the_store_byte_by_byte() {
        let delivery = Delivery::new("webhook", "ci", vec![0, 255, b'{', b'"'])
            .with_headers(Headers::new([("A", "1"), ("a", "2")]));
        let text = serde_json::to_string(&delivery).unwrap();
        let read: Delivery = serde_json::from_str(&text).unwrap();
        assert_eq!(read, delivery);
        assert_eq!(read.headers.all("a").collect::<Vec<_>>(), ["1", "2"]);
    }
}
