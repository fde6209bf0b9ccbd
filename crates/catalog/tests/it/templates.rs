//! Pipeline templates.

use serde_json::{Value, json};
use spindrift_catalog::{CatalogError, Selector};
use spindrift_model::Map;
use spindrift_runtime::StartRequest;

use crate::world::{World, ann, map};

fn template(wait: Value) -> Map {
    map(json!({
        "schema": "v2", "id": "web", "metadata": {"name": "Web", "description": "x", "scopes": ["shop.*"]},
        "variables": [{"name": "wait", "type": "int", "defaultValue": 0}],
        "pipeline": {
            "triggers": [{"type": "cron", "id": "t1", "enabled": true, "cronExpression": "0 0 10 ? * *"}],
            "stages": [{"refId": "1", "type": "wait", "waitTime": wait}],
        },
    }))
}

fn pipeline(reference: &str) -> Value {
    json!({
        "type": "templatedPipeline", "schema": "v2", "application": "shop", "name": "release",
        "template": {"type": "front50/pipelineTemplate", "reference": reference, "artifactAccount": "front50ArtifactCredentials"},
        "variables": {"wait": 0}, "triggers": [], "exclude": [],
    })
}

fn tag(tag: &str) -> Selector<'_> {
    Selector {
        tag: Some(tag),
        digest: None,
    }
}

#[tokio::test]
async fn a_template_is_kept_by_its_tag_as_latest_and_by_its_digest() {
    let world = World::new();
    let catalog = &world.catalog;
    let stable = catalog
        .create_template(template(json!(1)), Some("stable"), &ann())
        .await
        .unwrap();
    assert_eq!(stable.key, "web:stable");
    let digest = stable.document["digest"].as_str().unwrap().to_owned();
    let test = catalog
        .create_template(template(json!(2)), Some("test"), &ann())
        .await
        .unwrap();
    assert_ne!(test.document["digest"], digest.as_str());
    let wait = |selector: Selector<'_>| {
        let found = catalog.template("web", selector).unwrap();
        assert!(!found.contains_key("tag") && !found.contains_key("digest"));
        found["pipeline"]["stages"][0]["waitTime"].clone()
    };
    assert_eq!(wait(tag("stable")), 1);
    assert_eq!(wait(tag("test")), 2);
    assert_eq!(wait(tag("latest")), 2);
    assert_eq!(wait(Selector::default()), 2);
    for written in [digest.clone(), format!("sha256:{digest}")] {
        let by_digest = Selector {
            tag: None,
            digest: Some(&written),
        };
        assert_eq!(wait(by_digest), 1);
    }

    let twice = catalog
        .create_template(template(json!(3)), Some("stable"), &ann())
        .await;
    assert!(matches!(twice, Err(CatalogError::Conflict(_))), "{twice:?}");
    let odd = catalog
        .create_template(template(json!(3)), Some("newest"), &ann())
        .await
        .unwrap_err();
    assert!(
        odd.to_string()
            .contains("must be one of latest, stable, unstable, experimental, test, canary"),
        "{odd}"
    );
    let both = Selector {
        tag: Some("stable"),
        digest: Some(&digest),
    };
    let both = catalog.template("web", both).unwrap_err();
    assert!(both.to_string().contains("simultaneously"), "{both}");

    let keys = |scopes: &[&str]| -> Vec<String> {
        let found = catalog.templates(scopes).unwrap();
        found
            .into_iter()
            .map(|one| one.key)
            .filter(|key| key.starts_with("web"))
            .collect()
    };
    assert_eq!(keys(&[]), ["web:latest", "web:stable", "web:test"]);
    assert_eq!(keys(&["shop-eu"]), ["web:latest", "web:stable", "web:test"]);
    assert_eq!(keys(&["other"]), [""; 0]);
    assert_eq!(catalog.template_versions(&[]).unwrap()["web"].len(), 5);
}

#[tokio::test]
async fn a_pipeline_runs_what_its_template_says_now() {
    let world = World::new();
    world
        .catalog
        .create_template(
            template(json!("${templateVariables.wait}")),
            Some("stable"),
            &ann(),
        )
        .await
        .unwrap();
    let id = world.save(pipeline("spinnaker://web:stable")).await;
    assert_eq!(
        world.triggers.next_runs(&id.as_str().into(), 1).len(),
        1,
        "its template has a schedule"
    );

    let revision = world.engine.pipeline("shop", "release").unwrap();
    let (parsed, _) = spindrift_model::Pipeline::parse(Value::Object(revision.document)).unwrap();
    let mut news = world.engine.watch();
    let submitted = world
        .engine
        .submit(StartRequest::manual(parsed, Map::new(), "ann"))
        .await
        .unwrap();
    let id_of_run = submitted.execution.id.clone();
    while !news.recv().await.unwrap().has_ended() {}
    let run = world.engine.execution(&id_of_run).unwrap();
    assert_eq!(run.status.as_str(), "SUCCEEDED");
    assert_eq!(run.stages[0].context["waitTime"], 0);
    assert_eq!(run.template_variables, Some(map(json!({"wait": 0}))));
    assert_eq!(run.source.unwrap()["id"], "spinnaker://web:stable");
    assert_eq!(run.pipeline_config_id.unwrap().as_str(), id);

    let mut without = template(json!(0));
    without["pipeline"]["triggers"] = json!([]);
    world
        .catalog
        .update_template("web", without, Some("stable"), false, &ann())
        .await
        .unwrap();
    assert_eq!(
        world.triggers.next_runs(&id.as_str().into(), 1).len(),
        0,
        "its triggers follow its template"
    );
}

#[tokio::test]
async fn what_pipelines_depend_on_stays() {
    let world = World::new();
    let catalog = &world.catalog;
    catalog
        .create_template(template(json!(1)), Some("stable"), &ann())
        .await
        .unwrap();
    catalog
        .create_template(template(json!(2)), Some("test"), &ann())
        .await
        .unwrap();
    world.save(pipeline("spinnaker://web:stable")).await;
    assert_eq!(catalog.template_dependents("web").unwrap().len(), 1);

    let mut strict = template(json!(1));
    strict["variables"] = json!([{"name": "region", "type": "string"}]);
    let broken = catalog
        .update_template("web", strict.clone(), Some("stable"), false, &ann())
        .await
        .unwrap_err();
    assert!(
        broken
            .to_string()
            .contains("Missing variable values for: region"),
        "{broken}"
    );
    catalog
        .update_template("web", strict.clone(), Some("test"), false, &ann())
        .await
        .unwrap();
    catalog
        .update_template("web", strict, Some("stable"), true, &ann())
        .await
        .unwrap();

    for selected in [None, Some("stable")] {
        let refused = catalog
            .delete_template("web", selected, None, &ann())
            .await
            .unwrap_err();
        assert!(matches!(refused, CatalogError::InUse { .. }), "{refused}");
    }
    catalog
        .delete_template("web", Some("test"), None, &ann())
        .await
        .unwrap();
    assert!(matches!(
        catalog.template("web", tag("test")),
        Err(CatalogError::Unknown(_))
    ));
    let revision = world.engine.pipeline("shop", "release").unwrap();
    world
        .triggers
        .delete_pipeline(&revision.id, "ann")
        .await
        .unwrap();
    catalog
        .delete_template("web", None, None, &ann())
        .await
        .unwrap();
    assert!(!catalog.template_versions(&[]).unwrap().contains_key("web"));
    let gone = catalog.delete_template("web", None, None, &ann()).await;
    assert!(matches!(gone, Err(CatalogError::Unknown(_))), "{gone:?}");
}

#[tokio::test]
async fn a_templated_pipeline_is_checked_when_it_is_saved() {
    let world = World::new();
    world
        .catalog
        .create_template(template(json!(1)), None, &ann())
        .await
        .unwrap();
    let problems = |document: Value| match world.engine.check_pipeline(document) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    };
    assert_eq!(problems(pipeline("spinnaker://web")), [""; 0]);
    assert_eq!(problems(pipeline("spinnaker://web:latest")), [""; 0]);
    let cases = [
        (
            pipeline("spinnaker://none"),
            "there is no template spinnaker://none",
        ),
        (pipeline("web"), "names no template"),
        (
            {
                let mut wrong = pipeline("spinnaker://web");
                wrong["variables"]["wait"] = json!("long");
                wrong
            },
            "expected type 'int' found type 'string'",
        ),
        (
            {
                let mut wrong = pipeline("spinnaker://web");
                wrong["stages"] =
                    json!([{"refId": "2", "type": "wait", "requisiteStageRefIds": ["7"]}]);
                wrong
            },
            "7",
        ),
    ];
    for (document, message) in cases {
        let found = problems(document);
        assert!(
            found.iter().any(|line| line.contains(message)),
            "{message}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_plan_shows_what_the_variables_decide() {
    let world = World::new();
    let mut document = template(json!("${templateVariables.wait}"));
    document["pipeline"]["stages"][0]["comments"] =
        json!("${parameters.zone} for ${templateVariables.wait} s");
    world
        .catalog
        .create_template(document.clone(), None, &ann())
        .await
        .unwrap();
    let mut wanted = pipeline("spinnaker://web");
    wanted["variables"]["wait"] = json!(7);
    let planned = world.engine.plan_template(&map(wanted.clone())).unwrap();
    assert_eq!(planned["stages"][0]["waitTime"], 7);
    let mut untyped = map(wanted.clone());
    untyped.shift_remove("type");
    assert_eq!(
        world.engine.plan_template(&untyped).unwrap()["stages"][0]["waitTime"],
        7
    );
    untyped.insert("schema".into(), "1".into());
    let refused = world.engine.plan_template(&untyped).unwrap_err();
    assert!(
        refused.to_string().contains("expected 'v2', got '1'"),
        "{refused}"
    );
    assert_eq!(planned["name"], "release");
    assert!(
        planned["stages"][0]["comments"]
            .as_str()
            .unwrap()
            .contains("${"),
        "{planned:?}"
    );

    document["pipeline"]["stages"][0]["waitTime"] = json!("${templateVariables.other}");
    world
        .catalog
        .update_template("web", document, None, false, &ann())
        .await
        .unwrap();
    let refused = world.engine.plan_template(&map(wanted)).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("other; the template does not declare them"),
        "{refused}"
    );
}

#[tokio::test]
async fn built_in_templates_are_there_and_stay() {
    let world = World::new();
    let catalog = &world.catalog;
    let versions = catalog.template_versions(&["global"]).unwrap();
    let ids: Vec<&str> = versions.keys().map(String::as_str).collect();
    assert_eq!(
        ids,
        [
            "deployment-and-service",
            "deployment-then-service",
            "helm-chart",
            "judgment-then-deployment"
        ]
    );
    let values = json!({"account": "k", "name": "web", "image": "web:1", "replicas": 3});
    for reference in [
        "spinnaker://judgment-then-deployment",
        "spinnaker://judgment-then-deployment:stable",
    ] {
        let mut wanted = pipeline(reference);
        wanted["variables"] = values.clone();
        let planned = world.engine.plan_template(&map(wanted)).unwrap();
        let deployment = &planned["stages"][1]["manifests"][0];
        assert_eq!(deployment["spec"]["replicas"], 3);
        assert_eq!(
            deployment["spec"]["template"]["spec"]["containers"][0]["image"],
            "web:1"
        );
    }
    let mut mine = template(json!(1));
    mine.insert("id".into(), "helm-chart".into());
    assert!(matches!(
        catalog.create_template(mine.clone(), None, &ann()).await,
        Err(CatalogError::Conflict(_))
    ));
    assert!(matches!(
        catalog
            .update_template("helm-chart", mine, None, false, &ann())
            .await,
        Err(CatalogError::Conflict(_))
    ));
    assert!(matches!(
        catalog
            .delete_template("helm-chart", None, None, &ann())
            .await,
        Err(CatalogError::Conflict(_))
    ));
}
