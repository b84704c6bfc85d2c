//! Questions about messages that were submitted before: query_sm, cancel_sm, replace_sm. What is asked of the store, and
//! what its partitions' answers come to. Pure.

use bytes::Bytes;
use smsc_proto::ids::MessageRef;
use smsc_proto::message_state::MessageState;
use smsc_proto::session::VERSION_5_0;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{CancelSm, QuerySm, QuerySmResp, ReplaceSm};
use smsc_proto::smpp::tlv::{TlvBytes, tag};
use smsc_proto::time_format::write_absolute;
use smsc_proto::timestamp::Timestamp;
use smsc_store::handle::address_hash;
use smsc_store::{
    Cancelling, DeliveryStatus, Fingerprint, Found, Name, NewText, NotReplaced, Origin, ReceiptRequest, Replaced,
};

use super::account::Account;
use super::refusal::Refusal;
use super::submit;

/// A question that not all partitions have answered yet.
#[derive(Debug)]
pub struct Question {
    /// So many answers are still to come.
    pub left: usize,
    /// What was asked.
    pub asked: Asked,
}

/// What was asked, and what the answers so far come to.
#[derive(Debug)]
pub enum Asked {
    /// query_sm
    Query(Query),
    /// cancel_sm
    Cancel(Cancellation),
    /// replace_sm
    Replace(Replacement),
}

impl Asked {
    /// The operation.
    pub const fn command_id(&self) -> CommandId {
        match self {
            Self::Query(_) => CommandId::QUERY_SM,
            Self::Cancel(_) => CommandId::CANCEL_SM,
            Self::Replace(_) => CommandId::REPLACE_SM,
        }
    }
}

/// A query_sm.
#[derive(Debug)]
pub struct Query {
    /// Which message.
    pub message: MessageRef,
    message_id: Bytes,
    like: Fingerprint,
    found: Vec<DeliveryStatus>,
    out_of_reach: bool,
}

impl Query {
    /// Reads it; `None`: no message of ours can have such an id.
    pub fn of(query: &QuerySm) -> Option<Self> {
        Some(Self {
            message: MessageRef::from_octets(&query.message_id)?,
            message_id: query.message_id.clone(),
            like: Fingerprint::of(query.source.as_address(), b""),
            found: Vec::new(),
            out_of_reach: false,
        })
    }

    /// A partition has answered.
    pub fn found(&mut self, found: Found) {
        self.found.extend(found.deliveries);
        self.out_of_reach |= !found.reached;
    }

    /// The status of a response without an answer: whoever knows the message may just not be there (try again).
    pub const fn failure(&self) -> CommandStatus {
        if self.out_of_reach { CommandStatus::ESME_RSYSERR } else { CommandStatus::ESME_RQUERYFAIL }
    }

    /// The response; `None`: there is no such message of this account with this source. Who asks for another's message
    /// learns no more than that (S46).
    ///
    /// Of several deliveries the least advanced one speaks for all (S45).
    pub fn answer(&self, account: Name, interface_version: u8) -> Option<QuerySmResp> {
        let own = self
            .found
            .iter()
            .filter(|status| status.origin == Origin::Account(account) && status.fingerprint.has_source_of(self.like));
        let status = own.min_by_key(|status| progress(status.state))?;
        let mut final_date = Vec::new();
        if let Some(done) = status.done {
            write_absolute(done, &mut final_date);
        }
        Some(QuerySmResp {
            message_id: self.message_id.clone(),
            final_date: final_date.into(),
            message_state: shown(status.state, interface_version) as u8,
            error_code: error_code(status.error),
            tlvs: TlvBytes::default(),
        })
    }
}

/// How far a state is from the beginning; a delivery that failed is worth more words than one that arrived.
const fn progress(state: MessageState) -> u8 {
    match state {
        MessageState::Scheduled => 0,
        MessageState::Enroute => 1,
        MessageState::Accepted => 3,
        MessageState::Delivered => 4,
        MessageState::Expired
        | MessageState::Deleted
        | MessageState::Undeliverable
        | MessageState::Unknown
        | MessageState::Rejected
        | MessageState::Skipped => 2,
    }
}

/// The state as that version knows it: SCHEDULED and SKIPPED are new in 5.0 (S46).
const fn shown(state: MessageState, interface_version: u8) -> MessageState {
    match state {
        MessageState::Scheduled if interface_version < VERSION_5_0 => MessageState::Enroute,
        MessageState::Skipped if interface_version < VERSION_5_0 => MessageState::Rejected,
        other => other,
    }
}

/// `err:` in one octet; 255 for what is higher or no number.
fn error_code(error: [u8; 3]) -> u8 {
    std::str::from_utf8(&error).ok().and_then(|digits| digits.parse().ok()).unwrap_or(u8::MAX)
}

/// A cancel_sm. It may take several steps.
#[derive(Clone, Copy, Debug)]
pub struct Cancellation {
    /// Which messages.
    pub what: Cancelling,
    /// The source, and perhaps the service_type, that they must have.
    pub like: Fingerprint,
    /// Deliveries cancelled so far.
    pub count: u64,
    /// Whether a partition has more.
    pub more: bool,
    /// Whether one did not answer.
    pub out_of_reach: bool,
}

impl Cancellation {
    /// Reads it. With a message_id the rest of the addresses is passed over (S47).
    pub fn of(cancel: &CancelSm) -> Result<Self, CommandStatus> {
        let what = if cancel.message_id.is_empty() {
            let number = submit::destination(&cancel.destination.as_address());
            let number = number.ok_or(CommandStatus::ESME_RINVDSTADR)?;
            Cancelling::Between { destination: address_hash(&number) }
        } else {
            let message = MessageRef::from_octets(&cancel.message_id);
            Cancelling::Message(message.ok_or(CommandStatus::ESME_RCANCELFAIL)?)
        };
        let like = Fingerprint::of(cancel.source.as_address(), &cancel.service_type);
        Ok(Self { what, like, count: 0, more: false, out_of_reach: false })
    }

    /// What it came to. Of all messages to an address some may be where nobody answered: to be tried again.
    pub const fn status(&self) -> CommandStatus {
        match (self.count, self.out_of_reach, self.what) {
            (0, false, _) => CommandStatus::ESME_RCANCELFAIL,
            (1.., false, _) | (1.., true, Cancelling::Message(_)) => CommandStatus::ESME_ROK,
            (0, true, _) | (1.., true, Cancelling::Between { .. }) => CommandStatus::ESME_RSYSERR,
        }
    }
}

/// A replace_sm.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// Which message.
    pub message: MessageRef,
    /// The source that it must have.
    pub like: Fingerprint,
    /// `None`: as before.
    pub due: Option<Timestamp>,
    /// `None`: as before.
    pub expires: Option<Timestamp>,
    /// Which receipts are asked for.
    pub receipts: ReceiptRequest,
    /// What it says now.
    pub text: NewText,
    result: Option<Result<(), NotReplaced>>,
}

impl Replacement {
    /// Reads it. data_coding and esm_class are those of the original; empty times mean "as before" (S48).
    pub fn of(replace: &ReplaceSm, account: &Account, now: Timestamp) -> Result<Self, CommandStatus> {
        let message = MessageRef::from_octets(&replace.message_id).ok_or(CommandStatus::ESME_RREPLACEFAIL)?;
        let due = submit::schedule(&replace.schedule_delivery_time, now).map_err(Refusal::status)?;
        let expires = submit::validity(account, &replace.validity_period, due.unwrap_or(now), now);
        let expires = expires.map_err(Refusal::status)?;
        if replace.sm_default_msg_id != 0 {
            return Err(CommandStatus::ESME_RINVDFTMSGID);
        }
        let octets = Bytes::copy_from_slice(replace.user_data());
        if octets.len() > NewText::LENGTH_MAX {
            return Err(CommandStatus::ESME_RINVMSGLEN);
        }
        let payload = replace.tlvs.tlvs().get(tag::MESSAGE_PAYLOAD).is_some_and(|payload| !payload.is_empty());
        Ok(Self {
            message,
            like: Fingerprint::of(replace.source.as_address(), b""),
            due,
            expires,
            receipts: ReceiptRequest::of_registered_delivery(replace.registered_delivery),
            text: NewText { octets, payload },
            result: None,
        })
    }

    /// A partition has answered. The one that has the message knows best.
    pub fn answered(&mut self, replaced: Replaced) {
        match (self.result, replaced.result) {
            // One that does not know it says less than one that could not be asked.
            (Some(Err(NotReplaced::OutOfReach)), Err(NotReplaced::NotPending)) => {}
            (None | Some(Err(NotReplaced::NotPending | NotReplaced::OutOfReach)), result) => self.result = Some(result),
            (Some(_), _) => {}
        }
    }

    /// What it came to.
    pub const fn status(&self) -> CommandStatus {
        match self.result {
            Some(Ok(())) => CommandStatus::ESME_ROK,
            Some(Err(NotReplaced::TimesCross)) => CommandStatus::ESME_RINVEXPIRY,
            Some(Err(NotReplaced::NoRoom)) => CommandStatus::ESME_RMSGQFUL,
            Some(Err(NotReplaced::OutOfReach)) => CommandStatus::ESME_RSYSERR,
            Some(Err(NotReplaced::NotPending)) | None => CommandStatus::ESME_RREPLACEFAIL,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
