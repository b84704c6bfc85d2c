use std::sync::Arc;

use serde_json::Value as Json;
use smsc_proto::address::Address;
use smsc_proto::ids::{MessageId, OperatorMessageId, PartitionId};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::pdu::{BindKind, SmBody, SmFields};
use smsc_proto::timestamp::Timestamp;
use smsc_store::{CdrKey, CdrKind, Name, Origin, Outbox, Peer};

use super::*;
use crate::cdr::record::record_id;

const ACCEPTED: Timestamp = Timestamp::from_millis(1_764_000_000_123);
const FINAL: Timestamp = Timestamp::from_millis(1_764_000_002_000);

fn partition() -> PartitionId {
    PartitionId::new(5).expect("below 1024")
}

/// A message to 46701234567, delivered.
pub(in crate::cdr) fn cdr(slot: u64) -> Cdr {
    let fields = SmFields {
        service_type: b"CMT",
        source: Address::new(5, 0, b"BRAND"),
        destination: Address::new(1, 1, b"46701234567"),
        esm_class: 0x40,
        registered_delivery: 1,
        data_coding: 8,
        short_message: b"\x05\x00\x03\x2a\x02\x01the text",
        ..SmFields::decode(&[0; 17]).expect("an empty one")
    };
    let body = SmBody::from_fields(&fields, &[]).expect("it fits");
    Cdr {
        key: CdrKey { slot, kind: CdrKind::Final },
        message_id: MessageId::from_tick(MessageId::tick_at(ACCEPTED.as_millis()) + slot, partition()),
        aliased: false,
        origin: Origin::Account(Name::intern("bank")),
        outbox: Outbox::Operator(Name::intern("north")),
        body: Arc::from(&body.octets()[..]),
        priority: 1,
        state: MessageState::Delivered,
        error: *b"000",
        accepted: ACCEPTED,
        done: Timestamp::from_millis(1_764_000_000_000),
        at: FINAL,
        attempts: 2,
        operator_message_id: Some(OperatorMessageId::Text(b"00aB"[..].into())),
        peer: Some(Peer { address: [192, 0, 2, 7].into(), bind: BindKind::Transmitter }),
    }
}

fn reader(format: CdrFormat) -> LineReader {
    match format {
        CdrFormat::Ndjson => LineReader::NDJSON,
        CdrFormat::Csv => LineReader::csv(&header(format)).expect("a header"),
    }
}

fn json(cdr: Cdr) -> Json {
    let lines = Lines::encode(CdrFormat::Ndjson, "smsc-0", 17, &[cdr]).expect("it can be encoded");
    serde_json::from_slice(lines.from(0, u64::MAX).0).expect("JSON")
}

#[test]
fn a_record_says_who_sent_what_to_whom_when_and_what_became_of_it_and_never_the_text() {
    let id = cdr(3).message_id;
    let expected = serde_json::json!({
        "schema": 1, "seq": 17, "type": "final", "node": "smsc-0", "msg_id": id.to_string(),
        "record_id": record_id(partition(), cdr(3).key, ACCEPTED).to_string(),
        "direction": "mt", "account": "bank", "bind_type": "tx", "client_ip": "192.0.2.7",
        "link": "north", "link_msg_id": "00aB",
        "src": "BRAND", "src_ton": 5, "src_npi": 0, "dst": "46701234567", "dst_ton": 1, "dst_npi": 1,
        "ts_submit": "2025-11-24T16:00:00.123Z", "ts_final": "2025-11-24T16:00:02.000Z",
        "ts_done": "2025-11-24T16:00:00.000Z",
        "state": "DELIVRD", "error": "000", "attempts": 2, "priority": 1, "service_type": "CMT",
        "esm_class": 64, "dcs": 8, "registered_delivery": 1, "length": 14,
        "concat_ref": 42, "concat_total": 2, "concat_part": 1,
    });
    assert_eq!(json(cdr(3)), expected);
}

#[test]
fn what_is_not_known_is_left_out() {
    let bare = Cdr { body: Arc::from(&b""[..]), operator_message_id: None, peer: None, ..cdr(3) };
    let bare = json(bare);
    for name in ["src", "dst", "length", "link_msg_id", "client_ip", "bind_type", "msg_alias", "ts_given_up"] {
        assert!(bare.get(name).is_none(), "{name}");
    }
}

#[test]
fn a_message_from_a_handset_goes_the_other_way() {
    let mo = Cdr {
        origin: Origin::Operator(Name::intern("north")),
        outbox: Outbox::Account(Name::intern("bank")),
        ..cdr(3)
    };
    let mo = json(mo);
    assert_eq!((&mo["direction"], &mo["account"], &mo["link"]), (&"mo".into(), &"bank".into(), &"north".into()));
    assert!(mo.get("client_ip").is_none(), "no customer's");
}

#[test]
fn a_receipt_that_was_given_up_has_a_record_of_another_type_and_name() {
    let given_up = json(Cdr { key: CdrKey { slot: 3, kind: CdrKind::Receipt }, ..cdr(3) });
    assert_eq!(given_up["type"], "receipt_given_up");
    assert_eq!(given_up["ts_given_up"], "2025-11-24T16:00:02.000Z");
    assert!(given_up.get("ts_final").is_none());
    assert_ne!(given_up["record_id"], json(cdr(3))["record_id"]);
}

#[test]
fn the_name_of_a_record_never_changes() {
    // Billing has them.
    let key = CdrKey { slot: 1_234_567, kind: CdrKind::Final };
    assert_eq!(record_id(partition(), key, ACCEPTED).to_string(), "01KAV9FT3V002G0000009DD1R1");
}

#[test]
fn csv_has_the_same_fields_under_its_header() {
    let lines = Lines::encode(CdrFormat::Csv, "smsc-0", 17, &[cdr(3)]).expect("it can be encoded");
    let text = [header(CdrFormat::Csv), lines.from(0, u64::MAX).0.to_vec()].concat();
    let mut reader = csv::Reader::from_reader(&text[..]);
    let names = reader.headers().expect("a header").clone();
    let record = reader.records().next().expect("a record").expect("sound");
    let json = json(cdr(3));
    for (name, value) in names.iter().zip(&record) {
        let expected = json.get(name).map_or(String::new(), |value| value.to_string().trim_matches('"').to_owned());
        assert_eq!(value, expected, "{name}");
    }
    assert_eq!((names.len(), record.len()), (NAMES.len(), NAMES.len()));
}

#[test]
fn no_octet_of_a_peer_ends_a_line_or_a_field() {
    for format in [CdrFormat::Ndjson, CdrFormat::Csv] {
        let odd = Cdr { operator_message_id: Some(OperatorMessageId::Text(b"a\n\"b\",\r\0\xff"[..].into())), ..cdr(3) };
        let lines = Lines::encode(format, "smsc-0", 17, &[odd, cdr(4)]).expect("they can be encoded");
        let (octets, count) = lines.from(0, u64::MAX);
        let lines: Vec<&[u8]> = octets.split_inclusive(|octet| *octet == b'\n').collect();
        assert_eq!((lines.len(), count), (2, 2));
        let reader = reader(format);
        assert_eq!((reader.seq_of(lines[0]), reader.seq_of(lines[1])), (Some(17), Some(18)));
    }
}

#[test]
fn a_line_that_is_not_whole_is_none() {
    for format in [CdrFormat::Ndjson, CdrFormat::Csv] {
        let lines = Lines::encode(format, "smsc-0", 17, &[cdr(3)]).expect("it can be encoded");
        let line = lines.from(0, u64::MAX).0;
        assert_eq!(reader(format).seq_of(line), Some(17));
        for length in 0..line.len() {
            assert_eq!(reader(format).seq_of(&line[..length]), None, "{length} octets");
        }
        assert_eq!(reader(format).seq_of(b"\0\0\0\0\n"), None);
    }
}

#[test]
fn lines_are_taken_as_long_as_there_is_room_and_one_at_least() {
    let cdrs: Vec<Cdr> = (0..10).map(cdr).collect();
    let lines = Lines::encode(CdrFormat::Ndjson, "smsc-0", 1, &cdrs).expect("they can be encoded");
    let length = lines.from(0, 1).0.len() as u64;
    assert_eq!(lines.from(0, 0).1, 1);
    assert_eq!(lines.from(0, length).1, 1);
    assert_eq!(lines.from(0, length + 1).1, 2);
    assert_eq!(lines.from(9, u64::MAX).1, 1);
    assert_eq!(lines.from(10, u64::MAX), (&b""[..], 0));
    assert!(!lines.is_empty() && lines.len() == 10);
}

#[test]
fn a_file_of_a_release_with_other_columns_is_still_understood() {
    let older = LineReader::csv(b"schema,seq,record_id\n").expect("a header");
    assert_eq!(older.seq_of(b"1,7,01ABC\n"), Some(7));
    assert_eq!(older.seq_of(b"1,7\n"), None);
    assert!(LineReader::csv(b"schema,seq").is_none() && LineReader::csv(b"\0\0\n").is_none());
}
