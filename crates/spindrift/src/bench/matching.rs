//! One event against many triggers.

use std::time::Instant;

use anyhow::Context;
use serde_json::json;
use spindrift_model::{Map, PipelineId};
use spindrift_triggers::{
    Delivery, Occasion, Secrets, SignaturePolicy, Templates, TriggerIndex, interpret,
    parse_triggers,
};

use super::sample::Sample;
use crate::say;

const TRIGGERS: usize = 10_000;

/// Repositories that the triggers share among them.
const REPOSITORIES: usize = 1_000;

const EVENTS: usize = 20_000;

/// Matches pushes to some repositories against triggers on all of them.
pub fn measure() -> anyhow::Result<()> {
    let mut index = TriggerIndex::new();
    for number in 0..TRIGGERS {
        let repository = number % REPOSITORIES;
        // Half of them name a branch, half a pattern.
        let branch = match number % 2 {
            0 => format!("feature-{}", number / REPOSITORIES),
            _ => format!("release-{}\\..*", number / REPOSITORIES),
        };
        let document = json!({"triggers": [{
            "type": "git", "enabled": true, "source": "github", "project": "shop", "slug": format!("web-{repository}"), "branch": branch,
        }]});
        let document: &Map = document.as_object().context("it is an object")?;
        let id = PipelineId::new(format!("p{number}"));
        let (triggers, _) = parse_triggers(document, &id);
        index.replace(&id, triggers);
    }
    let (mut matching, mut whole, mut matched) = (Sample::default(), Sample::default(), 0);
    for number in 0..EVENTS {
        let body = json!({
            "ref": format!("refs/heads/release-{}.1", number % 10), "after": "abc",
            "repository": {"name": format!("web-{}", number % REPOSITORIES), "owner": {"name": "shop"}},
        });
        let delivery = Delivery::new("git", "github", body.to_string());
        let begin = Instant::now();
        let interpreted = interpret(&delivery, &Templates::default())?;
        let occasion = Occasion::new(&delivery, SignaturePolicy::default(), Secrets::default());
        let read = Instant::now();
        for event in &interpreted.events {
            let verdicts = index.verdicts(event, &occasion);
            matched += verdicts.iter().filter(|verdict| verdict.is_match()).count();
        }
        matching.add(read.elapsed());
        whole.add(begin.elapsed());
    }
    say!(
        "matching: an event against {TRIGGERS} triggers on {REPOSITORIES} repositories takes {}; with reading it {}; {matched} matches",
        matching.summary(),
        whole.summary()
    );
    Ok(())
}
