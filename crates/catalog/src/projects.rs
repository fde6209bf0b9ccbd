//! Projects. Their key is their id; names are unique without regard to case.

use spindrift_engine::{Store, StoreError, Write};
use spindrift_model::{Map, Pointer, Problem, Project, Value};
use uuid::Uuid;

use crate::error::CatalogError;
use crate::service::{Author, Catalog, same};
use crate::shelf::{Revision, Shelf};

pub(crate) const PROJECTS: Shelf = Shelf {
    space: "project",
    history: "project-history",
};

/// Members that the server writes; they do not make a document another one.
const SERVER_MEMBERS: [&str; 3] = ["createTs", "updateTs", "lastModifiedBy"];

impl Catalog {
    /// Every project, by name.
    pub fn projects(&self) -> Result<Vec<Map>, CatalogError> {
        let all = PROJECTS.all(self.store())?.into_iter();
        let mut all: Vec<Map> = all.map(|(_, revision)| revision.document).collect();
        all.sort_by_cached_key(|project| name_of(project).to_lowercase());
        Ok(all)
    }

    /// The project of that name or id; names win. Errors: there is none.
    pub fn project(&self, name_or_id: &str) -> Result<Project, CatalogError> {
        let found = match find_named(self.store(), name_or_id)? {
            Some((_, revision)) => Some(revision),
            None => PROJECTS.get(self.store(), name_or_id)?,
        };
        let Some(found) = found else {
            return Err(CatalogError::Unknown(format!(
                "Project not found (id: {name_or_id})"
            )));
        };
        Ok(Project::parse(found.document)?)
    }

    /// Creates a project, or replaces the one of its id. Answers with the project as it is now.
    ///
    /// Errors: it is none, or another project has its name.
    pub async fn upsert_project(
        &self,
        document: Map,
        author: &Author,
    ) -> Result<Map, CatalogError> {
        let project = Project::parse(document)?;
        let _one_at_a_time = self.shared.changing.lock().await;
        let store = self.store();
        let id = project.id.clone().unwrap_or_else(|| id_for(author));
        if let Some(made) = PROJECTS.made_by(store, &id, author.job.as_deref())? {
            return Ok(made.document);
        }
        if let Some((other, _)) = find_named(store, &project.name)?
            && other != id
        {
            return Err(CatalogError::from(vec![Problem::error(
                Pointer::root().key("name"),
                "project.name.duplicate",
                format!("A Project named '{}' already exists", project.name),
            )]));
        }
        let current = PROJECTS.get(store, &id)?;
        let mut document = project.document;
        document.insert("id".to_owned(), id.clone().into());
        document.insert("name".to_owned(), project.name.into());
        let config = document.entry("config").or_insert(Value::Null);
        if config.is_null() {
            *config =
                serde_json::json!({"applications": [], "clusters": [], "pipelineConfigs": []});
        }
        let now = self.now();
        let created = current
            .as_ref()
            .and_then(|current| current.document.get("createTs"));
        let created = created.cloned().unwrap_or_else(|| now.into());
        document.insert("createTs".to_owned(), created);
        if let Some(current) = &current
            && same(&current.document, &document, &SERVER_MEMBERS)
        {
            return Ok(current.document.clone());
        }
        document.insert("updateTs".to_owned(), now.into());
        document.insert("lastModifiedBy".to_owned(), author.user.clone().into());
        let revision = self.revise(&PROJECTS, &id, document, author)?;
        let writes = PROJECTS.put(&id, &revision, current.as_ref())?;
        self.commit(writes).await?;
        Ok(revision.document)
    }

    /// Deletes the project that a document names by id or name. Deleting one that is not there changes nothing.
    pub async fn delete_project(
        &self,
        document: &Map,
        author: &Author,
    ) -> Result<(), CatalogError> {
        let _one_at_a_time = self.shared.changing.lock().await;
        let store = self.store();
        let id = document.get("id").and_then(Value::as_str);
        let found = match id.filter(|id| !id.is_empty()) {
            Some(id) => PROJECTS.get(store, id)?.map(|found| (id.to_owned(), found)),
            None => find_named(store, name_of(document))?,
        };
        let Some((id, current)) = found else {
            return Ok(());
        };
        let last = self.last(&id, current.document, author)?;
        self.commit(PROJECTS.delete(&id, &last)?).await
    }

    /// The writes that take an application out of a project.
    pub(crate) fn project_without(
        &self,
        id: &str,
        current: Revision,
        application: &str,
        author: &Author,
    ) -> Result<Vec<Write>, CatalogError> {
        let project = Project::parse(current.document.clone())?;
        let is_it = |name: &String| name.eq_ignore_ascii_case(application);
        if !project.applications.iter().any(is_it) {
            return Ok(Vec::new());
        }
        match project.without(application) {
            Some(project) => {
                let mut document = project.document;
                document.insert("updateTs".to_owned(), self.now().into());
                document.insert("lastModifiedBy".to_owned(), author.user.clone().into());
                let revision = self.revise(&PROJECTS, id, document, author)?;
                Ok(PROJECTS.put(id, &revision, Some(&current))?)
            }
            None => {
                let last = self.last(id, current.document, author)?;
                Ok(PROJECTS.delete(id, &last)?)
            }
        }
    }

    fn last(&self, id: &str, document: Map, author: &Author) -> Result<Revision, CatalogError> {
        let mut last = self.revise(&PROJECTS, id, document, author)?;
        last.deleted = true;
        Ok(last)
    }
}

fn name_of(document: &Map) -> &str {
    let name = document.get("name").and_then(Value::as_str);
    name.unwrap_or_default().trim()
}

fn find_named(store: &dyn Store, name: &str) -> Result<Option<(String, Revision)>, StoreError> {
    let wanted = name.trim().to_lowercase();
    let mut all = PROJECTS.all(store)?.into_iter();
    Ok(all.find(|(_, revision)| name_of(&revision.document).to_lowercase() == wanted))
}

/// The id of a new project; that of a job is the same when the job is performed again.
fn id_for(author: &Author) -> String {
    match &author.job {
        Some(job) => crate::jobs::stable_id(job, 0),
        None => Uuid::new_v4().to_string(),
    }
}
