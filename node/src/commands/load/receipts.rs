//! Which accepted messages still wait for their receipt.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::DeliveryReceipt;
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::smpp::tlv::tag;

/// Maps of which one grows at a time: a single one of some millions stalls for a second when it doubles, and that
/// second would be taken for the message centre's.
const SHARDS: usize = 64;
/// Receipts without a message that are kept: more cannot be early ones.
const EARLY_MAX: usize = 1_000_000;

/// A message_id as a number: decimal ones are themselves, others are hashed.
pub(super) fn key(id: &OperatorMessageId) -> u64 {
    use std::hash::BuildHasher;
    match id {
        OperatorMessageId::Decimal(number) => *number,
        OperatorMessageId::Text(text) => rustc_hash::FxBuildHasher.hash_one(text) | (1 << 63),
    }
}

/// The key and state that a receipt reports; `None` for what is no receipt.
pub(super) fn read(sm: &SmFields<'_>) -> Option<(u64, MessageState)> {
    if !DeliveryReceipt::is_receipt(sm) {
        return None;
    }
    // With both TLVs the text need not be read.
    if let (Some(id), Some([state])) = (sm.tlvs.get(tag::RECEIPTED_MESSAGE_ID), sm.tlvs.get(tag::MESSAGE_STATE))
        && let Some(state) = MessageState::from_octet(*state)
        && let Some(id) = OperatorMessageId::from_octets(id.strip_suffix(b"\0").unwrap_or(id))
    {
        return Some((key(&id), state));
    }
    DeliveryReceipt::read(sm).map(|receipt| (key(&receipt.message_id), receipt.state))
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    /// Accepted; submitted then.
    Sent(Instant),
    /// Its receipt came first, then.
    Early(Instant),
}

/// The messages that wait, and the receipts that came before the response to theirs.
#[derive(Debug)]
pub(super) struct Receipts {
    shards: Vec<FxHashMap<u64, Entry>>,
    waiting: u64,
    early: usize,
    unmatched: u64,
}

impl Receipts {
    /// Nothing waits.
    pub(super) fn new() -> Self {
        Self { shards: vec![FxHashMap::default(); SHARDS], waiting: 0, early: 0, unmatched: 0 }
    }

    /// A message was accepted. If its receipt is there already: how long that took.
    pub(super) fn accepted(&mut self, key: u64, submitted: Instant) -> Option<Duration> {
        match self.shard(key).insert(key, Entry::Sent(submitted)) {
            Some(Entry::Early(came)) => {
                self.shard(key).remove(&key);
                self.early -= 1;
                Some(came.saturating_duration_since(submitted))
            }
            // An id that was given twice: the first message's receipt can never be told from the second's.
            Some(Entry::Sent(_)) => None,
            None => {
                self.waiting += 1;
                None
            }
        }
    }

    /// A final receipt came. If its message waited for it: how long it took.
    pub(super) fn came(&mut self, key: u64, now: Instant) -> Option<Duration> {
        match self.shard(key).remove(&key) {
            Some(Entry::Sent(submitted)) => {
                self.waiting -= 1;
                Some(now.saturating_duration_since(submitted))
            }
            Some(early @ Entry::Early(_)) => {
                self.shard(key).insert(key, early);
                self.unmatched += 1;
                None
            }
            None if self.early < EARLY_MAX => {
                self.early += 1;
                self.shard(key).insert(key, Entry::Early(now));
                None
            }
            None => {
                self.unmatched += 1;
                None
            }
        }
    }

    /// How many messages wait.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// How many receipts belong to no message: repeated ones, and those of earlier runs.
    pub(super) fn unmatched(&self) -> u64 {
        self.unmatched + self.early as u64
    }

    fn shard(&mut self, key: u64) -> &mut FxHashMap<u64, Entry> {
        // The low bits count up, those above them are the partition's.
        &mut self.shards[(key ^ (key >> 12)) as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use smsc_proto::address::Address;

    use super::*;

    #[test]
    fn a_receipt_ends_the_wait_of_its_message() {
        let (mut receipts, start) = (Receipts::new(), Instant::now());
        assert_eq!(receipts.accepted(5, start), None);
        assert_eq!(receipts.waiting(), 1);
        assert_eq!(receipts.came(5, start + Duration::from_millis(3)), Some(Duration::from_millis(3)));
        assert_eq!((receipts.waiting(), receipts.unmatched()), (0, 0));
    }

    #[test]
    fn a_receipt_may_beat_the_response() {
        let (mut receipts, start) = (Receipts::new(), Instant::now());
        assert_eq!(receipts.came(5, start + Duration::from_millis(2)), None);
        assert_eq!(receipts.accepted(5, start), Some(Duration::from_millis(2)));
        assert_eq!((receipts.waiting(), receipts.unmatched()), (0, 0));
    }

    #[test]
    fn a_second_receipt_is_counted_and_ends_nothing() {
        let (mut receipts, start) = (Receipts::new(), Instant::now());
        receipts.accepted(5, start);
        receipts.accepted(6, start);
        for _ in 0..3 {
            receipts.came(5, start);
        }
        assert_eq!((receipts.waiting(), receipts.unmatched()), (1, 2));
    }

    #[test]
    fn ids_that_are_no_numbers_are_told_apart() {
        let id = |text: &[u8]| key(&OperatorMessageId::from_octets(text).expect("an id"));
        assert_eq!(id(b"4711"), 4_711);
        assert_ne!(id(b"4711a"), id(b"4711b"));
        assert_eq!(id(b"c0ffee-1"), id(b"c0ffee-1"));
    }

    #[test]
    fn a_receipt_is_read_from_its_text_where_it_has_no_tlvs() {
        let text = b"id:42 sub:001 dlvrd:000 submit date:2501010000 done date:2501010000 stat:UNDELIV err:001 text:";
        let receipt = SmFields { esm_class: 0x04, short_message: text, ..SmFields::default() };
        assert_eq!(read(&receipt), Some((42, MessageState::Undeliverable)));
        let mo = SmFields { source: Address::new(1, 1, b"46701"), short_message: b"hello", ..SmFields::default() };
        assert_eq!(read(&mo), None);
    }
}
