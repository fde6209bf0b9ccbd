//! The names of versions: `web-v003`, and what comes after it.
//!
//! Numbers only grow: a gap is never filled, and there is no last number after which they start again.

use std::collections::BTreeSet;

use crate::moniker::split_version_loosely;

/// The number of a version such as `v003`; anything else has none.
pub fn version_number(version: &str) -> Option<u64> {
    let digits = version.strip_prefix('v')?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// The version of that number, such as `v003`.
pub fn version(number: u64) -> String {
    format!("v{number:03}")
}

/// The number after the highest of those versions; what is no version is passed over.
pub fn next_number<'a>(versions: impl IntoIterator<Item = &'a str>) -> u64 {
    let highest = versions.into_iter().filter_map(version_number).max();
    highest.map_or(0, |number| number.saturating_add(1))
}

/// The name of that version of an object, such as `web-v003`.
pub fn versioned(name: &str, number: u64) -> String {
    format!("{name}-{}", version(number))
}

/// A name without its version: `web` for `web-v003`, and `web` for `web`.
pub fn unversioned(name: &str) -> &str {
    split_version_loosely(name).0
}

/// The name of the next version after those there are, taken from their names.
pub fn next_name(name: &str, existing: &BTreeSet<String>) -> String {
    let prefix = format!("{name}-");
    let versions = existing
        .iter()
        .filter_map(|name| name.strip_prefix(&prefix));
    versioned(name, next_number(versions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_next_version_is_one_above_the_highest() {
        let table: [(&[&str], &str); 8] = [
            (&[], "v000"),
            (&["v000", "v002"], "v003"),
            (&["v999"], "v1000"),
            (&["v12345"], "v12346"),
            (&["v0abcde", "v000"], "v001"),
            (&["v-20", "v000"], "v001"),
            (&[""], "v000"),
            (&["v98765"], "v98766"),
        ];
        for (existing, expected) in table {
            let number = next_number(existing.iter().copied());
            assert_eq!(version(number), expected, "{existing:?}");
        }
    }

    #[test]
    fn names_lose_and_gain_their_version() {
        assert_eq!(unversioned("web-v003"), "web");
        assert_eq!(unversioned("web-v03"), "web-v03");
        assert_eq!(unversioned("web"), "web");
        let existing = ["web-v001", "web-v007", "web-api-v020", "web"].map(str::to_owned);
        assert_eq!(next_name("web", &BTreeSet::from(existing)), "web-v008");
    }

    proptest! {
        #[test]
        fn a_new_version_is_above_every_other(numbers in prop::collection::vec(0u64..1_000_000, 0..8)) {
            let versions: Vec<String> = numbers.iter().copied().map(version).collect();
            let next = next_number(versions.iter().map(String::as_str));
            prop_assert!(numbers.iter().all(|number| *number < next));
            prop_assert_eq!(version_number(&version(next)), Some(next));
        }
    }
}
