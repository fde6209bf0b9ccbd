//! The stage types of server groups, listed once.

use std::sync::Arc;

use spindrift_engine::StageType;

use super::capture::CaptureCapacity;
use super::clone::CloneServerGroup;
use super::clouds::Clouds;
use super::cluster::{ClusterDeed, ClusterStage};
use super::create::MadeFromManifests;
use super::destroy::DestroyServerGroup;
use super::determine::DetermineTargetServerGroup;
use super::disable::DisableServerGroup;
use super::enable::EnableServerGroup;
use super::find_image::FindImage;
use super::resize::ResizeServerGroup;
use super::rollback_cluster::RollbackCluster;
use super::rollback_group::RollbackServerGroup;

/// The stage types of server groups, on those clouds.
pub(crate) fn types(clouds: &Clouds) -> Vec<Arc<dyn StageType>> {
    let cluster = |deed: ClusterDeed| {
        Arc::new(ClusterStage {
            clouds: clouds.clone(),
            deed,
        })
    };
    vec![
        Arc::new(DetermineTargetServerGroup {
            clouds: clouds.clone(),
        }),
        Arc::new(EnableServerGroup {
            clouds: clouds.clone(),
        }),
        Arc::new(DisableServerGroup {
            clouds: clouds.clone(),
        }),
        Arc::new(DestroyServerGroup {
            clouds: clouds.clone(),
        }),
        Arc::new(ResizeServerGroup {
            clouds: clouds.clone(),
        }),
        Arc::new(CaptureCapacity {
            clouds: clouds.clone(),
        }),
        Arc::new(CloneServerGroup {
            clouds: clouds.clone(),
        }),
        Arc::new(MadeFromManifests {
            kind: "createServerGroup",
        }),
        Arc::new(MadeFromManifests { kind: "deploy" }),
        cluster(ClusterDeed::Disable),
        cluster(ClusterDeed::ScaleDown),
        cluster(ClusterDeed::Shrink),
        Arc::new(RollbackServerGroup {
            clouds: clouds.clone(),
        }),
        Arc::new(RollbackCluster {
            clouds: clouds.clone(),
        }),
        Arc::new(FindImage {
            clouds: clouds.clone(),
        }),
    ]
}
