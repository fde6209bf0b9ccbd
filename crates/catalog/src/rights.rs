//! Who may do what with which application.
//!
//! Callers, jobs and triggers are all judged by [`refusal`]. A user is also the role of their own name, so that a permission can
//! name a service account.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use spindrift_engine::{Caller, Store, StoreError};
use spindrift_model::{Permission, Value, normal_role};
use spindrift_triggers::ExecuteRights;

use crate::applications::APPLICATIONS;
use crate::error::CatalogError;
use crate::service::Catalog;

/// The users there are: the roles of those who act without calling, as triggers and jobs do.
#[derive(Debug, Clone)]
pub enum Users {
    /// Everybody has these roles, and nobody is an administrator. So a permission that no role has is everybody's: there would be
    /// nobody who could ever give it to one.
    Local(Vec<String>),
    /// By their names in lower case. Others have no role.
    Known(HashMap<String, Caller>),
}

impl Default for Users {
    fn default() -> Self {
        Self::Local(Vec::new())
    }
}

impl Users {
    /// These users, one that is there twice with the roles of both.
    pub fn known(callers: impl IntoIterator<Item = Caller>) -> Self {
        let mut known: HashMap<String, Caller> = HashMap::new();
        for caller in callers {
            let name = caller.user.to_lowercase();
            let user = known
                .entry(name)
                .or_insert_with(|| Caller::named(&caller.user));
            user.roles.extend(caller.roles);
            user.admin |= caller.admin;
        }
        Self::Known(known)
    }

    /// The user of that name, as one who calls.
    pub fn caller(&self, user: &str) -> Caller {
        let nobody = || Caller::named(user);
        match self {
            Users::Local(roles) => Caller {
                roles: roles.clone(),
                ..nobody()
            },
            Users::Known(known) => {
                let found = known.get(&user.to_lowercase()).cloned();
                found.unwrap_or_else(nobody)
            }
        }
    }
}

/// Why `caller` may not do that with an application; `None` when they may. One that was not saved is everybody's.
fn refusal(
    store: &dyn Store,
    users: &Users,
    caller: &Caller,
    application: &str,
    permission: Permission,
) -> Result<Option<String>, StoreError> {
    let key = application.trim().to_lowercase();
    let saved = APPLICATIONS.get(store, &key)?;
    let Some(roles) = saved.and_then(|saved| permission.roles_in(&saved.document)) else {
        return Ok(None);
    };
    if roles.is_empty() && matches!(users, Users::Local(_)) {
        return Ok(None);
    }
    let own = caller.roles.iter().chain([&caller.user]);
    if caller.admin
        || own
            .map(|role| normal_role(role))
            .any(|role| roles.contains(&role))
    {
        return Ok(None);
    }
    let who = match roles.as_slice() {
        [] => "which no role has".to_owned(),
        roles => format!("which is given to {}", roles.join(", ")),
    };
    Ok(Some(format!(
        "user {} needs the permission {permission} on application {key}, {who}",
        caller.user
    )))
}

/// The rights of the users of a configuration, by the applications of a store.
pub struct StoredRights {
    store: Arc<dyn Store>,
    users: Users,
}

impl StoredRights {
    /// The rights of these users.
    pub fn new(store: Arc<dyn Store>, users: Users) -> Self {
        Self { store, users }
    }
}

impl fmt::Debug for StoredRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredRights")
    }
}

impl ExecuteRights for StoredRights {
    fn may_execute(&self, user: &str, application: &str) -> Result<bool, StoreError> {
        let caller = self.users.caller(user);
        let refused = refusal(
            &*self.store,
            &self.users,
            &caller,
            application,
            Permission::Execute,
        )?;
        Ok(refused.is_none())
    }
}

impl Catalog {
    /// Lets those pass who may do that with an application. Errors: the caller may not, and why.
    pub fn permit(
        &self,
        caller: &Caller,
        application: &str,
        permission: Permission,
    ) -> Result<(), CatalogError> {
        let users = &self.shared.options.users;
        match refusal(self.store(), users, caller, application, permission)? {
            Some(reason) => Err(CatalogError::Forbidden(reason)),
            None => Ok(()),
        }
    }

    /// Lets those pass who may save that pipeline: it may be neither brought into an application nor taken out of one without the
    /// permission to change it. Errors: the caller may not, and why.
    pub fn permit_save(&self, caller: &Caller, document: &Value) -> Result<(), CatalogError> {
        let text = |key: &str| document.get(key).and_then(Value::as_str);
        if let Some(application) = text("application") {
            self.permit(caller, application, Permission::Write)?;
        }
        let stored = match text("id").filter(|id| !id.is_empty()) {
            Some(id) => self.store().pipeline(&id.into())?,
            None => None,
        };
        match stored {
            Some(stored) => self.permit(caller, &stored.application, Permission::Write),
            None => Ok(()),
        }
    }

    /// A user on whose behalf something is done, as one who calls.
    pub(crate) fn caller(&self, user: &str) -> Caller {
        self.shared.options.users.caller(user)
    }
}
