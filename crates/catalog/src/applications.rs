//! Applications.
//!
//! An application is known when it was saved, or when it has a pipeline. Its key is its name in lower case.

use std::collections::BTreeMap;

use spindrift_model::{Application, Map, Permission, Value};
use spindrift_runtime::EngineError;

use crate::error::CatalogError;
use crate::projects::PROJECTS;
use crate::service::{Author, Catalog, same};
use crate::shelf::{Revision, Shelf};

pub(crate) const APPLICATIONS: Shelf = Shelf {
    space: "application",
    history: "application-history",
};

/// Members that the server writes; they do not make a document another one.
const SERVER_MEMBERS: [&str; 3] = ["createTs", "updateTs", "lastModifiedBy"];

impl Catalog {
    /// The attributes of every application, by name.
    pub fn applications(&self) -> Result<Vec<Map>, CatalogError> {
        let store = self.store();
        let saved = APPLICATIONS.all(store)?.into_iter();
        let mut all: BTreeMap<String, Map> = saved
            .map(|(name, revision)| (name, revision.document))
            .collect();
        for name in store.applications()? {
            let name = name.to_lowercase();
            if !all.contains_key(&name) && !store.pipelines(Some(&name))?.is_empty() {
                all.insert(name.clone(), bare(&name));
            }
        }
        Ok(all.into_values().collect())
    }

    /// The attributes of an application; `None` when there is no such application.
    pub fn application(&self, name: &str) -> Result<Option<Map>, CatalogError> {
        let name = name.trim().to_lowercase();
        if let Some(saved) = APPLICATIONS.get(self.store(), &name)? {
            return Ok(Some(saved.document));
        }
        let has_pipelines = !self.store().pipelines(Some(&name))?.is_empty();
        Ok(has_pipelines.then(|| bare(&name)))
    }

    /// An application as it was saved, read; `None` when it was not.
    pub fn saved_application(&self, name: &str) -> Result<Option<Application>, CatalogError> {
        let key = name.trim().to_lowercase();
        let Some(saved) = APPLICATIONS.get(self.store(), &key)? else {
            return Ok(None);
        };
        Ok(Some(Application::parse(saved.document)?))
    }

    /// The revisions of an application, newest first, also when it was deleted.
    pub fn application_history(
        &self,
        name: &str,
        limit: usize,
    ) -> Result<Vec<Revision>, CatalogError> {
        let key = name.trim().to_lowercase();
        Ok(APPLICATIONS.revisions(self.store(), &key, limit)?)
    }

    /// Creates or changes an application: what the change leaves out stays. Answers with what it was before, and what it is.
    ///
    /// Errors: it has no name or e-mail address, a provider cannot take its name, or the author may not change it.
    pub async fn upsert_application(
        &self,
        change: Map,
        author: &Author,
    ) -> Result<(Option<Map>, Map), CatalogError> {
        let _one_at_a_time = self.shared.changing.lock().await;
        let store = self.store();
        let key = Application::name_in(&change).unwrap_or_default();
        let key = key.to_lowercase();
        if let Some(made) = APPLICATIONS.made_by(store, &key, author.job.as_deref())? {
            return Ok((None, made.document));
        }
        self.permit(&self.caller(&author.user), &key, Permission::Write)?;
        let current = APPLICATIONS.get(store, &key)?;
        let before = current.as_ref().map(|current| current.document.clone());
        let merged = Application::merged(before.as_ref(), change);
        let mut attributes = Application::parse(merged)?.attributes;
        let now = self.now().to_string();
        let created = before.as_ref().and_then(|before| before.get("createTs"));
        let created = created.cloned().unwrap_or_else(|| now.clone().into());
        attributes.insert("createTs".to_owned(), created);
        attributes
            .entry("user")
            .or_insert_with(|| author.user.clone().into());
        if let Some(before) = &before
            && same(before, &attributes, &SERVER_MEMBERS)
        {
            return Ok((Some(before.clone()), before.clone()));
        }
        attributes.insert("updateTs".to_owned(), now.into());
        attributes.insert("lastModifiedBy".to_owned(), author.user.clone().into());
        let revision = self.revise(&APPLICATIONS, &key, attributes, author)?;
        let writes = APPLICATIONS.put(&key, &revision, current.as_ref())?;
        self.commit(writes).await?;
        Ok((before, revision.document))
    }

    /// Deletes an application with its pipelines and strategies, and takes it out of its projects; a project without another
    /// application goes with it. Answers with what it was; `None` when there was none.
    ///
    /// Errors: it has something elsewhere, such as clusters, or the author may not change it.
    pub async fn delete_application(
        &self,
        name: &str,
        author: &Author,
    ) -> Result<Option<Map>, CatalogError> {
        let key = name.trim().to_lowercase();
        self.permit(&self.caller(&author.user), &key, Permission::Write)?;
        self.check_dependencies(&key).await?;
        for pipeline in self.store().pipelines(Some(&key))? {
            let triggers = &self.shared.triggers;
            match triggers.delete_pipeline(&pipeline.id, &author.user).await {
                // Somebody else was faster.
                Ok(()) | Err(EngineError::UnknownPipeline(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let _one_at_a_time = self.shared.changing.lock().await;
        let Some(current) = APPLICATIONS.get(self.store(), &key)? else {
            return Ok(None);
        };
        let mut last = self.revise(&APPLICATIONS, &key, current.document.clone(), author)?;
        last.deleted = true;
        let mut writes = APPLICATIONS.delete(&key, &last)?;
        for (id, project) in PROJECTS.all(self.store())? {
            writes.extend(self.project_without(&id, project, &key, author)?);
        }
        self.commit(writes).await?;
        Ok(Some(current.document))
    }

    async fn check_dependencies(&self, name: &str) -> Result<(), CatalogError> {
        let Some(dependencies) = &self.shared.options.dependencies else {
            return Ok(());
        };
        let kinds = dependencies.of(name.to_owned()).await.map_err(|reason| {
            CatalogError::Conflict(format!(
                "it cannot be told whether application {name} has clusters: {reason}"
            ))
        })?;
        if kinds.is_empty() {
            return Ok(());
        }
        let reasons = kinds.into_iter();
        let reasons =
            reasons.map(|kind| format!("Application is associated with one or more {kind}"));
        Err(CatalogError::InUse {
            message: "Application has outstanding dependencies".to_owned(),
            reasons: reasons.collect(),
        })
    }
}

/// An application that nobody has described.
fn bare(name: &str) -> Map {
    Map::from_iter([("name".to_owned(), Value::from(name))])
}
