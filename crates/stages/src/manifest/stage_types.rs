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

/// Every stage type that changes or reads objects that are there, and the one that runs a Job.
pub(crate) fn operations(
    accounts: &Arc<dyn Accounts>,
    fetcher: Option<&Arc<dyn ArtifactFetcher>>,
) -> Vec<Arc<dyn StageType>> {
    fn stage<O: Operation>(
        accounts: &Arc<dyn Accounts>,
        fetcher: Option<&Arc<dyn ArtifactFetcher>>,
    ) -> Arc<dyn StageType> {
        Arc::new(ManifestStage::<O>::new(accounts, fetcher))
    }
    vec![
        stage::<DeleteManifest>(accounts, fetcher),
        stage::<ScaleManifest>(accounts, fetcher),
        stage::<PatchManifest>(accounts, fetcher),
        stage::<EnableManifest>(accounts, fetcher),
        stage::<DisableManifest>(accounts, fetcher),
        stage::<UndoRollout>(accounts, fetcher),
        stage::<PauseRollout>(accounts, fetcher),
        stage::<ResumeRollout>(accounts, fetcher),
        stage::<RollingRestart>(accounts, fetcher),
        stage::<FindArtifacts>(accounts, fetcher),
        Arc::new(RunJob {
            accounts: Arc::clone(accounts),
            fetcher: fetcher.cloned(),
        }),
    ]
}
