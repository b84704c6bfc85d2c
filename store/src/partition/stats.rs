//! What a partition says about itself.

use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::Partition;
use crate::lifecycle::Stage;
use crate::messages::Outbox;

/// What has happened since the start. Deliveries, unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Taken.
    pub accepted: u64,
    /// Messages not taken.
    pub refused: u64,
    /// Final states reached, by [`MessageState`].
    pub finals: [u64; MessageState::ALL.len()],
    /// Sent again although the peer may have them.
    pub possible_duplicates: u64,
    /// Outcomes for leases that were no longer open, and changed nothing.
    pub stale_settlements: u64,
    /// Responses that came after their lease had ended, and were used.
    pub late_responses: u64,
    /// Receipts that ended a message.
    pub receipts_matched: u64,
    /// Receipts about messages that were final, or parked twice.
    pub duplicate_receipts: u64,
    /// Genuine receipts after the message had expired.
    pub late_receipts: u64,
    /// Reports of states that are not final.
    pub intermediate: u64,
    /// Receipts that matched nothing at first.
    pub receipts_parked: u64,
    /// Receipts for which there was no room.
    pub receipts_turned_away: u64,
    /// Parked receipts that matched nothing for `store.parked_max`.
    pub receipts_given_up: u64,
    /// EXPIRED receipts that we wrote because the operator sent none.
    pub synthetic_receipts: u64,
    /// Receipts that an ESME took.
    pub receipts_delivered: u64,
    /// Receipts that an ESME refused for good.
    pub receipts_refused: u64,
    /// Receipts that waited for `account.receipt_lifetime` in vain.
    pub receipts_expired: u64,
    /// Entries that the cleaner re-appended.
    pub cleaned: u64,
    /// Records that were read back for bodies.
    pub read_back: u64,
    /// Events of a replay whose base had been cleaned away.
    pub replay_ignored: u64,
    /// Call detail records that are written.
    pub cdrs_written: u64,
    /// Call detail records that nobody wrote for `store.retention`, since the CDR is off.
    pub cdrs_dropped: u64,
    /// Batches of a replay that a crash had cut off.
    pub replay_torn: u64,
}

/// One outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxStats {
    /// Which.
    pub outbox: Outbox,
    /// May be pulled.
    pub ready: u64,
    /// Handed out.
    pub leased: u64,
    /// Not due yet, never tried.
    pub scheduled: u64,
    /// Not due yet, tried before.
    pub retry: u64,
    /// Operators: sent, waiting for a receipt.
    pub enroute: u64,
    /// Messages (not receipts) that wait: what `waiting_max` bounds.
    pub waiting: u64,
    /// Accounts: receipts that no receiver took in time, since the start.
    pub receipts_expired: u64,
    /// Since when the oldest that may be pulled is due.
    pub oldest_due: Option<Timestamp>,
}

/// A partition at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionStats {
    /// The outboxes that hold or held anything.
    pub outboxes: Vec<OutboxStats>,
    /// Deliveries that are not final, and undelivered receipts: what `messages_max` bounds.
    pub held: u64,
    /// Of them, those with an operator.
    pub enroute: u64,
    /// Receipts that match nothing yet.
    pub parked: u64,
    /// Final deliveries that can be asked for.
    pub retained: u64,
    /// Call detail records that are not written yet.
    pub cdrs_owed: u64,
    /// Since when the oldest of those is that nobody has taken.
    pub cdrs_owed_since: Option<Timestamp>,
    /// Octets of memory that bodies take.
    pub body_octets: u64,
    /// Deliveries whose bodies are only in the journal.
    pub spilled: u64,
    /// Records of the journal that are kept.
    pub journal_records: u64,
    /// Their octets.
    pub journal_octets: u64,
    /// Octets of them that are needed.
    pub live_octets: u64,
    /// Since the start.
    pub counters: Counters,
}

impl Partition {
    /// What it says about itself. Costs a microsecond or so per outbox.
    pub fn stats(&self, _now: Timestamp) -> PartitionStats {
        let outboxes = self.outboxes.iter().enumerate().map(|(index, state)| OutboxStats {
            outbox: state.outbox,
            ready: state.count(Stage::Ready),
            leased: state.count(Stage::Leased),
            scheduled: state.count(Stage::Scheduled),
            retry: state.count(Stage::Retry),
            enroute: state.count(Stage::Enroute),
            waiting: state.waiting,
            receipts_expired: state.receipts_expired,
            oldest_due: self.outboxes.oldest_due(index, &self.slab),
        });
        PartitionStats {
            outboxes: outboxes.collect(),
            held: self.held(),
            enroute: self.outboxes.totals[Stage::Enroute as usize],
            parked: self.parked.len() as u64,
            retained: self.retained.len() as u64,
            cdrs_owed: self.owed.len(),
            cdrs_owed_since: self.owed.oldest(),
            body_octets: self.outboxes.body_octets,
            spilled: self.outboxes.spilled,
            journal_records: self.ledger.len() as u64,
            journal_octets: self.ledger.octets(),
            live_octets: self.ledger.live_octets(),
            counters: self.counters.clone(),
        }
    }
}
