//! Receipts: what an operator writes is read or it is none; what we write is read as it was meant.
//!
//! Input: which of the two, and then for the operator's esm_class, data_coding, the length of the TLVs, TLVs, text; for
//! ours id, state, error, two times, text.

use arbitrary::{Result, Unstructured};
use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::{DeliveryReceipt, ReceiptText};
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::smpp::tlv::{Tlv, TlvBytes, Tlvs, tag};
use smsc_proto::text::ucs2;
use smsc_proto::timestamp::Timestamp;

/// From 2000 to the end of 2099: what two digits of a year can say.
const CENTURY: std::ops::Range<u64> = 946_684_800_000..4_102_444_800_000;
const MINUTE: u64 = 60_000;

/// Reads a receipt of an operator's, or writes one of ours.
pub fn run(input: &[u8]) {
    let Some((which, rest)) = input.split_first() else { return };
    let mut input = Unstructured::new(rest);
    // An input that ends early is no case at all.
    let _ = if which & 1 == 0 { theirs(&mut input) } else { ours(&mut input) };
}

fn theirs(input: &mut Unstructured<'_>) -> Result<()> {
    let [esm_class, data_coding, tlvs] = input.arbitrary::<[u8; 3]>()?;
    let tlvs = input.bytes(usize::from(tlvs).min(input.len()))?;
    let tlvs = Tlvs::decode(tlvs).unwrap_or_default();
    let text = input.bytes(input.len())?;
    let sm = SmFields { esm_class, data_coding, short_message: text, tlvs, ..SmFields::default() };
    let Some(receipt) = DeliveryReceipt::read(&sm) else { return Ok(()) };
    if esm_class & 0x3C == 0x04 || tlvs.get(tag::RECEIPTED_MESSAGE_ID).is_some() {
        assert!(DeliveryReceipt::is_receipt(&sm));
    }
    assert!(receipt.error.iter().all(u8::is_ascii_alphanumeric), "an error is three letters or digits");
    if let OperatorMessageId::Text(id) = &receipt.message_id {
        assert!((1..=64).contains(&id.len()), "an id is 1 to 64 octets");
    }
    // The TLVs speak first, whatever the text says.
    if let Some([state]) = tlvs.get(tag::MESSAGE_STATE)
        && let Some(state) = MessageState::from_octet(*state)
    {
        assert_eq!(receipt.state, state);
    }
    written_anew(&receipt, sm)
}

/// A receipt that was read says the same when we write it and it is read again.
fn written_anew(receipt: &DeliveryReceipt, sm: SmFields<'_>) -> Result<()> {
    let OperatorMessageId::Decimal(id) = receipt.message_id else { return Ok(()) };
    let done = receipt.done.filter(|done| CENTURY.contains(&done.as_millis()));
    let written = ReceiptText {
        message_id: &id.to_string(),
        state: receipt.state,
        error: receipt.error,
        submitted: Timestamp::from_millis(CENTURY.start),
        done: done.unwrap_or(Timestamp::from_millis(CENTURY.start)),
        text: sm.short_message,
    };
    check_written(&written, id);
    Ok(())
}

fn ours(input: &mut Unstructured<'_>) -> Result<()> {
    let id = input.arbitrary::<u64>()?;
    let state = MessageState::ALL[usize::from(input.arbitrary::<u8>()?) % MessageState::ALL.len()];
    let error = input.arbitrary::<[u8; 3]>()?;
    let mut time = || -> Result<Timestamp> {
        let span = CENTURY.end - CENTURY.start;
        Ok(Timestamp::from_millis(CENTURY.start + input.arbitrary::<u64>()? % span))
    };
    let (submitted, done) = (time()?, time()?);
    let text = input.bytes(input.len())?;
    // A decimal id is read as a number only when it has fewer than twenty digits.
    let id = id % 10_u64.pow(19);
    check_written(&ReceiptText { message_id: &id.to_string(), state, error, submitted, done, text }, id);
    Ok(())
}

fn check_written(written: &ReceiptText<'_>, id: u64) {
    let mut text = Vec::new();
    written.write(&mut text);
    assert!(text.iter().all(|octet| matches!(octet, b' '..=b'~')), "a receipt is plain ASCII");
    assert!(text.len() <= 140, "a receipt fits one message: {}", text.len());
    let expected = DeliveryReceipt {
        message_id: OperatorMessageId::Decimal(id),
        state: match written.state {
            MessageState::Scheduled => MessageState::Enroute,
            MessageState::Skipped => MessageState::Rejected,
            other => other,
        },
        error: written.error.map(|octet| if octet.is_ascii_alphanumeric() { octet } else { b'0' }),
        done: Some(Timestamp::from_millis(written.done.as_millis() / MINUTE * MINUTE)),
    };
    let read = |data_coding, text: &[u8]| {
        let sm = SmFields { esm_class: 4, data_coding, short_message: text, ..SmFields::default() };
        assert!(DeliveryReceipt::is_receipt(&sm));
        DeliveryReceipt::read(&sm)
    };
    assert_eq!(read(0, &text).as_ref(), Some(&expected));
    let characters = String::from_utf8_lossy(&text);
    assert_eq!(read(8, &ucs2::encode(&characters)).as_ref(), Some(&expected), "in UCS-2 too");
    let shouted = characters.to_ascii_uppercase();
    let loud = DeliveryReceipt { error: expected.error.map(|octet| octet.to_ascii_uppercase()), ..expected };
    assert_eq!(read(0, shouted.as_bytes()).as_ref(), Some(&loud), "in capitals too");
}

/// What operators are known to write, and some of ours.
pub fn seeds() -> Vec<Vec<u8>> {
    const TEXTS: [&[u8]; 9] = [
        b"id:42 sub:001 dlvrd:001 submit date:2611260000 done date:2611260001 stat:DELIVRD err:000 text:hello",
        b"id:0a1B-77 sub:1 dlvrd:0 submit date:261126000000 done date:261126000142 stat:UNDELIV err:12 Text:",
        b"ID:7 STAT:Delivered DONEDATE:202611260001 ERR:0x0AF",
        b"stat:EXPIRED id:99, err:E5; done_date:20261126000142",
        b"id: stat:REJECTD",
        b"id:1 text:stat:DELIVRD",
        b"text:id:1 stat:ACCEPTD err:",
        b"msgid:5 id:0012 submitdate:0 stat:BUFFRED",
        b"\x05\x00\x03\x01\x01\x01id:3 stat:FAILED",
    ];
    let tlvs = |tlvs: &[Tlv<'_>]| TlvBytes::from_tlvs(tlvs).tlvs().0.to_vec();
    let all = tlvs(&[
        Tlv::new(tag::RECEIPTED_MESSAGE_ID, b"abc\0"),
        Tlv::new(tag::MESSAGE_STATE, b"\x05"),
        Tlv::new(tag::NETWORK_ERROR_CODE, b"\x03\x01\x02"),
    ]);
    let theirs = |esm_class: u8, data_coding: u8, tlvs: &[u8], text: &[u8]| {
        [&[0, esm_class, data_coding, tlvs.len() as u8], tlvs, text].concat()
    };
    let mut seeds: Vec<_> = TEXTS.iter().map(|text| theirs(4, 0, b"", text)).collect();
    seeds.push(theirs(0x44, 0, b"", TEXTS[8]));
    seeds.push(theirs(4, 8, b"", &ucs2::encode("id:42 stat:DELIVRD err:001")));
    seeds.push(theirs(0, 0, &all, b"no text to speak of"));
    seeds.push(theirs(0x20, 0, &all, TEXTS[0]));
    for state in 0..MessageState::ALL.len() as u8 {
        let mut seed = vec![1];
        seed.extend_from_slice(&1_234_567_890_u64.to_le_bytes());
        seed.push(state);
        seed.extend_from_slice(b"a9/");
        seed.extend_from_slice(&1_000_000_000_000_u64.to_le_bytes());
        seed.extend_from_slice(&1_000_000_060_000_u64.to_le_bytes());
        seed.extend_from_slice("text: é id:1".as_bytes());
        seeds.push(seed);
    }
    seeds
}
