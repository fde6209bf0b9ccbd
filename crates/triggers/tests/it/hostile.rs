//! Whatever is sent or written: an answer, never a panic, and soon.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use spindrift_model::PipelineId;
use spindrift_triggers::{
    Delivery, Expression, Headers, Occasion, Schedule, Secret, Secrets, SignaturePolicy, Templates,
    TriggerIndex, interpret, parse_triggers, recognise, verify,
};

const KEYS: [&str; 44] = [
    "repository",
    "owner",
    "name",
    "login",
    "full_name",
    "project",
    "key",
    "slug",
    "ref",
    "after",
    "ref_type",
    "action",
    "pull_request",
    "head",
    "sha",
    "push",
    "changes",
    "new",
    "commits",
    "hash",
    "events",
    "target",
    "tag",
    "digest",
    "push_data",
    "repo_name",
    "repo_full_name",
    "event_data",
    "resources",
    "type",
    "docker_url",
    "updated_tags",
    "message",
    "data",
    "subscription",
    "context",
    "subject",
    "id",
    "object_kind",
    "object_attributes",
    "detail",
    "refChanges",
    "toHash",
    "artifacts",
];

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9:/@. *\\[(]{0,12}".prop_map(Value::from),
        Just(Value::from("push")),
        Just(Value::from("refs/heads/main")),
        Just(Value::from("INSERT")),
        Just(Value::from("pushImage")),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let key = proptest::sample::select(&KEYS[..]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

const ROUTES: [(&str, &str); 22] = [
    ("git", "github"),
    ("git", "gitlab"),
    ("git", "bitbucket"),
    ("git", "stash"),
    ("git", "coding"),
    ("git", "gitea"),
    ("git", "azuredevops"),
    ("docker", "dockerhub"),
    ("docker", "dockerregistry"),
    ("docker", "harbor"),
    ("docker", "quay"),
    ("docker", "gcr"),
    ("docker", "acr"),
    ("docker", "ecr"),
    ("docker", "aliyun"),
    ("docker", "tcr"),
    ("docker", "x"),
    ("webhook", "quay"),
    ("pubsub", "x"),
    ("cdevents", "x"),
    ("build", "x"),
    ("helm", "x"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_body_on_any_route_gets_an_answer(body in document()) {
        let _ = recognise(&Headers::default(), &body);
        for (kind, source) in ROUTES {
            let delivery = Delivery::new(kind, source, body.to_string());
            if let Ok(interpreted) = interpret(&delivery, &Templates::default()) {
                prop_assert_eq!(interpreted.events.is_empty(), interpreted.ignored.is_some());
                let index = TriggerIndex::new();
                for event in &interpreted.events {
                    let occasion = Occasion::internal();
                    prop_assert!(index.verdicts(event, &occasion).is_empty());
                    prop_assert!(!event.summary().is_empty());
                }
            }
        }
    }

    #[test]
    fn any_triggers_are_read(triggers in prop::collection::vec(document(), 0..4)) {
        let document = json!({"triggers": triggers});
        let (read, _) = parse_triggers(document.as_object().unwrap(), &PipelineId::new("p"));
        let mut index = TriggerIndex::new();
        index.replace(&"p".into(), read);
        index.remove(&"p".into());
        prop_assert!(index.is_empty());
    }

    #[test]
    fn any_text_is_a_schedule_or_says_why_not(text in "[0-9*?/,LWH#()\\- A-Z]{0,24}") {
        if let Err(error) = Expression::parse(&text, "id") {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn the_times_of_a_schedule_rise(
        minute in 0_u32..60, hour in 0_u32..24, day in prop_oneof![Just("*"), Just("L"), Just("LW"), Just("15W"), Just("1/2")],
        start in 0_i64..2_000_000_000, zone in prop_oneof![Just("UTC"), Just("America/Los_Angeles"), Just("Australia/Lord_Howe"), Just("Africa/Casablanca")],
    ) {
        let schedule = Schedule::parse(&format!("0 {minute} {hour} {day} * ?"), "id", zone.parse().unwrap()).unwrap();
        let runs = schedule.next_runs(start * 1_000, 50);
        prop_assert_eq!(runs.len(), 50);
        prop_assert!(runs[0] > start * 1_000);
        prop_assert!(runs.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn any_signature_is_judged(value in "[ -~]{0,80}", name in proptest::sample::select(vec!["X-Hub-Signature", "X-Hub-Signature-256", "X-Gitlab-Token", "X-Coding-Signature"])) {
        let delivery = Delivery::new("git", "github", "{}").with_headers(Headers::new([(name, value.as_str())]));
        let secrets = Secrets::new(Secret::new("a secret that nobody guesses"), None);
        let policy = SignaturePolicy { allow_sha1: true };
        let outcome = verify(&delivery, &secrets, policy);
        prop_assert!(outcome.is_err());
    }
}

#[test]
fn a_document_nested_without_end_is_refused() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let outcome = interpret(&Delivery::new("webhook", "x", deep), &Templates::default());
    assert!(outcome.is_err());
}

#[test]
fn hostile_names_are_words_like_any_other() {
    for branch in ["--upload-pack=x", ";id", "$(id)", "a\nb", "../../etc"] {
        let body = json!({"ref": format!("refs/heads/{branch}"), "after": "a", "repository": {"name": "r", "owner": {"name": "o"}}});
        let found = interpret(
            &Delivery::new("git", "github", body.to_string()),
            &Templates::default(),
        )
        .unwrap();
        let spindrift_triggers::Detail::Git(git) = &found.events[0].detail else {
            panic!()
        };
        assert_eq!(git.branch, branch);
    }
}
