//! Who may do what with which application.

use serde_json::{Value, json};
use spindrift_catalog::{Author, CatalogError, CatalogOptions, StoredRights, Users};
use spindrift_engine::Caller;
use spindrift_model::Permission;
use spindrift_stages::{CatalogJob, CatalogJobs, JobAuthor};
use spindrift_triggers::ExecuteRights;

use crate::world::{World, map};

fn caller(user: &str, roles: &[&str]) -> Caller {
    Caller {
        roles: roles.iter().map(ToString::to_string).collect(),
        ..Caller::named(user)
    }
}

fn users() -> Users {
    Users::known([
        caller("Dora", &["Devs"]),
        caller("olaf", &["viewers"]),
        caller("olaf", &["operators"]),
        Caller {
            admin: true,
            ..caller("root", &[])
        },
    ])
}

async fn shop(users: Users, permissions: Value) -> World {
    let world = World::with(CatalogOptions {
        users,
        ..CatalogOptions::default()
    });
    let shop = json!({"name": "shop", "email": "a@b", "permissions": permissions});
    let (catalog, root) = (&world.catalog, Author::of("root"));
    catalog.upsert_application(map(shop), &root).await.unwrap();
    world
}

#[tokio::test]
async fn callers_and_triggers_are_judged_alike() {
    let listed =
        json!({"READ": ["viewers"], "WRITE": ["devs"], "EXECUTE": ["operators", "ci@shop"]});
    let world = shop(users(), listed).await;
    let rights = StoredRights::new(world.store.clone(), users());
    let table = [
        ("dora", [true, false]),
        ("DORA", [true, false]),
        ("olaf", [false, true]),
        ("ci@shop", [false, true]),
        ("root", [true, true]),
        ("anonymous", [false, false]),
    ];
    for (user, expected) in table {
        let caller = users().caller(user);
        let may = [Permission::Write, Permission::Execute]
            .map(|permission| world.catalog.permit(&caller, " Shop", permission).is_ok());
        assert_eq!(may, expected, "{user}");
        assert_eq!(rights.may_execute(user, "SHOP"), Ok(expected[1]), "{user}");
        let elsewhere = world.catalog.permit(&caller, "other", Permission::Write);
        assert_eq!(
            elsewhere,
            Ok(()),
            "an application that nobody saved is everybody's"
        );
    }
    let refused = world
        .catalog
        .permit(&caller("eve", &[]), "shop", Permission::Execute);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "user eve needs the permission EXECUTE on application shop, which is given to operators, ci@shop"
    );
}

#[tokio::test]
async fn without_an_administrator_nobody_is_locked_out_for_ever() {
    let read_only = json!({"READ": ["viewers"]});
    let somebody = caller("somebody", &[]);
    let table = [(users(), [false, false]), (Users::default(), [true, false])];
    for (users, expected) in table {
        let world = shop(users, read_only.clone()).await;
        let may = [Permission::Write, Permission::Execute]
            .map(|permission| world.catalog.permit(&somebody, "shop", permission).is_ok());
        assert_eq!(may, expected);
    }
    let world = shop(Users::default(), json!({"EXECUTE": ["operators"]})).await;
    let rights = |roles: &[&str]| {
        let roles = roles.iter().map(ToString::to_string).collect();
        StoredRights::new(world.store.clone(), Users::Local(roles))
    };
    assert_eq!(rights(&[]).may_execute("ann", "shop"), Ok(false));
    assert_eq!(rights(&["Operators"]).may_execute("ann", "shop"), Ok(true));
}

#[tokio::test]
async fn a_pipeline_is_neither_brought_in_nor_taken_out_without_the_permission() {
    let world = shop(users(), json!({"WRITE": ["devs"]})).await;
    let inside = world
        .save(json!({"application": "shop", "name": "a"}))
        .await;
    let outside = world
        .save(json!({"application": "other", "name": "b"}))
        .await;
    let documents = [
        json!({"application": "shop", "name": "new"}),
        json!({"application": "other", "name": "a", "id": inside}),
        json!({"application": "SHOP", "name": "b", "id": outside}),
    ];
    for document in documents {
        let refused = world.catalog.permit_save(&caller("eve", &[]), &document);
        assert!(
            matches!(refused, Err(CatalogError::Forbidden(_))),
            "{document}"
        );
        let allowed = world
            .catalog
            .permit_save(&caller("eve", &["devs"]), &document);
        assert_eq!(allowed, Ok(()), "{document}");
    }
}

#[tokio::test]
async fn a_job_may_change_what_its_author_may() {
    let world = shop(users(), json!({"WRITE": ["devs"]})).await;
    world
        .save(json!({"application": "shop", "name": "a"}))
        .await;
    let jobs = [
        CatalogJob::SavePipelines {
            documents: vec![map(json!({"application": "shop", "name": "b"}))],
            stale_check: false,
            existing: false,
        },
        CatalogJob::UpsertApplication(map(
            json!({"name": "shop", "email": "a@b", "permissions": {}}),
        )),
        CatalogJob::DeletePipeline(map(json!({"application": "shop", "name": "a"}))),
        CatalogJob::DeleteApplication("shop".to_owned()),
    ];
    let author = |user: &str, key: &str| JobAuthor {
        user: user.to_owned(),
        key: key.to_owned(),
        since: 0,
    };
    for job in &jobs {
        let refused = world.jobs.perform(job.clone(), author("olaf", "o")).await;
        let failure = refused.unwrap_err();
        assert_eq!(failure.kind, "AccessDeniedException", "{job:?}");
        assert!(failure.errors[0].contains("WRITE"), "{}", failure.error);
    }
    let names = |world: &World| {
        let pipelines = world.engine.store().pipelines(Some("shop")).unwrap();
        let names: Vec<String> = pipelines.into_iter().map(|one| one.name).collect();
        names
    };
    assert_eq!(names(&world), ["a"]);
    for (number, job) in jobs.iter().enumerate() {
        let author = author("dora", &number.to_string());
        world.jobs.perform(job.clone(), author).await.unwrap();
    }
    assert!(names(&world).is_empty());
}
