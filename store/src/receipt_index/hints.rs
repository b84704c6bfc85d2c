//! Which partition a message is in that an operator has just given an id to: so that its receipt is brought there at
//! once. A hint is nothing but that; without it a receipt is looked for everywhere.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use smsc_proto::ids::{OperatorMessageId, PartitionId};

use super::key_of;
use crate::name::Name;

/// Shards, so that links on several threads seldom meet.
const SHARDS: usize = 16;
/// Hints of one shard and generation: some 50 MB in all when full.
const GENERATION_MAX: usize = 65_536;

/// Hints by a hash of (operator, id). Bounded: when a generation is full, the one before it is forgotten.
pub(crate) struct Hints {
    shards: [Mutex<Generations>; SHARDS],
}

#[derive(Default)]
struct Generations {
    young: FxHashMap<u64, PartitionId>,
    old: FxHashMap<u64, PartitionId>,
}

impl Default for Hints {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Hints {
    /// A message of that partition has this id now.
    pub(crate) fn insert(&self, operator: Name, id: &OperatorMessageId, partition: PartitionId) {
        let key = key_of(operator, id);
        let mut shard = self.shard(key);
        if shard.young.len() >= GENERATION_MAX {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(key, partition);
    }

    /// Where the message with this id is, as far as is known.
    pub(crate) fn get(&self, operator: Name, id: &OperatorMessageId) -> Option<PartitionId> {
        let key = key_of(operator, id);
        let shard = self.shard(key);
        shard.young.get(&key).or_else(|| shard.old.get(&key)).copied()
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Generations> {
        // The low bits choose the place in the map.
        let shard = (key >> 48) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: u16) -> PartitionId {
        PartitionId::new(number).expect("below 1024")
    }

    #[test]
    fn the_last_hint_counts() {
        let (hints, operator, id) = (Hints::default(), Name::intern("op-a"), OperatorMessageId::Decimal(7));
        assert_eq!(hints.get(operator, &id), None);
        hints.insert(operator, &id, partition(16));
        hints.insert(operator, &id, partition(32));
        assert_eq!(hints.get(operator, &id), Some(partition(32)));
        assert_eq!(hints.get(Name::intern("op-b"), &id), None);
    }

    #[test]
    fn old_hints_make_room_for_new_ones() {
        let (hints, operator) = (Hints::default(), Name::intern("op-a"));
        let count = 3 * (SHARDS * GENERATION_MAX) as u64;
        for id in 0..count {
            hints.insert(operator, &OperatorMessageId::Decimal(id), partition(0));
        }
        assert_eq!(hints.get(operator, &OperatorMessageId::Decimal(0)), None);
        assert!(hints.get(operator, &OperatorMessageId::Decimal(count - 1)).is_some());
        let kept: usize = hints.shards.iter().map(|shard| shard.lock().expect("unharmed").young.len()).sum();
        assert!(kept <= SHARDS * GENERATION_MAX);
    }
}
