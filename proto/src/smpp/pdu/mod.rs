//! Every PDU. Octet strings are shares of the frame; nothing is allocated per field.

use bytes::{Bytes, BytesMut};

use super::codec::Frame;
use super::command_status::CommandStatus;
use super::tlv::{Tlv, Tlvs};
use crate::address::Address;

/// Which way a bind goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindKind {
    /// Submits only.
    Transmitter,
    /// Is delivered to only.
    Receiver,
    /// Both.
    Transceiver,
}

/// A PDU of any operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pdu {
    /// bind_transmitter, bind_receiver, bind_transceiver
    Bind(BindKind, Bind),
    /// Their responses.
    BindResp(BindKind, BindResp),
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
    // helper P1: the other operations follow: outbind, data_sm, submit_multi, query_sm, cancel_sm, replace_sm,
    // alert_notification and their responses; broadcast family as raw body
}

/// The body of bind_* (3.4 §4.1). Text fields are the octets before the NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind {
    /// Who binds.
    pub system_id: Bytes,
    /// Its password.
    pub password: Bytes,
    /// Kind of ESME, often empty.
    pub system_type: Bytes,
    /// 0x33 or less: 3.3; 0x34; 0x50 (S21).
    pub interface_version: u8,
    /// Type of number of the address range.
    pub addr_ton: u8,
    /// Numbering plan of the address range.
    pub addr_npi: u8,
    /// Addresses that the ESME serves.
    pub address_range: Bytes,
}

/// The body of bind_*_resp (3.4 §4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindResp {
    /// Who answers.
    pub system_id: Bytes,
    /// The sc_interface_version TLV; absent from peers without TLVs, and towards them (S21, S22).
    pub sc_interface_version: Option<u8>,
}

/// submit_sm_resp, deliver_sm_resp, data_sm_resp: a message_id, empty or absent in some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageIdBody {
    /// `None`: no body at all (header only, Q6, S14).
    pub message_id: Option<Bytes>,
}

/// The owned body of a submit_sm or deliver_sm: octets that are known to parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmBody(Bytes);

impl SmBody {
    /// Checks the octets once.
    pub fn decode(_body: Bytes) -> Result<Self, FieldError> {
        todo!()
    }

    /// The fields, read in place. About 35 ns.
    pub fn fields(&self) -> SmFields<'_> {
        todo!()
    }

    /// The octets.
    pub fn octets(&self) -> &Bytes {
        &self.0
    }
}

/// The fields of a submit_sm or deliver_sm (3.4 §4.4.1, §4.6.1), borrowed: to read one, or to write one from parts.
///
/// To send a message on with other fields: `SmFields { registered_delivery: 1, ..body.fields() }.encode(…)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmFields<'a> {
    /// At most 5 octets.
    pub service_type: &'a [u8],
    /// Who sends.
    pub source: Address<'a>,
    /// Who shall receive.
    pub destination: Address<'a>,
    /// Mode, type, UDHI, reply path (S35).
    pub esm_class: u8,
    /// GSM protocol identifier.
    pub protocol_id: u8,
    /// 0 to 3, at 5.0 also 4 (S37).
    pub priority_flag: u8,
    /// Empty: at once (S31).
    pub schedule_delivery_time: &'a [u8],
    /// Empty: the MC's default (S31).
    pub validity_period: &'a [u8],
    /// Which receipts are asked for (S36).
    pub registered_delivery: u8,
    /// 0 or 1 (S37).
    pub replace_if_present: u8,
    /// Alphabet and class (S41).
    pub data_coding: u8,
    /// 0: none.
    pub sm_default_msg_id: u8,
    /// At most 254 octets (3.4), 255 (5.0).
    pub short_message: &'a [u8],
    /// All TLVs as they came, message_payload included.
    pub tlvs: Tlvs<'a>,
}

impl<'a> SmFields<'a> {
    /// Reads a body in place. Up to three octets behind the last TLV are ignored (Q9, S8).
    pub fn decode(_body: &'a [u8]) -> Result<Self, FieldError> {
        todo!()
    }

    /// message_payload if it is there and not empty, else short_message (S26).
    pub fn user_data(&self) -> &'a [u8] {
        todo!()
    }

    /// Appends the body; `more` goes behind the TLVs.
    pub fn encode(&self, _more: &[Tlv<'_>], _out: &mut BytesMut) {
        todo!()
    }
}

/// Why a body did not decode. The session answers with the matching response and `status` (S8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// The field, by its name in the specification.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
    /// The code that the peer earns.
    pub status: CommandStatus,
}

impl Pdu {
    /// Decodes the body of a frame. An unknown command_id is no error of the body: see `CommandId::is_known`.
    pub fn decode(_frame: &Frame) -> Result<Pdu, FieldError> {
        todo!()
    }

    /// Appends header and body.
    pub fn encode(&self, _status: CommandStatus, _sequence_number: u32, _out: &mut BytesMut) {
        todo!()
    }
}
