//! Whoever has seen the same entries holds the same, however they came.

use proptest::prelude::*;
use serde_json::json;

use super::*;

pub(super) fn entry(prefix: &str, millis: u64, node: u16) -> Entry {
    Entry {
        key: EntryKey::Route { prefix: prefix.to_owned(), account: None, source: None },
        setting: Setting::Set(json!({"operators": [{"name": "op-a"}]}).as_object().cloned().unwrap_or_default()),
        time: HybridTime { millis, counter: 0, node },
        by: "alice".to_owned(),
        on: "smsc-0".to_owned(),
        at: millis,
    }
}

fn key(prefix: &str) -> EntryKey {
    EntryKey::Route { prefix: prefix.to_owned(), account: None, source: None }
}

fn author(at: u64) -> Author<'static> {
    Author { by: "alice", on: "smsc-0", at: Timestamp::from_millis(at) }
}

/// Few keys, few times, few writers: so that they meet. Two with one time and different settings are the worst case.
fn any_entry() -> impl Strategy<Value = Entry> {
    let setting = prop_oneof![
        (0..3_u32).prop_map(|window| Setting::Set(json!({"window": window}).as_object().cloned().unwrap_or_default())),
        Just(Setting::Removed),
        Just(Setting::Unset),
    ];
    (0..3_usize, 0..4_u64, 0..2_u32, 0..3_u16, setting).prop_map(|(prefix, millis, counter, node, setting)| Entry {
        setting,
        time: HybridTime { millis, counter, node },
        ..entry(["46", "47", "48"][prefix], millis, node)
    })
}

fn merged(parts: &[&[Entry]]) -> Vec<Entry> {
    let mut overrides = Overrides::new(9, Vec::new());
    for part in parts {
        overrides.merge(part.to_vec());
    }
    overrides.all()
}

proptest! {
    #[test]
    fn merging_twice_is_merging_once(a in prop::collection::vec(any_entry(), 0..12)) {
        prop_assert_eq!(merged(&[&a]), merged(&[&a, &a]));
        let mut overrides = Overrides::new(9, a.clone());
        let version = overrides.version();
        prop_assert_eq!(overrides.merge(a), vec![], "and changes nothing");
        prop_assert_eq!(overrides.version(), version);
    }

    #[test]
    fn the_order_of_merges_does_not_matter(
        a in prop::collection::vec(any_entry(), 0..12),
        b in prop::collection::vec(any_entry(), 0..12),
        c in prop::collection::vec(any_entry(), 0..12),
    ) {
        let expected = merged(&[&a, &b, &c]);
        prop_assert_eq!(&expected, &merged(&[&c, &a, &b]));
        prop_assert_eq!(&expected, &merged(&[&b, &a, &c]));
        let b_and_c = merged(&[&b, &c]);
        prop_assert_eq!(&expected, &merged(&[&a, &b_and_c]), "nor who told whom first");
        let reversed: Vec<Entry> = a.iter().rev().cloned().collect();
        prop_assert_eq!(&expected, &merged(&[&reversed, &b, &c]), "nor the order within");
    }

    #[test]
    fn what_changed_since_a_version_brings_another_up_to_date(
        a in prop::collection::vec(any_entry(), 0..12),
        b in prop::collection::vec(any_entry(), 0..12),
    ) {
        let mut first = Overrides::new(1, a.clone());
        let mut second = Overrides::new(2, a);
        let seen = first.version();
        first.merge(b);
        second.merge(first.since(seen));
        prop_assert_eq!(first.all(), second.all());
    }
}

#[test]
fn the_last_writer_wins_and_the_loser_comes_too_late() {
    let mut overrides = Overrides::new(0, vec![entry("46", 20, 1)]);
    assert_eq!(overrides.merge(vec![entry("46", 10, 2)]), []);
    assert_eq!(overrides.merge(vec![entry("46", 20, 2)]), [key("46")], "the higher number, at the same time");
    assert_eq!(overrides.get(&key("46")).map(|entry| entry.time.node), Some(2));
}

#[test]
fn what_was_put_back_to_the_file_stays_so_when_an_older_change_comes_round() {
    let mut overrides = Overrides::new(0, vec![entry("46", 10, 1)]);
    let tombstone = overrides.set(key("46"), Setting::Unset, author(5)).expect("room");
    assert!(tombstone.time > entry("46", 10, 1).time, "later than what was seen, although the clock is behind");
    overrides.merge(vec![entry("46", 10, 1)]);
    assert_eq!((overrides.get(&key("46")), overrides.changes()), (None, vec![]));
    assert_eq!(overrides.all(), [tombstone], "it is kept, and told to others");
}

#[test]
fn every_entry_knows_its_author() {
    let mut overrides = Overrides::new(7, Vec::new());
    overrides.set(key("46"), Setting::Removed, author(5)).expect("room");
    let entry = overrides.get(&key("46")).expect("there");
    assert_eq!((entry.by.as_str(), entry.on.as_str(), entry.at, entry.time.node), ("alice", "smsc-0", 5, 7));
}

#[test]
fn a_node_makes_no_more_entries_than_there_is_room_for() {
    let full = (0..ENTRIES_MAX as u64).map(|number| entry(&number.to_string(), 1, 1)).collect();
    let mut overrides = Overrides::new(0, full);
    assert_eq!(overrides.set(key("x"), Setting::Removed, author(2)), Err(TooManyEntries));
    assert!(overrides.set(key("0"), Setting::Removed, author(2)).is_ok(), "one that is there may change");
    assert_eq!(overrides.merge(vec![entry("y", 3, 2)]), [key("y")], "what another node made is taken");
}
