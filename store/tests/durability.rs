//! What an answer of the store promises.

#![allow(clippy::unwrap_used)]

mod cast;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cast::*;
use smsc_proto::ids::MessageId;
use smsc_store::*;

#[test]
fn an_answer_leaves_only_after_its_append() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, parts) = Gate::closed();
    let store = open_with(options(folder.path()), parts);
    store.accept(vec![message(1, "46701", &body())]).unwrap();
    assert!(store.ear.hears_nothing());
    gate.let_through(1);
    assert_eq!(store.ear.accepted().len(), 1);
}

#[test]
fn a_message_can_be_pulled_only_after_its_append() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, parts) = Gate::closed();
    let store = open_with(options(folder.path()), parts);
    // Large enough for the journal thread, so that the state thread is free to answer.
    store.accept((0..100).map(|tag| message(tag, "46701", &body())).collect()).unwrap();
    store.pull(operator("op-a"), 10);
    assert_eq!(store.ear.leased().len(), 0);
    gate.let_through(1);
    assert_eq!(store.ear.accepted().len(), 100);
    store.pull(operator("op-a"), 10);
    assert_eq!(store.ear.leased().len(), 10);
}

#[test]
fn an_append_error_ends_all_answers_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let appends = AtomicU64::new(0);
    let parts = parts_with(move || match appends.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(()),
        _ => Err(StoreError::Gap { missing: 1, next: 2 }),
    });
    let store = open_with(options(folder.path()), parts);
    store.accept(vec![message(1, "46701", &body())]).unwrap();
    store.ear.accepted_one();
    store.accept(vec![message(2, "46701", &body())]).unwrap();
    assert!(matches!(&*store.ear.failed().error, StoreError::Gap { .. }));
    assert!(store.ear.hears_nothing());
    assert!(store.accept(vec![message(3, "46701", &body())]).is_err());
    assert!(!store.handle.is_writable());
    assert!(matches!(store.threads.close(LONG), Err(StoreError::Failed { .. })));
}

#[test]
fn a_panic_of_the_journal_is_reported_like_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_with(options(folder.path()), parts_with(|| panic!("the engine gave up")));
    store.accept((0..100).map(|tag| message(tag, "46701", &body())).collect()).unwrap();
    let failed = store.ear.failed();
    assert!(failed.error.to_string().contains("the engine gave up"), "{}", failed.error);
    assert!(store.ear.hears_nothing());
}

#[test]
fn closing_makes_durable_and_answers_what_is_queued() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(options(folder.path()));
    for batch in 0..50 {
        store.accept((0..200).map(|tag| message(batch * 200 + tag, "46701", &body())).collect()).unwrap();
    }
    let Opened { handle, threads, ear } = store;
    threads.close(LONG).unwrap();
    let ids: Vec<_> = (0..50).flat_map(|_| ear.accepted()).map(|(_, id)| id.unwrap()).collect();
    assert_eq!(ids.len(), 10_000);
    assert!(!handle.is_writable());

    let store = open(options(folder.path()));
    assert!(ids.iter().step_by(997).all(|id| store.find(*id).len() == 1));
    store.close();
}

#[test]
fn a_store_that_is_dropped_keeps_what_it_answered() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(options(folder.path()));
    store.accept(vec![message(1, "46701", &body())]).unwrap();
    let id = store.ear.accepted_one();
    store.accept((0..5_000).map(|tag| message(tag, "46701", &body())).collect()).unwrap();
    drop(store);
    let store = open_when_free(&options(folder.path()));
    assert_eq!(store.find(id).len(), 1);
    store.close();
}

fn open_when_free(options: &StoreOptions) -> Opened {
    let started = Instant::now();
    loop {
        let ear = Ear::new();
        match Store::open(options.clone(), ear.addr.clone().recipient()) {
            Ok((handle, threads)) => return Opened { handle, threads, ear },
            Err(StoreError::Locked { .. }) if started.elapsed() < LONG => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => panic!("{error}"),
        }
    }
}

const KILLED: &str = "SMSC_STORE_TEST_FOLDER";

/// Few are kept to be asked for, so that the journal drops old records all the time.
fn short_lived(folder: &Path) -> StoreOptions {
    StoreOptions { retention_messages_max: 100, ..options(folder) }
}

/// Not a test by itself: the process that is killed. It says `here` with the id of every message that was answered, and
/// `gone` before it ends one.
#[test]
fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(KILLED) else { return };
    let store = open(short_lived(folder.as_ref()));
    let mut out = std::io::stdout().lock();
    for batch in 0.. {
        let receipts = ReceiptRequest(0);
        let messages = (0..1 + batch % 300).map(|tag| NewMessage { receipts, ..message(tag, "46701", &body()) });
        store.accept(messages.collect()).unwrap();
        for (_, id) in store.ear.accepted() {
            writeln!(out, "here {}", id.unwrap()).unwrap();
        }
        if batch >= 20 {
            store.pull(operator("op-a"), 1 + batch % 300);
            let leased = store.ear.leased();
            for delivery in &leased {
                writeln!(out, "gone {}", delivery.message_id).unwrap();
            }
            out.flush().unwrap();
            store.settle(leased.iter().map(|delivery| sent_for_good(delivery.lease)).collect());
            store.ear.settled();
        }
    }
}

#[test]
fn accepted_messages_survive_a_kill() {
    let rounds = std::env::var("SMSC_STORE_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(3);
    let folder = tempfile::tempdir().unwrap();
    let mut given = HashSet::new();
    let mut here = HashSet::new();
    for round in 1..=rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_is_killed", "--nocapture"])
            .env(KILLED, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut said, mut again) = (0, 0);
        for line in lines.map_while(Result::ok) {
            // The last line may be cut: an id has 18 digits.
            let Some((what, id)) = line.split_once(' ').filter(|(_, id)| id.len() == 18) else { continue };
            let id: MessageId = id.parse().unwrap();
            match what {
                "here" => assert!(given.insert(id) && here.insert(id), "{id} was given twice"),
                // One whose end was not durable when the process was killed comes again; so does one that was never
                // answered.
                "gone" => again += usize::from(!here.remove(&id)),
                _ => continue,
            }
            said += 1;
            if said == 12_000 + round * 1_777 % 9_000 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let store = open_when_free(&short_lived(folder.path()));
        let lost = here.iter().filter(|id| store.find(**id).is_empty()).count();
        assert_eq!(lost, 0, "round {round}: of {} messages", here.len());
        assert!(
            again <= 600,
            "round {round}: {again} messages came again, but a pull and a batch are at most 300 each"
        );
        let stats = store.handle.stats();
        println!("round {round}: {} here of {} given; {:?}", here.len(), given.len(), stats[0].journal_size);
        store.close();
    }
}

#[test]
fn the_cleaner_keeps_what_is_alive_and_lets_the_rest_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(StoreOptions { retention_messages_max: 100, ..options(folder.path()) });
    store.accept(vec![message_for(operator("op-slow"), 1, "46701", &body())]).unwrap();
    let kept = store.ear.accepted_one();
    // 150 MB go through the journal and end at once; 64 MiB of slack is the cleaner's rule.
    let large = Bytes::from(vec![b'x'; 10_000]);
    for _ in 0..75 {
        let receipts = ReceiptRequest(0);
        let batch = (0..200).map(|tag| NewMessage { receipts, ..message(tag, "46702", &large) });
        store.accept(batch.collect()).unwrap();
        store.ear.accepted();
        store.pull(operator("op-a"), 200);
        let leased = store.ear.leased();
        assert_eq!(leased.len(), 200);
        store.settle(leased.into_iter().map(|delivery| sent_for_good(delivery.lease)).collect());
        assert_eq!(store.ear.settled(), 200);
    }
    std::thread::sleep(Duration::from_millis(600));
    let stats = store.handle.stats();
    let journal = stats[0].stats.journal_octets;
    assert!(stats[0].stats.counters.cleaned > 0 && journal < 90 << 20, "{journal} octets are kept: {:?}", stats[0]);
    store.close();

    let store = open(options(folder.path()));
    assert_eq!(store.find(kept).len(), 1);
    store.pull(operator("op-slow"), 10);
    assert_eq!(store.ear.leased()[0].message_id, kept);
    store.close();
}

#[test]
fn a_full_disk_refuses_new_messages_and_settles_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(2 << 30));
    let store = open_with(StoreOptions { disk_free_min: 1 << 30, ..options(folder.path()) }, disk(&free));
    store.accept(vec![message(1, "46701", &body())]).unwrap();
    store.ear.accepted_one();
    store.pull(operator("op-a"), 10);
    let lease = store.ear.leased()[0].lease;

    free.store(1 << 20, Ordering::Relaxed);
    let started = Instant::now();
    while store.handle.is_writable() && started.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(10));
    }
    store.accept(vec![message(2, "46701", &body())]).unwrap();
    assert_eq!(store.ear.accepted(), [(2, Err(AcceptRefusal::DiskLow))]);
    store.settle(vec![sent(lease, 77)]);
    assert_eq!(store.ear.settled(), 1);

    free.store(2 << 30, Ordering::Relaxed);
    while !store.handle.is_writable() && started.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(10));
    }
    store.accept(vec![message(3, "46701", &body())]).unwrap();
    store.ear.accepted_one();
}
