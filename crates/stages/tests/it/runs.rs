//! The stage types in the engine's hands.

use serde_json::json;
use spindrift_engine::{ChildState, Event, Refusal};
use spindrift_model::Status;
use spindrift_stages::{Services, registry};

use crate::play::Play;
use crate::support::{Executions, Reply, Server, map, services, state};

/// 2015-02-13 09:59:59 in Los Angeles.
const MORNING: i64 = 1_423_850_399_000;
const TEN: i64 = MORNING + 1_000;

#[tokio::test]
async fn a_wait_a_judgment_and_what_follows() {
    let stages = json!([
        {"refId": "1", "type": "wait", "name": "Wait", "waitTime": "30", "requisiteStageRefIds": []},
        {"refId": "2", "type": "manualJudgment", "name": "Judge", "judgmentInputs": [{"value": "blue"}], "requisiteStageRefIds": ["1"]},
        {"refId": "3", "type": "noop", "name": "End", "requisiteStageRefIds": ["2"]},
    ]);
    let mut play = Play::new(registry(services()), stages, MORNING);
    play.start().await;
    let early = play
        .patch("Judge", json!({"judgmentStatus": "stop"}), "bob")
        .await;
    assert_eq!(
        early,
        Err(Refusal::Conflict(
            "\"Judge\" does not ask for a judgment yet".to_owned()
        ))
    );
    assert!(play.pass().await);
    assert_eq!(play.now, MORNING + 30_000);
    assert_eq!(
        play.shown(),
        "Wait SUCCEEDED, Judge RUNNING, End NOT_STARTED, = RUNNING"
    );
    let decision = json!({"judgmentStatus": "Continue", "judgmentInput": "blue"});
    play.patch("Judge", decision, "ann").await.unwrap();
    assert_eq!(
        play.shown(),
        "Wait SUCCEEDED, Judge SUCCEEDED, End SUCCEEDED, = SUCCEEDED"
    );
    let judge = play.stage("Judge");
    assert_eq!(judge.context["judgmentStatus"], json!("continue"));
    assert_eq!(judge.context["lastModifiedBy"], json!("ann"));
}

#[tokio::test]
async fn a_judgment_nobody_makes_ends_after_three_days() {
    let stages = json!([{"refId": "1", "type": "manualJudgment", "name": "Judge"}]);
    let mut play = Play::new(registry(services()), stages, MORNING);
    play.start().await;
    assert!(play.pass().await);
    // Three days are allowed; what is late comes after them.
    assert_eq!(play.now - MORNING, 3 * 24 * 3_600_000 + 1);
    assert_eq!(play.shown(), "Judge TERMINAL, = TERMINAL");
}

#[tokio::test]
async fn a_window_holds_a_stage_back_and_a_person_lets_it_go() {
    let restricted = json!([{
        "refId": "1", "type": "wait", "name": "Wait", "waitTime": 5, "restrictExecutionDuringTimeWindow": true,
        "restrictedExecutionWindow": {
            "whitelist": [{"startHour": 10, "startMin": 0, "endHour": 13, "endMin": 0}],
            "jitter": {"enabled": true, "minDelay": 60, "maxDelay": 60},
        },
    }]);
    let window = "Restrict execution during time window";
    let mut play = Play::new(
        registry(services()),
        restricted.clone(),
        MORNING - 3_600_000,
    );
    play.start().await;
    assert_eq!(play.stage(window).scheduled_time, Some(TEN));
    let mut times = Vec::new();
    while play.pass().await {
        times.push(play.now - TEN);
    }
    assert_eq!(
        times,
        [0, 60_000, 65_000],
        "it opens, the jitter ends, the wait ends"
    );
    assert_eq!(play.run.execution().status, Status::Succeeded);

    let mut play = Play::new(registry(services()), restricted, MORNING - 3_600_000);
    play.start().await;
    play.patch(window, json!({"skipRemainingWait": true}), "ann")
        .await
        .unwrap();
    assert_eq!(play.stage(window).status, Status::Succeeded);
    assert_eq!(play.run.execution().stages.len(), 2);
    assert!(play.pass().await);
    assert_eq!(play.now, MORNING - 3_600_000 + 5_000);
    assert_eq!(play.run.execution().status, Status::Succeeded);
}

#[tokio::test]
async fn a_precondition_with_its_own_flag_ends_only_its_branch() {
    let precondition = |status| json!({"type": "stageStatus", "failPipeline": false, "context": {"stageName": "Start", "stageStatus": status}});
    for (wanted, expected) in [
        (
            "SUCCEEDED",
            "Start SUCCEEDED, Check SUCCEEDED, End SUCCEEDED, Check precondition (stageStatus) SUCCEEDED, \
             Check precondition (noop) SUCCEEDED, = SUCCEEDED",
        ),
        (
            "TERMINAL",
            "Start SUCCEEDED, Check STOPPED, End NOT_STARTED, Check precondition (stageStatus) STOPPED, \
             Check precondition (noop) SUCCEEDED, = SUCCEEDED",
        ),
    ] {
        let stages = json!([
            {"refId": "1", "type": "noop", "name": "Start"},
            {"refId": "2", "type": "checkPreconditions", "name": "Check", "requisiteStageRefIds": ["1"],
             "preconditions": [precondition(wanted), {"type": "noop"}]},
            {"refId": "3", "type": "noop", "name": "End", "requisiteStageRefIds": ["2"]},
        ]);
        let mut play = Play::new(registry(services()), stages, MORNING);
        play.start().await;
        assert_eq!(play.shown(), expected);
    }
}

#[tokio::test]
async fn a_webhook_is_called_and_watched_to_its_end() {
    let server = Server::start([
        Reply::status(503),
        Reply::status(202).header("location", "/jobs/1"),
        Reply::json(json!({"s": 50})),
        Reply::json(json!({"s": 100})),
    ])
    .await;
    let stages = json!([{
        "refId": "1", "type": "webhook", "name": "Call", "url": server.at("/jobs"), "waitForCompletion": true,
        "statusUrlResolution": "locationHeader", "statusJsonPath": "$.s", "waitBeforeMonitor": 5,
    }]);
    let mut play = Play::new(registry(services()), stages, MORNING);
    play.start().await;
    let mut times = Vec::new();
    while play.pass().await {
        times.push(play.now - MORNING);
    }
    assert_eq!(times, [10_000, 15_000, 16_000]);
    assert_eq!(play.shown(), "Call SUCCEEDED, = SUCCEEDED");
    let webhook = &play.stage("Call").context["webhook"];
    assert_eq!(webhook["statusCodeValue"], json!(202));
    assert_eq!(webhook["monitor"]["percentComplete"], json!(100));
    let keys: Vec<String> = server
        .seen()
        .iter()
        .map(|seen| seen.header("idempotency-key").unwrap().to_owned())
        .collect();
    let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!(
        distinct.len(),
        keys.len(),
        "each call is another performance: {keys:?}"
    );
}

#[tokio::test]
async fn what_a_webhook_has_begun_is_ended_with_the_run_or_with_its_time() {
    let stages = |server: &Server| {
        json!([{
            "refId": "1", "type": "webhook", "name": "Call", "url": server.at("/jobs"), "waitForCompletion": true,
            "statusJsonPath": "$.s", "successStatuses": "done", "cancelEndpoint": server.at("/stop"),
            "stageTimeoutMs": 20_000,
        }])
    };
    let busy = || Reply::json(json!({"s": "busy"}));
    let stops = |server: &Server| {
        server
            .seen()
            .iter()
            .filter(|seen| seen.path == "/stop")
            .count()
    };

    let server = Server::start(vec![busy(); 3]).await;
    let mut play = Play::new(registry(services()), stages(&server), MORNING);
    play.start().await;
    assert_eq!(stops(&server), 0);
    let cancel = Event::Cancel {
        by: "ann".to_owned(),
        reason: None,
    };
    play.happen(cancel).await.unwrap();
    assert_eq!(play.shown(), "Call CANCELED, = CANCELED");
    assert_eq!(stops(&server), 1);
    assert_eq!(
        play.stage("Call").context["webhook"]["cancel"]["statusCodeValue"],
        json!(200)
    );

    let server = Server::start(vec![busy(); 60]).await;
    let mut play = Play::new(registry(services()), stages(&server), MORNING);
    play.start().await;
    while play.pass().await {}
    assert_eq!(play.shown(), "Call TERMINAL, = TERMINAL");
    assert_eq!(stops(&server), 1);
}

#[tokio::test]
async fn an_operators_webhook_is_configured_before_it_is_called() {
    let server = Server::start([Reply::status(200)]).await;
    let preset = json!({
        "type": "ticket", "url": server.at("/tickets"), "method": "PUT", "payload": {"project": "ops"},
        "sensitiveHeaders": {"X-Token": "hush"},
    });
    let services = Services {
        preconfigured_webhooks: vec![serde_json::from_value(preset).unwrap()],
        ..services()
    };
    let stages = json!([{"refId": "1", "type": "ticket", "name": "Ticket", "method": "DELETE"}]);
    let mut play = Play::new(registry(services), stages, MORNING);
    play.start().await;
    assert_eq!(play.shown(), "Ticket SUCCEEDED, = SUCCEEDED");
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("PUT", "/tickets")
    );
    assert_eq!(seen.header("x-token"), Some("hush"));
    let kept = serde_json::to_string(&play.run.to_state()).unwrap();
    assert!(
        !kept.contains("hush"),
        "nothing that is stored has the secret"
    );
}

#[tokio::test]
async fn a_child_wakes_the_stage_that_started_it() {
    let stages = json!([
        {"refId": "1", "type": "pipeline", "name": "Child", "pipeline": "p", "application": "shop"},
        {"refId": "2", "type": "noop", "name": "End", "requisiteStageRefIds": ["1"]},
    ]);
    let running = Executions::of([("child", state(Status::Running))]);
    let done = ChildState {
        outputs: map(json!({"image": "web"})),
        ..state(Status::Succeeded)
    };
    let mut play = Play::new(registry(services()), stages, MORNING).launcher(running);
    play.start().await;
    assert_eq!(play.shown(), "Child RUNNING, End NOT_STARTED, = RUNNING");
    let signal = Event::Signal {
        stage: play.stage("Child").id.clone(),
    };
    let mut play = play.launcher(Executions::of([("child", done)]));
    play.happen(signal).await.unwrap();
    assert_eq!(play.shown(), "Child SUCCEEDED, End SUCCEEDED, = SUCCEEDED");
    assert_eq!(play.stage("Child").outputs["image"], json!("web"));
    assert_eq!(
        play.stage("Child").context["executionName"],
        json!("deploy")
    );
}

#[tokio::test]
async fn a_child_is_canceled_when_another_branch_fails() {
    let stages = json!([
        {"refId": "1", "type": "pipeline", "name": "Child", "pipeline": "p"},
        {"refId": "2", "type": "wait", "name": "Wait", "waitTime": 5},
        {"refId": "3", "type": "wait", "name": "Bad", "waitTime": "soon", "requisiteStageRefIds": ["2"]},
    ]);
    let executions = Executions::of([("child", state(Status::Running))]);
    let mut play = Play::new(registry(services()), stages, MORNING).launcher(executions.clone());
    play.start().await;
    assert!(play.pass().await);
    assert_eq!(
        play.shown(),
        "Child CANCELED, Wait SUCCEEDED, Bad TERMINAL, = TERMINAL"
    );
    let canceled = executions.canceled.lock().unwrap();
    assert_eq!(canceled.len(), 1);
    assert_eq!(canceled[0].0, "child");
}

#[tokio::test]
async fn a_restart_asks_waits_and_starts_again() {
    let stages = json!([
        {"refId": "1", "type": "wait", "name": "Wait", "waitTime": 60},
        {"refId": "2", "type": "manualJudgment", "name": "Judge", "requisiteStageRefIds": ["1"]},
        {"refId": "3", "type": "evaluateVariables", "name": "Name", "requisiteStageRefIds": ["2"],
         "variables": [{"key": "color", "value": "blue"}]},
        {"refId": "4", "type": "pipeline", "name": "Child", "pipeline": "p", "requisiteStageRefIds": ["3"]},
    ]);
    let executions = Executions::of([("child", state(Status::Succeeded))]);
    let mut play = Play::new(registry(services()), stages, MORNING).launcher(executions.clone());
    play.start().await;
    let end = "Wait SUCCEEDED, Judge SUCCEEDED, Name SUCCEEDED, Child SUCCEEDED, = SUCCEEDED";
    for round in 1..=2 {
        assert_eq!(
            play.shown(),
            "Wait RUNNING, Judge NOT_STARTED, Name NOT_STARTED, Child NOT_STARTED, = RUNNING"
        );
        assert!(play.stage("Name").outputs.is_empty());
        play.patch("Wait", json!({"skipRemainingWait": true}), "ann")
            .await
            .unwrap();
        assert_eq!(play.stage("Judge").status, Status::Running);
        play.patch("Judge", json!({"judgmentStatus": "continue"}), "ann")
            .await
            .unwrap();
        assert_eq!(play.shown(), end);
        assert_eq!(play.stage("Name").outputs["color"], json!("blue"));
        assert_eq!(executions.started.lock().unwrap().len(), round);
        let restart = Event::RestartStage {
            stage: play.stage("Wait").id.clone(),
            by: "bob".to_owned(),
            pipeline: None,
            admitted: true,
            look_again: false,
        };
        play.now += 1_000;
        play.happen(restart).await.unwrap();
    }
    let started = executions.started.lock().unwrap();
    assert_ne!(
        started[0].correlation_id, started[1].correlation_id,
        "another start, another child"
    );
}

#[tokio::test]
async fn conditions_are_expressions_with_and_without_their_sign() {
    let check = |expression: &str| {
        json!([
            {"refId": "1", "type": "evaluateVariables", "name": "Name", "variables": [{"key": "color", "value": "blue"}]},
            {"refId": "2", "type": "checkPreconditions", "name": "Check", "requisiteStageRefIds": ["1"],
             "preconditions": [{"type": "expression", "context": {"expression": expression}}]},
        ])
    };
    let table = [
        ("color == 'blue'", "SUCCEEDED", json!("true")),
        ("${color == 'blue'}", "SUCCEEDED", json!("true")),
        ("color == 'red'", "TERMINAL", json!("false")),
        ("${#nope()}", "TERMINAL", json!("${#nope()}")),
    ];
    for (expression, status, text) in table {
        let mut play = Play::new(registry(services()), check(expression), MORNING);
        play.start().await;
        let child = play.stage("Check precondition (expression)");
        assert_eq!(child.status.as_str(), status, "{expression}");
        assert_eq!(
            child.context["context"]["expressionResult"], text,
            "{expression}"
        );
        assert_eq!(play.stage("Check").status, child.status);
    }
}

#[tokio::test]
async fn an_operators_fields_may_use_what_the_author_filled_in() {
    let server = Server::start([Reply::json(json!({"note": "${1 + 1}"}))]).await;
    let preset = json!({
        "type": "ticket", "url": server.at("/${parameterValues['project']}"),
        "payload": {"title": "${parameterValues.title}"},
        "parameters": [{"name": "project", "defaultValue": "ops"}, {"name": "title"}],
    });
    let services = Services {
        preconfigured_webhooks: vec![serde_json::from_value(preset).unwrap()],
        ..services()
    };
    let stages = json!([
        {"refId": "1", "type": "ticket", "name": "Ticket", "parameterValues": {"title": "disk ${2 + 3}"}},
        {"refId": "2", "type": "noop", "name": "End", "requisiteStageRefIds": ["1"],
         "note": "${#stage('Ticket').context.webhook.body.note}"},
    ]);
    let mut play = Play::new(registry(services), stages, MORNING);
    play.start().await;
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.path.as_str(), seen.body.as_str()),
        ("/ops", "{\"title\":\"disk 5\"}")
    );
    let ticket = play.stage("Ticket");
    assert_eq!(
        ticket.context["webhook"]["body"]["note"],
        json!("${1 + 1}"),
        "an answer is text"
    );
}

#[tokio::test]
async fn a_stage_whose_child_was_restarted_looks_at_the_same_child_again() {
    let stages = json!([{"refId": "1", "type": "pipeline", "name": "Child", "pipeline": "p"}]);
    let executions = Executions::of([("child", state(Status::Terminal))]);
    let mut play = Play::new(registry(services()), stages, MORNING).launcher(executions.clone());
    play.start().await;
    assert_eq!(play.shown(), "Child TERMINAL, = TERMINAL");
    let again = Executions::of([("child", state(Status::Succeeded))]);
    let mut play = play.launcher(again.clone());
    let restart = Event::RestartStage {
        stage: play.stage("Child").id.clone(),
        by: "bob".to_owned(),
        pipeline: None,
        admitted: true,
        look_again: true,
    };
    play.happen(restart).await.unwrap();
    assert_eq!(play.shown(), "Child SUCCEEDED, = SUCCEEDED");
    assert!(again.started.lock().unwrap().is_empty());
    assert!(
        !play
            .stage("Child")
            .context
            .contains_key("_skipPipelineRestart")
    );
}
