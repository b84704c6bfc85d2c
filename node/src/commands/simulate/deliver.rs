//! The deliver_sm of a simulated operator, written once as whole PDUs: receipts, looped messages, MO messages.
//!
//! Each is a share of a common buffer. Its sequence_number is filled in when it is sent, and sent again.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use smsc_proto::address::Address;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptText;
use smsc_proto::smpp::codec::encode_pdu;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::smpp::tlv::{Tlv, Tlvs, tag};
use smsc_proto::text::{DefaultAlphabet, plain_text};
use smsc_proto::timestamp::Timestamp;

/// Octets of the buffers that deliver_sm are cut from.
const BLOCK: usize = 64 * 1024;
/// esm_class of a receipt (S35).
const ESM_CLASS_RECEIPT: u8 = 0x04;
/// esm_class: a user data header is in front of the text.
const ESM_CLASS_UDHI: u8 = 0x40;
/// Where a PDU has its sequence_number.
const SEQUENCE_NUMBER: std::ops::Range<usize> = 12..16;

/// A whole deliver_sm, its sequence_number still open.
#[derive(Clone, Debug)]
pub(super) struct Delivery(Bytes);

impl Delivery {
    /// Appends it under that number.
    pub(super) fn send(&self, sequence_number: u32, out: &mut BytesMut) {
        let start = out.len();
        out.extend_from_slice(&self.0);
        out[start..][SEQUENCE_NUMBER].copy_from_slice(&sequence_number.to_be_bytes());
    }
}

/// What a receipt says beside what its message said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report<'a> {
    /// The operator's id.
    pub(super) message_id: &'a str,
    /// Delivered or not.
    pub(super) state: MessageState,
    /// When the message came.
    pub(super) submitted: Timestamp,
    /// When the receipt is due.
    pub(super) done: Timestamp,
}

/// Writes deliver_sm. Keeps its buffers.
#[derive(Debug)]
pub(super) struct Writer {
    block: BytesMut,
    text: Vec<u8>,
    value: Vec<u8>,
}

impl Writer {
    /// With empty buffers.
    pub(super) fn new() -> Self {
        Self { block: BytesMut::with_capacity(BLOCK), text: Vec::new(), value: Vec::new() }
    }

    /// The receipt for `message`; TLVs only towards peers that know them (S22).
    pub(super) fn receipt(&mut self, message: &SmFields<'_>, report: Report<'_>, tlvs: bool) -> Delivery {
        let text = plain_text(message, DefaultAlphabet::Gsm7);
        let error = if report.state == MessageState::Delivered { *b"000" } else { *b"001" };
        let Report { message_id, state, submitted, done } = report;
        self.text.clear();
        ReceiptText { message_id, state, error, submitted, done, text: text.as_octets() }.write(&mut self.text);
        self.value.clear();
        self.value.extend_from_slice(message_id.as_bytes());
        self.value.push(0);
        let state = [state as u8];
        let more = [Tlv::new(tag::RECEIPTED_MESSAGE_ID, &self.value), Tlv::new(tag::MESSAGE_STATE, &state)];
        let receipt = SmFields {
            source: message.destination,
            destination: message.source,
            esm_class: ESM_CLASS_RECEIPT,
            short_message: &self.text,
            ..SmFields::default()
        };
        encode_pdu(CommandId::DELIVER_SM, CommandStatus::ESME_ROK, 0, &mut self.block, |out| {
            receipt.encode(if tlvs { &more } else { &[] }, out);
        });
        self.cut()
    }

    /// `message` as its receiver would send it back.
    pub(super) fn looped(&mut self, message: &SmFields<'_>, tlvs: bool) -> Delivery {
        let mo = SmFields {
            source: message.destination,
            destination: message.source,
            esm_class: message.esm_class & ESM_CLASS_UDHI,
            data_coding: message.data_coding,
            short_message: message.short_message,
            tlvs: if tlvs { message.tlvs } else { Tlvs::default() },
            ..SmFields::default()
        };
        self.mo(&mo)
    }

    /// A message from a handset.
    pub(super) fn mo(&mut self, mo: &SmFields<'_>) -> Delivery {
        encode_pdu(CommandId::DELIVER_SM, CommandStatus::ESME_ROK, 0, &mut self.block, |out| mo.encode(&[], out));
        self.cut()
    }

    /// A numbered message from a handset to a service number.
    pub(super) fn mo_number(&mut self, number: u64, to: &str) -> Delivery {
        let from = format!("4670{:07}", number % 10_000_000);
        let text = format!("MO {number}");
        let international = |digits| Address::new(Address::TON_INTERNATIONAL, Address::NPI_E164, digits);
        let (source, destination) = (international(from.as_bytes()), international(to.as_bytes()));
        self.mo(&SmFields { source, destination, short_message: text.as_bytes(), ..SmFields::default() })
    }

    fn cut(&mut self) -> Delivery {
        Delivery(self.block.split().freeze())
    }
}

/// Deliveries in the order in which they are due. The delay is the same for all, so that the order of coming is the
/// order of being due: no wheel, no heap.
#[derive(Debug, Default)]
pub(super) struct DueQueue(VecDeque<(Instant, Delivery)>);

impl DueQueue {
    /// Behind all others.
    pub(super) fn push(&mut self, due: Instant, delivery: Delivery) {
        self.0.push_back((due, delivery));
    }

    /// Before all others, due at once.
    pub(super) fn put_back(&mut self, now: Instant, delivery: Delivery) {
        self.0.push_front((now, delivery));
    }

    /// The next one, if it is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Delivery> {
        self.0.pop_front_if(|(due, _)| *due <= now).map(|(_, delivery)| delivery)
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.front().map(|(due, _)| *due)
    }

    /// Moves all from `other` behind these.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use smsc_proto::receipt::DeliveryReceipt;
    use smsc_proto::smpp::codec::{HEADER_LENGTH, next_frame};

    use super::*;

    fn message() -> SmFields<'static> {
        SmFields {
            source: Address::new(5, 0, b"Brand"),
            destination: Address::new(1, 1, b"46701234567"),
            registered_delivery: 1,
            short_message: b"hello",
            ..SmFields::default()
        }
    }

    fn report(state: MessageState) -> Report<'static> {
        let submitted = Timestamp::from_millis(1_764_000_000_000);
        Report { message_id: "4711", state, submitted, done: submitted.plus(Duration::from_millis(100)) }
    }

    fn sent(delivery: &Delivery) -> BytesMut {
        let mut out = BytesMut::new();
        delivery.send(7, &mut out);
        out
    }

    #[test]
    fn a_receipt_goes_back_to_the_sender_and_reads_as_one() {
        let mut octets = sent(&Writer::new().receipt(&message(), report(MessageState::Delivered), true));
        let frame = next_frame(&mut octets, 80 * 1024).expect("a PDU").expect("a whole one");
        assert_eq!(frame.header.sequence_number, 7);
        let fields = SmFields::decode(&frame.body).expect("a deliver_sm");
        assert_eq!((fields.source, fields.destination), (message().destination, message().source));
        assert!(DeliveryReceipt::is_receipt(&fields));
        let receipt = DeliveryReceipt::read(&fields).expect("a receipt");
        assert_eq!((receipt.message_id.to_string().as_str(), receipt.state), ("4711", MessageState::Delivered));
        assert!(String::from_utf8_lossy(fields.short_message).contains("text:hello"));
    }

    #[test]
    fn old_peers_get_no_tlvs() {
        let octets = sent(&Writer::new().receipt(&message(), report(MessageState::Undeliverable), false));
        let fields = SmFields::decode(&octets[HEADER_LENGTH..]).expect("a deliver_sm");
        assert!(fields.tlvs.is_empty());
        assert!(String::from_utf8_lossy(fields.short_message).contains("stat:UNDELIV err:001"));
    }

    #[test]
    fn a_looped_message_keeps_text_alphabet_and_header() {
        let message =
            SmFields { esm_class: 0x43, data_coding: 8, short_message: b"\x05\x00\x03\x01\x02\x01\0h", ..message() };
        let octets = sent(&Writer::new().looped(&message, true));
        let mo = SmFields::decode(&octets[HEADER_LENGTH..]).expect("a deliver_sm");
        assert_eq!((mo.source, mo.destination), (message.destination, message.source));
        assert_eq!((mo.esm_class, mo.data_coding, mo.short_message), (0x40, 8, message.short_message));
        assert_eq!(mo.registered_delivery, 0);
    }

    #[test]
    fn nothing_leaves_before_it_is_due() {
        let (mut queue, mut writer, start) = (DueQueue::default(), Writer::new(), Instant::now());
        for ms in [10, 20] {
            queue.push(start + Duration::from_millis(ms), writer.mo_number(ms, "1"));
        }
        assert!(queue.pop_due(start).is_none());
        assert_eq!(queue.next_due(), Some(start + Duration::from_millis(10)));
        assert!(queue.pop_due(start + Duration::from_millis(15)).is_some());
        assert!(queue.pop_due(start + Duration::from_millis(15)).is_none());
        queue.put_back(start, writer.mo_number(0, "1"));
        assert!(queue.pop_due(start).is_some(), "what is put back is due at once");
    }
}
