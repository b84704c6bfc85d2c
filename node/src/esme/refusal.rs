//! Why we say no to a message, and the `command_status` that it earns.

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
    /// Transaction mode is not offered, nor is a datagram that leaves later (S35).
    #[error("transactions and scheduled datagrams are not offered")]
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
    /// Over what we keep of one request, or more than 255 parts for an operator that takes parts only (S38).
    #[error("the message is too long")]
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
    /// A TLV that we act on is not what it must be (S25).
    #[error("a TLV has the wrong length or value")]
    BadTlv(CommandStatus),
    /// A field that does not fit into a submit_sm (S39).
    #[error("a field does not fit")]
    Field(CommandStatus),
    /// More than the version allows (S45).
    #[error("too many destinations")]
    TooManyDestinations,
    /// Distribution lists are not offered (S45).
    #[error("distribution lists are not offered")]
    NoLists,
    /// submit_multi cannot replace (S37).
    #[error("a submit_multi replaces nothing")]
    MultiReplace,
    /// Every one was refused (S45).
    #[error("none of the destinations was taken")]
    NoDestination,
    /// Its sequence_number is that of a request which is not answered yet.
    #[error("the sequence_number is in use")]
    SequenceInUse,
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
            Self::BadTlv(status) | Self::Field(status) => status,
            Self::TooManyDestinations => CommandStatus::ESME_RINVNUMDESTS,
            Self::NoLists => CommandStatus::ESME_RCNTSUBDL,
            Self::MultiReplace => CommandStatus::ESME_RINVSUBREP,
            Self::NoDestination => CommandStatus::ESME_RSUBMITFAIL,
            Self::Store(AcceptRefusal::PartitionLost) => CommandStatus::ESME_RSYSERR,
            Self::QueueFull | Self::Store(_) => CommandStatus::ESME_RMSGQFUL,
            Self::SequenceInUse | Self::Draining => CommandStatus::ESME_RSYSERR,
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
            | Self::BadValidity
            | Self::BadTlv(_)
            | Self::Field(_)
            | Self::TooManyDestinations
            | Self::NoLists
            | Self::MultiReplace
            | Self::SequenceInUse => "bad_request",
            Self::NoDestination => "bad_address",
            Self::QueueFull => "queue_full",
            Self::Store(AcceptRefusal::StoreFull | AcceptRefusal::OutboxFull) => "store_full",
            Self::Store(AcceptRefusal::DiskLow) => "disk_low",
            Self::Store(AcceptRefusal::JournalStalled) => "store_stalled",
            Self::Store(AcceptRefusal::PartitionLost) => "partition_lost",
            Self::Store(AcceptRefusal::OwnerOutOfReach) => "owner_out_of_reach",
            Self::Draining => "draining",
        }
    }
}

impl From<NoRoute> for Refusal {
    fn from(no_route: NoRoute) -> Self {
        Self::NoRoute(no_route.status)
    }
}
