//! Saving and deleting templates.

use spindrift_engine::{PipelineRevision, Write};
use spindrift_model::{
    Map, Pointer, Problem, TEMPLATE_TAGS, Template, TemplateReference, TemplateVersion, Value,
};
use spindrift_runtime::EngineError;

use super::digest::digest;
use super::read::unknown;
use super::{LATEST, Selector, StoredTemplate, TEMPLATES, addressed, built_in, tagged};
use crate::error::CatalogError;
use crate::service::{Author, Catalog};

impl Catalog {
    /// Saves a new template, or a new tag of one. Errors: it is none, or there is one of that id and tag.
    pub async fn create_template(
        &self,
        document: Map,
        tag: Option<&str>,
        author: &Author,
    ) -> Result<StoredTemplate, CatalogError> {
        let (template, tag) = read(document, tag)?;
        let _one_at_a_time = self.shared.changing.lock().await;
        let key = key_of(&template.id, tag.as_deref());
        if let Some(made) = TEMPLATES.made_by(self.store(), &key, author.job.as_deref())? {
            let document = made.document;
            return Ok(StoredTemplate { key, document });
        }
        let taken = TEMPLATES.get(self.store(), &key)?.is_some();
        if taken || built_in::get(&template.id).is_some() {
            return Err(CatalogError::Conflict(format!(
                "A pipeline template with the id {key} already exists"
            )));
        }
        self.save(&template, tag.as_deref(), author).await
    }

    /// Replaces a template. Pipelines that are made of it must still be possible, unless `skip_plan`; their triggers follow.
    ///
    /// Errors: there is no such template, the document is none, or a pipeline would break.
    pub async fn update_template(
        &self,
        id: &str,
        mut document: Map,
        tag: Option<&str>,
        skip_plan: bool,
        author: &Author,
    ) -> Result<StoredTemplate, CatalogError> {
        match document.get("id").filter(|id| !id.is_null()) {
            None => {
                document.insert("id".to_owned(), id.into());
            }
            Some(own) if own.as_str() == Some(id) => {}
            Some(own) => {
                return Err(refused(
                    "id",
                    format!("the path says template {id}, the document says {own}"),
                ));
            }
        }
        let (template, tag) = read(document, tag)?;
        let _one_at_a_time = self.shared.changing.lock().await;
        if built_in::get(id).is_some() {
            return Err(fixed(id));
        }
        let key = key_of(id, tag.as_deref());
        if let Some(made) = TEMPLATES.made_by(self.store(), &key, author.job.as_deref())? {
            let document = made.document;
            return Ok(StoredTemplate { key, document });
        }
        if self.keys_of(id)?.is_empty() {
            return Err(unknown(id, Selector::default()));
        }
        let changed = [key, tagged(id, LATEST)];
        let dependents = self.dependents_of(id, &changed)?;
        if !skip_plan {
            self.plan_all(&template, &dependents)?;
        }
        let saved = self.save(&template, tag.as_deref(), author).await?;
        for (pipeline, _) in dependents {
            self.shared.triggers.pipeline_changed(&pipeline.id)?;
        }
        Ok(saved)
    }

    /// Deletes a template: every version, or only the one with a tag or a digest.
    ///
    /// Errors: there is no such template, or pipelines are made of it.
    pub async fn delete_template(
        &self,
        id: &str,
        tag: Option<&str>,
        digest: Option<&str>,
        author: &Author,
    ) -> Result<(), CatalogError> {
        let selector = Selector { tag, digest };
        let version = selector.version()?;
        let _one_at_a_time = self.shared.changing.lock().await;
        if built_in::get(id).is_some() {
            return Err(fixed(id));
        }
        let all = self.keys_of(id)?;
        let whole = key_of(id, None);
        let keys: Vec<String> = match &version {
            TemplateVersion::Any => all,
            TemplateVersion::Tag(tag) => vec![tagged(id, tag)],
            TemplateVersion::Digest(digest) => vec![addressed(id, digest)],
        };
        let mut writes = Vec::new();
        for key in &keys {
            let Some(current) = TEMPLATES.get(self.store(), key)? else {
                continue;
            };
            let mut last = self.revise(&TEMPLATES, key, current.document, author)?;
            last.deleted = true;
            writes.extend(TEMPLATES.delete(key, &last)?);
        }
        if writes.is_empty() {
            // A job that is performed again finds that it is done.
            let job = author.job.as_deref();
            let done = keys.first().unwrap_or(&whole);
            return match TEMPLATES.made_by(self.store(), done, job)? {
                Some(_) => Ok(()),
                None => Err(unknown(id, selector)),
            };
        }
        let dependents = match version {
            // Nothing is left that a reference could lead to.
            TemplateVersion::Any => self.dependents(id, |_| true)?,
            TemplateVersion::Tag(_) | TemplateVersion::Digest(_) => {
                self.dependents_of(id, &keys)?
            }
        };
        if !dependents.is_empty() {
            let names = dependents.iter().map(|(pipeline, _)| {
                format!(
                    "{}/{} ({})",
                    pipeline.application, pipeline.name, pipeline.id
                )
            });
            let reasons: Vec<String> = names.collect();
            return Err(CatalogError::InUse {
                message: format!(
                    "The following pipeline configs depend on this template: {}",
                    reasons.join(", ")
                ),
                reasons,
            });
        }
        self.commit(writes).await
    }

    /// Writes a template under its keys.
    async fn save(
        &self,
        template: &Template,
        tag: Option<&str>,
        author: &Author,
    ) -> Result<StoredTemplate, CatalogError> {
        let id = &template.id;
        let mut document = template.document.clone();
        let digest = digest(&document);
        document.shift_remove("tag");
        document.insert("digest".to_owned(), digest.clone().into());
        document.insert("updateTs".to_owned(), self.now().to_string().into());
        document.insert("lastModifiedBy".to_owned(), author.user.clone().into());
        let with_tag = |tag: &str| {
            let mut document = document.clone();
            document.insert("tag".to_owned(), tag.into());
            document
        };
        let own = tag.map_or_else(|| document.clone(), with_tag);
        let key = key_of(id, tag);
        let mut writes = self.replace(&key, own.clone(), author)?;
        if tag != Some(LATEST) {
            writes.extend(self.replace(&tagged(id, LATEST), with_tag(LATEST), author)?);
        }
        let by_digest = addressed(id, &digest);
        if TEMPLATES.get(self.store(), &by_digest)?.is_none() {
            writes.extend(self.replace(&by_digest, own.clone(), author)?);
        }
        self.commit(writes).await?;
        Ok(StoredTemplate { key, document: own })
    }

    fn replace(
        &self,
        key: &str,
        document: Map,
        author: &Author,
    ) -> Result<Vec<Write>, CatalogError> {
        let current = TEMPLATES.get(self.store(), key)?;
        let revision = self.revise(&TEMPLATES, key, document, author)?;
        Ok(TEMPLATES.put(key, &revision, current.as_ref())?)
    }

    /// The keys under which versions of a template are.
    fn keys_of(&self, id: &str) -> Result<Vec<String>, CatalogError> {
        let found = TEMPLATES.beginning_with(self.store(), id)?.into_iter();
        let own = found.filter(|(_, revision)| {
            revision.document.get("id").and_then(Value::as_str) == Some(id)
        });
        Ok(own.map(|(key, _)| key).collect())
    }

    fn dependents_of(
        &self,
        id: &str,
        keys: &[String],
    ) -> Result<Vec<(PipelineRevision, TemplateReference)>, CatalogError> {
        let mut dependents = Vec::new();
        for (pipeline, reference) in self.dependents(id, |_| true)? {
            if self.leads_to(id, &reference.version, keys)? {
                dependents.push((pipeline, reference));
            }
        }
        Ok(dependents)
    }

    /// Looks whether the pipelines can still be made.
    fn plan_all(
        &self,
        template: &Template,
        dependents: &[(PipelineRevision, TemplateReference)],
    ) -> Result<(), CatalogError> {
        let mut reasons = Vec::new();
        for (pipeline, _) in dependents {
            let document = template.document.clone();
            match self.shared.engine.expand_with(document, &pipeline.document) {
                Ok(_) => {}
                Err(error @ EngineError::Invalid(_)) => reasons.push(format!(
                    "{}/{}: {error}",
                    pipeline.application, pipeline.name
                )),
                Err(error) => return Err(error.into()),
            }
        }
        if reasons.is_empty() {
            return Ok(());
        }
        Err(CatalogError::InUse {
            message: format!(
                "pipelines that are made of this template would break: {}; correct them first, or skip this check with skipPlanDependents=true",
                reasons.join("; ")
            ),
            reasons,
        })
    }
}

fn key_of(id: &str, tag: Option<&str>) -> String {
    tag.map_or_else(|| id.to_owned(), |tag| tagged(id, tag))
}

fn refused(key: &str, message: impl Into<String>) -> CatalogError {
    let code = format!("template.{key}");
    CatalogError::from(vec![Problem::error(
        Pointer::root().key(key),
        &code,
        message,
    )])
}

fn fixed(id: &str) -> CatalogError {
    CatalogError::Conflict(format!(
        "template {id} is built in and stays as it is; save your own under another id"
    ))
}

/// Reads a template and its tag: the one that is asked for, else the document's own.
fn read(document: Map, tag: Option<&str>) -> Result<(Template, Option<String>), CatalogError> {
    let own = document
        .get("tag")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let tag = tag.filter(|tag| !tag.is_empty()).map(str::to_owned);
    let tag = tag.or(own).filter(|tag| !tag.is_empty());
    if let Some(tag) = &tag
        && !TEMPLATE_TAGS.contains(&tag.as_str())
    {
        return Err(refused(
            "tag",
            format!(
                "The provided tag {tag} is not supported. Pipeline template tag must be one of {}",
                TEMPLATE_TAGS.join(", ")
            ),
        ));
    }
    Ok((Template::parse(document)?, tag))
}
