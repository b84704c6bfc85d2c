//! What we write, we read: every PDU, alone and in a stream cut anywhere.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use smsc_proto::smpp::codec::{HEADER_LENGTH, next_frame};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{Pdu, SmFields};
use smsc_proto::smpp::tlv::Tlv;

use crate::arbitrary::{Content, SIZE_MAX, encoded, only_frame, unsupported};

fn any_pdu() -> impl Strategy<Value = Pdu> {
    prop_oneof![9 => Content::Any.pdu(), 1 => unsupported()]
}

proptest! {
    #[test]
    fn every_pdu_is_read_as_it_was_written(pdu in any_pdu(), status: u32, sequence_number: u32) {
        let octets = encoded(&pdu, CommandStatus(status), sequence_number);
        let frame = only_frame(&octets);
        prop_assert_eq!(frame.header.command_length as usize, octets.len());
        prop_assert_eq!(frame.header.command_id, pdu.command_id());
        prop_assert_eq!(frame.header.command_status, CommandStatus(status));
        prop_assert_eq!(frame.header.sequence_number, sequence_number);
        prop_assert_eq!(Pdu::decode(&frame).unwrap(), pdu);
    }

    /// Q3: bind and submit_sm in one segment, or split at every octet: the stream is framed from its first octet.
    #[test]
    fn a_stream_is_cut_into_its_pdus_wherever_the_reads_end(pdus in vec(any_pdu(), 1..5), step in 1usize..40) {
        let mut stream = BytesMut::new();
        for (sequence_number, pdu) in (1..).zip(&pdus) {
            pdu.encode(CommandStatus::ESME_ROK, sequence_number, &mut stream);
        }
        let mut buffer = BytesMut::new();
        let mut read = Vec::new();
        for piece in stream.chunks(step) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = next_frame(&mut buffer, SIZE_MAX).unwrap() {
                prop_assert_eq!(frame.header.sequence_number as usize, read.len() + 1);
                read.push(Pdu::decode(&frame).unwrap());
            }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(read, pdus);
    }

    #[test]
    fn fields_of_a_body_write_the_same_body(sm in Content::Any.sm()) {
        let fields = sm.fields();
        let mut octets = BytesMut::new();
        fields.encode(&[], &mut octets);
        prop_assert_eq!(&octets[..], &sm.octets()[..]);
        prop_assert_eq!(SmFields::decode(&octets).unwrap(), fields);
        prop_assert_eq!(fields.check(&[]), Ok(()));
    }

    #[test]
    fn the_hot_path_writes_what_the_pdu_writes(sm in Content::Any.sm(), sequence_number: u32) {
        let mut hot = BytesMut::from(&b"already there"[..]);
        let before = hot.len();
        sm.fields().encode_pdu(CommandId::SUBMIT_SM, CommandStatus::ESME_ROK, sequence_number, &[], &mut hot);
        let octets = encoded(&Pdu::SubmitSm(sm), CommandStatus::ESME_ROK, sequence_number);
        prop_assert_eq!(&hot[before..], &octets[..]);
    }

    #[test]
    fn more_tlvs_go_behind_those_that_came(sm in Content::Any.sm(), tag: u16, value in vec(any::<u8>(), 0..20)) {
        let mut hot = BytesMut::new();
        let more = [Tlv::new(tag, &value)];
        sm.fields().encode_pdu(CommandId::DELIVER_SM, CommandStatus::ESME_ROK, 1, &more, &mut hot);
        let expected: Vec<_> = sm.fields().tlvs.into_iter().chain(more).collect();
        let read = SmFields::decode(&hot[HEADER_LENGTH..]).unwrap();
        prop_assert_eq!(read.tlvs.into_iter().collect::<Vec<_>>(), expected);
        prop_assert_eq!(SmFields { tlvs: sm.fields().tlvs, ..read }, sm.fields());
    }
}
