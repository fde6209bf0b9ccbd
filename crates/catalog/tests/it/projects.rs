//! Projects.

use serde_json::json;
use spindrift_catalog::CatalogError;

use crate::world::{World, ann, map};

#[tokio::test]
async fn projects_are_saved_found_renamed_and_deleted() {
    let world = World::new();
    let catalog = &world.catalog;
    let saved = catalog
        .upsert_project(map(json!({"name": "Retail", "email": "a@b"})), &ann())
        .await
        .unwrap();
    let id = saved["id"].as_str().unwrap().to_owned();
    assert!(saved["createTs"].is_i64() && saved["updateTs"].is_i64());
    assert_eq!(
        saved["config"],
        json!({"applications": [], "clusters": [], "pipelineConfigs": []})
    );
    for name in ["retail", "RETAIL", id.as_str()] {
        assert_eq!(catalog.project(name).unwrap().document, saved, "{name}");
    }

    let twin = catalog
        .upsert_project(map(json!({"name": "retail"})), &ann())
        .await
        .unwrap_err();
    assert!(
        twin.to_string()
            .contains("A Project named 'retail' already exists"),
        "{twin}"
    );
    let mut renamed = saved.clone();
    renamed.insert("name".into(), "Shops".into());
    let renamed = catalog.upsert_project(renamed, &ann()).await.unwrap();
    assert_eq!(
        (&renamed["id"], &renamed["createTs"]),
        (&saved["id"], &saved["createTs"])
    );
    assert!(matches!(
        catalog.project("retail"),
        Err(CatalogError::Unknown(_))
    ));

    catalog
        .upsert_project(map(json!({"name": "again"})), &ann())
        .await
        .unwrap();
    let names: Vec<_> = catalog
        .projects()
        .unwrap()
        .into_iter()
        .map(|project| project["name"].clone())
        .collect();
    assert_eq!(names, ["again", "Shops"]);
    catalog
        .delete_project(&map(json!({"id": id})), &ann())
        .await
        .unwrap();
    catalog
        .delete_project(&map(json!({"name": "AGAIN"})), &ann())
        .await
        .unwrap();
    catalog
        .delete_project(&map(json!({"name": "never was"})), &ann())
        .await
        .unwrap();
    assert_eq!(catalog.projects().unwrap(), []);
}
