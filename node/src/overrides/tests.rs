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

/// Later than all times of these tests.
const NOW: Timestamp = Timestamp::from_millis(1_000);

fn merged(parts: &[&[Entry]]) -> Vec<Entry> {
    let mut overrides = Overrides::new(9, Vec::new());
    for part in parts {
        overrides.merge(part.to_vec(), NOW);
    }
    overrides.all()
}

proptest! {
    #[test]
    fn merging_twice_is_merging_once(a in prop::collection::vec(any_entry(), 0..12)) {
        prop_assert_eq!(merged(&[&a]), merged(&[&a, &a]));
        let mut overrides = Overrides::new(9, a.clone());
        let version = overrides.version();
        prop_assert_eq!(overrides.merge(a, NOW), Merged::default(), "and changes nothing");
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
        count_max in 1_usize..4,
    ) {
        let mut first = Overrides::new(1, a.clone());
        let mut second = Overrides::new(2, a);
        let mut seen = first.version();
        first.merge(b, NOW);
        let batches = std::iter::from_fn(|| {
            let batch = first.since(seen, count_max);
            seen = batch.version;
            Some(batch)
        });
        for batch in batches {
            prop_assert!(batch.entries.len() <= count_max);
            second.merge(batch.entries, NOW);
            if !batch.more {
                break;
            }
        }
        prop_assert_eq!(first.all(), second.all());
        prop_assert_eq!(seen, first.version());
    }
}

#[test]
fn the_last_writer_wins_and_the_loser_comes_too_late() {
    let mut overrides = Overrides::new(0, vec![entry("46", 20, 1)]);
    assert_eq!(overrides.merge(vec![entry("46", 10, 2)], NOW), Merged::default());
    let keys = overrides.merge(vec![entry("46", 20, 2)], NOW).keys;
    assert_eq!(keys, [key("46")], "the higher number, at the same time");
    assert_eq!(overrides.get(&key("46")).map(|entry| entry.time.node), Some(2));
}

#[test]
fn what_was_put_back_to_the_file_stays_so_when_an_older_change_comes_round() {
    let mut overrides = Overrides::new(0, vec![entry("46", 10, 1)]);
    let tombstone = overrides.set(key("46"), Setting::Unset, author(5)).expect("room");
    assert!(tombstone.time > entry("46", 10, 1).time, "later than what was seen, although the clock is behind");
    overrides.merge(vec![entry("46", 10, 1)], NOW);
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
    assert_eq!(overrides.merge(vec![entry("y", 3, 2)], NOW).keys, [key("y")], "what another node made is taken");
}

#[test]
fn a_change_that_is_dated_far_ahead_is_not_taken_and_moves_no_clock() {
    let mut overrides = Overrides::new(0, vec![entry("46", 10, 1)]);
    let limit = NOW.as_millis() + AHEAD_MAX.as_millis() as u64;
    let merged = overrides.merge(vec![entry("46", limit + 1, 2), entry("47", limit, 2)], NOW);
    assert_eq!(merged.keys, [key("47")]);
    assert_eq!(merged.ahead.iter().map(|ahead| &ahead.key).collect::<Vec<_>>(), [&key("46")]);
    let next = overrides.set(key("46"), Setting::Removed, author(5)).expect("room");
    assert_eq!(next.time.millis, limit, "later than what was taken, and no later");
}

#[test]
fn nobody_fills_the_memory_with_changes() {
    let full = (0..KEPT_MAX as u64).map(|number| entry(&number.to_string(), 1, 1)).collect();
    let mut overrides = Overrides::new(0, full);
    let merged = overrides.merge(vec![entry("x", 2, 2), entry("0", 2, 2)], NOW);
    assert_eq!((merged.keys, merged.no_room), (vec![key("0")], 1));
}
