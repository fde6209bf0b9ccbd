//! Create, read, replace, dry runs and generated names.

use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::support::{config_map, object, over_tcp, refusal, value, world};

#[tokio::test]
async fn an_object_is_created_read_replaced_and_deleted_in_process_and_over_tcp() {
    let world = world();
    for client in [world.client.clone(), over_tcp(&world.sandbox).await] {
        let api: Api<ConfigMap> = Api::default_namespaced(client);
        let created = api
            .create(
                &PostParams::default(),
                &object(config_map("c", json!({"a": "1"}))),
            )
            .await
            .unwrap();
        assert!(created.metadata.uid.is_some() && created.metadata.creation_timestamp.is_some());
        assert_eq!(created.metadata.namespace.as_deref(), Some("default"));
        let again = refusal(
            api.create(&PostParams::default(), &object(config_map("c", json!({}))))
                .await,
        );
        assert_eq!(
            (again.code, again.reason.as_str(), again.message.as_str()),
            (409, "AlreadyExists", "configmaps \"c\" already exists")
        );

        let mut next = created.clone();
        next.data
            .get_or_insert_default()
            .insert("b".into(), "2".into());
        let replaced = api
            .replace("c", &PostParams::default(), &next)
            .await
            .unwrap();
        assert_ne!(
            replaced.metadata.resource_version,
            created.metadata.resource_version
        );
        let stale = refusal(api.replace("c", &PostParams::default(), &next).await);
        assert_eq!((stale.code, stale.reason.as_str()), (409, "Conflict"));
        assert!(
            stale.message.contains("the object has been modified"),
            "{}",
            stale.message
        );

        api.delete("c", &DeleteParams::default())
            .await
            .unwrap()
            .right()
            .expect("it is gone at once");
        let missing = refusal(api.get("c").await);
        assert_eq!(
            (missing.code, missing.message.as_str()),
            (404, "configmaps \"c\" not found")
        );
        let details = missing.details.unwrap();
        assert_eq!(
            (details.name.as_str(), details.kind.as_str()),
            ("c", "configmaps")
        );
    }
}

#[tokio::test]
async fn a_write_that_changes_nothing_makes_no_new_version() {
    let world = world();
    let created = world.make(config_map("c", json!({"a": "1"}))).await;
    let api = world.api("v1", "ConfigMap");
    let same = api
        .replace("c", &PostParams::default(), &created)
        .await
        .unwrap();
    assert_eq!(
        same.metadata.resource_version,
        created.metadata.resource_version
    );
}

#[tokio::test]
async fn a_dry_run_answers_like_a_write_and_leaves_nothing() {
    let world = world();
    let api = world.api("v1", "ConfigMap");
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let shown = api
        .create(&params, &object(config_map("c", json!({"a": "1"}))))
        .await
        .unwrap();
    assert!(shown.metadata.uid.is_some());
    assert!(api.get_opt("c").await.unwrap().is_none());
    world.make(config_map("c", json!({"a": "1"}))).await;
    let mut next = api.get("c").await.unwrap();
    next.data["data"]["a"] = json!("2");
    assert_eq!(
        api.replace("c", &params, &next).await.unwrap().data["data"]["a"],
        "2"
    );
    assert_eq!(api.get("c").await.unwrap().data["data"]["a"], "1");
    api.delete("c", &DeleteParams::default().dry_run())
        .await
        .unwrap();
    assert!(api.get_opt("c").await.unwrap().is_some());
    assert!(
        !world
            .sandbox
            .requests()
            .iter()
            .any(|request| request.is_write() && request.verb == "delete")
    );
}

#[tokio::test]
async fn a_name_can_be_generated() {
    let world = world();
    let api = world.api("v1", "ConfigMap");
    let mut wanted = config_map("x", json!({}));
    wanted["metadata"] = json!({"generateName": "conf-"});
    let (one, two) = (
        api.create(&PostParams::default(), &object(wanted.clone()))
            .await
            .unwrap(),
        api.create(&PostParams::default(), &object(wanted))
            .await
            .unwrap(),
    );
    let names = [one.metadata.name.unwrap(), two.metadata.name.unwrap()];
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("conf-") && name.len() == 10),
        "{names:?}"
    );
    assert_ne!(names[0], names[1]);
}

#[tokio::test]
async fn defaults_are_those_of_a_real_cluster() {
    let world = world();
    let service: Api<Service> = Api::default_namespaced(world.client.clone());
    let wanted = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [{"port": 80}]}});
    let spec = service
        .create(&PostParams::default(), &object(wanted))
        .await
        .unwrap()
        .spec
        .unwrap();
    assert!(
        spec.cluster_ip
            .is_some_and(|address| address.starts_with("10.96."))
    );
    let port = &spec.ports.unwrap()[0];
    assert_eq!(port.protocol.as_deref(), Some("TCP"));
    assert!(
        port.node_port
            .is_some_and(|port| (30_000..32_768).contains(&port))
    );

    let secrets: Api<Secret> = Api::default_namespaced(world.client.clone());
    let wanted = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}});
    let secret = secrets
        .create(&PostParams::default(), &object(wanted))
        .await
        .unwrap();
    assert_eq!(secret.data.unwrap()["k"].0, b"v");
    assert_eq!(
        (secret.type_.as_deref(), secret.string_data),
        (Some("Opaque"), None)
    );

    let deployment = value(
        &world
            .make(crate::support::workload("Deployment", "d", "nginx", 1))
            .await,
    );
    let spec = &deployment["spec"];
    assert_eq!(
        spec["strategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}})
    );
    assert_eq!(
        (
            &spec["progressDeadlineSeconds"],
            &spec["revisionHistoryLimit"]
        ),
        (&json!(600), &json!(10))
    );
    let container = &spec["template"]["spec"]["containers"][0];
    assert_eq!(
        (
            &container["imagePullPolicy"],
            &container["ports"][0]["protocol"]
        ),
        (&json!("Always"), &json!("TCP"))
    );
    assert_eq!(deployment["metadata"]["generation"], 1);
}

#[tokio::test]
async fn both_versions_of_the_autoscaler_show_one_object() {
    let world = world();
    let wanted = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
        "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}});
    world.make(wanted).await;
    let new = value(
        &world
            .api("autoscaling/v2", "HorizontalPodAutoscaler")
            .get("h")
            .await
            .unwrap(),
    );
    assert_eq!(
        new["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"],
        50
    );
    let old = value(
        &world
            .api("autoscaling/v1", "HorizontalPodAutoscaler")
            .get("h")
            .await
            .unwrap(),
    );
    assert_eq!(
        (
            &old["apiVersion"],
            &old["spec"]["targetCPUUtilizationPercentage"]
        ),
        (&json!("autoscaling/v1"), &json!(50))
    );
}
