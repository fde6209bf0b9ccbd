//! Finding templates.

use std::collections::BTreeMap;

use regex::Regex;
use spindrift_engine::{Store, StoreError};
use spindrift_model::{Map, Pointer, Problem, TemplateVersion, Value};

use super::{LATEST, TEMPLATES, addressed, built_in, tagged};
use crate::error::CatalogError;
use crate::service::Catalog;

/// A template as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTemplate {
    /// `id`, `id:tag` or `id@sha256:digest`.
    pub key: String,
    /// The document, with `tag` and `digest`.
    pub document: Map,
}

/// Which version of a template somebody asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selector<'s> {
    /// The one with that tag.
    pub tag: Option<&'s str>,
    /// The one with that content.
    pub digest: Option<&'s str>,
}

impl Selector<'_> {
    pub(super) fn version(self) -> Result<TemplateVersion, CatalogError> {
        let digest = self.digest.filter(|digest| !digest.is_empty());
        let digest = digest.map(|digest| digest.trim_start_matches("sha256:"));
        match (self.tag.filter(|tag| !tag.is_empty()), digest) {
            (Some(_), Some(_)) => Err(CatalogError::from(vec![Problem::error(
                Pointer::root().key("tag"),
                "template.tag",
                "Cannot query pipeline by 'tag' and 'digest' simultaneously. Specify one of 'tag' or 'digest'.",
            )])),
            (Some(tag), None) => Ok(TemplateVersion::Tag(tag.to_owned())),
            (None, Some(digest)) => Ok(TemplateVersion::Digest(digest.to_lowercase())),
            (None, None) => Ok(TemplateVersion::Any),
        }
    }
}

/// The template of that id in that version.
pub(crate) fn find(
    store: &dyn Store,
    id: &str,
    version: &TemplateVersion,
) -> Result<Option<StoredTemplate>, StoreError> {
    let keys = match version {
        TemplateVersion::Any => vec![id.to_owned(), tagged(id, LATEST)],
        TemplateVersion::Tag(tag) => vec![tagged(id, tag)],
        TemplateVersion::Digest(digest) => vec![addressed(id, digest)],
    };
    for key in keys {
        if let Some(found) = TEMPLATES.get(store, &key)? {
            let document = found.document;
            return Ok(Some(StoredTemplate { key, document }));
        }
    }
    let built_in = built_in::get(id).filter(|built_in| match version {
        TemplateVersion::Any => true,
        TemplateVersion::Tag(tag) => ["latest", "stable"].contains(&tag.as_str()),
        TemplateVersion::Digest(digest) => built_in.digest == *digest,
    });
    Ok(built_in.map(shown))
}

fn shown(built_in: &built_in::BuiltIn) -> StoredTemplate {
    let mut document = built_in.document.clone();
    document.insert("tag".to_owned(), LATEST.into());
    document.insert("digest".to_owned(), built_in.digest.clone().into());
    StoredTemplate {
        key: tagged(&built_in.id, LATEST),
        document,
    }
}

impl Catalog {
    /// The templates that are offered in any of these scopes, or all: one for each tag, those of every server last.
    pub fn templates(&self, scopes: &[&str]) -> Result<Vec<StoredTemplate>, CatalogError> {
        let all = self.versions(scopes)?;
        Ok(all
            .into_iter()
            .filter(|one| !one.key.contains("@sha256:"))
            .collect())
    }

    /// Every version of the templates that are offered in any of these scopes, or all, by id.
    pub fn template_versions(
        &self,
        scopes: &[&str],
    ) -> Result<BTreeMap<String, Vec<Map>>, CatalogError> {
        let mut by_id: BTreeMap<String, Vec<Map>> = BTreeMap::new();
        for version in self.versions(scopes)? {
            let id = version.document.get("id").and_then(Value::as_str);
            let id = id.unwrap_or_default().to_owned();
            by_id.entry(id).or_default().push(version.document);
        }
        Ok(by_id)
    }

    fn versions(&self, scopes: &[&str]) -> Result<Vec<StoredTemplate>, CatalogError> {
        let saved = TEMPLATES.all(self.store())?.into_iter();
        let saved = saved.map(|(key, revision)| StoredTemplate {
            key,
            document: revision.document,
        });
        let mut all: Vec<StoredTemplate> = saved.chain(built_in::all().iter().map(shown)).collect();
        if !scopes.is_empty() {
            all.retain(|one| is_offered(&one.document, scopes));
        }
        Ok(all)
    }

    /// The document of a template, without what is noted besides. Errors: there is none, or two versions are asked for at once.
    pub fn template(&self, id: &str, selector: Selector<'_>) -> Result<Map, CatalogError> {
        let found = find(self.store(), id, &selector.version()?)?;
        let mut document = found.ok_or_else(|| unknown(id, selector))?.document;
        document.shift_remove("digest");
        document.shift_remove("tag");
        Ok(document)
    }
}

pub(super) fn unknown(id: &str, selector: Selector<'_>) -> CatalogError {
    let which = match (selector.tag, selector.digest) {
        (Some(tag), _) => format!(" with the tag {tag}"),
        (None, Some(digest)) => format!(" with the digest {digest}"),
        (None, None) => String::new(),
    };
    CatalogError::Unknown(format!("Pipeline template {id} not found{which}"))
}

/// A scope of a template is a name, or a pattern of names (Front50's `PipelineTemplate`).
fn is_offered(document: &Map, scopes: &[&str]) -> bool {
    let own = document
        .get("metadata")
        .and_then(|metadata| metadata.get("scopes"))
        .and_then(Value::as_array);
    let mut own = own.into_iter().flatten().filter_map(Value::as_str);
    own.any(|own| {
        let pattern = Regex::new(&format!("^(?:{own})$")).ok();
        let matches = |wanted: &&str| {
            wanted.eq_ignore_ascii_case(own)
                || pattern
                    .as_ref()
                    .is_some_and(|pattern| pattern.is_match(wanted))
        };
        scopes.iter().any(matches)
    })
}
