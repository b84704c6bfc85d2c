//! One delivery in memory.

use std::sync::Arc;

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::timestamp::Timestamp;

use crate::fingerprint::Fingerprint;
use crate::journal::RecordNumber;
use crate::lifecycle::{NO_ERROR, Stage};
use crate::messages::{CdrKind, ReceiptRequest};
use crate::outbox::OutboxIndex;

/// One delivery: what a slot holds. Millions of them wait, so it is kept small.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// Of the message id; deliveries of one message share it.
    pub(crate) tick: u64,
    pub(crate) accepted: Timestamp,
    /// Not before this, message or receipt.
    pub(crate) due: Timestamp,
    /// The end of the validity; of an undelivered receipt the end of its lifetime.
    pub(crate) expires: Timestamp,
    /// When the state was reached, by the operator's word.
    pub(crate) done: Timestamp,
    pub(crate) destination: u64,
    /// Where its base stands: the record that may not be dropped before it.
    pub(crate) record: RecordNumber,
    pub(crate) body: Body,
    pub(crate) operator_id: OperatorId,
    pub(crate) fingerprint: Fingerprint,
    /// Octets of journal that it is worth.
    pub(crate) octets: u32,
    /// Rises with every lease and every staging: tells attempts apart.
    pub(crate) number: u32,
    /// Where the message waits or went.
    pub(crate) outbox: OutboxIndex,
    /// Who brought it; for MT also where its receipts wait.
    pub(crate) origin: OutboxIndex,
    pub(crate) peer: u32,
    /// Of the message.
    pub(crate) attempts: u16,
    /// Attempts of the message whose answer never came; of a receipt all its attempts.
    pub(crate) unanswered: u8,
    pub(crate) priority: u8,
    pub(crate) stage: Stage,
    pub(crate) state: MessageState,
    pub(crate) receipts: ReceiptRequest,
    /// A late response told that the operator took an earlier attempt than the one on lease.
    pub(crate) taken: bool,
    pub(crate) marks: Marks,
    pub(crate) error: ReceiptError,
}

/// What else is to be known of a delivery, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks(pub(crate) u8);

impl Marks {
    /// Its sender knows the message by its alias (S23).
    const ALIASED: u8 = 1;
    /// An intermediate notification about it was made.
    const NOTIFIED: u8 = 2;
    /// The call detail record of its final state is not written yet.
    const OWES_FINAL: u8 = 4;
    /// Nor is that of its receipt, which was given up.
    const OWES_RECEIPT: u8 = 8;
    /// Its body is being read back. The journal does not keep this one.
    const ASKED: u8 = 0x80;

    /// Of a new message.
    pub(crate) const fn new(aliased: bool) -> Self {
        Self(if aliased { Self::ALIASED } else { 0 })
    }

    pub(crate) const fn aliased(self) -> bool {
        self.0 & Self::ALIASED != 0
    }

    pub(crate) const fn notified(self) -> bool {
        self.0 & Self::NOTIFIED != 0
    }

    pub(crate) const fn asked(self) -> bool {
        self.0 & Self::ASKED != 0
    }

    /// Returns what it was.
    pub(crate) fn set_asked(&mut self, asked: bool) -> bool {
        let was = self.asked();
        self.0 = if asked { self.0 | Self::ASKED } else { self.0 & !Self::ASKED };
        was
    }

    /// As the journal keeps them.
    pub(crate) const fn kept(self) -> u8 {
        self.0 & !Self::ASKED
    }

    const fn owing(kind: CdrKind) -> u8 {
        match kind {
            CdrKind::Final => Self::OWES_FINAL,
            CdrKind::Receipt => Self::OWES_RECEIPT,
        }
    }

    /// Whether that call detail record is still to be written.
    pub(crate) const fn owes(self, kind: CdrKind) -> bool {
        self.0 & Self::owing(kind) != 0
    }

    /// Whether any is.
    pub(crate) const fn owes_any(self) -> bool {
        self.0 & (Self::OWES_FINAL | Self::OWES_RECEIPT) != 0
    }

    #[must_use]
    pub(crate) const fn with_owed(self, kind: CdrKind) -> Self {
        Self(self.0 | Self::owing(kind))
    }

    #[must_use]
    pub(crate) const fn without_owed(self, kind: CdrKind) -> Self {
        Self(self.0 & !Self::owing(kind))
    }

    #[must_use]
    pub(crate) const fn with_notified(self) -> Self {
        Self(self.0 | Self::NOTIFIED)
    }
}

/// A wire body.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Not in memory. It stands in the record [`Delivery::record`], unless the delivery is retained and needs none.
    // One variant for both, since a third would widen every delivery by eight octets.
    None,
    /// In memory.
    Memory(Arc<[u8]>),
}

impl Body {
    /// Octets of memory that it takes: itself, its count of users, what the allocator adds.
    pub(crate) fn octets(&self) -> u64 {
        const OVERHEAD: u64 = 32;
        match self {
            Self::None => 0,
            Self::Memory(body) => body.len() as u64 + OVERHEAD,
        }
    }
}

/// An operator's id in sixteen octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OperatorId {
    None,
    Decimal(u64),
    // Boxed twice: a text is rare, and a pointer with a length would widen every delivery.
    #[allow(clippy::box_collection)]
    Text(Box<Box<[u8]>>),
}

impl OperatorId {
    pub(crate) fn new(id: OperatorMessageId) -> Self {
        match id {
            OperatorMessageId::Decimal(value) => Self::Decimal(value),
            OperatorMessageId::Text(octets) => Self::Text(Box::new(octets)),
        }
    }

    pub(crate) fn get(&self) -> Option<OperatorMessageId> {
        match self {
            Self::None => None,
            Self::Decimal(value) => Some(OperatorMessageId::Decimal(*value)),
            Self::Text(octets) => Some(OperatorMessageId::Text((**octets).clone())),
        }
    }

    pub(crate) fn is(&self, id: &OperatorMessageId) -> bool {
        match (self, id) {
            (Self::Decimal(ours), OperatorMessageId::Decimal(theirs)) => ours == theirs,
            (Self::Text(ours), OperatorMessageId::Text(theirs)) => **ours == *theirs,
            _ => false,
        }
    }
}

impl Delivery {
    /// An empty place.
    pub(crate) const fn gone() -> Self {
        Self {
            tick: 0,
            accepted: Timestamp::from_millis(0),
            due: Timestamp::from_millis(0),
            expires: Timestamp::from_millis(0),
            done: Timestamp::from_millis(0),
            destination: 0,
            record: 0,
            body: Body::None,
            operator_id: OperatorId::None,
            fingerprint: Fingerprint { source: 0, service: 0, plan: 0 },
            octets: 0,
            number: 0,
            outbox: 0,
            origin: 0,
            peer: 0,
            attempts: 0,
            unanswered: 0,
            priority: 0,
            stage: Stage::Gone,
            state: MessageState::Enroute,
            receipts: ReceiptRequest(0),
            taken: false,
            marks: Marks(0),
            error: NO_ERROR,
        }
    }

    /// Whether it needs its body and the body is only in the journal.
    pub(crate) const fn is_spilled(&self) -> bool {
        matches!(self.body, Body::None) && !matches!(self.stage, Stage::Retained | Stage::Gone)
    }

    /// Whether what waits is the receipt, not the message.
    pub(crate) const fn is_receipt(&self) -> bool {
        self.state.is_final()
    }

    /// Whether it is an intermediate notification: what an account brought does not wait for that account otherwise.
    pub(crate) const fn is_notice(&self) -> bool {
        self.outbox == self.origin
    }

    /// Whether it is a message that may still be sent, leased or not.
    pub(crate) const fn is_pending(&self) -> bool {
        self.stage.waits() && !self.is_receipt() && !self.is_notice()
    }

    /// Whether its sender may still cancel or replace it: it is not with an operator, and never was without a word of
    /// what became of it (S47, S48).
    pub(crate) const fn is_withdrawable(&self) -> bool {
        self.is_pending() && !matches!(self.stage, Stage::Leased) && self.unanswered == 0
    }

    /// The outbox where it waits.
    pub(crate) const fn place(&self) -> OutboxIndex {
        if self.is_receipt() { self.origin } else { self.outbox }
    }

    /// The next attempt, counted from 1; those of a receipt are counted anew.
    pub(crate) fn next_attempt(&self) -> u32 {
        1 + if self.is_receipt() { u32::from(self.unanswered) } else { u32::from(self.attempts) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_takes_128_octets_beside_its_body() {
        assert!(size_of::<Delivery>() <= 128, "{}", size_of::<Delivery>());
    }

    #[test]
    fn an_operators_id_is_compared_octet_by_octet() {
        let text = OperatorMessageId::Text(b"0a"[..].into());
        let id = OperatorId::new(text.clone());
        assert!(id.is(&text) && !id.is(&OperatorMessageId::Decimal(10)));
        assert_eq!(id.get(), Some(text));
    }
}
