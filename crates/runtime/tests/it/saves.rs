//! Saving pipelines.

use serde_json::{Value, json};
use spindrift_engine::Store;
use spindrift_model::PipelineId;
use spindrift_runtime::{Engine, EngineError, SaveRequest, Saved};

use crate::world::fresh;

async fn save(engine: &Engine, document: Value, stale_check: bool) -> Result<Saved, EngineError> {
    let request = SaveRequest {
        document,
        by: "tester".into(),
        stale_check,
    };
    engine.save_pipeline(request).await
}

fn document(id: &str, description: &str) -> Value {
    json!({
        "id": id, "name": id, "application": "sim", "description": description,
        "stages": [{"refId": "1", "type": "wait"}],
    })
}

#[tokio::test(start_paused = true)]
async fn a_save_in_the_same_millisecond_is_another_one_to_the_stale_check() {
    let (engine, _, _) = fresh();
    let first = save(&engine, document("p", "one"), true).await.unwrap();
    let read = Value::Object(first.revision.document.clone());
    let mut stamps = vec![first.revision.saved_at];
    for number in 2..5 {
        let saved = save(&engine, document("p", &number.to_string()), false).await;
        let revision = saved.unwrap().revision;
        assert_eq!(
            revision.document["updateTs"],
            revision.saved_at.to_string().as_str()
        );
        stamps.push(revision.saved_at);
    }
    assert!(stamps.is_sorted_by(|a, b| a < b), "{stamps:?}");
    // Whoever read the first and saves now would undo the others.
    let mut late = read;
    late["description"] = "late".into();
    let refused = save(&engine, late, true).await.unwrap_err().to_string();
    assert!(refused.contains("is stale"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn several_pipelines_change_in_one_commit_or_not_at_all() {
    let (engine, store, _) = fresh();
    let ids = ["a", "b", "c"].map(PipelineId::from);
    for id in &ids {
        save(&engine, document(id.as_str(), ""), false)
            .await
            .unwrap();
    }
    let before = store.commits();
    let index = |id: &PipelineId| {
        let place = ids.iter().position(|other| other == id);
        place.unwrap_or_default()
    };
    let edited = engine
        .edit_pipelines(&ids, "ann", |id, document| {
            document.insert("index".into(), index(id).into());
        })
        .await
        .unwrap();
    assert_eq!(store.commits(), before + 1);
    assert!(edited.iter().all(|saved| saved.revision.revision == 2));
    let again = engine.edit_pipelines(&ids, "ann", |_, _| {}).await.unwrap();
    assert!(again.iter().all(|saved| !saved.changed));

    let missing = [ids[0].clone(), "nothing".into()];
    let table: [(&[PipelineId], &str); 2] = [(&missing, "no such pipeline"), (&ids, "no graph")];
    for (ids, why) in table {
        let broken = json!([{"refId": "1", "type": "wait", "requisiteStageRefIds": ["1"]}]);
        let result = engine
            .edit_pipelines(ids, "ann", |id, document| {
                document.insert("description".into(), why.into());
                if id == "c" {
                    document.insert("stages".into(), broken.clone());
                }
            })
            .await;
        assert!(result.is_err(), "{why}");
        let first = store.pipeline(&"a".into()).unwrap().unwrap();
        assert_eq!(first.revision, 2, "{why}");
    }
    assert_eq!(store.commits(), before + 1);
}
