//! Records of other crates.

use spindrift_engine::Write;

use super::{Case, Subject, refuse, write};

pub(super) const CASES: &[Case] = &[
    ("a record reads back", kept),
    ("a record is replaced under the guard of its value", guarded),
    ("records are listed by prefix, in pages", listed),
    ("a large record comes back, and goes", large),
];

fn put(key: &str, value: &[u8], expected: Option<Option<&[u8]>>) -> Write {
    Write::PutRecord {
        space: "test",
        key: key.into(),
        value: value.into(),
        expected: expected.map(|expected| expected.map(Into::into)),
    }
}

fn delete(key: &str) -> Write {
    Write::DeleteRecord {
        space: "test",
        key: key.into(),
    }
}

fn found(subject: &dyn Subject, key: &str) -> Option<Vec<u8>> {
    subject.store().record("test", key).unwrap()
}

fn kept(subject: &mut dyn Subject) {
    assert_eq!(found(subject, "k"), None);
    for value in [&b"one"[..], b"", b"\0\xff", b"two"] {
        write(subject, vec![put("k", value, None)]);
        subject.disturb();
        assert_eq!(found(subject, "k").as_deref(), Some(value));
    }
    assert_eq!(subject.store().record("tes", "k").unwrap(), None);
    assert_eq!(subject.store().record("test", "").unwrap(), None);
    write(subject, vec![delete("k"), delete("none")]);
    subject.disturb();
    assert_eq!(found(subject, "k"), None);
}

fn guarded(subject: &mut dyn Subject) {
    refuse(subject, vec![put("k", b"1", Some(Some(b"0")))]);
    write(subject, vec![put("k", b"1", Some(None))]);
    subject.disturb();
    refuse(subject, vec![put("k", b"2", Some(None))]);
    refuse(subject, vec![put("k", b"2", Some(Some(b"0")))]);
    assert_eq!(found(subject, "k").as_deref(), Some(&b"1"[..]));
    write(subject, vec![put("k", b"2", Some(Some(b"1")))]);
    write(subject, vec![delete("k")]);
    subject.disturb();
    refuse(subject, vec![put("k", b"3", Some(Some(b"2")))]);
    write(subject, vec![put("k", b"3", Some(None))]);
    subject.disturb();
    assert_eq!(found(subject, "k").as_deref(), Some(&b"3"[..]));
}

fn listed(subject: &mut dyn Subject) {
    let keys = ["", "a", "a/1", "a/2", "a/3", "b", "a\0", "\u{10ffff}", "ä"];
    for key in keys {
        write(subject, vec![put(key, key.as_bytes(), None)]);
    }
    let other = Write::PutRecord {
        space: "test2",
        key: "a/4".into(),
        value: vec![],
        expected: None,
    };
    write(subject, vec![other]);
    subject.disturb();
    let list = |prefix: &str, after: Option<&str>, limit: usize| -> Vec<String> {
        let records = subject
            .store()
            .records("test", prefix, after, limit)
            .unwrap();
        assert!(records.iter().all(|(key, value)| key.as_bytes() == value));
        records.into_iter().map(|(key, _)| key).collect()
    };
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(list("", None, 99), sorted);
    assert_eq!(list("a/", None, 99), ["a/1", "a/2", "a/3"]);
    assert_eq!(list("a/", None, 2), ["a/1", "a/2"]);
    assert_eq!(list("a/", Some("a/2"), 9), ["a/3"]);
    assert_eq!(list("a/", Some("a/3"), 9), [""; 0]);
    assert_eq!(list("a/", Some(""), 9), ["a/1", "a/2", "a/3"]);
    assert_eq!(list("a/", Some("b"), 9), [""; 0]);
    assert_eq!(list("c", None, 9), [""; 0]);
    assert_eq!(subject.store().records("tes", "", None, 9).unwrap(), []);
}

fn large(subject: &mut dyn Subject) {
    for length in [6_143, 6_144, 6_145, 1 << 20, 30_000, 5] {
        let value: Vec<u8> = (0..length)
            .map(|n: u32| n.to_le_bytes()[n as usize % 4])
            .collect();
        write(subject, vec![put("k", &value, None)]);
        subject.disturb();
        assert!(found(subject, "k").as_ref() == Some(&value), "{length}");
    }
    write(subject, vec![put("k", &[7; 50_000], None)]);
    write(subject, vec![delete("k")]);
    subject.disturb();
    assert_eq!(found(subject, "k"), None);
    assert_eq!(subject.store().records("test", "", None, 9).unwrap(), []);
}
