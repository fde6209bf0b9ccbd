//! The content of artifacts: what `deployManifest`, `bakeManifest` and the API read when a pipeline refers to a file.
//!
//! [`ArtifactFetcher`] is what its users hold; [`Artifacts`] fetches through the one outbound client, with the accounts of the
//! configuration. One file for each kind of artifact.
//!
//! Invariants:
//! - The credentials of an account go to the server of that account, and to the service from which this server itself wants a
//!   token to be got, and to no other, whatever an artifact's reference says.
//! - No credential appears in an error, in `Debug` output or in a list of accounts.
//! - An artifact has at most as many bytes as the configuration allows, before and after it is decoded.

mod account;
mod credentials;
mod error;
mod fetcher;
mod kinds;
mod place;

pub use account::{AccountKind, AccountProblem, ArtifactAccount};
pub use credentials::Sealed;
pub use error::FetchError;
pub use fetcher::{ArtifactFetcher, ArtifactOptions, Artifacts, Credential, Fetching};
pub use spindrift_outbound::Bytes;
