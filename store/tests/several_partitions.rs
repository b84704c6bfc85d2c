//! Receipts find their messages in whichever partition they are.

#![allow(clippy::unwrap_used)]

mod cast;

use cast::*;
use smsc_proto::ids::{OperatorMessageId, PartitionId};
use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;
use smsc_store::handle::address_hash;
use smsc_store::*;

const OPERATOR: &str = "op-a";

/// A store of four partitions with a desk for receipts.
fn store(folder: &std::path::Path) -> Opened {
    let store = open(StoreOptions { partitions: 4, ..options(folder) });
    let handle = store.handle.clone();
    arbiter().spawn_fn(move || _ = ReceiptDesk::start_for(handle));
    store
}

fn receipt(tag: u32, id: u64, source: &str) -> OperatorReceipt {
    OperatorReceipt {
        tag,
        operator: Name::intern(OPERATOR),
        operator_message_id: OperatorMessageId::Decimal(id),
        state: MessageState::Delivered,
        error: *b"000",
        done: Timestamp::default(),
        destination: address_hash(source.as_bytes()),
    }
}

impl Opened {
    /// The operator took a message to that number under this id.
    fn sent(&self, destination: &str, id: u64) -> smsc_proto::ids::MessageId {
        let home = self.handle.partition_for(address_hash(destination.as_bytes()));
        let reply = self.ear.addr.clone().recipient();
        let items = vec![message(1, destination, &body())];
        self.handle.accept(home, Accept { reply, items }).unwrap();
        let message_id = self.ear.accepted_one();
        let reply = self.ear.addr.clone().recipient();
        let pull = Pull { outbox: operator(OPERATOR), holder: Holder(1), room: 1, rest: Rest::Returns, reply };
        self.handle.pull(home, pull);
        self.settle_in(home, self.ear.leased()[0].lease, id);
        message_id
    }

    fn settle_in(&self, home: PartitionId, lease: Lease, id: u64) {
        let reply = Some(self.ear.addr.clone().recipient());
        self.handle.settle(home, Settle { holder: Holder(1), items: vec![sent(lease, id)], reply });
        assert_eq!(self.ear.settled(), 1);
    }

    fn receives(&self, receipt: OperatorReceipt) -> Vec<(u32, bool)> {
        let reply = self.ear.addr.clone().recipient();
        self.handle.receipts(RecordReceipts { reply, items: vec![receipt] });
        match self.ear.next() {
            Heard::Receipts(recorded) => recorded.items,
            other => panic!("expected ReceiptsRecorded, heard {other:?}"),
        }
    }

    fn state(&self, message_id: smsc_proto::ids::MessageId) -> MessageState {
        self.find(message_id)[0].state
    }
}

#[test]
fn a_receipt_whose_source_the_operator_rewrites_finds_its_message_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let numbers = (0..16).map(|n| format!("4670123{n:04}")).collect::<Vec<_>>();
    let ids = numbers.iter().zip(100..).map(|(number, id)| store.sent(number, id)).collect::<Vec<_>>();
    for (tag, id) in (0..).zip(100..116) {
        assert_eq!(store.receives(receipt(tag, id, "rewritten")), [(tag, true)]);
    }
    assert!(ids.iter().all(|id| store.state(*id) == MessageState::Delivered));
    store.close();
}

#[test]
fn a_receipt_that_beats_its_response_is_parked_and_found_when_it_is_looked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    assert_eq!(store.receives(receipt(7, 100, "rewritten")), [(7, true)]);
    let ids = (0..8).map(|n| store.sent(&format!("4670123{n:04}"), 100 + n)).collect::<Vec<_>>();
    let deadline = std::time::Instant::now() + LONG;
    while store.state(ids[0]) != MessageState::Delivered {
        assert!(std::time::Instant::now() < deadline, "it is looked for after half a second");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    store.close();
}
