//! What data_coding 0 means differs from account to account and from operator to operator: texts are written anew where
//! it does, and nothing else is.

use smsc_proto::smpp::tlv::tag;
use smsc_proto::text::{DefaultAlphabet, decode, gsm7};
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

const ALPHABETS: [(&str, DefaultAlphabet); 4] = [
    ("gsm7", DefaultAlphabet::Gsm7),
    ("latin1", DefaultAlphabet::Latin1),
    ("ascii", DefaultAlphabet::Ascii),
    ("utf8", DefaultAlphabet::Utf8),
];

/// Both sides with an alphabet of their own.
fn node(operator: &Operator, account_alphabet: &str, operator_alphabet: &str) -> Node {
    Configuration::new()
        .account_with("demo", &format!("alphabet = {account_alphabet:?}"))
        .operator_with(operator, &format!("alphabet = {operator_alphabet:?}"))
        .route("", operator.name())
        .mo_route("*", "demo")
        .start()
}

/// A text in data_coding 0 of that alphabet; `None` when it has not all of the characters.
fn encode(text: &str, alphabet: DefaultAlphabet) -> Option<Vec<u8>> {
    match alphabet {
        DefaultAlphabet::Gsm7 => gsm7::encode(text),
        DefaultAlphabet::Latin1 => smsc_proto::text::latin1::encode(text),
        DefaultAlphabet::Ascii => text.is_ascii().then(|| text.into()),
        DefaultAlphabet::Utf8 => Some(text.into()),
    }
}

// S41, Q29
#[test]
fn a_text_reads_the_same_at_the_operator_and_back_at_the_account() {
    for (account_alphabet, ours) in ALPHABETS {
        let operator = Operator::start("op-a");
        // Every operator's alphabet but one's own is somebody's.
        let (operator_alphabet, theirs) = ALPHABETS[(ALPHABETS.iter().position(|(_, a)| *a == ours).unwrap() + 1) % 4];
        let node = node(&operator, account_alphabet, operator_alphabet);
        let esme = node.transceiver("demo");
        for text in ["user@example.com, [5] {x} ~|^", "Åäö $_", "plain"] {
            if let Some(octets) = encode(text, ours) {
                esme.submit_ok(&Message::to("46701234567").octets(&octets));
                let arrived = operator.expect_message().message;
                assert_eq!(decode(arrived.user_data(), arrived.data_coding, theirs), text, "{ours:?} to {theirs:?}");
            }
            if let Some(octets) = encode(text, theirs) {
                operator.deliver(&Message::to("72345").octets(&octets));
                let arrived = esme.expect_delivery().message;
                assert_eq!(decode(arrived.user_data(), arrived.data_coding, ours), text, "{theirs:?} to {ours:?}");
            }
        }
    }
}

// S41
#[test]
fn what_the_operators_alphabet_lacks_goes_as_ucs2() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "utf8", "gsm7");
    node.transmitter("demo").submit_ok(&Message::to("46701234567").octets("жук 🎉".as_bytes()));
    let arrived = operator.expect_message().message;
    assert_eq!((arrived.data_coding, arrived.as_text()), (8, "жук 🎉".to_owned()));
}

// S41: 2 and 4 are octets; 1, 3 and 8 say what they are; what has ports is for a program.
#[test]
fn what_is_no_text_of_the_default_alphabet_is_never_touched() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "latin1", "gsm7");
    let esme = node.transmitter("demo");
    let octets = b"\x00@\xE5\xFF";
    for data_coding in [1, 2, 3, 4, 5, 8, 0x18, 0xF5, 0x80] {
        let message = Message::to("46701234567").octets(octets).with(|message| message.data_coding = data_coding);
        esme.submit_ok(&message);
        let arrived = operator.expect_message().message;
        assert_eq!((arrived.user_data(), arrived.data_coding), (&octets[..], data_coding));
    }
    let wap = Message::to("46701234567").octets(b"\x06\x05\x04\x0B\x84\x23\xF0@\xE5").with(|wap| wap.esm_class = 0x40);
    let ports = Message::to("46701234567").octets(octets).tlv(tag::DESTINATION_PORT, &[0x0B, 0x84]);
    for message in [wap, ports] {
        esme.submit_ok(&message);
        assert_eq!(operator.expect_message().message.user_data(), message.user_data());
    }
}

// Q30
#[test]
fn a_message_class_stays_and_its_text_is_still_text() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "latin1", "gsm7");
    let esme = node.transmitter("demo");
    for data_coding in [0x10, 0xF0, 0xF1] {
        esme.submit_ok(&Message::to("46701234567").octets(b"\xE5").with(|message| message.data_coding = data_coding));
        let arrived = operator.expect_message().message;
        assert_eq!((arrived.user_data(), arrived.data_coding), (&b"\x0F"[..], data_coding), "å in GSM-7");
    }
}

// S41: no part grows over its size, and its header stays.
#[test]
fn a_part_keeps_its_header() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "latin1", "gsm7");
    let part = Message::to("46701234567").octets(b"\x05\x00\x03\x2A\x02\x01caf\xE9").with(|part| part.esm_class = 0x40);
    node.transmitter("demo").submit_ok(&part);
    assert_eq!(operator.expect_message().message.user_data(), b"\x05\x00\x03\x2A\x02\x01caf\x05");
}
