//! The stages of server groups, as whole runs on a cloud made for the test.

use std::sync::Arc;

use serde_json::{Value, json};
use spindrift_cloud_driver::model::{Moniker, ServerGroup, ServerGroupManager};
use spindrift_cloud_driver::{CloudError, ErrorKind};
use spindrift_model::Stage;
use spindrift_stages::{Services, registry};

use crate::fake_cloud::{FakeCloud, disabled, group, guarded, services, within};
use crate::play::Play;
use crate::support::{input, map, perform, shown, stage_type};

fn stage(kind: &str, members: Value) -> Value {
    let mut stage = map(json!({
        "refId": "1", "requisiteStageRefIds": [], "type": kind, "name": kind, "cloudProvider": "nimbus", "credentials": "nimbus",
        "regions": ["prod"], "cluster": "web",
    }));
    stage.extend(map(members));
    Value::Object(stage)
}

fn play(services: Services, stage: Value) -> Play {
    Play::new(registry(services), json!([stage]), 1_000)
}

async fn played(cloud: &Arc<FakeCloud>, kind: &str, members: Value) -> Play {
    let mut play = play(services(cloud), stage(kind, members));
    play.finish().await;
    play
}

/// The texts of every failure in the run.
fn errors(play: &Play) -> Vec<String> {
    let stages = play.run.execution().stages.iter();
    let texts = stages.filter_map(|stage| {
        let details = stage.context.get("exception")?.get("details")?;
        Some(details["errors"].as_array()?.clone())
    });
    texts
        .flatten()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn succeeded(play: &Play) {
    let status = play.run.execution().status;
    assert_eq!(
        status.as_str(),
        "SUCCEEDED",
        "{} {:?}",
        play.shown(),
        errors(play)
    );
}

fn tasks(stage: &Stage) -> Vec<&str> {
    stage.tasks.iter().map(|task| task.name.as_str()).collect()
}

fn three() -> Vec<ServerGroup> {
    vec![
        group("web-v000", 10, 2),
        group("web-v001", 20, 2),
        group("web-v002", 30, 2),
    ]
}

#[tokio::test]
async fn a_named_server_group_is_disabled_by_a_stage_inside() {
    let cloud = FakeCloud::of(three());
    let play = played(
        &cloud,
        "disableServerGroup",
        json!({"serverGroupName": "web-v001"}),
    )
    .await;
    assert_eq!(
        play.shown(),
        "disableServerGroup SUCCEEDED, disableServerGroup in prod SUCCEEDED, = SUCCEEDED"
    );
    assert!(play.stage("disableServerGroup").tasks.is_empty());
    let inner = play.stage("disableServerGroup in prod");
    assert_eq!(
        tasks(inner),
        [
            "determineHealthProviders",
            "disableServerGroup",
            "monitorServerGroup",
            "waitForDownInstances",
            "waitForServerGroupDisabled",
            "forceCacheRefresh"
        ]
    );
    assert_eq!(inner.context["asgName"], "web-v001");
    assert_eq!(inner.context["serverGroupName"], "web-v001");
    assert_eq!(inner.context["deploy.account.name"], "nimbus");
    assert_eq!(inner.context["notification.type"], "disableservergroup");
    assert_eq!(
        inner.context["deploy.server.groups"],
        json!({"prod": ["web-v001"]})
    );
    assert!(inner.context.contains_key("kato.last.task.id"));
    assert_eq!(cloud.calls(), ["disable prod/web-v001"]);
}

#[tokio::test]
async fn a_dynamic_target_is_found_in_each_location_one_after_the_other() {
    let mut groups = three();
    groups.extend([
        within("eu", group("web-v007", 5, 1)),
        within("eu", group("web-v008", 6, 1)),
    ]);
    let cloud = FakeCloud::of(groups);
    let members = json!({"target": "ancestor_asg_dynamic", "regions": ["prod", "eu"]});
    let play = played(&cloud, "disableServerGroup", members).await;
    succeeded(&play);
    assert_eq!(
        cloud.calls(),
        ["disable prod/web-v001", "disable eu/web-v007"]
    );
    let stages: Vec<&str> = play
        .run
        .execution()
        .stages
        .iter()
        .map(|stage| stage.display_name())
        .collect();
    assert_eq!(
        stages,
        [
            "disableServerGroup",
            "determineTargetServerGroup",
            "disableServerGroup in prod",
            "disableServerGroup in eu"
        ]
    );
    let references = &play.stage("determineTargetServerGroup").context["targetReferences"];
    assert_eq!(references[1]["serverGroupName"], "web-v007");
    assert_eq!(references[1]["region"], "eu");
    let second = play.stage("disableServerGroup in eu");
    assert_eq!(second.requisite_stage_ref_ids, ["1<2"]);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let cloud = FakeCloud::of([group("web-v000", 10, 2)]);
    let table = [
        (
            json!({"target": "ancestor_asg_dynamic"}),
            "Unable to locate ancestor_asg_dynamic in nimbus/prod/web",
        ),
        (
            json!({"target": "oldest_asg_dynamic"}),
            "Unable to locate oldest_asg_dynamic in nimbus/prod/web",
        ),
        (
            json!({"target": "current_asg_dynamic", "regions": ["eu"]}),
            "Unable to locate current_asg_dynamic in nimbus/eu/web",
        ),
        (
            json!({"serverGroupName": "web-v009"}),
            "Could not find server group 'web-v009' in nimbus/prod, found [web-v000]",
        ),
        (
            json!({"credentials": "other", "serverGroupName": "web-v000"}),
            "there is no account \"other\"; there are: nimbus",
        ),
        (
            json!({"cloudProvider": "aws", "serverGroupName": "web-v000"}),
            "the account \"nimbus\" is one of the cloud nimbus, and the stage's cloudProvider is aws",
        ),
        (
            json!({"regions": null, "serverGroupName": "web-v000"}),
            "the stage names no location; set regions or namespaces to where it works",
        ),
        (
            json!({}),
            "the stage names no server group; set serverGroupName, or cluster and target",
        ),
        (
            json!({"target": "loudest"}),
            "target must be current_asg_dynamic, ancestor_asg_dynamic or oldest_asg_dynamic, not \"loudest\"",
        ),
        (
            json!({"desiredPercentage": 50, "serverGroupName": "web-v000"}),
            "a server group is disabled as a whole, and desiredPercentage is 50; resize it instead",
        ),
    ];
    for (members, expected) in table {
        let play = played(&cloud, "disableServerGroup", members.clone()).await;
        assert_eq!(
            play.run.execution().status.as_str(),
            "TERMINAL",
            "{members}"
        );
        assert_eq!(errors(&play), [expected], "{members}");
    }
    assert!(cloud.calls().is_empty());
}

#[tokio::test]
async fn namespaces_and_regions_mean_the_same() {
    for members in [
        json!({"regions": null, "namespaces": ["prod"]}),
        json!({"regions": null, "namespace": "prod"}),
        json!({"regions": null, "region": "prod"}),
        json!({"regions": null, "credentials": null, "account": "nimbus", "region": "prod"}),
    ] {
        let cloud = FakeCloud::of([disabled(group("web-v000", 10, 2))]);
        let mut members = map(members);
        members.insert("target".to_owned(), "current_asg_dynamic".into());
        let play = played(&cloud, "enableServerGroup", Value::Object(members)).await;
        succeeded(&play);
        assert_eq!(cloud.calls(), ["enable prod/web-v000"]);
    }
}

#[tokio::test]
async fn a_server_group_is_taken_out_of_traffic_before_it_is_destroyed() {
    let cloud = FakeCloud::of(three());
    let members = json!({"target": "oldest_asg_dynamic"});
    let play = played(&cloud, "destroyServerGroup", members).await;
    succeeded(&play);
    assert_eq!(
        cloud.calls(),
        ["disable prod/web-v000", "destroy prod/web-v000"]
    );
    assert_eq!(cloud.shown(), ["web-v001 2", "web-v002 2"]);
    let inner = play.stage("destroyServerGroup in prod");
    assert_eq!(
        tasks(inner),
        [
            "destroyServerGroup",
            "monitorServerGroup",
            "waitForDestroyedServerGroup"
        ]
    );

    let cloud = FakeCloud::of(three());
    let members = json!({"serverGroupName": "web-v000", "skipDisableBeforeDestroy": true});
    succeeded(&played(&cloud, "destroyServerGroup", members).await);
    assert_eq!(cloud.calls(), ["destroy prod/web-v000"]);
}

#[tokio::test]
async fn what_cannot_be_taken_out_of_traffic_is_destroyed_all_the_same() {
    let cloud = FakeCloud::of(three());
    cloud.fail_next(CloudError::new(
        ErrorKind::Unsupported,
        "it has no load balancers",
    ));
    let members = json!({"serverGroupName": "web-v000"});
    let play = played(&cloud, "destroyServerGroup", members.clone()).await;
    succeeded(&play);
    let before = play.stage("Disable before destroy");
    assert_eq!(
        before.context["warnings"],
        json!(["it has no load balancers"])
    );
    assert_eq!(cloud.shown(), ["web-v001 2", "web-v002 2"]);

    let cloud = FakeCloud::of(three());
    cloud.fail_next(CloudError::new(
        ErrorKind::Unsupported,
        "it has no load balancers",
    ));
    let play = played(&cloud, "disableServerGroup", members).await;
    assert_eq!(errors(&play), ["it has no load balancers"]);
}

#[tokio::test]
async fn a_resize_computes_notes_and_waits() {
    let table = [
        (
            json!({"capacity": {"min": 1, "max": 4, "desired": 3}}),
            "resize 1/4/3",
        ),
        (json!({"action": "scale_up", "scaleNum": 2}), "resize 4/4/4"),
        (
            json!({"action": "scale_up", "scalePct": "50"}),
            "resize 3/3/3",
        ),
        (
            json!({"action": "scale_down", "scaleNum": 1}),
            "resize 1/1/1",
        ),
        (json!({"action": "scale_to_cluster"}), "resize 5/5/5"),
        (
            json!({"action": "scale_to_cluster", "scalePct": 10}),
            "resize 6/6/6",
        ),
        (
            json!({"action": "scale_to_server_group", "source": {"serverGroupName": "web-v001", "region": "prod"}}),
            "resize 5/5/5",
        ),
        (json!({"capacity": {"desired": 7}}), "resize 7/7/7"),
    ];
    for (mut members, expected) in table {
        let cloud = FakeCloud::of([group("web-v000", 10, 2), group("web-v001", 20, 5)]);
        members["serverGroupName"] = "web-v000".into();
        let play = played(&cloud, "resizeServerGroup", members.clone()).await;
        succeeded(&play);
        assert_eq!(
            cloud.calls(),
            [format!("{expected} prod/web-v000")],
            "{members}"
        );
        let inner = play.stage("resizeServerGroup in prod");
        assert_eq!(
            inner.outputs["originalCapacity.web-v000"],
            json!({"min": 2, "max": 2, "desired": 2})
        );
        assert_eq!(
            tasks(inner),
            [
                "determineHealthProviders",
                "resizeServerGroup",
                "monitorServerGroup",
                "forceCacheRefresh",
                "waitForCapacityMatch"
            ]
        );
    }
}

#[tokio::test]
async fn guards_are_asked_before_instances_go() {
    let only = || [group("web-v000", 10, 2), disabled(group("web-v001", 20, 2))];
    let refused = |operation: &str| {
        format!(
            "This cluster ('web' in nimbus/prod) has traffic guards enabled. {operation} [web-v000] would leave the cluster with no instances up."
        )
    };
    let named = json!({"serverGroupName": "web-v000"});
    let table = [
        ("disableServerGroup", named.clone(), refused("Disabling")),
        (
            "destroyServerGroup",
            json!({"serverGroupName": "web-v000", "skipDisableBeforeDestroy": true}),
            refused("Destroying"),
        ),
        (
            "resizeServerGroup",
            json!({"serverGroupName": "web-v000", "capacity": {"min": 0, "max": 0, "desired": 0}}),
            refused("Removal of all instances in"),
        ),
        (
            "disableCluster",
            json!({"remainingEnabledServerGroups": 0}),
            refused("Running disableCluster on"),
        ),
        (
            "scaleDownCluster",
            json!({"remainingFullSizeServerGroups": 1, "allowScaleDownActive": true, "preferLargerOverNewer": true}),
            String::new(),
        ),
    ];
    for (kind, members, expected) in table {
        let cloud = FakeCloud::of(only());
        let mut play = play(guarded(&cloud), stage(kind, members));
        play.finish().await;
        match expected.is_empty() {
            true => succeeded(&play),
            false => {
                assert_eq!(errors(&play), [expected], "{kind}");
                assert!(cloud.calls().is_empty(), "{kind} {:?}", cloud.calls());
            }
        }
    }
    // Those out of traffic may go, and so may everything while nothing is up.
    for (kind, name) in [
        ("destroyServerGroup", "web-v001"),
        ("disableServerGroup", "web-v001"),
    ] {
        let cloud = FakeCloud::of(only());
        let mut play = play(
            guarded(&cloud),
            stage(kind, json!({"serverGroupName": name})),
        );
        play.finish().await;
        succeeded(&play);
    }
}

#[tokio::test]
async fn cluster_stages_keep_what_they_are_told() {
    type Case = (
        &'static str,
        Value,
        Vec<ServerGroup>,
        &'static [&'static str],
    );
    let dark = || {
        vec![
            disabled(group("web-v000", 10, 2)),
            disabled(group("web-v001", 20, 2)),
            group("web-v002", 30, 2),
        ]
    };
    let table: [Case; 9] = [
        (
            "disableCluster",
            json!({}),
            three(),
            &["-web-v000 2", "-web-v001 2", "web-v002 2"],
        ),
        (
            "disableCluster",
            json!({"remainingEnabledServerGroups": "2"}),
            three(),
            &["-web-v000 2", "web-v001 2", "web-v002 2"],
        ),
        (
            "disableCluster",
            json!({}),
            vec![group("web-v000", 10, 2)],
            &["web-v000 2"],
        ),
        (
            "scaleDownCluster",
            json!({}),
            dark(),
            &["-web-v000 0", "-web-v001 0", "web-v002 2"],
        ),
        (
            "scaleDownCluster",
            json!({}),
            three(),
            &["web-v000 2", "web-v001 2", "web-v002 2"],
        ),
        ("shrinkCluster", json!({}), dark(), &["web-v002 2"]),
        (
            "shrinkCluster",
            json!({"shrinkToSize": 2}),
            dark(),
            &["-web-v001 2", "web-v002 2"],
        ),
        (
            "shrinkCluster",
            json!({"allowDeleteActive": true}),
            three(),
            &["web-v002 2"],
        ),
        (
            "shrinkCluster",
            json!({"allowDeleteActive": true, "retainLargerOverNewer": true}),
            vec![group("web-v000", 10, 9), group("web-v001", 20, 2)],
            &["web-v000 9"],
        ),
    ];
    for (kind, members, groups, expected) in table {
        let cloud = FakeCloud::of(groups);
        let play = played(&cloud, kind, members.clone()).await;
        succeeded(&play);
        assert_eq!(cloud.shown(), expected, "{kind} {members}");
    }
}

#[tokio::test]
async fn a_cluster_stage_notes_what_it_chose() {
    let cloud = FakeCloud::of(three());
    let play = played(&cloud, "shrinkCluster", json!({"allowDeleteActive": true})).await;
    let stage = play.stage("shrinkCluster");
    assert_eq!(
        tasks(stage),
        [
            "determineHealthProviders",
            "shrinkCluster",
            "monitorShrinkCluster",
            "forceCacheRefresh",
            "waitForClusterShrink",
            "forceCacheRefresh"
        ]
    );
    assert_eq!(
        stage.context["deploy.server.groups"],
        json!({"prod": ["web-v000", "web-v001"]})
    );
    assert_eq!(
        cloud.calls(),
        [
            "disable prod/web-v000",
            "disable prod/web-v001",
            "destroy prod/web-v000",
            "destroy prod/web-v001"
        ]
    );

    let cloud = FakeCloud::of(three());
    let members = json!({"allowDeleteActive": true, "runDisableClusterStep": false});
    succeeded(&played(&cloud, "shrinkCluster", members).await);
    assert_eq!(
        cloud.calls(),
        ["destroy prod/web-v000", "destroy prod/web-v001"]
    );
}

#[tokio::test]
async fn a_missing_cluster_fails_unless_it_may_be_missing() {
    let missing = "Could not find cluster 'api' in nimbus/prod";
    let table = [
        ("disableCluster", json!({}), Err(missing)),
        (
            "disableCluster",
            json!({"continueIfClusterNotFound": true}),
            Ok(()),
        ),
        (
            "scaleDownCluster",
            json!({"continueIfClusterNotFound": "true"}),
            Ok(()),
        ),
        ("shrinkCluster", json!({}), Err(missing)),
        ("shrinkCluster", json!({"shrinkToSize": 0}), Ok(())),
        (
            "shrinkCluster",
            json!({"shrinkToSize": 0, "allowDeleteActive": true}),
            Ok(()),
        ),
    ];
    for (kind, mut members, expected) in table {
        members["cluster"] = "api".into();
        let cloud = FakeCloud::of(three());
        let play = played(&cloud, kind, members.clone()).await;
        match expected {
            Ok(()) => succeeded(&play),
            Err(text) => assert_eq!(errors(&play), [text], "{kind} {members}"),
        }
        assert!(cloud.calls().is_empty());
    }
}

#[tokio::test]
async fn another_applications_cluster_of_that_name_is_left_alone() {
    let other = ServerGroup {
        application: Some("billing".to_owned()),
        ..group("web-v000", 10, 2)
    };
    let cloud = FakeCloud::of([other]);
    let play = played(
        &cloud,
        "disableCluster",
        json!({"remainingEnabledServerGroups": 0}),
    )
    .await;
    assert_eq!(
        errors(&play),
        ["Could not find cluster 'web' in nimbus/prod"]
    );
    let members = json!({"remainingEnabledServerGroups": 0, "moniker": {"app": "billing", "cluster": "web"}, "cluster": null});
    succeeded(&played(&cloud, "disableCluster", members).await);
    assert_eq!(cloud.shown(), ["-web-v000 2"]);
}

#[tokio::test]
async fn a_cluster_is_rolled_back_to_the_version_before() {
    let groups = [
        group("web-v000", 10, 1),
        disabled(group("web-v001", 20, 0)),
        group("web-v002", 30, 3),
    ];
    let cloud = FakeCloud::of(groups);
    let members = json!({"additionalRollbackContext": {"delayBeforeDisableSeconds": 30}});
    let play = played(&cloud, "rollbackCluster", members).await;
    succeeded(&play);
    let stage = play.stage("rollbackCluster");
    assert_eq!(stage.outputs["rollbackTypes"], json!({"prod": "EXPLICIT"}));
    assert_eq!(
        stage.outputs["rollbackContexts"]["prod"],
        json!({
            "rollbackServerGroupName": "web-v002", "restoreServerGroupName": "web-v001", "targetHealthyRollbackPercentage": 100,
            "delayBeforeDisableSeconds": 30,
        })
    );
    let names: Vec<&str> = play
        .run
        .execution()
        .stages
        .iter()
        .map(|stage| stage.display_name())
        .collect();
    assert_eq!(
        names,
        [
            "rollbackCluster",
            "Rollback prod",
            "Snapshot capacities",
            "Enable web-v001",
            "Grow web-v001",
            "Wait before disabling web-v002",
            "Disable web-v002",
            "Restore the minimum of web-v001"
        ]
    );
    assert_eq!(
        cloud.calls(),
        [
            "enable prod/web-v001",
            "resize 3/3/3 prod/web-v001",
            "disable prod/web-v002",
            "resize 0/3/3 prod/web-v001"
        ]
    );
    assert_eq!(cloud.shown(), ["web-v000 1", "web-v001 3", "-web-v002 3"]);
}

#[tokio::test]
async fn a_rollback_goes_where_it_can() {
    let groups = || {
        vec![
            group("web-v000", 10, 1),
            group("web-v001", 20, 1),
            group("web-v002", 30, 1),
            within("eu", group("web-v000", 10, 1)),
        ]
    };
    let cloud = FakeCloud::of(groups());
    let members = json!({
        "regions": ["prod", "eu"], "originalServerGroup": "web-v000", "additionalRollbackContext": {"enableAndDisableOnly": true},
    });
    let play = played(&cloud, "rollbackCluster", members).await;
    succeeded(&play);
    assert_eq!(
        cloud.calls(),
        ["enable prod/web-v000", "disable prod/web-v002"]
    );
    assert_eq!(
        play.stage("rollbackCluster").outputs["rollbackSkipped"],
        json!({"eu": "there is no other server group to go back to"})
    );

    let cloud = FakeCloud::of(groups());
    let members = json!({"additionalRollbackContext": {"disableOnly": true}});
    succeeded(&played(&cloud, "rollbackCluster", members).await);
    assert_eq!(cloud.calls(), ["disable prod/web-v002"]);
}

#[tokio::test]
async fn what_has_no_versions_goes_back_by_undoing() {
    let mut alone = group("web", 10, 2);
    alone.images = vec!["shop/web:2".to_owned(), "shop/web:1".to_owned()];
    let cloud = FakeCloud::of([alone]);
    let play = played(&cloud, "rollbackCluster", json!({})).await;
    succeeded(&play);
    assert_eq!(
        play.stage("rollbackCluster").outputs["rollbackTypes"],
        json!({"prod": "UNDO"})
    );
    assert_eq!(cloud.calls(), ["undo to shop/web:1 prod/web"]);
    assert_eq!(cloud.image(), "shop/web:1");
}

#[tokio::test]
async fn a_clone_is_the_next_version_and_takes_over() {
    let cloud = FakeCloud::of([group("web-v000", 10, 2), group("web-v001", 20, 2)]);
    let members = json!({
        "target": "current_asg_dynamic", "region": "prod", "image": "shop/web:9", "strategy": "redblack", "scaleDown": true,
        "delayBeforeScaleDownSec": 5,
    });
    let play = played(&cloud, "cloneServerGroup", members).await;
    succeeded(&play);
    assert_eq!(cloud.shown(), ["-web-v000 0", "-web-v001 0", "web-v002 2"]);
    let stage = play.stage("cloneServerGroup");
    assert_eq!(stage.context["source"]["serverGroupName"], "web-v001");
    assert_eq!(
        stage.outputs["deploy.server.groups"],
        json!({"prod": ["web-v002"]})
    );
    assert_eq!(
        cloud.calls()[0],
        "clone {\"image\":\"shop/web:9\"} prod/web-v001"
    );
    assert_eq!(
        play.stage("Wait before scale down").status.as_str(),
        "SUCCEEDED"
    );

    let cloud = FakeCloud::of([group("web-v000", 10, 2), group("web-v001", 20, 2)]);
    let members = json!({"source": {"serverGroupName": "web-v000", "region": "prod"}, "strategy": "highlander"});
    succeeded(&played(&cloud, "cloneServerGroup", members).await);
    assert_eq!(cloud.shown(), ["web-v002 2"]);

    let play = played(
        &cloud,
        "cloneServerGroup",
        json!({"strategy": "rollingredblack"}),
    )
    .await;
    assert_eq!(
        errors(&play),
        ["strategy must be none, highlander or redblack, not \"rollingredblack\""]
    );
}

#[tokio::test]
async fn a_cluster_stage_never_touches_what_the_run_has_deployed() {
    let cloud = FakeCloud::of([group("web-v000", 10, 2)]);
    let stages = json!([
        stage(
            "cloneServerGroup",
            json!({"source": {"serverGroupName": "web-v000", "region": "prod"}})
        ),
        stage(
            "shrinkCluster",
            json!({
                "refId": "2", "requisiteStageRefIds": ["1"], "allowDeleteActive": true, "retainLargerOverNewer": true, "shrinkToSize": 0,
            })
        ),
    ]);
    let mut play = Play::new(registry(services(&cloud)), stages, 1_000);
    play.finish().await;
    succeeded(&play);
    assert_eq!(cloud.shown(), ["web-v001 2"]);
}

#[tokio::test]
async fn images_are_found_in_the_server_group_that_is_asked_for() {
    let groups = || {
        vec![
            group("web-v000", 10, 9),
            group("web-v001", 20, 2),
            disabled(group("web-v002", 30, 2)),
        ]
    };
    let table = [
        (json!({}), Ok("shop/web-v001:1")),
        (json!({"onlyEnabled": false}), Ok("shop/web-v002:1")),
        (
            json!({"selectionStrategy": "OLDEST"}),
            Ok("shop/web-v000:1"),
        ),
        (
            json!({"selectionStrategy": "LARGEST"}),
            Ok("shop/web-v000:1"),
        ),
        (
            json!({"selectionStrategy": "FAIL"}),
            Err(
                "more than one server group is in the cluster 'web' in nimbus/prod: web-v001, web-v000",
            ),
        ),
        (
            json!({"cluster": "api"}),
            Err("there is no enabled server group in the cluster 'api' in nimbus/prod"),
        ),
        (
            json!({"imageNamePattern": "^api"}),
            Err("web-v001 in nimbus/prod runs no image that is looked for, but shop/web-v001:1"),
        ),
    ];
    for (members, expected) in table {
        for kind in ["findImage", "findImageFromCluster"] {
            let cloud = FakeCloud::of(groups());
            let play = played(&cloud, kind, members.clone()).await;
            match expected {
                Ok(reference) => {
                    succeeded(&play);
                    let outputs = &play.stage(kind).outputs;
                    assert_eq!(outputs["artifacts"][0]["reference"], reference, "{members}");
                    assert_eq!(outputs["artifacts"][0]["type"], "docker/image");
                    assert_eq!(outputs["amiDetails"][0]["region"], "prod");
                }
                Err(text) => assert_eq!(errors(&play), [text], "{members}"),
            }
        }
    }
}

#[tokio::test]
async fn a_server_group_with_a_manager_stands_for_it() {
    let managed = ServerGroup {
        managers: vec!["controller web".to_owned()],
        ..group("web-aaa", 10, 2)
    };
    let cloud = FakeCloud::of([managed]);
    cloud.manage(ServerGroupManager {
        name: "controller web".to_owned(),
        display_name: "web".to_owned(),
        account: "nimbus".to_owned(),
        region: "prod".to_owned(),
        kind: "controller".to_owned(),
        api_version: "v1".to_owned(),
        labels: Default::default(),
        moniker: Moniker {
            app: Some("shop".to_owned()),
            cluster: Some("controller web".to_owned()),
            ..Moniker::default()
        },
        created_time: 5,
        server_groups: Vec::new(),
    });
    let members = json!({"serverGroupName": "web-aaa", "capacity": {"desired": 4}});
    let play = played(&cloud, "resizeServerGroup", members).await;
    // The cloud made for the test cannot resize managers; what counts is whom it was asked to.
    assert_eq!(cloud.calls(), ["resize 4/4/4 prod/controller web"]);
    assert_eq!(errors(&play), ["there is no controller web"]);
}

#[tokio::test]
async fn a_repetition_after_a_crash_changes_nothing_more() {
    type Case = (&'static str, Value, &'static str, &'static [&'static str]);
    let table: [Case; 7] = [
        (
            "destroyServerGroup",
            json!({"target": "current_asg_dynamic", "skipDisableBeforeDestroy": true}),
            "destroyServerGroup",
            &["web-v000 2", "web-v001 2"],
        ),
        (
            "resizeServerGroup",
            json!({"target": "current_asg_dynamic", "action": "scale_up", "scalePct": 100}),
            "resizeServerGroup",
            &["web-v000 2", "web-v001 2", "web-v002 4"],
        ),
        (
            "disableServerGroup",
            json!({"target": "oldest_asg_dynamic"}),
            "disableServerGroup",
            &["-web-v000 2", "web-v001 2", "web-v002 2"],
        ),
        (
            "shrinkCluster",
            json!({"allowDeleteActive": true, "shrinkToSize": 2}),
            "shrinkCluster",
            &["web-v001 2", "web-v002 2"],
        ),
        (
            "disableCluster",
            json!({"remainingEnabledServerGroups": 2}),
            "disableCluster",
            &["-web-v000 2", "web-v001 2", "web-v002 2"],
        ),
        (
            "cloneServerGroup",
            json!({"target": "current_asg_dynamic"}),
            "cloneServerGroup",
            &["web-v000 2", "web-v001 2", "web-v002 2", "web-v003 2"],
        ),
        (
            "rollbackCluster",
            json!({}),
            "enableServerGroup",
            &["web-v000 2", "web-v001 2", "-web-v002 2"],
        ),
    ];
    for (kind, members, task, expected) in table {
        for after in [1, 2] {
            let cloud = FakeCloud::of(three());
            let mut play = play(services(&cloud), stage(kind, members.clone()));
            play.dies_after = Some((task, after));
            play.finish().await;
            succeeded(&play);
            assert_eq!(cloud.shown(), expected, "{kind} died after {after}");
            let unused = play.dies_after.is_some();
            assert!(
                !unused || kind == "cloneServerGroup",
                "{kind} never died after {after}"
            );
        }
    }
}

#[tokio::test]
async fn an_undone_change_is_not_undone_again() {
    let mut alone = group("web", 10, 2);
    alone.images = vec!["shop/web:2".to_owned(), "shop/web:1".to_owned()];
    let cloud = FakeCloud::of([alone]);
    let mut play = play(services(&cloud), stage("rollbackCluster", json!({})));
    play.dies_after = Some(("undoServerGroup", 2));
    play.finish().await;
    succeeded(&play);
    assert!(play.dies_after.is_none());
    assert_eq!(cloud.calls().len(), 2);
    assert_eq!(cloud.image(), "shop/web:1");
}

#[tokio::test]
async fn a_cloud_that_cannot_be_reached_is_asked_again() {
    let cloud = FakeCloud::of(three());
    cloud.fail_next(CloudError::new(ErrorKind::Unavailable, "the cloud is busy"));
    let members = json!({"serverGroupName": "web-v000"});
    let play = played(&cloud, "disableServerGroup", members.clone()).await;
    succeeded(&play);
    assert_eq!(
        cloud.calls(),
        ["disable prod/web-v000", "disable prod/web-v000"]
    );

    let cloud = FakeCloud::of(three());
    cloud.fail_next(CloudError::new(ErrorKind::Refused, "no quota"));
    let play = played(&cloud, "disableServerGroup", members).await;
    assert_eq!(errors(&play), ["no quota"]);
}

#[tokio::test]
async fn a_wait_says_what_is_missing_and_ends_by_itself() {
    let cloud = FakeCloud::slow([group("web-v000", 10, 2)]);
    cloud.set_up("web-v000", 1);
    let registry = registry(services(&cloud));
    let table = [
        (
            "enableServerGroup",
            "waitForUpInstances",
            "web-v000: 1 of 2 instances are up",
        ),
        (
            "resizeServerGroup",
            "waitForCapacityMatch",
            "web-v000 has 1 of 2",
        ),
    ];
    for (kind, task, missing) in table {
        cloud.set_up("web-v000", 1);
        let stage_type = stage_type(&registry, kind);
        let context = json!({
            "credentials": "nimbus", "region": "prod", "deploy.server.groups": {"prod": ["web-v000"]},
        });
        let mut asked = input(kind, context);
        let first = perform(&*stage_type, task, asked.clone()).await;
        assert_eq!(shown(&first.outcome), "RUNNING for 1", "{task}");
        assert_eq!(first.context["waitingFor"], missing, "{task}");
        asked.stage.context.extend(first.context);
        let (done, ()) = tokio::join!(perform(&*stage_type, task, asked), async {
            tokio::task::yield_now().await;
            cloud.bring_up();
        });
        assert_eq!(shown(&done.outcome), "SUCCEEDED", "{task}");
        assert_eq!(done.unset, ["waitingFor"], "{task}");
    }
}

#[tokio::test]
async fn part_of_the_instances_may_be_enough() {
    let cloud = FakeCloud::slow([disabled(group("web-v000", 10, 10))]);
    cloud.set_up("web-v000", 9);
    let members = json!({"serverGroupName": "web-v000", "targetHealthyDeployPercentage": 90});
    succeeded(&played(&cloud, "enableServerGroup", members).await);
    cloud.set_up("web-v000", 0);
    let members = json!({"serverGroupName": "web-v000", "interestingHealthProviderNames": []});
    succeeded(&played(&cloud, "enableServerGroup", members).await);
    let members = json!({"serverGroupName": "web-v000", "targetHealthyDeployPercentage": "most"});
    let play = played(&cloud, "enableServerGroup", members).await;
    assert_eq!(
        errors(&play),
        ["targetHealthyDeployPercentage must be a number from 0 to 100, not \"most\""]
    );
}

#[tokio::test]
async fn sizes_of_clusters_are_counted_in_the_accounts() {
    let cloud = FakeCloud::of([group("web-v000", 10, 1), disabled(group("web-v001", 20, 1))]);
    let check = |enabled: bool, expected: u32| {
        let precondition = json!({
            "type": "clusterSize", "failPipeline": true,
            "context": {"cluster": "web", "credentials": "nimbus", "regions": ["prod"], "expected": expected, "onlyEnabledServerGroups": enabled},
        });
        stage(
            "checkPreconditions",
            json!({"preconditions": [precondition]}),
        )
    };
    for (enabled, expected) in [(false, 2), (true, 1)] {
        let mut play = play(services(&cloud), check(enabled, expected));
        play.finish().await;
        succeeded(&play);
    }
    let mut play = play(services(&cloud), check(false, 3));
    play.finish().await;
    assert_eq!(
        errors(&play),
        [
            "Precondition check failed: expected == 3 server groups in prod but found 2: [web-v000, web-v001]"
        ]
    );
}

#[tokio::test]
async fn what_this_cloud_makes_otherwise_is_said() {
    let cloud = FakeCloud::of(three());
    for kind in ["deploy", "createServerGroup"] {
        let play = played(&cloud, kind, json!({})).await;
        let text = errors(&play).join("; ");
        assert!(
            text.contains("use a deployManifest stage"),
            "{kind}: {text}"
        );
    }
}
