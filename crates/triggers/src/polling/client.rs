//! The questions that a poll asks a registry.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use spindrift_outbound::{Method, Outbound, Request, Response};
use tokio::time::Instant;
use url::Url;

use super::account::RegistryAccount;
use super::challenge::Challenge;
use super::error::PollError;
use super::link::next_page;
use crate::events::hex;

/// Tags in one page; registries may give fewer.
const PAGE: usize = 1_000;

/// Pages of one repository; more tags than that are nobody's releases.
const MAX_PAGES: usize = 100;

/// When a registry that throttles does not say for how long.
const THROTTLED: Duration = Duration::from_secs(60);

/// Nobody is left alone for longer.
const LONGEST_THROTTLE: Duration = Duration::from_secs(3_600);

/// A token without a life time lives so long (distribution's rule), in seconds.
const TOKEN_LIFE: u64 = 60;

/// A token is not used in its last seconds.
const TOKEN_MARGIN: u64 = 10;

/// The manifests whose digests name images: indexes first, as the digest of a tag is that of its index.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// What stands in a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// A registry that is asked.
pub(crate) struct Registry {
    account: RegistryAccount,
    outbound: Outbound,
    /// How each repository was let in the last time.
    passes: Mutex<HashMap<String, Pass>>,
}

#[derive(Clone)]
struct Pass {
    header: String,
    until: Option<Instant>,
}

#[derive(Deserialize)]
struct TagList {
    // The distribution answers `null` for a repository without tags.
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Registry {
    pub(crate) fn new(account: RegistryAccount, outbound: Outbound) -> Self {
        Self {
            account,
            outbound,
            passes: Mutex::default(),
        }
    }

    pub(crate) fn account(&self) -> &RegistryAccount {
        &self.account
    }

    /// The tags of a repository; none when there is no such repository (yet).
    pub(crate) async fn tags(&self, repository: &str) -> Result<Vec<String>, PollError> {
        let path = utf8_percent_encode(repository, SEGMENT);
        let mut url = format!("{}/v2/{path}/tags/list?n={PAGE}", self.account.address);
        let mut tags = Vec::new();
        for _ in 0..MAX_PAGES {
            let response = self.ask(repository, Request::get(url.as_str())).await?;
            if response.status == 404 {
                return Ok(tags);
            }
            let page: TagList = success(&response)?
                .json()
                .map_err(|error| PollError::Nonsense(error.to_string()))?;
            tags.extend(page.tags.unwrap_or_default());
            let next = response
                .header("link")
                .map_or(Ok(None), |link| next_page(&url, link));
            match next.map_err(PollError::Nonsense)? {
                Some(next) => url = next,
                None => return Ok(tags),
            }
        }
        Err(PollError::Nonsense(format!(
            "the tags of {repository} have more than {MAX_PAGES} pages"
        )))
    }

    /// The digest that a tag points to; `None` when the tag has gone meanwhile.
    pub(crate) async fn digest(
        &self,
        repository: &str,
        tag: &str,
    ) -> Result<Option<String>, PollError> {
        let (path, tag) = (
            utf8_percent_encode(repository, SEGMENT),
            utf8_percent_encode(tag, SEGMENT),
        );
        let url = format!("{}/v2/{path}/manifests/{tag}", self.account.address);
        let asked = |method| Request::new(method, url.as_str()).header("Accept", MANIFESTS);
        let head = self.ask(repository, asked(Method::HEAD)).await?;
        if head.status == 404 {
            return Ok(None);
        }
        if head.is_success()
            && let Some(digest) = head.header("docker-content-digest")
        {
            return Ok(Some(digest.to_owned()));
        }
        let whole = self.ask(repository, asked(Method::GET)).await?;
        let whole = success(&whole)?;
        let named = whole.header("docker-content-digest").map(str::to_owned);
        Ok(Some(named.unwrap_or_else(|| {
            format!("sha256:{}", hex(&Sha256::digest(&whole.body)))
        })))
    }

    /// Asks, and once more with what the registry asks for in return.
    async fn ask(&self, repository: &str, request: Request) -> Result<Response, PollError> {
        let pass = self.pass(repository);
        let response = self.send(request.clone(), pass.as_ref()).await?;
        if response.status != 401 {
            return throttled(response);
        }
        let challenge = response
            .header("www-authenticate")
            .and_then(Challenge::parse)
            .ok_or_else(|| PollError::Refused {
                status: 401,
                reason: "it does not say what it asks for".to_owned(),
            })?;
        let pass = self.obtain(repository, challenge).await?;
        let response = self.send(request, Some(&pass)).await?;
        if response.status == 401 {
            self.passes().remove(repository);
            return Err(PollError::Refused {
                status: 401,
                reason: "the credentials of the account are not accepted".to_owned(),
            });
        }
        self.passes().insert(repository.to_owned(), pass);
        throttled(response)
    }

    async fn send(&self, request: Request, pass: Option<&Pass>) -> Result<Response, PollError> {
        let request = match pass {
            Some(pass) => request.header("Authorization", pass.header.as_str()),
            None => request,
        };
        Ok(self.outbound.send(request).await?)
    }

    fn passes(&self) -> std::sync::MutexGuard<'_, HashMap<String, Pass>> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, repository: &str) -> Option<Pass> {
        let pass = self.passes().get(repository).cloned();
        pass.filter(|pass| pass.until.is_none_or(|until| Instant::now() < until))
    }

    async fn obtain(&self, repository: &str, challenge: Challenge) -> Result<Pass, PollError> {
        let (realm, service, scope) = match challenge {
            Challenge::Basic => {
                let header = self.basic().ok_or_else(|| PollError::Refused {
                    status: 401,
                    reason: "it asks for a user and a password; the account has none".to_owned(),
                })?;
                return Ok(Pass {
                    header,
                    until: None,
                });
            }
            Challenge::Bearer {
                realm,
                service,
                scope,
            } => (realm, service, scope),
        };
        let nonsense = |error: url::ParseError| {
            PollError::Nonsense(format!("its token service {realm:?} is no URL: {error}"))
        };
        let mut url = Url::parse(&realm).map_err(nonsense)?;
        if self.account.address.starts_with("https://") && url.scheme() != "https" {
            return Err(PollError::Nonsense(
                "its token service is not reached by https".to_owned(),
            ));
        }
        let scope = scope.unwrap_or_else(|| format!("repository:{repository}:pull"));
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", &scope);
        }
        let request = Request::get(url.as_str());
        let request = match self.basic() {
            Some(basic) => request.header("Authorization", basic),
            None => request,
        };
        let response = throttled(self.outbound.send(request).await?)?;
        if matches!(response.status, 401 | 403) {
            return Err(PollError::Refused {
                status: response.status,
                reason: "the token service does not accept the account".to_owned(),
            });
        }
        let answer: TokenAnswer = success(&response)?
            .json()
            .map_err(|error| PollError::Nonsense(format!("no token: {error}")))?;
        let token = answer
            .token
            .or(answer.access_token)
            .ok_or_else(|| PollError::Nonsense("the token service gives no token".to_owned()))?;
        let life = answer.expires_in.unwrap_or(TOKEN_LIFE);
        let life = Duration::from_secs(life.saturating_sub(TOKEN_MARGIN));
        Ok(Pass {
            header: format!("Bearer {token}"),
            until: Instant::now().checked_add(life),
        })
    }

    fn basic(&self) -> Option<String> {
        let user = self.account.username.as_deref()?;
        let password = self.account.password.as_ref()?;
        let mut pair = format!("{user}:").into_bytes();
        pair.extend_from_slice(password.bytes());
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }
}

fn throttled(response: Response) -> Result<Response, PollError> {
    if response.status != 429 {
        return Ok(response);
    }
    let seconds = response
        .header("retry-after")
        .and_then(|value| value.trim().parse().ok());
    let pause = seconds.map_or(THROTTLED, Duration::from_secs);
    Err(PollError::Throttled(pause.min(LONGEST_THROTTLE)))
}

fn success(response: &Response) -> Result<&Response, PollError> {
    match response.status {
        200..300 => Ok(response),
        403 => Err(PollError::Refused {
            status: 403,
            reason: "the account may not read there".to_owned(),
        }),
        status => Err(PollError::Status(status)),
    }
}
