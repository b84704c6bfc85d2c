//! Receipts that match no message yet: kept durably, tried again, bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use smsc_proto::timestamp::Timestamp;

use super::{KeyIndex, key_of};
use crate::event::ParkedReceipt;
use crate::journal::RecordNumber;

/// When a parked receipt is looked up again, after the time before; from then on every [`LAST_PAUSE`].
const PAUSES: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(500), Duration::from_secs(5), Duration::from_secs(60)];
const LAST_PAUSE: Duration = Duration::from_secs(600);

/// One parked receipt.
#[derive(Debug)]
pub(crate) struct ParkedEntry {
    pub(crate) receipt: ParkedReceipt,
    /// Where its base stands, and how many octets that takes.
    pub(crate) record: RecordNumber,
    pub(crate) octets: u32,
    tries: u8,
    next_try: Timestamp,
}

/// All of a partition.
#[derive(Debug, Default)]
pub(crate) struct ParkedReceipts {
    entries: BTreeMap<u64, ParkedEntry>,
    by_key: KeyIndex,
    due: BTreeSet<(Timestamp, u64)>,
}

impl ParkedReceipts {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, number: u64) -> Option<&ParkedEntry> {
        self.entries.get(&number)
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &ParkedEntry)> {
        self.entries.iter().map(|(number, entry)| (*number, entry))
    }

    /// The numbers of those with this key, oldest first.
    pub(crate) fn with_key(&self, key: u64) -> &[u64] {
        self.by_key.get(key)
    }

    /// Keeps one, under a new number or with a new base.
    pub(crate) fn insert(&mut self, number: u64, receipt: ParkedReceipt, record: RecordNumber, octets: u32) {
        self.by_key.insert(key_of(receipt.operator, &receipt.id), number);
        let next_try = receipt.parked.plus(PAUSES[0]);
        self.due.insert((next_try, number));
        let entry = ParkedEntry { receipt, record, octets, tries: 0, next_try };
        if let Some(before) = self.entries.insert(number, entry)
            && before.next_try != next_try
        {
            self.due.remove(&(before.next_try, number));
        }
    }

    /// The cleaner has re-appended it.
    pub(crate) fn moved(&mut self, number: u64, record: RecordNumber, octets: u32) {
        if let Some(entry) = self.entries.get_mut(&number) {
            (entry.record, entry.octets) = (record, octets);
        }
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<ParkedEntry> {
        let entry = self.entries.remove(&number)?;
        self.by_key.remove(key_of(entry.receipt.operator, &entry.receipt.id), number);
        self.due.remove(&(entry.next_try, number));
        Some(entry)
    }

    /// When the next is to be tried.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next that is to be tried now; its next try is set.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<u64> {
        let (due, number) = *self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, number));
        let entry = self.entries.get_mut(&number)?;
        entry.tries = entry.tries.saturating_add(1);
        entry.next_try = now.plus(PAUSES.get(usize::from(entry.tries)).copied().unwrap_or(LAST_PAUSE));
        self.due.insert((entry.next_try, number));
        Some(number)
    }

    /// All are to be tried at once, from the first pause on: a peer joined, or the partition has just started.
    pub(crate) fn try_all_again(&mut self, now: Timestamp) {
        self.due.clear();
        for (number, entry) in &mut self.entries {
            (entry.tries, entry.next_try) = (0, now.plus(PAUSES[0]));
            self.due.insert((entry.next_try, *number));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use smsc_proto::ids::OperatorMessageId;
    use smsc_proto::message_state::MessageState;

    use super::*;
    use crate::name::Name;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn receipt(id: u64) -> ParkedReceipt {
        ParkedReceipt {
            operator: Name::intern("op-a"),
            id: OperatorMessageId::Decimal(id),
            state: MessageState::Delivered,
            error: *b"000",
            done: at(0),
            destination: 1,
            parked: at(0),
        }
    }

    #[test]
    fn tries_come_after_50_ms_half_a_second_5_s_a_minute_and_then_every_ten_minutes() {
        let mut parked = ParkedReceipts::default();
        parked.insert(1, receipt(7), 1, 40);
        let mut pauses = Vec::new();
        let mut before = at(0);
        for _ in 0..6 {
            let due = parked.next_due().unwrap();
            assert_eq!(parked.take_due(due), Some(1));
            pauses.push(due.since(before).as_millis());
            before = due;
        }
        assert_eq!(pauses, [50, 500, 5_000, 60_000, 600_000, 600_000]);
    }

    #[test]
    fn nothing_is_tried_before_its_time() {
        let mut parked = ParkedReceipts::default();
        parked.insert(1, receipt(7), 1, 40);
        assert_eq!(parked.take_due(at(49)), None);
    }

    #[test]
    fn a_removed_receipt_is_neither_found_nor_tried() {
        let mut parked = ParkedReceipts::default();
        parked.insert(1, receipt(7), 1, 40);
        let key = key_of(Name::intern("op-a"), &OperatorMessageId::Decimal(7));
        assert_eq!(parked.with_key(key), [1]);
        assert!(parked.remove(1).is_some() && parked.remove(1).is_none());
        assert_eq!((parked.with_key(key), parked.next_due(), parked.len()), (&[][..], None, 0));
    }

    #[test]
    fn a_joining_peer_has_all_tried_again_at_once() {
        let mut parked = ParkedReceipts::default();
        parked.insert(1, receipt(7), 1, 40);
        for _ in 0..5 {
            let due = parked.next_due().unwrap();
            parked.take_due(due);
        }
        parked.try_all_again(at(1_000_000));
        assert_eq!(parked.next_due(), Some(at(1_000_050)));
    }
}
