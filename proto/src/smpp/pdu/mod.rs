//! Every PDU. Octet strings are shares of the frame; nothing is allocated per field.
//!
//! | operation | body |
//! |---|---|
//! | bind_transmitter, bind_receiver, bind_transceiver and responses | [`Bind`], [`BindResp`] |
//! | outbind | [`Outbind`] |
//! | submit_sm, deliver_sm | [`SmBody`], read as [`SmFields`] |
//! | data_sm | [`DataSmBody`], read as [`SmFields`] |
//! | submit_sm_resp, deliver_sm_resp, data_sm_resp | [`MessageIdBody`] |
//! | submit_multi and response | [`SubmitMulti`], [`SubmitMultiResp`] |
//! | query_sm and response, cancel_sm, replace_sm | [`QuerySm`], [`QuerySmResp`], [`CancelSm`], [`ReplaceSm`] |
//! | alert_notification | [`AlertNotification`] |
//! | unbind, enquire_link, generic_nack, responses of cancel_sm and replace_sm | none |
//! | the broadcast family, what is 3.3 only, what nobody knows | as it came |

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::{self, Frame};
use super::command_id::CommandId;
use super::command_status::CommandStatus;

mod alert_notification;
mod bind;
mod cancel_sm;
mod data_sm;
mod message_id;
mod outbind;
mod owned_address;
mod query_sm;
mod replace_sm;
mod sm;
mod submit_multi;

pub use self::alert_notification::AlertNotification;
pub use self::bind::{Bind, BindKind, BindResp};
pub use self::cancel_sm::CancelSm;
pub use self::data_sm::DataSmBody;
pub use self::message_id::{MessageIdBody, encode_message_id_resp};
pub use self::outbind::Outbind;
pub use self::owned_address::OwnedAddress;
pub use self::query_sm::{QuerySm, QuerySmResp};
pub use self::replace_sm::ReplaceSm;
pub use self::sm::{SmBody, SmFields};
pub use self::submit_multi::{Destination, SubmitMulti, SubmitMultiResp, UnsuccessfulDestination};
pub use super::field::FieldError;

/// A PDU of any operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pdu {
    /// bind_transmitter, bind_receiver, bind_transceiver
    Bind(BindKind, Bind),
    /// Their responses.
    BindResp(BindKind, BindResp),
    /// outbind
    Outbind(Outbind),
    /// unbind
    Unbind,
    /// unbind_resp
    UnbindResp,
    /// enquire_link
    EnquireLink,
    /// enquire_link_resp
    EnquireLinkResp,
    /// generic_nack
    GenericNack,
    /// submit_sm
    SubmitSm(SmBody),
    /// submit_sm_resp
    SubmitSmResp(MessageIdBody),
    /// deliver_sm
    DeliverSm(SmBody),
    /// deliver_sm_resp
    DeliverSmResp(MessageIdBody),
    /// data_sm
    DataSm(DataSmBody),
    /// data_sm_resp
    DataSmResp(MessageIdBody),
    /// submit_multi
    SubmitMulti(SubmitMulti),
    /// submit_multi_resp
    SubmitMultiResp(SubmitMultiResp),
    /// query_sm
    QuerySm(QuerySm),
    /// query_sm_resp; `None`: header only, an error response.
    QuerySmResp(Option<QuerySmResp>),
    /// cancel_sm
    CancelSm(CancelSm),
    /// cancel_sm_resp
    CancelSmResp,
    /// replace_sm
    ReplaceSm(ReplaceSm),
    /// replace_sm_resp
    ReplaceSmResp,
    /// alert_notification
    AlertNotification(AlertNotification),
    /// An operation that we do not take part in: the broadcast family (5.0), what only 3.3 has, and every unknown
    /// command_id. A request of them earns generic_nack with RINVCMDID (S3, S4). The body is as it came.
    Unsupported(CommandId, Bytes),
}

impl Pdu {
    /// Decodes the body of a frame. An unknown command_id is no error of the body: see `CommandId::is_known`. A body
    /// where the operation has none is ignored.
    pub fn decode(frame: &Frame) -> Result<Pdu, FieldError> {
        let body = &frame.body;
        let command_id = frame.header.command_id;
        if let Some(kind) = BindKind::from_command_id(command_id) {
            return if command_id.is_response() {
                BindResp::decode(body).map(|resp| Pdu::BindResp(kind, resp))
            } else {
                Bind::decode(body).map(|bind| Pdu::Bind(kind, bind))
            };
        }
        Ok(match command_id {
            CommandId::SUBMIT_SM => Pdu::SubmitSm(SmBody::decode(body.clone())?),
            CommandId::SUBMIT_SM_RESP => Pdu::SubmitSmResp(MessageIdBody::decode(body)?),
            CommandId::DELIVER_SM => Pdu::DeliverSm(SmBody::decode(body.clone())?),
            CommandId::DELIVER_SM_RESP => Pdu::DeliverSmResp(MessageIdBody::decode(body)?),
            CommandId::ENQUIRE_LINK => Pdu::EnquireLink,
            CommandId::ENQUIRE_LINK_RESP => Pdu::EnquireLinkResp,
            CommandId::UNBIND => Pdu::Unbind,
            CommandId::UNBIND_RESP => Pdu::UnbindResp,
            CommandId::GENERIC_NACK => Pdu::GenericNack,
            CommandId::OUTBIND => Pdu::Outbind(Outbind::decode(body)?),
            CommandId::DATA_SM => Pdu::DataSm(DataSmBody::decode(body.clone())?),
            CommandId::DATA_SM_RESP => Pdu::DataSmResp(MessageIdBody::decode(body)?),
            CommandId::SUBMIT_MULTI => Pdu::SubmitMulti(SubmitMulti::decode(body)?),
            CommandId::SUBMIT_MULTI_RESP => Pdu::SubmitMultiResp(SubmitMultiResp::decode(body)?),
            CommandId::QUERY_SM => Pdu::QuerySm(QuerySm::decode(body)?),
            CommandId::QUERY_SM_RESP => Pdu::QuerySmResp(QuerySmResp::decode(body)?),
            CommandId::CANCEL_SM => Pdu::CancelSm(CancelSm::decode(body)?),
            CommandId::CANCEL_SM_RESP => Pdu::CancelSmResp,
            CommandId::REPLACE_SM => Pdu::ReplaceSm(ReplaceSm::decode(body)?),
            CommandId::REPLACE_SM_RESP => Pdu::ReplaceSmResp,
            CommandId::ALERT_NOTIFICATION => Pdu::AlertNotification(AlertNotification::decode(body)?),
            _ => Pdu::Unsupported(command_id, body.clone()),
        })
    }

    /// Appends header and body.
    pub fn encode(&self, status: CommandStatus, sequence_number: u32, out: &mut BytesMut) {
        codec::encode_pdu(self.command_id(), status, sequence_number, out, |out| self.encode_body(out));
    }

    fn encode_body(&self, out: &mut BytesMut) {
        match self {
            Pdu::Bind(_, bind) => bind.encode(out),
            Pdu::BindResp(_, resp) => resp.encode(out),
            Pdu::Outbind(outbind) => outbind.encode(out),
            Pdu::SubmitSm(sm) | Pdu::DeliverSm(sm) => out.put_slice(sm.octets()),
            Pdu::DataSm(sm) => out.put_slice(sm.octets()),
            Pdu::SubmitSmResp(resp) | Pdu::DeliverSmResp(resp) | Pdu::DataSmResp(resp) => resp.encode(out),
            Pdu::SubmitMulti(multi) => multi.encode(out),
            Pdu::SubmitMultiResp(resp) => resp.encode(out),
            Pdu::QuerySm(query) => query.encode(out),
            Pdu::QuerySmResp(Some(resp)) => resp.encode(out),
            Pdu::CancelSm(cancel) => cancel.encode(out),
            Pdu::ReplaceSm(replace) => replace.encode(out),
            Pdu::AlertNotification(alert) => alert.encode(out),
            Pdu::Unsupported(_, body) => out.put_slice(body),
            Pdu::Unbind
            | Pdu::UnbindResp
            | Pdu::EnquireLink
            | Pdu::EnquireLinkResp
            | Pdu::GenericNack
            | Pdu::QuerySmResp(None)
            | Pdu::CancelSmResp
            | Pdu::ReplaceSmResp => {}
        }
    }

    /// Its operation.
    pub fn command_id(&self) -> CommandId {
        match self {
            Pdu::Bind(kind, _) => kind.command_id(),
            Pdu::BindResp(kind, _) => kind.command_id().response(),
            Pdu::Outbind(_) => CommandId::OUTBIND,
            Pdu::Unbind => CommandId::UNBIND,
            Pdu::UnbindResp => CommandId::UNBIND_RESP,
            Pdu::EnquireLink => CommandId::ENQUIRE_LINK,
            Pdu::EnquireLinkResp => CommandId::ENQUIRE_LINK_RESP,
            Pdu::GenericNack => CommandId::GENERIC_NACK,
            Pdu::SubmitSm(_) => CommandId::SUBMIT_SM,
            Pdu::SubmitSmResp(_) => CommandId::SUBMIT_SM_RESP,
            Pdu::DeliverSm(_) => CommandId::DELIVER_SM,
            Pdu::DeliverSmResp(_) => CommandId::DELIVER_SM_RESP,
            Pdu::DataSm(_) => CommandId::DATA_SM,
            Pdu::DataSmResp(_) => CommandId::DATA_SM_RESP,
            Pdu::SubmitMulti(_) => CommandId::SUBMIT_MULTI,
            Pdu::SubmitMultiResp(_) => CommandId::SUBMIT_MULTI_RESP,
            Pdu::QuerySm(_) => CommandId::QUERY_SM,
            Pdu::QuerySmResp(_) => CommandId::QUERY_SM_RESP,
            Pdu::CancelSm(_) => CommandId::CANCEL_SM,
            Pdu::CancelSmResp => CommandId::CANCEL_SM_RESP,
            Pdu::ReplaceSm(_) => CommandId::REPLACE_SM,
            Pdu::ReplaceSmResp => CommandId::REPLACE_SM_RESP,
            Pdu::AlertNotification(_) => CommandId::ALERT_NOTIFICATION,
            Pdu::Unsupported(command_id, _) => *command_id,
        }
    }
}

#[cfg(test)]
mod tests;
