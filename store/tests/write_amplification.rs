//! What the sled journal writes for an octet of record. Alone in its file, because it counts the process's writes.

#![allow(clippy::unwrap_used)]

use std::fs;

use bytes::Bytes;
use smsc_store::Durability;
use smsc_store::journal::{Journal, RECORD_SIZE_MAX, SledJournal};

fn written_by_this_process() -> u64 {
    let counts = fs::read_to_string("/proc/self/io").unwrap();
    counts.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse().unwrap()
}

/// sled's leaves of full records must stay in its log: as files of their own they would never be synced.
#[test]
fn full_records_make_no_file_of_their_own_and_are_written_about_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = SledJournal::open(folder.path(), Durability::PowerLoss, 64 << 20).unwrap();
    let record = Bytes::from(vec![7; RECORD_SIZE_MAX]);
    let before = written_by_this_process();
    let mut appended = 0;
    for batch in 0..150 {
        let first = 1 + batch * 8;
        let records = vec![record.clone(); 8];
        // As in the flood: what is older than some hundred records is finished.
        journal.append(first, &records, first.saturating_sub(200)).unwrap();
        appended += records.iter().map(Bytes::len).sum::<usize>() as u64;
        let blobs = fs::read_dir(folder.path().join("blobs")).unwrap().count();
        assert_eq!(blobs, 0, "after batch {batch}");
    }
    let times = (written_by_this_process() - before) as f64 / appended as f64;
    println!("{times:.2} octets are written for one; the file has {} MiB", journal.size() >> 20);
    assert!(times < 1.5, "{times:.2} octets are written for one");
    assert!(journal.size() < 256 << 20, "{} octets are kept for {} alive", journal.size(), 200 * RECORD_SIZE_MAX);
}
