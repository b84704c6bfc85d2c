//! Long messages: their parts stay together and arrive as they were.

use smsc_proto::smpp::tlv::tag;
use smsc_proto::text::concatenation::{Marking, encode_text};
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

const POEM: &str = "O freunde, nicht diese töne! Sondern laßt uns angenehmere anstimmen, und freudenvollere. ";

/// The parts of a long text, as a client sends them.
fn parts(text: &str, marking: Marking, reference: u16) -> Vec<Message> {
    let (data_coding, segments) = encode_text(text, marking, reference).unwrap();
    let parts = segments.into_iter().map(|segment| {
        let message = Message::to("46701234567").octets(&segment.short_message).with(|message| {
            (message.esm_class, message.data_coding) = (segment.esm_class, data_coding);
        });
        let tlvs = segment.sar.as_ref().map(|sar| sar.tlvs().to_vec()).unwrap_or_default();
        tlvs.into_iter().fold(message, |message, tlv| message.tlv(tlv.tag, tlv.value))
    });
    parts.collect()
}

fn arrives_whole(marking: Marking) {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    for text in [POEM.repeat(5), "🎉 smörgåsbord 漢字 ".repeat(20)] {
        let sent = parts(&text, marking, 0x1234);
        sent.iter().for_each(|part| drop(esme.submit_ok(part)));
        let arrived = operator.expect_messages(sent.len());
        for (arrived, sent) in arrived.iter().zip(&sent) {
            assert_eq!(arrived.message.user_data(), sent.user_data());
            assert_eq!(arrived.message.tlvs, sent.tlvs);
            assert_eq!(arrived.message.esm_class & 0x40, sent.esm_class & 0x40);
        }
    }
}

#[test]
fn parts_with_a_user_data_header_arrive_as_they_were() {
    arrives_whole(Marking::Udh);
}

#[test]
fn parts_with_a_wide_reference_arrive_as_they_were() {
    arrives_whole(Marking::UdhWide);
}

#[test]
fn parts_with_sar_tlvs_arrive_as_they_were() {
    arrives_whole(Marking::Sar);
}

#[test]
fn the_parts_of_a_message_go_to_one_operator() {
    let (a, b) = (Operator::start("op-a"), Operator::start("op-b"));
    let both = "operators = [{ name = \"op-a\" }, { name = \"op-b\" }]";
    let node = Configuration::new().account("demo").operator(&a).operator(&b).route_with("", both).start();
    a.expect_links(1);
    b.expect_links(1);
    let esme = node.transmitter("demo");
    for handset in 0..20 {
        for part in parts(&POEM.repeat(5), Marking::Udh, handset) {
            esme.submit_ok(&part.with(|part| part.destination.digits = format!("4670123456{handset}").into()));
        }
    }
    node.expect_metric("smsc_delivery_attempts_total", &[("result", "ok")], 60.0);
    for operator in [a, b] {
        let mut numbers = operator.messages().into_iter().map(|one| one.message.destination.digits).collect::<Vec<_>>();
        numbers.sort();
        assert!(numbers.chunk_by(|one, other| one == other).all(|parts| parts.len() == 3), "{numbers:?}");
    }
}

#[test]
fn a_header_that_makes_no_sense_passes_as_it_is() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    for octets in [&b""[..], b"\xff", b"\x05\x00\x03\x01", b"\x05\x00\x03\x01\x02\x03hello", b"\x00hello"] {
        esme.submit_ok(&Message::to("46701234567").octets(octets).with(|message| message.esm_class = 0x40));
        assert_eq!(operator.expect_message().message.user_data(), octets, "Q31");
    }
}

#[test]
fn sar_tlvs_that_make_no_sense_pass_as_they_are() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let message = Message::to("46701234567")
        .tlv(tag::SAR_SEGMENT_SEQNUM, &[9])
        .tlv(tag::SAR_TOTAL_SEGMENTS, &[2])
        .tlv(tag::SAR_MSG_REF_NUM, &[1]);
    node.transmitter("demo").submit_ok(&message);
    assert_eq!(operator.expect_message().message.tlvs, message.tlvs, "S27");
}

#[test]
fn a_long_payload_that_the_operator_takes_is_not_cut() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    node.transmitter("demo").submit_ok(&Message::to("46701234567").payload(POEM.repeat(5).as_bytes()));
    assert_eq!(operator.expect_message().message.user_data(), POEM.repeat(5).as_bytes());
}
