//! The pipelines that are made of a template.

use spindrift_engine::{PipelineRevision, StoreError};
use spindrift_model::{Map, TemplateReference, TemplateVersion, is_templated};

use super::{LATEST, TEMPLATES};
use crate::error::CatalogError;
use crate::service::Catalog;

impl Catalog {
    /// The pipelines that are made of any version of a template.
    pub fn template_dependents(&self, id: &str) -> Result<Vec<Map>, CatalogError> {
        let dependents = self.dependents(id, |_| true)?;
        Ok(dependents
            .into_iter()
            .map(|(pipeline, _)| pipeline.document)
            .collect())
    }

    /// The pipelines that are made of a template in a version that `wanted` names.
    pub(super) fn dependents(
        &self,
        id: &str,
        wanted: impl Fn(&TemplateVersion) -> bool,
    ) -> Result<Vec<(PipelineRevision, TemplateReference)>, StoreError> {
        let mut dependents = Vec::new();
        for pipeline in self.store().pipelines(None)? {
            if !is_templated(&pipeline.document) {
                continue;
            }
            match TemplateReference::of_pipeline(&pipeline.document) {
                Ok(reference) if reference.id == id && wanted(&reference.version) => {
                    dependents.push((pipeline, reference));
                }
                // One whose reference cannot be read depends on nothing.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(dependents)
    }

    /// Whether a reference to a version leads to the record under one of these keys.
    pub(super) fn leads_to(
        &self,
        id: &str,
        version: &TemplateVersion,
        keys: &[String],
    ) -> Result<bool, StoreError> {
        let key = match version {
            TemplateVersion::Any if TEMPLATES.get(self.store(), id)?.is_some() => id.to_owned(),
            TemplateVersion::Any => super::tagged(id, LATEST),
            TemplateVersion::Tag(tag) => super::tagged(id, tag),
            TemplateVersion::Digest(digest) => super::addressed(id, digest),
        };
        Ok(keys.contains(&key))
    }
}
