//! What the server refuses to start with, and what it says.

use std::net::TcpListener;

use crate::support::command::run_in;
use crate::support::scratch::Scratch;
use crate::support::server::Launch;

/// A token's entry in the configuration.
const TOKEN: &str = "[[tokens]]\nuser = \"ci\"\nroles = []\n\
    hash = \"sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"\n";

/// Starts a server that must refuse, and answers with what it says.
#[track_caller]
fn refusal(launch: &Launch) -> String {
    let ended = launch.refused().with_code(2);
    assert_eq!(ended.out, "", "it said that it listens");
    ended.err
}

#[test]
fn other_machines_are_served_with_tokens_only() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let scratch = Scratch::new();
        let open = Launch::new(&scratch).listen(address);
        let said = refusal(&open);
        assert!(
            said.contains("without tokens anybody who reaches"),
            "{said}"
        );
        assert!(
            said.contains("configure tokens, or listen on 127.0.0.1"),
            "{said}"
        );
        assert!(!scratch.path("data").exists(), "nothing was touched");

        let server = open.configured(&scratch, TOKEN).start();
        assert!(server.address.ip().is_unspecified());
    }
}

#[test]
fn a_directory_belongs_to_one_process() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    let server = launch.start();
    let data = scratch.path("data");
    let said = refusal(&launch);
    let expected = format!("another process uses {}", data.display());
    assert!(said.contains(&expected), "{said}");
    for action in ["verify", "export", "import"] {
        let arguments = ["store", action, "--data", data.to_str().unwrap()];
        let ended = run_in(scratch.as_ref(), &arguments, "").with_code(2);
        assert!(ended.err.contains(&expected), "{action}: {}", ended.err);
    }
    server.kill();
    launch.start();
}

#[test]
fn a_newer_format_and_a_foreign_database_are_refused() {
    let scratch = Scratch::new();
    let launch = Launch::new(&scratch);
    launch.start().kill();
    {
        let db = sled::open(scratch.path("data")).unwrap();
        db.insert("mformat", &77_u32.to_be_bytes()).unwrap();
        db.flush().unwrap();
    }
    let said = refusal(&launch);
    assert!(said.contains("was written in format 77"), "{said}");
    assert!(said.contains("start the newer program again"), "{said}");

    let foreign = scratch.path("foreign");
    {
        let db = sled::open(&foreign).unwrap();
        db.insert("something", "else").unwrap();
        db.flush().unwrap();
    }
    let said = refusal(&Launch::new(&scratch).data(&foreign));
    assert!(
        said.contains("holds a sled database that is not a store of ours"),
        "{said}"
    );
}

#[test]
fn a_data_directory_that_is_none_is_refused() {
    let scratch = Scratch::new();
    let file = scratch.file("file", "not a directory");
    let said = refusal(&Launch::new(&scratch).data(&file));
    assert!(said.contains(file.to_str().unwrap()), "{said}");
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let scratch = Scratch::new();
    let said = refusal(&Launch::new(&scratch).listen(&address));
    assert!(
        said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
}

#[test]
fn mistakes_in_the_configuration_are_named_with_their_place() {
    let table = [
        (
            "listne = \"127.0.0.1:1\"",
            &["listne", "spindrift.toml"][..],
        ),
        ("[store]\ncache = 1", &["cache", "store", "spindrift.toml"]),
        (
            "[store]\ncache_mib = \"much\"",
            &["store.cache_mib", "spindrift.toml"],
        ),
        (
            "[retention]\nmax_age = 3",
            &["max_age", "retention", "spindrift.toml"],
        ),
        (
            "[outbound]\nallow = [\"10.0.0.0/99\"]",
            &["outbound.allow", "10.0.0.0/99"],
        ),
        (
            "[[tokens]]\nuser = \"ci\"\nhash = \"secret\"",
            &["tokens", "ci", "sha256"],
        ),
        (
            "time_zone = \"Mars/Olympus\"",
            &["time_zone", "Mars/Olympus"],
        ),
        ("[log]\nformat = \"xml\"", &["log.format", "xml"]),
        ("[log]\nfilter = \"a=b=c\"", &["log.filter", "a=b=c"]),
        ("not toml", &["spindrift.toml"]),
    ];
    for (toml, named) in table {
        let scratch = Scratch::new();
        let said = refusal(&Launch::new(&scratch).configured(&scratch, toml));
        for name in named {
            assert!(
                said.contains(name),
                "{toml:?} is refused without {name:?}: {said}"
            );
        }
    }
    let scratch = Scratch::new();
    let arguments = ["serve", "--config", "absent.toml"];
    let ended = run_in(scratch.as_ref(), &arguments, "").with_code(2);
    assert!(ended.err.contains("absent.toml"), "{}", ended.err);
}

#[test]
fn a_variable_that_configures_nothing_is_named() {
    let table = [
        ("SPINDRIFT_LISTNE", "127.0.0.1:0", "listne"),
        ("SPINDRIFT_STORE__CACHE_MIB", "much", "cache_mib"),
        ("SPINDRIFT_LISTEN", "here", "listen"),
    ];
    for (variable, value, named) in table {
        let scratch = Scratch::new();
        let mut command = crate::support::command::spindrift();
        command.env(variable, value).arg("serve");
        let output = command.current_dir(&scratch).output().unwrap();
        let said = crate::support::command::Ended::from(output)
            .with_code(2)
            .err;
        let said = said.to_lowercase();
        assert!(said.contains(named), "{variable}: {said}");
    }
}
