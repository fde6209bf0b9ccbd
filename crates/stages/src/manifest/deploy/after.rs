//! The stages behind a deploy: what becomes of the versions before.
//!
//! All of them run one after the other.
//!
//! - redblack, bluegreen: each other version is taken out of traffic; one that never became well is deleted.
//! - highlander: all are taken out of traffic, then all are deleted.
//! - rollingredblack: the new version, which was deployed with the first percentage of its replicas, grows to the next one; after a pause the others shrink to
//!   what is missing to a hundred percent; and so on. At a hundred percent they are taken out of traffic and scaled to nothing.

use serde_json::{Value, json};
use spindrift_cloud_driver::kubernetes::{DeployedObject, ObjectId};
use spindrift_engine::{Failure, StageView, SyntheticPlan};
use spindrift_model::Map;

use super::super::account;
use super::cleanup::{Family, Other};
use super::traffic::{Rolling, Strategy, Traffic};
use crate::fields;

/// Plans them.
pub(super) fn after(view: &StageView<'_>, plan: &mut SyntheticPlan) -> Result<(), Failure> {
    let context = &view.stage().context;
    let traffic = Traffic::of(context)?;
    let families: Vec<Family> = read(context, "siblings")?;
    let operations = Operations { context };
    for family in &families {
        match &traffic.strategy {
            Strategy::None => {}
            Strategy::RedBlack => {
                for other in &family.others {
                    if other.is_broken {
                        operations.delete(plan, &other.id)?;
                    } else {
                        operations.disable(plan, &other.id)?;
                    }
                }
            }
            Strategy::Highlander => {
                for other in &family.others {
                    operations.disable(plan, &other.id)?;
                }
                for other in &family.others {
                    operations.delete(plan, &other.id)?;
                }
            }
            Strategy::Rolling(rolling) => {
                let objects: Vec<DeployedObject> = read(context, "deployedObjects")?;
                let full = objects
                    .iter()
                    .find(|object| object.id == family.new)
                    .and_then(|object| object.full_size);
                roll(&operations, plan, family, rolling, full)?;
            }
        }
    }
    Ok(())
}

fn roll(
    operations: &Operations<'_>,
    plan: &mut SyntheticPlan,
    family: &Family,
    rolling: &Rolling,
    full: Option<u64>,
) -> Result<(), Failure> {
    let serving: Vec<&Other> = family
        .others
        .iter()
        .filter(|other| !other.is_broken)
        .collect();
    for (step, percent) in rolling.percents.iter().enumerate() {
        if step > 0
            && let Some(full) = full
        {
            let size = (full * u64::from(*percent)).div_ceil(100);
            operations.scale(
                plan,
                &family.new,
                size,
                &format!("Grow {} to {percent} %", family.new),
            )?;
        }
        if serving.is_empty() {
            continue;
        }
        if rolling.pause > 0 {
            let mut context = Map::new();
            context.insert("waitTime".to_owned(), json!(rolling.pause as f64 / 1_000.0));
            plan.then("wait", &format!("Wait at {percent} %"), context);
        }
        if *percent == 100 {
            break;
        }
        for other in &serving {
            let size = other.replicas * u64::from(100 - percent) / 100;
            if size < other.replicas {
                let name = format!("Shrink {} to {} %", other.id, 100 - percent);
                operations.scale(plan, &other.id, size, &name)?;
            }
        }
    }
    for other in &serving {
        operations.disable(plan, &other.id)?;
    }
    for other in &serving {
        operations.scale(
            plan,
            &other.id,
            0,
            &format!("Scale {} to nothing", other.id),
        )?;
    }
    for other in family.others.iter().filter(|other| other.is_broken) {
        operations.delete(plan, &other.id)?;
    }
    Ok(())
}

/// Stages that act on one object.
pub(super) struct Operations<'a> {
    pub(super) context: &'a Map,
}

impl Operations<'_> {
    pub(super) fn on(&self, id: &ObjectId) -> Result<Map, Failure> {
        let account = account::name(self.context)?;
        let mut context = Map::new();
        let members = [
            ("account", account),
            ("cloudProvider", "kubernetes"),
            ("location", id.namespace.as_str()),
        ];
        for (key, value) in members {
            context.insert(key.to_owned(), value.into());
        }
        context.insert("manifestName".to_owned(), id.to_string().into());
        if let Some(application) = self
            .context
            .get("moniker")
            .and_then(|moniker| moniker.get("app"))
        {
            context.insert("app".to_owned(), application.clone());
        }
        Ok(context)
    }

    pub(super) fn disable(&self, plan: &mut SyntheticPlan, id: &ObjectId) -> Result<(), Failure> {
        plan.then("disableManifest", &format!("Disable {id}"), self.on(id)?);
        Ok(())
    }

    pub(super) fn enable(&self, plan: &mut SyntheticPlan, id: &ObjectId) -> Result<(), Failure> {
        plan.then("enableManifest", &format!("Enable {id}"), self.on(id)?);
        Ok(())
    }

    pub(super) fn delete(&self, plan: &mut SyntheticPlan, id: &ObjectId) -> Result<(), Failure> {
        let mut context = self.on(id)?;
        context.insert("options".to_owned(), json!({"cascading": true}));
        plan.then("deleteManifest", &format!("Delete {id}"), context);
        Ok(())
    }

    pub(super) fn undo(&self, plan: &mut SyntheticPlan, id: &ObjectId) -> Result<(), Failure> {
        let mut context = self.on(id)?;
        context.insert("numRevisionsBack".to_owned(), json!(1));
        plan.then("undoRolloutManifest", &format!("Undo {id}"), context);
        Ok(())
    }

    pub(super) fn scale(
        &self,
        plan: &mut SyntheticPlan,
        id: &ObjectId,
        replicas: u64,
        name: &str,
    ) -> Result<(), Failure> {
        let mut context = self.on(id)?;
        context.insert("replicas".to_owned(), replicas.into());
        plan.then("scaleManifest", name, context);
        Ok(())
    }
}

/// A list that a task has noted.
pub(super) fn read<T: serde::de::DeserializeOwned>(
    context: &Map,
    key: &str,
) -> Result<Vec<T>, Failure> {
    match context.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(list) => serde_json::from_value(list.clone())
            .map_err(|error| fields::invalid(format!("{key}: {error}"))),
    }
}
