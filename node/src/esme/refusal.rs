//! Why we say no to a submit_sm, and the `command_status` that it earns.

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_router::handle::NoRoute;
use smsc_store::AcceptRefusal;

/// A polite no: the peer's message is well formed, but we do not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Over `account.throughput_max`.
    #[error("over the account's rate")]
    Throttled,
    /// The account may not use this sender.
    #[error("the account may not send as this source address")]
    SourceNotAllowed,
    /// Empty, or not a number (S40).
    #[error("the destination is no number")]
    BadDestination,
    /// No route for the destination.
    #[error("no route")]
    NoRoute(CommandStatus),
    /// Datagram and transaction mode are not offered (S35).
    #[error("only the default and the store-and-forward mode are offered")]
    ModeNotSupported,
    /// Above 3, at 5.0 above 4 (S37).
    #[error("no such priority")]
    BadPriority,
    /// Neither 0 nor 1 (S37).
    #[error("replace_if_present is neither 0 nor 1")]
    BadReplaceFlag,
    /// We keep no canned messages (S37).
    #[error("no such default message")]
    NoDefaultMessage,
    /// More than 255 parts for an operator that takes parts only (S38).
    #[error("the message takes more than 255 parts")]
    TooLong,
    /// A TLV that the account must send is missing (S25).
    #[error("a TLV that the account must send is missing")]
    TlvMissing,
    /// Not a time (S30).
    #[error("schedule_delivery_time is no time")]
    BadSchedule,
    /// Not a time, over, before the schedule, or over the account's maximum (S30, S32).
    #[error("validity_period is no time, is over, or is too long")]
    BadValidity,
    /// The partition's channel or the store is full.
    #[error("the queue is full")]
    QueueFull,
    /// The store says no.
    #[error("{0}")]
    Store(#[from] AcceptRefusal),
    /// The node is about to stop.
    #[error("the node is draining")]
    Draining,
}

impl Refusal {
    /// The code that the ESME is told.
    pub const fn status(self) -> CommandStatus {
        match self {
            Self::Throttled => CommandStatus::ESME_RTHROTTLED,
            Self::SourceNotAllowed => CommandStatus::ESME_RINVSRCADR,
            Self::BadDestination => CommandStatus::ESME_RINVDSTADR,
            Self::NoRoute(status) => status,
            Self::ModeNotSupported => CommandStatus::ESME_RINVESMCLASS,
            Self::BadPriority => CommandStatus::ESME_RINVPRTFLG,
            Self::BadReplaceFlag => CommandStatus::ESME_RINVREPFLAG,
            Self::NoDefaultMessage => CommandStatus::ESME_RINVDFTMSGID,
            Self::TooLong => CommandStatus::ESME_RINVMSGLEN,
            Self::TlvMissing => CommandStatus::ESME_RMISSINGTLV,
            Self::BadSchedule => CommandStatus::ESME_RINVSCHED,
            Self::BadValidity => CommandStatus::ESME_RINVEXPIRY,
            Self::QueueFull | Self::Store(_) => CommandStatus::ESME_RMSGQFUL,
            Self::Draining => CommandStatus::ESME_RSYSERR,
        }
    }

    /// The label of the metric `smsc_messages_rejected_total`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::SourceNotAllowed => "bad_source",
            Self::BadDestination => "bad_address",
            Self::NoRoute(_) => "no_route",
            Self::ModeNotSupported
            | Self::BadPriority
            | Self::BadReplaceFlag
            | Self::NoDefaultMessage
            | Self::TooLong
            | Self::TlvMissing
            | Self::BadSchedule
            | Self::BadValidity => "bad_request",
            Self::QueueFull => "queue_full",
            Self::Store(AcceptRefusal::StoreFull | AcceptRefusal::OutboxFull) => "store_full",
            Self::Store(AcceptRefusal::DiskLow) => "disk_low",
            Self::Draining => "draining",
        }
    }
}

impl From<NoRoute> for Refusal {
    fn from(no_route: NoRoute) -> Self {
        Self::NoRoute(no_route.status)
    }
}
