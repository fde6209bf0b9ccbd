//! The entrances the engine uses.

use serde_json::{Map, Value, json};
use spindrift_expressions::{
    ConditionError, FetchKind, Mode, SUMMARY_KEY, Scope, SummaryChange, TemplateCache, Version,
    check, evaluate, evaluate_condition, evaluate_context, evaluate_pipeline, evaluate_variables,
    explain,
};
use spindrift_model::Execution;

use crate::world::World;

fn execution(context: Value) -> Execution {
    serde_json::from_value(json!({
        "id": "E", "application": "shop",
        "trigger": {"type": "manual", "parameters": {"env": "prod", "replicas": "3"}},
        "stages": [
            {"refId": "1", "id": "A", "type": "bake", "name": "Bake", "status": "SUCCEEDED", "outputs": {"tag": "v7"}},
            {"refId": "2", "id": "B", "type": "deploy", "name": "Deploy", "requisiteStageRefIds": ["1"],
             "context": context},
        ],
    }))
    .unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[test]
fn a_context_gives_only_what_changed() {
    let context = json!({
        "plain": [1, 2], "image": "shop:${tag}", "deep": {"n": ["${#toInt(parameters.replicas)}"]},
        "manifests": ["${VERBATIM}"], "${parameters.env}-key": 1,
    });
    let execution = execution(context.clone());
    let world = World::default();
    let scope = Scope::of_stage(&execution, 1, &world);
    let result = evaluate_context(&object(context), &scope, &["manifests"]);
    assert_eq!(
        Value::Object(result.changed),
        json!({"image": "shop:v7", "deep": {"n": [3]}, "prod-key": 1})
    );
    assert_eq!(result.removed, ["${parameters.env}-key"]);
    assert_eq!(result.summary_change, SummaryChange::Unchanged);
    let plain = object(json!({"a": 1, "b": {"c": "text"}}));
    let result = evaluate_context(&plain, &scope, &[]);
    assert!(result.changed.is_empty() && result.summary.evaluated() == 0);
}

#[test]
fn the_summary_follows_what_is_repaired() {
    let world = World::default();
    let mut context = json!({"a": "${nope}", "b": "${nope.x}"});
    let first = execution(context.clone());
    let scope = Scope::of_stage(&first, 1, &world);
    let result = evaluate_context(&object(context.clone()), &scope, &[]);
    let SummaryChange::Set(summary) = result.summary_change else {
        panic!("no summary")
    };
    assert_eq!(
        summary["nope"],
        json!([{
            "description": "Failed to evaluate [a] : nope not found",
            "timestamp": 1_718_000_000_000_i64, "level": "INFO",
        }])
    );
    assert_eq!(
        summary["nope.x"],
        json!([{
            "description":
                "Failed to evaluate [b] EL1007E: Property or field 'x' cannot be found on null",
            "exceptionType": "org.springframework.expression.spel.SpelEvaluationException",
            "timestamp": 1_718_000_000_000_i64, "level": "ERROR", "detail": {"position": 5},
        }])
    );
    // The same failures again change nothing.
    context[SUMMARY_KEY] = summary.clone();
    let result = evaluate_context(&object(context.clone()), &scope, &[]);
    assert_eq!(result.summary_change, SummaryChange::Unchanged);
    // A later stage has put the value out.
    let repaired = json!({"a": "${nope}", "b": "${nope.x}", "nope": {"x": 1}});
    let second = execution(repaired.clone());
    let scope = Scope::of_stage(&second, 1, &world);
    let mut context = object(repaired);
    context.insert(SUMMARY_KEY.into(), summary);
    let result = evaluate_context(&context, &scope, &[]);
    assert_eq!(result.summary_change, SummaryChange::Removed);
}

#[test]
fn conditions_take_both_spellings() {
    let execution = execution(json!({}));
    let world = World::default();
    let scope = Scope::of_stage(&execution, 1, &world);
    let table = [
        ("parameters.env == 'prod'", Ok(true)),
        ("true", Ok(true)),
        ("FALSE", Ok(false)),
        ("'False'", Ok(false)),
        ("#stage('Bake').status == 'SUCCEEDED'", Ok(true)),
    ];
    for (text, expected) in table {
        let evaluated = evaluate_condition(text, "when", &scope);
        assert_eq!(evaluated.result, expected, "{text}");
        assert!(evaluated.summary.is_empty(), "{text}");
    }
}

#[test]
fn a_condition_without_an_answer_says_why() {
    let execution = execution(json!({}));
    let world = World::default();
    let scope = Scope::of_stage(&execution, 1, &world);
    let table = [
        (
            "parameters.env",
            "Failed to evaluate [when] the condition gave 'prod', which is neither true nor false",
        ),
        (
            "nope.x",
            "Failed to evaluate [when] EL1007E: Property or field 'x' cannot be found on null",
        ),
        (
            "${nope.x}",
            "Failed to evaluate [when] EL1007E: Property or field 'x' cannot be found on null",
        ),
        (
            "nope",
            "Failed to evaluate [when] the condition gave '{nope}', which is neither true nor false",
        ),
        ("${nope}", "Failed to evaluate [when] : nope not found"),
        (
            "${3}",
            "Failed to evaluate [when] the condition gave '3', which is neither true nor false",
        ),
        (
            "1 ==",
            "Failed to evaluate [when] Expression [1 ==] @2: EL1042E: Problem parsing right operand",
        ),
    ];
    for (text, expected) in table {
        let evaluated = evaluate_condition(text, "when", &scope);
        assert!(evaluated.result.is_err(), "{text}");
        let entries: Vec<_> = evaluated.summary.entries().collect();
        let [(_, [entry])] = &entries[..] else {
            panic!("{text}: {entries:?}");
        };
        assert_eq!(entry.description, expected, "{text}");
    }
    let url = "#fromUrl('https://example.com/') == 'x'";
    let evaluated = evaluate_condition(url, "when", &scope);
    assert_eq!(evaluated.result, Err(ConditionError::Needs));
    assert_eq!(evaluated.needs.len(), 1);
    assert!(evaluated.summary.is_empty());
}

#[test]
fn variables_see_those_before_them_in_version_4() {
    let execution = execution(json!({}));
    let world = World::default();
    let scope = Scope::of_stage(&execution, 1, &world);
    let list = [
        json!({"key": "a", "value": "${1 + 1}"}),
        json!({"key": "b", "value": "${a * 2}", "description": "twice ${a}"}),
        json!({"key": "c", "value": "${nope.x}"}),
        json!({"key": "d", "value": "${c}"}),
    ];
    let result = evaluate_variables(&list, &scope, Version::V4);
    let values: Vec<&Value> = result
        .variables
        .iter()
        .map(|variable| &variable.value)
        .collect();
    assert_eq!(
        values,
        [&json!(2), &json!(4), &json!("${nope.x}"), &json!("${c}")]
    );
    assert_eq!(result.variables[1].description, Some(json!("twice 2")));
    assert_eq!(result.variables[1].source_value, Some(json!("{a * 2}")));
    assert!(result.summary.has_errors());
    let result = evaluate_variables(&list, &scope, Version::V3);
    assert_eq!(result.variables[1].value, json!("${a * 2}"));
    assert_eq!(result.variables[1].source_value, None);
}

#[test]
fn a_pipeline_is_strict_and_version_4_keeps_its_stages() {
    let world = World::default();
    let pipeline = json!({"name": "p-${parameters.env}", "stages": [{"name": "${parameters.env}"}], "x": "${nope}"});
    let trigger = object(json!({"type": "manual", "parameters": {"env": "prod"}}));
    let cache = TemplateCache::default();
    for version in [Version::V3, Version::V4] {
        let result = evaluate_pipeline(&pipeline, &trigger, None, version, &world, Some(&cache));
        assert_eq!(result.value["name"], "p-prod");
        assert_eq!(result.value["x"], "${nope}");
        assert!(result.summary.has_errors());
        let stage = if version == Version::V3 {
            "prod"
        } else {
            "${parameters.env}"
        };
        assert_eq!(result.value["stages"][0]["name"], stage);
    }
    assert_eq!(cache.len(), 3);
}

#[test]
fn a_url_is_asked_for_and_answered_in_the_next_pass() {
    let execution = execution(json!({}));
    let mut world = World::default();
    let template = json!({"v": "${#jsonFromUrl('https://example.com/v.json').v}"});
    let first = evaluate(&template, &Scope::of_stage(&execution, 1, &world));
    assert_eq!(first.value, template);
    assert_eq!(first.needs.len(), 1);
    assert_eq!(first.needs[0].url, "https://example.com/v.json");
    assert_eq!(first.needs[0].kind, FetchKind::Json);
    world.body = Some(r#"{"v": 7}"#);
    let second = evaluate(&template, &Scope::of_stage(&execution, 1, &world));
    assert_eq!(second.value, json!({"v": 7}));
    assert!(second.needs.is_empty() && second.summary.is_empty());
}

#[test]
fn problems_have_a_place_and_advice() {
    let document = json!({"a": ["ok ${x}", "x ${y"], "b/c": "${PORT:-80}", "d": "${#stge('x')}"});
    let problems = check(&document);
    let shown: Vec<(&str, usize, Option<&str>)> = problems
        .iter()
        .map(|problem| {
            (
                problem.pointer.as_str(),
                problem.offset,
                problem.suggestion.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("/a/1", 2, Some("close the expression with '}'")),
            ("/b~1c", 6, Some("write a default as ${name ?: 'default'}")),
            ("/d", 2, Some("#stage")),
        ]
    );
}

#[test]
fn names_that_are_nearly_right_are_suggested() {
    let execution = execution(json!({}));
    let world = World::default();
    let scope = Scope::of_stage(&execution, 1, &world);
    let table = [
        ("${#stage('bake')}", "Bake"),
        ("${#toint('1')}", "#toInt"),
        ("${toInt('1')}", "#toInt"),
        ("${'a'.substrng(1)}", "substring"),
        ("${#stage('Bake').statsu}", "status"),
        ("${new Date()}", "java.util.Date"),
    ];
    for (template, expected) in table {
        let result = evaluate(&json!(template), &scope);
        let (_, entries) = result.summary.entries().next().unwrap();
        assert_eq!(
            entries[0].detail.suggestion.as_deref(),
            Some(expected),
            "{template}"
        );
    }
}

#[test]
fn explanations_show_the_values() {
    let execution = execution(json!({"n": 3}));
    let world = World::default();
    let scope = Scope::of_stage(&execution, 1, &world);
    let table = [
        (
            "n > 2 && parameters.env == 'prod'",
            "3 > 2 && \"prod\" == \"prod\"",
        ),
        ("n > 5 && nope.x", "3 > 5"),
        ("${(n + 1) * 2 == 8}", "((3 + 1) * 2) == 8"),
        ("tag", "\"v7\""),
        ("n > 2 ? 'a' : 'b'", "3 > 2 ? \"a\""),
    ];
    for (text, expected) in table {
        assert_eq!(explain(text, &scope).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(explain("nope.x", &scope), None);
}

#[test]
fn changes_last_for_one_pass() {
    let execution = execution(json!({"list": [1, 2]}));
    let world = World::default();
    let scope = Scope::of_stage(&execution, 1, &world).with_mode(Mode::Lenient);
    let result = evaluate(
        &json!([
            "${list.add(3)}",
            "${list}",
            "${x = 'set'}",
            "${x}",
            "${#v = 5}",
            "${#v + 1}"
        ]),
        &scope,
    );
    assert_eq!(result.value, json!([true, [1, 2, 3], "set", "set", 5, 6]));
    assert_eq!(evaluate(&json!("${list}"), &scope).value, json!([1, 2]));
    assert_eq!(execution.stages[1].context["list"], json!([1, 2]));
}

#[test]
fn an_artifact_keeps_what_it_came_with() {
    let execution: Execution = serde_json::from_value(json!({
        "id": "E", "trigger": {"type": "manual", "resolvedExpectedArtifacts": [
            {"id": "1", "boundArtifact": {"type": "docker/image", "name": "shop/web", "registry": "eu"}},
        ]},
    }))
    .unwrap();
    let world = World::default();
    let result = evaluate(
        &json!([
            "${#triggerResolvedArtifact('shop/web')}",
            "${#triggerResolvedArtifact('shop/web').metadata.registry}",
        ]),
        &Scope::of_execution(&execution, &world),
    );
    let artifact = json!({
        "type": "docker/image", "customKind": false, "name": "shop/web", "metadata": {"registry": "eu"},
    });
    assert_eq!(result.value, json!([artifact, "eu"]));
}
