//! A real registry: Debian's `docker-registry`.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{runs, triggered, until_runs};
use crate::support::eventually;
use crate::support::http::{self, Answer, Request};
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

/// The registry as a process. Dropping it ends it.
pub struct Shelf {
    process: Child,
    pub address: SocketAddr,
}

impl Drop for Shelf {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Shelf {
    /// Starts a registry with its data in a directory; `None` when there is none on this machine.
    pub fn start(scratch: &Scratch) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let data = scratch.path("registry");
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: \"{address}\"}}\n",
            data.display()
        );
        let config = scratch.file("registry.yml", config);
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = process else {
            println!("skipped: docker-registry is not installed");
            return None;
        };
        let shelf = Self { process, address };
        eventually(|| http::connect(address).ok());
        Some(shelf)
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let mut stream = http::connect(self.address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        use std::io::Write;
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        http::answer(&mut std::io::BufReader::new(stream)).unwrap()
    }

    /// Pushes an image of one empty layer, as a client does; answers with its digest.
    pub fn push(&self, repository: &str, tag: &str, label: &str) -> String {
        let config = json!({"architecture": "amd64", "os": "linux", "config": {"Labels": {"is": label}}, "rootfs": {"type": "layers", "diff_ids": []}});
        let config = config.to_string();
        let digest = sha256(config.as_bytes());
        let request = Request {
            method: "POST",
            path: &format!("/v2/{repository}/blobs/uploads/?digest={digest}"),
            headers: &[],
            body: None,
        };
        // The distribution answers where to put the bytes.
        let place = upload_place(self.address, &request);
        let joint = if place.contains('?') { '&' } else { '?' };
        let put = self.send(
            "PUT",
            &format!("{place}{joint}digest={digest}"),
            "application/octet-stream",
            config.as_bytes(),
        );
        assert_eq!(put.status, 201, "{}", put.text());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": config.len(), "digest": digest},
            "layers": []
        })
        .to_string();
        let path = format!("/v2/{repository}/manifests/{tag}");
        let put = self.send(
            "PUT",
            &path,
            "application/vnd.docker.distribution.manifest.v2+json",
            manifest.as_bytes(),
        );
        assert_eq!(put.status, 201, "{}", put.text());
        sha256(manifest.as_bytes())
    }
}

/// Where an upload goes on: the path in the `Location` of its answer.
fn upload_place(address: SocketAddr, request: &Request<'_>) -> String {
    use std::io::{Read, Write};
    let mut stream = http::connect(address).unwrap();
    let head = format!(
        "{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        request.method,
        request.path.split('?').next().unwrap()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let place = http::header(&answer, "location").unwrap_or_else(|| panic!("{answer}"));
    let place = place.split_once("://").map_or(place, |(_, rest)| rest);
    place[place.find('/').unwrap()..].to_owned()
}

fn sha256(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes);
    let digits: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

#[test]
fn a_push_to_a_registry_starts_the_pipeline_that_waits_for_it() {
    let scratch = Scratch::new();
    let Some(shelf) = Shelf::start(&scratch) else {
        return;
    };
    shelf.push("shop/web", "0.9", "old");
    shelf.push("shop/web", "stable", "old");
    let config = format!(
        "[[registries]]\nname = \"local\"\naddress = \"http://{}\"\ninterval_s = 1\ntrack_digests = true\n",
        shelf.address
    );
    let launch = Launch::new(&scratch).configured(&scratch, &config);
    let server = launch.start();
    let on_image = |repository: &str, tag: &str| json!({"type": "docker", "enabled": true, "account": "local", "repository": repository, "tag": tag});
    server.save(triggered("release", &[on_image("shop/web", "[0-9.]+")]));
    server.save(triggered("moved", &[on_image("shop/web", "stable")]));
    server.save(triggered("first", &[on_image("shop/new", "")]));
    // That a first look was made shows in what it knows; it tells nothing, so the image is completed by it.
    let known = || {
        let artifact = json!({"name": "shop/web", "version": "0.9", "location": "local"});
        let body = json!({"type": "manual", "artifacts": [artifact]});
        let answer = server
            .call("POST", "/pipelines/test/release", Some(body))
            .with_status(202);
        let id = crate::support::server::reference(&answer.json());
        let execution = server.execution(&id);
        Some(execution["trigger"]["artifacts"][0].clone())
            .filter(|artifact| artifact["reference"].is_string())
    };
    let artifact = eventually(known);
    let name = format!("{}/shop/web", shelf.address);
    assert_eq!(artifact["reference"], format!("{name}:0.9"));
    let by_hand = runs(&server, "release").len();

    let digest = shelf.push("shop/web", "1.0", "new");
    let moved = shelf.push("shop/web", "stable", "new");
    shelf.push("shop/new", "0.1", "first");
    let all = until_runs(&server, "release", by_hand + 1);
    let run = all
        .iter()
        .find(|run| run["trigger"]["type"] == "docker")
        .unwrap();
    let said = |run: &Value, key: &str| run["trigger"][key].as_str().unwrap().to_owned();
    assert_eq!(
        (said(run, "tag"), said(run, "digest")),
        ("1.0".to_owned(), digest)
    );
    assert_eq!(
        run["trigger"]["artifacts"][0]["reference"],
        format!("{name}:1.0")
    );
    let run = until_runs(&server, "moved", 1).remove(0);
    assert_eq!(
        (said(&run, "tag"), said(&run, "digest")),
        ("stable".to_owned(), moved)
    );
    let run = until_runs(&server, "first", 1).remove(0);
    assert_eq!(said(&run, "tag"), "0.1");
    // Pushed while the server is away.
    server.kill();
    shelf.push("shop/web", "1.1", "newer");
    let server = launch.start();
    let all = until_runs(&server, "release", by_hand + 2);
    let mut tags: Vec<String> = all
        .iter()
        .filter(|run| run["trigger"]["type"] == "docker")
        .map(|run| said(run, "tag"))
        .collect();
    tags.sort();
    assert_eq!(tags, ["1.0", "1.1"]);
    assert_eq!(runs(&server, "moved").len(), 1);
}
