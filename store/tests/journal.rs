//! The sled journal: what it keeps, and what it makes of a damaged disk.

#![allow(clippy::unwrap_used)]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use smsc_store::journal::log_file::{self, SEGMENT_SIZE};
use smsc_store::journal::{Journal, RECORD_SIZE_MAX, SledJournal};
use smsc_store::{Durability, StoreError};
use tempfile::TempDir;

fn open(folder: &Path) -> Result<SledJournal, StoreError> {
    SledJournal::open(folder, Durability::PowerLoss, 64 << 20)
}

/// A record of that size whose octets no other record has.
fn record(number: u64, size: usize) -> Bytes {
    (0..size as u64).map(|at| (number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(at * at) >> 13) as u8).collect()
}

fn append(journal: &mut SledJournal, numbers: std::ops::RangeInclusive<u64>, size: usize, keep_from: u64) {
    let records: Vec<_> = numbers.clone().map(|number| record(number, size)).collect();
    journal.append(*numbers.start(), &records, keep_from).unwrap();
}

fn numbers(journal: &mut SledJournal) -> Vec<u64> {
    let mut numbers = Vec::new();
    let each = &mut |number: u64, octets: &[u8]| {
        assert_eq!(octets, record(number, octets.len()), "record {number}");
        numbers.push(number);
        Ok(())
    };
    journal.replay(each).unwrap();
    numbers
}

/// What a crash leaves: the files as they are while the journal is open.
fn crash_copy(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut octet = [0];
    file.read_exact_at(&mut octet, offset).unwrap();
    file.write_all_at(&[octet[0] ^ 0x55], offset).unwrap();
}

fn db(folder: &TempDir) -> PathBuf {
    folder.path().join("db")
}

#[test]
fn records_are_found_again_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path()).unwrap();
    append(&mut journal, 1..=3, 100, 0);
    append(&mut journal, 4..=4, RECORD_SIZE_MAX, 0);
    journal.close().unwrap();
    let mut journal = open(folder.path()).unwrap();
    assert_eq!(numbers(&mut journal), [1, 2, 3, 4]);
    let mut reader = journal.reader().unwrap();
    assert_eq!(reader.read(2).unwrap(), Some(record(2, 100)));
    assert_eq!(reader.read(9).unwrap(), None);
}

#[test]
fn old_records_go_and_the_newest_always_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path()).unwrap();
    append(&mut journal, 1..=40, 20_000, 0);
    append(&mut journal, 41..=41, 20_000, 30);
    // They go by volumes of nine.
    assert_eq!(numbers(&mut journal), (28..=41).collect::<Vec<_>>());
    append(&mut journal, 42..=45, 20_000, 99);
    journal.close().unwrap();
    let mut journal = open(folder.path()).unwrap();
    assert_eq!(numbers(&mut journal), (37..=45).collect::<Vec<_>>());
    append(&mut journal, 46..=46, 20_000, 46);
    assert_eq!(numbers(&mut journal), [46]);
    let mut reader = journal.reader().unwrap();
    assert_eq!(reader.read(45).unwrap(), None);
    assert_eq!(reader.read(46).unwrap(), Some(record(46, 20_000)));
}

#[test]
fn what_was_appended_survives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path()).unwrap();
    for number in 1..=50 {
        append(&mut journal, number..=number, 20_000, number.saturating_sub(20));
        let copy = crash_copy(folder.path());
        if number % 10 == 0 {
            assert_eq!(numbers(&mut open(copy.path()).unwrap()).last(), Some(&number));
        }
    }
}

#[test]
fn a_torn_end_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path()).unwrap();
    append(&mut journal, 1..=2, 500, 0); // the durable mark is written here, and not again within a second
    append(&mut journal, 3..=3, 500, 0);
    let end = log_file::verify(folder.path(), None).unwrap();
    append(&mut journal, 4..=6, 500, 0);
    let copy = crash_copy(folder.path());
    flip(&db(&copy), end + 700); // in record 5 or its head
    let found = numbers(&mut open(copy.path()).unwrap());
    assert_eq!(found, [1, 2, 3, 4]);
}

#[test]
fn a_damaged_end_that_was_durable_is_not_taken_for_torn() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path()).unwrap();
    append(&mut journal, 1..=6, 500, 0);
    journal.close().unwrap();
    drop(journal);
    let end = log_file::verify(folder.path(), None).unwrap();
    flip(&db(&folder), end - 100);
    let before = fs::read(db(&folder)).unwrap();
    let error = open(folder.path()).err();
    assert!(matches!(&error, Some(StoreError::DamagedFile { offset, .. }) if *offset < end), "{error:?}");
    assert_eq!(fs::read(db(&folder)).unwrap(), before, "nothing is overwritten");
}

#[test]
fn damage_in_the_middle_is_found_before_anything_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path()).unwrap();
    for first in (1..=1_400).step_by(10) {
        append(&mut journal, first..=first + 9, RECORD_SIZE_MAX, 0);
    }
    let copy = crash_copy(folder.path());
    let segments = fs::metadata(db(&copy)).unwrap().len() / SEGMENT_SIZE as u64;
    assert!(segments > 6, "several segments: {segments}");
    let mut found = 0;
    for segment in 1..segments - 2 {
        // In the middle of some entry near the middle of the segment.
        let offset = segment * SEGMENT_SIZE as u64 + SEGMENT_SIZE as u64 / 2;
        flip(&db(&copy), offset);
        match log_file::verify(copy.path(), None) {
            Err(StoreError::DamagedFile { .. }) => found += 1,
            // Only a segment that sled no longer uses may break off.
            other => assert!(numbers(&mut open(crash_copy(copy.path()).path()).unwrap()).len() == 1_400, "{other:?}"),
        }
        flip(&db(&copy), offset);
    }
    assert!(found > 0, "no segment was in use");
    assert_eq!(numbers(&mut open(copy.path()).unwrap()).len(), 1_400);
}

#[test]
fn an_older_copy_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path()).unwrap();
    append(&mut journal, 1..=2, 500, 0);
    let older = crash_copy(folder.path());
    append(&mut journal, 3..=4, 500, 0);
    journal.close().unwrap();
    fs::copy(folder.path().join("durable"), older.path().join("durable")).unwrap();
    let error = open(older.path()).err();
    assert!(matches!(error, Some(StoreError::DamagedFile { .. })), "{error:?}");
}

#[test]
fn a_record_that_is_missing_between_others_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path()).unwrap();
    append(&mut journal, 1..=5, 500, 0);
    journal.close().unwrap();
    drop(journal);
    let engine = sled::Config::new().path(folder.path()).segment_size(SEGMENT_SIZE).open().unwrap();
    engine.open_tree(1_u64.to_be_bytes()).unwrap().remove(3_u64.to_be_bytes()).unwrap();
    drop(engine);
    let error = open(folder.path()).unwrap().replay(&mut |_, _| Ok(()));
    assert!(matches!(error, Err(StoreError::Gap { missing: 3, next: 4 })), "{error:?}");
}

#[test]
fn an_unfinished_snapshot_does_not_keep_it_shut() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path()).unwrap();
    append(&mut journal, 1..=5, 500, 0);
    journal.close().unwrap();
    drop(journal);
    fs::write(folder.path().join("snap.00000000000FFFFF.generating"), b"half").unwrap();
    assert_eq!(numbers(&mut open(folder.path()).unwrap()), [1, 2, 3, 4, 5]);
}

#[test]
fn without_a_sync_nothing_is_promised_about_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path()).unwrap();
    append(&mut journal, 1..=2, 500, 0);
    journal.close().unwrap();
    drop(journal);
    assert!(folder.path().join("durable").exists());
    let _journal = SledJournal::open(folder.path(), Durability::ProcessCrash, 64 << 20).unwrap();
    assert!(!folder.path().join("durable").exists());
}

/// Marks of freed pages must not hold up the segments that they stand in. (The file keeps its largest size for a while:
/// it is cut only at its end.)
#[test]
fn the_file_does_not_grow_while_less_and_less_is_alive() {
    const RECORD: u64 = 8 << 10;
    const BATCH: u64 = 64;
    let folder = tempfile::tempdir().unwrap();
    let mut journal = SledJournal::open(folder.path(), Durability::ProcessCrash, 32 << 20).unwrap();
    let records = vec![Bytes::from(vec![7; RECORD as usize]); BATCH as usize];
    let (most, least) = ((64 << 20) / RECORD, (8 << 20) / RECORD);
    let mut largest = 0;
    for batch in 0..900 {
        // 64 MiB are alive, then less with each batch, then 8 MiB.
        let alive = most.saturating_sub(12 * u64::saturating_sub(batch, 128)).max(least);
        let first = 1 + batch * BATCH;
        journal.append(first, &records, (first + BATCH).saturating_sub(alive)).unwrap();
        largest = largest.max(journal.size());
    }
    println!("the file had {} MiB at most and has {} MiB", largest >> 20, journal.size() >> 20);
    assert!(largest < 176 << 20, "{largest} octets were kept for {} alive", most * RECORD);
    let mut number = 0;
    journal
        .replay(&mut |next, octets| {
            assert!(octets.len() as u64 == RECORD && (number == 0 || next == number + 1), "{next} after {number}");
            number = next;
            Ok(())
        })
        .unwrap();
    assert_eq!(number, 900 * BATCH);
}
