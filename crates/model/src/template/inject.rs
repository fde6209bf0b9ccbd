//! The stages of a templated pipeline among those of its template (Orca's `V2ConfigStageInjectionTransform`).
//!
//! A stage of the pipeline with the refId of one of the template replaces it; one with `inject` is put first, last, or before or
//! after others; one with requisites is added as it is.

use std::collections::BTreeSet;

use crate::json::Value;

/// The stages together. Errors: a stage of the pipeline says neither where it belongs nor what it replaces, or names a stage
/// that is not there.
pub(super) fn combine(template: Vec<Value>, own: Vec<Value>) -> Result<Vec<Value>, String> {
    let mut stages = template;
    let (injected, placed): (Vec<Value>, Vec<Value>) =
        own.into_iter().partition(|stage| rule(stage).is_some());
    for stage in placed {
        let id = ref_id(&stage);
        match stages.iter_mut().find(|other| ref_id(other) == id) {
            Some(other) => *other = stage,
            None if !requisites(&stage).is_empty() => stages.push(stage),
            None => {
                return Err(format!(
                    "stage {id:?} replaces no stage of the template: give it requisiteStageRefIds or an inject rule"
                ));
            }
        }
    }
    // A template may have rules of its own, before those of the pipeline.
    let (late, mut stages): (Vec<Value>, Vec<Value>) =
        stages.into_iter().partition(|stage| rule(stage).is_some());
    for stage in late.into_iter().chain(injected) {
        let id = ref_id(&stage);
        stages.retain(|other| ref_id(other) != id);
        inject(&mut stages, stage)?;
    }
    Ok(stages)
}

enum Rule {
    First,
    Last,
    Before(Vec<String>),
    After(Vec<String>),
}

fn rule(stage: &Value) -> Option<Rule> {
    let inject = stage.get("inject")?;
    let flag = |key: &str| inject.get(key).and_then(Value::as_bool) == Some(true);
    let list = |key: &str| match inject.get(key) {
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(list)) if !list.is_empty() => {
            Some(list.iter().filter_map(text).collect())
        }
        _ => None,
    };
    if flag("first") {
        Some(Rule::First)
    } else if flag("last") {
        Some(Rule::Last)
    } else if let Some(targets) = list("before") {
        Some(Rule::Before(targets))
    } else {
        list("after").map(Rule::After)
    }
}

fn inject(stages: &mut Vec<Value>, mut stage: Value) -> Result<(), String> {
    let Some(rule) = rule(&stage) else {
        return Ok(());
    };
    if let Value::Object(map) = &mut stage {
        map.shift_remove("inject");
    }
    let id = ref_id(&stage);
    let missing =
        |target: &str| format!("could not inject '{id}' stage: unknown target stage id '{target}'");
    match rule {
        Rule::First => {
            for other in stages
                .iter_mut()
                .filter(|other| requisites(other).is_empty())
            {
                set_requisites(other, vec![id.clone()]);
            }
            set_requisites(&mut stage, Vec::new());
            stages.insert(0, stage);
        }
        Rule::Last => {
            let needed: BTreeSet<String> = stages.iter().flat_map(requisites).collect();
            let leaves = stages.iter().map(ref_id);
            let leaves = leaves.filter(|leaf| !needed.contains(leaf)).collect();
            set_requisites(&mut stage, leaves);
            stages.push(stage);
        }
        Rule::Before(targets) => {
            let mut needs = requisites(&stage);
            let mut position = 0;
            for target in targets {
                let found = stages.iter().position(|other| ref_id(other) == target);
                let index = found.ok_or_else(|| missing(&target))?;
                needs.extend(requisites(&stages[index]));
                set_requisites(&mut stages[index], vec![id.clone()]);
                position = position.max(index);
            }
            set_requisites(&mut stage, distinct(needs));
            stages.insert(position, stage);
        }
        Rule::After(targets) => {
            let mut needs = requisites(&stage);
            let mut position = 0;
            for target in targets {
                let found = stages.iter().position(|other| ref_id(other) == target);
                let index = found.ok_or_else(|| missing(&target))?;
                for other in stages.iter_mut() {
                    let mut theirs = requisites(other);
                    if theirs.contains(&target) {
                        theirs.retain(|one| *one != target);
                        theirs.push(id.clone());
                        set_requisites(other, distinct(theirs));
                    }
                }
                needs.push(target);
                position = position.max(index + 1);
            }
            set_requisites(&mut stage, distinct(needs));
            stages.insert(position, stage);
        }
    }
    Ok(())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn ref_id(stage: &Value) -> String {
    stage.get("refId").and_then(text).unwrap_or_default()
}

fn requisites(stage: &Value) -> Vec<String> {
    let list = stage.get("requisiteStageRefIds").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(text).collect()
}

fn set_requisites(stage: &mut Value, requisites: Vec<String>) {
    if let Value::Object(map) = stage {
        map.insert("requisiteStageRefIds".to_owned(), requisites.into());
    }
}

fn distinct(list: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut list = list;
    list.retain(|one| seen.insert(one.clone()));
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// 1 → 2 → 4, 1 → 3 → 4
    fn diamond() -> Vec<Value> {
        let stage = |id: &str, needs: &[&str]| json!({"refId": id, "type": "wait", "requisiteStageRefIds": needs});
        vec![
            stage("1", &[]),
            stage("2", &["1"]),
            stage("3", &["1"]),
            stage("4", &["2", "3"]),
        ]
    }

    fn graph(own: Value) -> Result<String, String> {
        let own = own.as_array().cloned().unwrap();
        let stages = combine(diamond(), own)?;
        let lines = stages
            .iter()
            .map(|stage| format!("{}<{}", ref_id(stage), requisites(stage).join(",")));
        Ok(lines.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn stages_are_put_where_they_are_wanted() {
        let table = [
            (json!([]), "1< 2<1 3<1 4<2,3"),
            (
                json!([{"refId": "x", "inject": {"first": true}}]),
                "x< 1<x 2<1 3<1 4<2,3",
            ),
            (
                json!([{"refId": "x", "inject": {"last": true}}]),
                "1< 2<1 3<1 4<2,3 x<4",
            ),
            (
                json!([{"refId": "x", "inject": {"before": ["4"]}}]),
                "1< 2<1 3<1 x<2,3 4<x",
            ),
            (
                json!([{"refId": "x", "inject": {"before": ["2", "3"]}}]),
                "1< 2<x x<1 3<x 4<2,3",
            ),
            (
                json!([{"refId": "x", "inject": {"after": ["1"]}}]),
                "1< x<1 2<x 3<x 4<2,3",
            ),
            (
                json!([{"refId": "x", "inject": {"after": ["2", "3"]}}]),
                "1< 2<1 3<1 x<2,3 4<x",
            ),
            (
                json!([{"refId": "x", "requisiteStageRefIds": ["4"]}]),
                "1< 2<1 3<1 4<2,3 x<4",
            ),
            (
                json!([{"refId": "2", "requisiteStageRefIds": ["3"]}]),
                "1< 2<3 3<1 4<2,3",
            ),
            (
                json!([{"refId": "x", "inject": {"last": true}}, {"refId": "y", "inject": {"last": true}}]),
                "1< 2<1 3<1 4<2,3 x<4 y<x",
            ),
        ];
        for (own, expected) in table {
            assert_eq!(graph(own.clone()).as_deref(), Ok(expected), "{own}");
        }
    }

    #[test]
    fn a_stage_without_a_place_is_named() {
        assert_eq!(
            graph(json!([{"refId": "x", "inject": {"after": ["9"]}}])),
            Err("could not inject 'x' stage: unknown target stage id '9'".to_owned())
        );
        assert!(
            graph(json!([{"refId": "x"}]))
                .unwrap_err()
                .contains("replaces no stage")
        );
    }
}
