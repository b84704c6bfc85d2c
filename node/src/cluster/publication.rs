//! What this node says of itself, with a version for every change: a watcher is told what is newer than it has.
//!
//! Nothing is queued for anybody. Who is slow finds later only the last word on every key, so that a watcher costs no
//! more than what there is to say. Pure.

use std::collections::{BTreeMap, HashMap};

use super::fact::{Fact, Key};

/// Withdrawals that are remembered; who has less than the oldest is told everything.
const WITHDRAWN_MAX: usize = 1_024;

/// See the module.
#[derive(Debug, Default)]
pub struct Publication {
    version: u64,
    entries: HashMap<Key, Entry>,
    by_version: BTreeMap<u64, Key>,
    withdrawn: BTreeMap<u64, Key>,
    /// The version of the last withdrawal that was forgotten.
    floor: u64,
}

#[derive(Debug)]
struct Entry {
    version: u64,
    fact: Option<Fact>,
}

/// What is newer than a watcher has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// It is everything: what the watcher has is void.
    pub snapshot: bool,
    /// What the watcher must have at least.
    pub base: u64,
    /// What the watcher has then.
    pub version: u64,
    /// Facts and withdrawals, in the order in which they were said.
    pub facts: Vec<(Key, Option<Fact>)>,
}

impl Publication {
    /// Says a fact. Returns whether that is anything new.
    pub fn say(&mut self, fact: Fact) -> bool {
        let key = fact.key();
        let news = self.entries.get(&key).is_none_or(|entry| entry.fact.as_ref() != Some(&fact));
        if news {
            self.set(key, Some(fact));
        }
        news
    }

    /// Takes a fact back. Returns whether there was one.
    pub fn withdraw(&mut self, key: Key) -> bool {
        let news = self.entries.get(&key).is_some_and(|entry| entry.fact.is_some());
        if news {
            self.set(key, None);
            self.forget_old_withdrawals();
        }
        news
    }

    /// The fact of that key.
    pub fn get(&self, key: Key) -> Option<&Fact> {
        self.entries.get(&key)?.fact.as_ref()
    }

    /// The number of changes so far.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// What is newer than `from`; everything for `None`, and for who has too little or knows more than there is.
    pub fn since(&self, from: Option<u64>) -> Changes {
        let known = from.filter(|from| (self.floor..=self.version).contains(from));
        let newer = self.by_version.range(known.map_or(0, |from| from + 1)..);
        let facts = newer.map(|(_, key)| (*key, self.entries[key].fact.clone()));
        Changes {
            snapshot: known.is_none(),
            base: known.unwrap_or(0),
            version: self.version,
            facts: facts.filter(|(_, fact)| known.is_some() || fact.is_some()).collect(),
        }
    }

    fn set(&mut self, key: Key, fact: Option<Fact>) {
        self.version += 1;
        if let Some(before) = self.entries.get(&key) {
            self.by_version.remove(&before.version);
            self.withdrawn.remove(&before.version);
        }
        if fact.is_none() {
            self.withdrawn.insert(self.version, key);
        }
        self.by_version.insert(self.version, key);
        self.entries.insert(key, Entry { version: self.version, fact });
    }

    fn forget_old_withdrawals(&mut self) {
        while self.withdrawn.len() > WITHDRAWN_MAX {
            let Some((version, key)) = self.withdrawn.pop_first() else { return };
            self.by_version.remove(&version);
            self.entries.remove(&key);
            self.floor = version;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::fact::Facts;

    fn apply(facts: &mut Facts, changes: &Changes) {
        if changes.snapshot {
            *facts = Facts::default();
        }
        for (key, fact) in &changes.facts {
            facts.apply(*key, fact.clone());
        }
    }

    #[test]
    fn a_new_watcher_is_told_everything_that_still_holds() {
        let mut publication = Publication::default();
        (1..=3).for_each(|partition| _ = publication.say(Fact::Partition(partition)));
        publication.withdraw(Key::Partition(2));
        let changes = publication.since(None);
        assert!(changes.snapshot);
        assert_eq!(changes.facts.len(), 2, "of what was withdrawn it hears nothing");
        assert_eq!(changes.version, 4);
    }

    #[test]
    fn a_watcher_is_told_what_is_newer_than_it_has() {
        let mut publication = Publication::default();
        (1..=3).for_each(|partition| _ = publication.say(Fact::Partition(partition)));
        let has = publication.version();
        publication.say(Fact::Partition(4));
        publication.withdraw(Key::Partition(1));
        let facts = vec![(Key::Partition(4), Some(Fact::Partition(4))), (Key::Partition(1), None)];
        assert_eq!(publication.since(Some(has)), Changes { snapshot: false, base: 3, version: 5, facts });
    }

    #[test]
    fn saying_the_same_again_is_no_change() {
        let mut publication = Publication::default();
        assert!(publication.say(Fact::Partition(1)));
        assert!(!publication.say(Fact::Partition(1)));
        assert!(publication.withdraw(Key::Partition(1)));
        assert!(!publication.withdraw(Key::Partition(1)));
        assert_eq!(publication.version(), 2);
    }

    #[test]
    fn a_slow_watcher_finds_the_last_word_only() {
        let mut publication = Publication::default();
        for _ in 0..10_000 {
            publication.say(Fact::Partition(1));
            publication.withdraw(Key::Partition(1));
        }
        assert_eq!(publication.since(Some(0)).facts, [(Key::Partition(1), None)]);
    }

    #[test]
    fn who_has_missed_forgotten_withdrawals_is_told_everything() {
        let mut publication = Publication::default();
        let (mut slow, mut all) = (Facts::default(), Facts::default());
        (0..3_000).for_each(|partition| _ = publication.say(Fact::Partition(partition)));
        let has = publication.version();
        apply(&mut slow, &publication.since(None));
        (0..2_000).for_each(|partition| _ = publication.withdraw(Key::Partition(partition)));
        let changes = publication.since(Some(has));
        assert!(changes.snapshot);
        apply(&mut slow, &changes);
        apply(&mut all, &publication.since(None));
        assert_eq!(slow, all);
        assert_eq!(slow.partitions.len(), 1_000);
        assert!(publication.entries.len() <= 1_000 + WITHDRAWN_MAX);
    }

    #[test]
    fn who_knows_more_than_there_is_is_told_everything() {
        let mut publication = Publication::default();
        publication.say(Fact::Partition(1));
        assert!(publication.since(Some(2)).snapshot);
    }
}
