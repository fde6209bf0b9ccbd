//! What a registry asks for (RFC 7235, and the distribution's token authentication).

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A name and a password.
    Basic,
    /// A token of a service.
    Bearer {
        /// Where the token is made.
        realm: String,
        /// For which service.
        service: Option<String>,
        /// What it is to allow.
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads a `WWW-Authenticate` header; of several challenges the bearer token is taken.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let mut found = None;
        for (scheme, parameters) in challenges(header) {
            let value = |name: &str| {
                let same = parameters
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name));
                same.map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = value("realm")
            {
                return Some(Challenge::Bearer {
                    realm,
                    service: value("service"),
                    scope: value("scope"),
                });
            }
            if scheme.eq_ignore_ascii_case("basic") {
                found = Some(Challenge::Basic);
            }
        }
        found
    }
}

type Parameters = Vec<(String, String)>;

/// The schemes of a header with their parameters.
fn challenges(header: &str) -> Vec<(String, Parameters)> {
    let mut all: Vec<(String, Parameters)> = Vec::new();
    for part in split_outside_quotes(header) {
        let part = part.trim();
        // `Scheme name=value` begins a challenge; `name=value` goes on with it.
        let (first, rest) = part.split_once(' ').unwrap_or((part, ""));
        let parameter = match first.contains('=') {
            true => part,
            false => {
                all.push((first.to_owned(), Vec::new()));
                rest.trim()
            }
        };
        if let (Some((name, value)), Some((_, parameters))) =
            (parameter.split_once('='), all.last_mut())
        {
            let value = value.trim().trim_matches('"').replace("\\\"", "\"");
            parameters.push((name.trim().to_owned(), value));
        }
    }
    all
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut quoted) = (Vec::new(), 0, false);
    for (position, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[begin..position]);
                begin = position + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
                scope: scope.map(str::to_owned),
            })
        };
        let table = [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:a/b:pull,push"),
                ),
            ),
            (r#"bearer realm="x""#, bearer("x", None, None)),
            (r#"Basic realm="Registry Realm""#, Some(Challenge::Basic)),
            ("Basic", Some(Challenge::Basic)),
            (
                r#"Basic realm="a", Bearer realm="b", service="c""#,
                bearer("b", Some("c"), None),
            ),
            (r#"Bearer service="c""#, None),
            ("Negotiate", None),
            ("", None),
        ];
        for (header, expected) in table {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }
}
