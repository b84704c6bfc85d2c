//! Bodies that are not in memory: how they come back from a journal on the disk.

#![allow(clippy::unwrap_used)]

mod cast;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use cast::*;
use smsc_store::journal::{EachRecord, Journal, JournalReader, RecordNumber};
use smsc_store::*;

/// The journal's cache takes all of it: no body stays in memory.
fn without_memory(folder: &Path) -> StoreOptions {
    StoreOptions { memory_max: 0, ..options(folder) }
}

fn numbered(number: u32) -> Bytes {
    number.to_le_bytes().repeat(10).into()
}

fn accept(store: &Opened, numbers: std::ops::Range<u32>) {
    store.accept(numbers.map(|number| message(number, "46701", &numbered(number))).collect()).unwrap();
}

#[test]
fn a_backlog_leaves_whole_and_in_order_while_more_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(without_memory(folder.path()));
    for batch in 0..40 {
        accept(&store, batch * 500..(batch + 1) * 500);
        store.ear.accepted();
    }
    accept(&store, 20_000..20_500);
    let leased = store.pull_all(operator("op-a"), 20_500);
    assert!(leased.iter().zip(0..).all(|(leased, number)| leased.body[..] == numbered(number)));
    store.close();
}

#[test]
fn a_backlog_leaves_whole_and_in_order_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(without_memory(folder.path()));
    accept(&store, 0..5_000);
    store.ear.accepted();
    store.close();
    let store = open(without_memory(folder.path()));
    let leased = store.pull_all(operator("op-a"), 5_000);
    assert!(leased.iter().zip(0..).all(|(leased, number)| leased.body[..] == numbered(number)));
    store.close();
}

#[test]
fn reading_back_does_not_wait_for_an_append() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, parts) = Gate::closed();
    let store = open_with(without_memory(folder.path()), parts);
    gate.let_through(1);
    accept(&store, 0..100);
    store.ear.accepted();
    accept(&store, 100..300);
    let leased = store.pull_all(operator("op-a"), 100);
    assert_eq!(leased.len(), 100, "the second append hangs meanwhile");
    gate.let_through(1);
    store.close();
}

#[test]
fn the_cleaner_moves_bodies_that_are_not_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { retention_messages_max: 100, ..without_memory(folder.path()) };
    let store = open(options.clone());
    let kept: Vec<_> =
        (0..500).map(|number| message_for(operator("op-slow"), number, "46701", &numbered(number))).collect();
    store.accept(kept).unwrap();
    let large = Bytes::from(vec![b'l'; 70_000]);
    store.accept(vec![message_for(operator("op-slow"), 500, "46701", &large)]).unwrap();
    store.ear.accepted();
    store.ear.accepted();
    // 100 MB go through the journal and end at once; 64 MiB of slack is the cleaner's rule.
    let passing = Bytes::from(vec![b'x'; 10_000]);
    for _ in 0..100 {
        let receipts = ReceiptRequest(0);
        store.accept((0..100).map(|tag| NewMessage { receipts, ..message(tag, "46702", &passing) }).collect()).unwrap();
        store.ear.accepted();
        let leased = store.pull_all(operator("op-a"), 100);
        store.settle(leased.into_iter().map(|delivery| sent_for_good(delivery.lease)).collect());
        while !matches!(store.ear.next(), Heard::Settled(_)) {}
    }
    std::thread::sleep(std::time::Duration::from_millis(600));
    let stats = store.handle.stats()[0].stats.clone();
    assert!(stats.counters.cleaned > 500, "{stats:?}");
    let leased = store.pull_all(operator("op-slow"), 501);
    assert!(leased[..500].iter().zip(0..).all(|(leased, number)| leased.body[..] == numbered(number)));
    assert_eq!(leased[500].body[..], large);
    store.close();
}

/// A journal whose records cannot be read back in this way.
struct Unreadable {
    journal: Box<dyn Journal>,
    reader: fn() -> Box<dyn JournalReader>,
}

impl Journal for Unreadable {
    fn append(&mut self, first: RecordNumber, records: &[Bytes], keep_from: RecordNumber) -> Result<(), StoreError> {
        self.journal.append(first, records, keep_from)
    }

    fn replay(&mut self, each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        self.journal.replay(each)
    }

    fn reader(&self) -> Option<Box<dyn JournalReader>> {
        Some((self.reader)())
    }

    fn size(&self) -> u64 {
        self.journal.size()
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.journal.close()
    }
}

struct Failing;

impl JournalReader for Failing {
    fn read(&mut self, number: RecordNumber) -> Result<Option<Bytes>, StoreError> {
        Err(StoreError::Damaged { record: number, offset: 7, what: "the disk has forgotten it" })
    }
}

struct Panicking;

impl JournalReader for Panicking {
    fn read(&mut self, _number: RecordNumber) -> Result<Option<Bytes>, StoreError> {
        panic!("the engine gave up")
    }
}

fn store_that_cannot_read(folder: &Path, reader: fn() -> Box<dyn JournalReader>) -> Opened {
    let around_journal = Arc::new(move |_, journal| Box::new(Unreadable { journal, reader }) as Box<dyn Journal>);
    let store = open_with(without_memory(folder), StoreParts { around_journal, ..StoreParts::default() });
    accept(&store, 0..10);
    store.ear.accepted();
    store.pull(operator("op-a"), 10);
    assert!(store.ear.leased().is_empty());
    store
}

#[test]
fn a_body_that_cannot_be_read_back_ends_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_that_cannot_read(folder.path(), || Box::new(Failing));
    assert!(matches!(&*store.ear.failed().error, StoreError::Damaged { offset: 7, .. }));
    assert!(!store.handle.is_writable());
    assert!(matches!(store.threads.close(LONG), Err(StoreError::Failed { .. })));
}

#[test]
fn a_panic_of_the_journal_while_it_is_read_back_ends_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_that_cannot_read(folder.path(), || Box::new(Panicking));
    let failed = store.ear.failed();
    assert!(failed.error.to_string().contains("the engine gave up"), "{}", failed.error);
}
