//! Tokens, from the command that makes them to the judgment that asks for a role.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::command::{run, spindrift};
use crate::support::http::{Answer, Request, send};
use crate::support::pipelines::{pipeline, stage, wait};
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, Server};

/// A token and the configuration that accepts it.
fn token(user: &str, role: &str) -> (String, String) {
    let ended = run(&["token", "--user", user, "--role", role]).with_code(0);
    let line = ended.out.lines().next().unwrap();
    let (_, token) = line.rsplit_once(' ').unwrap();
    assert!(line.starts_with('#') && token.starts_with("spk_"), "{line}");
    let rest = ended.out.lines().skip(1).any(|line| line.contains(token));
    assert!(!rest, "the configuration does not hold the token itself");
    (token.to_owned(), ended.out)
}

fn call(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Answer {
    let body = body.map(|body| body.to_string());
    let request = Request {
        method,
        path,
        headers,
        body: body.as_deref().map(str::as_bytes),
    };
    send(server.address, &request).unwrap()
}

#[test]
fn callers_are_whom_their_tokens_say() {
    let (ci, ci_config) = token("ci", "builders");
    let (ann, ann_config) = token("ann", "release-managers");
    let scratch = Scratch::new();
    let config = format!("{ci_config}\n{ann_config}");
    let server = Launch::new(&scratch).configured(&scratch, &config).start();
    let bearer = |token: &str| format!("Bearer {token}");
    let (ci, ann) = (bearer(&ci), bearer(&ann));

    let nobody = call(&server, "GET", "/pipelineConfigs", &[], None).with_status(401);
    assert!(
        nobody.message().contains("Authorization: Bearer"),
        "{}",
        nobody.message()
    );
    let claimed = [("X-SPINNAKER-USER", "ann")];
    call(&server, "GET", "/pipelineConfigs", &claimed, None).with_status(401);
    let wrong = [("Authorization", "Bearer spk_wrong")];
    call(&server, "GET", "/pipelineConfigs", &wrong, None).with_status(401);
    call(&server, "GET", "/health", &[], None).with_status(200);

    let context = json!({"selectedStageRoles": ["release-managers"]});
    let asks = pipeline(
        "asks",
        &[
            stage("1", "manualJudgment", &[], context),
            wait("2", &["1"], 0),
        ],
    );
    let pretends = [("Authorization", ci.as_str()), ("X-SPINNAKER-USER", "ann")];
    call(&server, "POST", "/pipelines", &pretends, Some(asks)).with_status(200);
    let started = call(&server, "POST", "/pipelines/test/asks", &pretends, None).with_status(202);
    let path = started.json()["ref"].as_str().unwrap().to_owned();
    let execution = call(&server, "GET", &path, &pretends, None)
        .with_status(200)
        .json();
    assert_eq!(execution["trigger"]["user"], "ci");
    let saved = call(
        &server,
        "GET",
        "/applications/test/pipelineConfigs/asks",
        &pretends,
        None,
    );
    assert_eq!(saved.json()["lastModifiedBy"], "ci");

    let judgment = format!(
        "{path}/stages/{}",
        execution["stages"][0]["id"].as_str().unwrap()
    );
    let verdict = json!({"judgmentStatus": "continue"});
    let refused = call(
        &server,
        "PATCH",
        &judgment,
        &pretends,
        Some(verdict.clone()),
    )
    .with_status(403);
    assert!(
        refused.message().contains("release-managers"),
        "{}",
        refused.message()
    );
    assert!(
        refused.message().contains("ci is in none"),
        "{}",
        refused.message()
    );
    let with_role = [("Authorization", ann.as_str())];
    let decided = call(&server, "PATCH", &judgment, &with_role, Some(verdict)).with_status(200);
    assert_eq!(
        decided.json()["stages"][0]["context"]["lastModifiedBy"],
        "ann"
    );
}

#[test]
fn the_log_is_for_machines_and_holds_no_token() {
    let (token, config) = token("ci", "builders");
    let scratch = Scratch::new();
    let config = format!("[log]\nfilter = \"trace\"\nformat = \"json\"\n{config}");
    let mut server = Launch::new(&scratch).configured(&scratch, &config).start();
    let bearer = format!("Bearer {token}");
    for headers in [
        ("Authorization", bearer.as_str()),
        ("X-SPINNAKER-TOKEN", &token),
    ] {
        call(&server, "GET", "/pipelineConfigs", &[headers], None).with_status(200);
    }
    let wrong = [("Authorization", "Bearer spk_guessed")];
    call(&server, "GET", "/pipelineConfigs", &wrong, None).with_status(401);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    let log = server.log();
    assert!(log.contains("/pipelineConfigs"), "{log}");
    for line in log.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            line["level"].is_string() && line["timestamp"].is_string(),
            "{line}"
        );
    }
    assert!(
        !log.contains(&token) && !log.contains("spk_guessed"),
        "a token is in the log"
    );
}

#[test]
fn the_command_line_presents_its_token() {
    let (token, config) = token("ci", "builders");
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).configured(&scratch, &config).start();
    let list = |token: Option<&str>, user: &str| {
        let mut command = spindrift();
        command.args(["list", "pipelines"]);
        command
            .env("SPINDRIFT_SERVER", server.url())
            .env("SPINDRIFT_USER", user);
        if let Some(token) = token {
            command.env("SPINDRIFT_TOKEN", token);
        }
        crate::support::command::Ended::from(command.output().unwrap())
    };
    let refused = list(None, "ci").with_code(2);
    assert!(refused.err.contains("asks for a token"), "{}", refused.err);
    assert!(!refused.err.contains(&token));
    let unknown = list(Some("spk_other"), "ci").with_code(2);
    assert!(unknown.err.contains("not known"), "{}", unknown.err);
    assert!(!unknown.err.contains("spk_other"), "{}", unknown.err);
    assert_eq!(
        list(Some(&token), "ann").with_code(0).out,
        "nothing found\n"
    );
}
