//! The one HTTP client, with an address policy.
