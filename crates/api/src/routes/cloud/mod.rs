//! What the cloud accounts hold, and the accounts themselves: Clouddriver's routes as Gate offers them.
//!
//! Lists are answered from the live model of each account. An account whose model cannot be had is left out of a list over several accounts, so that one
//! lost cluster does not hide the others; asked for by name, it is an error. Manifests, logs and jobs are read from the API server when they are asked for.

mod clusters;
mod credentials;
mod infrastructure_search;
mod instances;
mod jobs;
mod load_balancers;
mod manifests;
mod models;
mod plans;
mod security_groups;
mod server_groups;
mod shapes;

use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(clusters::routes())
        .merge(credentials::routes())
        .merge(infrastructure_search::routes())
        .merge(instances::routes())
        .merge(jobs::routes())
        .merge(load_balancers::routes())
        .merge(manifests::routes())
        .merge(plans::routes())
        .merge(security_groups::routes())
        .merge(server_groups::routes())
}
