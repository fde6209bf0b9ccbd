//! Checking a delivery against secrets.

use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::secrets::Secrets;
use crate::events::{Delivery, Headers};

/// What an installation accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignaturePolicy {
    /// Whether HMAC-SHA1 is accepted from senders that know nothing better (Spinnaker's own rule, and CODING's hooks).
    pub allow_sha1: bool,
}

/// How a delivery proved where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Neither a secret nor a signature.
    Open,
    /// HMAC-SHA256 over the bytes.
    Sha256,
    /// HMAC-SHA1 over the bytes.
    Sha1,
    /// The secret itself, in a header.
    Token,
}

/// Why a delivery is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The trigger has a secret, the delivery no signature.
    #[error(
        "the request is not signed, but the trigger has a secret; set the same secret at the sender"
    )]
    Missing,
    /// The delivery is signed, the trigger has no secret. Echo's rule: both or neither.
    #[error("the request is signed, but the trigger has no secret; set the sender's secret")]
    Unexpected,
    /// The header is not of the form `sha256=<64 hex digits>`.
    #[error("the signature header is malformed")]
    Malformed,
    /// It was made with another secret, or over other bytes.
    #[error("the signature does not fit the secret and the body")]
    Wrong,
    /// Only a SHA-1 signature, which is not accepted here.
    #[error(
        "the request is signed with SHA-1 only; let the sender use SHA-256, or allow SHA-1 in the configuration"
    )]
    Sha1NotAllowed,
    /// An algorithm that nobody knows.
    #[error("the signature uses an algorithm that is not known; use SHA-256")]
    UnknownAlgorithm,
}

enum Shown<'d> {
    Sha256(&'d str),
    Sha1(&'d str),
    Token(&'d str),
    Unknown,
}

/// Checks a delivery against the secrets that are valid now.
///
/// Known are `X-Hub-Signature-256`, `X-Hub-Signature` (GitHub with SHA-1, Bitbucket with SHA-256), `X-Gitea-Signature`,
/// `X-Gogs-Signature`, `X-Coding-Signature` and `X-Gitlab-Token`. When several are there, the strongest alone decides.
pub fn verify(
    delivery: &Delivery,
    secrets: &Secrets,
    policy: SignaturePolicy,
) -> Result<Proof, SignatureError> {
    let shown = strongest(&delivery.headers);
    match (shown, secrets.is_empty()) {
        (None, true) => Ok(Proof::Open),
        (None, false) => Err(SignatureError::Missing),
        // GitLab shows its token whether anybody asks or not; Echo never looked at it.
        (Some(Shown::Token(_)), true) => Ok(Proof::Open),
        (Some(_), true) => Err(SignatureError::Unexpected),
        (Some(Shown::Unknown), false) => Err(SignatureError::UnknownAlgorithm),
        (Some(Shown::Token(token)), false) => {
            let fits = any(secrets, |secret| secret.ct_eq(token.as_bytes()));
            fits.then_some(Proof::Token).ok_or(SignatureError::Wrong)
        }
        (Some(Shown::Sha256(digits)), false) => {
            let signature = unhex::<32>(digits)?;
            let fits = any(secrets, |secret| {
                sha256(secret, &delivery.body).ct_eq(&signature)
            });
            fits.then_some(Proof::Sha256).ok_or(SignatureError::Wrong)
        }
        (Some(Shown::Sha1(digits)), false) => {
            if !policy.allow_sha1 {
                return Err(SignatureError::Sha1NotAllowed);
            }
            let signature = unhex::<20>(digits)?;
            let fits = any(secrets, |secret| {
                sha1(secret, &delivery.body).ct_eq(&signature)
            });
            fits.then_some(Proof::Sha1).ok_or(SignatureError::Wrong)
        }
    }
}

fn strongest(headers: &Headers) -> Option<Shown<'_>> {
    let tagged = |name: &str, algorithm: &str| {
        let (found, digits) = headers.get(name)?.trim().split_once('=')?;
        found.eq_ignore_ascii_case(algorithm).then_some(digits)
    };
    let strong = headers
        .get("x-hub-signature-256")
        .map(|value| value.trim())
        .map(|value| value.strip_prefix("sha256=").unwrap_or(value))
        .or_else(|| tagged("x-hub-signature", "sha256"))
        .or_else(|| tagged("x-coding-signature", "sha256"))
        .or_else(|| {
            headers
                .get("x-gitea-signature")
                .filter(|value| !value.is_empty())
        })
        .or_else(|| {
            headers
                .get("x-gogs-signature")
                .filter(|value| !value.is_empty())
        });
    if let Some(digits) = strong {
        return Some(Shown::Sha256(digits));
    }
    if let Some(token) = headers.get("x-gitlab-token") {
        return Some(Shown::Token(token));
    }
    let weak = tagged("x-hub-signature", "sha1").or_else(|| tagged("x-coding-signature", "sha1"));
    if let Some(digits) = weak {
        return Some(Shown::Sha1(digits));
    }
    let other = headers
        .get("x-hub-signature")
        .or_else(|| headers.get("x-coding-signature"));
    other.map(|_| Shown::Unknown)
}

/// Whether one of the secrets fits; all of them are tried, so that the time does not tell which.
fn any(secrets: &Secrets, fits: impl Fn(&[u8]) -> Choice) -> bool {
    let none = Choice::from(0);
    secrets
        .iter()
        .fold(none, |found, secret| found | fits(secret.bytes()))
        .into()
}

fn sha256(secret: &[u8], body: &[u8]) -> [u8; 32] {
    // A key of any length is accepted: longer ones are hashed first.
    Hmac::<Sha256>::new_from_slice(secret).map_or([0; 32], |mac| {
        mac.chain_update(body).finalize().into_bytes().into()
    })
}

fn sha1(secret: &[u8], body: &[u8]) -> [u8; 20] {
    // A key of any length is accepted: longer ones are hashed first.
    Hmac::<Sha1>::new_from_slice(secret).map_or([0; 20], |mac| {
        mac.chain_update(body).finalize().into_bytes().into()
    })
}

fn unhex<const N: usize>(digits: &str) -> Result<[u8; N], SignatureError> {
    let digits = digits.as_bytes();
    if digits.len() != 2 * N {
        return Err(SignatureError::Malformed);
    }
    let value = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (value(pair[0]), value(pair[1]));
        *byte = high
            .zip(low)
            .map(|(high, low)| high << 4 | low)
            .ok_or(SignatureError::Malformed)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Secret;

    const OLD: SignaturePolicy = SignaturePolicy { allow_sha1: true };
    const NEW: SignaturePolicy = SignaturePolicy { allow_sha1: false };
    /// GitHub's documented example: the secret and the body it signs.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &str = "Hello, World!";
    const SHA256: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secrets(current: &str, previous: &str) -> Secrets {
        Secrets::new(Secret::new(current), Secret::new(previous))
    }

    fn check(
        headers: &[(&str, &str)],
        body: &str,
        secrets: &Secrets,
        policy: SignaturePolicy,
    ) -> Result<Proof, SignatureError> {
        let delivery = Delivery::new("git", "github", body)
            .with_headers(Headers::new(headers.iter().copied()));
        verify(&delivery, secrets, policy)
    }

    #[test]
    fn sha256_over_the_raw_bytes() {
        let one = secrets(SECRET, "");
        let table = [
            (SHA256.to_owned(), Ok(Proof::Sha256)),
            (SHA256.replace('e', "E"), Ok(Proof::Sha256)),
            (SHA256[..70].to_owned(), Err(SignatureError::Malformed)),
            (String::new(), Err(SignatureError::Malformed)),
            (
                SHA256.replace("757107", "857107"),
                Err(SignatureError::Wrong),
            ),
            (
                SHA256.replace("757107", "\u{fc}5710"),
                Err(SignatureError::Malformed),
            ),
        ];
        for (value, expected) in table {
            let headers = [("X-Hub-Signature-256", value.as_str())];
            assert_eq!(check(&headers, BODY, &one, NEW), expected, "{value}");
        }
        let again = check(
            &[("X-Hub-Signature-256", SHA256)],
            "Hello,  World!",
            &one,
            NEW,
        );
        assert_eq!(again, Err(SignatureError::Wrong));
        assert_eq!(
            check(&[("X-Hub-Signature", SHA256)], BODY, &one, NEW),
            Ok(Proof::Sha256)
        );
        assert_eq!(
            check(&[("X-Gitea-Signature", &SHA256[7..])], BODY, &one, NEW),
            Ok(Proof::Sha256)
        );
    }

    #[test]
    fn sha1_only_where_it_is_allowed_and_never_instead_of_sha256() {
        let header = (
            "X-Hub-Signature",
            "sha1=67af18bbedab68252b01902ac0a8d7095ca93692",
        );
        let foo = secrets("foo", "");
        assert_eq!(check(&[header], "toBeHashed", &foo, OLD), Ok(Proof::Sha1));
        assert_eq!(
            check(&[header], "toBeHashed", &foo, NEW),
            Err(SignatureError::Sha1NotAllowed)
        );
        let strong_but_wrong = ("X-Hub-Signature-256", SHA256);
        assert_eq!(
            check(&[header, strong_but_wrong], "toBeHashed", &foo, OLD),
            Err(SignatureError::Wrong)
        );
        let md5 = ("X-Hub-Signature", "md5=00");
        assert_eq!(
            check(&[md5], "toBeHashed", &foo, OLD),
            Err(SignatureError::UnknownAlgorithm)
        );
    }

    #[test]
    fn a_secret_and_a_signature_go_together() {
        let none = secrets("", "");
        assert_eq!(check(&[], BODY, &none, NEW), Ok(Proof::Open));
        assert_eq!(
            check(&[], BODY, &secrets(SECRET, ""), NEW),
            Err(SignatureError::Missing)
        );
        assert_eq!(
            check(&[("X-Hub-Signature", "sha1=foo")], BODY, &none, OLD),
            Err(SignatureError::Unexpected)
        );
    }

    #[test]
    fn during_a_rotation_two_secrets_are_valid() {
        let headers = [("X-Hub-Signature-256", SHA256)];
        assert_eq!(
            check(&headers, BODY, &secrets("new", SECRET), NEW),
            Ok(Proof::Sha256)
        );
        assert_eq!(
            check(&headers, BODY, &secrets("new", "newer"), NEW),
            Err(SignatureError::Wrong)
        );
    }

    #[test]
    fn gitlab_shows_its_token() {
        let token = |value| check(&[("X-Gitlab-Token", value)], BODY, &secrets("t", ""), NEW);
        assert_eq!(token("t"), Ok(Proof::Token));
        assert_eq!(token("tt"), Err(SignatureError::Wrong));
        assert_eq!(token(""), Err(SignatureError::Wrong));
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", secrets("hunter2", "hunter1")).contains("hunter"));
    }
}
