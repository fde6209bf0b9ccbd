//! Sending: judge, wait for a slot, dial what was judged, read within limits, and again for each redirect.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;

use crate::body;
use crate::error::{Error, Part, Phase, SetupError};
use crate::guard::{Guard, Trust};
use crate::headers;
use crate::lanes::Lanes;
use crate::message::{Request, Response};
use crate::policy::Policy;
use crate::redirect::Hop;
use crate::resolver::{Resolver, SystemResolver};
use crate::slots::Slots;
use crate::target::Target;

/// The HTTP client. Clones share connections and limits.
#[derive(Debug, Clone)]
pub struct Outbound {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    policy: Policy,
    user_agent: HeaderValue,
    guard: Arc<Guard>,
    lanes: Lanes,
    slots: Slots,
}

impl Outbound {
    /// A client that asks the resolver of the system. Reads the certificates of the system and of the policy.
    pub fn new(policy: Policy) -> Result<Outbound, SetupError> {
        Outbound::with_resolver(policy, Arc::new(SystemResolver))
    }

    /// A client that asks `resolver`.
    pub fn with_resolver(
        policy: Policy,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Outbound, SetupError> {
        policy.validate()?;
        let user_agent =
            HeaderValue::try_from(&policy.user_agent).map_err(|_| SetupError::Client {
                reason: "outbound.user_agent contains characters that cannot be sent".to_owned(),
            })?;
        let guard = Arc::new(Guard::new(&policy));
        let lanes = Lanes::new(&policy, &guard, &resolver)?;
        let slots = Slots::new(policy.max_concurrent, policy.max_concurrent_per_host);
        Ok(Outbound {
            shared: Arc::new(Shared {
                policy,
                user_agent,
                guard,
                lanes,
                slots,
            }),
        })
    }

    /// The policy this client obeys.
    pub fn policy(&self) -> &Policy {
        &self.shared.policy
    }

    /// Judges a URL without sending anything: its form and its host, not yet what the name leads to.
    ///
    /// For validation while a person edits; [`Outbound::send`] judges again.
    pub fn check(&self, url: &str) -> Result<(), Error> {
        let target = Target::parse(url).map_err(|reason| Error::InvalidUrl { reason })?;
        self.shared.guard.admit(&target).map(|_| ())
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let policy = &self.shared.policy;
        let default = Duration::from_millis(policy.timeout_ms);
        let after = request
            .timeout
            .unwrap_or(default)
            .min(Duration::from_millis(policy.max_timeout_ms));
        let limit = request
            .max_response_bytes
            .unwrap_or(u64::MAX)
            .min(policy.max_response_bytes);
        let follow = request.follow_redirects;
        let hop = self.shared.first_hop(request)?;
        let host = hop.target.authority();
        let progress = Progress::default();
        match tokio::time::timeout(after, self.shared.exchange(hop, follow, limit, &progress)).await
        {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout {
                host,
                phase: progress.phase(),
                after,
            }),
        }
    }
}

impl Shared {
    fn first_hop(&self, request: Request) -> Result<Hop, Error> {
        if matches!(request.method, Method::CONNECT | Method::TRACE) {
            return Err(Error::InvalidRequest {
                reason: format!("the method {} is not supported", request.method),
            });
        }
        let target = Target::parse(&request.url).map_err(|reason| Error::InvalidUrl { reason })?;
        let headers = headers::outgoing(&request.headers, &self.user_agent)?;
        Ok(Hop {
            method: request.method,
            target,
            headers,
            body: request.body,
        })
    }

    async fn exchange(
        &self,
        mut hop: Hop,
        follow: bool,
        limit: u64,
        progress: &Progress,
    ) -> Result<Response, Error> {
        let mut redirects = 0;
        let mut from: Option<String> = None;
        loop {
            let host = hop.target.authority();
            let step = self.step(&hop, &host, follow, limit, progress).await;
            match (step, from) {
                (Ok(Step::Done(response)), _) => return Ok(response),
                (Ok(Step::Next(_)), _) if redirects == self.policy.max_redirects => {
                    return Err(Error::TooManyRedirects {
                        host,
                        limit: redirects,
                    });
                }
                (Ok(Step::Next(next)), _) => hop = *next,
                (Err(error), None) => return Err(error),
                (Err(error), Some(from)) => return Err(error.after(from)),
            }
            redirects += 1;
            from = Some(host);
        }
    }

    /// One request of a chain. It gives its slot back before the next one asks for another.
    async fn step(
        &self,
        hop: &Hop,
        host: &str,
        follow: bool,
        limit: u64,
        progress: &Progress,
    ) -> Result<Step, Error> {
        let trust = self.guard.admit(&hop.target)?;
        let _slot = self.slots.take(host).await;
        progress.enter(Phase::Answer);
        let answer = self.ask(hop, trust, host).await?;
        let next = match follow {
            true => hop.next(
                answer.status(),
                answer.headers(),
                self.policy.allow_downgrade,
            )?,
            false => None,
        };
        if let Some(next) = next {
            return Ok(Step::Next(Box::new(next)));
        }
        progress.enter(Phase::Body);
        self.read(answer, host, limit).await.map(Step::Done)
    }

    async fn ask(&self, hop: &Hop, trust: Trust, host: &str) -> Result<reqwest::Response, Error> {
        let client = self
            .lanes
            .client(trust, self.guard.is_unverified(&hop.target));
        let request = client
            .request(hop.method.clone(), hop.target.url.clone())
            .headers(hop.headers.clone());
        let request = match &hop.body {
            Some(body) => request.body(body.clone()),
            None => request,
        };
        let answer = request
            .send()
            .await
            .map_err(|error| failure(&error, host, Some(&self.policy)))?;
        self.confirm(&answer, trust, host)?;
        Ok(answer)
    }

    /// The resolver let only judged addresses through; this holds even if the connector one day dials something else.
    fn confirm(&self, answer: &reqwest::Response, trust: Trust, host: &str) -> Result<(), Error> {
        match (trust, answer.remote_addr()) {
            (Trust::Checked | Trust::Named, Some(peer)) => self
                .guard
                .judge(peer.ip(), trust)
                .map_err(|rule| Error::Refused {
                    host: host.to_owned(),
                    address: Some(peer.ip()),
                    rule,
                }),
            (Trust::Literal, _) | (_, None) => Ok(()),
        }
    }

    async fn read(
        &self,
        answer: reqwest::Response,
        host: &str,
        limit: u64,
    ) -> Result<Response, Error> {
        let (count, bytes) = (
            self.policy.max_response_headers,
            self.policy.max_response_header_bytes,
        );
        let mut headers = headers::incoming(answer.headers(), host, count, bytes)?;
        let status = answer.status().as_u16();
        let final_url = answer.url().to_string();
        let body = body::read(answer, host, limit, &mut headers).await?;
        Ok(Response {
            status,
            headers,
            body,
            final_url,
        })
    }
}

/// What follows from an answer.
enum Step {
    Done(Response),
    Next(Box<Hop>),
}

/// Which phase a request is in, to be asked after it was abandoned.
///
/// It starts in the queue and never returns there: once a server has seen the request, waiting before a later hop counts as waiting
/// for the answer.
#[derive(Default)]
struct Progress(AtomicU8);

impl Progress {
    fn enter(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        let reached = self.0.load(Ordering::Relaxed);
        let phases = [Phase::Queue, Phase::Connect, Phase::Answer, Phase::Body];
        phases
            .into_iter()
            .find(|phase| *phase as u8 == reached)
            .unwrap_or(Phase::Answer)
    }
}

/// Says in our terms what reqwest reports. Its own text is not used, because it contains the URL; its causes do not.
pub(crate) fn failure(error: &reqwest::Error, host: &str, policy: Option<&Policy>) -> Error {
    let host = host.to_owned();
    if let Some(ours) = causes(error).find_map(|cause| cause.downcast_ref::<Error>()) {
        return ours.clone();
    }
    let too_large = causes(error)
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .any(hyper::Error::is_parse_too_large);
    if let (true, Some(policy)) = (too_large, policy) {
        let (count, bytes) = (
            policy.max_response_headers,
            policy.max_response_header_bytes,
        );
        return Error::TooLarge {
            host,
            part: Part::Headers { count, bytes },
        };
    }
    if let (true, Some(policy)) = (error.is_timeout(), policy) {
        let after = Duration::from_millis(policy.connect_timeout_ms);
        return Error::Timeout {
            host,
            phase: Phase::Connect,
            after,
        };
    }
    let last = causes(error).last();
    let reason = last.map_or_else(|| "no cause is known".to_owned(), ToString::to_string);
    if error.is_connect() {
        return Error::Connect { host, reason };
    }
    if error.is_builder() {
        return Error::InvalidUrl { reason };
    }
    Error::Disconnected { host, reason }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| {
        (*cause).source()
    })
}
