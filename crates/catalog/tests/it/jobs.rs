//! Jobs that are performed again after a crash.

use serde_json::{Value, json};
use spindrift_stages::{CatalogJob, CatalogJobs, JobAuthor};

use crate::world::{World, ann, map};

fn author(key: &str) -> JobAuthor {
    JobAuthor {
        user: "ann".to_owned(),
        key: key.to_owned(),
        since: 0,
    }
}

fn save(document: Value) -> CatalogJob {
    CatalogJob::SavePipelines {
        documents: vec![map(document)],
        stale_check: false,
        existing: false,
    }
}

#[tokio::test]
async fn a_job_that_is_performed_again_changes_nothing_more() {
    let world = World::new();
    let stages = json!([{"type": "wait", "waitTime": 0}]);
    let template = json!({
        "schema": "v2", "id": "web", "metadata": {"name": "Web", "description": "x", "scopes": ["global"]},
        "pipeline": {"stages": stages},
    });
    let jobs = [
        CatalogJob::UpsertApplication(map(json!({"name": "shop", "email": "a@b"}))),
        CatalogJob::UpsertProject(map(json!({"name": "retail"}))),
        save(json!({"application": "shop", "name": "release", "stages": stages})),
        CatalogJob::CreateTemplate {
            template: map(template),
            tag: None,
        },
    ];
    for (number, job) in jobs.iter().enumerate() {
        let key = format!("job-{number}");
        let first = world.jobs.perform(job.clone(), author(&key)).await.unwrap();
        // Somebody changes what the job made before the crashed server performs it again.
        if number == 0 {
            let change = map(json!({"name": "shop", "email": "c@d"}));
            world
                .catalog
                .upsert_application(change, &ann())
                .await
                .unwrap();
        }
        let again = world.jobs.perform(job.clone(), author(&key)).await.unwrap();
        assert_eq!(first.context, again.context, "{job:?}");
    }
    assert_eq!(
        world.catalog.application("shop").unwrap().unwrap()["email"],
        "c@d"
    );
    assert_eq!(
        world.catalog.application_history("shop", 10).unwrap().len(),
        2
    );
    assert_eq!(world.catalog.projects().unwrap().len(), 1);
    let pipelines = world.engine.store().pipelines(None).unwrap();
    assert_eq!(pipelines.len(), 1);
    assert_eq!(
        world
            .engine
            .store()
            .revisions(&pipelines[0].id, 10)
            .unwrap()
            .len(),
        1
    );

    let deletions = [
        CatalogJob::DeleteTemplate {
            id: "web".to_owned(),
            tag: None,
            digest: None,
        },
        CatalogJob::DeletePipeline(map(json!({"application": "shop", "name": "release"}))),
        CatalogJob::DeleteProject(map(json!({"name": "retail"}))),
        CatalogJob::DeleteApplication("shop".to_owned()),
    ];
    for (number, job) in deletions.into_iter().enumerate() {
        for _ in 0..2 {
            let key = format!("deletion-{number}");
            world.jobs.perform(job.clone(), author(&key)).await.unwrap();
        }
    }
    assert_eq!(world.catalog.applications().unwrap(), []);
}

#[tokio::test]
async fn a_refused_job_says_everything_that_is_wrong() {
    let world = World::new();
    let bad = json!({"application": "shop", "name": "p", "stages": [{"refId": "1", "type": "wait", "requisiteStageRefIds": ["9"]}, 5]});
    let failure = world
        .jobs
        .perform(save(bad), author("one"))
        .await
        .unwrap_err();
    assert_eq!(failure.error, "Validation failed");
    assert!(
        !failure.errors.is_empty() && !failure.retryable,
        "{failure:?}"
    );
    let update = CatalogJob::SavePipelines {
        documents: vec![map(
            json!({"application": "shop", "name": "p", "id": "gone", "stages": []}),
        )],
        stale_check: false,
        existing: true,
    };
    let failure = world.jobs.perform(update, author("two")).await.unwrap_err();
    assert_eq!(failure.errors, ["there is no pipeline gone"]);
}
