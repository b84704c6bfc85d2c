//! The body of every operation: what decodes is written and read again as the same; what does not leaves the stream in
//! step and says why.
//!
//! Input: which operation, then its body. The first octet counts through [`CommandId::ALL`]; above that it stands for
//! operations that nobody knows.

use bytes::{Bytes, BytesMut};
use smsc_proto::address::Address;
use smsc_proto::receipt::DeliveryReceipt;
use smsc_proto::smpp::codec::{Frame, HEADER_LENGTH, Header, next_frame};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::*;
use smsc_proto::smpp::tlv::{Tlv, TlvBytes, tag};
use smsc_proto::text::concatenation::part_of;
use smsc_proto::text::{self, DefaultAlphabet, PlainText};

/// Decodes one body, with another PDU behind it.
pub fn run(input: &[u8]) {
    let Some((which, body)) = input.split_first() else { return };
    let command_id = operation(*which);
    let mut stream = framed(command_id, body);
    stream.extend_from_slice(&encoded(&Pdu::EnquireLink, 8));

    let frame = take_frame(&mut stream);
    match Pdu::decode(&frame) {
        Ok(pdu) => {
            assert_eq!(pdu.command_id(), command_id);
            check(&pdu, body);
        }
        Err(error) => {
            assert!(!error.status.is_ok(), "an error of the body earns a code: {error}");
            assert!(!error.field.is_empty() && !error.problem.is_empty());
        }
    }
    let next = take_frame(&mut stream);
    assert_eq!(Pdu::decode(&next), Ok(Pdu::EnquireLink), "the stream is out of step");
    assert!(stream.is_empty());
}

fn check(pdu: &Pdu, body: &[u8]) {
    let written = encoded(pdu, 7);
    let again = Pdu::decode(&take_frame(&mut written.clone()));
    assert_eq!(again.as_ref(), Ok(pdu), "what was written reads otherwise");
    assert_eq!(encoded(&again.expect("compared just now"), 7), written, "written twice, and not the same");
    // Left out by some: the octet that counts failures, and in error responses the NUL of system_id (S14).
    let added = usize::from(matches!(pdu, Pdu::SubmitMultiResp(_) | Pdu::BindResp(..)));
    assert!(written.len() - HEADER_LENGTH <= body.len() + added, "more was written than was read");
    match pdu {
        Pdu::SubmitSm(sm) | Pdu::DeliverSm(sm) => {
            assert!(body.starts_with(sm.octets()), "the octets of a message are kept as they came");
            assert_eq!(sm.fields().check(&[]), Ok(()), "what was decoded can be written");
            check_message(&sm.fields(), pdu.command_id());
        }
        Pdu::DataSm(sm) => {
            check_message(&sm.fields(), pdu.command_id());
            if let Ok(body) = sm.to_sm_body() {
                check_message(&body.fields(), CommandId::SUBMIT_SM);
            }
        }
        Pdu::SubmitMulti(multi) => {
            assert!((1..=255).contains(&multi.destinations.len()));
            for destination in &multi.destinations {
                if let Destination::Sme(address) = destination {
                    let fields = multi.fields_for(address.as_address());
                    assert!(SmBody::from_fields(&fields, &[]).is_ok(), "each is a message of its own");
                }
            }
        }
        _ => {}
    }
}

/// What the node makes of a message: sends it on changed, reads its text, takes it for a part or a receipt.
fn check_message(sm: &SmFields<'_>, command_id: CommandId) {
    let changed = SmFields { registered_delivery: 1, ..*sm };
    let reference = [Tlv::new(tag::USER_MESSAGE_REFERENCE, b"\0\x01")];
    let mut sent = BytesMut::new();
    changed.encode_pdu(command_id, CommandStatus::ESME_ROK, 9, &reference, &mut sent);
    let frame = take_frame(&mut sent);
    let read = match command_id {
        CommandId::DATA_SM => SmFields::decode_data_sm(&frame.body),
        _ => SmFields::decode(&frame.body),
    };
    let read = read.expect("what is sent on decodes");
    assert_eq!(read.registered_delivery, 1);
    assert_eq!((read.source, read.destination, read.short_message), (sm.source, sm.destination, sm.short_message));
    let tlvs: Vec<_> = sm.tlvs.iter().chain(reference).collect();
    assert_eq!(read.tlvs.iter().collect::<Vec<_>>(), tlvs, "the TLVs are kept in their order, and one is added");

    let text = sm.user_data();
    for alphabet in [DefaultAlphabet::Gsm7, DefaultAlphabet::Latin1, DefaultAlphabet::Ascii, DefaultAlphabet::Utf8] {
        let characters = text::decode(text, sm.data_coding, alphabet).chars().count();
        assert!(characters <= text.len(), "an octet is at most one character");
        let plain = text::plain_text(sm, alphabet);
        assert!(plain.as_octets().len() <= PlainText::LENGTH_MAX);
        assert!(plain.as_octets().iter().all(|octet| matches!(octet, b' '..=b'~')), "plain text is plain");
    }
    if let Some((part, rest)) = part_of(sm) {
        assert!((1..=part.total).contains(&part.number));
        assert!(text.ends_with(rest), "a part is the end of its user data");
    }
    let receipt = DeliveryReceipt::read(sm);
    assert_eq!(receipt, DeliveryReceipt::read(&changed), "a receipt does not depend on what it asks for");
}

fn operation(which: u8) -> CommandId {
    let unknown = CommandId(u32::from(which) << 24 | 0x0999);
    CommandId::ALL.get(usize::from(which)).copied().unwrap_or(unknown)
}

/// A PDU of that body, whatever it is.
pub(crate) fn framed(command_id: CommandId, body: &[u8]) -> BytesMut {
    let command_length = (HEADER_LENGTH + body.len()) as u32;
    let header = Header { command_length, command_id, command_status: CommandStatus::ESME_ROK, sequence_number: 7 };
    let mut octets = BytesMut::from(&header.encode()[..]);
    octets.extend_from_slice(body);
    octets
}

/// The octets of a PDU.
pub(crate) fn encoded(pdu: &Pdu, sequence_number: u32) -> BytesMut {
    let mut octets = BytesMut::new();
    pdu.encode(CommandStatus::ESME_ROK, sequence_number, &mut octets);
    octets
}

fn take_frame(stream: &mut BytesMut) -> Frame {
    next_frame(stream, usize::MAX).expect("the length is that of a PDU").expect("it is there as a whole")
}

/// Every operation's example, its octets behind the octet that names it; and some bodies that are nearly good.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for pdu in examples() {
        let which = CommandId::ALL.iter().position(|id| *id == pdu.command_id()).unwrap_or(200) as u8;
        let body = &encoded(&pdu, 7)[HEADER_LENGTH..];
        seeds.push([&[which], body].concat());
        seeds.push([&[which], &body[..body.len() / 2]].concat());
        seeds.push([&[which], body, b"\x04"].concat());
    }
    seeds.push(b"\xC8anything".to_vec());
    seeds
}

/// A PDU of every operation, with everything in it that the operation has.
pub(crate) fn examples() -> Vec<Pdu> {
    let text = |octets: &'static [u8]| Bytes::from_static(octets);
    let address = |digits: &'static [u8]| OwnedAddress { ton: 1, npi: 1, digits: text(digits) };
    let tlvs = || TlvBytes::from_tlvs(&[Tlv::new(tag::NETWORK_ERROR_CODE, b"\x03\x00\x01")]);
    let bind = || Bind {
        system_id: text(b"demo"),
        password: text(b"secret"),
        system_type: text(b"VMA"),
        interface_version: 0x34,
        addr_ton: 1,
        addr_npi: 1,
        address_range: text(b"^467"),
    };
    let multi = SubmitMulti {
        sm: body(&SmFields { destination: Address::default(), ..message(b"to all") }, &[]),
        destinations: vec![Destination::Sme(address(b"46701")), Destination::List(text(b"friends"))],
    };
    let multi_resp = SubmitMultiResp {
        message_id: Some(text(b"42")),
        unsuccessful: vec![UnsuccessfulDestination {
            address: address(b"46701"),
            status: CommandStatus::ESME_RINVDSTADR,
        }],
        tlvs: tlvs(),
    };
    let query_resp =
        QuerySmResp { message_id: text(b"42"), final_date: text(b"261126000000000+"), ..QuerySmResp::default() };
    let replace = ReplaceSm {
        message_id: text(b"42"),
        source: address(b"46701"),
        schedule_delivery_time: text(b"000001000000000R"),
        validity_period: text(b"000002000000000R"),
        short_message: text(b"instead"),
        ..ReplaceSm::default()
    };
    let mut pdus = vec![
        Pdu::Outbind(Outbind { system_id: text(b"smsc"), password: text(b"secret") }),
        Pdu::SubmitSm(body(&message(b"hello"), &[])),
        Pdu::SubmitSm(long_part()),
        Pdu::DeliverSm(receipt()),
        Pdu::DataSm(data_sm()),
        Pdu::SubmitMulti(multi),
        Pdu::SubmitMultiResp(multi_resp),
        Pdu::QuerySm(QuerySm { message_id: text(b"42"), source: address(b"46701") }),
        Pdu::QuerySmResp(Some(query_resp)),
        Pdu::CancelSm(CancelSm {
            service_type: text(b"CMT"),
            message_id: text(b"42"),
            source: address(b"46701"),
            destination: address(b"46702"),
        }),
        Pdu::ReplaceSm(replace),
        Pdu::AlertNotification(AlertNotification {
            source: address(b"46701"),
            esme: address(b"72345"),
            tlvs: TlvBytes::from_tlvs(&[Tlv::new(tag::MS_AVAILABILITY_STATUS, b"\0")]),
        }),
        Pdu::Unsupported(CommandId::BROADCAST_SM, text(b"as it came")),
    ];
    for kind in [BindKind::Transmitter, BindKind::Receiver, BindKind::Transceiver] {
        pdus.push(Pdu::Bind(kind, bind()));
        let resp = BindResp { system_id: text(b"smsc"), sc_interface_version: Some(0x50) };
        pdus.push(Pdu::BindResp(kind, resp));
    }
    let id = || MessageIdBody { message_id: Some(text(b"42")), tlvs: tlvs() };
    pdus.extend([Pdu::SubmitSmResp(id()), Pdu::DeliverSmResp(id()), Pdu::DataSmResp(MessageIdBody::default())]);
    pdus.extend([Pdu::Unbind, Pdu::UnbindResp, Pdu::EnquireLink, Pdu::EnquireLinkResp, Pdu::GenericNack]);
    pdus.extend([Pdu::CancelSmResp, Pdu::ReplaceSmResp]);
    pdus
}

pub(crate) fn message(text: &[u8]) -> SmFields<'_> {
    SmFields {
        service_type: b"CMT",
        source: Address::new(5, 0, b"BRAND"),
        destination: Address::new(1, 1, b"46701234567"),
        schedule_delivery_time: b"000000010000000R",
        validity_period: b"261126123456004+",
        registered_delivery: 1,
        short_message: text,
        ..SmFields::default()
    }
}

pub(crate) fn body(fields: &SmFields<'_>, more: &[Tlv<'_>]) -> SmBody {
    SmBody::from_fields(fields, more).expect("an example is a good message")
}

fn long_part() -> SmBody {
    let fields = SmFields { esm_class: 0x40, data_coding: 8, ..message(b"\x05\x00\x03\x07\x02\x01\x04\x1F\x04\x40") };
    let sar = [
        Tlv::new(tag::SAR_MSG_REF_NUM, b"\0\x07"),
        Tlv::new(tag::SAR_TOTAL_SEGMENTS, b"\x02"),
        Tlv::new(tag::SAR_SEGMENT_SEQNUM, b"\x01"),
        Tlv::new(tag::MESSAGE_PAYLOAD, b""),
    ];
    body(&fields, &sar)
}

fn receipt() -> SmBody {
    let text = b"id:42 sub:001 dlvrd:001 submit date:2611260000 done date:2611260001 stat:DELIVRD err:000 text:hello";
    let fields = SmFields { esm_class: 4, ..message(text) };
    body(&fields, &[Tlv::new(tag::RECEIPTED_MESSAGE_ID, b"42\0"), Tlv::new(tag::MESSAGE_STATE, b"\x02")])
}

fn data_sm() -> DataSmBody {
    let mut octets = BytesMut::new();
    message(b"").encode_data_sm(&[Tlv::new(tag::MESSAGE_PAYLOAD, b"by data_sm")], &mut octets);
    DataSmBody::decode(octets.freeze()).expect("an example is a good message")
}
