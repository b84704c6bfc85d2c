//! From an operator's message id to our delivery, and the receipts that found none.
//!
//! Ids of one operator may be reused (Q15), so a key may name several deliveries; which one a receipt is about is the
//! partition's decision. The index keeps only a hash of the key: whoever looks up compares the ids themselves.

mod hints;
mod parked;
mod search;

use std::collections::hash_map::Entry;
use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};
use smsc_proto::ids::OperatorMessageId;

use crate::name::Name;

pub(crate) use hints::Hints;
pub(crate) use parked::ParkedReceipts;
pub(crate) use search::{Search, Step};

/// The map is cut into so many, that none stalls the partition when it grows.
const SHARDS: usize = 256;

/// The hash of (operator, id). Good for this process only.
pub(crate) fn key_of(operator: Name, id: &OperatorMessageId) -> u64 {
    let id = match id {
        OperatorMessageId::Decimal(value) => *value,
        OperatorMessageId::Text(octets) => {
            let mut hasher = FxHasher::default();
            hasher.write(octets);
            hasher.finish() | 1 << 63
        }
    };
    mix(id ^ mix(operator.index() as u64 + 1))
}

/// Spreads all bits (the finaliser of MurmurHash3): consecutive ids must not share a shard.
const fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// Numbers (slots, or numbers of parked receipts) by key. Numbers are below 2^63.
#[derive(Debug)]
pub(crate) struct KeyIndex {
    /// One number per key, or [`SEVERAL`]: sixteen octets an entry, since millions of them are looked up at random.
    shards: Vec<FxHashMap<u64, u64>>,
    /// In rising order, at least two: ids that were reused.
    several: FxHashMap<u64, Vec<u64>>,
}

/// Stands for the numbers in [`KeyIndex::several`].
const SEVERAL: u64 = u64::MAX;

impl Default for KeyIndex {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| FxHashMap::default()).collect(), several: FxHashMap::default() }
    }
}

impl KeyIndex {
    /// Adds a number under a key, once.
    pub(crate) fn insert(&mut self, key: u64, number: u64) {
        match self.shards[key as usize % SHARDS].entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(number);
            }
            Entry::Occupied(entry) if *entry.get() == number => {}
            Entry::Occupied(mut entry) => {
                let before = entry.insert(SEVERAL);
                let several = self.several.entry(key).or_default();
                for number in [before, number].into_iter().filter(|number| *number != SEVERAL) {
                    if let Err(place) = several.binary_search(&number) {
                        several.insert(place, number);
                    }
                }
            }
        }
    }

    /// Removes a number.
    pub(crate) fn remove(&mut self, key: u64, number: u64) {
        let Entry::Occupied(mut entry) = self.shards[key as usize % SHARDS].entry(key) else { return };
        if *entry.get() == number {
            entry.remove();
        } else if *entry.get() == SEVERAL
            && let Some(several) = self.several.get_mut(&key)
        {
            several.retain(|other| *other != number);
            if let [one] = several[..] {
                entry.insert(one);
                self.several.remove(&key);
            }
        }
    }

    /// The numbers under a key, in rising order.
    pub(crate) fn get(&self, key: u64) -> &[u64] {
        match self.shards[key as usize % SHARDS].get(&key) {
            None => &[],
            Some(number) if *number == SEVERAL => self.several.get(&key).map_or(&[], Vec::as_slice),
            Some(number) => std::slice::from_ref(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_its_numbers_in_rising_order() {
        let mut index = KeyIndex::default();
        for number in [5, 3, 9, 5] {
            index.insert(1, number);
        }
        assert_eq!(index.get(1), [3, 5, 9]);
        assert!(index.get(2).is_empty());
    }

    #[test]
    fn a_removed_number_is_not_found_again() {
        let mut index = KeyIndex::default();
        for number in [1, 2, 3] {
            index.insert(7, number);
        }
        index.remove(7, 2);
        index.remove(7, 8);
        assert_eq!(index.get(7), [1, 3]);
        index.remove(7, 1);
        assert_eq!(index.get(7), [3]);
        index.remove(7, 3);
        assert!(index.get(7).is_empty());
    }

    #[test]
    fn the_same_id_of_two_operators_has_two_keys() {
        let id = OperatorMessageId::Decimal(1);
        assert_ne!(key_of(Name::intern("op-a"), &id), key_of(Name::intern("op-b"), &id));
        let text = OperatorMessageId::Text(b"01"[..].into());
        assert_ne!(key_of(Name::intern("op-a"), &id), key_of(Name::intern("op-a"), &text));
    }

    #[test]
    fn consecutive_ids_spread_over_the_shards() {
        let operator = Name::intern("op-a");
        let mut used = [0_u32; SHARDS];
        for id in 0..25_600 {
            used[key_of(operator, &OperatorMessageId::Decimal(id)) as usize % SHARDS] += 1;
        }
        assert!(used.iter().all(|count| (40..=200).contains(count)));
    }
}
