//! Plays a case.

use serde_json::json;
use spindrift_model::{Map, PipelineId, Value};
use spindrift_triggers::{
    Delivery, Detail, Event, Headers, Occasion, PollPolicy, Schedule, Secret, Secrets,
    SignaturePolicy, Templates, TriggerIndex, compare_poll, fuzz, interpret, is_missed,
    parse_triggers, verify,
};

use super::case::{Case, DeliveryOf};

pub fn play(case: &Case, label: &str) {
    if let Some(delivery) = &case.delivery {
        play_delivery(case, &delivery_of(delivery), label);
    }
    if let Some(one) = &case.signature {
        let headers = Headers::new(
            one.headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let delivery = Delivery::new("git", "github", one.body.as_str()).with_headers(headers);
        let secrets = Secrets::new(Secret::new(&one.secret), None);
        let outcome = match verify(
            &delivery,
            &secrets,
            SignaturePolicy {
                allow_sha1: one.sha1,
            },
        ) {
            Ok(proof) => format!("{proof:?}"),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(Some(outcome), case.expect.proof, "{label}");
    }
    if let Some(one) = &case.fuzz {
        assert_eq!(Some(fuzz(&one.text, &one.id)), case.expect.text, "{label}");
    }
    if let Some(one) = &case.missed {
        let schedule = Schedule::parse(&one.text, "id", chrono_tz::UTC).expect("a good expression");
        let minutes = |minutes: i64| minutes * 60_000;
        let missed = is_missed(
            &schedule,
            one.last.map(minutes),
            minutes(one.from),
            minutes(one.to),
        );
        assert_eq!(Some(missed), case.expect.missed, "{label}");
    }
    if let Some(one) = &case.poll {
        let policy = PollPolicy {
            track_digests: one.track_digests,
            threshold: one.threshold.unwrap_or(PollPolicy::default().threshold),
        };
        let outcome = compare_poll(one.cached.as_ref(), &one.seen, policy);
        assert_eq!(Some(outcome.new), case.expect.new, "{label}");
        assert_eq!(Some(outcome.cache), case.expect.cache, "{label}");
        assert_eq!(outcome.held, case.expect.held.unwrap_or(0), "{label}");
    }
}

fn delivery_of(one: &DeliveryOf) -> Delivery {
    let body = match (&one.raw, &one.body) {
        (Some(raw), _) => raw.clone(),
        (None, Some(body)) => body.to_string(),
        (None, None) => String::new(),
    };
    let headers = one
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    Delivery::new(&one.kind, &one.source, body).with_headers(Headers::new(headers))
}

fn play_delivery(case: &Case, delivery: &Delivery, label: &str) {
    let interpreted = match interpret(delivery, &Templates::default()) {
        Ok(interpreted) => interpreted,
        Err(error) => {
            let expected = case
                .expect
                .refused
                .as_deref()
                .unwrap_or_else(|| panic!("{label}: {error}"));
            assert!(error.to_string().starts_with(expected), "{label}: {error}");
            return;
        }
    };
    assert_eq!(case.expect.refused, None, "{label}: it was accepted");
    assert_eq!(
        interpreted.ignored.map(|reason| reason.to_string()),
        case.expect.ignored,
        "{label}"
    );
    if let Some(expected) = &case.expect.events {
        let found: Vec<Map> = interpreted.events.iter().map(members).collect();
        assert_eq!(found.len(), expected.len(), "{label}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert_contains(found, expected, label);
        }
    }
    let mut index = TriggerIndex::new();
    for (id, document) in pipelines(case) {
        let (triggers, _) = parse_triggers(&document, &id);
        index.replace(&id, triggers);
    }
    let policy = SignaturePolicy {
        allow_sha1: case.policy.sha1,
    };
    let shared = case.policy.shared_secret.as_deref().and_then(Secret::new);
    let occasion = Occasion::new(delivery, policy, Secrets::new(shared, None));
    let mut starts = Vec::new();
    let mut first = None;
    for event in &interpreted.events {
        for verdict in index.verdicts(event, &occasion) {
            if verdict.is_match() {
                starts.push(format!(
                    "{}/{}",
                    verdict.trigger.pipeline, verdict.trigger.position
                ));
                first.get_or_insert_with(|| verdict.trigger.filled(event, "event"));
            }
        }
    }
    starts.sort();
    if let Some(expected) = &case.expect.starts {
        assert_eq!(starts, *expected, "{label}");
    }
    if let Some(expected) = &case.expect.trigger {
        assert_contains(&first.expect("a run starts").document, expected, label);
    }
    for (place, code) in &case.expect.rejections {
        let (pipeline, position) = place.split_once('/').expect("pipeline/position");
        let triggers = index.of_pipeline(&PipelineId::from(pipeline));
        let trigger = triggers
            .iter()
            .find(|trigger| trigger.position.to_string() == position);
        let trigger = trigger.unwrap_or_else(|| panic!("{label}: there is no trigger {place}"));
        let outcome = index.explain(
            &trigger.pipeline,
            &trigger.id,
            &interpreted.events[0],
            &occasion,
        );
        let found = outcome.expect_err(label);
        assert_eq!(found.code(), code, "{label}: {place}: {found}");
    }
}

fn pipelines(case: &Case) -> Vec<(PipelineId, Map)> {
    let mut pipelines = Vec::new();
    if !case.triggers.is_empty() {
        let document =
            Map::from_iter([("triggers".to_owned(), Value::Array(case.triggers.clone()))]);
        pipelines.push((PipelineId::from("p"), document));
    }
    for document in &case.pipelines {
        pipelines.push((
            PipelineId::from(document["id"].as_str().expect("an id")),
            document.clone(),
        ));
    }
    pipelines
}

/// The members of an event that cases speak of.
fn members(event: &Event) -> Map {
    let value = match &event.detail {
        Detail::Git(git) => json!({
            "names": git.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "branch": git.branch, "hash": git.hash, "action": git.action,
        }),
        other => json!({"detail": format!("{other:?}")}),
    };
    value.as_object().cloned().unwrap_or_default()
}

fn assert_contains(found: &Map, expected: &Map, label: &str) {
    for (key, value) in expected {
        assert_eq!(found.get(key), Some(value), "{label}: {key}");
    }
}
