use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::smpp::tlv::Tlv;
use crate::time_format::read_receipt_date;

fn read(text: &str) -> Option<DeliveryReceipt> {
    DeliveryReceipt::read(&SmFields { short_message: text.as_bytes(), esm_class: 0x04, ..SmFields::default() })
}

fn read_with(text: &str, tlvs: &[Tlv<'_>]) -> Option<DeliveryReceipt> {
    let mut body = BytesMut::new();
    SmFields { short_message: text.as_bytes(), esm_class: 0x04, ..SmFields::default() }.encode(tlvs, &mut body);
    DeliveryReceipt::read(&SmFields::decode(&body).expect("as written"))
}

fn id(text: &str) -> OperatorMessageId {
    OperatorMessageId::from_octets(text.as_bytes()).expect("a test writes possible ids")
}

fn state(text: &str) -> Option<MessageState> {
    read(text).map(|receipt| receipt.state)
}

#[test]
fn the_typical_receipt_is_read() {
    let text =
        "id:123456 sub:001 dlvrd:001 submit date:2611241529 done date:2611241530 stat:DELIVRD err:000 text:hello";
    assert_eq!(
        read(text),
        Some(DeliveryReceipt {
            message_id: id("123456"),
            state: MessageState::Delivered,
            error: *b"000",
            done: read_receipt_date(b"2611241530"),
        })
    );
}

#[test]
fn keys_come_in_any_case_and_order() {
    let text = "STAT:undeliv ERR:00B Done Date:261124153042 SubmitDate:2611241529 ID:0A-ff Text:";
    let receipt = read(text).expect("a receipt");
    assert_eq!(receipt.message_id, id("0A-ff"));
    assert_eq!(receipt.state, MessageState::Undeliverable);
    assert_eq!(receipt.error, *b"00B");
    assert_eq!(receipt.done, read_receipt_date(b"261124153042"));
}

#[test]
fn keys_may_be_missing() {
    let receipt = read("id:7 stat:EXPIRED").expect("a receipt");
    assert_eq!((receipt.error, receipt.done), (*b"000", None));
    assert_eq!(read("stat:DELIVRD"), None);
    assert_eq!(read("id:7 done date:2611241530"), None);
    assert_eq!(read(""), None);
}

#[test]
fn an_empty_value_does_not_swallow_the_next_key() {
    let receipt = read("id:7 stat:DELIVRD err: done date: text:x").expect("a receipt");
    assert_eq!((receipt.error, receipt.done), (*b"000", None));
    assert_eq!(read("id: stat:DELIVRD"), None);
}

#[test]
fn unreadable_dates_are_none() {
    assert_eq!(read("id:7 stat:DELIVRD done date:0000000000").and_then(|receipt| receipt.done), None);
}

#[test]
fn the_words_of_operators_are_known() {
    for (word, expected) in [
        ("DELIVRD", MessageState::Delivered),
        ("FAILED", MessageState::Undeliverable),
        ("ENROUTE", MessageState::Enroute),
        ("BUFFRED", MessageState::Enroute),
        ("BUFFERD", MessageState::Enroute),
        ("ACKED", MessageState::Enroute),
        ("acceptd", MessageState::Accepted),
        ("REJECTD", MessageState::Rejected),
        ("NOSUCHWORD", MessageState::Unknown),
    ] {
        assert_eq!(state(&format!("id:1 stat:{word} err:000")), Some(expected), "{word}");
    }
    for state in
        MessageState::ALL.into_iter().filter(|state| !matches!(state, MessageState::Scheduled | MessageState::Skipped))
    {
        assert_eq!(state_of_word(state.receipt_word().as_bytes()), state);
    }
}

#[test]
fn errors_become_three_characters() {
    for (written, expected) in [("5", "005"), ("0020", "020"), ("1a2f", "a2f"), ("-1", "001"), ("#", "000")] {
        let receipt = read(&format!("id:1 stat:UNDELIV err:{written}")).expect("a receipt");
        assert_eq!(&receipt.error[..], expected.as_bytes(), "{written}");
    }
}

#[test]
fn the_subscribers_text_is_not_searched() {
    let receipt = read("id:1 stat:DELIVRD text:id:2 stat:UNDELIV err:005").expect("a receipt");
    assert_eq!((receipt.message_id, receipt.state, receipt.error), (id("1"), MessageState::Delivered, *b"000"));
    let first = read("text:hello id:2 stat:UNDELIV").expect("a receipt with its text first");
    assert_eq!((first.message_id, first.state), (id("2"), MessageState::Undeliverable));
}

#[test]
fn another_key_that_ends_alike_is_not_taken() {
    assert_eq!(read("msgid:9 id:1 xstat:UNDELIV stat:DELIVRD").map(|receipt| receipt.message_id), Some(id("1")));
}

#[test]
fn tlvs_and_text_are_combined() {
    let message_id = Tlv { tag: tag::RECEIPTED_MESSAGE_ID, value: b"ABC\0" };
    let delivered = Tlv { tag: tag::MESSAGE_STATE, value: &[2] };
    let both = read_with("no receipt text", &[message_id, delivered]).expect("TLVs are enough");
    assert_eq!((both.message_id, both.state), (id("ABC"), MessageState::Delivered));
    let partial = read_with("id:1 stat:UNDELIV err:042", &[message_id]).expect("a partial 3.4 receipt (Q18)");
    assert_eq!((partial.message_id, partial.state, partial.error), (id("ABC"), MessageState::Undeliverable, *b"042"));
    let contradiction = read_with("id:1 stat:UNDELIV", &[message_id, delivered]).expect("a receipt");
    assert_eq!(contradiction.state, MessageState::Delivered);
    let impossible = Tlv { tag: tag::MESSAGE_STATE, value: &[99] };
    assert_eq!(read_with("id:1 stat:EXPIRED", &[impossible]).map(|receipt| receipt.state), Some(MessageState::Expired));
    assert_eq!(read_with("hello", &[message_id]), None);
}

#[test]
fn the_network_error_code_stands_in_for_err() {
    let code = Tlv { tag: tag::NETWORK_ERROR_CODE, value: &[3, 0, 27] };
    assert_eq!(read_with("id:1 stat:UNDELIV", &[code]).map(|receipt| receipt.error), Some(*b"027"));
    assert_eq!(read_with("id:1 stat:UNDELIV err:005", &[code]).map(|receipt| receipt.error), Some(*b"005"));
}

#[test]
fn a_receipt_in_message_payload_is_read() {
    let payload = Tlv { tag: tag::MESSAGE_PAYLOAD, value: b"id:1 stat:DELIVRD" };
    assert_eq!(read_with("", &[payload]).map(|receipt| receipt.message_id), Some(id("1")));
}

#[test]
fn a_receipt_in_ucs2_is_read() {
    let text = ucs2::encode("id:1 stat:DELIVRD");
    let sm = SmFields { short_message: &text, data_coding: 8, esm_class: 4, ..SmFields::default() };
    assert_eq!(DeliveryReceipt::read(&sm).map(|receipt| receipt.message_id), Some(id("1")));
}

#[test]
fn bits_5_to_2_of_esm_class_tell_a_receipt() {
    let is_receipt = |esm_class| DeliveryReceipt::is_receipt(&SmFields { esm_class, ..SmFields::default() });
    for esm_class in [0x04, 0x44, 0x07, 0x08, 0x20, 0x84, 0x24] {
        assert!(is_receipt(esm_class), "{esm_class:#04x}");
    }
    for esm_class in [0x00, 0x40, 0x03, 0x80, 0x10, 0x18] {
        assert!(!is_receipt(esm_class), "{esm_class:#04x}");
    }
}

#[test]
fn receipted_message_id_tells_a_receipt() {
    let mut body = BytesMut::new();
    SmFields::default().encode(&[Tlv { tag: tag::RECEIPTED_MESSAGE_ID, value: b"1\0" }], &mut body);
    assert!(DeliveryReceipt::is_receipt(&SmFields::decode(&body).expect("as written")));
}

#[test]
fn our_receipt_is_written_to_the_letter() {
    let receipt = ReceiptText {
        message_id: "8675309000001",
        state: MessageState::Delivered,
        error: *b"000",
        submitted: read_receipt_date(b"2611241529").expect("a date"),
        done: read_receipt_date(b"2611241530").expect("a date"),
        text: b"hello",
    };
    let mut out = Vec::new();
    receipt.write(&mut out);
    let expected = "id:8675309000001 sub:001 dlvrd:001 submit date:2611241529 done date:2611241530 stat:DELIVRD err:000 text:hello";
    assert_eq!(String::from_utf8_lossy(&out), expected);
    out.clear();
    ReceiptText { state: MessageState::Undeliverable, error: *b"045", text: b"", ..receipt }.write(&mut out);
    let expected =
        "id:8675309000001 sub:001 dlvrd:000 submit date:2611241529 done date:2611241530 stat:UNDELIV err:045 text:";
    assert_eq!(String::from_utf8_lossy(&out), expected);
}

proptest! {
    #[test]
    fn what_we_write_we_read(number in 0_u64..1 << 63, state in 0_usize..10, error in 0_u16..1000, minutes in 16_000_000_u64..60_000_000, text in "[ -~]{0,20}") {
        let done = Timestamp::from_millis(minutes * 60_000);
        let state = MessageState::ALL[state];
        let error: ReceiptError = format!("{error:03}").into_bytes().try_into().expect("three digits");
        let message_id = number.to_string();
        let receipt =
            ReceiptText { message_id: &message_id, state, error, submitted: done, done, text: text.as_bytes() };
        let mut out = Vec::new();
        receipt.write(&mut out);
        let read = DeliveryReceipt::read(&SmFields { short_message: &out, ..SmFields::default() }).expect("ours");
        prop_assert_eq!(read.message_id, OperatorMessageId::from_octets(message_id.as_bytes()).expect("digits"));
        prop_assert_eq!(read.state.receipt_word(), state.receipt_word());
        prop_assert_eq!(read.error, error);
        prop_assert_eq!(read.done, Some(done));
    }

    #[test]
    fn hostile_receipts_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..200), words in "(id:|stat:|err:|done date:|text:|[a-z0-9 :]{0,3}){0,12}", esm_class: u8, data_coding: u8) {
        let hostile = [&octets[..], words.as_bytes()].concat();
        for short_message in [&octets[..], words.as_bytes(), &hostile] {
            let sm = SmFields { short_message, esm_class, data_coding, ..SmFields::default() };
            let _ = (DeliveryReceipt::is_receipt(&sm), DeliveryReceipt::read(&sm));
        }
    }
}
