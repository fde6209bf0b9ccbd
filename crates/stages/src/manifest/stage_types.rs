//! The stage types that change objects, listed once.

use std::sync::Arc;

use spindrift_artifacts::ArtifactFetcher;
use spindrift_cloud_driver::Accounts;
use spindrift_engine::StageType;

use super::delete::DeleteManifest;
use super::find_artifacts::FindArtifacts;
use super::operation::{ManifestStage, Operation};
use super::patch::PatchManifest;
use super::rollout::{PauseRollout, ResumeRollout, RollingRestart, UndoRollout};
use super::run_job::RunJob;
use super::scale::ScaleManifest;
use super::traffic::{DisableManifest, EnableManifest};
use crate::server_group::TrafficRules;

/// Every stage type that changes or reads objects that are there, and the one that runs a Job.
pub(crate) fn operations(
    accounts: &Arc<dyn Accounts>,
    fetcher: Option<&Arc<dyn ArtifactFetcher>>,
    traffic: &TrafficRules,
) -> Vec<Arc<dyn StageType>> {
    fn stage<O: Operation>(
        accounts: &Arc<dyn Accounts>,
        fetcher: Option<&Arc<dyn ArtifactFetcher>>,
        traffic: &TrafficRules,
    ) -> Arc<dyn StageType> {
        Arc::new(ManifestStage::<O>::new(accounts, fetcher, traffic))
    }
    vec![
        stage::<DeleteManifest>(accounts, fetcher, traffic),
        stage::<ScaleManifest>(accounts, fetcher, traffic),
        stage::<PatchManifest>(accounts, fetcher, traffic),
        stage::<EnableManifest>(accounts, fetcher, traffic),
        stage::<DisableManifest>(accounts, fetcher, traffic),
        stage::<UndoRollout>(accounts, fetcher, traffic),
        stage::<PauseRollout>(accounts, fetcher, traffic),
        stage::<ResumeRollout>(accounts, fetcher, traffic),
        stage::<RollingRestart>(accounts, fetcher, traffic),
        stage::<FindArtifacts>(accounts, fetcher, traffic),
        Arc::new(RunJob {
            accounts: Arc::clone(accounts),
            fetcher: fetcher.cloned(),
        }),
    ]
}
