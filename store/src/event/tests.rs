#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use smsc_proto::smpp::pdu::BindKind;

use super::*;
use crate::error::StoreError;
use crate::record::{Base, HighMarks, NUMBERS_END, RecordView};

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

fn entry() -> Entry {
    Entry {
        tick: 400,
        accepted: NOW,
        origin: Origin::Account(Name::intern("demo")),
        outbox: Outbox::Operator(Name::intern("op-a")),
        priority: 2,
        receipts: ReceiptRequest(1),
        due: NOW,
        expires: Timestamp::from_millis(u64::MAX),
        destination: 0xfeed_f00d_dead_beef,
        fingerprint: Fingerprint { source: 0x0102_0304, service: 0x0506, plan: 0xA1 },
        marks: Marks::new(true),
        peer: Peer { address: "2001:db8::7".parse().unwrap(), bind: BindKind::Transceiver },
    }
}

fn ids() -> OperatorIds {
    let text = OperatorMessageId::Text(b"00ab"[..].into());
    [(Name::intern("op-a"), OperatorMessageId::Decimal(u64::MAX)), (Name::intern("op-b"), text)].into_iter().collect()
}

fn every_kind() -> Vec<Event<'static>> {
    let progress = Progress {
        enroute: true,
        taken: true,
        state: MessageState::Delivered,
        error: *b"012",
        done: Timestamp::from_millis(0),
        attempts: 3,
        unanswered: 2,
        ids: ids(),
        owed: Owed::default(),
    };
    let owing = Entry { marks: Marks::new(true).with_owed(CdrKind::Final), ..entry() };
    let owed = Owed { only: true, last: Some(NOW), receipt: None };
    let progress_owed = Progress { enroute: false, taken: false, owed, ..progress.clone() };
    let summary = Summary {
        tick: 401,
        accepted: NOW,
        origin: Origin::Operator(Name::intern("op-a")),
        outbox: Outbox::Account(Name::intern("demo")),
        state: MessageState::Expired,
        error: *b"000",
        done: NOW,
        retained: NOW,
        attempts: 9,
        destination: 5,
        fingerprint: Fingerprint { source: 9, service: 0, plan: 0x21 },
        marks: Marks::default(),
        worth: 70_000,
        ids: ids(),
    };
    let receipt = ParkedReceipt {
        operator: Name::intern("op-b"),
        id: OperatorMessageId::Decimal(8),
        state: MessageState::Unknown,
        error: *b"abc",
        done: NOW,
        destination: 6,
        parked: NOW,
    };
    vec![
        Event::Accepted { slot: 7, entry: entry(), body: BodyOctets::Here(9, b"body") },
        Event::Accepted { slot: 8, entry: entry(), body: BodyOctets::AsBefore },
        Event::BodyPart { slot: 7, part: b" part" },
        Event::Sent { slot: 7, operator: Name::intern("op-a"), attempts: 1, unanswered: 0, id: None },
        Event::Again { slot: 7, due: NOW, attempts: 2, unanswered: 1 },
        Event::Unresolved { slot: 7, attempts: 3, unanswered: 3 },
        Event::Final {
            slot: 0,
            state: MessageState::Rejected,
            error: *b"011",
            done: NOW,
            due: NOW,
            attempts: 1,
            receipt_expires: NOW,
            parked: Some(0),
        },
        Event::Retained { slot: NUMBERS_END - 1, summary, parked: None },
        Event::Parked { number: 0, receipt },
        Event::ParkedEnds { number: 12 },
        Event::Rerouted { slot: 7, outbox: Outbox::Operator(Name::intern("op-b")) },
        Event::Keep { slot: 7, entry: entry(), progress, body: BodyOctets::Here(0, b"") },
        Event::Replaced {
            slot: 7,
            due: NOW,
            expires: NOW,
            receipts: ReceiptRequest(0x12),
            text: TextOctets { octets: b"a new text", payload: true },
        },
        Event::FinalOwed {
            slot: 4,
            state: MessageState::Delivered,
            error: *b"000",
            done: NOW,
            at: NOW,
            attempts: 2,
            receipt_expires: Some(NOW),
            parked: Some(3),
        },
        Event::ReceiptEnds { slot: 4, given_up: Some(NOW) },
        Event::ReceiptEnds { slot: 4, given_up: None },
        Event::CdrWritten { slot: 4, kind: CdrKind::Receipt },
        Event::Keep { slot: 4, entry: owing, progress: progress_owed, body: BodyOctets::Here(4, b"text") },
    ]
}

fn record_of(events: &[Event<'_>]) -> Vec<u8> {
    let mut writer = RecordWriter::default();
    writer.begin(1);
    let marks = HighMarks { tick: 399, slot: 7, parked: 1 };
    for event in events {
        writer.reserve(&event.names(), event.size_max(), marks, NOW);
        let length = event.write(&mut writer);
        assert!(length as usize <= event.size_max(), "{event:?}");
    }
    writer.finish(marks).0.remove(0).to_vec()
}

fn read_all(record: &[u8]) -> Result<Vec<String>, StoreError> {
    let view = RecordView::read(1, record)?;
    let names: Vec<Name> = view.names.iter().map(|name| Name::intern(name)).collect();
    let mut reader = EventReader::new(1, &names, view.base, view.events, view.events_at);
    let mut events = Vec::new();
    while !reader.at_end() {
        events.push(format!("{:?}", reader.read()?));
    }
    Ok(events)
}

#[test]
fn every_event_is_read_as_it_was_written() {
    let events = every_kind();
    let written: Vec<String> = events.iter().map(|event| format!("{event:?}")).collect();
    assert_eq!(read_all(&record_of(&events)).unwrap(), written);
}

#[test]
fn bases_that_version_1_wrote_are_read_without_fingerprint() {
    // Their octets as that release wrote them: another number, and nothing between destination and peer.
    for (event, number, cut) in [(0, ACCEPTED_1, 8), (7, RETAINED_1, 8), (11, KEEP_1, 8)] {
        let event = &every_kind()[event];
        let record = record_of(std::slice::from_ref(event));
        let view = RecordView::read(1, &record).unwrap();
        let names: Vec<Name> = view.names.iter().map(|name| Name::intern(name)).collect();
        let destination = match event {
            Event::Retained { summary, .. } => summary.destination,
            _ => entry().destination,
        };
        let mut octets = view.events.to_vec();
        let at = octets.windows(8).position(|octets| octets == destination.to_le_bytes()).unwrap() + 8;
        octets.drain(at..at + cut);
        octets[0] = number;
        let mut reader = EventReader::new(1, &names, view.base, &octets, 0);
        let (fingerprint, marks) = match reader.read().unwrap() {
            Event::Accepted { entry, .. } | Event::Keep { entry, .. } => (entry.fingerprint, entry.marks),
            Event::Retained { summary, .. } => (summary.fingerprint, summary.marks),
            other => panic!("{other:?} is no base"),
        };
        assert!(reader.at_end() && fingerprint == Fingerprint::default() && marks == Marks::default());
    }
}

#[test]
fn an_unknown_event_is_damage_with_its_place() {
    let read = EventReader::new(4, &[], Base::default(), &[99], 70).read().unwrap_err();
    assert!(matches!(read, StoreError::Damaged { record: 4, offset: 70, .. }), "{read}");
}

#[test]
fn a_body_longer_than_any_pdu_is_damage() {
    let mut writer = RecordWriter::default();
    writer.begin(1);
    let event = Event::Accepted { slot: 1, entry: entry(), body: BodyOctets::Here(1 << 40, b"") };
    writer.reserve(&event.names(), event.size_max(), HighMarks::default(), NOW);
    event.write(&mut writer);
    let record = writer.finish(HighMarks::default()).0.remove(0);
    assert!(matches!(read_all(&record), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_number_that_nobody_has_counted_to_is_damage() {
    for event in [
        Event::BodyPart { slot: NUMBERS_END, part: b"" },
        Event::Accepted { slot: 1, entry: Entry { tick: NUMBERS_END, ..entry() }, body: BodyOctets::AsBefore },
        Event::ParkedEnds { number: u64::MAX },
    ] {
        assert!(matches!(read_all(&record_of(&[event])), Err(StoreError::Damaged { .. })));
    }
}

proptest! {
    #[test]
    fn hostile_octets_are_damage_and_never_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let names = [Name::intern("demo")];
        let mut reader = EventReader::new(1, &names, Base { tick: 5, slot: 6, time: 7 }, &octets, 0);
        while !reader.at_end() && reader.read().is_ok() {}
    }

    #[test]
    fn a_cut_event_is_damage(kind in 0..13_usize, cut in 1..200_usize) {
        let event = &every_kind()[kind];
        let record = record_of(std::slice::from_ref(event));
        let view = RecordView::read(1, &record).unwrap();
        let names: Vec<Name> = view.names.iter().map(|name| Name::intern(name)).collect();
        let kept = view.events.len().saturating_sub(cut);
        let read = EventReader::new(1, &names, view.base, &view.events[..kept], 0).read();
        prop_assert!(read.is_err());
    }
}
