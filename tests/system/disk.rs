//! Full disks: writes are refused with the reason, reads go on, and nothing acknowledged is lost.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::json;

use crate::support::pipelines::{judgment, pipeline, wait};
use crate::support::scratch::Scratch;
use crate::support::server::{Launch, Server};

/// A small disk in memory; it goes when it is dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None`, with a message, where this process may not mount.
    fn new(scratch: &Scratch, mib: u64) -> Option<Self> {
        let path = scratch.path("disk");
        std::fs::create_dir(&path).unwrap();
        let options = std::ffi::CString::new(format!("size={mib}m")).unwrap();
        match mount(
            "tmpfs",
            &path,
            "tmpfs",
            MountFlags::empty(),
            Some(&*options),
        ) {
            Ok(()) => Some(Self(path)),
            Err(error) => {
                println!("skipped: a small disk cannot be mounted here: {error}");
                None
            }
        }
    }

    /// Fills it until that many bytes are left.
    fn fill(&self, left: u64) {
        let mut file = File::create(self.filler()).unwrap();
        let block = [1_u8; 4096];
        while free(&self.0) > left && file.write_all(&block).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A process that still holds it keeps it until it has ended.
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

fn free(path: &Path) -> u64 {
    let stat = rustix::fs::statvfs(path).unwrap();
    stat.f_bavail * stat.f_frsize
}

/// Fills the disk under a server by its own work, and answers with what it acknowledged.
fn start_until_refused(server: &Server, reason: &str) -> Vec<String> {
    let mut started = Vec::new();
    loop {
        let parameters = json!({"text": "x".repeat(20_000)});
        let body = json!({"type": "manual", "parameters": parameters});
        let answer = server.call("POST", "/pipelines/test/asks", Some(body));
        if answer.status == 202 {
            started.push(crate::support::server::reference(&answer.json()));
            continue;
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.message().contains(reason), "{}", answer.message());
        return started;
    }
}

/// What a server whose store has stopped still does, and what it does not.
fn check_stopped(server: &Server, reason: &str, asking: &str, judgment: &str) {
    let health = server.get("/health").with_status(503).json();
    assert_eq!(health["status"], "DOWN");
    let store = &health["components"]["store"];
    assert_eq!(store["status"], "DOWN");
    let told = store["details"]["stopped"].as_str().unwrap();
    assert!(told.contains(reason), "{told}");
    server.get("/ready").with_status(503);
    assert!(
        server
            .get("/metrics")
            .text()
            .contains("spindrift_store_up 0")
    );

    assert_eq!(server.execution(asking)["status"], "RUNNING");
    let pipelines = server.get("/applications/test/pipelineConfigs");
    assert_eq!(
        pipelines.with_status(200).json().as_array().unwrap().len(),
        2
    );
    let refused = [
        server.judge(asking, judgment, "continue"),
        server.call("PUT", &format!("/pipelines/{asking}/cancel"), None),
        server.call("POST", "/pipelines", Some(pipeline("new", &[]))),
        server.call("POST", "/pipelines/test/asks", None),
    ];
    for answer in refused {
        let answer = answer.with_status(503);
        assert!(answer.message().contains(reason), "{}", answer.message());
    }
    check_idle(server);
    let stage = &server.execution(asking)["stages"][0];
    assert_eq!(stage["status"], "RUNNING", "it shows what is not on disk");
}

/// What cannot be written is not tried again and again: timers that are due, tasks that have ended.
fn check_idle(server: &Server) {
    let before = server.processor_time();
    std::thread::sleep(Duration::from_secs(3));
    let used = server.processor_time() - before;
    assert!(used < Duration::from_millis(500), "it used {used:?} of 3 s");
    let log = server.log().len();
    assert!(log < 100_000, "it has logged {log} bytes");
}

/// Fills a disk of that many MiB under a server that keeps so many in reserve.
fn a_full_disk(mib: u64, reserve_mib: u64, left: u64, reason: &str) {
    let scratch = Scratch::new();
    let Some(disk) = Disk::new(&scratch, mib) else {
        return;
    };
    let launch = Launch::new(&scratch)
        .data(&disk.0.join("data"))
        .configured(&scratch, &format!("[store]\nreserve_mib = {reserve_mib}\n"));
    let server = launch.start();
    let mut asks = pipeline("asks", &[judgment("1", &[])]);
    asks["parameterConfig"] = json!([{"name": "text", "default": ""}]);
    server.save(asks);
    server.save(pipeline("naps", &[wait("1", &[], 2)]));
    let asking = server.start("test/asks", json!({}));
    let judgment = server.judgment(&asking, "1");
    let napping = server.start("test/naps", json!({}));
    disk.fill(left);
    let started = start_until_refused(&server, reason);
    check_stopped(&server, reason, &asking, &judgment);
    server.kill();
    disk.make_room();

    let server = launch.start();
    server.get("/health").with_status(200);
    for id in &started {
        let execution = server.execution(id);
        assert_eq!(execution["status"], "RUNNING", "{id}");
        let text = execution["trigger"]["parameters"]["text"].as_str().unwrap();
        assert_eq!(text.len(), 20_000);
    }
    assert_eq!(server.end(&napping), "SUCCEEDED");
    server
        .judge(&asking, &judgment, "continue")
        .with_status(200);
    assert_eq!(server.end(&asking), "SUCCEEDED");
    println!("{} starts were acknowledged on the last MiB", started.len());
}

#[test]
fn the_reserve_stops_writes_before_the_disk_is_full() {
    a_full_disk(48, 8, 12 << 20, "the disk is full");
}

#[test]
fn a_disk_without_a_reserve_that_fills_up_loses_nothing() {
    a_full_disk(32, 0, 2 << 20, "");
}

#[test]
fn a_reserve_that_is_not_free_refuses_writes_from_the_beginning() {
    let scratch = Scratch::new();
    let full = Launch::new(&scratch).configured(&scratch, "[store]\nreserve_mib = 1000000000\n");
    let roomy = Launch::new(&scratch);
    let server = roomy.start();
    server.save(pipeline("asks", &[judgment("1", &[])]));
    server.save(pipeline("naps", &[wait("1", &[], 0)]));
    let asking = server.start("test/asks", json!({}));
    let judgment = server.judgment(&asking, "1");
    server.kill();

    let server = full.start();
    let reason = "the disk is full";
    assert!(start_until_refused(&server, reason).is_empty());
    check_stopped(&server, reason, &asking, &judgment);
    let message = server.call("POST", "/pipelines/test/asks", None).message();
    assert!(
        message.contains("1000000000 MiB are kept in reserve"),
        "{message}"
    );
    assert!(message.contains("make room and start again"), "{message}");
    server.kill();

    let server = roomy.start();
    server
        .judge(&asking, &judgment, "continue")
        .with_status(200);
    assert_eq!(server.end(&asking), "SUCCEEDED");
}
