//! Every published event we have, through the real route.

use serde_json::{Value, json};

use super::post;
use crate::support::root;
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

#[test]
fn every_published_event_is_taken_by_the_route_it_belongs_to() {
    let folder = root().join("../shared/real-inputs/events");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return;
    };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 117, "only {} events were found", paths.len());
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    let mut lines = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let body = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&body);
        let preview = server
            .call("POST", "/events/preview", Some(json!({"payload": text})))
            .json();
        let word = |key: &str| preview[key].as_str().unwrap_or("webhook").to_owned();
        let route = format!("/webhooks/{}/{}", word("type"), word("source"));
        let answer = post(&server, &route, &[], &body).unwrap();
        let told = answer.json();
        let what = match answer.status {
            200 if told["eventProcessed"] == true => summaries(&told),
            200 => format!("ignored: {}", told["ignored"].as_str().unwrap()),
            status => format!("{status} {}", answer.message()),
        };
        if answer.status == 200 {
            assert_eq!(summaries(&told), summaries(&preview), "{name}");
        }
        lines.push(format!("{name}: {route}\n    {what}"));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

fn summaries(answer: &Value) -> String {
    let lines = answer["summaries"].as_array().unwrap().iter();
    lines
        .map(|line| line.as_str().unwrap())
        .collect::<Vec<_>>()
        .join("; ")
}
