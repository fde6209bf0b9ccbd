//! Which object of a cluster a stage means: the newest, the largest …

use serde_json::Value;

use super::account::Kubernetes;
use super::annotations;
use super::kind::Kind;
use super::object::ObjectId;
use super::retry::retry;
use crate::error::CloudError;

/// How one object is chosen among those of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criteria {
    /// The one made last.
    Newest,
    /// The one made before the newest.
    SecondNewest,
    /// The one made first.
    Oldest,
    /// The one with the most replicas.
    Largest,
    /// The one with the fewest replicas.
    Smallest,
}

impl Criteria {
    /// Reads the `criteria` of a stage.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "newest" => Some(Self::Newest),
            "second_newest" => Some(Self::SecondNewest),
            "oldest" => Some(Self::Oldest),
            "largest" => Some(Self::Largest),
            "smallest" => Some(Self::Smallest),
            _ => None,
        }
    }

    /// The chosen one; `None` when there are too few. Objects of the same second, or of the same size, stay in the order of the list.
    fn choose(self, mut objects: Vec<Value>) -> Option<Value> {
        match self {
            Self::Newest | Self::SecondNewest | Self::Oldest => {
                objects.sort_by(|one, other| made(one).cmp(made(other)))
            }
            Self::Largest | Self::Smallest => objects.sort_by_key(replicas),
        }
        match self {
            Self::Newest | Self::Largest => objects.pop(),
            Self::SecondNewest => {
                objects.pop();
                objects.pop()
            }
            Self::Oldest | Self::Smallest => objects.into_iter().next(),
        }
    }
}

fn made(object: &Value) -> &str {
    object
        .pointer("/metadata/creationTimestamp")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn replicas(object: &Value) -> i64 {
    object
        .pointer("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(-1)
}

/// A cluster: the objects of one kind in one namespace that say they belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestCluster {
    /// The kind of its objects.
    pub kind: Kind,
    /// Their namespace.
    pub namespace: String,
    /// The application in their moniker.
    pub application: String,
    /// The cluster in their moniker, such as `replicaSet web`.
    pub name: String,
}

impl Kubernetes {
    /// The objects of a cluster as they are now, in the order of the API server.
    pub async fn cluster_members(
        &self,
        cluster: &ManifestCluster,
    ) -> Result<Vec<Value>, CloudError> {
        let mut objects = retry(|| self.list(&cluster.kind, &cluster.namespace, "")).await?;
        objects.retain(|object| {
            annotations::text(object, annotations::CLUSTER).as_deref() == Some(&cluster.name)
                && annotations::text(object, annotations::APPLICATION).as_deref()
                    == Some(&cluster.application)
        });
        Ok(objects)
    }

    /// The object of a cluster that the criteria choose.
    pub async fn resolve_target(
        &self,
        cluster: &ManifestCluster,
        criteria: Criteria,
    ) -> Result<ObjectId, CloudError> {
        let members = self.cluster_members(cluster).await?;
        let count = members.len();
        let chosen = criteria.choose(members).as_ref().and_then(ObjectId::of);
        chosen.ok_or_else(|| {
            CloudError::not_found(format!(
                "there is no {} {} in the cluster {:?} of {} in {:?}: it has {count}",
                word(criteria),
                cluster.kind,
                cluster.name,
                cluster.application,
                cluster.namespace,
            ))
        })
    }
}

fn word(criteria: Criteria) -> &'static str {
    match criteria {
        Criteria::Newest => "newest",
        Criteria::SecondNewest => "second newest",
        Criteria::Oldest => "oldest",
        Criteria::Largest => "largest",
        Criteria::Smallest => "smallest",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_is_chosen_by_age_or_size() {
        let object = |name: &str, made: &str, replicas: Option<i64>| json!({"metadata": {"name": name, "creationTimestamp": made}, "spec": {"replicas": replicas}});
        let objects = || {
            vec![
                object("b", "2026-01-02T00:00:00Z", Some(5)),
                object("a", "2026-01-01T00:00:00Z", Some(9)),
                object("c", "2026-01-03T00:00:00Z", None),
                object("d", "2026-01-03T00:00:00Z", Some(1)),
            ]
        };
        let table = [
            ("newest", "d"),
            ("second_newest", "c"),
            ("oldest", "a"),
            ("largest", "a"),
            ("smallest", "c"),
        ];
        for (criteria, name) in table {
            let criteria = Criteria::parse(criteria).unwrap();
            assert_eq!(
                criteria.choose(objects()).unwrap()["metadata"]["name"],
                name,
                "{criteria:?}"
            );
            assert_eq!(criteria.choose(Vec::new()), None);
        }
        assert_eq!(Criteria::SecondNewest.choose(objects()[..1].to_vec()), None);
        assert_eq!(Criteria::parse("biggest"), None);
    }
}
