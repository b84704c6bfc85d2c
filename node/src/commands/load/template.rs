//! A submit_sm that is written once; only sequence_number and the last digits of the destination change.

use std::ops::Range;

use bytes::BytesMut;
use smsc_proto::address::Address;
use smsc_proto::smpp::codec::{HEADER_LENGTH, encode_pdu};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::SmFields;

/// Digits that count up behind the prefix.
pub(super) const DIGITS: usize = 7;
/// The longest prefix: an address has 20 octets.
pub(super) const PREFIX_MAX: usize = 20 - DIGITS;
/// The longest text that fits one message.
pub(super) const TEXT_MAX: usize = 160;

const SEQUENCE_NUMBER: Range<usize> = 12..16;

/// One submit_sm.
#[derive(Clone, Debug)]
pub(super) struct Template {
    octets: Vec<u8>,
    digits: Range<usize>,
}

impl Template {
    /// To numbers of that prefix, with a text of that length, asking for a receipt (1) or not (0).
    pub(super) fn new(source: Address<'_>, prefix: &str, text_length: usize, registered_delivery: u8) -> Self {
        let destination = format!("{prefix}{:0width$}", 0, width = DIGITS);
        let text: Vec<u8> =
            b"Load test message, no need to answer. ".iter().copied().cycle().take(text_length).collect();
        let submit = SmFields {
            source,
            destination: Address::new(Address::TON_INTERNATIONAL, Address::NPI_E164, destination.as_bytes()),
            registered_delivery,
            short_message: &text,
            ..SmFields::default()
        };
        let mut octets = BytesMut::new();
        encode_pdu(CommandId::SUBMIT_SM, CommandStatus::ESME_ROK, 0, &mut octets, |out| submit.encode(&[], out));
        // service_type's NUL, source with TON, NPI and NUL, TON and NPI of the destination, its prefix.
        let start = HEADER_LENGTH + 1 + 2 + source.digits.len() + 1 + 2 + prefix.len();
        Self { octets: octets.to_vec(), digits: start..start + DIGITS }
    }

    /// Appends the message with that number (its last seven digits count).
    pub(super) fn write(&self, sequence_number: u32, number: u64, out: &mut BytesMut) {
        let start = out.len();
        out.extend_from_slice(&self.octets);
        let pdu = &mut out[start..];
        pdu[SEQUENCE_NUMBER].copy_from_slice(&sequence_number.to_be_bytes());
        let mut rest = number;
        for digit in pdu[self.digits.clone()].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use smsc_proto::smpp::codec::next_frame;

    use super::*;

    #[test]
    fn each_message_has_its_own_number_and_destination() {
        let source = Address::new(Address::TON_ALPHANUMERIC, 0, b"load");
        let template = Template::new(source, "4670", 40, 1);
        let mut out = BytesMut::new();
        template.write(7, 42, &mut out);
        template.write(8, 12_345_678, &mut out);
        for (sequence_number, destination) in [(7, "46700000042"), (8, "46702345678")] {
            let frame = next_frame(&mut out, 1_000).expect("a PDU").expect("a whole one");
            assert_eq!(frame.header.command_id, CommandId::SUBMIT_SM);
            assert_eq!(frame.header.sequence_number, sequence_number);
            let sm = SmFields::decode(&frame.body).expect("a submit_sm");
            assert_eq!(sm.destination, Address::new(1, 1, destination.as_bytes()));
            assert_eq!((sm.source, sm.registered_delivery, sm.short_message.len()), (source, 1, 40));
        }
        assert!(out.is_empty());
    }

    #[test]
    fn the_longest_prefix_and_text_still_make_a_message() {
        let template = Template::new(Address::default(), &"9".repeat(PREFIX_MAX), TEXT_MAX, 0);
        let mut out = BytesMut::new();
        template.write(1, 1, &mut out);
        let sm = SmFields::decode(&out[HEADER_LENGTH..]).expect("a submit_sm");
        assert_eq!((sm.destination.digits.len(), sm.short_message.len()), (20, TEXT_MAX));
    }
}
