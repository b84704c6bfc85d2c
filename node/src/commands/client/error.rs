//! Why a command could not talk to a message centre: one clear sentence each, and what to do about it.

use std::io;
use std::time::Duration;

use smsc_proto::smpp::command_status::CommandStatus;

use crate::commands::terminal;

/// What went wrong between us and the message centre.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody listens there.
    #[error("{address} refuses connections. Is the node running? `smsc run` starts one; --smsc names another address")]
    Refused {
        /// Where.
        address: String,
    },
    /// It did not answer, or the name means nothing.
    #[error("cannot connect to {address}: {problem}. Check the host, the port and the firewalls between")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        problem: String,
    },
    /// The address is not `host:port`.
    #[error("{0:?} is no address: write host:port, or a host alone for the usual port")]
    NotAnAddress(String),
    /// The TLS handshake failed.
    #[error(
        "the TLS handshake with {address} failed: {problem}. Is that the TLS port? Plain connections need no --tls"
    )]
    Handshake {
        /// Where.
        address: String,
        /// Why.
        problem: String,
    },
    /// TLS could not be set up on our side.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The bind was refused.
    #[error("the bind as {system_id:?} was refused with {status}: {}", bind_refusal(*status))]
    BindRefused {
        /// As whom.
        system_id: String,
        /// With what.
        status: CommandStatus,
    },
    /// A system_id or password that does not fit into a bind.
    #[error("{0}")]
    BadCredentials(&'static str),
    /// The connection was closed before the bind was answered.
    #[error(
        "the connection was closed before the bind was answered. \
         Is this an SMPP port, does it want --tls, may this address bind?"
    )]
    ClosedBeforeBound,
    /// No answer to the bind.
    #[error("the bind was not answered within {}. Is this an SMPP port, and does it want --tls?", terminal::duration(*.0))]
    BindUnanswered(Duration),
    /// The connection ended while it was bound.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Socket(#[from] io::Error),
}

/// What a refused bind means, and what to do.
fn bind_refusal(status: CommandStatus) -> &'static str {
    match status {
        CommandStatus::ESME_RINVSYSID => "no account has this system_id; check --system-id",
        CommandStatus::ESME_RINVPASWD => "the password is wrong; check --password",
        CommandStatus::ESME_RBINDFAIL => {
            "the account has all the binds it may have (binds_max), may not bind from this address, or the name or \
             password is wrong"
        }
        CommandStatus::ESME_RALYBND => "it is bound already, or has all the binds it may have",
        CommandStatus::ESME_RSYSERR => {
            "the message centre cannot take binds now (starting, draining or in trouble); try again"
        }
        CommandStatus::ESME_RTHROTTLED | CommandStatus::ESME_RMSGQFUL => "there is too much to do now; try again later",
        CommandStatus::ESME_RINVCMDID => {
            "the message centre does not know this kind of bind; it may be older than SMPP 3.4"
        }
        CommandStatus::ESME_RINVSYSTYP => "the message centre wants another system_type",
        _ => "ask those who run the message centre",
    }
}

/// What a refused submit_sm means, and what to do.
pub(crate) fn submit_refusal(status: CommandStatus) -> &'static str {
    match status {
        CommandStatus::ESME_RINVDSTADR | CommandStatus::ESME_RINVDSTTON | CommandStatus::ESME_RINVDSTNPI => {
            "the destination is no number, or no route leads there; check --to and the routes"
        }
        CommandStatus::ESME_RINVSRCADR | CommandStatus::ESME_RINVSRCTON | CommandStatus::ESME_RINVSRCNPI => {
            "this account may not send as that source; check --from"
        }
        CommandStatus::ESME_RTHROTTLED => "the account sends faster than agreed (throughput_max); try again later",
        CommandStatus::ESME_RMSGQFUL => "too much is waiting, or the disk is nearly full; try again later",
        CommandStatus::ESME_RSYSERR => "the message centre is in trouble; its log says why; try again later",
        CommandStatus::ESME_RINVMSGLEN => "the text is too long",
        CommandStatus::ESME_RINVBNDSTS => "this bind may not submit",
        CommandStatus::ESME_RSUBMITFAIL | CommandStatus::ESME_RPROHIBITED => "the account's rules forbid this message",
        _ => "ask those who run the message centre",
    }
}
