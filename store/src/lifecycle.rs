//! The life of one delivery, and what each outcome makes of it. Pure: no queue, no journal, no clock.
//!
//! ```text
//!            +--> Scheduled --+                    +--> Retry --+
//! Staged ----+                +--> Ready --> Leased             +--> Ready
//!            +----------------+                    +--> Staged -+            (link lost: due at once)
//!                                                  +--> Enroute ------+
//!                                                  +----------------- +--> final state
//!
//! final state --> Staged .. Leased as above, as a receipt for the account --> Retained --> Gone
//!             \-> (no receipt asked for) --------------------------------> Retained --> Gone
//! (with the CDR on: Owed before Retained, until its call detail record is written)
//! ```

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::timestamp::Timestamp;

use crate::messages::{Outbox, Outcome};

/// Where a delivery is. Whether it is the message or the receipt about it follows from its state: final is a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Forgotten: its place is empty.
    Gone = 0,
    /// Changed in a batch that is not durable yet: nobody may pull it.
    Staged = 1,
    /// Not due yet, never tried.
    Scheduled = 2,
    /// Not due yet, tried before.
    Retry = 3,
    /// Due.
    Ready = 4,
    /// Handed out.
    Leased = 5,
    /// With the operator: waits for its receipt.
    Enroute = 6,
    /// Final, and nothing more to deliver: kept to be asked for.
    Retained = 7,
    /// Final, and nothing more to deliver, but its call detail record is not written yet.
    Owed = 8,
}

impl Stage {
    /// How many there are.
    pub(crate) const COUNT: usize = 9;

    /// Whether it waits in an outbox, leased or not.
    pub(crate) const fn waits(self) -> bool {
        match self {
            Self::Staged | Self::Scheduled | Self::Retry | Self::Ready | Self::Leased => true,
            Self::Gone | Self::Enroute | Self::Retained | Self::Owed => false,
        }
    }
}

/// `err:` of a message without an error.
pub(crate) const NO_ERROR: ReceiptError = *b"000";

/// What the outcome of a lease depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    /// Whether it went to an operator, else to an account.
    pub(crate) to_operator: bool,
    /// Whether it was the receipt, not the message.
    pub(crate) receipt: bool,
    /// Attempts so far whose answer never came.
    pub(crate) unanswered: u8,
    /// After so many it is not sent again.
    pub(crate) unanswered_max: u32,
    /// Whether a late response has told meanwhile that the operator took an earlier attempt.
    pub(crate) taken: bool,
}

/// What becomes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The operator has it: wait for the receipt.
    Enroute(Option<OperatorMessageId>),
    /// The message is final.
    Final(MessageState, ReceiptError),
    /// The receipt has arrived, or never will (false).
    ReceiptEnds(bool),
    /// It will be sent again.
    Again {
        /// When.
        due: Timestamp,
        /// Whether the peer may have it already.
        unanswered: bool,
    },
    /// It will be sent by another operator, now.
    Elsewhere(Outbox),
    /// It may be with the operator: not sent again, waits for a receipt.
    Unresolved {
        /// Whether this attempt went unanswered.
        unanswered: bool,
    },
    /// Never written: as it was before the lease.
    Returned,
}

/// The outcome table of the design (§4.3).
pub(crate) fn after(situation: Situation, outcome: Outcome, now: Timestamp) -> Step {
    if situation.to_operator { after_operator(situation, outcome, now) } else { after_account(situation, outcome, now) }
}

fn after_operator(situation: Situation, outcome: Outcome, now: Timestamp) -> Step {
    let unanswered = u32::from(situation.unanswered) + 1;
    let resend = |due| {
        if situation.taken || unanswered >= situation.unanswered_max {
            Step::Unresolved { unanswered: true }
        } else {
            Step::Again { due, unanswered: true }
        }
    };
    match outcome {
        Outcome::Sent { operator_message_id, receipt_expected: true } => Step::Enroute(operator_message_id),
        Outcome::Sent { receipt_expected: false, .. } | Outcome::Delivered => {
            Step::Final(MessageState::Accepted, NO_ERROR)
        }
        // A second copy that the operator did not take says nothing about the first, which it did take.
        Outcome::Retry { .. } | Outcome::Elsewhere { .. } | Outcome::Refused { .. } | Outcome::NotSent
            if situation.taken =>
        {
            Step::Unresolved { unanswered: false }
        }
        Outcome::Retry { at, .. } => Step::Again { due: at, unanswered: false },
        Outcome::Elsewhere { outbox, .. } => Step::Elsewhere(outbox),
        Outcome::Refused { state, error, .. } => Step::Final(refused(state), error),
        Outcome::LinkLost { retry_at } => resend(if situation.unanswered == 0 { now } else { retry_at }),
        Outcome::Unanswered { retry_at } => resend(retry_at),
        Outcome::NotSent => Step::Returned,
    }
}

fn after_account(situation: Situation, outcome: Outcome, now: Timestamp) -> Step {
    match outcome {
        Outcome::Sent { .. } | Outcome::Delivered if situation.receipt => Step::ReceiptEnds(true),
        Outcome::Sent { .. } | Outcome::Delivered => Step::Final(MessageState::Delivered, NO_ERROR),
        Outcome::Retry { at, .. } => Step::Again { due: at, unanswered: false },
        // An account's outbox has no other place to go.
        Outcome::Elsewhere { .. } => Step::Again { due: now, unanswered: false },
        Outcome::Refused { .. } if situation.receipt => Step::ReceiptEnds(false),
        Outcome::Refused { state, error, .. } => Step::Final(refused(state), error),
        Outcome::LinkLost { .. } => Step::Again { due: now, unanswered: true },
        Outcome::Unanswered { retry_at } => Step::Again { due: retry_at, unanswered: true },
        Outcome::NotSent => Step::Returned,
    }
}

/// A refusal ends the message, whatever state its reporter names.
const fn refused(state: MessageState) -> MessageState {
    if state.is_final() { state } else { MessageState::Undeliverable }
}

/// Whether a receipt from an operator ends the message: ENROUTE and ACCEPTD do not.
pub(crate) const fn ends_message(state: MessageState) -> bool {
    state.is_final() && !matches!(state, MessageState::Accepted)
}

#[cfg(test)]
mod tests {
    use smsc_proto::smpp::command_status::CommandStatus;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const LATER: Timestamp = Timestamp::from_millis(9_000);

    fn to_operator(unanswered: u8) -> Situation {
        Situation { to_operator: true, receipt: false, unanswered, unanswered_max: 3, taken: false }
    }

    fn to_account(receipt: bool) -> Situation {
        Situation { to_operator: false, receipt, unanswered: 0, unanswered_max: 3, taken: false }
    }

    fn sent(receipt_expected: bool) -> Outcome {
        Outcome::Sent { operator_message_id: Some(OperatorMessageId::Decimal(7)), receipt_expected }
    }

    fn refused_by_peer() -> Outcome {
        Outcome::Refused { status: CommandStatus(11), state: MessageState::Rejected, error: *b"011" }
    }

    fn other() -> Outbox {
        Outbox::Operator(crate::name::Name::intern("op-other"))
    }

    fn elsewhere() -> Outcome {
        Outcome::Elsewhere { outbox: other(), status: CommandStatus(11) }
    }

    #[test]
    fn the_outcome_table_for_operators() {
        let retry = Outcome::Retry { at: LATER, status: CommandStatus(88) };
        let lost = Outcome::LinkLost { retry_at: LATER };
        let silent = Outcome::Unanswered { retry_at: LATER };
        let table = [
            (to_operator(0), sent(true), Step::Enroute(Some(OperatorMessageId::Decimal(7)))),
            (to_operator(0), sent(false), Step::Final(MessageState::Accepted, NO_ERROR)),
            (to_operator(0), retry, Step::Again { due: LATER, unanswered: false }),
            (to_operator(0), elsewhere(), Step::Elsewhere(other())),
            (to_operator(0), refused_by_peer(), Step::Final(MessageState::Rejected, *b"011")),
            (to_operator(0), lost.clone(), Step::Again { due: NOW, unanswered: true }),
            (to_operator(1), lost.clone(), Step::Again { due: LATER, unanswered: true }),
            (to_operator(2), lost, Step::Unresolved { unanswered: true }),
            (to_operator(0), silent.clone(), Step::Again { due: LATER, unanswered: true }),
            (to_operator(2), silent, Step::Unresolved { unanswered: true }),
            (to_operator(2), Outcome::NotSent, Step::Returned),
        ];
        for (situation, outcome, step) in table {
            assert_eq!(after(situation, outcome.clone(), NOW), step, "{situation:?} {outcome:?}");
        }
    }

    #[test]
    fn the_outcome_table_for_accounts() {
        let retry = Outcome::Retry { at: LATER, status: CommandStatus(0x64) };
        let lost = Outcome::LinkLost { retry_at: LATER };
        let table = [
            (to_account(false), Outcome::Delivered, Step::Final(MessageState::Delivered, NO_ERROR)),
            (to_account(true), Outcome::Delivered, Step::ReceiptEnds(true)),
            (to_account(true), retry, Step::Again { due: LATER, unanswered: false }),
            (to_account(false), refused_by_peer(), Step::Final(MessageState::Rejected, *b"011")),
            (to_account(true), refused_by_peer(), Step::ReceiptEnds(false)),
            (to_account(true), lost, Step::Again { due: NOW, unanswered: true }),
            (to_account(true), Outcome::NotSent, Step::Returned),
        ];
        for (situation, outcome, step) in table {
            assert_eq!(after(situation, outcome.clone(), NOW), step, "{situation:?} {outcome:?}");
        }
    }

    #[test]
    fn a_copy_that_fails_does_not_undo_the_one_that_was_taken() {
        let taken = Situation { taken: true, ..to_operator(1) };
        for outcome in [refused_by_peer(), elsewhere(), Outcome::LinkLost { retry_at: LATER }, Outcome::NotSent] {
            assert!(matches!(after(taken, outcome.clone(), NOW), Step::Unresolved { .. }), "{outcome:?}");
        }
    }

    #[test]
    fn a_refusal_is_final_whatever_state_it_names() {
        let odd = Outcome::Refused { status: CommandStatus(1), state: MessageState::Enroute, error: NO_ERROR };
        assert_eq!(after(to_operator(0), odd, NOW), Step::Final(MessageState::Undeliverable, NO_ERROR));
    }

    #[test]
    fn enroute_and_acceptd_from_an_operator_are_not_final() {
        for state in MessageState::ALL {
            let expected = !matches!(state, MessageState::Scheduled | MessageState::Enroute | MessageState::Accepted);
            assert_eq!(ends_message(state), expected, "{state:?}");
        }
    }
}
