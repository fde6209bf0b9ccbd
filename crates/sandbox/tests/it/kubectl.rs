//! The real kubectl against the sandbox over TCP. Skipped, with a message, where there is no kubectl.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;

use crate::support::{serve, workload, world};

struct Kubectl {
    home: PathBuf,
}

impl Kubectl {
    /// Runs kubectl with a document on its standard input; returns success and everything it said.
    async fn run(&self, arguments: &str, input: &str) -> (bool, String) {
        let mut child = tokio::process::Command::new("kubectl")
            .args(arguments.split_whitespace())
            .env("KUBECONFIG", self.home.join("config"))
            .env("HOME", &self.home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .await
            .unwrap();
        let output = child.wait_with_output().await.unwrap();
        (
            output.status.success(),
            format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ),
        )
    }

    async fn says(&self, arguments: &str, input: &str, expected: &str) {
        let (ok, said) = self.run(arguments, input).await;
        assert!(
            ok && said.contains(expected),
            "kubectl {arguments}\n{said}\nlacks {expected}"
        );
    }

    async fn fails(&self, arguments: &str, input: &str, expected: &str) {
        let (ok, said) = self.run(arguments, input).await;
        assert!(
            !ok && said.contains(expected),
            "kubectl {arguments}\n{said}\nlacks {expected}"
        );
    }
}

fn is_installed() -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .any(|folder: PathBuf| Path::new(&folder).join("kubectl").is_file())
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_works_with_its_default_flags() {
    if !is_installed() {
        eprintln!("skipped: there is no kubectl on PATH");
        return;
    }
    // kubectl sends tokens over TLS only, so there is none here.
    let world = world();
    let home = std::env::temp_dir().join(format!("sandbox-kubectl-{}", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("config"), serve(&world.sandbox).await).unwrap();
    let kubectl = Kubectl { home: home.clone() };

    let one = workload("Deployment", "web", "nginx:1", 2).to_string();
    let two = workload("Deployment", "web", "nginx:2", 2).to_string();
    kubectl
        .says("apply -f -", &one, "deployment.apps/web created")
        .await;
    kubectl
        .says(
            "rollout status deploy/web --timeout=20s",
            "",
            "successfully rolled out",
        )
        .await;
    kubectl
        .says("apply -f -", &one, "deployment.apps/web unchanged")
        .await;
    kubectl
        .fails("diff -f -", &two, "+      - image: nginx:2")
        .await;
    kubectl
        .says("apply -f -", &two, "deployment.apps/web configured")
        .await;
    kubectl
        .says(
            "rollout status deploy/web --timeout=20s",
            "",
            "successfully rolled out",
        )
        .await;
    kubectl.says("rollout history deploy/web", "", "2").await;
    kubectl
        .says("rollout undo deploy/web", "", "rolled back")
        .await;
    kubectl
        .says(
            "rollout status deploy/web --timeout=20s",
            "",
            "successfully rolled out",
        )
        .await;
    kubectl.says("get deploy web -o wide", "", "nginx:1").await;
    kubectl
        .says("scale deploy/web --replicas=3", "", "scaled")
        .await;
    kubectl
        .says(
            "wait deploy/web --for=jsonpath={.status.availableReplicas}=3 --timeout=20s",
            "",
            "condition met",
        )
        .await;
    kubectl
        .says("rollout restart deploy/web", "", "restarted")
        .await;
    kubectl
        .says(
            "rollout status deploy/web --timeout=20s",
            "",
            "successfully rolled out",
        )
        .await;
    kubectl.says("logs deploy/web", "", "started nginx:1").await;
    kubectl
        .says("describe deploy web", "", "NewReplicaSetAvailable")
        .await;
    kubectl
        .says("explain deploy.spec.strategy", "", "rollingUpdate")
        .await;
    kubectl
        .says(
            "apply --server-side --field-manager=other -f -",
            &workload("Deployment", "web", "nginx:1", 3).to_string(),
            "serverside-applied",
        )
        .await;
    kubectl
        .fails(
            "apply --server-side --field-manager=third -f -",
            &two,
            "conflict with",
        )
        .await;
    kubectl
        .fails(
            "apply -f -",
            &two.replace("\"replicas\"", "\"replicaz\""),
            "unknown field \"spec.replicaz\"",
        )
        .await;
    // Kinds that kubectl knows are created in protobuf.
    kubectl
        .says("create namespace team", "", "namespace/team created")
        .await;
    kubectl
        .says(
            "-n team create job one --image=busybox",
            "",
            "job.batch/one created",
        )
        .await;
    kubectl
        .says(
            "-n team wait job/one --for=condition=complete --timeout=20s",
            "",
            "condition met",
        )
        .await;
    kubectl
        .says(
            "-n team create secret generic s --from-literal=a=b",
            "",
            "secret/s created",
        )
        .await;
    kubectl
        .says("-n team get secret s -o jsonpath={.data.a}", "", "Yg==")
        .await;
    kubectl
        .says("auth can-i create deployments", "", "yes")
        .await;
    kubectl
        .says(
            "create quota q --hard=pods=0 -n team",
            "",
            "resourcequota/q created",
        )
        .await;
    kubectl
        .fails("-n team run p --image=nginx", "", "exceeded quota: q")
        .await;
    kubectl
        .says("delete namespace team --timeout=20s", "", "deleted")
        .await;
    kubectl
        .says(
            "delete deploy web --cascade=foreground --timeout=20s",
            "",
            "deleted",
        )
        .await;
    kubectl.says("get pods", "", "No resources found").await;
    std::fs::remove_dir_all(home).unwrap();
}
