//! What goes out for what came in.

use smsc_proto::smpp::pdu::SmBody;

use super::*;
use crate::config::{SenderRule, TonNpiRules};

fn shape() -> Shape {
    Shape {
        alphabet: DefaultAlphabet::Gsm7,
        long_messages: LongMessages::Keep,
        senders: Vec::new(),
        types: TonNpiRules::default(),
    }
}

fn long(long_messages: LongMessages) -> Shape {
    Shape { long_messages, ..shape() }
}

/// The message as the operator gets it.
fn sent(shape: &Shape, fields: &SmFields<'_>, tlvs: &[Tlv<'_>]) -> SmBody {
    sent_from(shape, DefaultAlphabet::Gsm7, fields, tlvs)
}

fn sent_from(shape: &Shape, from: DefaultAlphabet, fields: &SmFields<'_>, tlvs: &[Tlv<'_>]) -> SmBody {
    let body = SmBody::from_fields(fields, tlvs).expect("a test writes good fields");
    shape.apply(&body.fields(), from, |fields, tlvs| SmBody::from_fields(fields, tlvs).expect("it can be sent"))
}

fn tags(body: &SmBody) -> Vec<u16> {
    body.fields().tlvs.iter().map(|tlv| tlv.tag).collect()
}

fn source(shape: &Shape, source: Address<'_>) -> (u8, u8, String) {
    let body = sent(shape, &SmFields { source, ..SmFields::default() }, &[]);
    let source = body.fields().source;
    (source.ton, source.npi, String::from_utf8_lossy(source.digits).into_owned())
}

#[test]
fn without_wishes_a_message_goes_as_it_came() {
    let tlvs = [Tlv::new(0x1400, b"x"), Tlv::new(tag::MESSAGE_PAYLOAD, &[b'a'; 300])];
    let fields = SmFields { source: Address::new(5, 0, b"Brand"), data_coding: 0xF0, ..SmFields::default() };
    let body = SmBody::from_fields(&fields, &tlvs).expect("good fields");
    assert_eq!(sent(&shape(), &fields, &tlvs).octets(), body.octets());
}

#[test]
fn a_sender_is_rewritten_by_the_first_rule_that_fits() {
    let rule = |from: &str, to: &str| SenderRule { from: from.to_owned(), to: to.to_owned() };
    let senders = vec![rule("Brand", "46700000001"), rule("4670*", "Shop"), rule("*", "")];
    let shape = Shape { senders, ..shape() };
    assert_eq!(source(&shape, Address::new(5, 0, b"Brand")), (1, 1, "46700000001".to_owned()));
    assert_eq!(source(&shape, Address::new(1, 1, b"46701234567")), (5, 0, "Shop".to_owned()));
    assert_eq!(source(&shape, Address::new(5, 0, b"Other")), (0, 0, String::new()));
}

#[test]
fn numbers_are_typed_as_the_operator_wants_them() {
    let types = TonNpiRules {
        destination: Some(TonNpi(0, 1)),
        number: Some(TonNpi(1, 1)),
        short_code: Some(TonNpi(3, 0)),
        name: Some(TonNpi(5, 0)),
    };
    let shape = Shape { types, ..shape() };
    assert_eq!(source(&shape, Address::new(0, 0, b"46701234567")), (1, 1, "46701234567".to_owned()));
    assert_eq!(source(&shape, Address::new(1, 1, b"72345")), (3, 0, "72345".to_owned()));
    assert_eq!(source(&shape, Address::new(0, 0, b"Brand")), (5, 0, "Brand".to_owned()));
    let destination = Address::new(1, 1, b"46701234567");
    let body = sent(&shape, &SmFields { destination, ..SmFields::default() }, &[]);
    assert_eq!((body.fields().destination.ton, body.fields().destination.npi), (0, 1));
}

#[test]
fn a_converted_text_stays_where_it_was_unless_it_has_grown_too_long() {
    let shape = Shape { alphabet: DefaultAlphabet::Utf8, ..shape() };
    let text = [0xE5; 130];
    let short = SmFields { short_message: &text[..100], ..SmFields::default() };
    let body = sent_from(&shape, DefaultAlphabet::Latin1, &short, &[]);
    assert_eq!(body.fields().short_message, "å".repeat(100).as_bytes());
    let body = sent_from(&shape, DefaultAlphabet::Latin1, &SmFields { short_message: &text, ..short }, &[]);
    assert_eq!((body.fields().short_message, body.fields().user_data()), (&b""[..], "å".repeat(130).as_bytes()));
}

#[test]
fn parts_are_marked_as_the_operator_wants_them() {
    let header = b"\x05\x00\x03\x2A\x02\x01hello";
    let by_header = SmFields { esm_class: 0x40, short_message: header, ..SmFields::default() };
    let sar = [
        Tlv::new(tag::SAR_MSG_REF_NUM, &[0, 0x2A]),
        Tlv::new(tag::SAR_TOTAL_SEGMENTS, &[2]),
        Tlv::new(tag::SAR_SEGMENT_SEQNUM, &[1]),
    ];
    let by_tlvs = SmFields { short_message: b"hello", ..SmFields::default() };
    let body = sent(&long(LongMessages::Sar), &by_header, &[]);
    assert_eq!((body.fields().esm_class, body.fields().short_message), (0, &b"hello"[..]));
    assert_eq!(part_of(&body.fields()), part_of(&by_header));
    let body = sent(&long(LongMessages::Udh), &by_tlvs, &sar);
    assert_eq!((body.fields().esm_class, body.fields().short_message), (0x40, &header[..]));
    assert!(tags(&body).is_empty());
}

#[test]
fn a_mark_that_would_lose_something_stays() {
    let ports = SmFields {
        esm_class: 0x40,
        short_message: b"\x0B\x05\x04\x0B\x84\x23\xF0\x00\x03\x2A\x02\x01x",
        ..SmFields::default()
    };
    assert_eq!(sent(&long(LongMessages::Sar), &ports, &[]).fields().short_message, ports.short_message);
    let sar = [
        Tlv::new(tag::SAR_MSG_REF_NUM, &[0, 0x2A]),
        Tlv::new(tag::SAR_TOTAL_SEGMENTS, &[2]),
        Tlv::new(tag::SAR_SEGMENT_SEQNUM, &[1]),
    ];
    let full = SmFields { short_message: &[b'a'; 160], ..SmFields::default() };
    let body = sent(&long(LongMessages::Udh), &full, &sar);
    assert_eq!((body.fields().short_message.len(), tags(&body).len()), (160, 3), "no room for a header");
}

#[test]
fn a_long_text_goes_as_payload_where_the_operator_wants_it_so() {
    let body =
        sent(&long(LongMessages::Payload), &SmFields { short_message: &[b'a'; 161], ..SmFields::default() }, &[]);
    assert_eq!(
        (body.fields().short_message.len(), body.fields().user_data().len(), tags(&body)),
        (0, 161, vec![tag::MESSAGE_PAYLOAD])
    );
    let body =
        sent(&long(LongMessages::Payload), &SmFields { short_message: &[b'a'; 160], ..SmFields::default() }, &[]);
    assert_eq!(body.fields().short_message.len(), 160);
}

#[test]
fn a_payload_that_one_message_holds_goes_as_short_message_where_parts_are_wanted() {
    let payload = [Tlv::new(0x1400, b"x"), Tlv::new(tag::MESSAGE_PAYLOAD, b"hello")];
    let body = sent(&long(LongMessages::Udh), &SmFields::default(), &payload);
    assert_eq!((body.fields().short_message, tags(&body)), (&b"hello"[..], vec![0x1400]));
}
