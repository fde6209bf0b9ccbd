//! The cluster inside a server: kept across restarts, reached by `kubectl`, planned and read through the API.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::support::command::run_in;
use crate::support::eventually;
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, Server};

const MANIFESTS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, annotations: {moniker.spinnaker.io/application: shop}}
data: {color: blue}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web, annotations: {moniker.spinnaker.io/application: shop}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "nginx:1"}]}}
"#;

/// A port of this machine that nobody listens on now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn spindrift(
    server: &Server,
    scratch: &Scratch,
    arguments: &[&str],
) -> crate::support::command::Ended {
    let url = format!("http://{}", server.address);
    let arguments = [arguments, &["--server", &url]].concat();
    run_in(scratch.as_ref(), &arguments, "")
}

/// What `kubectl` prints; `None` where there is no `kubectl`.
fn kubectl(kubeconfig: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("kubectl");
    command.env("HOME", kubeconfig.parent().unwrap());
    let output = command
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(arguments)
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no kubectl on the PATH");
        return None;
    };
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn what_kubectl_deploys_is_seen_and_there_after_a_restart() {
    let scratch = Scratch::new();
    let address = format!("127.0.0.1:{}", free_port());
    let launch = Launch::new(&scratch).with(&["--sandbox-listen", &address]);
    let mut server = launch.start();
    let config = run_in(
        scratch.as_ref(),
        &["sandbox", "kubeconfig", "--address", &address],
        "",
    )
    .with_code(0);
    let kubeconfig = scratch.file("kubeconfig", &config.out);
    let manifests = scratch.file("web.yaml", MANIFESTS);
    if kubectl(&kubeconfig, &["apply", "-f", manifests.to_str().unwrap()]).is_none() {
        return;
    }
    let up = |server: &Server| {
        let groups = server.get("/applications/shop/serverGroups").json();
        (groups[0]["instanceCounts"]["up"] == 2).then_some(())
    };
    eventually(|| up(&server));
    let pods = kubectl(
        &kubeconfig,
        &["get", "pods", "--selector", "app=web", "--output", "name"],
    )
    .unwrap();
    assert_eq!(pods.lines().count(), 2, "{pods}");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    let server = launch.start();
    assert_eq!(
        server.get("/applications/shop/clusters").json(),
        json!({"sandbox": ["web"]})
    );
    let again = kubectl(
        &kubeconfig,
        &["get", "pods", "--selector", "app=web", "--output", "name"],
    )
    .unwrap();
    assert_eq!(again, pods, "the same pods");
}

#[test]
fn a_server_has_the_sandbox_unless_it_is_turned_off() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    let listed =
        spindrift(&server, &scratch, &["account", "list", "--output", "json"]).with_code(0);
    assert_eq!(listed.json()[0]["name"], "sandbox");
    assert_eq!(listed.json()[0]["state"], "READY");
    assert!(
        !scratch.path("data").join("sandbox.json").exists(),
        "nobody has asked it for anything"
    );
    drop(server);
    let server = Launch::new(&scratch).with(&["--no-sandbox"]).start();
    let listed = spindrift(&server, &scratch, &["account", "list"]).with_code(0);
    assert_eq!(listed.out, "nothing found\n");
    drop(server);
    let open = Launch::new(&scratch)
        .with(&["--sandbox-listen", "0.0.0.0:0"])
        .refused();
    assert_eq!(open.code, 2, "{open:?}");
    assert!(open.err.contains("127.0.0.1"), "{open:?}");
}

#[test]
fn a_plan_says_what_would_change_and_changes_nothing() {
    let scratch = Scratch::new();
    let server = Launch::new(&scratch).start();
    scratch.file("web.yaml", MANIFESTS);
    let plan = &["plan", "web.yaml", "--account", "sandbox"];
    let shown = spindrift(&server, &scratch, plan).with_code(0);
    assert!(
        shown.out.contains("+ configMap settings-v000 in default"),
        "{shown:?}"
    );
    assert!(
        shown.out.contains("+ replicaSet web-v000 in default"),
        "{shown:?}"
    );
    assert!(
        shown
            .out
            .ends_with("2 to create, 0 to change, 0 to recreate, 0 unchanged, 0 refused\n"),
        "{shown:?}"
    );
    assert_eq!(server.get("/applications/shop/clusters").json(), json!({}));
    let nowhere = spindrift(
        &server,
        &scratch,
        &["plan", "web.yaml", "--account", "nowhere"],
    );
    assert_eq!(
        nowhere.with_code(2).err.trim(),
        "spindrift: there is no account \"nowhere\""
    );
}

#[test]
fn accounts_are_bound_by_the_command_line_and_their_secrets_are_nowhere() {
    let scratch = Scratch::new();
    let address = format!("127.0.0.1:{}", free_port());
    let launch = Launch::new(&scratch).with(&["--sandbox-listen", &address]);
    let mut server = launch.start();
    scratch.file("token", "s3cret-token-of-an-account\n");
    let url = format!("http://{address}");
    let add = [
        "account",
        "add",
        "prod",
        "--api-server",
        &url,
        "--token-file",
        "token",
        "--namespace",
        "default",
    ];
    let added = spindrift(&server, &scratch, &add).with_code(0);
    assert!(added.out.starts_with("prod: READY\n"), "{added:?}");
    spindrift(&server, &scratch, &add).with_code(2);
    let verified = spindrift(&server, &scratch, &["account", "verify", "prod"]).with_code(0);
    let exec = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "c", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": ["started"]}}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]});
    scratch.file("exec", exec.to_string());
    let refused = spindrift(
        &server,
        &scratch,
        &["account", "add", "evil", "--kubeconfig", "exec"],
    )
    .with_code(2);
    assert!(refused.err.contains("`exec`"), "{refused:?}");
    server.signal(Signal::TERM);
    server.wait();
    let log = server.log();
    let server = launch.start();
    eventually(|| (server.get("/credentials/prod").json()["state"] == "READY").then_some(()));
    let shown = server.get("/credentials?expand=true").json().to_string();
    for text in [added.out, verified.out, log, shown] {
        assert!(!text.contains("s3cret-token"), "{text}");
    }
    spindrift(&server, &scratch, &["account", "remove", "prod"]).with_code(0);
    drop(server);
    for entry in walk(&scratch.path("data")) {
        let bytes = std::fs::read(&entry).unwrap();
        let found = bytes.windows(12).any(|window| window == b"s3cret-token");
        assert!(!found, "{}", entry.display());
    }
}

/// Every file below a directory.
fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(walk(&path)),
            false => files.push(path),
        }
    }
    files
}
