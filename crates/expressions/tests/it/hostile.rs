//! Inputs meant to hurt: every one ends quickly, without a panic, and leaves the text as it was.

use std::time::Instant;

use serde_json::{Value, json};
use spindrift_expressions::{Request, evaluate_request};

use crate::world::World;

fn evaluate(execution: Value, template: &str) -> Value {
    let request: Request = serde_json::from_value(json!({
        "execution": execution, "stage": "EVAL", "template": template,
    }))
    .unwrap();
    let response = evaluate_request(&request, &World::default()).unwrap();
    serde_json::to_value(response).unwrap()
}

fn execution() -> Value {
    json!({
        "id": "E", "trigger": {"type": "manual", "parameters": {
            "self": "${parameters.self}", "a": "${parameters.b}", "b": "${parameters.a}",
        }},
        "stages": [
            {"refId": "1", "id": "A", "type": "wait", "name": "same", "context": {"v": 1}},
            {"refId": "1", "id": "B", "type": "wait", "name": "same", "context": {"v": 2},
             "requisiteStageRefIds": ["1", "EVAL"]},
            {"refId": "EVAL", "id": "X", "type": "wait", "name": "evaluating", "requisiteStageRefIds": ["1", "EVAL"],
             "context": {"__proto__": 1, "class": 2, "list": vec![1; 2000], "text": "x".repeat(100_000)}},
        ],
    })
}

/// What must end as an error, with the text unchanged.
fn refused() -> Vec<(&'static str, String)> {
    let deep = |open: &str, close: &str, count: usize| {
        format!("${{{}1{}}}", open.repeat(count), close.repeat(count))
    };
    let doubling = format!("${{{}}}", "#toJson(".repeat(60) + "text" + &")".repeat(60));
    vec![
        ("unclosed", "${".into()),
        ("unclosed text", "${'".into()),
        ("nested 3,000 deep", deep("(", ")", 3_000)),
        ("lists 3,000 deep", deep("{", "}", 3_000)),
        ("signs 9,000 deep", deep("-", "", 9_000)),
        ("not 9,000 deep", deep("!", "", 9_000)),
        ("brackets 9,000 deep", deep("a[", "]", 3_000)),
        ("elvis 3,000 long", deep("a?:", "", 3_000)),
        ("ternary 2,000 long", deep("a?a:", "", 2_000)),
        ("part of 20,000 characters", format!("${{'{}'}}", "a".repeat(20_000))),
        ("runtime", "${T(java.lang.Runtime).getRuntime().exec('id')}".into()),
        ("class loading", "${''.class.forName('java.lang.Runtime')}".into()),
        ("class of a class", "${T(String).getClass()}".into()),
        ("static field", "${T(Integer).MAX_VALUE}".into()),
        ("nested", "${${execution}}".into()),
        ("missing stage", "${#stage('nope')}".into()),
        ("repeat", "${'a'.repeat(2000000000)}".into()),
        ("repeat of repeat", "${text.repeat(100).repeat(100)}".into()),
        ("array", "${new int[1000000000]}".into()),
        ("array of arrays", "${new int[1000][1000][1000]}".into()),
        ("negative array", "${new int[-1]}".into()),
        ("wide format", "${T(String).format('%999999999s', 1)}".into()),
        ("precise format", "${T(String).format('%.999999999f', 1.0)}".into()),
        ("replacing everything", "${text.replaceAll('', text)}".into()),
        ("replacing letters", "${text.replace('x', text)}".into()),
        ("indent", "${text.replaceAll('x', '\n').indent(10000)}".into()),
        ("doubling quotes", doubling),
        ("quadratic projection", "${list.![#root.list.![#this]]}".into()),
        ("cubic selection", "${list.?[#root.list.?[#root.list.?[true].size() > 0].size() > 0]}".into()),
        ("quadratic removal", "${list.removeAll(list.![#this + 1]) ? nope.x : nope.x}".into()),
        ("backtracking", r"${text.matches('(x*)*\1y')}".into()),
        ("long pattern", format!("${{text matches '{}'}}", "(a|b)*".repeat(1_000))),
        ("nested counts", "${text matches '((((x{1,100}){1,100}){1,100}){1,100})'}".into()),
        ("division", "${1 / 0}".into()),
        ("huge integer", "${99999999999999999999}".into()),
        ("huge power", "${#readJson('{\"n\":12345678901234567890}').n ^ 2000000000}".into()),
        ("billion laughs", "${#readYaml('a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]')}".into()),
        ("yaml tag", "${#readYaml('!!java.io.FileInputStream [/dev/null]')}".into()),
        ("deep yaml", format!("${{#readYaml('{}')}}", "[".repeat(4_000))),
        ("deep json", format!("${{#readJson('{}')}}", "[".repeat(4_000))),
        ("loopback", "${#fromUrl('http://127.0.0.1/')}".into()),
        ("metadata", "${#fromUrl('http://169.254.169.254/latest/')}".into()),
        ("file", "${#fromUrl('file:///etc/passwd')}".into()),
        ("bean", "${@systemProperties}".into()),
        ("thread", "${'a'.wait()}".into()),
    ]
}

#[test]
fn hostile_expressions_are_refused_in_time() {
    for (name, template) in refused() {
        let started = Instant::now();
        let response = evaluate(execution(), &template);
        let took = started.elapsed();
        assert_eq!(response["value"], json!(template), "{name}");
        let summary = response["summary"].to_string();
        assert!(summary.contains("\"level\":\"ERROR\""), "{name}: {summary}");
        // Unoptimised builds are some thirty times slower than what users run.
        let limit = if cfg!(debug_assertions) { 3_000 } else { 100 };
        assert!(took.as_millis() < limit, "{name} took {took:?}");
    }
}

#[test]
fn strange_but_harmless_expressions_have_values() {
    let table = [
        ("${#stage('same').context.v}", json!(1)),
        ("${#root['__proto__'] + #root['class']}", json!(3)),
        ("${parameters.self}", json!("${parameters.self}")),
        (
            "${parameters.a}${parameters.b}",
            json!("${parameters.b}${parameters.a}"),
        ),
        ("${0.0 / 0}", json!("NaN")),
        ("${2147483647 + 1}", json!(-2_147_483_648_i64)),
        ("${9223372036854775807L + 1}", json!(i64::MIN)),
        ("${list.size()}", json!(2000)),
        ("${text.length()}", json!(100_000)),
        (
            "${execution.stages.![name]}",
            json!(["same", "same", "evaluating"]),
        ),
    ];
    for (template, expected) in table {
        assert_eq!(
            evaluate(execution(), template)["value"],
            expected,
            "{template}"
        );
    }
    let long = format!("${{{}}}", vec!["1"; 2_000].join("+"));
    assert_eq!(evaluate(execution(), &long)["value"], json!(2_000));
}

#[test]
fn a_document_with_very_many_stages_is_walked_once() {
    let mut stages: Vec<Value> = (0..10_000)
        .map(|index| {
            json!({
                "refId": index.to_string(), "id": format!("S{index}"), "type": "wait",
                "requisiteStageRefIds": if index == 0 { vec![] } else { vec![(index - 1).to_string()] },
                "outputs": if index == 0 { json!({"first": "found"}) } else { json!({}) },
            })
        })
        .collect();
    stages.push(
        json!({"refId": "EVAL", "id": "X", "type": "wait", "requisiteStageRefIds": ["9999"]}),
    );
    let execution = json!({"id": "E", "stages": stages});
    assert_eq!(evaluate(execution.clone(), "${first}")["value"], "found");
    assert_eq!(
        evaluate(execution.clone(), "${nope ?: 'none'}")["value"],
        "none"
    );
    assert_eq!(
        evaluate(execution, "${execution.stages.size()}")["value"],
        10_001
    );
}
