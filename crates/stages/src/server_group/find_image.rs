//! The stage type `findImage`, also called `findImageFromCluster`: the images of a server group of a cluster.
//!
//! Context: `cluster`, `credentials`, `regions`; `selectionStrategy` (`LARGEST`, `NEWEST`, `OLDEST`, `FAIL` when there is more than one), `onlyEnabled`
//! (true), `imageNamePattern`. Outputs: `artifacts` of type `docker/image`, and `amiDetails` with region and server group of each.

use std::sync::Arc;

use regex::Regex;
use serde_json::{Value, json};
use spindrift_cloud_driver::model::ServerGroup;
use spindrift_cloud_driver::target::{is_active, newest_first};
use spindrift_engine::{
    BoxFuture, EffectTask, Failure, StageType, StageView, TaskInput, TaskPolicy, TaskResult,
    TaskRunner, TaskSpec,
};
use spindrift_model::{Map, Pointer, Problem, StageConfig};

use super::clouds::{self, Clouds};
use super::place;
use crate::{artifacts, fields};

const KIND: &str = "findImage";

/// The stage type.
pub(crate) struct FindImage {
    pub(crate) clouds: Clouds,
}

impl StageType for FindImage {
    fn name(&self) -> &str {
        KIND
    }

    fn aliases(&self) -> &[&str] {
        &["findImageFromCluster"]
    }

    fn tasks(&self, view: &StageView<'_>) -> Result<Vec<TaskSpec>, Failure> {
        let context = &view.stage().context;
        Wanted::of(context)?;
        let mut tasks = vec![TaskSpec::new(KIND)];
        if artifacts::are_expected(context) {
            tasks.push(TaskSpec::new(artifacts::BIND));
        }
        Ok(tasks)
    }

    fn task(&self, name: &str) -> Option<TaskRunner> {
        match name {
            KIND => Some(TaskRunner::Effect(Arc::new(Find {
                clouds: self.clouds.clone(),
            }))),
            artifacts::BIND => Some(artifacts::bind_produced()),
            _ => None,
        }
    }

    fn check(&self, stage: &StageConfig, at: &Pointer) -> Vec<Problem> {
        let mut problems = place::check(stage, at, |context| place::cluster(context).map(|_| ()));
        if let Err(failure) = Wanted::of(&stage.context) {
            problems.push(Problem::warning(
                at.key("selectionStrategy"),
                "stage.findImage.selectionStrategy",
                failure.errors.join("; "),
            ));
        }
        problems
    }
}

/// Which server group is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    Largest,
    Newest,
    Oldest,
    Only,
}

struct Wanted {
    strategy: Strategy,
    only_enabled: bool,
    pattern: Option<Regex>,
}

impl Wanted {
    fn of(context: &Map) -> Result<Self, Failure> {
        let strategy = match fields::text(context, "selectionStrategy") {
            None => Strategy::Newest,
            Some(name) => match name.trim().to_uppercase().as_str() {
                "LARGEST" => Strategy::Largest,
                "NEWEST" => Strategy::Newest,
                "OLDEST" => Strategy::Oldest,
                "FAIL" => Strategy::Only,
                _ if name.contains("${") => Strategy::Newest,
                _ => {
                    return Err(fields::invalid(format!(
                        "selectionStrategy must be LARGEST, NEWEST, OLDEST or FAIL, not {name:?}"
                    )));
                }
            },
        };
        let pattern = fields::text(context, "imageNamePattern")
            .filter(|text| !text.contains("${"))
            .map(Regex::new)
            .transpose()
            .map_err(|error| fields::invalid(format!("imageNamePattern: {error}")))?;
        let only_enabled = match context.get("onlyEnabled") {
            None | Some(Value::Null) => true,
            given => fields::flag(given),
        };
        Ok(Self {
            strategy,
            only_enabled,
            pattern,
        })
    }

    fn choose<'a>(&self, members: &'a [ServerGroup]) -> Result<Option<&'a ServerGroup>, String> {
        let considered = members
            .iter()
            .filter(|group| !self.only_enabled || is_active(group));
        let newest = newest_first(considered.collect());
        let size = |group: &ServerGroup| group.instance_counts.total.max(group.capacity.desired);
        Ok(match self.strategy {
            Strategy::Newest => newest.first().copied(),
            Strategy::Oldest => newest.last().copied(),
            // Of equally large ones the newest.
            Strategy::Largest => newest.iter().rev().copied().max_by_key(|group| size(group)),
            Strategy::Only => match newest.as_slice() {
                [] => None,
                [only] => Some(only),
                many => {
                    let names: Vec<&str> = many.iter().map(|group| group.name.as_str()).collect();
                    return Err(names.join(", "));
                }
            },
        })
    }
}

struct Find {
    clouds: Clouds,
}

impl Find {
    async fn find(&self, input: &TaskInput) -> Result<TaskResult, Failure> {
        let context = &input.stage.context;
        let wanted = Wanted::of(context)?;
        let provider = self.clouds.provider(context).await?;
        let application = place::application(context, &input.application);
        let cluster = place::cluster(context)?;
        let account = provider.account();
        let (mut details, mut found) = (Vec::new(), Vec::new());
        for location in place::locations(context)? {
            let members =
                clouds::cluster(provider.inventory(), Some(application), cluster, &location);
            let missing = || {
                let state = if wanted.only_enabled { "enabled " } else { "" };
                Failure::new(
                    "ServerGroupNotFound",
                    format!(
                        "there is no {state}server group in the cluster '{cluster}' in {account}/{location}"
                    ),
                )
            };
            let several = |names: String| {
                Failure::new(
                    "SeveralServerGroups",
                    format!(
                        "more than one server group is in the cluster '{cluster}' in {account}/{location}: {names}"
                    ),
                )
            };
            let group = wanted
                .choose(&members)
                .map_err(several)?
                .ok_or_else(missing)?;
            let images: Vec<&String> = group
                .images
                .iter()
                .filter(|image| wanted.pattern.as_ref().is_none_or(|p| p.is_match(image)))
                .collect();
            if images.is_empty() {
                return Err(Failure::new(
                    "ImageNotFound",
                    format!(
                        "{} in {account}/{location} runs no image that is looked for, but {}",
                        group.name,
                        group.images.join(", ")
                    ),
                ));
            }
            for image in images {
                let artifact = artifact(image);
                details.push(json!({
                    "account": account,
                    "region": location,
                    "imageId": image,
                    "imageName": artifact["name"],
                    "cloudProviderType": provider.cloud(),
                    "sourceServerGroup": group.name,
                    "refId": input.stage.ref_id.as_str(),
                }));
                if !found.contains(&artifact) {
                    found.push(artifact);
                }
            }
        }
        Ok(TaskResult::succeeded()
            .with_context("amiDetails", details.clone())
            .with_context("artifacts", found.clone())
            .with_output("amiDetails", details)
            .with_output("artifacts", found))
    }
}

/// The artifact of an image: its name without tag or digest, and what comes after as its version.
fn artifact(image: &str) -> Value {
    let (name, version) = match image.split_once('@') {
        Some((name, digest)) => (name, digest),
        None => match image.rsplit_once(':') {
            // A colon before a slash belongs to the registry's port.
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (image, ""),
        },
    };
    json!({"type": "docker/image", "name": name, "version": version, "reference": image})
}

impl EffectTask for Find {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move { clouds::ended(self.find(&input).await) })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(60 * 60_000),
            overridable: true,
            backoff: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_without_tag_and_digest() {
        let table = [
            ("nginx:1.2", "nginx", "1.2"),
            ("reg:5000/r/j:485", "reg:5000/r/j", "485"),
            ("localhost:5000/x", "localhost:5000/x", ""),
            ("repo@sha256:ab", "repo", "sha256:ab"),
            ("nginx", "nginx", ""),
        ];
        for (image, name, version) in table {
            let found = artifact(image);
            assert_eq!(found["name"], name, "{image}");
            assert_eq!(found["version"], version, "{image}");
            assert_eq!(found["reference"], image);
        }
    }
}
