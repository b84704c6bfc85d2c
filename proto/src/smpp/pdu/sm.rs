//! submit_sm and deliver_sm: one layout for both (3.4 §4.4.1, §4.6.1), and its fields, which data_sm and submit_multi
//! share.
//!
//! The hot path reads a body in place and keeps its octets; it never builds a struct of owned fields.

use bytes::{BufMut, Bytes, BytesMut};

use crate::address::Address;
use crate::smpp::codec;
use crate::smpp::command_id::CommandId;
use crate::smpp::command_status::CommandStatus;
use crate::smpp::field::{
    DESTINATION_ADDR, FieldError, Reader, SCHEDULE_DELIVERY_TIME, SERVICE_TYPE, SHORT_MESSAGE_LENGTH_MAX, SOURCE_ADDR,
    VALIDITY_PERIOD, put_address, put_text,
};
use crate::smpp::tlv::{Tlv, Tlvs, tag};

/// The owned body of a submit_sm or deliver_sm: octets that are known to parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmBody(Bytes);

impl SmBody {
    /// Checks the octets once. Up to three octets behind the last TLV are dropped (Q9, S8).
    pub fn decode(mut body: Bytes) -> Result<Self, FieldError> {
        let ignored = {
            let mut reader = Reader::new(&body);
            let fields = SmFields::read(&mut reader)?;
            reader.rest().len() - fields.tlvs.0.len()
        };
        body.truncate(body.len() - ignored);
        Ok(Self(body))
    }

    /// A body of these parts, `more` behind the TLVs; an error when [`SmFields::check`] finds one.
    pub fn from_fields(fields: &SmFields<'_>, more: &[Tlv<'_>]) -> Result<Self, FieldError> {
        fields.check(more)?;
        let mut octets = BytesMut::with_capacity(fields.encoded_length_max(more));
        fields.encode(more, &mut octets);
        Ok(Self(octets.freeze()))
    }

    /// The fields, read in place. About 35 ns.
    pub fn fields(&self) -> SmFields<'_> {
        SmFields::decode(&self.0).expect("the octets of an SmBody were decoded when it was made")
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
    /// Octets that short_message holds in every version; longer texts go as message_payload (S38).
    pub const SHORT_MESSAGE_MAX: usize = 254;

    /// Reads a body in place. Up to three octets behind the last TLV are ignored (Q9, S8).
    #[inline]
    pub fn decode(body: &'a [u8]) -> Result<Self, FieldError> {
        Self::read(&mut Reader::new(body))
    }

    /// As [`decode`](Self::decode); the reader is left before the TLVs.
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, FieldError> {
        let service_type = reader.text(&SERVICE_TYPE)?;
        let source = reader.address(&SOURCE_ADDR)?;
        let destination = reader.address(&DESTINATION_ADDR)?;
        Self { service_type, source, destination, ..Self::default() }.read_behind_destination(reader)
    }

    /// What follows the destination, in submit_multi too.
    #[inline]
    pub(super) fn read_behind_destination(self, reader: &mut Reader<'a>) -> Result<Self, FieldError> {
        let [esm_class, protocol_id, priority_flag] = reader.octets("esm_class")?;
        let schedule_delivery_time = reader.text(&SCHEDULE_DELIVERY_TIME)?;
        let validity_period = reader.text(&VALIDITY_PERIOD)?;
        let [registered_delivery, replace_if_present, data_coding, sm_default_msg_id] =
            reader.octets("registered_delivery")?;
        Ok(Self {
            esm_class,
            protocol_id,
            priority_flag,
            schedule_delivery_time,
            validity_period,
            registered_delivery,
            replace_if_present,
            data_coding,
            sm_default_msg_id,
            short_message: reader.short_message()?,
            tlvs: Tlvs::decode(reader.rest())?,
            ..self
        })
    }

    /// message_payload if it is there and not empty, else short_message (S26).
    pub fn user_data(&self) -> &'a [u8] {
        user_data(self.short_message, self.tlvs)
    }

    /// Whether the fields can be written as a submit_sm or deliver_sm, `more` behind the TLVs: text fields within
    /// their maxima and without NUL (S39), short_message and TLV values within what their lengths can count. Always so
    /// for what was decoded from one; to be asked for what comes from elsewhere.
    pub fn check(&self, more: &[Tlv<'_>]) -> Result<(), FieldError> {
        SERVICE_TYPE.check(self.service_type)?;
        SOURCE_ADDR.check(self.source.digits)?;
        DESTINATION_ADDR.check(self.destination.digits)?;
        SCHEDULE_DELIVERY_TIME.check(self.schedule_delivery_time)?;
        VALIDITY_PERIOD.check(self.validity_period)?;
        if self.short_message.len() > SHORT_MESSAGE_LENGTH_MAX {
            let (field, problem) = ("short_message", "is too long");
            return Err(FieldError { field, problem, status: CommandStatus::ESME_RINVMSGLEN });
        }
        if more.iter().any(|tlv| tlv.value.len() > usize::from(u16::MAX)) {
            return Err(FieldError { field: "tlv", problem: "is too long", status: CommandStatus::ESME_RINVTLVLEN });
        }
        Tlvs::decode(self.tlvs.0).map(|_| ())
    }

    /// Appends the body; `more` goes behind the TLVs. What is over a field's maximum is cut off: see
    /// [`check`](Self::check).
    pub fn encode(&self, more: &[Tlv<'_>], out: &mut BytesMut) {
        out.reserve(self.encoded_length_max(more));
        put_text(out, &SERVICE_TYPE, self.service_type);
        put_address(out, &SOURCE_ADDR, self.source);
        put_address(out, &DESTINATION_ADDR, self.destination);
        self.encode_behind_destination(more, out);
    }

    pub(super) fn encode_behind_destination(&self, more: &[Tlv<'_>], out: &mut BytesMut) {
        let short_message = &self.short_message[..self.short_message.len().min(SHORT_MESSAGE_LENGTH_MAX)];
        out.put_slice(&[self.esm_class, self.protocol_id, self.priority_flag]);
        put_text(out, &SCHEDULE_DELIVERY_TIME, self.schedule_delivery_time);
        put_text(out, &VALIDITY_PERIOD, self.validity_period);
        out.put_slice(&[
            self.registered_delivery,
            self.replace_if_present,
            self.data_coding,
            self.sm_default_msg_id,
            short_message.len() as u8,
        ]);
        out.put_slice(short_message);
        self.encode_tlvs(more, out);
    }

    pub(super) fn encode_tlvs(&self, more: &[Tlv<'_>], out: &mut BytesMut) {
        out.put_slice(self.tlvs.0);
        for tlv in more {
            tlv.encode(out);
        }
    }

    /// Appends header and body of a submit_sm, deliver_sm or data_sm, command_length filled in: the hot path.
    pub fn encode_pdu(
        &self,
        command_id: CommandId,
        command_status: CommandStatus,
        sequence_number: u32,
        more: &[Tlv<'_>],
        out: &mut BytesMut,
    ) {
        out.reserve(codec::HEADER_LENGTH + self.encoded_length_max(more));
        codec::encode_pdu(command_id, command_status, sequence_number, out, |out| match command_id {
            CommandId::DATA_SM => self.encode_data_sm(more, out),
            _ => self.encode(more, out),
        });
    }

    /// Not less than the octets of the body.
    pub(super) fn encoded_length_max(&self, more: &[Tlv<'_>]) -> usize {
        // Five NULs, two TON and NPI, eight single octets.
        const FIXED: usize = 5 + 4 + 8;
        FIXED
            + self.service_type.len()
            + self.source.digits.len()
            + self.destination.digits.len()
            + self.schedule_delivery_time.len()
            + self.validity_period.len()
            + self.short_message.len()
            + self.tlvs.0.len()
            + more.iter().map(Tlv::encoded_length).sum::<usize>()
    }
}

/// message_payload if it is there and not empty, else short_message (S26).
pub(super) fn user_data<'a>(short_message: &'a [u8], tlvs: Tlvs<'a>) -> &'a [u8] {
    match tlvs.get(tag::MESSAGE_PAYLOAD) {
        Some(payload) if !payload.is_empty() => payload,
        _ => short_message,
    }
}
