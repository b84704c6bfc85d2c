//! Where a connection is, and which operations each role may use there.

use crate::smpp::command_id::CommandId;
use crate::smpp::pdu::BindKind;

/// Which SMPP role we play on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The message centre: the peer is an ESME.
    Mc,
    /// The ESME: the peer is an operator.
    Esme,
}

impl Role {
    /// The role at the other end.
    pub const fn peer(self) -> Self {
        match self {
            Self::Mc => Self::Esme,
            Self::Esme => Self::Mc,
        }
    }
}

/// Where the connection is (5.0 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Connected, not bound.
    Open,
    /// Bound as transmitter.
    BoundTx,
    /// Bound as receiver.
    BoundRx,
    /// Bound as transceiver.
    BoundTrx,
    /// One side has said unbind.
    Unbound,
    /// Nothing more is to be written or read.
    Closed,
    /// outbind was sent, and the bind is awaited.
    Outbound,
}

impl SessionState {
    /// Every state, for tables and tests over all of them.
    pub const ALL: [Self; 7] =
        [Self::Open, Self::BoundTx, Self::BoundRx, Self::BoundTrx, Self::Unbound, Self::Closed, Self::Outbound];

    /// The state that a bind of this kind leads to.
    pub const fn bound_as(kind: BindKind) -> Self {
        match kind {
            BindKind::Transmitter => Self::BoundTx,
            BindKind::Receiver => Self::BoundRx,
            BindKind::Transceiver => Self::BoundTrx,
        }
    }

    /// Whether a bind is in force.
    pub const fn is_bound(self) -> bool {
        match self {
            Self::BoundTx | Self::BoundRx | Self::BoundTrx => true,
            Self::Open | Self::Unbound | Self::Closed | Self::Outbound => false,
        }
    }
}

/// What the operation table says about one PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be sent here.
    Allowed,
    /// It may not, in this state or by this role: its response says RINVBNDSTS (S9).
    WrongState,
    /// A bind on a bound session: RALYBND, and the first bind stays (S11).
    AlreadyBound,
    /// An operation of 3.3 that we do not offer: generic_nack with RINVCMDID (S4).
    Unsupported,
    /// No operation that the specification names: generic_nack with RINVCMDID (S3).
    Unknown,
}

/// The rows of the operation table: operations for which the same holds share one.
enum Row {
    BindTransmitter,
    BindReceiver,
    BindTransceiver,
    Outbind,
    Unbind,
    LinkAndErrors,
    Submission,
    DataSm,
    Delivery,
    Of33,
    Response,
    Unknown,
}

impl Row {
    fn of(command: CommandId) -> Self {
        match command {
            CommandId::BIND_TRANSMITTER => Self::BindTransmitter,
            CommandId::BIND_RECEIVER => Self::BindReceiver,
            CommandId::BIND_TRANSCEIVER => Self::BindTransceiver,
            CommandId::OUTBIND => Self::Outbind,
            CommandId::UNBIND => Self::Unbind,
            CommandId::ENQUIRE_LINK | CommandId::GENERIC_NACK => Self::LinkAndErrors,
            CommandId::SUBMIT_SM
            | CommandId::SUBMIT_MULTI
            | CommandId::QUERY_SM
            | CommandId::CANCEL_SM
            | CommandId::REPLACE_SM
            | CommandId::BROADCAST_SM
            | CommandId::QUERY_BROADCAST_SM
            | CommandId::CANCEL_BROADCAST_SM => Self::Submission,
            CommandId::DATA_SM => Self::DataSm,
            CommandId::DELIVER_SM | CommandId::ALERT_NOTIFICATION => Self::Delivery,
            CommandId::PARAM_RETRIEVE | CommandId::QUERY_LAST_MSGS | CommandId::QUERY_MSG_DETAILS => Self::Of33,
            response if response.is_response() && response.is_known() => Self::Response,
            _ => Self::Unknown,
        }
    }
}

/// The operation table (5.0 §2.4, 3.4 §2.3): whether `sender` may send `command` in `state`.
///
/// Both directions are judged by it, what we send and what the peer sends. That a response also has to match a request
/// is the window's business, not the table's.
pub fn verdict(sender: Role, state: SessionState, command: CommandId) -> Verdict {
    use Role::{Esme, Mc};
    use SessionState::{BoundRx, BoundTrx, BoundTx, Closed, Open, Outbound, Unbound};
    use Verdict::{Allowed, AlreadyBound, WrongState};
    match (Row::of(command), sender, state) {
        (Row::Unknown, _, _) => Verdict::Unknown,
        (Row::Of33, _, _) => Verdict::Unsupported,

        // After outbind a receiver binds (3.4 §2.2.1), in 5.0 a transceiver too, never a transmitter (S18).
        (Row::BindTransmitter, Esme, Open) => Allowed,
        (Row::BindReceiver | Row::BindTransceiver, Esme, Open | Outbound) => Allowed,
        // A second bind changes nothing about the first (3.4 §5.1.3, S11).
        (Row::BindTransmitter | Row::BindReceiver | Row::BindTransceiver, Esme, BoundTx | BoundRx | BoundTrx) => {
            AlreadyBound
        }
        (Row::BindTransmitter, Esme, Outbound) => WrongState,
        (Row::BindTransmitter | Row::BindReceiver | Row::BindTransceiver, Esme, Unbound | Closed) => WrongState,
        (Row::BindTransmitter | Row::BindReceiver | Row::BindTransceiver, Mc, _) => WrongState,

        // 3.4 §2.2.1, 5.0 §2.4: once, by the MC, before anything else.
        (Row::Outbind, Mc, Open) => Allowed,
        (Row::Outbind, Mc, BoundTx | BoundRx | BoundTrx | Unbound | Closed | Outbound) => WrongState,
        (Row::Outbind, Esme, _) => WrongState,

        // 3.4 §2.3, 5.0 §2.4: either side, when bound.
        (Row::Unbind, Mc | Esme, BoundTx | BoundRx | BoundTrx) => Allowed,
        (Row::Unbind, Mc | Esme, Open | Unbound | Closed | Outbound) => WrongState,

        // 5.0 §2.4 has enquire_link and generic_nack in every state, and so do real peers (Q5, S17). After unbind these
        // two and responses are all that is left (S16).
        (Row::LinkAndErrors, Mc | Esme, Open | BoundTx | BoundRx | BoundTrx | Unbound | Outbound) => Allowed,
        (Row::LinkAndErrors, Mc | Esme, Closed) => WrongState,

        // 3.4 §2.3; replace_sm on a transceiver by 5.0 §2.4 (S19); the broadcast family by 5.0 §2.4.
        (Row::Submission, Esme, BoundTx | BoundTrx) => Allowed,
        (Row::Submission, Esme, Open | BoundRx | Unbound | Closed | Outbound) => WrongState,
        (Row::Submission, Mc, _) => WrongState,

        // Towards the MC like submit_sm, towards the ESME like deliver_sm (3.4 §2.3, S10).
        (Row::DataSm, Esme, BoundTx | BoundTrx) => Allowed,
        (Row::DataSm, Mc, BoundRx | BoundTrx) => Allowed,
        (Row::DataSm, Esme, Open | BoundRx | Unbound | Closed | Outbound) => WrongState,
        (Row::DataSm, Mc, Open | BoundTx | Unbound | Closed | Outbound) => WrongState,

        // 3.4 §2.3: to a receiver or transceiver, and never from an ESME (S10).
        (Row::Delivery, Mc, BoundRx | BoundTrx) => Allowed,
        (Row::Delivery, Mc, Open | BoundTx | Unbound | Closed | Outbound) => WrongState,
        (Row::Delivery, Esme, _) => WrongState,

        // Whoever was asked may answer as long as there is a connection.
        (Row::Response, Mc | Esme, Open | BoundTx | BoundRx | BoundTrx | Unbound | Outbound) => Allowed,
        (Row::Response, Mc | Esme, Closed) => WrongState,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Role::{Esme, Mc};
    use SessionState::{BoundRx, BoundTrx, BoundTx, Open, Outbound, Unbound};

    /// The states in which `sender` may send `command`, written by hand from 5.0 §2.4: the table above read the other
    /// way round.
    fn states_for(sender: Role, command: CommandId) -> &'static [SessionState] {
        const ANY: &[SessionState] = &[Open, BoundTx, BoundRx, BoundTrx, Unbound, Outbound];
        match (command, sender) {
            (id, _) if id.is_response() => ANY,
            (CommandId::ENQUIRE_LINK, _) => ANY,
            (CommandId::UNBIND, _) => &[BoundTx, BoundRx, BoundTrx],
            (CommandId::BIND_TRANSMITTER, Esme) => &[Open],
            (CommandId::BIND_RECEIVER | CommandId::BIND_TRANSCEIVER, Esme) => &[Open, Outbound],
            (CommandId::OUTBIND, Mc) => &[Open],
            (CommandId::DELIVER_SM | CommandId::ALERT_NOTIFICATION | CommandId::DATA_SM, Mc) => &[BoundRx, BoundTrx],
            (
                CommandId::SUBMIT_SM
                | CommandId::SUBMIT_MULTI
                | CommandId::DATA_SM
                | CommandId::QUERY_SM
                | CommandId::CANCEL_SM
                | CommandId::REPLACE_SM
                | CommandId::BROADCAST_SM
                | CommandId::QUERY_BROADCAST_SM
                | CommandId::CANCEL_BROADCAST_SM,
                Esme,
            ) => &[BoundTx, BoundTrx],
            _ => &[],
        }
    }

    // S9, S10, S18, S19
    #[test]
    fn every_operation_is_allowed_in_its_states_and_in_no_other() {
        for command in CommandId::ALL {
            for sender in [Mc, Esme] {
                for state in SessionState::ALL {
                    let allowed = verdict(sender, state, command) == Verdict::Allowed;
                    let expected = states_for(sender, command).contains(&state);
                    assert_eq!(allowed, expected, "{command} from {sender:?} in {state:?}");
                }
            }
        }
    }

    // S11
    #[test]
    fn a_second_bind_is_told_so_and_nothing_else_is() {
        for command in CommandId::ALL {
            for sender in [Mc, Esme] {
                for state in SessionState::ALL {
                    let is_bind = [CommandId::BIND_RECEIVER, CommandId::BIND_TRANSMITTER, CommandId::BIND_TRANSCEIVER];
                    let second = sender == Esme && state.is_bound() && is_bind.contains(&command);
                    assert_eq!(verdict(sender, state, command) == Verdict::AlreadyBound, second);
                }
            }
        }
    }

    #[test]
    fn what_is_unknown_or_of_3_3_only_is_so_in_every_state() {
        for sender in [Mc, Esme] {
            for state in SessionState::ALL {
                assert_eq!(verdict(sender, state, CommandId(0x0001_0203)), Verdict::Unknown);
                assert_eq!(verdict(sender, state, CommandId(0x8001_0203)), Verdict::Unknown);
                assert_eq!(verdict(sender, state, CommandId::PARAM_RETRIEVE), Verdict::Unsupported);
            }
        }
    }
}
