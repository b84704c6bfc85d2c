//! What a peer's command_status means for a message: defaults from the acceptance list, overrides per operator.

use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::smpp::command_status::CommandStatus;

/// What is to be done with a message after that answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Taken.
    Accepted,
    /// Try again by the schedule.
    Retry,
    /// Try again by the schedule, and slow the link down.
    Throttled,
    /// Try the route's next operator; without one like `Retry`.
    Next,
    /// Final.
    Refused {
        /// UNDELIVERABLE or REJECTED.
        state: MessageState,
        /// For the receipt.
        error: ReceiptError,
    },
}

/// The table of one operator.
#[derive(Clone, Debug, Default)]
pub struct OutcomeTable {
    overrides: Vec<(u32, Meaning)>,
}

impl OutcomeTable {
    /// A table with these exceptions from the defaults.
    pub fn new(overrides: Vec<(u32, Meaning)>) -> Self {
        Self { overrides }
    }

    /// What an operator's submit_sm_resp means.
    pub fn submit(&self, _status: CommandStatus) -> Meaning {
        todo!()
    }
}

/// What an ESME's deliver_sm_resp means (S51); one table for all accounts.
pub fn deliver(_status: CommandStatus) -> Meaning {
    todo!()
}
