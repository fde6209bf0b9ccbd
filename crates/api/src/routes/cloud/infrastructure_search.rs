//! The search for what accounts hold, by a part of its name.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use spindrift_cloud_driver::{Inventory, Query as Wanted};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::models;
use crate::identity::Identity;
use crate::problem::HttpProblem;
use crate::query::Query;
use crate::state::ApiState;

/// Shorter texts find nothing, as too much has them.
const SHORTEST: usize = 3;

/// The types that can be searched for.
const TYPES: [&str; 6] = [
    "clusters",
    "instances",
    "loadBalancers",
    "securityGroups",
    "serverGroupManagers",
    "serverGroups",
];

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(search))
}

/// What has a text in its name, a set of results for each type. A text of less than three characters finds nothing.
#[utoipa::path(get, path = "/search", tag = "infrastructure",
    params(("q" = String, Query), ("type" = Option<String>, Query), ("pageSize" = Option<usize>, Query), ("page" = Option<usize>, Query)),
    responses((status = 200, body = Vec<Object>)))]
async fn search(
    State(state): State<ApiState>,
    identity: Identity,
    query: Query,
) -> Result<Json<Vec<Value>>, HttpProblem> {
    let size = query.number("pageSize", 10_000, 1..=10_000)?;
    let page = query.number("page", 1_usize, 1..=1_000_000)?;
    let text = query.text("q").unwrap_or_default().trim().to_lowercase();
    if text.chars().count() < SHORTEST {
        return Ok(Json(Vec::new()));
    }
    let asked = query.list("type");
    let providers = models::all(&state, &identity).await;
    let mut sets = Vec::new();
    for kind in TYPES {
        if !asked.is_empty() && !asked.iter().any(|other| other.eq_ignore_ascii_case(kind)) {
            continue;
        }
        let mut results = Vec::new();
        for provider in &providers {
            results.extend(of_type(kind, provider.inventory(), &text));
        }
        let total = results.len();
        let start = (page - 1).saturating_mul(size);
        let results: Vec<Value> = results.into_iter().skip(start).take(size).collect();
        sets.push(json!({
            "platform": "kubernetes", "query": text, "type": kind,
            "pageNumber": page, "pageSize": size, "totalMatches": total, "results": results,
        }));
    }
    Ok(Json(sets))
}

fn of_type(kind: &str, inventory: &dyn Inventory, text: &str) -> Vec<Value> {
    let all = Wanted::default();
    let has = |name: &str| name.to_lowercase().contains(text);
    let named = |account: &str, region: &str, name: &str, app: &Option<String>| {
        json!({
            "type": kind, "provider": "kubernetes", "account": account, "region": region,
            "namespace": region, "name": name, "application": app,
        })
    };
    match kind {
        "clusters" => {
            let mut found: Vec<Value> = Vec::new();
            for group in inventory.server_groups(&all) {
                let app = group.moniker.app.clone();
                let cluster = json!({"type": kind, "provider": "kubernetes", "account": group.account, "name": group.cluster, "cluster": group.cluster, "application": app});
                if has(&group.cluster) && !found.contains(&cluster) {
                    found.push(cluster);
                }
            }
            found
        }
        "serverGroups" => {
            let groups = inventory.server_groups(&all);
            let matching = groups.iter().filter(|group| has(&group.name));
            matching
                .map(|group| {
                    let app = &group.moniker.app;
                    let mut found = named(&group.account, &group.region, &group.name, app);
                    found["serverGroup"] = group.name.clone().into();
                    found["cluster"] = group.cluster.clone().into();
                    found
                })
                .collect()
        }
        "serverGroupManagers" => {
            let managers = inventory.server_group_managers(&all);
            let matching = managers.iter().filter(|manager| has(&manager.name));
            matching
                .map(|found| {
                    named(
                        &found.account,
                        &found.region,
                        &found.name,
                        &found.moniker.app,
                    )
                })
                .collect()
        }
        "instances" => {
            let instances = inventory.instances(&all);
            let matching = instances
                .iter()
                .filter(|found| has(&found.human_readable_name));
            matching
                .map(|instance| {
                    let app = &instance.moniker.app;
                    let name = &instance.human_readable_name;
                    let mut found = named(&instance.account, &instance.zone, name, app);
                    found["instanceId"] = instance.name.clone().into();
                    found["serverGroup"] = json!(instance.server_group);
                    found
                })
                .collect()
        }
        "loadBalancers" => {
            let balancers = inventory.load_balancers(&all);
            let matching = balancers.iter().filter(|found| has(&found.name));
            matching
                .map(|balancer| {
                    let app = &balancer.moniker.app;
                    let mut found = named(&balancer.account, &balancer.region, &balancer.name, app);
                    found["loadBalancer"] = balancer.name.clone().into();
                    found
                })
                .collect()
        }
        _ => {
            let groups = inventory.security_groups(&all);
            let matching = groups.iter().filter(|found| has(&found.name));
            matching
                .map(|found| {
                    named(
                        &found.account,
                        &found.region,
                        &found.name,
                        &found.moniker.app,
                    )
                })
                .collect()
        }
    }
}
