//! How long an event looks for its triggers among ten thousand.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use spindrift_model::{PipelineId, Value};
use spindrift_triggers::{
    Delivery, Event, Occasion, Secrets, SignaturePolicy, Templates, TriggerIndex, interpret,
    parse_triggers,
};

const TRIGGERS: usize = 10_000;

fn index(trigger: impl Fn(usize) -> Value) -> TriggerIndex {
    let mut index = TriggerIndex::new();
    for number in 0..TRIGGERS {
        let id = PipelineId::new(format!("pipeline-{number}"));
        let document = json!({"triggers": [trigger(number)]});
        let (triggers, _) = parse_triggers(document.as_object().expect("an object"), &id);
        index.replace(&id, triggers);
    }
    index
}

fn event(kind: &str, source: &str, body: &Value) -> (Delivery, Event) {
    let delivery = Delivery::new(kind, source, body.to_string());
    let mut interpreted = interpret(&delivery, &Templates::default()).expect("a good delivery");
    (delivery, interpreted.events.remove(0))
}

fn matching(bench: &mut Criterion) {
    let push = json!({"ref": "refs/heads/release-1.2", "after": "abc", "repository": {"name": "app-7", "owner": {"name": "org"}}});
    let hook = json!({"env": "prod", "service": {"name": "web"}});
    let repositories = index(
        |number| json!({"type": "git", "enabled": true, "source": "github", "project": "org", "slug": format!("app-{}", number % 1_000), "branch": "release-.*"}),
    );
    let one_repository = index(
        |number| json!({"type": "git", "enabled": true, "source": "github", "project": "org", "slug": "app-7", "branch": format!("release-{number}")}),
    );
    let sources = index(
        |number| json!({"type": "webhook", "enabled": true, "source": format!("ci-{}", number % 100), "payloadConstraints": {"env": "^prod$", "$.service.name": "web"}}),
    );
    let cases = [
        (
            "git, 1000 repositories",
            &repositories,
            event("git", "github", &push),
        ),
        (
            "git, one repository, other branches",
            &one_repository,
            event("git", "github", &push),
        ),
        (
            "webhook, 100 sources with two constraints",
            &sources,
            event("webhook", "ci-7", &hook),
        ),
    ];
    for (name, index, (delivery, event)) in cases {
        bench.bench_function(name, |bench| {
            bench.iter(|| {
                let occasion =
                    Occasion::new(&delivery, SignaturePolicy::default(), Secrets::default());
                black_box(index.verdicts(black_box(&event), &occasion))
            });
        });
    }
}

criterion_group!(benches, matching);
criterion_main!(benches);
