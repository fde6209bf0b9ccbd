//! `engine-spec/states.md` is the state machine that the engine really has.

use std::collections::BTreeSet;
use std::fs;

use proptest::strategy::{Strategy, ValueTree};
use spindrift_model::Status;

use crate::conformance::{cases, modes, play, spec};
use crate::plan::{acts, pipeline};
use crate::property::{self, runner};
use crate::world::Transition;

type Row = (String, String, String);

fn written() -> BTreeSet<Row> {
    let text = fs::read_to_string(spec().join("states.md")).unwrap();
    let mut rows = BTreeSet::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, of, from, to, when, _] = cells[..] else {
            continue;
        };
        if !["execution", "stage", "task"].contains(&of) {
            continue;
        }
        for status in [from, to] {
            assert!(
                Status::parse(status).is_some(),
                "{status} is no state: {line}"
            );
        }
        assert!(!when.is_empty(), "no reason: {line}");
        let row = (of.to_owned(), from.to_owned(), to.to_owned());
        assert!(rows.insert(row), "a row is there twice: {line}");
    }
    rows
}

fn seen() -> BTreeSet<Row> {
    let mut seen: BTreeSet<Row> = BTreeSet::new();
    let mut add = |transitions: &mut dyn Iterator<Item = &Transition>| {
        seen.extend(
            transitions.map(|(of, from, to)| ((*of).to_owned(), from.to_string(), to.to_string())),
        );
    };
    for (_, case) in cases() {
        if case.refused.is_none() {
            for mode in modes(&case) {
                add(&mut play(&case, mode).transitions.iter());
            }
        }
    }
    let mut runner = runner(1);
    for _ in 0..300 {
        let case = (pipeline(), acts()).new_tree(&mut runner).unwrap();
        let (nodes, acts) = case.current();
        add(&mut property::play(&nodes, &acts).transitions.iter());
    }
    seen
}

#[test]
fn the_table_of_states_is_what_happens() {
    let (written, seen) = (written(), seen());
    let missing: Vec<&Row> = seen.difference(&written).collect();
    let unseen: Vec<&Row> = written.difference(&seen).collect();
    assert!(
        missing.is_empty() && unseen.is_empty(),
        "seen, but not in states.md: {missing:#?}\nin states.md, but never seen: {unseen:#?}"
    );
}
