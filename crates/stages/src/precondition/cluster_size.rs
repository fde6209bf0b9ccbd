//! The precondition `clusterSize`: how many server groups a cluster has in each region.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use spindrift_engine::{BoxFuture, EffectTask, Failure, TaskInput, TaskPolicy, TaskResult};
use spindrift_model::Map;

use super::stage::{inner, unmet};
use crate::fields;

/// Which cluster to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterQuery {
    /// The cloud provider, when the stage names one.
    pub provider: Option<String>,
    /// The application.
    pub application: String,
    /// The account.
    pub account: String,
    /// The cluster.
    pub cluster: String,
    /// The regions, or namespaces.
    pub regions: Vec<String>,
    /// Whether server groups count only while they take traffic.
    pub only_enabled: bool,
}

/// How clusters are counted.
pub trait ClusterSizes: Send + Sync {
    /// The names of the cluster's server groups by region; a region without any may be left out.
    fn server_groups(
        &self,
        query: ClusterQuery,
    ) -> BoxFuture<Result<BTreeMap<String, Vec<String>>, Failure>>;
}

/// A comparison of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "<" => Some(Self::Less),
            "<=" => Some(Self::LessOrEqual),
            "==" => Some(Self::Equal),
            ">=" => Some(Self::GreaterOrEqual),
            ">" => Some(Self::Greater),
            _ => None,
        }
    }

    fn holds(self, found: i64, expected: i64) -> bool {
        match self {
            Self::Less => found < expected,
            Self::LessOrEqual => found <= expected,
            Self::Equal => found == expected,
            Self::GreaterOrEqual => found >= expected,
            Self::Greater => found > expected,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "==",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        })
    }
}

/// Counts the cluster.
pub(super) struct CheckClusterSize {
    pub(super) sizes: Arc<dyn ClusterSizes>,
}

impl EffectTask for CheckClusterSize {
    fn run(self: Arc<Self>, input: TaskInput) -> BoxFuture<TaskResult> {
        Box::pin(async move {
            match self.check(&input).await {
                Ok(()) => TaskResult::succeeded(),
                Err(failure) => TaskResult::terminal(failure),
            }
        })
    }

    fn policy(&self) -> TaskPolicy {
        TaskPolicy {
            timeout: Some(30_000),
            overridable: false,
            backoff: 5_000,
        }
    }
}

impl CheckClusterSize {
    async fn check(&self, input: &TaskInput) -> Result<(), Failure> {
        let wanted = inner(&input.stage.context);
        let (comparison, expected) = expectation(&wanted)?;
        let query = query(input, &wanted)?;
        let (regions, only_enabled) = (query.regions.clone(), query.only_enabled);
        let found = self.sizes.server_groups(query).await?;
        let enabled = match only_enabled {
            true => "enabled ",
            false => "",
        };
        let mut errors = Vec::new();
        for region in regions {
            let groups = found.get(&region).map_or(&[][..], Vec::as_slice);
            let count = i64::try_from(groups.len()).unwrap_or(i64::MAX);
            if !comparison.holds(count, expected) {
                errors.push(format!(
                    "expected {comparison} {expected} {enabled}server groups in {region} but found {count}: [{}]",
                    groups.join(", ")
                ));
            }
        }
        match errors.is_empty() {
            true => Ok(()),
            false => Err(unmet(format!(
                "Precondition check failed: {}",
                errors.join(", ")
            ))),
        }
    }
}

fn expectation(wanted: &Map) -> Result<(Comparison, i64), Failure> {
    let comparison = match wanted.get("comparison") {
        None | Some(Value::Null) => Comparison::Equal,
        Some(value) => value.as_str().and_then(Comparison::parse).ok_or_else(|| {
            fields::invalid(format!(
                "comparison must be <, <=, ==, >= or >, not {}",
                fields::shorten(&value.to_string())
            ))
        })?,
    };
    let expected = match wanted.get("expected") {
        None | Some(Value::Null) => 1,
        Some(value) => fields::integer(value).ok_or_else(|| {
            fields::invalid(format!(
                "expected must be a whole number, not {}",
                fields::shorten(&value.to_string())
            ))
        })?,
    };
    Ok((comparison, expected))
}

fn query(input: &TaskInput, wanted: &Map) -> Result<ClusterQuery, Failure> {
    let text = |key: &str| fields::text(wanted, key).map(str::to_owned);
    let moniker = wanted.get("moniker");
    let named = |key: &str| {
        moniker
            .and_then(|moniker| moniker.get(key)?.as_str())
            .map(str::to_owned)
    };
    let missing = |what: &str| fields::invalid(format!("the precondition names no {what}"));
    let mut regions = fields::texts(wanted.get("regions"));
    if regions.is_empty() {
        regions = fields::texts(wanted.get("zones"));
    }
    if regions.is_empty() {
        return Err(missing("regions"));
    }
    Ok(ClusterQuery {
        provider: text("cloudProvider")
            .or_else(|| fields::text(&input.stage.context, "cloudProvider").map(str::to_owned)),
        application: named("app").unwrap_or_else(|| input.application.clone()),
        account: text("credentials")
            .or_else(|| text("account"))
            .ok_or_else(|| missing("credentials"))?,
        cluster: text("cluster")
            .or_else(|| named("cluster"))
            .ok_or_else(|| missing("cluster"))?,
        regions,
        only_enabled: fields::flag(wanted.get("onlyEnabledServerGroups")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_what_they_say() {
        let table = [
            ("<", [true, false, false]),
            ("<=", [true, true, false]),
            ("==", [false, true, false]),
            (">=", [false, true, true]),
            (">", [false, false, true]),
        ];
        for (text, expected) in table {
            let comparison = Comparison::parse(text).unwrap();
            assert_eq!(
                [1, 2, 3].map(|found| comparison.holds(found, 2)),
                expected,
                "{text}"
            );
            assert_eq!(comparison.to_string(), text);
        }
        assert_eq!(Comparison::parse("="), None);
    }
}
