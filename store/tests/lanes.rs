//! The two lanes into a partition: what is refused, what never is, and what comes first.

#![allow(clippy::unwrap_used)]

mod cast;

use std::time::{Duration, Instant};

use bytes::Bytes;
use cast::*;
use smsc_store::*;

/// Offers batches of a thousand until one is given back; returns how many messages went in, and that batch.
fn fill(store: &Opened, body: &Bytes) -> (usize, Accept) {
    for taken in 0..1_000 {
        let batch = (7..1_007).map(|tag| message(tag, "46701", body)).collect();
        if let Err(back) = store.accept(batch) {
            return (taken * 1_000, back);
        }
    }
    panic!("the second lane has no end");
}

#[test]
fn a_full_second_lane_gives_the_batch_back() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, parts) = Gate::closed();
    let store = open_with(options(folder.path()), parts);
    let (taken, back) = fill(&store, &body());
    assert!((65_000..=80_000).contains(&taken), "{taken}");
    assert_eq!((back.items.len(), back.items[0].tag), (1_000, 7));
    drop(gate);
    let answered: usize = (0..taken / 1_000).map(|_| store.ear.accepted().len()).sum();
    assert_eq!(answered, taken);
    assert!(store.accept(vec![message(8, "46701", &body())]).is_ok());
}

#[test]
fn the_second_lane_is_bounded_in_octets() {
    let folder = tempfile::tempdir().unwrap();
    let (_gate, parts) = Gate::closed();
    let store = open_with(options(folder.path()), parts);
    let (taken, _) = fill(&store, &Bytes::from(vec![b'x'; 10_000]));
    assert!((6_000..=8_000).contains(&taken), "{taken}");
}

#[test]
fn settlements_pass_a_full_second_lane() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, parts) = Gate::closed();
    let store = open_with(options(folder.path()), parts);
    store.accept(vec![message(1, "46701", &body())]).unwrap();
    gate.let_through(1);
    store.ear.accepted_one();
    store.pull(operator("op-a"), 10);
    let lease = store.ear.leased()[0].lease;

    fill(&store, &body());
    store.settle(vec![sent(lease, 1)]);
    let mut batches = 0;
    loop {
        gate.let_through(1);
        match store.ear.next() {
            Heard::Settled(_) => break,
            Heard::Accepted(_) => batches += 1,
            other => panic!("{other:?}"),
        }
    }
    // It waited for the appends that had begun, not for the 65 batches before it.
    assert!(batches <= 12, "{batches} batches of new messages came first");
}

#[test]
fn a_pull_does_not_wait_for_an_append() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, parts) = Gate::closed();
    let store = open_with(options(folder.path()), parts);
    store.accept(vec![message(1, "46701", &body())]).unwrap();
    gate.let_through(1);
    store.ear.accepted_one();
    store.accept((0..100).map(|tag| message(tag, "46701", &body())).collect()).unwrap();
    store.pull(operator("op-a"), 10);
    assert_eq!(store.ear.leased().len(), 1);
}

#[test]
fn a_holder_is_rung_when_a_message_is_due_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(options(folder.path()));
    let outbox = operator("op-a");
    store.handle.register(Register { outbox, holder: Holder(1), ring: store.ear.addr.clone().recipient() });
    let due = now().plus(Duration::from_millis(120));
    store.accept(vec![NewMessage { due, ..message(1, "46701", &body()) }]).unwrap();
    store.ear.accepted_one();
    assert!(matches!(store.ear.next(), Heard::Ring(_)));
    assert!(now() >= due && now().since(due) < Duration::from_millis(400), "rung {:?} late", now().since(due));
}

#[test]
fn one_message_at_a_time_takes_about_one_append() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(options(folder.path()));
    let mut took: Vec<_> = (0..200)
        .map(|tag| {
            let started = Instant::now();
            store.accept(vec![message(tag, "46701", &body())]).unwrap();
            store.ear.accepted_one();
            started.elapsed()
        })
        .collect();
    took.sort_unstable();
    println!("p50 {:?}, p99 {:?}", took[100], took[198]);
    // Far above the disk's share, far below any timer.
    assert!(took[100] < Duration::from_millis(60), "p50 {:?}", took[100]);
}

#[test]
fn a_partition_of_another_node_takes_and_has_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(options(folder.path()));
    let other = smsc_proto::ids::PartitionId::new(4 * 16).unwrap();
    let reply = || store.ear.addr.clone().recipient();
    let items = vec![message(1, "46701", &body())];
    assert!(store.handle.accept(other, Accept { reply: store.ear.addr.clone().recipient(), items }).is_err());
    store.handle.pull(
        other,
        Pull { outbox: operator("op-a"), holder: Holder(1), room: 5, rest: Rest::Returns, reply: reply() },
    );
    assert_eq!(store.ear.leased().len(), 0);
}
