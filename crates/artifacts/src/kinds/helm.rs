//! Charts of a Helm repository: its `index.yaml` says where each version of a chart is.

use std::collections::BTreeMap;

use bytes::Bytes;
use semver::Version;
use serde::Deserialize;
use spindrift_model::Artifact;
use url::Url;

use super::incomplete;
use crate::error::FetchError;
use crate::place::{Line, host_of};

/// What of an index is read.
#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    entries: BTreeMap<String, Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    version: String,
    #[serde(default)]
    urls: Vec<String>,
}

/// Gets the archive of a chart: the version that the artifact names, else the newest that is no pre-release.
pub(super) async fn fetch(line: &Line<'_>, artifact: &Artifact) -> Result<Bytes, FetchError> {
    let name = artifact.name.as_deref().unwrap_or_default().trim();
    if name.is_empty() {
        return Err(incomplete(artifact, "it needs a name: that of the chart"));
    }
    let Some(base) = &line.account.base else {
        return Err(FetchError::Account {
            account: line.account.name.clone(),
            reason: "it needs a url: the address of the repository".to_owned(),
        });
    };
    let repository = as_directory(base);
    let unreadable = |reason: String| FetchError::Unreadable {
        place: format!("the index of {}", host_of(base)),
        reason,
    };
    let index = join(&repository, "index.yaml").map_err(unreadable)?;
    let index = line.get(&index, &[]).await?;
    let index: Index =
        serde_saphyr::from_slice(&index.body).map_err(|error| unreadable(error.to_string()))?;
    let entries = index.entries.get(name);
    let entries =
        entries.ok_or_else(|| incomplete(artifact, "its repository has no such chart"))?;
    let wanted = artifact.version.as_deref().unwrap_or_default();
    let entry = choose(entries, wanted).ok_or_else(|| {
        incomplete(
            artifact,
            format!("its repository has no version {wanted:?} of that chart"),
        )
    })?;
    let Some(url) = entry.urls.first() else {
        return Err(unreadable(format!(
            "{name} {} has no address",
            entry.version
        )));
    };
    let url = join(&repository, url).map_err(unreadable)?;
    let response = match line.check(&url) {
        Ok(()) => line.get(&url, &[]).await?,
        // A chart may lie elsewhere; the account's credentials do not go there.
        Err(_) => line.get_openly(&url, &[]).await?,
    };
    Ok(response.body)
}

/// An address below which relative ones are.
fn as_directory(base: &Url) -> Url {
    let mut directory = base.clone();
    if !directory.path().ends_with('/') {
        directory.set_path(&format!("{}/", base.path()));
    }
    directory
}

fn join(base: &Url, reference: &str) -> Result<Url, String> {
    let joined = base.join(reference).map_err(|error| error.to_string())?;
    match joined.scheme() {
        "http" | "https" => Ok(joined),
        other => Err(format!(
            "a chart lies under {other}:, which cannot be fetched"
        )),
    }
}

fn choose<'e>(entries: &'e [Entry], wanted: &str) -> Option<&'e Entry> {
    let plain = |version: &str| version.trim().trim_start_matches('v').to_owned();
    if !wanted.trim().is_empty() {
        return entries
            .iter()
            .find(|entry| plain(&entry.version) == plain(wanted));
    }
    let numbered = entries.iter().filter_map(|entry| {
        let version = Version::parse(&plain(&entry.version)).ok()?;
        Some((version, entry))
    });
    let newest = numbered.max_by(|(one, _), (other, _)| {
        let rank = |version: &Version| (version.pre.is_empty(), version.clone());
        rank(one).cmp(&rank(other))
    });
    newest.map(|(_, entry)| entry).or_else(|| entries.first())
}
