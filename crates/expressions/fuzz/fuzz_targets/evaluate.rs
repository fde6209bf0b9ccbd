//! Any text as a template, alone and as an expression: `cargo +nightly fuzz run evaluate`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use spindrift_expressions::{Environment, Request, check, evaluate_request};

struct Still;

impl Environment for Still {
    fn now_ms(&self) -> i64 {
        1_718_000_000_000
    }

    fn random_u64(&self) -> u64 {
        4
    }
}

fuzz_target!(|text: &str| {
    let _ = check(&json!(text));
    for template in [text.to_owned(), format!("${{{text}}}")] {
        let request: Result<Request, _> = serde_json::from_value(json!({
            "execution": {"id": "E", "stages": [{"refId": "1", "id": "A", "type": "wait", "context": {
                "list": [1, "2", null], "map": {"a": {"b": 1}}, "text": "Hello",
            }}]},
            "stage": "1", "template": template,
        }));
        if let Ok(request) = request {
            let _ = evaluate_request(&request, &Still);
        }
    }
});
