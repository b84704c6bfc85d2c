//! Pending messages by their addresses, for those accounts that cancel or replace by address.
//!
//! An index of all messages would nearly double what an accept costs the partition (a look into cold memory for each),
//! for what few accounts ever do. So an account is covered from its first such request on: then all messages are looked
//! through once, and its own are kept in order from there. Nobody else pays for it.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::Partition;
use super::delivery::Delivery;
use crate::fingerprint::Fingerprint;
use crate::messages::Outbox;
use crate::name::Name;
use crate::outbox::OutboxIndex;

/// The pending deliveries of the covered accounts. Trees, because they grow in steps and lose one of many at no cost.
#[derive(Debug, Default)]
pub(super) struct AddressIndex {
    accounts: FxHashMap<OutboxIndex, BTreeSet<(u64, u64)>>,
}

/// What addresses are kept under. Others may share it: whoever looks up compares.
const fn key(source: u32, destination: u64) -> u64 {
    destination ^ (source as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl AddressIndex {
    /// A delivery is pending from now on.
    pub(super) fn insert(&mut self, slot: u64, delivery: &Delivery) {
        if !self.accounts.is_empty()
            && let Some(entries) = self.accounts.get_mut(&delivery.origin)
        {
            entries.insert((key(delivery.fingerprint.source, delivery.destination), slot));
        }
    }

    /// It is pending no more.
    pub(super) fn remove(&mut self, slot: u64, delivery: &Delivery) {
        if !self.accounts.is_empty()
            && let Some(entries) = self.accounts.get_mut(&delivery.origin)
        {
            entries.remove(&(key(delivery.fingerprint.source, delivery.destination), slot));
        }
    }

    fn slots(&self, account: OutboxIndex, source: u32, destination: u64) -> impl DoubleEndedIterator<Item = u64> {
        let key = key(source, destination);
        let entries = self.accounts.get(&account).map(|entries| entries.range((key, 0)..=(key, u64::MAX)));
        entries.into_iter().flatten().map(|(_, slot)| *slot)
    }
}

impl Partition {
    /// The account's deliveries that may be withdrawn between that source and that destination, oldest first; only those
    /// of the service_type if one is asked for. With its first question the account becomes covered.
    pub(super) fn withdrawable_between(
        &mut self,
        account: Name,
        like: Fingerprint,
        destination: u64,
    ) -> impl DoubleEndedIterator<Item = (u64, &Delivery)> {
        let account = self.outboxes.index(Outbox::Account(account));
        self.cover(account);
        let this = &*self;
        let slots = this.addresses.slots(account, like.source, destination);
        slots.filter_map(move |slot| Some((slot, this.slab.get(slot)?))).filter(move |(_, delivery)| {
            delivery.is_withdrawable()
                && delivery.destination == destination
                && delivery.fingerprint.has_source_of(like)
                && delivery.fingerprint.has_service_of(like)
        })
    }

    /// Looks through all deliveries once: less than 0.1 s where a million wait for the account.
    fn cover(&mut self, account: OutboxIndex) {
        if self.addresses.accounts.contains_key(&account) {
            return;
        }
        let mut entries = Vec::new();
        for chunk in self.slab.chunks() {
            let own =
                self.slab.chunk(chunk).filter(|(_, delivery)| delivery.origin == account && delivery.is_pending());
            entries.extend(own.map(|(slot, delivery)| (key(delivery.fingerprint.source, delivery.destination), slot)));
        }
        // In order, so that the tree is built from it in one go.
        entries.sort_unstable();
        self.addresses.accounts.insert(account, entries.into_iter().collect());
    }
}
