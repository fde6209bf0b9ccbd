//! Laws over generated input: nothing panics or hangs, and evaluating is deterministic.
//!
//! `EXPRESSION_CASES` sets how many inputs are tried.

use proptest::prelude::*;
use serde_json::{Value, json};
use spindrift_expressions::{Request, Template, check, evaluate_request};

use crate::world::World;

fn cases() -> ProptestConfig {
    let cases = std::env::var("EXPRESSION_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(600);
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

const PIECES: &[&str] = &[
    "${",
    "}",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    ".",
    "?.",
    "?[",
    "![",
    "^[",
    "$[",
    "#",
    "#root",
    "#this",
    "#stage(",
    "#toInt(",
    "#toJson(",
    "#readJson(",
    "#readYaml(",
    "T(",
    "T(String)",
    "T(Math)",
    "new ",
    "String",
    "java.util.Date",
    "(0)",
    "a",
    "list",
    "text",
    "map",
    "id",
    "size()",
    "length()",
    "split(',')",
    "replaceAll('x','y')",
    "substring(1)",
    "format('%s',1)",
    "1",
    "2L",
    "3.5",
    "1e9",
    "0xFF",
    "'x'",
    "null",
    "true",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "==",
    "!=",
    "<",
    ">",
    "<=",
    ">=",
    "&&",
    "||",
    "!",
    "and",
    "or",
    "not",
    "?",
    ":",
    "?:",
    ",",
    "=",
    "++",
    "--",
    " matches ",
    " between ",
    " instanceof ",
    " ",
    "\n",
    "\u{1F600}",
    "ü",
    "@",
    "\\",
    "|",
    "&",
    ";",
    "~",
    "deployedServerGroups",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

/// Expressions that parse, so that the evaluator is reached.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "2L",
        "2.5",
        "1.5f",
        "'ab'",
        "''",
        "null",
        "true",
        "a",
        "list",
        "text",
        "map",
        "nope",
        "#root",
        "#this",
        "{1,2}",
        "{k:1}",
        "T(Math)",
        "execution",
        "trigger",
        "execution.stages",
        "rows",
        "new java.util.Date(0)",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            (
                pair.clone(),
                prop::sample::select(vec![
                    "+",
                    "-",
                    "*",
                    "/",
                    "%",
                    "^",
                    "==",
                    "!=",
                    "<",
                    ">=",
                    "&&",
                    "||",
                    "?:",
                    "matches",
                    "between",
                    "instanceof",
                ])
            )
                .prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            (pair.clone(), inner.clone()).prop_map(|((a, b), c)| format!("({a} ? {b} : {c})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            pair.clone().prop_map(|(a, b)| format!("({a})[{b}]")),
            pair.clone().prop_map(|(a, b)| format!("({a}).?[{b}]")),
            pair.clone().prop_map(|(a, b)| format!("({a}).![{b}]")),
            pair.clone().prop_map(|(a, b)| format!("({a}).$[{b}]")),
            pair.clone().prop_map(|(a, b)| format!("{{{a}, {b}}}")),
            pair.clone()
                .prop_map(|(a, b)| format!("{{'k': {a}, x: {b}}}")),
            (
                inner.clone(),
                prop::sample::select(vec![
                    "size()",
                    "length()",
                    "toString()",
                    "hashCode()",
                    "trim()",
                    "split(',')",
                    "keySet()",
                    "values()",
                    "name",
                    "status",
                    "context",
                    "length",
                    "isEmpty()",
                    "getBytes()",
                    "clear()",
                    "entrySet()",
                    "time",
                ])
            )
                .prop_map(|(a, method)| format!("({a})?.{method}")),
            (
                pair,
                prop::sample::select(vec![
                    "contains",
                    "equals",
                    "concat",
                    "indexOf",
                    "substring",
                    "replaceAll",
                    "add",
                    "remove",
                    "compareTo",
                    "repeat",
                    "startsWith",
                    "addAll",
                    "containsKey",
                    "format",
                    "max",
                    "split",
                    "matches",
                    "subList",
                    "charAt",
                ])
            )
                .prop_map(|((a, b), method)| format!("({a}).{method}({b})")),
            (
                inner,
                prop::sample::select(vec![
                    "#toInt",
                    "#toJson",
                    "#readJson",
                    "#readYaml",
                    "#toBase64",
                    "#fromBase64",
                    "#alphanumerical",
                    "#stage",
                    "#stageExists",
                    "#judgment",
                    "#toFloat",
                    "#toBoolean",
                    "#deployedServerGroups",
                    "#fromUrl",
                ])
            )
                .prop_map(|(a, function)| format!("{function}({a})")),
        ]
    })
}

fn evaluate(template: &str) -> Value {
    let request: Request = serde_json::from_value(json!({
        "execution": {
            "id": "E", "trigger": {"type": "manual", "parameters": {"p": "1"}},
            "stages": [{"refId": "EVAL", "id": "X", "type": "wait", "name": "evaluating", "context": {
                "a": 1, "text": "Hello, World", "list": [1, 2, "3", null], "map": {"k": {"d": 2.5}},
                "rows": [{"id": "x", "q": 1}, {"id": "y", "q": 2}],
            }}],
        },
        "stage": "EVAL", "template": template,
    }))
    .unwrap();
    let response = evaluate_request(&request, &World::default()).unwrap();
    serde_json::to_value(response).unwrap()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_text_ends(text in soup()) {
        let document = json!({"k": text.clone(), text.clone(): 1});
        let problems = check(&document);
        let first = evaluate(&text);
        prop_assert_eq!(&first, &evaluate(&text));
        // A text that will not parse stays as it is, and is reported with a place in it.
        if Template::parse(&text).is_err() && text.contains("${") {
            prop_assert_eq!(&first["value"], &json!(text));
            prop_assert!(problems.iter().any(|problem| problem.pointer == "/k"));
        }
        for problem in problems {
            prop_assert!(problem.offset <= text.chars().count() + 1, "{problem:?}");
        }
    }

    #[test]
    fn any_expression_ends_and_gives_the_same_again(text in expression()) {
        let template = format!("${{{text}}}");
        prop_assert!(Template::parse(&template).is_ok(), "{}", template);
        prop_assert_eq!(evaluate(&template), evaluate(&template));
        evaluate(&format!("x {template} y"));
    }

    #[test]
    fn any_characters_end(text in "\\PC{0,60}") {
        evaluate(&format!("${{{text}}}"));
        evaluate(&format!("${{'{text}'.split('{text}')}}"));
        evaluate(&format!("${{text matches '{text}'}}"));
        evaluate(&format!("${{T(String).format('{text}', 1, 'a', 2.5)}}"));
        evaluate(&format!("${{new java.text.SimpleDateFormat('{text}').format(0)}}"));
        evaluate(&format!("${{#readYaml('{text}')}}"));
        evaluate(&format!("${{new java.util.Date('{text}')}}"));
        evaluate(&format!("${{T(java.time.Instant).parse('{text}')}}"));
    }
}
