//! `webhook`: calls a URL, and may wait until what it began there is done. Preconfigured webhooks are stage types of their own,
//! whose fields an operator has set.
//!
//! Context: `url`, `method` (`POST`), `payload`, `customHeaders`, `failFastStatusCodes` (504), `webhookRetryStatusCodes`,
//! `waitForCompletion`, `statusUrlResolution` (`getMethod`, `locationHeader`, `webhookResponse` with `statusUrlJsonPath`),
//! `statusEndpoint`, `statusJsonPath`, `progressJsonPath`, `successStatuses`, `canceledStatuses`, `terminalStatuses`,
//! `retryStatusCodes`, `retries {code: {maxAttempts}}`, `waitBeforeMonitor`, `monitorOnly`, `cancelEndpoint`, `cancelMethod`
//! (`POST`), `cancelPayload`, `expectedArtifacts`. The tasks note `webhook`, `statusEndpoint` and `artifacts`.
//!
//! Invariants:
//! - Every request carries an `Idempotency-Key` that is the same when it is repeated after a crash.
//! - Headers that an operator calls sensitive are added while sending: they are in no context, and go to no host but the one
//!   that the operator's own URL names.
//! - Messages name the host at most: paths and queries may carry secrets.

mod answer;
mod cancel;
mod create;
mod json_path;
mod line;
mod monitor;
mod preset;
mod retry;
mod stage;
mod status_name;
mod status_url;

pub(crate) use line::Line;
pub use line::{Roles, WebhookSettings};
pub use preset::{PreconfiguredWebhook, WebhookParameter};
pub(crate) use stage::Webhook;
