//! A message, as it is sent and as it is seen.

use bytes::{Bytes, BytesMut};
use smsc_proto::smpp::codec::Frame;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{OwnedAddress, SmFields};
use smsc_proto::smpp::tlv::{Tlv, Tlvs, tag};
use smsc_proto::text::{DefaultAlphabet, decode};

/// The fields of a submit_sm or deliver_sm, owned. Two messages are equal when every field and TLV is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// service_type
    pub service_type: Bytes,
    /// Who sends.
    pub source: OwnedAddress,
    /// Who shall receive.
    pub destination: OwnedAddress,
    /// esm_class
    pub esm_class: u8,
    /// protocol_id
    pub protocol_id: u8,
    /// priority_flag
    pub priority_flag: u8,
    /// schedule_delivery_time
    pub schedule_delivery_time: Bytes,
    /// validity_period
    pub validity_period: Bytes,
    /// registered_delivery
    pub registered_delivery: u8,
    /// replace_if_present_flag
    pub replace_if_present: u8,
    /// data_coding
    pub data_coding: u8,
    /// sm_default_msg_id
    pub sm_default_msg_id: u8,
    /// short_message
    pub short_message: Bytes,
    /// TLVs, in order.
    pub tlvs: Vec<(u16, Bytes)>,
}

impl Message {
    /// `hello` from 46700000000 to that number, without a receipt.
    pub fn to(number: &str) -> Self {
        Self {
            source: international("46700000000"),
            destination: international(number),
            short_message: Bytes::from_static(b"hello"),
            ..Self::default()
        }
    }

    /// From that sender: digits are a number, anything else a name.
    pub fn from(mut self, sender: &str) -> Self {
        self.source = match sender.bytes().all(|octet| octet.is_ascii_digit()) {
            true => international(sender),
            false => OwnedAddress { ton: 5, npi: 0, digits: Bytes::copy_from_slice(sender.as_bytes()) },
        };
        self
    }

    /// With that text, of characters that ASCII and GSM-7 have in common.
    pub fn text(self, text: &str) -> Self {
        self.octets(text.as_bytes())
    }

    /// With those octets as short_message.
    pub fn octets(mut self, octets: &[u8]) -> Self {
        self.short_message = Bytes::copy_from_slice(octets);
        self
    }

    /// With those octets as message_payload, and no short_message.
    pub fn payload(mut self, octets: &[u8]) -> Self {
        self.short_message = Bytes::new();
        self.tlv(tag::MESSAGE_PAYLOAD, octets)
    }

    /// With one more TLV.
    pub fn tlv(mut self, tag: u16, value: &[u8]) -> Self {
        self.tlvs.push((tag, Bytes::copy_from_slice(value)));
        self
    }

    /// With a receipt asked for, whatever becomes of it.
    pub fn receipt(self) -> Self {
        self.with(|message| message.registered_delivery = 1)
    }

    /// With a validity_period, as it stands on the wire.
    pub fn validity(self, validity_period: &'static str) -> Self {
        self.with(|message| message.validity_period = validity_period.into())
    }

    /// With any field changed.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// message_payload if there is one, else short_message.
    pub fn user_data(&self) -> &[u8] {
        match self.tlv_value(tag::MESSAGE_PAYLOAD) {
            Some(payload) if !payload.is_empty() => payload,
            _ => &self.short_message,
        }
    }

    /// The value of the first TLV of that tag.
    pub fn tlv_value(&self, tag: u16) -> Option<&[u8]> {
        self.tlvs.iter().find(|(known, _)| *known == tag).map(|(_, value)| &value[..])
    }

    /// What a person would read.
    pub fn as_text(&self) -> String {
        decode(self.user_data(), self.data_coding, DefaultAlphabet::Gsm7)
    }

    /// The same without a user data header.
    pub fn as_text_of_part(&self) -> String {
        decode(self.octets_of_part(), self.data_coding, DefaultAlphabet::Gsm7)
    }

    /// The user data without its header.
    pub fn octets_of_part(&self) -> &[u8] {
        let header = if self.esm_class & 0x40 == 0 { 0 } else { 1 + usize::from(self.user_data()[0]) };
        &self.user_data()[header..]
    }

    /// The whole PDU.
    pub fn encode(&self, command_id: CommandId, sequence_number: u32, out: &mut BytesMut) {
        let tlvs = self.tlvs.iter().map(|(tag, value)| Tlv::new(*tag, value)).collect::<Vec<_>>();
        self.fields().encode_pdu(command_id, CommandStatus::ESME_ROK, sequence_number, &tlvs, out);
    }

    /// The body of a submit_sm or deliver_sm.
    pub fn encode_body(&self, out: &mut BytesMut) {
        let tlvs = self.tlvs.iter().map(|(tag, value)| Tlv::new(*tag, value)).collect::<Vec<_>>();
        self.fields().encode(&tlvs, out);
    }

    /// The whole PDU of a submit_sm.
    pub fn submit_sm(&self, sequence_number: u32) -> Bytes {
        let mut out = BytesMut::new();
        self.encode(CommandId::SUBMIT_SM, sequence_number, &mut out);
        out.freeze()
    }

    /// What a submit_sm, deliver_sm or data_sm carries.
    pub fn of(frame: &Frame) -> Self {
        let fields = match frame.header.command_id {
            CommandId::DATA_SM => SmFields::decode_data_sm(&frame.body),
            _ => SmFields::decode(&frame.body),
        };
        let fields = fields.expect("the node writes PDUs that can be read");
        let copy = Bytes::copy_from_slice;
        Self {
            service_type: copy(fields.service_type),
            source: OwnedAddress::copy_of(fields.source),
            destination: OwnedAddress::copy_of(fields.destination),
            esm_class: fields.esm_class,
            protocol_id: fields.protocol_id,
            priority_flag: fields.priority_flag,
            schedule_delivery_time: copy(fields.schedule_delivery_time),
            validity_period: copy(fields.validity_period),
            registered_delivery: fields.registered_delivery,
            replace_if_present: fields.replace_if_present,
            data_coding: fields.data_coding,
            sm_default_msg_id: fields.sm_default_msg_id,
            short_message: copy(fields.short_message),
            tlvs: fields.tlvs.iter().map(|tlv| (tlv.tag, copy(tlv.value))).collect(),
        }
    }

    fn fields(&self) -> SmFields<'_> {
        SmFields {
            service_type: &self.service_type,
            source: self.source.as_address(),
            destination: self.destination.as_address(),
            esm_class: self.esm_class,
            protocol_id: self.protocol_id,
            priority_flag: self.priority_flag,
            schedule_delivery_time: &self.schedule_delivery_time,
            validity_period: &self.validity_period,
            registered_delivery: self.registered_delivery,
            replace_if_present: self.replace_if_present,
            data_coding: self.data_coding,
            sm_default_msg_id: self.sm_default_msg_id,
            short_message: &self.short_message,
            tlvs: Tlvs::default(),
        }
    }
}

/// An international E.164 number.
pub fn international(number: &str) -> OwnedAddress {
    OwnedAddress { ton: 1, npi: 1, digits: Bytes::copy_from_slice(number.as_bytes()) }
}
