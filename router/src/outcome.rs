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

impl Meaning {
    /// Refused for good with that status: REJECTED when it speaks of leave (0x66 RX_R_APPN, 0x100 RSERTYPUNAUTH, 0x101
    /// RPROHIBITED, 0x103 RSERTYPDENIED), else UNDELIVERABLE.
    pub const fn refused(status: CommandStatus) -> Self {
        let state = match status {
            CommandStatus::ESME_RX_R_APPN
            | CommandStatus::ESME_RSERTYPUNAUTH
            | CommandStatus::ESME_RPROHIBITED
            | CommandStatus::ESME_RSERTYPDENIED => MessageState::Rejected,
            _ => MessageState::Undeliverable,
        };
        Self::Refused { state, error: receipt_error(status) }
    }
}

/// The digits after `err:` for a message that ended with that status: its decimal number; `999` for those that three
/// digits cannot hold, vendors' own (0x400 to 0x4FF) among them.
pub const fn receipt_error(status: CommandStatus) -> ReceiptError {
    let code = if status.0 > 999 { 999 } else { status.0 };
    [b'0' + (code / 100) as u8, b'0' + (code / 10 % 10) as u8, b'0' + (code % 10) as u8]
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
    ///
    /// | command_status | meaning | because |
    /// |---|---|---|
    /// | ROK | accepted | |
    /// | RTHROTTLED 0x58, RMSGQFUL 0x14 | throttled | the two that say "slower" (Q26, Q36) |
    /// | RSYSERR 0x08, RX_T_APPN 0x64 | retry | temporary everywhere (Q26) |
    /// | RSUBMITFAIL 0x45 | retry | some send it for an overrun window, some for good (Q36): only another try tells |
    /// | RDELIVERYFAILURE 0xFE, RUNKNOWNERR 0xFF, RSERTYPUNAVAIL 0x102 | retry | say nothing final of the message |
    /// | RINVBNDSTS 0x04, RALYBND 0x05, RBINDFAIL 0x0D, RINVPASWD 0x0E, RINVSYSID 0x0F, RINVSYSTYP 0x53 | retry | speak of the link |
    /// | RX_R_APPN 0x66, RSERTYPUNAUTH 0x100, RPROHIBITED 0x101, RSERTYPDENIED 0x103 | refused, REJECTED | we are not allowed to |
    /// | all others, vendors' own too | refused, UNDELIVERABLE | only what is known to be temporary is repeated (Q26) |
    pub fn submit(&self, status: CommandStatus) -> Meaning {
        // The one that comes with nearly every message, unless an operator means something else by it.
        if status == CommandStatus::ESME_ROK && self.overrides.is_empty() {
            return Meaning::Accepted;
        }
        let exception = self.overrides.iter().find(|(code, _)| *code == status.0);
        exception.map_or_else(|| submit_default(status), |(_, meaning)| *meaning)
    }
}

const fn submit_default(status: CommandStatus) -> Meaning {
    match status {
        CommandStatus::ESME_ROK => Meaning::Accepted,
        CommandStatus::ESME_RTHROTTLED | CommandStatus::ESME_RMSGQFUL => Meaning::Throttled,
        CommandStatus::ESME_RSYSERR
        | CommandStatus::ESME_RX_T_APPN
        | CommandStatus::ESME_RSUBMITFAIL
        | CommandStatus::ESME_RDELIVERYFAILURE
        | CommandStatus::ESME_RUNKNOWNERR
        | CommandStatus::ESME_RSERTYPUNAVAIL
        | CommandStatus::ESME_RINVBNDSTS
        | CommandStatus::ESME_RALYBND
        | CommandStatus::ESME_RBINDFAIL
        | CommandStatus::ESME_RINVPASWD
        | CommandStatus::ESME_RINVSYSID
        | CommandStatus::ESME_RINVSYSTYP => Meaning::Retry,
        _ => Meaning::refused(status),
    }
}

/// What an ESME's deliver_sm_resp means (S51); one table for all accounts. It is published to customers:
///
/// | command_status | the message or receipt |
/// |---|---|
/// | ROK | is delivered |
/// | RX_T_APPN 0x64, RTHROTTLED 0x58, RMSGQFUL 0x14, RSYSERR 0x08, RSUBMITFAIL 0x45, RQUERYFAIL 0x67, RDELIVERYFAILURE 0xFE, RUNKNOWNERR 0xFF | comes again by the schedule |
/// | RX_R_APPN 0x66 | is refused: REJECTED, not sent again |
/// | RX_P_APPN 0x65 and all others, a generic_nack too | is refused: UNDELIVERABLE, not sent again |
///
/// What an ESME cannot read counts as answered, so that it does not come again on every bind (S3).
pub const fn deliver(status: CommandStatus) -> Meaning {
    match status {
        CommandStatus::ESME_ROK => Meaning::Accepted,
        CommandStatus::ESME_RX_T_APPN
        | CommandStatus::ESME_RTHROTTLED
        | CommandStatus::ESME_RMSGQFUL
        | CommandStatus::ESME_RSYSERR
        | CommandStatus::ESME_RSUBMITFAIL
        | CommandStatus::ESME_RQUERYFAIL
        | CommandStatus::ESME_RDELIVERYFAILURE
        | CommandStatus::ESME_RUNKNOWNERR => Meaning::Retry,
        _ => Meaning::refused(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submit(code: u32) -> Meaning {
        OutcomeTable::default().submit(CommandStatus(code))
    }

    fn refused(state: MessageState, error: &[u8; 3]) -> Meaning {
        Meaning::Refused { state, error: *error }
    }

    // Q26, Q36
    #[test]
    fn the_four_temporary_codes_are_tried_again() {
        for (code, meaning) in
            [(0x58, Meaning::Throttled), (0x14, Meaning::Throttled), (0x08, Meaning::Retry), (0x64, Meaning::Retry)]
        {
            assert_eq!(submit(code), meaning, "{code:#04x}");
        }
    }

    // Q27
    #[test]
    fn what_speaks_of_the_link_does_not_end_the_message() {
        for code in [0x04, 0x05, 0x0D, 0x0E, 0x0F, 0x45, 0x53, 0xFE, 0xFF, 0x102] {
            assert_eq!(submit(code), Meaning::Retry, "{code:#04x}");
        }
    }

    #[test]
    fn what_speaks_of_the_message_ends_it() {
        assert_eq!(submit(0x0B), refused(MessageState::Undeliverable, b"011"));
        assert_eq!(submit(0x01), refused(MessageState::Undeliverable, b"001"));
        assert_eq!(submit(0x101), refused(MessageState::Rejected, b"257"));
        assert_eq!(submit(0x411), refused(MessageState::Undeliverable, b"999"));
        assert_eq!(submit(u32::MAX), refused(MessageState::Undeliverable, b"999"));
    }

    #[test]
    fn an_operators_own_meaning_goes_before_the_defaults() {
        let table = OutcomeTable::new(vec![(0x0B, Meaning::Next), (0x411, Meaning::Throttled), (0x00, Meaning::Retry)]);
        assert_eq!(table.submit(CommandStatus(0x0B)), Meaning::Next);
        assert_eq!(table.submit(CommandStatus(0x411)), Meaning::Throttled);
        assert_eq!(table.submit(CommandStatus(0x00)), Meaning::Retry);
        assert_eq!(table.submit(CommandStatus(0x58)), Meaning::Throttled);
    }

    // S51
    #[test]
    fn an_esme_gets_again_what_it_asks_for_again() {
        for code in [0x64, 0x58, 0x08, 0x14, 0x45, 0x67, 0xFE, 0xFF] {
            assert_eq!(deliver(CommandStatus(code)), Meaning::Retry, "{code:#04x}");
        }
        assert_eq!(deliver(CommandStatus::ESME_ROK), Meaning::Accepted);
    }

    // S51
    #[test]
    fn an_esme_does_not_get_again_what_it_refuses() {
        assert_eq!(deliver(CommandStatus(0x65)), refused(MessageState::Undeliverable, b"101"));
        assert_eq!(deliver(CommandStatus(0x66)), refused(MessageState::Rejected, b"102"));
        assert_eq!(deliver(CommandStatus(0x03)), refused(MessageState::Undeliverable, b"003"), "S3");
    }
}
