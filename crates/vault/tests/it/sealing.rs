//! What is sealed opens for its purpose, and for nothing else.

use proptest::prelude::*;
use spindrift_vault::{Vault, VaultError};

proptest! {
    #[test]
    fn what_is_sealed_opens_again(purpose in ".{0,40}", plain in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let vault = Vault::ephemeral();
        let sealed = vault.seal(&purpose, &plain);
        let opened = vault.unseal(&purpose, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), plain.as_slice());
        prop_assert!(sealed.is_ascii() && !sealed.contains(char::is_whitespace));
    }

    #[test]
    fn a_changed_text_does_not_open(position in 0_usize..100, other in "[A-Za-z0-9._-]") {
        let vault = Vault::ephemeral();
        let sealed = vault.seal("account/prod", b"a secret of some length, so that there is something to change");
        let position = position % sealed.len();
        let changed = format!("{}{other}{}", &sealed[..position], &sealed[position + 1..]);
        prop_assume!(changed != sealed);
        prop_assert!(vault.unseal("account/prod", &changed).is_err());
    }
}

#[test]
fn a_secret_opens_for_its_own_purpose_only() {
    let vault = Vault::ephemeral();
    let sealed = vault.seal("account/prod", b"secret");
    let error = vault.unseal("account/test", &sealed).unwrap_err();
    assert!(matches!(&error, VaultError::Broken { purpose } if purpose == "account/test"));
    assert_ne!(
        sealed,
        vault.seal("account/prod", b"secret"),
        "no two are alike"
    );
}

#[test]
fn a_wrong_key_is_named() {
    let (one, other) = (Vault::ephemeral(), Vault::ephemeral());
    let sealed = one.seal("p", b"secret");
    let message = other.unseal("p", &sealed).unwrap_err().to_string();
    assert!(message.contains(one.key_ids()[0]), "{message}");
    assert!(message.contains(other.key_ids()[0]), "{message}");
}

#[test]
fn nonsense_is_no_sealed_text() {
    let vault = Vault::ephemeral();
    let id = vault.key_ids()[0].to_owned();
    for text in [
        String::new(),
        "secret".to_owned(),
        "v2.00000000.AAAA".to_owned(),
        format!("v1.{id}"),
        format!("v1.{id}."),
        format!("v1.{id}.AAAA"),
        format!("v1.{id}.!!!!"),
    ] {
        let error = vault.unseal("p", &text).unwrap_err();
        assert!(matches!(error, VaultError::Malformed), "{text:?}: {error}");
    }
}

#[test]
fn nothing_of_keys_or_secrets_is_shown() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let vault = Vault::with_keys(key).unwrap();
    let shown = format!("{vault:?}");
    assert!(
        !shown.contains("AAECAw") && !shown.contains("0, 1, 2"),
        "{shown}"
    );
}
