#![allow(clippy::unwrap_used)]

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);
const MARKS: HighMarks = HighMarks { tick: 77, slot: 5, parked: 3 };

fn batch(events: &[&[u8]]) -> Vec<Bytes> {
    let mut writer = RecordWriter::default();
    writer.begin(9);
    for event in events {
        writer.reserve(&[Name::intern("demo")], event.len(), MARKS, NOW);
        writer.name(Name::intern("demo"));
        writer.begin_event();
        writer.events().extend(*event);
    }
    writer.finish(MARKS).0
}

/// A record whose checksum is right again after a change.
fn resealed(record: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut content = record[..record.len() - CHECKSUM].to_vec();
    change(&mut content);
    content.extend(crc32fast::hash(&content).to_le_bytes());
    content
}

#[test]
fn a_record_gives_back_what_was_written() {
    let records = batch(&[b"one", b"two"]);
    let view = RecordView::read(9, &records[0]).unwrap();
    assert_eq!((view.number, view.first, view.last, view.count), (9, true, true, 2));
    assert_eq!((view.marks, view.names.as_slice(), view.events), (MARKS, &["demo"][..], &b"onetwo"[..]));
    assert_eq!(view.base.time, NOW.as_millis());
}

#[test]
fn a_full_record_is_followed_by_another_and_only_the_last_ends_the_batch() {
    let event = vec![1; 20_000];
    let records = batch(&[&event, &event, &event]);
    assert!(records.iter().all(|record| record.len() <= RECORD_SIZE_MAX));
    let marks: Vec<(bool, bool)> = (9..)
        .zip(&records)
        .map(|(number, record)| RecordView::read(number, record).map(|v| (v.first, v.last)).unwrap())
        .collect();
    assert_eq!(marks, [(true, false), (false, true)]);
}

#[test]
fn a_batch_without_events_has_no_record() {
    assert!(batch(&[]).is_empty());
}

#[test]
fn every_flipped_bit_is_found() {
    let record = batch(&[b"an event"]).remove(0);
    for bit in 0..record.len() * 8 {
        let mut flipped = record.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(RecordView::read(9, &flipped), Err(StoreError::Damaged { record: 9, .. })), "bit {bit}");
    }
}

#[test]
fn every_truncation_is_found() {
    let record = batch(&[b"an event"]).remove(0);
    for length in 0..record.len() {
        assert!(RecordView::read(9, &record[..length]).is_err(), "{length} octets");
    }
}

#[test]
fn a_record_under_another_number_is_refused() {
    let record = batch(&[b"an event"]).remove(0);
    assert!(matches!(RecordView::read(10, &record), Err(StoreError::Damaged { record: 10, offset: 8, .. })));
}

#[test]
fn a_newer_version_is_told_from_damage() {
    let newer = resealed(&batch(&[b"an event"])[0], |content| content[0] = VERSION + 1);
    assert!(matches!(RecordView::read(9, &newer), Err(StoreError::NewerFormat { found: 4, known: 3 })));
}

#[test]
fn a_record_says_the_version_of_its_youngest_event() {
    let mut writer = RecordWriter::default();
    writer.begin(9);
    for version in [VERSION, VERSION_LEAST] {
        // Each fills a record.
        writer.reserve(&[], ROOM, MARKS, NOW);
        writer.begin_event();
        writer.is_of_version(version);
        writer.events().push(1);
    }
    let records = writer.finish(MARKS).0;
    assert_eq!(records.iter().map(|record| record[0]).collect::<Vec<_>>(), [VERSION, VERSION_LEAST]);
}

#[test]
fn a_name_over_the_end_is_damage() {
    let odd = resealed(&batch(&[b"an event"])[0], |content| content[HEAD] = 255);
    assert!(matches!(RecordView::read(9, &odd), Err(StoreError::Damaged { .. })));
}
