//! Every command of the real client.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::command::Ended;
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, Server};

/// The client, when it is on the PATH.
fn client() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|directory| directory.join("spin"));
    found.into_iter().find(|file| file.is_file())
}

struct Desk {
    client: PathBuf,
    scratch: Scratch,
    server: Server,
}

impl Desk {
    fn new() -> Option<Self> {
        let Some(client) = client() else {
            eprintln!("spin is not on the PATH; its requests are tested as they were recorded");
            return None;
        };
        let scratch = Scratch::new();
        let server = Launch::new(&scratch).start();
        Some(Self {
            client,
            scratch,
            server,
        })
    }

    fn spin(&self, arguments: &str) -> Ended {
        let mut command = Command::new(&self.client);
        let home: &Path = self.scratch.as_ref();
        command.env_clear().env("HOME", home).current_dir(home);
        command.args(["--gate-endpoint", &self.server.url(), "--no-color=false"]);
        let output = command.args(arguments.split(' ')).output().unwrap();
        output.into()
    }

    /// Gives a command that must end well, and answers with what it printed.
    #[track_caller]
    fn good(&self, arguments: &str) -> String {
        let ended = self.spin(arguments);
        assert_eq!(ended.code, 0, "spin {arguments}: {ended:?}");
        ended.out
    }

    #[track_caller]
    fn json(&self, arguments: &str) -> Value {
        let out = self.good(arguments);
        serde_json::from_str(&out)
            .unwrap_or_else(|error| panic!("spin {arguments}: {error}: {out}"))
    }

    /// Gives a command that must fail with these words.
    #[track_caller]
    fn bad(&self, arguments: &str, words: &str) {
        let ended = self.spin(arguments);
        assert_ne!(ended.code, 0, "spin {arguments}: {ended:?}");
        let said = format!("{}{}", ended.out, ended.err);
        assert!(
            said.contains(words),
            "spin {arguments} says not {words:?}: {said}"
        );
        assert!(!said.contains("panic"), "spin {arguments}: {said}");
    }
}

fn pipeline() -> Value {
    json!({
        "application": "shop", "name": "release", "parameterConfig": [{"name": "version", "default": "1"}],
        "stages": [{"refId": "1", "type": "manualJudgment", "name": "Approve", "requisiteStageRefIds": []}],
    })
}

fn template() -> Value {
    json!({
        "schema": "v2", "id": "web", "metadata": {"name": "Web", "description": "x", "owner": "ann", "scopes": ["global"]},
        "variables": [{"name": "wait", "type": "int", "defaultValue": 1}],
        "pipeline": {"stages": [{"refId": "1", "type": "wait", "waitTime": "${templateVariables.wait}"}]},
    })
}

#[test]
fn applications_and_pipelines() {
    let Some(desk) = Desk::new() else { return };
    desk.bad("application get shop", "'shop' not found");
    desk.good("application save --application-name shop --owner-email ann@example.com --cloud-providers kubernetes");
    desk.bad("application save --application-name 2shop --owner-email ann@example.com --cloud-providers kubernetes", "cannot be used with kubernetes");
    assert_eq!(desk.json("application list")[0]["name"], "shop");
    assert_eq!(
        desk.json("application get shop")["email"],
        "ann@example.com"
    );
    assert_eq!(
        desk.json("application get shop --expand")["attributes"]["instancePort"],
        80
    );

    desk.scratch.file("pipeline.json", pipeline().to_string());
    desk.bad("pipeline get -a shop -n release", "404");
    desk.good("pipeline save --file pipeline.json");
    desk.good("pipeline save --file pipeline.json");
    assert_eq!(
        desk.json("pipeline list -a shop").as_array().unwrap().len(),
        1
    );
    let id = desk.json("pipeline get -a shop -n release")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    desk.good("pipeline update -a shop -n release --disabled");
    assert_eq!(
        desk.json("pipeline get -a shop -n release")["disabled"],
        true
    );
    desk.bad("pipeline execute -a shop -n release", "400");
    desk.good("pipeline update -a shop -n release --enabled");
    desk.good("pipeline execute -a shop -n release --parameter version=2");
    desk.bad("pipeline execute -a shop -n none", "404");

    let running = desk.json(&format!("pipeline execution list -i {id} --running"));
    let execution = running[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(running[0]["trigger"]["parameters"]["version"], "2");
    assert_eq!(
        desk.json(&format!("pipeline execution get {execution}"))[0]["status"],
        "RUNNING"
    );
    assert_eq!(
        desk.json("application pipelines get -a shop")[0]["id"],
        execution.as_str()
    );
    desk.good(&format!("pipeline execution cancel {execution}"));
    assert_eq!(
        desk.json(&format!("pipeline execution list -i {id} --canceled"))
            .as_array()
            .unwrap()
            .len(),
        1
    );
    desk.good("pipeline execute -a shop -n release");
    let running = desk.json(&format!("pipeline execution list -i {id} --running"));
    let execution = running[0]["id"].as_str().unwrap();
    desk.good(&format!(
        "application pipelines cancel -i {execution} -r tired"
    ));
    desk.good("pipeline execute -a shop -n release");
    desk.good("application pipelines cancel-all -a shop -s RUNNING");
    assert_eq!(
        desk.json(&format!("pipeline execution list -i {id} --running")),
        json!([])
    );

    desk.good("pipeline delete -a shop -n release");
    assert_eq!(desk.json("pipeline list -a shop"), json!([]));
    desk.good("application delete shop");
    desk.bad("application get shop", "'shop' not found");
    desk.bad("application delete shop", "'shop' which does not exist");
}

#[test]
fn templates() {
    let Some(desk) = Desk::new() else { return };
    desk.scratch.file("template.json", template().to_string());
    desk.bad("pipeline-template get --id web", "404");
    desk.good("pipeline-template save --file template.json");
    desk.good("pipeline-template save --file template.json");
    desk.good("pipeline-template save --file template.json --tag stable");
    let listed = desk.json("pipeline-template list --scopes global");
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == "web"),
        "{listed}"
    );
    assert_eq!(
        desk.json("pipeline-template get --id web --tag stable")["schema"],
        "v2"
    );

    let used =
        desk.good("pipeline-template use --id web --tag stable -a shop -n release --set wait=0");
    let mut used: Value = serde_json::from_str(&used).unwrap();
    // Whatever is set on the command line is a text.
    used["variables"]["wait"] = json!(0);
    desk.scratch.file("use.json", used.to_string());
    assert_eq!(
        desk.json("pipeline-template plan --file use.json")["stages"][0]["waitTime"],
        0
    );
    desk.good("pipeline save --file use.json");
    desk.good("pipeline execute -a shop -n release");
    desk.bad("pipeline-template delete web", "409");
    desk.good("pipeline delete -a shop -n release");
    desk.good("pipeline-template delete web --tag stable");
    desk.good("pipeline-template delete web");
    desk.bad("pipeline-template get --id web", "404");
}

#[test]
fn projects_accounts_and_what_there_is_not() {
    let Some(desk) = Desk::new() else { return };
    desk.good("project save --name retail --email ann@example.com");
    desk.good("project save --name retail --email bob@example.com");
    assert_eq!(desk.json("project list").as_array().unwrap().len(), 1);
    assert_eq!(desk.json("project get retail")["email"], "bob@example.com");
    assert_eq!(desk.json("project get-pipelines retail"), json!([]));
    desk.good("project delete --name retail");
    desk.bad("project get retail", "not found");
    assert!(desk.json("account list").is_array());
    desk.bad("account get none", "not found");
    assert!(desk.json("account whoami").is_object());
    desk.bad("canary canary-config list", "404");
}
