//! Whose a data folder is, and who is turned away.

#![allow(clippy::unwrap_used)]

mod cast;

use std::fs;
use std::path::Path;

use cast::*;
use smsc_store::*;

fn error(options: StoreOptions) -> StoreError {
    let ear = Ear::new();
    Store::open(options, ear.addr.recipient()).map(|_| ()).expect_err("the store must not open")
}

/// A folder that was used by node 3 with sled.
fn used() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    open(options(folder.path())).close();
    folder
}

fn stamp(folder: &Path, from: &str, to: &str) {
    let path = folder.join("node.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn two_stores_never_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(options(folder.path()));
    let error = error(options(folder.path()));
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    first.close();
    open(options(folder.path())).close();
}

#[test]
fn a_folder_belongs_to_one_node() {
    let folder = used();
    let error = error(StoreOptions { node_number: 4, ..options(folder.path()) });
    assert!(matches!(error, StoreError::OtherNode { found: 3, configured: 4, .. }), "{error}");
}

#[test]
fn a_folder_keeps_its_kind_of_journal() {
    let folder = used();
    let error = error(StoreOptions { journal: JournalKind::Nothing, ..options(folder.path()) });
    assert!(matches!(error, StoreError::OtherJournal { .. }), "{error}");
}

#[test]
fn a_newer_format_is_refused() {
    let folder = used();
    stamp(folder.path(), "format = 1", "format = 2");
    let error = error(options(folder.path()));
    assert!(matches!(error, StoreError::NewerFormat { found: 2, known: 1 }), "{error}");
}

#[test]
fn a_stamp_that_makes_no_sense_is_refused() {
    for (from, to) in
        [("format = 1", "format = one"), ("node = 3", ""), ("node = 3", "node = 70000"), ("journal", "diary")]
    {
        let folder = used();
        stamp(folder.path(), from, to);
        let error = error(options(folder.path()));
        assert!(matches!(error, StoreError::BadStamp { .. }), "{from} -> {to}: {error}");
    }
}

#[test]
fn a_stamp_that_is_gone_is_not_made_anew() {
    let folder = used();
    fs::remove_file(folder.path().join("node.toml")).unwrap();
    let error = error(options(folder.path()));
    assert!(matches!(error, StoreError::BadStamp { .. }), "{error}");
}

#[test]
fn impossible_numbers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        StoreOptions { node_number: 60, ..options(folder.path()) },
        StoreOptions { partitions: 0, ..options(folder.path()) },
        StoreOptions { partitions: 17, ..options(folder.path()) },
    ] {
        assert!(matches!(error(options), StoreError::BadOption { .. }));
    }
}

#[test]
fn damage_of_a_record_names_record_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(options(folder.path()));
    store.accept(vec![message(1, "46701", &body())]).unwrap();
    store.ear.accepted_one();
    store.close();
    let partition = folder.path().join("partition-48");
    let size = smsc_store::journal::log_file::SEGMENT_SIZE;
    let engine = sled::Config::new().path(&partition).segment_size(size).open().unwrap();
    let volume = engine.open_tree(1_u64.to_be_bytes()).unwrap();
    let mut record = volume.get(1_u64.to_be_bytes()).unwrap().unwrap().to_vec();
    let middle = record.len() / 2;
    record[middle] ^= 1;
    volume.insert(1_u64.to_be_bytes(), record).unwrap();
    drop((volume, engine));
    let error = error(options(folder.path()));
    let text = error.to_string();
    assert!(text.contains("partition-48") && text.contains("record 1 of the journal is damaged"), "{text}");
}

#[test]
fn partitions_above_the_configured_number_are_drained() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(StoreOptions { partitions: 2, ..options(folder.path()) });
    let second = store.handle.partitions().nth(1).unwrap();
    let reply = store.ear.addr.clone().recipient();
    store.handle.accept(second, Accept { reply, items: vec![message(1, "46701", &body())] }).unwrap();
    let id = store.ear.accepted_one();
    assert_eq!(id.partition(), second);
    store.close();

    let store = open(options(folder.path()));
    assert_eq!(store.handle.partitions().count(), 2);
    assert!((0..100).all(|hash: u64| store.handle.partition_for(hash.wrapping_mul(0x9E37_79B9_7F4A_7C15)) != second));
    assert_eq!(store.find(id).len(), 1);
    let reply = store.ear.addr.clone().recipient();
    store
        .handle
        .pull(second, Pull { outbox: operator("op-a"), holder: Holder(1), room: 5, rest: Rest::Returns, reply });
    assert_eq!(store.ear.leased()[0].message_id, id);
    store.close();
}
