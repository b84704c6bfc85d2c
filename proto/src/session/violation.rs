//! How a peer can break the protocol, and the `command_status` it earns. The peer's faults only: what we refuse for
//! reasons of our own is the owner's business.

use super::state::Verdict;
use crate::smpp::codec::FramingError;
use crate::smpp::command_status::CommandStatus;
use crate::smpp::pdu::FieldError;

/// What a peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A request that the state or the role does not allow (S9, S10).
    #[error("the operation is not allowed in this state")]
    WrongState,
    /// A second bind (S11).
    #[error("the session is bound already")]
    AlreadyBound,
    /// A command_id that is unknown, or known and not offered (S3, S4).
    #[error("unknown or unsupported command_id")]
    UnknownCommand,
    /// A body that does not decode (S8).
    #[error("the body does not decode: {0}")]
    Body(FieldError),
    /// A response that belongs to no request of ours (S3, Q34).
    #[error("a response to nothing that we asked")]
    UnmatchedResponse,
    /// Octets that cannot be followed (S1, S2).
    #[error("the octets cannot be followed: {0}")]
    Framing(FramingError),
}

impl Violation {
    /// What the answer says; `None`: there is none, the violation is only counted.
    pub const fn status(&self) -> Option<CommandStatus> {
        match self {
            Self::WrongState => Some(CommandStatus::ESME_RINVBNDSTS),
            Self::AlreadyBound => Some(CommandStatus::ESME_RALYBND),
            Self::UnknownCommand => Some(CommandStatus::ESME_RINVCMDID),
            Self::Body(error) => Some(error.status),
            Self::UnmatchedResponse => None,
            Self::Framing(_) => Some(CommandStatus::ESME_RINVCMDLEN),
        }
    }

    /// Its name, from a fixed set, fit for a metric's label.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::WrongState => "wrong_state",
            Self::AlreadyBound => "already_bound",
            Self::UnknownCommand => "unknown_command",
            Self::Body(_) => "body",
            Self::UnmatchedResponse => "unmatched_response",
            Self::Framing(_) => "framing",
        }
    }

    /// The violation that a verdict of the operation table stands for.
    pub(super) const fn of(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Allowed => None,
            Verdict::WrongState => Some(Self::WrongState),
            Verdict::AlreadyBound => Some(Self::AlreadyBound),
            Verdict::Unsupported | Verdict::Unknown => Some(Self::UnknownCommand),
        }
    }
}
