//! Octets made to break the codec: nothing panics, nothing is read outside the frame, the stream stays in step.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use smsc_proto::smpp::codec::{HEADER_LENGTH, Header, next_frame};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::Pdu;

use crate::arbitrary::{Content, SIZE_MAX, encoded, only_frame};

/// How a good PDU is spoilt, its command_length kept true.
#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    Remove(Index),
    Insert(Index, u8),
    Truncate(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        3 => (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Mutation::Set(at, octet)),
        1 => any::<Index>().prop_map(Mutation::Remove),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Mutation::Insert(at, octet)),
        1 => any::<Index>().prop_map(Mutation::Truncate),
    ]
}

fn spoil(body: &mut Vec<u8>, mutation: &Mutation) {
    let length = body.len();
    match mutation {
        Mutation::Insert(at, octet) => body.insert(at.index(length + 1), *octet),
        Mutation::Set(at, octet) if length > 0 => body[at.index(length)] = *octet,
        Mutation::Remove(at) if length > 0 => drop(body.remove(at.index(length))),
        Mutation::Truncate(at) if length > 0 => body.truncate(at.index(length)),
        Mutation::Set(..) | Mutation::Remove(_) | Mutation::Truncate(_) => {}
    }
}

fn framed(command_id: CommandId, body: &[u8]) -> BytesMut {
    let command_length = (HEADER_LENGTH + body.len()) as u32;
    let header = Header { command_length, command_id, command_status: CommandStatus::ESME_ROK, sequence_number: 7 };
    let mut octets = BytesMut::from(&header.encode()[..]);
    octets.extend_from_slice(body);
    octets
}

/// Decodes the one PDU in `octets`, with others behind it that must come out whole; what it decodes to must write and
/// read as itself.
fn survives(octets: &BytesMut) -> Result<(), TestCaseError> {
    let mut stream = octets.clone();
    let sentinel = encoded(&Pdu::EnquireLink, CommandStatus::ESME_ROK, 0x5EA1);
    stream.extend_from_slice(&sentinel);

    let frame = next_frame(&mut stream, SIZE_MAX).unwrap().unwrap();
    let decoded = Pdu::decode(&frame);
    prop_assert_eq!(&stream[..], &sentinel[..], "the stream is out of step");

    if let Ok(pdu) = decoded {
        let rewritten = encoded(&pdu, frame.header.command_status, frame.header.sequence_number);
        let read_again = Pdu::decode(&only_frame(&rewritten)).unwrap();
        prop_assert_eq!(&read_again, &pdu);
        prop_assert!(rewritten.len() <= octets.len() + 1, "more was read than came");
        prop_assert_eq!(encoded(&read_again, CommandStatus::ESME_ROK, 7), encoded(&pdu, CommandStatus::ESME_ROK, 7));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_spoilt_pdu_is_an_error_or_a_pdu_and_never_more(
        pdu in Content::Any.pdu(),
        mutations in vec(mutation(), 1..5),
    ) {
        let octets = encoded(&pdu, CommandStatus::ESME_ROK, 7);
        let mut body = octets[HEADER_LENGTH..].to_vec();
        mutations.iter().for_each(|mutation| spoil(&mut body, mutation));
        survives(&framed(pdu.command_id(), &body))?;
    }

    #[test]
    fn random_bodies_do_no_harm(index: Index, body in vec(prop_oneof![Just(0u8), any::<u8>()], 0..120)) {
        survives(&framed(*index.get(&CommandId::ALL), &body))?;
    }

    #[test]
    fn random_octets_are_framed_or_refused_and_never_change_otherwise(octets in vec(any::<u8>(), 0..64)) {
        let mut buffer = BytesMut::from(&octets[..]);
        match next_frame(&mut buffer, 64) {
            Ok(Some(frame)) => {
                prop_assert_eq!(frame.header.command_length as usize, HEADER_LENGTH + frame.body.len());
                prop_assert_eq!(octets.len(), HEADER_LENGTH + frame.body.len() + buffer.len());
                let _ = Pdu::decode(&frame);
            }
            Ok(None) | Err(_) => prop_assert_eq!(&buffer[..], &octets[..]),
        }
    }

    /// S8: a body cut short anywhere is an error, or the same without TLVs, never a panic and never another message.
    #[test]
    fn a_body_cut_short_never_gains_a_field(sm in Content::Any.sm(), at: Index) {
        let whole = sm.octets();
        let cut = whole.slice(..at.index(whole.len()));
        if let Ok(short) = smsc_proto::smpp::pdu::SmBody::decode(cut) {
            let (short, sm) = (short.fields(), sm.fields());
            prop_assert!(sm.tlvs.0.starts_with(short.tlvs.0));
            prop_assert_eq!(smsc_proto::smpp::pdu::SmFields { tlvs: sm.tlvs, ..short }, sm);
        }
    }
}
