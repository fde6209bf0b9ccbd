//! Who calls.
//!
//! With tokens configured, a caller is whom their token says, and nobody without one gets further than the health routes;
//! what they claim in `X-SPINNAKER-USER` counts for nothing. Hooks (`POST /webhooks/…`) come without a token, and then
//! without an identity: whoever handles them decides what that means. Without tokens the server is reachable from its own machine
//! only, and the header is believed.
//!
//! Tokens are kept as their SHA-256. They are long random texts, so a slow hash would protect nothing that this one does
//! not; they are compared in constant time, and with all of them.

use std::fmt;
use std::str::FromStr;

use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use spindrift_engine::Caller;
use spindrift_model::Millis;
use subtle::{Choice, ConstantTimeEq};

use crate::problem::HttpProblem;
use crate::state::ApiState;

const USER: HeaderName = HeaderName::from_static("x-spinnaker-user");
const TOKEN: HeaderName = HeaderName::from_static("x-spinnaker-token");

/// The caller's name while there are no tokens and they give none.
const ANONYMOUS: &str = "anonymous";

/// The longest name that is believed.
const MAX_USER: usize = 256;

/// These answer anybody: a load balancer has no token.
const OPEN: [&str; 2] = ["/health", "/ready"];

/// The SHA-256 of a token: all that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

/// A text is not the hash of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash of a token is \"sha256:\" and 64 hexadecimal digits")]
pub struct InvalidHash;

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl FromStr for TokenHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let digits = text.strip_prefix("sha256:").ok_or(InvalidHash)?;
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidHash);
        }
        let mut hash = [0; 32];
        for (position, byte) in hash.iter_mut().enumerate() {
            let pair = &digits[2 * position..2 * position + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidHash)?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A token, and who has it.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// What is kept of the token.
    pub hash: TokenHash,
    /// Whose it is.
    pub user: String,
    /// Their roles.
    pub roles: Vec<String>,
    /// Whether every role counts as theirs.
    pub admin: bool,
    /// The cloud accounts they may use.
    pub allowed_accounts: Vec<String>,
    /// From then on it is not accepted any more.
    pub expires_at: Option<Millis>,
}

impl ApiToken {
    fn caller(&self) -> Caller {
        Caller {
            user: self.user.clone(),
            roles: self.roles.clone(),
            admin: self.admin,
            allowed_accounts: self.allowed_accounts.clone(),
        }
    }
}

/// Who calls, as the handlers see it.
#[derive(Debug, Clone)]
pub(crate) struct Identity(pub(crate) Caller);

impl Identity {
    pub(crate) fn user(&self) -> &str {
        &self.0.user
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = HttpProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HttpProblem> {
        let identity = parts.extensions.get::<Identity>().cloned();
        identity.ok_or_else(|| HttpProblem::unauthorized("this request has no identity"))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Identity {
    type Rejection = HttpProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, HttpProblem> {
        Ok(parts.extensions.get::<Identity>().cloned())
    }
}

/// Whether a request is a hook: its sender has no token of ours, and may have one of another kind.
fn is_hook(request: &Request) -> bool {
    request.method() == Method::POST && request.uri().path().starts_with("/webhooks/")
}

/// Finds out who calls, or turns them away.
pub(crate) async fn identify(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    match caller(&state, request.headers()) {
        Ok(caller) => {
            tracing::Span::current().record("user", caller.user.as_str());
            request.extensions_mut().insert(Identity(caller));
            next.run(request).await
        }
        Err(_) if is_hook(&request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn caller(state: &ApiState, headers: &HeaderMap) -> Result<Caller, HttpProblem> {
    let options = state.options();
    if options.tokens.is_empty() {
        return Ok(Caller {
            roles: options.local_roles.clone(),
            ..Caller::named(claimed_user(headers)?)
        });
    }
    let token = presented(headers)?;
    match find(&options.tokens, token) {
        Some(found)
            if found
                .expires_at
                .is_some_and(|end| state.engine().clock().now() >= end) =>
        {
            Err(HttpProblem::unauthorized(
                "this token has expired; ask for a new one",
            ))
        }
        Some(found) => Ok(found.caller()),
        None => Err(HttpProblem::unauthorized("this token is not known here")),
    }
}

fn claimed_user(headers: &HeaderMap) -> Result<&str, HttpProblem> {
    let Some(value) = headers.get(USER) else {
        return Ok(ANONYMOUS);
    };
    match value.to_str().map(str::trim) {
        Ok("") => Ok(ANONYMOUS),
        Ok(user) if user.len() <= MAX_USER => Ok(user),
        _ => Err(HttpProblem::bad_request(format!(
            "X-SPINNAKER-USER is a name of at most {MAX_USER} printable ASCII characters"
        ))),
    }
}

/// The one token of a request; two different ones are none.
fn presented(headers: &HeaderMap) -> Result<&str, HttpProblem> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter();
    let bearer = bearer.map(|value| value.to_str().ok().and_then(after_bearer));
    let direct = headers.get_all(TOKEN).iter();
    let mut found = bearer.chain(direct.map(|value| value.to_str().ok()));
    match (found.next(), found.next()) {
        (Some(Some(token)), None) => Ok(token.trim()),
        (None, _) => Err(HttpProblem::unauthorized(
            "this server asks for a token; send it as \"Authorization: Bearer <token>\"",
        )),
        (Some(_), _) => Err(HttpProblem::unauthorized(
            "send exactly one token, as \"Authorization: Bearer <token>\"",
        )),
    }
}

fn after_bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn find<'t>(tokens: &'t [ApiToken], presented: &str) -> Option<&'t ApiToken> {
    let hash = TokenHash::of(presented);
    let mut found = None;
    for token in tokens {
        let same: Choice = token.hash.0.ct_eq(&hash.0);
        if same.into() {
            found = Some(token);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_what_it_wrote() {
        let hash = TokenHash::of("secret");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(
            hash.to_string(),
            "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
        );
        for text in [
            "",
            "secret",
            "sha256:12",
            &format!("sha256:{}", "g".repeat(64)),
        ] {
            assert_eq!(text.parse::<TokenHash>(), Err(InvalidHash), "{text}");
        }
        let accented = format!("sha256:{}", "é".repeat(32));
        assert_eq!(accented.parse::<TokenHash>(), Err(InvalidHash));
    }

    #[test]
    fn exactly_one_token_counts() {
        type Headers<'h> = &'h [(&'h HeaderName, &'h str)];
        let table: [(Headers<'_>, Option<&str>); 8] = [
            (&[(&header::AUTHORIZATION, "Bearer abc")], Some("abc")),
            (&[(&header::AUTHORIZATION, "bearer  abc ")], Some("abc")),
            (&[(&TOKEN, "abc")], Some("abc")),
            (&[], None),
            (&[(&header::AUTHORIZATION, "Basic abc")], None),
            (&[(&header::AUTHORIZATION, "Bearer")], None),
            (
                &[
                    (&header::AUTHORIZATION, "Bearer a"),
                    (&header::AUTHORIZATION, "Bearer b"),
                ],
                None,
            ),
            (&[(&header::AUTHORIZATION, "Bearer a"), (&TOKEN, "a")], None),
        ];
        for (given, expected) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(presented(&headers).ok(), expected, "{given:?}");
        }
    }
}
