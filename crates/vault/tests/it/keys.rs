//! Where keys come from, and how they go.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use spindrift_vault::{KEY_FILE, Vault, VaultError};

const FIRST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECOND: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn the_first_start_makes_a_key_that_only_its_owner_reads() {
    let directory = tempfile::tempdir().unwrap();
    let sealed = Vault::open(directory.path(), None)
        .unwrap()
        .seal("p", b"secret");
    let file = directory.path().join(KEY_FILE);
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let again = Vault::open(directory.path(), Some("  ")).unwrap();
    assert_eq!(again.unseal("p", &sealed).unwrap().as_slice(), b"secret");
    let files: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "nothing is left behind: {files:?}");
}

#[test]
fn first_starts_at_the_same_time_end_with_the_same_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let start = || scope.spawn(|| Vault::open(path, None).unwrap().key_ids()[0].to_owned());
        let starts: Vec<_> = (0..8).map(|_| start()).collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    Vault::open(directory.path(), None).unwrap();
    let file = directory.path().join(KEY_FILE);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let error = Vault::open(directory.path(), None).unwrap_err();
    assert!(
        matches!(error, VaultError::Exposed { mode: 0o640, .. }),
        "{error}"
    );
}

#[test]
fn a_line_that_is_no_key_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(KEY_FILE);
    for text in ["# nothing\n", "# a comment\nsecret-that-is-no-key\n"] {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let message = Vault::open(directory.path(), None).unwrap_err().to_string();
        assert!(
            message.starts_with("line ") && message.contains("is not a key"),
            "{message}"
        );
        assert!(!message.contains("secret-that"), "{message}");
    }
}

#[test]
fn keys_of_the_environment_leave_the_directory_alone() {
    let directory = tempfile::tempdir().unwrap();
    let old = Vault::open(directory.path(), Some(FIRST)).unwrap();
    let sealed = old.seal("p", b"secret");
    assert!(!directory.path().join(KEY_FILE).exists());
    let both = Vault::open(directory.path(), Some(&format!("{SECOND},{FIRST}"))).unwrap();
    assert_eq!(both.unseal("p", &sealed).unwrap().as_slice(), b"secret");
    let moved = both.reseal("p", &sealed).unwrap().unwrap();
    assert_eq!(both.reseal("p", &moved).unwrap(), None);
    let new = Vault::open(directory.path(), Some(SECOND)).unwrap();
    assert_eq!(new.unseal("p", &moved).unwrap().as_slice(), b"secret");
    assert!(new.unseal("p", &sealed).is_err());
    let message = Vault::with_keys("a,b").unwrap_err().to_string();
    assert!(message.contains("number 1"), "{message}");
}

#[test]
fn a_new_key_seals_and_the_old_one_still_opens() {
    let directory = tempfile::tempdir().unwrap();
    let mut vault = Vault::open(directory.path(), None).unwrap();
    let sealed = vault.seal("p", b"secret");
    vault.rotate().unwrap();
    assert_eq!(vault.key_ids().len(), 2);
    let moved = vault.reseal("p", &sealed).unwrap().unwrap();
    assert_ne!(moved, sealed);
    let again = Vault::open(directory.path(), None).unwrap();
    for text in [&sealed, &moved] {
        assert_eq!(again.unseal("p", text).unwrap().as_slice(), b"secret");
    }
    assert!(matches!(
        Vault::ephemeral().rotate(),
        Err(VaultError::NotRotatable)
    ));
}
